/* One page that needs nothing else: what stops first to the eye, every launch with its findings,
 * the memory of its stages and the edits that would make it go. Readable in light and dark, on
 * paper and without colour. */
#include "report/escape.h"
#include "report/formats.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>megatron-preflight</title>\n<style>\n"
    ":root { color-scheme: light dark; --line: #8886; --stop: #c0392b; --warn: #a86a00; --go: "
    "#1e7e46; "
    "--dim: #6b7280; --soft: #8881; }\n"
    "@media (prefers-color-scheme: dark) { :root { --stop: #ff7b6b; --warn: #f0b64a; --go: "
    "#5fcf8d; "
    "--dim: #9aa3af; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 "
    "1rem; }\n"
    "h1 { font-size: 1.4rem; margin: 0 0 1rem; }\n"
    "details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }\n"
    "summary { padding: .5rem .75rem; cursor: pointer; overflow-wrap: anywhere; }\n"
    "details > div { padding: 0 .75rem .75rem; border-top: 1px solid var(--line); }\n"
    ".verdict { display: inline-block; min-width: 3.2rem; font-weight: 700; }\n"
    ".stop, .error { color: var(--stop); } .warn, .warning { color: var(--warn); } .go { color: "
    "var(--go); }\n"
    ".unknown, .note, .dim { color: var(--dim); }\n"
    "code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }\n"
    "ul { margin: .75rem 0 0; padding-left: 1.2rem; } li { margin: .35rem 0; }\n"
    ".scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .75rem 0 0; "
    "font-size: 14px; }\n"
    "th, td { padding: .2rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px "
    "solid "
    "var(--line); font-variant-numeric: tabular-nums; }\n"
    "caption { text-align: left; } th { font-weight: 600; } tr.over td { background: var(--soft); color: var(--stop); "
    "font-weight: 600; }\n"
    "</style>\n</head>\n<body>\n<h1>megatron-preflight</h1>\n";

static void begin(struct rendering *r)
{
    fputs(head, r->out);
}

/* --- memory ------------------------------------------------------------------------------------
 */

static double gib(const json_t *bytes)
{
    return (double)json_integer_value(bytes) / (1u << 30);
}

/* What the table shows of a stage; the rest of the peak is everything else. */
static const char *const columns[] = { "weights", "gradients", "optimizer", "activations" };
enum { COLUMN_COUNT = sizeof(columns) / sizeof(columns[0]) };

static void put_stage(FILE *out, const json_t *rank, json_int_t usable)
{
    const json_t *components = json_object_get(rank, "components");
    json_int_t least = json_integer_value(json_object_get(rank, "peak_at_least_bytes"));
    double rest = gib(json_object_get(rank, "peak_bytes"));

    fprintf(out, "<tr%s><th scope=\"row\">%lld</th><td>%.3f</td>",
            usable && least > usable ? " class=\"over\"" : "",
            (long long)json_integer_value(json_object_get(rank, "pp_rank")),
            (double)json_integer_value(json_object_get(rank, "parameters")) / 1e9);
    for (int c = 0; c < COLUMN_COUNT; c++) {
        double part = gib(json_object_get(components, columns[c]));

        fprintf(out, "<td>%.2f</td>", part);
        rest -= part;
    }
    fprintf(out, "<td>%.2f</td><td>%.2f</td><td>%.1f – %.1f</td></tr>\n", rest > 0 ? rest : 0.0,
            gib(json_object_get(rank, "peak_bytes")),
            gib(json_object_get(rank, "peak_at_least_bytes")),
            gib(json_object_get(rank, "peak_up_to_bytes")));
}

static void put_memory(FILE *out, const json_t *report)
{
    const json_t *memory = json_object_get(report, "memory"), *rank;
    const json_t *ranks = json_object_get(memory, "ranks");
    const json_t *usable = json_object_get(memory, "usable_bytes");
    size_t i;

    if (!json_array_size(ranks))
        return;
    fputs("<div class=\"scroll\"><table>\n<caption class=\"dim\">Memory of one GPU, GiB", out);
    if (json_is_integer(usable))
        fprintf(out, "; a job can use %.1f", gib(usable));
    fputs("</caption>\n<thead><tr><th scope=\"col\">stage</th><th scope=\"col\">10<sup>9</sup> "
          "parameters</th>",
          out);
    for (int c = 0; c < COLUMN_COUNT; c++)
        fprintf(out, "<th scope=\"col\">%s</th>", columns[c]);
    fputs("<th scope=\"col\">rest</th><th scope=\"col\">peak</th><th scope=\"col\">at least – up "
          "to</th></tr></thead>\n<tbody>\n",
          out);
    json_array_foreach(ranks, i, rank)
    {
        put_stage(out, rank, json_integer_value(usable));
    }
    fputs("</tbody></table></div>\n", out);
}

/* --- a launch ----------------------------------------------------------------------------------
 */

static void put_finding(FILE *out, const struct entry_finding *finding)
{
    fprintf(out, "<li><b class=\"%s\">%s %s</b>: ", severity_names[finding->severity],
            severity_names[finding->severity], finding->id);
    put_xml(out, finding->message);
    if (finding->fix) {
        fputs("<br>fix: <code>", out);
        put_xml(out, finding->fix);
        fputs("</code>", out);
    }
    if (finding->source) {
        fputs("<br><span class=\"dim\">Megatron ", out);
        put_xml(out, finding->source);
        fputs("</span>", out);
    }
    fputs("</li>\n", out);
}

static void put_findings(struct rendering *r, const json_t *entry)
{
    fputs("<ul>\n", r->out);
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);

        if (format_shows(r, &finding))
            put_finding(r->out, &finding);
    }
    fputs("</ul>\n", r->out);
}

static void one(struct rendering *r, const json_t *entry)
{
    bool unknown = entry_error(entry) || entry_cannot_know(entry);
    enum verdict verdict = entry_verdict(entry);
    const char *word = unknown ? "unknown" : verdict_names[verdict];
    char text[1024];

    fprintf(r->out, "<details%s><summary><span class=\"verdict %s\">%s</span> <code>",
            verdict == VERDICT_STOP ? " open" : "", word, unknown ? "?" : word);
    put_xml(r->out, entry_path(entry));
    if (entry_line(entry))
        fprintf(r->out, ":%d", entry_line(entry));
    fputs("</code> <span class=\"dim\">", r->out);
    put_xml(r->out, entry_summary(entry, text, sizeof(text)));
    fputs("</span></summary><div>\n", r->out);
    put_findings(r, entry);
    if (entry_fix(entry, text, sizeof(text))) {
        fputs("<p>would go with: <code>", r->out);
        put_xml(r->out, text);
        fputs("</code></p>\n", r->out);
    }
    put_memory(r->out, json_object_get(entry, "report"));
    fputs("</div></details>\n", r->out);
}

static void end(struct rendering *r)
{
    fputs("<p class=\"dim\">", r->out);
    format_end_counts(r);
    fputs("</p>\n</body>\n</html>\n", r->out);
}

const struct report_format format_html = { "html", begin, one, end };
