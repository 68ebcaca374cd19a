/* The allocation that sbatch's options ask for, as facts and as the environment that the batch script
 * sees: sbatch --wrap, a script's #SBATCH lines. Pure: words in, facts out. */
#ifndef LAUNCH_SBATCH_H
#define LAUNCH_SBATCH_H

#include "base/arena.h"
#include "base/environment.h"
#include "facts/facts.h"

/* Unknown is what the options leave to Slurm or to the site ("-N 2-4", no GPUs asked for). */
struct sbatch_job {
    struct fact_int nodes;
    struct fact_int tasks; /* of the whole job; unknown: -n is not given, srun starts one on each node */
    struct fact_int tasks_per_node;
    struct fact_int gpus_per_node;
    struct fact_str gpu; /* a name of the GPU table, from "--gres=gpu:h100:8" */
    struct environment environment; /* SLURM_JOB_ID, SLURM_JOB_NUM_NODES, SLURM_NTASKS ... as the script sees
                                       them; SLURM_JOB_ID is "1" */
    const char *cannot_know; /* a word that is not an option of sbatch that we know, a heterogeneous
                                job; everything else is unknown then. Or NULL */
};

/* The words of a batch script's #SBATCH lines in their order, as sbatch reads them: up to the first line
 * that is neither empty nor a comment; quotes group, an unquoted '#' ends the line. "hetjob" lines yield
 * the word ":". In 'arena'; *count of them. */
const char *const *sbatch_directives(const char *script, struct arena *arena, int *count);

/* What the options 'word' (no program name; those of the command line behind the script's own: the last
 * of an option counts) ask for. 'env' is the environment that sbatch is called in. */
void sbatch_read(int count, const char *const *word, const struct environment *env,
                 struct arena *arena, struct sbatch_job *job);

/* "sbatch OPTIONS SCRIPT ARGS": which word is the script; 0 where there is none or it cannot be told. */
int sbatch_script(int argc, const char *const *command, struct arena *arena);

/* Fills nodes_allocated, gpus_per_node and gpu where they are not known yet. */
void sbatch_facts(const struct sbatch_job *job, struct facts *facts);

#endif
