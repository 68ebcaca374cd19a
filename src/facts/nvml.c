#include "facts/nvml.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The few types of NVML's interface that are needed here; a device is an opaque pointer, 0 is
 * success. */
typedef void *handle;

struct memory_v1 {
    unsigned long long total, free, used;
};

struct memory_v2 {
    unsigned int version;
    unsigned long long total, reserved, free, used;
};

/* Of driver 510 and newer. */
struct process {
    unsigned int pid;
    unsigned long long used;
    unsigned int gpu_instance, compute_instance;
};

enum { PROCESSES_MOST = 32 };

enum { MEMORY_V2 = (unsigned int)sizeof(struct memory_v2) | 2u << 24 };

static struct {
    int (*init)(void);
    int (*count)(unsigned int *);
    int (*by_index)(unsigned int, handle *);
    int (*name)(handle, char *, unsigned int);
    int (*uuid)(handle, char *, unsigned int);
    int (*memory)(handle, struct memory_v1 *);
    int (*memory_v2)(handle, struct memory_v2 *); /* driver 510 and newer */
    int (*capability)(handle, int *, int *);
    int (*mig_mode)(handle, unsigned int *, unsigned int *); /* driver 450 and newer */
    int (*mig_count)(handle, unsigned int *);
    int (*mig_by_index)(handle, unsigned int, handle *);
    int (*processes)(handle, unsigned int *, struct process *);
} library;

static const struct {
    const char *name;
    void *slot;
    bool needed;
} symbols[] = {
    { "nvmlInit_v2", &library.init, true },
    { "nvmlDeviceGetCount_v2", &library.count, true },
    { "nvmlDeviceGetHandleByIndex_v2", &library.by_index, true },
    { "nvmlDeviceGetName", &library.name, true },
    { "nvmlDeviceGetUUID", &library.uuid, true },
    { "nvmlDeviceGetMemoryInfo", &library.memory, true },
    { "nvmlDeviceGetMemoryInfo_v2", &library.memory_v2, false },
    { "nvmlDeviceGetCudaComputeCapability", &library.capability, true },
    { "nvmlDeviceGetMigMode", &library.mig_mode, false },
    { "nvmlDeviceGetMaxMigDeviceCount", &library.mig_count, false },
    { "nvmlDeviceGetMigDeviceHandleByIndex", &library.mig_by_index, false },
    { "nvmlDeviceGetComputeRunningProcesses_v3", &library.processes, false },
};

static bool open_library(void)
{
    void *file = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);

    if (!file)
        return false;
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(file, symbols[i].name);

        if (!symbol && symbols[i].needed)
            return false;
        memcpy(symbols[i].slot, &symbol, sizeof(symbol));
    }
    return library.init() == 0;
}

static void ask_memory(handle device, struct nvml_device *out)
{
    struct memory_v2 v2 = { .version = MEMORY_V2 };
    struct memory_v1 v1 = { 0 };

    if (library.memory_v2 && library.memory_v2(device, &v2) == 0) {
        out->usable_bytes = v2.total - v2.reserved;
        out->free_bytes = v2.free;
    } else if (library.memory(device, &v1) == 0) {
        out->usable_bytes = v1.total;
        out->free_bytes = v1.free;
    }
}

static void ask_holders(handle device, struct nvml_device *out)
{
    struct process process[PROCESSES_MOST];
    unsigned int count = PROCESSES_MOST;

    if (!library.processes || library.processes(device, &count, process) != 0 || !count)
        return;
    out->holders = (int)count;
    out->holder_pid = (int)process[0].pid;
}

static void ask_device(handle device, int ordinal, struct nvml_device *out)
{
    int major = 0, minor = 0;

    memset(out, 0, sizeof(*out));
    out->ordinal = ordinal;
    library.name(device, out->name, sizeof(out->name));
    library.uuid(device, out->uuid, sizeof(out->uuid));
    ask_memory(device, out);
    ask_holders(device, out);
    if (library.capability(device, &major, &minor) == 0)
        out->arch = major * 10 + minor;
}

static bool is_divided(handle device)
{
    unsigned int now = 0, pending = 0;

    return library.mig_mode && library.mig_count && library.mig_by_index &&
           library.mig_mode(device, &now, &pending) == 0 && now == 1;
}

static void ask_instances(handle device, const struct nvml_device *gpu, struct nvml *nvml)
{
    unsigned int most = 0;

    library.mig_count(device, &most);
    for (unsigned int i = 0; i < most && nvml->count < NVML_DEVICES_MAX; i++) {
        struct nvml_device *out = &nvml->device[nvml->count];
        handle instance;

        if (library.mig_by_index(device, i, &instance) != 0)
            continue;
        ask_device(instance, gpu->ordinal, out);
        out->mig = true;
        out->arch = gpu->arch;
        if (!out->name[0])
            memcpy(out->name, gpu->name, sizeof(out->name));
        nvml->count++;
    }
}

static void ask(struct nvml *nvml)
{
    unsigned int count = 0;

    if (library.count(&count) != 0)
        return;
    for (unsigned int i = 0; i < count && nvml->count < NVML_DEVICES_MAX; i++) {
        struct nvml_device *gpu = &nvml->device[nvml->count];
        handle device;

        if (library.by_index(i, &device) != 0)
            continue;
        ask_device(device, (int)i, gpu);
        nvml->count++;
        gpu->divided = is_divided(device);
        if (gpu->divided)
            ask_instances(device, gpu, nvml);
    }
}

static void write_all(int fd, const void *data, size_t size)
{
    for (const char *p = data; size;) {
        ssize_t n = write(fd, p, size);

        if (n <= 0)
            _exit(1);
        p += n;
        size -= (size_t)n;
    }
}

/* Nothing that others wait for: no descriptor but the pipe (now 3), no handler of ours. */
static void let_go(int fd)
{
    int null = open("/dev/null", O_RDWR);

    setsid();
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    dup2(fd, 3);
    if (close_range(4, ~0u, 0) < 0)
        for (int i = 4; i < 1024; i++)
            close(i);
}

/* The process that may hang. */
static void look_and_exit(int fd)
{
    struct nvml nvml = { 0 };

    let_go(fd);
    if (!open_library())
        _exit(1);
    ask(&nvml);
    write_all(3, &nvml, sizeof(nvml));
    _exit(0);
}

/* A grandchild, so that it is nobody's child when it stays; its end of the pipe is 'fd'. */
static int start(int fd)
{
    sigset_t all, before;
    pid_t child;
    int status;

    /* Signals meant for us must not run our handlers in the children. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    child = fork();
    if (child == 0) {
        if (fork() == 0)
            look_and_exit(fd);
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return child < 0 ? -1 : 0;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Returns the bytes read before the end of the pipe or the deadline. */
static size_t read_until(int fd, void *data, size_t size, double deadline)
{
    size_t have = 0;

    while (have < size) {
        double left = deadline - now();
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (left <= 0 || (poll(&ready, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR))
            break;
        if (!ready.revents)
            continue;
        n = read(fd, (char *)data + have, size - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

int nvml_look(double deadline_seconds, struct nvml *nvml, struct error *err)
{
    double deadline = now() + deadline_seconds;
    struct nvml answer;
    size_t have = 0;
    int fd[2];

    if (pipe2(fd, O_CLOEXEC) < 0)
        return error_set(err, "no pipe to look at the GPUs: %s", strerror(errno));
    if (start(fd[1]) < 0) {
        close(fd[0]);
        close(fd[1]);
        return error_set(err, "no process to look at the GPUs: %s", strerror(errno));
    }
    close(fd[1]);
    have = read_until(fd[0], &answer, sizeof(answer), deadline);
    close(fd[0]);
    if (have == sizeof(answer)) {
        *nvml = answer;
        return 0;
    }
    if (now() >= deadline)
        return error_set(err, "the NVIDIA driver did not answer within %.0f s", deadline_seconds);
    return error_set(err, "no NVIDIA driver here");
}
