/* Every entry as it is, one a line. */
#include "report/formats.h"

static void begin(struct rendering *r)
{
    fputs("{\"schema\": 1, \"launches\": [", r->out);
}

static void one(struct rendering *r, const json_t *entry)
{
    fputs(r->entries > 1 ? ",\n" : "\n", r->out);
    json_dumpf(entry, r->out, JSON_COMPACT);
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);

        format_shows(r, &finding);
    }
}

static void end(struct rendering *r)
{
    fprintf(r->out,
            "\n], \"count\": {\"go\": %zu, \"warn\": %zu, \"stop\": %zu, \"cannot_know\": %zu, "
            "\"known_findings\": %zu}}\n",
            r->count[VERDICT_GO], r->count[VERDICT_WARN], r->count[VERDICT_STOP], r->not_known,
            r->known);
}

const struct report_format format_json = { "json", begin, one, end };
