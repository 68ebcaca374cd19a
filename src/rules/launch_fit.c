/* The launch against its allocation: processes, nodes and GPUs, before any trainer starts. Only
 * what the command, its environment and the facts say; without them nothing is said. */
#include <stdlib.h>
#include <string.h>

#include "launch/launchers.h"
#include "launch/trainer.h"
#include "rules/sections.h"
#include "rules/truth.h"

static bool is_agent(const struct launch_layer *layer)
{
    return layer && layer->launcher && layer->launcher->agent;
}

/* The name of what starts the ranks, for messages. */
static const char *starter(const struct launch_layer *layer, struct arena *arena)
{
    const char *names;

    if (!layer || !layer->launcher)
        return "the launcher";
    names = *layer->launcher->names ? layer->launcher->names : layer->launcher->modules;
    return arena_strndup(arena, names, strcspn(names, " "));
}

/* The edit that sets a number of the launcher's: "--nnodes 4". A launcher that has no option for it is told by
 * another: 16 processes are "--nproc-per-node 8" on two nodes. */
enum number { NODES, PER_NODE, PROCESSES };

static const char *edit(const struct launch_layer *layer, enum number number, int64_t value,
                        struct arena *arena)
{
    const struct launcher *launcher = layer && layer->launcher ? layer->launcher : NULL;
    const char *options[] = { launcher ? launcher->nodes_option : NULL,
                              launcher ? launcher->per_node_option : NULL,
                              launcher ? launcher->processes_option : NULL };
    static const char *const what[] = { "nodes", "processes on each node", "processes" };
    int64_t nodes = layer && layer->nodes.known ? layer->nodes.value : 0;

    if (!options[number] && number == PER_NODE && nodes > 0) {
        number = PROCESSES;
        value *= nodes;
    } else if (!options[number] && number == PROCESSES && nodes > 0) {
        number = PER_NODE;
        value /= nodes;
    }
    if (!options[number])
        return arena_printf(arena, "%lld %s", (long long)value, what[number]);
    return arena_printf(arena, "%s %lld", options[number], (long long)value);
}

static void point_at_layer(struct finding *finding, const struct launch_layer *layer)
{
    for (int i = 0; layer && i < 4 && layer->place[i].words && finding->where_count < 8; i++)
        finding->where[finding->where_count++] = (struct where) { .in = WHERE_COMMAND,
                                                                  .index = layer->place[i].index,
                                                                  .words = layer->place[i].words };
}

/* What starts the ranks: a launcher of the command, or the one that started us. */
static const struct launch_layer *starting(const struct launch *launch)
{
    const struct launch_layer *layer = launch_ranks(launch);

    return layer ? layer : launch->around.launcher ? &launch->around : NULL;
}

/* Processes of one node that use GPUs: a launcher started several times there counts as often. */
static int64_t processes_on_node(const struct launch *launch)
{
    const struct launch_layer *agents = launch_agents(launch);
    int64_t times = agents && agents->per_node.known ? agents->per_node.value : 1;

    if (!launch->ranks_per_node.known)
        return -1;
    return launch->ranks_per_node.value * (times > 0 ? times : 1);
}

/* Does what this process sees speak for all ranks that its launcher starts here? Slurm may have
 * given each task GPUs of its own, and so may a script behind mpirun that leaves one. */
static bool sees_for_all(const struct walk *walk)
{
    const struct launch *launch = walk->launch;

    if (!walk->facts->gpus_visible.known)
        return false;
    if (!launch->as_task)
        return true;
    return walk->facts->gpus_visible.value > 1 && launch->around.launcher &&
           launch->around.launcher != launcher_find("srun");
}

/* More processes than GPUs: of the node, or of those that torchrun or mpirun here sees. Returns the
 * GPUs, and how many processes they are for, or NULL. */
static const struct fact_int *crowded(const struct walk *walk, int64_t *processes)
{
    const struct facts *facts = walk->facts;

    *processes = walk->launch->ranks_per_node.value;
    if (walk->launch->ranks_per_node.known && sees_for_all(walk) &&
        *processes > facts->gpus_visible.value)
        return &facts->gpus_visible;
    *processes = processes_on_node(walk->launch);
    return facts->gpus_per_node.known && *processes > facts->gpus_per_node.value
               ? &facts->gpus_per_node
               : NULL;
}

static bool started_several_times(const struct launch *launch)
{
    const struct launch_layer *agents = launch_agents(launch);

    return agents && is_agent(launch_ranks(launch)) && agents->per_node.known &&
           agents->per_node.value > 1;
}

static enum answer torchrun_once_per_node(struct walk *walk, struct finding *finding)
{
    const struct launch *launch = walk->launch;
    const struct launch_layer *agents = launch_agents(launch), *torchrun = launch_ranks(launch);
    const struct fact_int *gpus = &walk->facts->gpus_per_node;
    bool surplus;

    if (!agents || !is_agent(torchrun) || !agents->processes.known || !torchrun->nodes.known)
        return NOT_APPLICABLE;
    surplus = torchrun->nodes.value > 1 && agents->processes.value > torchrun->nodes.value;
    if (started_several_times(launch) && gpus->known && torchrun->per_node.known)
        surplus |= processes_on_node(launch) > gpus->value && torchrun->per_node.value > 1;
    if (!surplus)
        return HOLDS;
    point_at_layer(finding, agents);
    point_at_layer(finding, torchrun);
    finding_fix(walk, finding, "start %s once on each node: %s", starter(torchrun, walk->arena),
                edit(agents, PROCESSES, torchrun->nodes.value, walk->arena));
    if (started_several_times(launch) && torchrun->per_node.known)
        return violated(walk, finding,
                        "%s starts %s %lld times on each node, and each starts %lld "
                        "processes: %lld on one node",
                        starter(agents, walk->arena), starter(torchrun, walk->arena), (long long)agents->per_node.value,
                        (long long)torchrun->per_node.value, (long long)processes_on_node(launch));
    finding_fix(walk, finding, "%s", edit(torchrun, NODES, agents->processes.value, walk->arena));
    return violated(walk, finding, "%s starts %s %lld times, but %s is %lld",
                    starter(agents, walk->arena), starter(torchrun, walk->arena), (long long)agents->processes.value,
                    torchrun->launcher->nodes_option, (long long)torchrun->nodes.value);
}

static enum answer separate_jobs(struct walk *walk, struct finding *finding)
{
    const struct launch_layer *agents = launch_agents(walk->launch);
    const struct launch_layer *torchrun = launch_ranks(walk->launch);

    if (!agents || !is_agent(torchrun) || !agents->processes.known || !torchrun->nodes.known)
        return NOT_APPLICABLE;
    if (torchrun->nodes.value != 1 || agents->processes.value <= 1)
        return HOLDS;
    point_at_layer(finding, agents);
    point_at_layer(finding, torchrun);
    finding_fix(walk, finding, "%s", edit(torchrun, NODES, agents->processes.value, walk->arena));
    return violated(walk, finding,
                    "%s starts %s %lld times, each for one node: these are %lld jobs of "
                    "their own, not one",
                    starter(agents, walk->arena), starter(torchrun, walk->arena),
                    (long long)agents->processes.value,
                    (long long)agents->processes.value);
}

static enum answer processes_have_gpus(struct walk *walk, struct finding *finding)
{
    const struct facts *facts = walk->facts;
    const struct fact_int *gpus;
    int64_t processes;

    if (!walk->launch->ranks_per_node.known ||
        (!facts->gpus_visible.known && !facts->gpus_per_node.known))
        return NOT_APPLICABLE;
    gpus = crowded(walk, &processes);
    if (!gpus)
        return HOLDS;
    finding_fix(walk, finding, "%s",
                gpus->value ? edit(starting(walk->launch), PER_NODE, gpus->value, walk->arena)
                            : "ask for GPUs");
    return violated(walk, finding, "%lld processes on a node that has %lld GPU%s for them (%s)",
                    (long long)processes, (long long)gpus->value, gpus->value == 1 ? "" : "s",
                    gpus->source);
}

/* torchrun's "node" is a torchrun: several may share a machine, each with a part of its GPUs. */
static bool nodes_are_parts(const struct walk *walk)
{
    const struct facts *facts = walk->facts;

    return started_several_times(walk->launch) ||
           (facts->gpus_visible.known && facts->gpus_per_node.known &&
            facts->gpus_visible.value < facts->gpus_per_node.value);
}

static enum answer nodes_are_allocated(struct walk *walk, struct finding *finding)
{
    const struct fact_int *allocated = &walk->facts->nodes_allocated;
    const struct fact_int *nodes = &walk->launch->nodes;

    if (!allocated->known || !nodes->known || nodes_are_parts(walk))
        return NOT_APPLICABLE;
    if (nodes->value <= allocated->value)
        return HOLDS;
    finding_fix(walk, finding, "%s",
                edit(starting(walk->launch), NODES, allocated->value, walk->arena));
    return violated(walk, finding, "the launch waits for %lld nodes, the allocation has %lld (%s)",
                    (long long)nodes->value, (long long)allocated->value, allocated->source);
}

/* GPUs of the whole allocation, -1 unknown. */
static int64_t gpus_allocated(const struct facts *facts)
{
    if (!facts->nodes_allocated.known || !facts->gpus_per_node.known)
        return -1;
    return facts->nodes_allocated.value * facts->gpus_per_node.value;
}

static enum answer world_fits(struct walk *walk, struct finding *finding)
{
    int64_t gpus = gpus_allocated(walk->facts);

    if (gpus < 0 || !walk->launch->world.known)
        return NOT_APPLICABLE;
    if (walk->launch->world.value <= gpus)
        return HOLDS;
    finding_fix(walk, finding, "%s", edit(starting(walk->launch), PROCESSES, gpus, walk->arena));
    return violated(
        walk, finding, "%lld ranks, but the allocation has %lld nodes x %lld GPUs = %lld",
        (long long)walk->launch->world.value, (long long)walk->facts->nodes_allocated.value,
        (long long)walk->facts->gpus_per_node.value, (long long)gpus);
}

static enum answer gpus_are_used(struct walk *walk, struct finding *finding)
{
    int64_t gpus = gpus_allocated(walk->facts);

    if (gpus < 0 || !walk->launch->world.known)
        return NOT_APPLICABLE;
    if (walk->launch->world.value >= gpus)
        return HOLDS;
    return violated(walk, finding, "%lld ranks leave %lld of the %lld allocated GPUs idle",
                    (long long)walk->launch->world.value,
                    (long long)(gpus - walk->launch->world.value), (long long)gpus);
}

/* A number in the trainer's environment, -1 when unset or no number. */
static int64_t variable(const struct walk *walk, const char *name)
{
    const char *text = environment_get(&walk->launch->environment, name);
    char *end;
    long long value;

    if (!text || !*text)
        return -1;
    value = strtoll(text, &end, 10);
    return *end ? -1 : value;
}

static enum answer rank_in_world(struct walk *walk, struct finding *finding)
{
    int64_t rank = variable(walk, "RANK"), world = variable(walk, "WORLD_SIZE");

    if (rank < 0 || world < 1)
        return NOT_APPLICABLE;
    if (rank < world)
        return HOLDS;
    return violated(walk, finding, "RANK is %lld in a world of WORLD_SIZE %lld", (long long)rank,
                    (long long)world);
}

static enum answer world_in_environment(struct walk *walk, struct finding *finding)
{
    const struct launch *launch = walk->launch;
    const struct launch_layer *layer = starting(launch);

    if (!layer || is_agent(layer) || !launch->environment.known || launch->container ||
        !layer->processes.known || layer->processes.value < 2)
        return NOT_APPLICABLE;
    if (environment_get(&launch->environment, "WORLD_SIZE"))
        return HOLDS;
    return violated(walk, finding,
                    "%s does not set RANK and WORLD_SIZE: unless the script does, each of the "
                    "%lld processes believes to be alone",
                    starter(layer, walk->arena), (long long)layer->processes.value);
}

/* The trainer's --local-rank, else LOCAL_RANK; -1 neither. */
static int64_t local_rank(const struct walk *walk)
{
    enum job_field field = job_field_find("local_rank");

    if (field < JOB_FIELD_COUNT && job_given(walk->job, field) && is_set(walk->job->local_rank))
        return walk->job->local_rank;
    return variable(walk, "LOCAL_RANK");
}

static enum answer local_rank_has_device(struct walk *walk, struct finding *finding)
{
    const struct fact_int *visible = &walk->facts->gpus_visible;
    int64_t rank = local_rank(walk);

    if (!walk->launch->as_task || !visible->known || rank < 0)
        return NOT_APPLICABLE;
    if (rank < visible->value)
        return HOLDS;
    finding_fix(walk, finding,
                visible->value == 1
                    ? "set LOCAL_RANK=0 where each task sees one GPU, or show it all of the node's"
                    : "let each task see all GPUs of its node");
    return violated(walk, finding, "local rank %lld has no device: this task sees %lld GPU%s (%s)",
                    (long long)rank, (long long)visible->value, visible->value == 1 ? "" : "s",
                    visible->source);
}

/* A driver's own needs are far below a GiB. */
static enum answer gpu_is_free(struct walk *walk, struct finding *finding)
{
    const struct fact_int *all = &walk->facts->gpu_memory_bytes;
    const struct fact_int *left = &walk->facts->gpu_free_bytes;
    const struct fact_str *holders = &walk->facts->gpu_holders;
    const double gib = 1 << 30;

    if (!all->known || !left->known)
        return NOT_APPLICABLE;
    if ((double)(all->value - left->value) < 2 * gib)
        return HOLDS;
    return violated(walk, finding, "%.1f of the GPU's %.1f GiB are in use already%s%s",
                    (double)(all->value - left->value) / gib, (double)all->value / gib,
                    holders->known ? ": " : "", holders->known ? holders->value : "");
}

/* Does the launcher add --local-rank=N, rather than --local_rank=N? -1 without torch's version. */
static int adds_dashes(const struct walk *walk)
{
    const struct fact_str *torch = &walk->facts->torch;

    if (walk->launch->adds_local_rank == LOCAL_RANK_UNDERSCORE)
        return 0;
    if (!torch->known || !*torch->value)
        return -1;
    return version_compare(torch->value, "2.0") >= 0;
}

/* Does the script, or the fork's parser, add the option itself? */
static bool adds_local_rank(const struct walk *walk, const char *name)
{
    const struct fact_str *own = &walk->facts->script_options;
    const char *found = own->known ? strstr(own->value, name) : NULL;

    return found && strchr(" \t", found[strlen(name)]);
}

/* Megatron 0.8 knows --local_rank, later releases --local-rank. */
static enum answer local_rank_spelling(struct walk *walk, struct finding *finding)
{
    bool deepspeed = walk->launch->adds_local_rank == LOCAL_RANK_UNDERSCORE;
    int dashes = adds_dashes(walk);

    if (walk->launch->adds_local_rank == LOCAL_RANK_NONE || dashes < 0 ||
        !launch_script_is_megatrons(walk->launch))
        return NOT_APPLICABLE;
    if (dashes == (walk->release > RELEASE_0_8_0) ||
        adds_local_rank(walk, dashes ? "--local-rank" : "--local_rank"))
        return HOLDS;
    if (walk->facts->megatron_changed.known && *walk->facts->megatron_changed.value)
        finding->severity = SEVERITY_WARNING;
    finding_fix(walk, finding, deepspeed ? "--no_local_rank for deepspeed" : "--use-env");
    return violated(walk, finding,
                    "%s%s adds %s=N to the trainer's options, which this Megatron does not know",
                    deepspeed ? "deepspeed" : "torch.distributed.launch of torch ",
                    deepspeed ? "" : walk->facts->torch.value,
                    dashes ? "--local-rank" : "--local_rank");
}

static const struct rule rows[] = {
    { .id = "launch-torchrun-per-node",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "@world",
      .check = torchrun_once_per_node,
      .what = "torchrun is started once on each of its --nnodes nodes",
      .why = "each torchrun starts --nproc-per-node processes; started once per GPU they share "
             "devices, and surplus ones wait for ever in the rendezvous",
      .fix = "one task per node under srun, or no torchrun at all" },
    { .id = "launch-separate-jobs",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "@world",
      .needs = "launch-torchrun-per-node",
      .check = separate_jobs,
      .what = "torchruns on several nodes know of each other",
      .why = "without --nnodes each torchrun makes a world of its own node",
      .fix = "--nnodes with the number of nodes, and a common --rdzv-endpoint" },
    { .id = "launch-gpus-per-node",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "@world",
      .needs = "launch-torchrun-per-node",
      .check = processes_have_gpus,
      .what = "a node has a GPU for each of its processes",
      .why = "each process takes the device of its local rank; the surplus ones find none",
      .fix = "as many processes per node as GPUs" },
    { .id = "launch-nodes-allocated",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "@world",
      .needs = "launch-torchrun-per-node",
      .check = nodes_are_allocated,
      .what = "the nodes of the launch are in the allocation",
      .why = "the rendezvous waits for nodes that never come",
      .fix = "as many nodes as allocated, or a larger allocation" },
    { .id = "launch-world-allocated",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "@world",
      .needs = "launch-torchrun-per-node launch-gpus-per-node launch-nodes-allocated",
      .check = world_fits,
      .what = "the allocation has a GPU for each rank",
      .why = "ranks beyond it find no device, or share one, which NCCL refuses",
      .fix = "as many ranks as allocated GPUs" },
    { .id = "launch-idle-gpus",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "@world",
      .needs = "launch-torchrun-per-node launch-separate-jobs",
      .check = gpus_are_used,
      .what = "every allocated GPU has a rank",
      .why = "the others are paid for and do nothing",
      .fix = "more ranks, or a smaller allocation" },
    { .id = "rank-in-world",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "$RANK $WORLD_SIZE",
      .check = rank_in_world,
      .what = "RANK is less than WORLD_SIZE",
      .why = "torch.distributed refuses a rank outside the world",
      .fix = "export both from the same launcher" },
    { .id = "world-size-in-environment",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "$WORLD_SIZE",
      .check = world_in_environment,
      .what = "the trainer's environment holds RANK and WORLD_SIZE",
      .why = "Megatron takes its rank and the number of ranks from there and from nowhere else",
      .fix = "start torchrun in each task, or export RANK, LOCAL_RANK and WORLD_SIZE there" },
    { .id = "local-rank-device",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_9_0,
      .until = RELEASE_MAIN,
      .options = "--local-rank $LOCAL_RANK",
      .needs = "launch-gpus-per-node",
      .check = local_rank_has_device,
      .what = "there is a device for the local rank",
      .why = "torch.cuda.set_device() of the local rank fails",
      .fix = "a local rank less than the number of visible GPUs" },
    { .id = "gpu-in-use",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_WARNING,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "",
      .check = gpu_is_free,
      .what = "the GPUs are free",
      .why = "memory that another process holds is not there for the job",
      .fix = "nvidia-smi shows whose it is" },
    { .id = "local-rank-spelling",
      .stage = STAGE_LAUNCH,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .options = "",
      .check = local_rank_spelling,
      .what = "the option that torch.distributed.launch or deepspeed adds is one that Megatron knows",
      .why = "argparse refuses an unknown option",
      .fix = "--use-env, deepspeed --no_local_rank, or torchrun" },
};

const struct rule_section launch_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
