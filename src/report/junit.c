/* JUnit's XML: a test case for each launch, failed when it is stopped, skipped when it cannot be
 * known. What is wrong stands in the body, because GitLab shows nothing else; no case has both a
 * failure and an error. */
#include "report/escape.h"
#include "report/formats.h"

/* The numbers stand in front of the cases. */
static void begin(struct rendering *r)
{
    r->aside = open_memstream(&r->aside_text, &r->aside_size);
}

static void put_finding(FILE *out, const struct entry_finding *finding)
{
    fprintf(out, "%s %s: ", severity_names[finding->severity], finding->id);
    put_xml(out, finding->message);
    fputc('\n', out);
    if (!finding->fix)
        return;
    fputs("    fix: ", out);
    put_xml(out, finding->fix);
    fputc('\n', out);
}

static void put_findings(struct rendering *r, const json_t *entry)
{
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);

        if (format_shows(r, &finding))
            put_finding(r->aside, &finding);
    }
}

/* What holds the findings of a case. */
static const char *body_of(const json_t *entry)
{
    if (entry_error(entry) || entry_cannot_know(entry))
        return "skipped";
    return entry_verdict(entry) == VERDICT_STOP ? "failure" : "system-out";
}

static void one(struct rendering *r, const json_t *entry)
{
    const char *body = body_of(entry);
    char summary[1024];

    if (!r->aside)
        return;
    fputs("  <testcase classname=\"", r->aside);
    put_xml(r->aside, entry_path(entry));
    fputs("\" name=\"", r->aside);
    put_xml(r->aside, entry_path(entry));
    if (entry_line(entry))
        fprintf(r->aside, ":%d", entry_line(entry));
    fprintf(r->aside, "\"><%s>", body);
    put_xml(r->aside, entry_summary(entry, summary, sizeof(summary)));
    fputc('\n', r->aside);
    put_findings(r, entry);
    if (entry_fix(entry, summary, sizeof(summary))) {
        fputs("would go with: ", r->aside);
        put_xml(r->aside, summary);
        fputc('\n', r->aside);
    }
    fprintf(r->aside, "</%s></testcase>\n", body);
}

static void end(struct rendering *r)
{
    char counts[128];

    if (r->aside)
        fflush(r->aside);
    snprintf(counts, sizeof(counts), "tests=\"%zu\" failures=\"%zu\" errors=\"0\"", r->entries,
             r->count[VERDICT_STOP]);
    fprintf(r->out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"megatron-preflight\" "
            "%s>\n <testsuite name=\"megatron-preflight\" %s skipped=\"%zu\">\n%s"
            " </testsuite>\n</testsuites>\n",
            counts, counts, r->not_known, r->aside ? r->aside_text : "");
}

const struct report_format format_junit = { "junit", begin, one, end };
