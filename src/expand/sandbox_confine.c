/* What the sandbox gives up once its file system stands. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "expand/sandbox.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef __SANITIZE_ADDRESS__
#define ADDRESS_SPACE RLIM_INFINITY /* its shadow is terabytes */
#else
#define ADDRESS_SPACE (2ULL << 30)
#endif

enum { PROCESSES = 400, FILES = 512, FILE_BYTES = 64 << 20 };

/* Older kernels count all of the user's processes on the machine, not those in here; there the
 * deadline must do. */
static bool processes_counted_inside(void)
{
    struct utsname name;
    int major = 0, minor = 0;

    uname(&name);
    sscanf(name.release, "%d.%d", &major, &minor);
    return major > 5 || (major == 5 && minor >= 14);
}

static int limit(double seconds, struct error *err)
{
    const struct {
        int resource;
        rlim_t value;
    } limits[] = {
        { RLIMIT_CORE, 0 },
        { RLIMIT_CPU, (rlim_t)seconds + 1 },
        { RLIMIT_FSIZE, FILE_BYTES },
        { RLIMIT_AS, ADDRESS_SPACE },
        { RLIMIT_NOFILE, FILES },
        { RLIMIT_NPROC, processes_counted_inside() ? PROCESSES : RLIM_INFINITY },
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct rlimit have, want = { limits[i].value, limits[i].value };

        getrlimit(limits[i].resource, &have);
        if (have.rlim_max < want.rlim_max)
            want.rlim_cur = want.rlim_max = have.rlim_max;
        if (setrlimit(limits[i].resource, &want) < 0)
            return error_set(err, "setrlimit: %s", strerror(errno));
    }
    return 0;
}

static int drop_capabilities(struct error *err)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 } };

    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set(err, "cannot give up privileges: %s", strerror(errno));
    prctl(PR_SET_DUMPABLE, 0); /* the first process; exec gives it back to the others */
    return 0;
}

#ifdef ARCHITECTURE

/* Nothing a launch script does. Doors to the kernel, to keys, to other processes and to further
 * namespaces. */
static const int refused[] = {
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_personality,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_mq_open,
    SYS_shmget,
    SYS_msgget,
    SYS_semget,
    SYS_shutdown, /* of the channel, for all */
    425,
    426,
    427, /* io_uring */
    428,
    429,
    430,
    431,
    432, /* open_tree move_mount fsopen fsconfig fsmount */
    433,
    438,
    442,
    443, /* fspick pidfd_getfd mount_setattr quotactl_fd */
};

enum { REFUSED = sizeof(refused) / sizeof(refused[0]) };

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define FAIL(error) ANSWER(SECCOMP_RET_ERRNO | (error))

static int filter(struct error *err)
{
    struct sock_filter program[24 + 2 * REFUSED] = {
        LOAD(arch),
        IS(ARCHITECTURE, 1, 0),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        /* The x32 half of x86-64 has numbers of its own. */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        FAIL(ENOSYS),
        /* Sockets of the own, empty network only: sockets in the file system lead out. */
        IS(SYS_socket, 0, 4),
        LOAD(args[0]),
        IS(AF_INET, 2, 0),
        IS(AF_INET6, 1, 0),
        FAIL(EAFNOSUPPORT),
        LOAD(nr),
        IS(435, 0, 1), /* clone3: its flags cannot be seen; libc falls back to clone */
        FAIL(ENOSYS),
        IS(SYS_clone, 0, 4),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
        FAIL(EPERM),
        LOAD(nr),
    };
    unsigned short n = 19;
    struct sock_fprog fprog = { .filter = program };

    for (size_t i = 0; i < REFUSED; i++) {
        program[n++] = (struct sock_filter)IS((unsigned)refused[i], 0, 1);
        program[n++] = (struct sock_filter)FAIL(EPERM);
    }
    program[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    fprog.len = n;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) < 0)
        return error_set(err, "no system call filter: %s", strerror(errno));
    return 0;
}

#else

static int filter(struct error *err)
{
    return error_set(err, "no system call filter is written for this processor");
}

#endif

int sandbox_confine(double seconds, struct error *err)
{
    sethostname("node1", 5);
    if (limit(seconds, err) < 0 || drop_capabilities(err) < 0)
        return -1;
    return filter(err);
}
