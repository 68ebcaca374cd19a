#include "cli/cli.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN (1u << CLI_RUN)
#define CHECK (1u << CLI_CHECK | 1u << CLI_ESTIMATE)
#define RULES (1u << CLI_RULES)
#define AUDIT (1u << CLI_AUDIT)
#define EXPAND (1u << CLI_EXPAND)
#define SCRIPT (1u << CLI_CHECK | EXPAND | CONVERT)
#define CONVERT (1u << CLI_CONVERT)
#define MODELS (1u << CLI_MODELS)
#define JOB (RUN | CHECK)
#define FIELD(name) offsetof(struct cli, name)

const struct cli_option cli_options[] = {
    { "megatron", 0, "RELEASE", JOB | RULES | MODELS, CLI_STRING, FIELD(megatron), NULL,
      "release of Megatron-LM to follow, as 0.16.0 or main (default: read from the tree next to the "
      "trainer script; unknown: every release is walked and only what stops all of them is fatal)" },
    { "megatron-options", 0, "FILE", JOB, CLI_STRING, FIELD(megatron_options),
      "MEGATRON_PREFLIGHT_OPTIONS",
      "options that a fork adds or changes, one a line, as in configs/megatron/options" },
    { "world-size", 0, "N", JOB, CLI_INT, FIELD(world_size), NULL,
      "number of ranks (default: from the launcher or the environment)" },
    { "gpu", 0, "NAME", JOB | MODELS, CLI_STRING, FIELD(gpu), "MEGATRON_PREFLIGHT_GPU",
      "GPU the job will run on, as H100-80GB (default: asked of the driver where the job will run)" },
    { "gpu-memory", 0, "SIZE", JOB, CLI_STRING, FIELD(gpu_memory), NULL,
      "memory a job can use on one GPU, as 79GiB" },
    { "gpus-per-node", 0, "N", JOB | CONVERT | EXPAND, CLI_INT, FIELD(gpus_per_node), NULL, "GPUs of one node" },
    { "nodes", 0, "N", SCRIPT, CLI_INT, FIELD(nodes), NULL,
      "nodes that a script's job gets (default: from its #SBATCH lines)" },
    { "user", 0, "NAME", SCRIPT, CLI_STRING, FIELD(user), NULL,
      "as root: whose rights a script is run with (default: $SUDO_USER, else its owner)" },
    { "vocab-size", 0, "N", JOB, CLI_INT, FIELD(vocab_size), NULL,
      "entries of the tokenizer, before padding" },
    { "script", 0, "NAME", CHECK, CLI_STRING, FIELD(script), NULL,
      "trainer script when only its options are given (default: pretrain_gpt.py)" },
    { "config", 0, "FILE", CHECK, CLI_STRING, FIELD(config), NULL,
      "take the job from this configuration, YAML with the sections model, parallelism, training, precision, "
      "infrastructure and megatron; options of the trainer after -- are added" },
    { "deepseek", 0, "FILE", CHECK, CLI_STRING, FIELD(deepseek), NULL,
      "take the job from this DeepSeek-V3 style JSON (sections model.mla, model.moe, distributed, training); a "
      "deepspeed_config.json beside it fills what it leaves open" },
    { "hf", 0, "FILE", CHECK, CLI_STRING, FIELD(hf), NULL,
      "take the model from this Hugging Face config.json; sequence length, batch and precision are assumed and said, "
      "options of the trainer after -- set others" },
    { "gpus", 0, "N", MODELS, CLI_INT, FIELD(world_size), NULL, "how many GPUs there are" },
    { "num-gpus", 0, "N", CHECK | CONVERT, CLI_INT, FIELD(world_size), NULL, "the same as --world-size" },
    { "tp", 0, "N", CHECK | CONVERT, CLI_INT, FIELD(tp), NULL,
      "tensor parallel size, in place of the configuration's" },
    { "pp", 0, "N", CHECK | CONVERT, CLI_INT, FIELD(pp), NULL,
      "pipeline parallel size, in place of the configuration's" },
    { "cp", 0, "N", CHECK | CONVERT, CLI_INT, FIELD(cp), NULL,
      "context parallel size, in place of the configuration's" },
    { "ep", 0, "N", CHECK | CONVERT, CLI_INT, FIELD(ep), NULL,
      "expert parallel size, in place of the configuration's" },
    { "etp", 0, "N", CHECK | CONVERT, CLI_INT, FIELD(etp), NULL,
      "expert tensor parallel size, in place of the configuration's" },
    { "to", 0, "FORMAT", CONVERT, CLI_STRING, FIELD(to), NULL,
      "flags: options of Megatron's, one a line, quoted for a shell; yaml: a configuration" },
    { "impact", 0, NULL, 1u << CLI_ESTIMATE, CLI_FLAG, FIELD(impact), NULL,
      "replay the job with each of its sizes halved and doubled, and say what that does to its memory" },
    { "facts", 0, "FILE", JOB, CLI_STRING, FIELD(facts), NULL,
      "take every fact from this JSON object and look at nothing" },
    { "policy", 0, "FILE", JOB, CLI_STRING, FIELD(policy), "MEGATRON_PREFLIGHT_POLICY",
      "policy over the site's, YAML: a file, a directory with policy.yaml and policy.d, or the keys "
      "themselves between braces. The site's own, in " SYSCONFDIR "/megatron-preflight, is read "
      "first, except for check with --batch or --facts, whose answers depend on nothing of this "
      "machine" },
    { "explain-policy", 0, NULL, JOB, CLI_FLAG, FIELD(explain_policy), NULL,
      "print every key of the policy with its value and what set it; start nothing" },
    { "log", 0, NULL, 1u << CLI_CHECK, CLI_FLAG, FIELD(log), NULL,
      "write the decision to the policy's log, as run does: for hooks" },
    { "log-stops", 0, NULL, 1u << CLI_CHECK, CLI_FLAG, FIELD(log_stops), NULL,
      "the same only where the job is stopped: for hooks behind one that wrote it" },
    { "max-gpus", 0, "N", JOB, CLI_INT, FIELD(max_gpus), NULL, "the most GPUs the job may use" },
    { "mode", 0, "MODE", JOB, CLI_STRING, FIELD(mode), "MEGATRON_PREFLIGHT",
      "enforce (default), warn (say it, let the job go), observe (say nothing, let it go) or off" },
    { "on-error", 0, "WHAT", RUN, CLI_STRING, FIELD(on_error), NULL,
      "what our own failure does: run the job (default) or block it" },
    { "timeout", 0, "SECONDS", RUN | SCRIPT, CLI_SECONDS, FIELD(timeout), NULL,
      "how long ranks wait for each other (default 60), then each decides alone; how long a script "
      "may take (default 10)" },
    { "no-mpi", 0, NULL, RUN, CLI_FLAG, FIELD(no_mpi), "MEGATRON_PREFLIGHT_NO_MPI",
      "let each rank decide alone; only rank 0 prints" },
    { "format", 0, "FORMAT", CHECK, CLI_STRING, FIELD(format), NULL,
      "text (default), json, or for CI systems sarif, junit, github, gitlab, markdown or html" },
    { "format", 0, "FORMAT", EXPAND | RULES | AUDIT, CLI_STRING, FIELD(format), NULL,
      "text (default) or json" },
    { "batch", 0, "FILE", 1u << CLI_CHECK, CLI_STRING, FIELD(batch), NULL,
      "check one JSON record a line ('-': standard input), print one report a line" },
    { "environment-unknown", 0, NULL, 1u << CLI_CHECK, CLI_FLAG, FIELD(environment_unknown), NULL,
      "the script will find another environment than this process's: what it takes from there is not known" },
    { "save", 0, "FILE", 1u << CLI_CHECK, CLI_STRING, FIELD(save), NULL,
      "leave what was checked in FILE, for --saved" },
    { "saved", 0, "FILE", 1u << CLI_CHECK, CLI_STRING, FIELD(saved), NULL,
      "check what --save left, with the GPUs of this machine and its part of the Slurm job" },
    { "text", 0, "FILE", 1u << CLI_CHECK, CLI_STRING, FIELD(text), NULL,
      "check a batch script by its text alone and run nothing of it; what only a shell can know is not known" },
    { "all", 0, "PATH", 1u << CLI_CHECK, CLI_STRING, FIELD(all), NULL,
      "check every launch of the scripts and configurations below a directory, or of a file; words "
      "behind it are further paths" },
    { "baseline", 0, "FILE", 1u << CLI_CHECK, CLI_STRING, FIELD(baseline), NULL,
      "with --all: findings of this file are known, not shown and stop nothing" },
    { "write-baseline", 0, "FILE", 1u << CLI_CHECK, CLI_STRING, FIELD(write_baseline), NULL,
      "with --all: make what is found now the known findings" },
    { "reports", 0, "FORMAT=FILE[,...]", 1u << CLI_CHECK, CLI_STRING, FIELD(reports), NULL,
      "with --all: write these files besides, as sarif=a.sarif,junit=b.xml" },
    { "strict", 0, NULL, CHECK, CLI_FLAG, FIELD(strict), NULL,
      "exit with 3 when something that matters cannot be known" },
    { "stage", 0, "STAGE", RULES, CLI_STRING, FIELD(stage), NULL, "only rules of this stage" },
    { "option", 0, "NAME", RULES, CLI_STRING, FIELD(option), NULL,
      "only rules that read this option of the trainer, as --seq-length, or this variable, as "
      "'$CUDA_DEVICE_MAX_CONNECTIONS'" },
    { "color", 0, "WHEN", JOB, CLI_STRING, FIELD(colour), NULL,
      "auto (default: on a terminal and without NO_COLOR), always or never" },
    { "quiet", 'q', NULL, JOB, CLI_FLAG, FIELD(quiet), NULL, "print only what stops the job" },
    { "verbose", 'v', NULL, JOB, CLI_FLAG, FIELD(verbose), NULL,
      "print the facts used, notes and every memory component" },
};
const size_t cli_option_count = sizeof(cli_options) / sizeof(cli_options[0]);

const struct cli_subcommand cli_subcommands[CLI_COMMAND_COUNT] = {
    [CLI_RUN] = { "run", "COMMAND [ARGS...]", "check the job, then become it or stop it (default)",
                  "Put it in front of torchrun, srun or mpirun, or between them and the trainer. "
                  "Everything printed goes to standard error; the job keeps its own streams, "
                  "environment, descriptors and exit status.",
                  125 },
    [CLI_CHECK] = { "check", "COMMAND [ARGS...] | [sbatch [OPTIONS...]] SCRIPT [ARGS...] | -- TRAINER-OPTIONS | --all PATH...",
                    "say whether the job can run; start nothing",
                    "Takes a whole launch command, or after -- only the trainer's options. Where the first "
                    "word is a file that begins with #! and a shell, or ends in .sh, .bash, .sbatch or "
                    ".slurm, and is not itself a launcher, it is a script: it is expanded as by 'expand' and "
                    "every launch in it is checked; the worst verdict is the script's.",
                    2 },
    [CLI_ESTIMATE] = { "estimate", "COMMAND [ARGS...] | -- TRAINER-OPTIONS",
                       "print the memory of every pipeline stage; start nothing",
                       "As check, with every component of the estimate.", 2 },
    [CLI_EXPAND] = { "expand", "SCRIPT [ARGS...]",
                     "list the launches of a shell or sbatch script; start none",
                     "Runs the script with the real bash in a sandbox: no network, no privileges, nothing that it "
                     "writes stays, a deadline; launchers and cluster tools are replaced by programs that "
                     "record how they are called. #SBATCH lines, --nodes and --gpus-per-node say what the job "
                     "is given. What could not be followed is listed. Needs user namespaces; never runs a "
                     "script as root.",
                     2 },
    [CLI_RULES] = { "rules", "[ID]", "list the rules, or explain one",
                    "A rule's id is what a finding is called. With one: what must hold and why, the releases that "
                    "ask it and where in Megatron's source, an example that fails and one that passes. "
                    "'rules guide' lists where guides about Megatron and Megatron itself disagree, 'rules deepseek' what each field of a DeepSeek-V3 style JSON becomes.",
                    2 },
    [CLI_MODELS] = { "models", "[NAME]", "list the models that come with the program, or which of them fit",
                     "Without options: what there is, with parameters and the memory of its own layout. With --gpus and "
                     "--gpu: which of the DeepSeek-V3 style sizes fit, in the layout with the fewest pipeline stages that does. NAME "
                     "prints that configuration; --hf NAME and --deepseek NAME take it as if it were a file.",
                     2 },
    [CLI_CONVERT] = { "convert", "FILE --to flags|yaml", "turn a configuration into options, or options into one",
                      "FILE is a configuration (its name ends in .yaml or .yml), options of Megatron's, a plain "
                      "launch command, or a script, of which the first launch is taken. Options say nothing of the number of ranks: --num-gpus does. What is assumed "
                      "or left out is said on standard error.",
                      2 },
    [CLI_AUDIT] = { "audit", "LOG...", "say what a site's logs of decisions hold, or would have held",
                    "A LOG is what the policy's key log names; '-' is standard input. Counts the decisions, those "
                    "that stopped a job or would have in mode enforce, by rule and by user, and the GPUs they asked "
                    "for. Lines that are no decision are counted and named.",
                    2 },
    [CLI_VERSION] = { "version", "", "print the version and the releases of Megatron-LM known",
                      "Also as megatron-preflight --version.", 2 },
};

const struct cli_status cli_statuses[] = {
    { "run", 0, "the job's own status, as any other not listed here" },
    { "run", 75, "undecided, with --on-error block" },
    { "run", 78, "stopped by the verdict" },
    { "run", 125, "usage error of megatron-preflight itself" },
    { "run", 126, "the command was found but could not be started" },
    { "run", 127, "the command was not found" },
    { "check estimate", 0, "go, perhaps with warnings" },
    { "check estimate", 1, "stop" },
    { "check estimate", 2, "usage error or bad input" },
    { "check estimate", 3, "cannot know, with --strict" },
    { "expand", 0, "the script was run; what was found is listed" },
    { "expand", 2, "usage error, or the script cannot be run here" },
};
const size_t cli_status_count = sizeof(cli_statuses) / sizeof(cli_statuses[0]);

static const struct cli_option *find_option(const char *word, size_t length)
{
    for (size_t i = 0; i < cli_option_count; i++)
        if (strlen(cli_options[i].name) == length && strncmp(cli_options[i].name, word, length) == 0)
            return &cli_options[i];
    return NULL;
}

/* Does the word after this option belong to it? */
static bool takes_next_word(const char *word)
{
    const struct cli_option *option;
    size_t n;

    if (strncmp(word, "--", 2) != 0)
        return false;
    n = strcspn(word + 2, "=");
    option = find_option(word + 2, n);
    return option && option->arg && word[2 + n] != '=';
}

static bool is_subcommand(const char *word, enum cli_command *command)
{
    for (int c = 0; c < CLI_COMMAND_COUNT; c++) {
        if (strcmp(word, cli_subcommands[c].name) == 0) {
            *command = (enum cli_command)c;
            return true;
        }
    }
    return false;
}

/* Index of the subcommand's word, or 0 without one; options may stand in front of it. */
static int find_subcommand(int argc, char **argv, enum cli_command *command)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            return is_subcommand(argv[i], command) ? i : 0;
        if (strcmp(argv[i], "--") == 0)
            return 0;
        i += takes_next_word(argv[i]);
    }
    return 0;
}

/* As the keys of a configuration: products of a few of these stay far from the end of int64_t. */
enum { NUMBER_MOST = 67108864 };

/* NULL, or what is wrong with the text. */
static const char *store(struct cli *cli, const struct cli_option *option, const char *text)
{
    void *value = (char *)cli + option->offset;
    char *end;

    switch (option->kind) {
    case CLI_STRING:
        *(const char **)value = text;
        return NULL;
    case CLI_FLAG:
        *(bool *)value = true;
        return NULL;
    case CLI_INT:
        *(int64_t *)value = strtoll(text, &end, 10);
        if (end == text || *end || *(int64_t *)value <= 0)
            return "a positive number";
        return *(int64_t *)value > NUMBER_MOST ? "a number up to 67108864" : NULL;
    case CLI_SECONDS:
        *(double *)value = strtod(text, &end);
        return end == text || *end || !(*(double *)value > 0 && *(double *)value <= 1e6)
                   ? "a number of seconds"
                   : NULL;
    }
    return NULL;
}

const char *cli_variable_of(const char *name, const char *text)
{
    const struct cli_option *option = find_option(name, strlen(name));

    return text && option->environment && getenv(option->environment) == text ? option->environment
                                                                              : NULL;
}

/* Of the environment only texts are taken: a stray number must not keep a job from starting. */
static void from_environment(struct cli *cli)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const char *name = cli_options[i].environment;
        const char *text = name ? getenv(name) : NULL;

        if (text && *text && (cli_options[i].commands >> cli->command & 1))
            store(cli, &cli_options[i], text);
    }
}

enum { KEY_FIRST = 0x100 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct cli *cli = state->input;
    const char *wrong;

    if (key == ARGP_KEY_ARG && (cli->command == CLI_RULES || cli->command == CLI_CONVERT ||
                                cli->command == CLI_MODELS)) {
        if (cli->argc++)
            argp_error(state, "one %s at a time: '%s' is too much",
                       cli->command == CLI_RULES    ? "rule" :
                       cli->command == CLI_MODELS ? "model" :
                                                    "file",
                       arg);
        cli->argv = (const char *const *)&state->argv[state->next - 1];
        return 0;
    }
    if (key == ARGP_KEY_ARG && cli->all) { /* options may follow: words that were read make room */
        state->argv[1 + cli->argc++] = arg;
        cli->argv = (const char *const *)&state->argv[1];
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        cli->argv = (const char *const *)&state->argv[state->next - 1];
        cli->argc = state->argc - state->next + 1;
        state->next = state->argc;
        return 0;
    }
    for (size_t i = 0; i < cli_option_count; i++) {
        if (key != KEY_FIRST + (int)i && (!cli_options[i].key || key != cli_options[i].key))
            continue;
        wrong = store(cli, &cli_options[i], arg);
        if (wrong)
            argp_error(state, "--%s: '%s' is not %s", cli_options[i].name, arg, wrong);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static void print_statuses(FILE *out, const char *command)
{
    bool first = true;

    for (size_t i = 0; i < cli_status_count; i++) {
        if (!strstr(cli_statuses[i].commands, command))
            continue;
        if (first)
            fputs("\nExit status:\n", out);
        first = false;
        fprintf(out, "  %3d  %s\n", cli_statuses[i].status, cli_statuses[i].meaning);
    }
}

/* argp's documentation: one line, then behind a vertical tab what stands under the options. */
static char *documentation(enum cli_command command)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "%s\v%s\n", cli_subcommands[command].what, cli_subcommands[command].more);
    if (command == CLI_RUN) {
        fputs("\nSubcommands (each has --help):\n", out);
        for (int c = 0; c < CLI_COMMAND_COUNT; c++)
            fprintf(out, "  %-9s %s\n", cli_subcommands[c].name, cli_subcommands[c].what);
    }
    print_statuses(out, cli_subcommands[command].name);
    fclose(out);
    return text;
}

static void fill_argp_options(struct argp_option *row, enum cli_command command)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        if (!(cli_options[i].commands >> command & 1))
            continue;
        row->name = cli_options[i].name;
        row->key = cli_options[i].key ? cli_options[i].key : KEY_FIRST + (int)i;
        row->arg = cli_options[i].arg;
        row->doc = cli_options[i].help;
        row++;
    }
}

void cli_parse(int argc, char **argv, struct cli *cli)
{
    struct argp_option options[sizeof(cli_options) / sizeof(cli_options[0]) + 1] = { 0 };
    struct argp argp = { .options = options, .parser = parse };
    static char name[64] = "megatron-preflight", version[] = "version";
    char *doc;
    int at;

    memset(cli, 0, sizeof(*cli));
    cli->command = CLI_RUN;
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    at = find_subcommand(argc, argv, &cli->command);
    if (at) {
        memmove(&argv[at], &argv[at + 1], (size_t)(argc - at) * sizeof(*argv));
        argc--;
        snprintf(name, sizeof(name), "megatron-preflight %s", cli_subcommands[cli->command].name);
    }
    fill_argp_options(options, cli->command);
    doc = documentation(cli->command);
    argp.args_doc = cli_subcommands[cli->command].args;
    argp.doc = doc;
    argp_err_exit_status = cli_subcommands[cli->command].usage_status;
    argv[0] = name;
    from_environment(cli);
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, cli);
    free(doc);
}
