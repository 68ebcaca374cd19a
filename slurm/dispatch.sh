# What the shell hooks share; sourced by them. Settings, each of which a file @sysconfdir@/megatron-preflight/slurm/settings
# may set anew:
preflight=@bindir@/megatron-preflight
records=/var/spool/megatron-preflight # where cli_filter.lua leaves what it checked: mode 1777, seen by all nodes
seconds=8                             # for one verdict; a hook that takes longer says so and lets the job go
slurm_bin=/usr/bin                    # scontrol and scancel

# An operator's switches, no job and no slurm.conf needs to be edited:
#   touch $switches/off           all hooks; $switches/prolog.off: one of them
#   touch $switches/dry-run       say what would be done, do nothing; $switches/prolog.dry-run
switches=@sysconfdir@/megatron-preflight/slurm

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
[ ! -r "$switches/settings" ] || . "$switches/settings"
job=${SLURM_JOB_ID:-}
[ -d "${SLURM_JOB_WORK_DIR:-}" ] && directory=$SLURM_JOB_WORK_DIR || directory=
record="$records/$job.jsonl"

is_on() {
    [ -n "$job" ] && [ -x "$preflight" ] && [ ! -e "$switches/off" ] && [ ! -e "$switches/$hook.off" ]
}

is_dry_run() {
    [ -e "$switches/dry-run" ] || [ -e "$switches/$hook.dry-run" ]
}

# For the operator: syslog.
say() {
    ! command -v logger > /dev/null || logger -t megatron-preflight "$hook: job $job: $*" 2> /dev/null || :
}

# For the job's owner and the operator: AdminComment (scontrol show job), or from a task the job's output.
comment() {
    say "$*"
    if [ "$hook" = task-prolog ]; then
        echo "print megatron-preflight$*"
    else
        "$slurm_bin/scontrol" update jobid="$job" admincomment="megatron-preflight$*"
    fi
}

is_first_node() {
    first=$("$slurm_bin/scontrol" show hostnames "${SLURM_JOB_NODELIST:-${SLURM_NODELIST:-}}" | head -n 1)
    [ "$first" = "${SLURMD_NODENAME:-$(hostname -s)}" ]
}

# Does what we stop go to the policy's log? Once for a job, as its owner, and where it is really stopped.
is_logged() {
    ! is_dry_run && case $hook in
    prolog) is_first_node ;;
    task-prolog) [ "${SLURM_PROCID:-0}" = 0 ] ;;
    *) [ "$(id -u)" = 0 ] ;;
    esac
}

# The verdict on what 'check' is given: 0 go, 1 stop with the first reason in $reason, 2 none. It is reached as the user
# whose job it is, who may do nothing more, without the daemon's environment; a hook that does not run as root stays who
# it is. The deadline is kept by the hook's own user: the job's could stop the clock.
decide() {
    set -- env -i ${directory:+"--chdir=$directory"} PATH="$PATH" LC_ALL=C.UTF-8 \
        HOME="$(getent passwd "${SLURM_JOB_UID:-$(id -u)}" | cut -d : -f 6)" USER="${SLURM_JOB_USER:-}" \
        SLURM_JOB_ID="$job" ${SLURM_CONF:+"SLURM_CONF=$SLURM_CONF"} \
        ${SLURM_JOB_NUM_NODES:+"SLURM_JOB_NUM_NODES=$SLURM_JOB_NUM_NODES"} \
        ${SLURM_JOB_GPUS:+"SLURM_JOB_GPUS=$SLURM_JOB_GPUS"} \
        ${CUDA_VISIBLE_DEVICES:+"CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES"} \
        "$preflight" check --quiet --color never $(! is_logged || echo --log-stops) "$@"
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid="$SLURM_JOB_UID" --regid="$(id -g "$SLURM_JOB_UID")" \
        --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
    answer=$(timeout -k 1 "$seconds" "$@" 2>&1 < /dev/null)
    status=$?
    case $status in
    0) return 0 ;;
    1) reason=$(printf '%s\n' "$answer" | sed -n 's/^error //p' | head -n 1 | cut -c 1-400); return 1 ;;
    124 | 137) comment ": $hook: no verdict within $seconds s; the job went unchecked" ;;
    *) comment ": $hook: no verdict (status $status); the job went unchecked: $(printf '%s' "$answer" | tail -n 1 | cut -c 1-200)" ;;
    esac
    return 2
}

# Cancels the job for $reason.
cancel() {
    if is_dry_run; then
        comment " (dry run): $reason"
    else
        comment ": $reason"
        "$slurm_bin/scancel" "$job"
    fi
}
