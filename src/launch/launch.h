/* A launch command taken apart: the launchers peeled off one by one (rows of launchers.c) until the
 * trainer's script and argv are left, and the number of ranks with where it came from. Pure: argv
 * and environment in, launch out; words are borrowed. What cannot be known is said in 'cannot_know'
 * and is never an error. */
#ifndef LAUNCH_LAUNCH_H
#define LAUNCH_LAUNCH_H

#include "base/arena.h"
#include "base/environment.h"
#include "base/files.h"
#include "facts/facts.h"
#include "megatron/job.h"

struct launcher; /* launchers.h */

/* One launcher of the chain. The counts are those of a launcher that starts several processes of
 * what follows (srun, torchrun ...); unknown for the others and where it does not say. */
struct launch_layer {
    const struct launcher *launcher;
    int index;    /* of its program word in command; -1: a word of a string */
    int words;    /* program and its own options, up to what it starts */
    bool remote;  /* what it starts runs, or may run, on other machines */
    bool per_gpu; /* "--nproc-per-node gpu": one process for each GPU that a node has */
    struct fact_int processes; /* on all nodes */
    struct fact_int nodes;
    struct fact_int per_node;      /* processes on each node */
    struct fact_int gpus_per_node; /* asked for on the command line */
    struct place place[4];         /* words of command the counts come from; words == 0 ends */
};

/* What a launcher puts in front of the trainer's argv. */
enum local_rank_option {
    LOCAL_RANK_NONE,
    LOCAL_RANK_OF_TORCH,  /* torch.distributed.launch: --local-rank=N; torch 1: --local_rank=N */
    LOCAL_RANK_UNDERSCORE /* deepspeed: --local_rank=N */
};

struct launch {
    int command_argc; /* the whole wrapped command; 0 when only an argv was given */
    const char *const *command;
    int layer_count; /* outermost first */
    struct launch_layer layer[16];
    struct launch_layer around; /* what started this process (from SLURM_STEP_*, OMPI_* ...);
                                   launcher is NULL, processes unknown when nothing did */

    const char *script; /* "pretrain_gpt.py", a module name with module == true, or NULL */
    bool module;
    int argc; /* the trainer's options, without script */
    const char *const *argv;
    int argv_index; /* of argv[0] in command; -1: not words of command (bash -c, batch record) */

    struct fact_int world; /* ranks */
    struct fact_int nodes;
    struct fact_int ranks_per_node;
    const char *world_unknown;   /* why, when world is not known */
    const char *wanted_file; /* whose text would tell more (deepspeed's hostfile); NULL: none */
    struct place world_place[4]; /* words of command that decide the world; words == 0 ends */

    bool as_task; /* we are one of the ranks (srun/mpirun/torchrun started us), not in front of them
                   */
    int64_t rank; /* ours, -1 unknown; 0 prints */
    struct environment
        environment;      /* what the trainer sees: ours and what env(1), srun --export ... add */
    bool remote;          /* a launcher in command may start the trainer on other machines */
    bool container;       /* ... or in another file system */
    const char *python_prefix; /* a bare "python" is the one in its bin/ (conda run, uv run); "": nobody knows
                                  whose it is; NULL: PATH's */
    enum local_rank_option adds_local_rank;
    const char *cannot_know; /* why the trainer's argv is not known, or NULL */
};

/* Takes 'command' apart in the environment 'env' of this process. Never fails. */
void launch_parse(int argc, const char *const *command, const struct environment *env,
                  struct arena *arena, struct launch *launch);

/* The same with the text of files that a launcher reads; launch->wanted_file names one that is missing in
 * 'files'. */
void launch_parse_files(int argc, const char *const *command, const struct environment *env,
                        const struct files *files, struct arena *arena, struct launch *launch);

/* The launcher in front of 'command' alone: the number of words that are its own, up to what it starts, with
 * its layer and what it sets in 'launch'; -1 when it is none or its words are not understood. */
int launch_first_words(int argc, const char *const *command, const struct environment *env,
                       struct arena *arena, struct launch *launch);

/* The launcher in command that starts the ranks (the innermost that starts several processes), and
 * the one outside it that starts several of those ("srun torchrun"), which may be launch->around;
 * or NULL. */
const struct launch_layer *launch_ranks(const struct launch *launch);
const struct launch_layer *launch_agents(const struct launch *launch);

/* Completes a launch that starts one rank for each GPU of a node, when the facts know that number.
 */
void launch_complete(struct launch *launch, const struct facts *facts, struct arena *arena);

/* A launch of which only the trainer's argv and perhaps the number of ranks are known (batch
 * records); world <= 0: unknown. */
void launch_from_argv(const char *script, int argc, const char *const *argv, int64_t world,
                      const struct environment *env, struct launch *launch);

#endif
