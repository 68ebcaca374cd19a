/* A stand-in for the driver's libnvidia-ml.so.1: the GPUs that NVML_STAND_IN lists, one after
 * another, separated by ';', each as
 *     name|uuid|total MiB|reserved MiB|used MiB|major.minor[|MIG instance uuid:MiB,...]
 * A GPU in use is used by process 4242 of somebody.
 * "hang" and "crash" behave like a driver that does; unset: no driver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GPUS = 16, INSTANCES = 8, NOT_FOUND = 6, OLD_DRIVER = 25 };

struct device {
    char name[96], uuid[96];
    unsigned long long total, reserved, used;
    int major, minor, instances;
    struct device *instance;
};

static struct device gpu[GPUS], instance[GPUS][INSTANCES];
static int count;

int nvmlInit_v2(void);
int nvmlDeviceGetCount_v2(unsigned int *n);
int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **device);
int nvmlDeviceGetName(void *device, char *text, unsigned int size);
int nvmlDeviceGetUUID(void *device, char *text, unsigned int size);
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *total_free_used);
int nvmlDeviceGetMemoryInfo_v2(void *device, void *memory);
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor);
int nvmlDeviceGetMigMode(void *device, unsigned int *now, unsigned int *pending);
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned int *n);
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned int i, void **out);
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *n, void *out);

static void read_instances(struct device *d, struct device *out, const char *text)
{
    d->instance = out;
    while (text && *text && d->instances < INSTANCES) {
        struct device *i = &out[d->instances++];

        *i = *d;
        i->reserved = i->used = 0;
        sscanf(text, "%95[^:]:%llu", i->uuid, &i->total);
        snprintf(i->name, sizeof(i->name), "%.80s MIG 1g", d->name);
        text = strchr(text, ',');
        text += text != NULL;
    }
}

int nvmlInit_v2(void)
{
    const char *text = getenv("NVML_STAND_IN");

    if (!text)
        return 9;
    if (strcmp(text, "hang") == 0) {
        sleep(5); /* for ever, as far as a test's deadline goes; then nothing stays behind */
        _exit(1);
    }
    if (strcmp(text, "crash") == 0)
        abort();
    for (count = 0; *text && count < GPUS; count++) {
        struct device *d = &gpu[count];
        char more[512] = "";

        sscanf(text, "%95[^|]|%95[^|]|%llu|%llu|%llu|%d.%d|%511[^;]", d->name, d->uuid, &d->total,
               &d->reserved, &d->used, &d->major, &d->minor, more);
        read_instances(d, instance[count], more);
        text += strcspn(text, ";");
        text += *text == ';';
    }
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned int *n)
{
    *n = (unsigned int)count;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **device)
{
    *device = &gpu[i];
    return 0;
}

int nvmlDeviceGetName(void *device, char *text, unsigned int size)
{
    snprintf(text, size, "%s", ((struct device *)device)->name);
    return 0;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned int size)
{
    snprintf(text, size, "%s", ((struct device *)device)->uuid);
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *memory)
{
    const struct device *d = device;

    memory[0] = d->total << 20;
    memory[1] = (d->total - d->reserved - d->used) << 20;
    memory[2] = d->used << 20;
    return 0;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, void *out)
{
    const struct device *d = device;
    struct {
        unsigned int version;
        unsigned long long total, reserved, free, used;
    } *memory = out;

    if (getenv("NVML_STAND_IN_OLD") ||
        memory->version != ((unsigned int)sizeof(*memory) | 2u << 24))
        return OLD_DRIVER;
    memory->total = d->total << 20;
    memory->reserved = d->reserved << 20;
    memory->free = (d->total - d->reserved - d->used) << 20;
    memory->used = d->used << 20;
    return 0;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor)
{
    *major = ((struct device *)device)->major;
    *minor = ((struct device *)device)->minor;
    return 0;
}

int nvmlDeviceGetMigMode(void *device, unsigned int *now, unsigned int *pending)
{
    *now = *pending = ((struct device *)device)->instances > 0;
    return 0;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned int *n)
{
    (void)device;
    *n = INSTANCES - 1;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned int i, void **out)
{
    struct device *d = device;

    if ((int)i >= d->instances)
        return NOT_FOUND;
    *out = &d->instance[i];
    return 0;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *n, void *out)
{
    const struct device *d = device;
    struct {
        unsigned int pid;
        unsigned long long used;
        unsigned int gpu_instance, compute_instance;
    } *process = out;

    *n = d->used > 0;
    if (!*n)
        return 0;
    process->pid = 4242;
    process->used = d->used << 20;
    return 0;
}
