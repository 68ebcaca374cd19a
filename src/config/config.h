/* The configuration file of a job, in whatever format, as the options of a launch: a reader turns
 * every key into options of Megatron's and says where each stands in the file; from there the job
 * goes the ordinary road (launch_from_argv, walk, memory, report), and what is found points back
 * into the file. Adding a format is one function of type config_reader and a row in config_formats.
 *
 * Texts live in the config's arena. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "facts/facts.h"
#include "launch/launch.h"
#include "rules/findings.h"

/* Where something stands. */
struct config_place {
    const char *key;  /* "training.seq_length", or a JSON pointer "/model/moe/num_experts" */
    int line, column; /* from 1; 0: not known, or not in the file */
};

/* Who asked for an option: a later one wins over those before it. */
enum config_giver {
    CONFIG_ASSUMED, /* nobody, but Megatron wants it or models of this kind have it */
    CONFIG_DEFAULT, /* the format's own default, where Megatron's is another */
    CONFIG_FILE,
    CONFIG_OPTION, /* --tp and its kin */
};

struct config_option {
    const char *name; /* "--hidden-size" */
    int count;        /* of values; 0: a flag */
    const char *const *value;
    enum config_giver giver;
    struct config_place place;
    const char *why; /* of what is assumed, else NULL */
};

/* A size of the launch; value 0: not said. */
struct config_size {
    int64_t value;
    struct config_place place;
};

/* What somebody wrote about this configuration, to stand beside the estimate. */
struct config_published {
    struct config_place place;
    const char *gb_per_gpu; /* as written, 10^9 bytes; NULL: not said */
    int64_t data_parallel_size;
    const char *assumed_shape; /* whose sizes the model has, or NULL */
};

struct config {
    const char *path;   /* as errors and findings show it */
    const char *format; /* "configuration guide" */
    const char *others; /* how what it does not say is set */
    struct arena *arena;
    size_t count, capacity;
    struct config_option *option;
    struct config_size world;
    struct config_size gpus_per_node;
    struct config_size vocab_size; /* entries of the tokenizer, before padding */
    const char *gpu;               /* a name of the GPU table, or NULL */
    struct config_published published;
    size_t refused_count, refused_capacity;
    const char **refused;  /* options that must not be assumed */
    struct findings notes; /* what to say besides: each is copied to the report */
    const char *(*key_of)(
        const char *option); /* where the format has an option, NULL where it has none */
};

/* Reads 'path' into 'config', which config_init() prepared. -1 with 'err' set to "path:line:column:
 * ..." or "path: /pointer: ..." for bad input. */
typedef int config_reader(struct config *config, const char *path, struct error *err);

config_reader guide_read; /* the configuration guide's YAML */
config_reader deepseek_read; /* a DeepSeek-V3 style JSON */
config_reader hf_read;    /* a Hugging Face config.json */
config_reader json_read;  /* either of these two */
config_reader flags_read; /* Megatron's options, or the command that starts a job */

/* The same from a launch taken apart, for 'config' with a path. */
int flags_of_launch(struct config *config, const struct launch *launch, struct error *err);

void config_init(struct config *config, struct arena *arena);

/* Adds an option or, where there is one of that name, replaces it unless that was asked for by
 * somebody stronger. 'value' NULL: a flag. Texts are copied. */
void config_set(struct config *config, enum config_giver giver, struct config_place place,
                const char *name, const char *value);
void config_set_words(struct config *config, enum config_giver giver, struct config_place place,
                      const char *name, int count, const char *const *value);
void config_set_int(struct config *config, enum config_giver giver, struct config_place place,
                    const char *name, int64_t value);

/* Takes an option out again, if it is there. */
void config_remove(struct config *config, const char *name);

/* The option of that name, or NULL. */
const struct config_option *config_find(const struct config *config, const char *name);

/* Its first value as a number, 'fallback' without one. */
int64_t config_int(const struct config *config, const char *name, int64_t fallback);

/* Adds a finding to the notes; 'id' is a rule of the guide table (guide.h) or starts with
 * "config-". */
void config_note(struct config *config, enum severity severity, const char *id,
                 struct config_place place, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* What the readers leave open: options without which Megatron does not start (data, tokenizer,
 * learning rate) and what models of this kind have (assumed.c). After the reader and the command
 * line's sizes. */
void config_assume(struct config *config);

/* The file says that an option is not wanted: it is neither assumed nor a default. */
void config_refuse(struct config *config, const char *name);

/* Every option as words of a trainer's argv; *count is set. */
const char *const *config_argv(const struct config *config, int *count);

/* The launch of 'script' with these options and sizes, then 'argc' words more, in an environment
 * that is not known. */
void config_launch(const struct config *config, const char *script, int argc,
                   const char *const *argv, struct launch *launch);

/* Sets the facts that the configuration knows: the GPU, the GPUs of a node, the vocabulary. */
void config_facts(const struct config *config, struct facts *facts);

struct report;

/* Adds the notes to a report about config_launch()'s launch, turns words of its argv into places of
 * the file, and edits of its options into edits of the file's keys. */
void config_localize(const struct config *config, struct arena *arena, struct report *report);

#endif
