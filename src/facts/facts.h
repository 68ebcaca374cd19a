/* What is known of the world: the only things besides argv and policy that a verdict depends on. A
 * fact is {known or not, value, source}; an unknown fact never makes a rule fail. facts_gather() is
 * the only function of the whole program that looks (environment, Megatron tree, packages, GPUs,
 * allocation); facts_read() takes them from a JSON object instead, and then nothing is looked at.
 */
#ifndef FACTS_FACTS_H
#define FACTS_FACTS_H

#include <jansson.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/environment.h"
#include "base/error.h"
#include "base/files.h"
#include "megatron/release.h"

struct cluster_facts; /* cluster/cluster.h */

struct fact_int {
    bool known;
    int64_t value;
    const char
        *source; /* "torchrun --nnodes 8", "NVML device 0", "--gpu H100-80GB"; NULL if unknown */
};

struct fact_str {
    bool known;
    const char *value; /* a known package that is not there: "" */
    const char *source;
};

struct facts {
    struct environment environment;   /* what the trainer sees */
    struct files files; /* that launchers read: deepspeed's hostfile, accelerate's configuration */
    struct fact_str megatron;         /* release text as found: "0.16.0", "main" */
    struct fact_str megatron_tree;    /* directory that holds megatron/ */
    struct fact_str megatron_changed; /* rule-bearing files that differ from the release's,
                                         separated by blanks; known and "": none */
    struct fact_str places_gone; /* of rules whose statement those files no longer have ("id" or "id/place" of
                                    places.tsv), separated by blanks */
    struct fact_str options_in_tree;  /* of the trainer's options that its release does not know,
                                         those  that its script or tree mentions, separated by blanks;
                                         known only  after a complete search */
    struct fact_str script_options;   /* what the trainer's script adds to Megatron's, in the format of
                                         --megatron-options */
    struct fact_str script_parser;    /* "open positionals ignores-unknown changes-argv", any of them: what the
                                         script does to the command line besides (open: options whose
                                         names Python makes); known and "": nothing */
    struct fact_str gpu;              /* a name of the GPU table */
    struct fact_str gpu_uuid; /* of the one device this rank will use; only where we are a rank */
    struct fact_int gpu_memory_bytes; /* usable by one job's process, not nominal */
    struct fact_int gpu_arch;         /* compute capability x 10: 90 for Hopper */
    struct fact_int gpu_free_bytes;   /* of gpu_memory_bytes, when looked at */
    struct fact_str gpu_holders;      /* processes on the job's GPUs when looked at, in words */
    struct fact_int gpus_per_node;    /* allocated to this launch on one node */
    struct fact_int
        gpus_visible; /* to this process, once the job is here: CUDA_VISIBLE_DEVICES, NVML */
    struct fact_int nodes_allocated; /* nodes of the allocation */
    struct fact_int nvlink_domain;   /* GPUs that share NVLink: 8, 72 */
    struct fact_int vocab_size;      /* what the tokenizer holds, before padding */
    struct fact_int padded_vocab_size;
    struct fact_str path;      /* the file that holds the launch, or the directory it is started from */
    struct fact_str partition; /* of Slurm */
    struct fact_str torch; /* versions, "" when not installed */
    struct fact_str transformer_engine;
    struct fact_str apex;
    struct fact_str flash_attn;
    struct fact_str cudnn;
    struct fact_str python;
    const struct cluster_facts
        *ranks; /* of all ranks that compare with each other, NULL: not compared */
    size_t rank_count;
};

/* All facts unknown. */
void facts_init(struct facts *facts);

/* Is there a fact of that name? */
bool facts_has(const char *name);

/* Sets facts from a JSON object (--facts FILE, a batch record's "facts", "env", "megatron", "gpu").
 * Unknown names and wrong types are errors that name the key. Strings are copied to 'arena'. */
int facts_read(struct facts *facts, json_t *object, struct arena *arena, struct error *err);

/* The known facts that do not depend on the machine: Megatron's tree, packages, vocabulary. The caller
 * decrefs. */
json_t *facts_of_job(const struct facts *facts);

/* One line for each known fact with its source, then the names of the unknown ones. */
void facts_print(const struct facts *facts, FILE *out);

/* Fills gpu_arch, gpu_memory_bytes and nvlink_domain from the GPU table where 'gpu' is known and
 * they are not. */
void facts_from_gpu(struct facts *facts);

/* The release of facts->megatron, or RELEASE_UNKNOWN. */
enum release facts_release(const struct facts *facts);

/* -1, 0 or 1 as the version 'have' is older than, equal to or newer than 'want' ("2.9.0.post1" >
 * "2.9"); both must be non-empty. */
int version_compare(const char *have, const char *want);

/* Is the package known to be installed and older than 'version'? */
bool version_below(const struct fact_str *package, const char *version);

#endif
