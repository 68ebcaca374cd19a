-- JobSubmitPlugins=job_submit/lua, with this file beside slurm.conf: refuses a batch script that says by its text alone that it
-- cannot run or breaks the site's policy. It runs inside slurmctld, which waits for it: no script is ever run here, and
-- after a fifth of a second the job goes unchecked.

local preflight = "@bindir@/megatron-preflight"
local switches = "@sysconfdir@/megatron-preflight/slurm"
local seconds = 0.2

local function is_there(name)
    local file = io.open(switches .. "/" .. name)
    if file then file:close() end
    return file ~= nil
end

-- The report's lines and the status of the check of that text.
local function check(text)
    local path = os.tmpname()
    local file = io.open(path, "w")
    local lines = {}

    if not file then
        return lines, nil
    end
    file:write(text)
    file:close()
    local pipe = io.popen(string.format("timeout -k 0.1 %g '%s' check --quiet --color never --text %s 2>&1; echo $?", seconds,
                                        preflight, path))
    for line in pipe and pipe:lines() or function() end do
        lines[#lines + 1] = line
    end
    if pipe then pipe:close() end
    os.remove(path)
    return lines, tonumber(table.remove(lines))
end

function slurm_job_submit(job, partitions, uid)
    if not job.script or is_there("off") or is_there("job-submit.off") then
        return slurm.SUCCESS
    end
    local lines, status = check(job.script)
    if status == 1 and (is_there("dry-run") or is_there("job-submit.dry-run")) then
        slurm.log_info("megatron-preflight: job-submit (dry run): would refuse a job of uid %d: %s", uid, lines[2] or "")
    elseif status == 1 then
        slurm.log_user("%s", table.concat(lines, "\n"))
        return slurm.ERROR
    elseif status == 124 or status == 137 then
        slurm.log_info("megatron-preflight: job-submit: no verdict within %g s; a job of uid %d goes unchecked", seconds, uid)
    elseif status ~= 0 then
        slurm.log_info("megatron-preflight: job-submit: no verdict (status %s); a job of uid %d goes unchecked",
                       tostring(status), uid)
    end
    return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, uid)
    return slurm.SUCCESS
end

return slurm.SUCCESS
