#include "facts/nvml.h"

#include <dlfcn.h>
#include <string.h>

#include "base/detached.h"

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

/* In the process that may hang. */
static void look(int fd, void *data)
{
    struct nvml nvml = { 0 };

    (void)data;
    if (!open_library())
        return;
    ask(&nvml);
    detached_answer(fd, &nvml, sizeof(nvml));
}

int nvml_look(double deadline_seconds, struct nvml *nvml, struct error *err)
{
    struct nvml answer;

    switch (detached_ask(look, NULL, deadline_seconds, &answer, sizeof(answer), err)) {
    case DETACHED_ANSWERED:
        *nvml = answer;
        return 0;
    case DETACHED_LATE:
        return error_set(err, "the NVIDIA driver did not answer within %.0f s", deadline_seconds);
    case DETACHED_SILENT:
        return error_set(err, "no NVIDIA driver here");
    case DETACHED_NOT_STARTED:
        break;
    }
    return error_prefix(err, "cannot look at the GPUs");
}
