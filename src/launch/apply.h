/* What each launcher's options mean: the apply functions of the rows in launchers.c. Each is called
 * once its options and operands were read and before the words move on. */
#ifndef LAUNCH_APPLY_H
#define LAUNCH_APPLY_H

#include "launch/peel.h"

struct sbatch_job;

/* What the options in 'given' of sbatch or salloc ask for; the trainer's environment becomes the job's. */
void sbatch_of_options(struct peel *peel, struct sbatch_job *job);

/* What belongs to the step or node we are in, not to the one that srun or sbatch makes; NULL ends. */
extern const char *const own_step_variables[];

/* The environment of the first of the workers that an agent (torchrun and its kin) starts. */
void set_worker_environment(struct peel *peel, const struct launch_layer *layer);

/* GPUs that an agent will find on a node: what srun in front was asked for, else what this process sees, if
 * the agent runs here. */
struct fact_int gpus_here(const struct peel *peel);

/* Behind the options of an agent: a script, a module or, with 'any_program', a command like any other. */
void take_script(struct peel *peel, bool module, bool any_program);

void apply_env(struct peel *peel, struct launch_layer *layer);
void apply_python(struct peel *peel, struct launch_layer *layer);
void apply_shell(struct peel *peel, struct launch_layer *layer);
void apply_torchrun(struct peel *peel, struct launch_layer *layer);
void apply_torch_launch(struct peel *peel, struct launch_layer *layer);
void apply_deepspeed(struct peel *peel, struct launch_layer *layer);
void apply_accelerate(struct peel *peel, struct launch_layer *layer);
void apply_srun(struct peel *peel, struct launch_layer *layer);
void apply_mpirun(struct peel *peel, struct launch_layer *layer);
void apply_sbatch(struct peel *peel, struct launch_layer *layer);
void apply_taskset(struct peel *peel, struct launch_layer *layer);
void apply_conda(struct peel *peel, struct launch_layer *layer);
void apply_managed(struct peel *peel, struct launch_layer *layer);
void apply_uv(struct peel *peel, struct launch_layer *layer);
void apply_container(struct peel *peel, struct launch_layer *layer);

#endif
