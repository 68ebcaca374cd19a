/* A table, as job summaries and comments show it. A summary may have 1 MiB, so launches without a
 * finding are only counted and rows end at some number. */
#include "report/escape.h"
#include "report/formats.h"

enum { MOST_ROWS = 500 };

static void begin(struct rendering *r)
{
    fputs("### megatron-preflight\n\n| launch | verdict |\n| --- | --- |\n", r->out);
}

static void put_finding(FILE *out, const struct entry_finding *finding)
{
    fprintf(out, "<br>**%s %s**: ", severity_names[finding->severity], finding->id);
    put_markdown(out, finding->message);
    if (finding->fix) {
        fputs("<br>fix: ", out);
        put_markdown(out, finding->fix);
    }
}

static bool is_quiet(const json_t *entry)
{
    return entry_verdict(entry) == VERDICT_GO && !entry_error(entry) && !entry_cannot_know(entry);
}

static void one(struct rendering *r, const json_t *entry)
{
    size_t rows = r->count[VERDICT_WARN] + r->count[VERDICT_STOP] + r->not_known;
    char summary[1024];

    if (is_quiet(entry) || rows > MOST_ROWS)
        return;
    fputs("| ", r->out);
    put_markdown(r->out, entry_path(entry));
    if (entry_line(entry))
        fprintf(r->out, ":%d", entry_line(entry));
    fputs(" | ", r->out);
    put_markdown(r->out, entry_summary(entry, summary, sizeof(summary)));
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);

        if (format_shows(r, &finding))
            put_finding(r->out, &finding);
    }
    if (entry_fix(entry, summary, sizeof(summary))) {
        fputs("<br>would go with: ", r->out);
        put_markdown(r->out, summary);
    }
    fputs(" |\n", r->out);
}

static void end(struct rendering *r)
{
    size_t rows = r->count[VERDICT_WARN] + r->count[VERDICT_STOP] + r->not_known;

    if (rows > MOST_ROWS)
        fprintf(r->out, "| and %zu more | |\n", rows - MOST_ROWS);
    fputc('\n', r->out);
    format_end_counts(r);
}

const struct report_format format_markdown = { "markdown", begin, one, end };
