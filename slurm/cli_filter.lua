-- CliFilterPlugins=cli_filter/lua, with this file beside slurm.conf: what srun and sbatch are about to submit is checked
-- as the user, on the machine where it is typed, and refused when it cannot run. What goes is left for the prologs.
-- Every srun inside a batch job passes here, too, with all its variables expanded.

local preflight = "@bindir@/megatron-preflight"
local switches = "@sysconfdir@/megatron-preflight/slurm"
local records = "/var/spool/megatron-preflight" -- mode 1777, seen by all nodes
local seconds = 15
-- what the file 'settings' of the shell hooks sets, too
for line in (io.open(switches .. "/settings") or { lines = function() return function() end end }):lines() do
    preflight = line:match("^preflight=(%S+)") or preflight
    records = line:match("^records=(%S+)") or records
    seconds = tonumber(line:match("^seconds=(%d+)")) or seconds
end

local pending -- the record of the job that has no id yet

local function is_there(name)
    local file = io.open(switches .. "/" .. name)
    if file then file:close() end
    return file ~= nil
end

local function quoted(word)
    return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- The command as it was typed: Slurm's own view of it has lost the order of options and arguments.
local function typed_words()
    local file = io.open("/proc/self/cmdline", "rb")
    local words = {}
    for word in (file and file:read("*a") or ""):gmatch("([^%z]*)%z") do
        words[#words + 1] = quoted(word)
    end
    if file then file:close() end
    return words
end

-- A submission is logged whatever becomes of it; a step of a job that was, only where it is stopped.
local function log_option(program, dry)
    if dry then return "" end
    return program == "srun" and os.getenv("SLURM_JOB_ID") and "--log-stops" or "--log"
end

-- 0 go, 1 stop, anything else no verdict. The report goes straight to standard error.
local function status_of(words, log)
    pending = os.tmpname and string.format("%s/.%d.%d", records, os.time(), math.random(1, 2 ^ 30))
    local command = string.format("timeout -k 1 %d %s check --quiet %s --save %s -- %s >&2; echo $?", seconds,
                                  quoted(preflight), log, quoted(pending), table.concat(words, " "))
    local pipe = io.popen(command)
    local status = pipe and tonumber(pipe:read("*l"))
    if pipe then pipe:close() end
    return status
end

function slurm_cli_pre_submit(options, offset)
    local words = typed_words()
    local program = (words[1] or ""):match("([^/']+)'$")

    if (program ~= "srun" and program ~= "sbatch") or is_there("off") or is_there("cli-filter.off") then
        return slurm.SUCCESS
    end
    local dry = is_there("dry-run") or is_there("cli-filter.dry-run")
    local status = status_of(words, log_option(program, dry))
    if status == 1 and dry then
        slurm.log_info("megatron-preflight (dry run): this job would be stopped")
    elseif status == 1 then
        slurm.log_error("megatron-preflight: stopped; nothing was submitted")
        return slurm.ERROR
    elseif status == 124 or status == 137 then
        slurm.log_info("megatron-preflight: cli-filter: no verdict within %d s; the job goes unchecked", seconds)
    elseif status ~= 0 then
        slurm.log_info("megatron-preflight: cli-filter: no verdict (status %s); the job goes unchecked", tostring(status))
    end
    return slurm.SUCCESS
end

function slurm_cli_post_submit(offset, job_id, step_id)
    if pending then
        os.rename(pending, string.format("%s/%d.jsonl", records, job_id))
    end
    return slurm.SUCCESS
end

function slurm_cli_setup_defaults(options, early_pass)
    return slurm.SUCCESS
end

return slurm.SUCCESS
