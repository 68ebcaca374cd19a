#include "cli/sweep_reports.h"

#include <string.h>

static void abandon(struct sweep_reports *reports)
{
    for (size_t i = 0; i < reports->count; i++) {
        format_end(&reports->more[i].rendering);
        whole_file_abandon(&reports->more[i].file);
    }
    reports->count = 0;
}

/* "FORMAT=FILE", changed. */
static int add(struct sweep_reports *reports, char *word, bool verbose, struct error *err)
{
    enum { MOST = sizeof(reports->more) / sizeof(reports->more[0]) };
    struct sweep_report *report = &reports->more[reports->count];
    char *equals = strchr(word, '='), names[128];

    if (!equals || !equals[1])
        return error_set(err, "--reports: '%s' is not FORMAT=FILE", word);
    *equals = '\0';
    if (reports->count == MOST)
        return error_set(err, "--reports: more than %d files", MOST);
    report->format = report_format_find(word);
    if (!report->format)
        return error_set(err, "--reports: '%s' is none of %s", word,
                         report_format_names(names, sizeof(names)));
    if (whole_file_open(&report->file, equals + 1, err) < 0)
        return error_prefix(err, "--reports");
    format_begin(&report->rendering, report->format, report->file.out, verbose);
    reports->count++;
    return 0;
}

int sweep_reports_begin(struct sweep_reports *reports, const struct cli *cli, struct arena *arena,
                        struct error *err)
{
    char *list = cli->reports ? arena_strdup(arena, cli->reports) : NULL, *rest = list, *word;

    reports->count = 0;
    while ((word = strsep(&rest, ","))) {
        if (add(reports, word, cli->verbose, err) == 0)
            continue;
        abandon(reports);
        return -1;
    }
    format_begin(&reports->first, report_format_find(cli->format ? cli->format : "text"), stdout,
                 cli->verbose);
    reports->first.quiet = cli->quiet;
    return 0;
}

void sweep_reports_add(struct sweep_reports *reports, const json_t *entry)
{
    format_one(&reports->first, entry);
    for (size_t i = 0; i < reports->count; i++)
        format_one(&reports->more[i].rendering, entry);
}

int sweep_reports_end(struct sweep_reports *reports, bool failed, struct error *err)
{
    int rc = 0;

    format_end(&reports->first);
    if (fflush(stdout) != 0)
        rc = error_set(err, "cannot write the report");
    if (failed)
        abandon(reports);
    for (size_t i = 0; i < reports->count; i++) {
        format_end(&reports->more[i].rendering);
        if (whole_file_close(&reports->more[i].file, err) < 0)
            rc = -1;
    }
    return rc;
}
