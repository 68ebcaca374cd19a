/* Numbers that launchers are given, and where they come from. */
#ifndef LAUNCH_COUNT_H
#define LAUNCH_COUNT_H

#include "launch/peel.h"

/* A whole decimal number >= 0; false for anything else. */
bool count_read(const char *text, int64_t *count);

/* 'count' items, said to come from 'source'. */
struct fact_int count_of(int64_t count, const char *source);

/* The value of an environment variable of the trainer's, as a count; unknown when unset or no
 * number. */
struct fact_int count_in_environment(const struct peel *peel, const char *name);

/* Devices in "gpu:a100:8", "gpu:8", "8", "a100:4", "gpu:2,shard:1"; -1 when there is no number of
 * GPUs. */
int64_t count_gpus(const char *gres);

/* The sum of "8(x2),4": tasks on all nodes; -1 when malformed. */
int64_t count_tasks_per_node(const char *text);

/* Hosts in "n[1-8],m3"; -1 when it cannot be counted. */
int64_t count_hosts(const char *list);

/* The program's name and the words of the named options as they were written: "torchrun --nnodes 8
 * --nproc_per_node=8"; the names end with NULL. Also fills layer->place where the words are words
 * of the command. */
const char *count_source(struct peel *peel, struct launch_layer *layer, const char *const *names);

#endif
