#include "facts/gather.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/read_file.h"
#include "facts/allocation.h"
#include "facts/devices.h"
#include "facts/option_search.h"
#include "facts/packages.h"
#include "facts/script_options.h"
#include "facts/place.h"
#include "facts/tree.h"

/* A driver without its daemon wakes every GPU of the node first: seconds, not minutes. */
static const double nvml_deadline_seconds = 10;

/* No hostfile and no configuration of a launcher is larger. */
enum { LAUNCH_FILE_MAX = 1 << 20 };

/* When only checking: is this a machine the job could run on? */
static bool can_hold(const struct devices *devices, const struct launch *launch)
{
    return launch->nodes.known && launch->nodes.value == 1 && launch->ranks_per_node.known &&
           launch->ranks_per_node.value <= devices->count;
}

static void look_at_gpus(const struct launch *launch, bool starts, struct arena *arena,
                         struct facts *facts)
{
    const char *visible = environment_get(&launch->environment, "CUDA_VISIBLE_DEVICES");
    const char *local_rank = environment_get(&launch->environment, "LOCAL_RANK");
    struct nvml *nvml = arena_alloc(arena, sizeof(*nvml));
    struct devices devices;

    if (nvml_look(nvml_deadline_seconds, nvml, NULL) < 0 || !nvml->count)
        return;
    devices_visible(nvml, visible, &devices);
    if (!starts && !can_hold(&devices, launch))
        return;
    if (!launch->container && !facts->gpus_visible.known)
        facts->gpus_visible =
            (struct fact_int) { .known = true, .value = devices.count, .source = "NVML" };
    devices_tell(&devices, launch->as_task ? devices_own(&devices, local_rank) : NULL,
                 launch->ranks_per_node.known ? (int)launch->ranks_per_node.value : devices.count,
                 arena, facts);
}

void facts_gather_node(const struct environment *env, const struct launch *launch,
                       const struct policy *policy, struct arena *arena, struct facts *facts)
{
    struct launch here = *launch;

    /* Whatever starts the ranks from here or elsewhere, this is one of the machines they will use. */
    here.environment = *env;
    here.as_task = false;
    here.remote = here.container = false;
    here.layer_count = 0;
    look_at_gpus(&here, true, arena, facts);
    if (facts->gpus_visible.known)
        facts->gpus_per_node = facts->gpus_visible;
    facts_from_policy(policy, arena, facts);
    allocation_tell(&here, arena, facts);
    facts->gpus_visible = (struct fact_int){ 0 }; /* what this process sees no rank need see */
}

bool facts_gather_launch_file(const struct launch *launch, bool starts, struct arena *arena,
                              struct facts *facts)
{
    const char *path = launch->wanted_file;
    struct file *file = arena_alloc(arena, ((size_t)facts->files.count + 1) * sizeof(*file));
    size_t size;

    if (!path || launch->container)
        return false;
    for (int i = 0; i < facts->files.count; i++)
        file[i] = facts->files.file[i];
    file[facts->files.count] =
        (struct file) { .path = path, .text = read_file(path, LAUNCH_FILE_MAX, arena, &size) };
    if (!file[facts->files.count].text && (!starts || access(path, F_OK) == 0))
        return false;
    facts->files = (struct files) { .count = facts->files.count + 1, .file = file };
    return true;
}

void facts_gather_files(const struct launch *launch, struct arena *arena, struct facts *facts)
{
    char cwd[PATH_MAX];

    if (!launch->script || !getcwd(cwd, sizeof(cwd)))
        return;
    tree_facts(launch, cwd, arena, facts);
    script_options_read(launch, cwd, arena, facts);
    option_search(launch, cwd, arena, facts);
    packages_facts(launch, cwd, arena, facts);
}

void facts_gather(const struct launch *launch, const struct policy *policy, bool starts,
                  struct arena *arena, struct facts *facts)
{
    facts_from_policy(policy, arena, facts);
    if (launch->script && !launch->remote)
        look_at_gpus(launch, starts, arena, facts);
    allocation_tell(launch, arena, facts);
}
