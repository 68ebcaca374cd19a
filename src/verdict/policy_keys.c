#include "verdict/policy_keys.h"

#include <string.h>

#define AT(field) offsetof(struct policy, field)
#define IN_SCOPE(field) offsetof(struct policy_scope, field)

const char *const policy_mode_names[MODE_COUNT] = {
    [MODE_ENFORCE] = "enforce",
    [MODE_WARN] = "warn",
    [MODE_OBSERVE] = "observe",
    [MODE_OFF] = "off",
};

const char *const policy_severity_names[SEVERITY_COUNT + 1] = {
    [SEVERITY_NOTE] = "note",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_ERROR] = "error",
    [SEVERITY_COUNT] = "ignore",
};

const struct policy_key_row policy_keys[POLICY_KEY_COUNT] = {
    [POLICY_ALLOWED_GPUS] = { "allowed_gpus", KEY_WORDS, STRICTER_NONE, AT(allowed_gpus),
                              IN_SCOPE(allowed_gpus), NULL, "[NAME, ...]",
                              "the GPUs a job may run on, by the names of --gpu; '*' stands for "
                              "any letters. "
                              "An empty list allows all" },
    [POLICY_BYPASS] = { "bypass", KEY_BYPASS, STRICTER_NONE, AT(bypass), 0, NULL,
                        "{users: [NAME, ...], groups: [NAME, ...]}",
                        "whose jobs start whatever is found; names or numbers. What would have "
                        "stopped them is "
                        "said in one line and always logged, to syslog where 'log' is not set" },
    [POLICY_FORBIDDEN_OPTIONS] = { "forbidden_options", KEY_OPTIONS, STRICTER_NONE,
                                   AT(forbidden_options), 0, NULL,
                                   "[--OPTION, --OPTION VALUE, ...]",
                                   "options of the trainer that stop a job: always, or with that "
                                   "value. "
                                   "Judged by the value that Megatron would train with, so another "
                                   "spelling "
                                   "of the option changes nothing" },
    [POLICY_GPU] = { "gpu", KEY_STRING, STRICTER_NONE, AT(gpu), IN_SCOPE(gpu), NULL, "NAME",
                     "the GPU that jobs run on, as H100-80GB, where the driver cannot be asked" },
    [POLICY_GPU_MEMORY] = { "gpu_memory", KEY_SIZE, STRICTER_NONE, AT(gpu_memory_bytes),
                            IN_SCOPE(gpu_memory_bytes), NULL, "SIZE",
                            "the memory that a job can use on one GPU, as 79GiB" },
    [POLICY_HEADROOM] = { "headroom", KEY_FRACTION, STRICTER_LOWER, AT(headroom), 0, NULL,
                          "FRACTION",
                          "an expected peak above this part of a GPU's memory is a warning" },
    [POLICY_LOCKED] = { "locked", KEY_LOCKED, STRICTER_NONE, AT(locked), 0, NULL,
                        "[KEY, ...] or all",
                        "keys that no user's file, option or variable can loosen; an attempt is "
                        "said and "
                        "changes nothing. A stricter value is taken" },
    [POLICY_LOG] = { "log", KEY_STRING, STRICTER_NONE, AT(log), 0, NULL, "PATH or syslog",
                     "where each decision of 'run' is written, one JSON object a line; %u in the "
                     "path is the "
                     "user, %h the host. A log that cannot be written warns and stops nothing" },
    [POLICY_MAX_GPUS] = { "max_gpus", KEY_COUNT, STRICTER_LOWER, AT(max_gpus), IN_SCOPE(max_gpus),
                          NULL, "N or none", "the most GPUs one job may use" },
    [POLICY_MODE] = { "mode", KEY_CHOICE, STRICTER_LOWER, AT(mode), 0, "enforce warn observe off",
                      NULL,
                      "what is done with a verdict: enforce stops what cannot run; warn says it "
                      "and lets the job go; "
                      "observe lets it go, logs and says nothing; off looks at nothing" },
    [POLICY_MODIFIED_TREE] = { "modified_tree", KEY_CHOICE, STRICTER_NONE, AT(modified_tree), 0,
                               "grid all nothing", NULL,
                               "what may stop a job whose Megatron differs from its release: the "
                               "parallel grid, "
                               "divisibility, batch and memory; all rules; nothing" },
    [POLICY_ON_ERROR] = { "on_error", KEY_CHOICE, STRICTER_HIGHER, AT(on_error), 0, "run block",
                          NULL,
                          "what our own failure does: run the job, or block it with status 75" },
    [POLICY_PARTITIONS] = { "partitions", KEY_SCOPES, STRICTER_NONE, AT(partitions), 0, NULL,
                            "{PATTERN: {KEY: VALUE, ...}, ...}",
                            "max_gpus, allowed_gpus, gpu and gpu_memory for the jobs of some Slurm "
                            "partitions; "
                            "read after 'paths'" },
    [POLICY_PATHS] = { "paths", KEY_SCOPES, STRICTER_NONE, AT(paths), 0, NULL,
                       "{PATTERN: {KEY: VALUE, ...}, ...}",
                       "max_gpus, allowed_gpus, gpu and gpu_memory for the launches of some files "
                       "(check) or "
                       "directories (run); '*' matches slashes, too; of several that fit the last "
                       "counts" },
    [POLICY_REQUIRED_OPTIONS] = { "required_options", KEY_OPTIONS, STRICTER_NONE,
                                  AT(required_options), 0, NULL, "[--OPTION, --OPTION VALUE, ...]",
                                  "options without which a job is stopped, judged as the forbidden "
                                  "ones" },
    [POLICY_SEVERITY] = { "severity", KEY_SEVERITIES, STRICTER_NONE, AT(severity), 0,
                          "note warning error ignore", "{RULE: SEVERITY, ...}",
                          "what a rule is worth: note, warning, error or ignore; each rule by "
                          "itself" },
    [POLICY_TIMEOUT] = { "timeout", KEY_SECONDS, STRICTER_NONE, AT(timeout_seconds), 0, NULL,
                         "SECONDS", "how long ranks wait for each other" },
    [POLICY_WORLD_SIZE_RULE] = { "world_size_rule", KEY_CHOICE, STRICTER_HIGHER,
                                 AT(world_size_rule), 0, "megatron product", NULL,
                                 "what must divide the number of ranks: megatron, TP x PP x CP for "
                                 "dense layers "
                                 "and ETP x EP x PP for experts, as Megatron asks; product, TP x "
                                 "PP x CP x EP x "
                                 "ETP, as some guides have it" },
    [POLICY_FACTS] = { .name = "facts", .kind = KEY_OPTION_ONLY },
    [POLICY_GPUS_PER_NODE] = { .name = "gpus_per_node", .kind = KEY_OPTION_ONLY },
    [POLICY_MEGATRON] = { .name = "megatron", .kind = KEY_OPTION_ONLY },
    [POLICY_MEGATRON_OPTIONS] = { .name = "megatron_options", .kind = KEY_OPTION_ONLY },
    [POLICY_VOCAB_SIZE] = { .name = "vocab_size", .kind = KEY_OPTION_ONLY },
    [POLICY_WORLD_SIZE] = { .name = "world_size", .kind = KEY_OPTION_ONLY },
};

enum policy_key policy_key_find(const char *name)
{
    int key = 0;

    while (key < POLICY_KEY_COUNT && strcmp(policy_keys[key].name, name) != 0)
        key++;
    return (enum policy_key)key;
}

/* --- printing ------------------------------------------------------------------------------------
 */

static void print_choice(const char *choices, int n, FILE *out)
{
    while (n-- > 0)
        choices += strcspn(choices, " ") + 1;
    fprintf(out, "%.*s", (int)strcspn(choices, " "), choices);
}

static void print_size(uint64_t bytes, FILE *out)
{
    static const struct {
        const char *unit;
        int shift;
    } units[] = { { "TiB", 40 }, { "GiB", 30 }, { "MiB", 20 }, { "KiB", 10 } };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (bytes && bytes % (1ULL << units[i].shift) == 0) {
            fprintf(out, "%llu%s", (unsigned long long)(bytes >> units[i].shift), units[i].unit);
            return;
        }
    }
    fprintf(out, "%llu", (unsigned long long)bytes);
}

static void print_words(const struct policy_words *words, FILE *out)
{
    putc('[', out);
    for (size_t i = 0; i < words->count; i++)
        fprintf(out, "%s%s", i ? ", " : "", words->item[i]);
    putc(']', out);
}

static void print_severities(const struct policy_severities *severity, FILE *out)
{
    putc('{', out);
    for (size_t i = 0; i < severity->count; i++)
        fprintf(out, "%s%s: %s", i ? ", " : "", severity->item[i].rule,
                policy_severity_names[severity->item[i].severity]);
    putc('}', out);
}

/* A value of one of the kinds that an entry of 'paths' can hold, too. */
static void print_plain(const struct policy_key_row *row, const void *value, FILE *out)
{
    const char *text;

    switch (row->kind) {
    case KEY_SIZE:
        if (*(const uint64_t *)value)
            print_size(*(const uint64_t *)value, out);
        else
            fputs("none", out);
        break;
    case KEY_COUNT:
        if (*(const int64_t *)value)
            fprintf(out, "%lld", (long long)*(const int64_t *)value);
        else
            fputs("none", out);
        break;
    case KEY_STRING:
        text = *(const char *const *)value;
        fputs(text ? text : "none", out);
        break;
    default:
        print_words(value, out);
    }
}

static void print_scope(const struct policy_scope *scope, FILE *out)
{
    bool first = true;

    fprintf(out, "%s: {", scope->pattern);
    for (int key = 0; key < POLICY_FILE_KEY_COUNT; key++) {
        if (!(scope->keys >> key & 1))
            continue;
        fprintf(out, "%s%s: ", first ? "" : ", ", policy_keys[key].name);
        print_plain(&policy_keys[key], (const char *)scope + policy_keys[key].scope_offset, out);
        first = false;
    }
    putc('}', out);
}

static void print_scopes(const struct policy_scopes *scopes, FILE *out)
{
    putc('{', out);
    for (size_t i = 0; i < scopes->count; i++) {
        fputs(i ? ", " : "", out);
        print_scope(&scopes->item[i], out);
    }
    putc('}', out);
}

static void print_locked(uint64_t locked, FILE *out)
{
    const char *separator = "";

    putc('[', out);
    for (int key = 0; key < POLICY_KEY_COUNT; key++) {
        if (!(locked >> key & 1))
            continue;
        fprintf(out, "%s%s", separator, policy_keys[key].name);
        separator = ", ";
    }
    putc(']', out);
}

static void print_bypass(const struct policy_bypass *bypass, FILE *out)
{
    fputs("{users: ", out);
    print_words(&bypass->users, out);
    fputs(", groups: ", out);
    print_words(&bypass->groups, out);
    putc('}', out);
}

void policy_print_value(const struct policy *policy, enum policy_key key, FILE *out)
{
    const struct policy_key_row *row = &policy_keys[key];
    const void *value = (const char *)policy + row->offset;

    switch (row->kind) {
    case KEY_CHOICE:
        print_choice(row->choices, *(const int *)value, out);
        break;
    case KEY_FRACTION:
    case KEY_SECONDS:
        fprintf(out, "%g", *(const double *)value);
        break;
    case KEY_SEVERITIES:
        print_severities(value, out);
        break;
    case KEY_SCOPES:
        print_scopes(value, out);
        break;
    case KEY_BYPASS:
        print_bypass(value, out);
        break;
    case KEY_LOCKED:
        print_locked(policy->locked, out);
        break;
    case KEY_OPTION_ONLY:
        break;
    default:
        print_plain(row, value, out);
    }
}
