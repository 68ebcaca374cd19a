/* Text for people: a line for each launch, its findings under it, the numbers last. */
#include "report/escape.h"
#include "report/formats.h"

static void begin(struct rendering *r)
{
    (void)r;
}

static void put_finding(FILE *out, const struct entry_finding *finding)
{
    fprintf(out, "  %s %s: ", severity_names[finding->severity], finding->id);
    put_plain(out, finding->message);
    fputc('\n', out);
    if (finding->fix && finding->severity != SEVERITY_NOTE) {
        fputs("    fix: ", out);
        put_plain(out, finding->fix);
        fputc('\n', out);
    }
}

static void one(struct rendering *r, const json_t *entry)
{
    char summary[1024], fix[1024];

    if (r->quiet && entry_verdict(entry) != VERDICT_STOP)
        return;
    put_plain(r->out, entry_path(entry));
    if (entry_line(entry))
        fprintf(r->out, ":%d", entry_line(entry));
    fputs(": ", r->out);
    put_plain(r->out, entry_summary(entry, summary, sizeof(summary)));
    fputc('\n', r->out);
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);

        if (format_shows(r, &finding))
            put_finding(r->out, &finding);
    }
    if (entry_fix(entry, fix, sizeof(fix))) {
        fputs("  would go with: ", r->out);
        put_plain(r->out, fix);
        fputc('\n', r->out);
    }
}

const struct report_format format_text = { "text", begin, one, format_end_counts };
