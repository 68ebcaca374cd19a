/* GitLab's code quality report: an array of findings, each with a fingerprint by which a merge
 * request tells new from old. Launches without findings do not appear; JUnit has them. */
#include "report/formats.h"

static void begin(struct rendering *r)
{
    fputc('[', r->out);
}

static json_t *issue(const json_t *entry, const struct entry_finding *finding)
{
    static const char *const severity[SEVERITY_COUNT] = {
        [SEVERITY_NOTE] = "info", [SEVERITY_WARNING] = "minor", [SEVERITY_ERROR] = "critical"
    };
    json_t *description = json_sprintf("%s%s%s", finding->message, finding->fix ? "; fix: " : "",
                                       finding->fix ? finding->fix : "");

    return json_pack("{s:o, s:s, s:s, s:s, s:{s:s, s:{s:i}}}", "description", description,
                     "check_name", finding->id, "fingerprint", finding->fingerprint, "severity",
                     severity[finding->severity], "location", "path", entry_path(entry), "lines",
                     "begin", finding->line ? finding->line : 1);
}

static void one(struct rendering *r, const json_t *entry)
{
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);
        json_t *value;

        if (!format_shows(r, &finding))
            continue;
        value = issue(entry, &finding);
        fputs(format_shown(r) > 1 ? ",\n" : "\n", r->out);
        json_dumpf(value, r->out, JSON_COMPACT);
        json_decref(value);
    }
}

static void end(struct rendering *r)
{
    fputs("\n]\n", r->out);
}

const struct report_format format_gitlab = { "gitlab", begin, one, end };
