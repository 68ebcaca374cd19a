/* Our own command line. One table of options (cli.c) from which parsing, --help and the man page come;
 * each row says which subcommands take it and where its value is stored. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_command {
    CLI_RUN,
    CLI_CHECK,
    CLI_ESTIMATE,
    CLI_EXPAND,
    CLI_RULES,
    CLI_AUDIT,
    CLI_CONVERT,
    CLI_MODELS,
    CLI_VERSION,
    CLI_COMMAND_COUNT
};

/* What we were asked; words are borrowed from argv. Unset: NULL, 0 or false. */
struct cli {
    enum cli_command command;
    int argc; /* words after our options: the wrapped command, the trainer's options or a rule id */
    const char *const *argv;

    const char *megatron;
    const char *megatron_options;
    const char *gpu;
    const char *gpu_memory;
    const char *facts;
    const char *policy;
    const char *mode;
    const char *on_error;
    const char *format;
    const char *colour;
    const char *batch;
    const char *save;
    const char *saved;
    const char *text;
    const char *all; /* first path of a sweep; argv: the others */
    const char *baseline;
    const char *write_baseline;
    const char *reports;
    const char *stage;
    const char *option;
    const char *script;
    const char *config;
    const char *deepseek;
    const char *hf;
    const char *user;
    int64_t nodes;
    const char *to;
    int64_t world_size;
    int64_t gpus_per_node;
    int64_t vocab_size;
    int64_t max_gpus;
    int64_t tp, pp, cp, ep, etp; /* with a configuration */
    double timeout; /* seconds */
    bool quiet;
    bool verbose;
    bool strict;
    bool impact;
    bool no_mpi;
    bool environment_unknown;
    bool explain_policy;
    bool log, log_stops;
};

struct cli_option {
    const char *name;
    int key;           /* short letter, or 0 */
    const char *arg;   /* what the value is called; NULL: a flag */
    unsigned commands; /* bit c: subcommand c takes it */
    enum { CLI_STRING, CLI_INT, CLI_SECONDS, CLI_FLAG } kind;
    size_t offset;           /* in struct cli */
    const char *environment; /* variable that sets it when the option is not given, or NULL */
    const char *help;
};

extern const struct cli_option cli_options[];
extern const size_t cli_option_count;

struct cli_subcommand {
    const char *name;
    const char *args; /* usage after the options */
    const char *what; /* one line */
    const char *more; /* a paragraph for --help and the man page */
    int usage_status; /* exit status of a usage error */
};

extern const struct cli_subcommand cli_subcommands[CLI_COMMAND_COUNT];

/* Exit statuses, for --help and the man page. */
struct cli_status {
    const char *commands;
    int status;
    const char *meaning;
};

extern const struct cli_status cli_statuses[];
extern const size_t cli_status_count;

/* The variable that 'text', the value of that option, was taken from, or NULL when it was given. */
const char *cli_variable_of(const char *option, const char *text);

/* Parses argv, which it may reorder. Prints help or a usage error and exits as documented; returns
 * otherwise. */
void cli_parse(int argc, char **argv, struct cli *cli);

#endif
