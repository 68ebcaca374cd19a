/* A GitHub Actions log: every launch and finding as plain lines, and workflow commands that put
 * them beside the changed lines. GitHub shows ten annotations of each level in one step, so no more
 * are written. */
#include "report/escape.h"
#include "report/formats.h"

enum { MOST_ANNOTATIONS = 10 };

static void begin(struct rendering *r)
{
    (void)r;
}

static void annotate(FILE *out, const json_t *entry, const struct entry_finding *finding)
{
    static const char *const command[SEVERITY_COUNT] = {
        [SEVERITY_NOTE] = "notice", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"
    };

    fprintf(out, "::%s file=", command[finding->severity]);
    put_github_property(out, entry_path(entry));
    fprintf(out, ",line=%d,title=megatron-preflight %s::", finding->line ? finding->line : 1,
            finding->id);
    put_github(out, finding->message);
    if (finding->fix) {
        fputs("%0Afix: ", out);
        put_github(out, finding->fix);
    }
    fputc('\n', out);
}

/* No line may begin with what others wrote. */
static void put_line(FILE *out, const char *prefix, const char *text)
{
    fputs(prefix, out);
    put_github_log(out, text);
    fputc('\n', out);
}

static void put_launch(FILE *out, const json_t *entry)
{
    char summary[1024];

    fputs("launch ", out);
    put_github_log(out, entry_path(entry));
    if (entry_line(entry))
        fprintf(out, ":%d", entry_line(entry));
    put_line(out, ": ", entry_summary(entry, summary, sizeof(summary)));
}

static void one(struct rendering *r, const json_t *entry)
{
    char fix[1024];

    put_launch(r->out, entry);
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);

        if (!format_shows(r, &finding))
            continue;
        fprintf(r->out, "  %s %s", severity_names[finding.severity], finding.id);
        put_line(r->out, ": ", finding.message);
        if (finding.fix)
            put_line(r->out, "    fix: ", finding.fix);
        if (r->shown[finding.severity] <= MOST_ANNOTATIONS)
            annotate(r->out, entry, &finding);
    }
    if (entry_fix(entry, fix, sizeof(fix)))
        put_line(r->out, "  would go with: ", fix);
}

const struct report_format format_github = { "github", begin, one, format_end_counts };
