#include "cli/sweep.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/read_file.h"
#include "cli/sweep_files.h"
#include "cli/sweep_kinds.h"
#include "cli/sweep_pool.h"
#include "cli/sweep_reports.h"
#include "report/baseline.h"

enum { MOST_FILE_BYTES = 4 << 20, MOST_OUTPUT = 64 << 20 };

struct sweep {
    const struct cli *cli;
    const struct inputs *configured;
    struct sweep_files files;
    struct baseline baseline;
    struct sweep_reports reports;
    struct timespec began;
    bool showed_progress;
};

/* --- one file, in a process of its own ---------------------------------------------------------
 */

static void look(struct sweep_file *file)
{
    size_t size;

    file->text = read_file(file->path, MOST_FILE_BYTES, file->arena, &size);
    if (!file->text)
        return; /* gone, not ours to read, or too large for a script */
    for (size_t i = 0; i < sweep_kind_count; i++) {
        if (!sweep_kinds[i].is(file))
            continue;
        sweep_kinds[i].look(file);
        return;
    }
}

static void work(void *data, size_t index, FILE *out)
{
    const struct sweep *sweep = data;
    struct arena arena = ARENA_INIT;
    struct sweep_file file = { .cli = sweep->cli,
                               .configured = sweep->configured,
                               .arena = &arena,
                               .path = sweep->files.path[index],
                               .entries = json_array() };
    json_t *entry;
    size_t i;

    look(&file);
    entries_number_repeats(file.entries);
    json_array_foreach(file.entries, i, entry)
    {
        json_dumpf(entry, out, JSON_COMPACT);
        fputc('\n', out);
    }
}

void sweep_add_error(struct sweep_file *file, int line, const char *why)
{
    json_array_append_new(file->entries, entry_of_error(file->path, line, why));
}

struct fact_str sweep_path(const struct sweep_file *file)
{
    return (struct fact_str) { .known = true, .value = file->path, .source = "--all" };
}

int sweep_gather(struct sweep_file *file, struct inputs *inputs, int line)
{
    struct error err;

    inputs->launch.remote = true; /* this machine's GPUs say nothing of that job */
    inputs->facts.path = sweep_path(file);
    if (inputs_about_launch(file->cli, file->arena, inputs, &err) == 0)
        return 0;
    sweep_add_error(file, line, err.text);
    return -1;
}

void sweep_decide(struct sweep_file *file, const struct inputs *inputs, struct report *report)
{
    verdict_decide(&(struct request) { .launch = &inputs->launch,
                                       .facts = &inputs->facts,
                                       .policy = &inputs->policy,
                                       .extra = &inputs->extra,
                                       .want_fixes = true },
                   file->arena, report);
}

json_t *sweep_add(struct sweep_file *file, int line, const struct report *report)
{
    json_t *entry = entry_of_report(file->path, line, report);

    json_array_append_new(file->entries, entry);
    return entry;
}

/* --- progress ----------------------------------------------------------------------------------
 */

static double seconds_since(const struct timespec *then)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)(t.tv_sec - then->tv_sec) + 1e-9 * (double)(t.tv_nsec - then->tv_nsec);
}

/* On a terminal, of what takes longer than a second. */
static void show_progress(void *data, size_t finished, size_t count)
{
    struct sweep *sweep = data;

    if (sweep->cli->quiet || !isatty(STDERR_FILENO) || seconds_since(&sweep->began) < 1)
        return;
    sweep->showed_progress = true;
    fprintf(stderr, "\r\033[K%zu of %zu files, %zu launches, %zu stop", finished, count,
            sweep->reports.first.entries, sweep->reports.first.count[VERDICT_STOP]);
}

static void clear_progress(const struct sweep *sweep)
{
    if (sweep->showed_progress)
        fputs("\r\033[K", stderr);
}

/* --- what comes back ------------------------------------------------------------------------- */

static void take_entry(struct sweep *sweep, json_t *entry)
{
    if (sweep->baseline.known || sweep->cli->write_baseline)
        baseline_apply(&sweep->baseline, entry, sweep->cli->write_baseline);
    if (isatty(STDOUT_FILENO))
        clear_progress(sweep);
    sweep_reports_add(&sweep->reports, entry);
}

static void done(void *data, size_t index, const char *text, size_t size, const char *failure)
{
    struct sweep *sweep = data;
    const char *end;
    json_t *entry;

    for (const char *line = text; (end = memchr(line, '\n', size - (size_t)(line - text)));
         line = end + 1) {
        entry = json_loadb(line, (size_t)(end - line), 0, NULL);
        if (entry)
            take_entry(sweep, entry);
        json_decref(entry);
    }
    if (failure) {
        entry = entry_of_error(sweep->files.path[index], 0, failure);
        take_entry(sweep, entry);
        json_decref(entry);
    }
}

static bool was_swept(void *data, const char *path)
{
    const struct sweep *sweep = data;

    for (size_t i = 0; i < sweep->files.count; i++)
        if (strcmp(sweep->files.path[i], path) == 0)
            return true;
    return false;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int print_all(struct sweep *sweep, struct arena *arena, struct error *err)
{
    struct pool pool = { .seconds = 60,
                         .most_output = MOST_OUTPUT,
                         .work = work,
                         .done = done,
                         .tick = show_progress,
                         .data = sweep };
    int rc;

    clock_gettime(CLOCK_MONOTONIC, &sweep->began);
    if (sweep_reports_begin(&sweep->reports, sweep->cli, arena, err) < 0)
        return -1;
    rc = pool_run(&pool, sweep->files.count, err);
    clear_progress(sweep);
    return sweep_reports_end(&sweep->reports, rc < 0, err) < 0 ? -1 : rc;
}

static void tell_stale(struct sweep *sweep)
{
    char *text = NULL;
    size_t size, count;
    FILE *out;

    if (!sweep->baseline.known || !(out = open_memstream(&text, &size)))
        return;
    count = baseline_print_stale(&sweep->baseline, was_swept, sweep, out);
    fclose(out);
    if (count)
        fprintf(stderr,
                "megatron-preflight: %zu known finding%s of the baseline no longer there; "
                "--write-baseline FILE writes it anew:\n%s",
                count, count == 1 ? " is" : "s are", text);
    free(text);
}

static void tell_unread(const struct sweep_files *files)
{
    if (files->unread)
        fprintf(stderr, "megatron-preflight: warning: %zu director%s could not be read\n",
                files->unread, files->unread == 1 ? "y" : "ies");
}

static int status_of(const struct sweep *sweep)
{
    if (sweep->reports.first.count[VERDICT_STOP])
        return 1;
    return sweep->cli->strict && (sweep->reports.first.not_known || sweep->files.unread) ? 3 : 0;
}

/* What is wrong for every launch is said once. */
static int check_options(const struct cli *cli, const struct inputs *configured,
                         struct arena *arena, struct error *err)
{
    struct inputs nothing = *configured;

    if (cli->facts)
        return error_set(err, "--facts is about one job, --all about many");
    return inputs_about_launch(cli, arena, &nothing, err);
}

int check_all(const struct cli *cli, const struct inputs *configured, struct arena *arena,
              struct error *err)
{
    struct sweep sweep = { .cli = cli, .configured = configured };
    const char **paths = arena_alloc(arena, ((size_t)cli->argc + 1) * sizeof(*paths));
    int rc;

    paths[0] = cli->all;
    for (int i = 0; i < cli->argc; i++)
        paths[i + 1] = cli->argv[i];
    if (check_options(cli, configured, arena, err) < 0)
        return -1;
    if (sweep_files_find(cli->argc + 1, paths, arena, &sweep.files, err) < 0)
        return -1;
    if (cli->baseline && baseline_read(&sweep.baseline, cli->baseline, err) < 0)
        return -1;
    rc = print_all(&sweep, arena, err);
    tell_unread(&sweep.files);
    tell_stale(&sweep);
    if (rc == 0 && cli->write_baseline)
        rc = baseline_write(&sweep.baseline, cli->write_baseline, err);
    baseline_release(&sweep.baseline);
    return rc < 0 ? -1 : status_of(&sweep);
}
