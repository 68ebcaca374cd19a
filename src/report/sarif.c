/* SARIF 2.1.0, as GitHub's code scanning reads it: every result has a place; what could not be
 * expanded is a notification, because a result it is not. The rules come last, when it is known
 * which are needed. */
#include "report/formats.h"

#include <stdlib.h>

#include "rules/rules.h"

static const char *const levels[SEVERITY_COUNT] = {
    [SEVERITY_NOTE] = "note", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"
};

static void begin(struct rendering *r)
{
    r->kept = json_pack("{s:[], s:{}, s:[]}", "rules", "index", "notifications");
    fputs(
        "{\"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\", \"version\": \"2.1.0\",\n"
        " \"runs\": [{\"columnKind\": \"unicodeCodePoints\", \"results\": [",
        r->out);
}

/* A path as a URI reference: what is neither plain nor a slash is %XX. A colon in the first part
 * would be a scheme. */
static json_t *uri(const char *path)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *value;

    if (!out)
        return json_string("");
    if (path[0] == '/')
        fputs("file://", out);
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '/' || *p == '.' || *p == '_' || *p == '-';

        fprintf(out, plain ? "%c" : "%%%02X", *p);
    }
    fclose(out);
    value = json_string(text);
    free(text);
    return value;
}

static json_t *location(const json_t *entry, int line)
{
    json_t *artifact = json_pack("{s:o}", "uri", uri(entry_path(entry)));

    if (entry_path(entry)[0] != '/')
        json_object_set_new(artifact, "uriBaseId", json_string("SRCROOT"));
    return json_pack("{s:{s:o, s:{s:i}}}", "physicalLocation", "artifactLocation", artifact,
                     "region", "startLine", line ? line : 1);
}

/* The rule's place in the list of those used. */
static int rule_index(struct rendering *r, const char *id)
{
    json_t *rules = json_object_get(r->kept, "rules"), *indices = json_object_get(r->kept, "index");
    json_t *index = json_object_get(indices, id);

    if (!index) {
        index = json_integer((json_int_t)json_array_size(rules));
        json_object_set_new(indices, id, index);
        json_array_append_new(rules, json_string(id));
    }
    return (int)json_integer_value(index);
}

static json_t *message(const struct entry_finding *finding)
{
    return json_pack(
        "{s:o}", "text",
        json_sprintf("%s%s%s%s%s%s", finding->message, finding->fix ? "\nfix: " : "",
                     finding->fix ? finding->fix : "", finding->source ? "\n(Megatron " : "",
                     finding->source ? finding->source : "", finding->source ? ")" : ""));
}

static json_t *result(struct rendering *r, const json_t *entry, const struct entry_finding *finding)
{
    json_t *result =
        json_pack("{s:s, s:i, s:s, s:o, s:[o], s:{s:s}}", "ruleId", finding->id, "ruleIndex",
                  rule_index(r, finding->id), "level", levels[finding->severity], "message",
                  message(finding), "locations", location(entry, finding->line),
                  "partialFingerprints", "megatronPreflight/v1", finding->fingerprint);

    if (finding->known)
        json_object_set_new(
            result, "suppressions",
            json_pack("[{s:s, s:s}]", "kind", "external", "justification", "in the baseline"));
    return result;
}

static void put(struct rendering *r, json_t *value, bool first)
{
    fputs(first ? "\n" : ",\n", r->out);
    json_dumpf(value, r->out, JSON_COMPACT);
    json_decref(value);
}

static void one(struct rendering *r, const json_t *entry)
{
    const char *why = entry_error(entry) ? entry_error(entry) : entry_cannot_know(entry);

    if (why)
        json_array_append_new(json_object_get(r->kept, "notifications"),
                              json_pack("{s:s, s:{s:s}, s:[o]}", "level", "note", "message", "text",
                                        why, "locations", location(entry, entry_line(entry))));
    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);
        bool first = !json_array_size(json_object_get(r->kept, "rules"));

        if (format_shows(r, &finding) || (finding.known && r->known < MOST_RESULTS))
            put(r, result(r, entry, &finding), first);
    }
}

static json_t *rule_json(const char *id)
{
    const struct rule *rule = rule_find(id);
    json_t *text;

    if (!rule)
        return json_pack("{s:s}", "id", id);
    text =
        json_sprintf("%s%s%s%s%s", rule->what, rule->why ? "\n\n" : "", rule->why ? rule->why : "",
                     rule->fix ? "\n\nfix: " : "", rule->fix ? rule->fix : "");
    return json_pack("{s:s, s:{s:s}, s:{s:o}, s:{s:O}, s:{s:s}, s:{s:[s, s]}}", "id", id,
                     "shortDescription", "text", rule->what, "fullDescription", "text", text,
                     "help", "text", text, "defaultConfiguration", "level", levels[rule->severity],
                     "properties", "tags", "megatron", stage_names[rule->stage]);
}

static void end(struct rendering *r)
{
    json_t *id;
    size_t i;

    fprintf(r->out, "\n], \"invocations\": [{\"executionSuccessful\": true, "
                    "\"toolExecutionNotifications\":\n");
    json_dumpf(json_object_get(r->kept, "notifications"), r->out, JSON_COMPACT);
    fprintf(r->out,
            "}],\n \"tool\": {\"driver\": {\"name\": \"megatron-preflight\", \"version\": \"%s\", "
            "\"rules\": [",
            VERSION);
    json_array_foreach(json_object_get(r->kept, "rules"), i, id)
    {
        put(r, rule_json(json_string_value(id)), i == 0);
    }
    fputs("\n]}}}]}\n", r->out);
}

const struct report_format format_sarif = { "sarif", begin, one, end };
