/* The last steps of 'run': agree with the other ranks, warn of what went wrong on the way, become
 * the job or end with a status that says why not. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <stdbool.h>

#include "cluster/cluster.h"

struct run {
    const char *const *command;     /* the job's words, NULL-terminated */
    struct cluster_options cluster; /* its environment is the job's, too */
    const struct cluster_facts *mine;
    cluster_decide_fn *decide; /* reads, thinks and, where it speaks, prints the report to stderr */
    void *data;
    bool block_on_error; /* policy on_error: block: an agreement that failed stops the job */
};

/* Returns only when the job was not started: the exit status. Messages go to stderr. */
int run_job(const struct run *run);

#endif
