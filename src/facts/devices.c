#include "facts/devices.h"

#include <stdlib.h>
#include <string.h>

#include "facts/gpus.h"
#include "facts/visible.h"

static void add(struct devices *devices, const struct nvml_device *device)
{
    if (device && devices->count < NVML_DEVICES_MAX)
        devices->device[devices->count++] = device;
}

/* The GPU of that ordinal, or the first instance of a divided one. */
static const struct nvml_device *by_ordinal(const struct nvml *nvml, int ordinal)
{
    for (int i = 0; i < nvml->count; i++) {
        const struct nvml_device *gpu = &nvml->device[i];

        if (gpu->ordinal != ordinal || gpu->mig)
            continue;
        if (!gpu->divided)
            return gpu;
        return i + 1 < nvml->count && gpu[1].mig ? &gpu[1] : NULL;
    }
    return NULL;
}

static const struct nvml_device *by_uuid(const struct nvml *nvml, const char *uuid)
{
    for (int i = 0; i < nvml->count; i++)
        if (!nvml->device[i].divided && strncmp(nvml->device[i].uuid, uuid, strlen(uuid)) == 0)
            return &nvml->device[i];
    return NULL;
}

/* Without the variable CUDA lists every whole GPU, or one instance when there is none. */
static void list_all(const struct nvml *nvml, struct devices *devices)
{
    for (int i = 0; i < nvml->count; i++)
        if (!nvml->device[i].mig && !nvml->device[i].divided)
            add(devices, &nvml->device[i]);
    for (int i = 0; i < nvml->count && !devices->count; i++)
        if (nvml->device[i].mig)
            add(devices, &nvml->device[i]);
}

void devices_visible(const struct nvml *nvml, const char *visible, struct devices *devices)
{
    struct visible entry[VISIBLE_MAX];
    int n;

    devices->count = 0;
    if (!visible) {
        list_all(nvml, devices);
        return;
    }
    n = visible_read(visible, entry);
    for (int i = 0; i < n; i++) {
        const struct nvml_device *device = entry[i].ordinal >= 0
                                               ? by_ordinal(nvml, entry[i].ordinal)
                                               : by_uuid(nvml, entry[i].uuid);

        if (!device) /* CUDA drops it and what follows */
            return;
        add(devices, device);
    }
}

const struct nvml_device *devices_own(const struct devices *devices, const char *local_rank)
{
    int n = local_rank ? atoi(local_rank) : 0;

    if (!local_rank && devices->count != 1)
        return NULL;
    return n >= 0 && n < devices->count ? devices->device[n] : NULL;
}

static const struct nvml_device *largest(const struct devices *devices)
{
    const struct nvml_device *best = NULL;

    for (int i = 0; i < devices->count; i++)
        if (!best || devices->device[i]->usable_bytes > best->usable_bytes)
            best = devices->device[i];
    return best;
}

static void fill_int(struct fact_int *fact, int64_t value, const char *source)
{
    if (!fact->known && value > 0)
        *fact = (struct fact_int) { .known = true, .value = value, .source = source };
}

static void fill_str(struct fact_str *fact, const char *value, const char *source,
                     struct arena *arena)
{
    if (!fact->known && *value)
        *fact = (struct fact_str) { .known = true,
                                    .value = arena_strdup(arena, value),
                                    .source = source };
}

/* The table's name for a product; an unknown product keeps its own. */
static const char *name_of(const struct nvml_device *device, struct arena *arena)
{
    const char *mig = strstr(device->name, " MIG ");
    const char *product =
        mig ? arena_strndup(arena, device->name, (size_t)(mig - device->name)) : device->name;
    const struct gpu_row *row = gpu_find(product);

    return row ? row->name : product;
}

/* The least free memory of the first 'used' devices; -1 when they differ in kind. */
static int64_t least_free(const struct devices *devices, int used)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < used && i < devices->count; i++) {
        const struct nvml_device *device = devices->device[i];

        if (strcmp(device->name, devices->device[0]->name) != 0)
            return -1;
        least = device->free_bytes < least ? device->free_bytes : least;
    }
    return least > INT64_MAX ? -1 : (int64_t)least;
}

/* The first device of the job's that somebody computes on. */
static const struct nvml_device *held(const struct devices *devices, int used)
{
    for (int i = 0; i < used && i < devices->count; i++)
        if (devices->device[i]->holders)
            return devices->device[i];
    return NULL;
}

static void tell_holders(const struct nvml_device *device, struct arena *arena,
                         struct facts *facts)
{
    if (!device || !device->holders)
        return;
    fill_str(&facts->gpu_holders,
             arena_printf(arena, "%d process%s on GPU %d, the first is pid %d", device->holders,
                          device->holders == 1 ? "" : "es", device->ordinal, device->holder_pid),
             "NVML", arena);
}

void devices_tell(const struct devices *devices, const struct nvml_device *own, int used,
                  struct arena *arena, struct facts *facts)
{
    const struct nvml_device *device = own ? own : largest(devices);
    const char *source;

    if (!device || facts->gpu.known)
        return;
    source = arena_printf(arena, "NVML device %d, %s", device->ordinal, device->name);
    fill_str(&facts->gpu, name_of(device, arena), source, arena);
    fill_int(&facts->gpu_memory_bytes, (int64_t)device->usable_bytes, source);
    fill_int(&facts->gpu_arch, device->arch, source);
    if (device->mig)
        fill_int(&facts->nvlink_domain, 1, source);
    if (own)
        fill_str(&facts->gpu_uuid, device->uuid, source, arena);
    fill_int(&facts->gpu_free_bytes, own ? (int64_t)own->free_bytes : least_free(devices, used),
             "NVML");
    tell_holders(own ? own : held(devices, used), arena, facts);
}
