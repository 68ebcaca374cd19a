#include "cli/decision.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sha256.h"
#include "cli/log_file.h"
#include "cli/user.h"

enum verdict decision_verdict(const struct report *report)
{
    for (size_t i = 0; i < report->findings.count; i++)
        if (report->findings.item[i].severity == SEVERITY_ERROR)
            return VERDICT_STOP;
    return report->verdict;
}

const char *decision_let_go(const struct report *report, const struct policy *policy,
                            struct arena *arena)
{
    if (decision_verdict(report) != VERDICT_STOP || report->verdict == VERDICT_STOP)
        return NULL;
    if (policy->let_go)
        return policy->let_go;
    return arena_printf(arena, "mode %s", policy_mode_names[policy->mode]);
}

bool bypass_say(const struct policy *policy, const struct report *report, struct arena *arena,
                FILE *out)
{
    const char *separator = "";

    if (!policy->let_go || !decision_let_go(report, policy, arena))
        return false;
    fprintf(out, "megatron-preflight: let go: %s (%s), and this is logged; against it stand",
            policy->let_go, policy_origin_text(&policy->origin[POLICY_BYPASS], arena));
    for (size_t i = 0; i < report->findings.count; i++) {
        if (report->findings.item[i].severity != SEVERITY_ERROR)
            continue;
        fprintf(out, "%s %s", separator, report->findings.item[i].id);
        separator = ",";
    }
    fputc('\n', out);
    return true;
}

/* --- the fields ----------------------------------------------------------------------------------
 */

const struct decision_field decision_fields[] = {
    { "schema", "number of this form, 1" },
    { "time", "of the decision, UTC" },
    { "host", "where it was taken" },
    { "job", "of Slurm, PBS, LSF or Grid Engine, or null" },
    { "user", "name, or number of a user without one" },
    { "account", "of Slurm or PBS, or null" },
    { "partition", "of Slurm, or null" },
    { "cwd", "the directory the job starts in" },
    { "script", "the trainer's, or null where none was found" },
    { "command",
      "SHA-256 of the command's words, each with a NUL behind it; not the words, which can hold "
      "tokens and passwords" },
    { "gpus", "ranks of the job, or null" },
    { "gpu", "name of the GPU, or null" },
    { "verdict", "as mode enforce would have it: go, warn or stop" },
    { "mode", "of the policy" },
    { "started", "whether the job was started" },
    { "let_go", "why a job with verdict stop was started, or null" },
    { "cannot_know", "why nothing could be decided, or null" },
    { "errors", "rules that stop the job" },
    { "warnings", "rules that warn" },
    { "ignored", "attempts to loosen what is locked" },
    { "peak_at_least_bytes", "of the largest pipeline stage, or null without an estimate" },
    { "peak_bytes", "the same, expected" },
    { "peak_up_to_bytes", "the same, at most" },
    { "megatron", "release of Megatron-LM, or null" },
    { "milliseconds", "from our start to the verdict" },
    { "version", "of megatron-preflight" },
};
const size_t decision_field_count = sizeof(decision_fields) / sizeof(decision_fields[0]);

static json_t *rules_json(const struct report *report, enum severity severity)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->findings.count; i++)
        if (report->findings.item[i].severity == severity)
            json_array_append_new(array, json_string(report->findings.item[i].id));
    return array;
}

/* The largest of a figure over all pipeline ranks; null without an estimate. */
static json_t *peak_json(const struct memory *memory, size_t offset)
{
    uint64_t most = 0;

    for (int i = 0; i < memory->rank_count; i++) {
        uint64_t bytes = *(const uint64_t *)((const char *)&memory->rank[i] + offset);

        most = bytes > most ? bytes : most;
    }
    return memory->rank_count ? json_integer((json_int_t)most) : json_null();
}

static json_t *time_json(void)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[32];

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

static json_t *host_json(void)
{
    char name[256] = "";

    gethostname(name, sizeof(name) - 1);
    return report_string(name);
}

static json_t *directory_json(void)
{
    char path[PATH_MAX];

    return report_string(getcwd(path, sizeof(path)));
}

/* The first of these variables that is set. */
static json_t *variable_json(const struct environment *env, const char *const *name)
{
    for (; *name; name++)
        if (environment_get(env, *name))
            return report_string(environment_get(env, *name));
    return json_null();
}

/* Not the words themselves: a command line can hold tokens and passwords. */
static json_t *command_json(const struct launch *launch, struct arena *arena)
{
    int argc = launch->command ? launch->command_argc : launch->argc;
    const char *const *argv = launch->command ? launch->command : launch->argv;
    char *text = NULL, hex[65];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return json_null();
    for (int i = 0; i < argc; i++)
        fprintf(out, "%s%c", argv[i], '\0');
    fclose(out);
    sha256(text, size, hex);
    free(text);
    return json_string(arena_printf(arena, "sha256:%s", hex));
}

static json_t *words_json(size_t count, const char *const *word)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, report_string(word[i]));
    return array;
}

static json_t *known_json(const struct fact_str *fact)
{
    return fact->known ? report_string(fact->value) : json_null();
}

static void set_job(json_t *line, const struct inputs *inputs, struct arena *arena)
{
    static const char *const job[] = { "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", NULL };
    static const char *const account[] = { "SLURM_JOB_ACCOUNT", "PBS_ACCOUNT", NULL };
    const struct launch *launch = &inputs->launch;

    json_object_set_new(line, "job", variable_json(&inputs->environment, job));
    json_object_set_new(line, "user", report_string(user_name(arena)));
    json_object_set_new(line, "account", variable_json(&inputs->environment, account));
    json_object_set_new(line, "partition", known_json(&inputs->facts.partition));
    json_object_set_new(line, "cwd", directory_json());
    json_object_set_new(line, "script", report_string(launch->script));
    json_object_set_new(line, "command", command_json(launch, arena));
    json_object_set_new(line, "gpus",
                        launch->world.known ? json_integer(launch->world.value) : json_null());
    json_object_set_new(line, "gpu", known_json(&inputs->facts.gpu));
}

static void set_verdict(json_t *line, const struct policy *policy, const struct report *report,
                        struct arena *arena)
{
    json_object_set_new(line, "verdict", json_string(verdict_names[decision_verdict(report)]));
    json_object_set_new(line, "mode", json_string(policy_mode_names[policy->mode]));
    json_object_set_new(line, "started", json_boolean(report->verdict != VERDICT_STOP));
    json_object_set_new(line, "let_go", report_string(decision_let_go(report, policy, arena)));
    json_object_set_new(line, "cannot_know", report_string(report->cannot_know));
    json_object_set_new(line, "errors", rules_json(report, SEVERITY_ERROR));
    json_object_set_new(line, "warnings", rules_json(report, SEVERITY_WARNING));
    json_object_set_new(line, "ignored", words_json(policy->ignored_count, policy->ignored));
}

static void set_estimate(json_t *line, const struct facts *facts, const struct report *report)
{
    static const struct {
        const char *name;
        size_t offset;
    } peaks[] = {
        { "peak_at_least_bytes", offsetof(struct memory_rank, peak_at_least_bytes) },
        { "peak_bytes", offsetof(struct memory_rank, peak_bytes) },
        { "peak_up_to_bytes", offsetof(struct memory_rank, peak_up_to_bytes) },
    };

    for (size_t i = 0; i < sizeof(peaks) / sizeof(peaks[0]); i++)
        json_object_set_new(line, peaks[i].name, peak_json(&report->memory, peaks[i].offset));
    json_object_set_new(line, "megatron",
                        facts->megatron.known ? json_string(release_name(report->release))
                                              : json_null());
}

static double milliseconds_since(const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - since->tv_sec) * 1e3 +
           (double)(now.tv_nsec - since->tv_nsec) / 1e6;
}

/* The line with its end of line. */
static const char *line_of(const struct inputs *inputs, const struct report *report,
                           struct arena *arena)
{
    json_t *line = json_object();
    const char *copy;
    char *text;

    json_object_set_new(line, "schema", json_integer(1));
    json_object_set_new(line, "time", time_json());
    json_object_set_new(line, "host", host_json());
    set_job(line, inputs, arena);
    set_verdict(line, &inputs->policy, report, arena);
    set_estimate(line, &inputs->facts, report);
    json_object_set_new(line, "milliseconds", json_real(milliseconds_since(&inputs->since)));
    json_object_set_new(line, "version", json_string(VERSION));
    text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(4));
    copy = arena_printf(arena, "%s\n", text ? text : "");
    free(text);
    json_decref(line);
    return copy;
}

void decision_log(const struct inputs *inputs, const struct report *report, struct arena *arena)
{
    const struct policy *policy = &inputs->policy;
    bool bypassed = policy->let_go && decision_let_go(report, policy, arena);
    const char *where = policy->log ? policy->log : bypassed ? "syslog" : NULL;
    struct error err;

    if (where && log_append(where, line_of(inputs, report, arena), arena, &err) < 0 &&
        policy->mode != MODE_OBSERVE)
        fprintf(stderr, "megatron-preflight: warning: %s\n", err.text);
}

void decision_log_wanted(const struct cli *cli, const struct inputs *inputs,
                         const struct report *report, struct arena *arena)
{
    if (cli->log || (cli->log_stops && report->verdict == VERDICT_STOP))
        decision_log(inputs, report, arena);
}
