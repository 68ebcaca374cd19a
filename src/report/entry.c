#include "report/entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

static const char *word(const struct launch *launch, const struct where *where, int i)
{
    int index = where->index + i;

    if (where->in == WHERE_COMMAND)
        return index < launch->command_argc ? launch->command[index] : NULL;
    return index < launch->argc ? launch->argv[index] : NULL;
}

/* The lines of a file move and an estimate gets better; what is said stays, but for its numbers. */
static void put_without_numbers(const char *message, FILE *out)
{
    for (const char *p = message; *p; p++)
        if ((*p < '0' || *p > '9') && *p != '.')
            fputc(*p, out);
    fputc('\n', out);
}

static void put_guilty(const struct launch *launch, const struct finding *finding,
                       const struct where *where, FILE *out)
{
    if (where->in == WHERE_FILE)
        put_without_numbers(finding->message, out);
    else if (where->in == WHERE_ENV)
        fprintf(out, "%s\n", where->name);
    else
        for (int i = 0; i < where->words && word(launch, where, i); i++)
            fprintf(out, "%s\n", word(launch, where, i));
}

static json_t *fingerprint(const char *path, const struct launch *launch,
                           const struct finding *finding)
{
    enum { DIGITS = 20 };
    char *text = NULL, hex[65];
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return json_string(finding->id);
    fprintf(out, "%s\n%s\n", finding->id, path);
    for (int w = 0; launch && w < finding->where_count; w++)
        put_guilty(launch, finding, &finding->where[w], out);
    fclose(out);
    sha256(text, size, hex);
    free(text);
    return json_stringn(hex, DIGITS);
}

static json_t *entry_at(const char *path, int line)
{
    return json_pack("{s:o, s:i, s:n, s:n, s:n, s:[], s:[], s:[]}", "path", report_string(path),
                     "line", line, "report", "error", "cannot_know", "lines", "fingerprints",
                     "known");
}

json_t *entry_of_error(const char *path, int line, const char *why)
{
    json_t *entry = entry_at(path, line);

    json_object_set_new(entry, "error", report_string(why));
    return entry;
}

/* Where a finding stands, if that is in the entry's own file; else the launch's line. */
static int line_of(const char *path, int line, const struct finding *finding)
{
    for (int w = 0; w < finding->where_count; w++) {
        const struct where *where = &finding->where[w];

        if (where->in == WHERE_FILE && where->line && strcmp(where->name, path) == 0)
            return where->line;
    }
    return line;
}

static void add_finding(json_t *entry, const char *path, int line, const struct launch *launch,
                        const struct finding *finding)
{
    json_array_append_new(json_object_get(entry, "lines"),
                          json_integer(line_of(path, line, finding)));
    json_array_append_new(json_object_get(entry, "fingerprints"),
                          fingerprint(path, launch, finding));
    json_array_append_new(json_object_get(entry, "known"), json_false());
}

json_t *entry_of_report(const char *path, int line, const struct report *report)
{
    const struct launch *launch = report->launch;
    const char *at = path ? path : launch && launch->script ? launch->script : "(command line)";
    json_t *entry;

    if (report->error)
        return entry_of_error(at, line, report->error);
    entry = entry_at(at, line);
    json_object_set_new(entry, "report", report_json(report));
    json_object_set_new(entry, "cannot_know", report_string(report->cannot_know));
    for (size_t i = 0; i < report->findings.count; i++)
        add_finding(entry, at, line, launch, &report->findings.item[i]);
    return entry;
}

/* The number of times 'print' was seen, with this one. */
static int count_again(json_t *seen, const char *print)
{
    int times = (int)json_integer_value(json_object_get(seen, print)) + 1;

    json_object_set_new(seen, print, json_integer(times));
    return times;
}

void entries_number_repeats(json_t *entries)
{
    json_t *seen = json_object(), *entry, *print;
    size_t e, f;

    json_array_foreach(entries, e, entry)
    {
        json_t *prints = json_object_get(entry, "fingerprints");

        json_array_foreach(prints, f, print)
        {
            int times = count_again(seen, json_string_value(print));

            if (times > 1)
                json_array_set_new(prints, f,
                                   json_sprintf("%s-%d", json_string_value(print), times));
        }
    }
    json_decref(seen);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *entry_path(const json_t *entry)
{
    return text_of(entry, "path");
}

int entry_line(const json_t *entry)
{
    return (int)json_integer_value(json_object_get(entry, "line"));
}

const char *entry_error(const json_t *entry)
{
    return text_of(entry, "error");
}

const char *entry_cannot_know(const json_t *entry)
{
    return text_of(entry, "cannot_know");
}

static const json_t *findings_of(const json_t *entry)
{
    return json_object_get(json_object_get(entry, "report"), "findings");
}

size_t entry_finding_count(const json_t *entry)
{
    return json_array_size(findings_of(entry));
}

static enum severity severity_of(const char *name)
{
    for (int s = 0; s < SEVERITY_COUNT; s++)
        if (name && strcmp(severity_names[s], name) == 0)
            return (enum severity)s;
    return SEVERITY_NOTE;
}

struct entry_finding entry_finding(const json_t *entry, size_t i)
{
    const json_t *finding = json_array_get(findings_of(entry), i);

    return (struct entry_finding) {
        .id = text_of(finding, "id"),
        .stage = text_of(finding, "stage"),
        .message = text_of(finding, "message"),
        .fix = text_of(finding, "fix"),
        .source = text_of(finding, "source"),
        .severity = severity_of(text_of(finding, "severity")),
        .line = (int)json_integer_value(json_array_get(json_object_get(entry, "lines"), i)),
        .fingerprint = json_string_value(json_array_get(json_object_get(entry, "fingerprints"), i)),
        .known = json_is_true(json_array_get(json_object_get(entry, "known"), i)),
    };
}

void entry_set_line(json_t *entry, size_t i, int line)
{
    json_array_set_new(json_object_get(entry, "lines"), i, json_integer(line));
}

void entry_set_known(json_t *entry, size_t i)
{
    json_array_set_new(json_object_get(entry, "known"), i, json_true());
}

static size_t count_new(const json_t *entry, enum severity severity)
{
    size_t count = 0;

    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);

        count += finding.severity == severity && !finding.known;
    }
    return count;
}

enum verdict entry_verdict(const json_t *entry)
{
    const char *said = text_of(json_object_get(entry, "report"), "verdict");

    if (!said || strcmp(said, verdict_names[VERDICT_GO]) == 0)
        return VERDICT_GO;
    if (strcmp(said, verdict_names[VERDICT_STOP]) == 0 && count_new(entry, SEVERITY_ERROR))
        return VERDICT_STOP;
    return count_new(entry, SEVERITY_ERROR) || count_new(entry, SEVERITY_WARNING) ? VERDICT_WARN
                                                                                  : VERDICT_GO;
}

static void put_count(FILE *out, const char *separator, size_t count, const char *what)
{
    if (count)
        fprintf(out, "%s%zu %s%s", separator, count, what, count == 1 ? "" : "s");
}

const char *entry_summary(const json_t *entry, char *text, size_t size)
{
    const json_t *report = json_object_get(entry, "report");
    const json_t *world = json_object_get(json_object_get(report, "world_size"), "value");
    const char *release = text_of(json_object_get(report, "megatron"), "release");
    size_t errors = count_new(entry, SEVERITY_ERROR);
    FILE *out = fmemopen(text, size, "w");

    text[0] = '\0';
    if (!out)
        return text;
    if (entry_error(entry) || entry_cannot_know(entry)) {
        fprintf(out, "cannot know: %s",
                entry_error(entry) ? entry_error(entry) : entry_cannot_know(entry));
    } else {
        fputs(verdict_names[entry_verdict(entry)], out);
        put_count(out, ": ", errors, "error");
        put_count(out, errors ? ", " : ": ", count_new(entry, SEVERITY_WARNING), "warning");
        fprintf(out, "; Megatron %s", release ? release : "release unknown");
        if (json_is_integer(world))
            fprintf(out, ", %lld rank%s", (long long)json_integer_value(world),
                    json_integer_value(world) == 1 ? "" : "s");
    }
    fclose(out);
    text[size - 1] = '\0';
    return text;
}

static void put_edit(const json_t *edit, FILE *out)
{
    const char *option = text_of(edit, "option"), *value = text_of(edit, "value");
    bool environment = strcmp(text_of(edit, "target"), "environment") == 0;

    if (strcmp(option, "world_size") == 0) {
        fprintf(out, "start %s ranks", value ? value : "other");
        return;
    }
    if (json_is_true(json_object_get(edit, "remove")))
        fprintf(out, "%s %s", environment ? "unset" : "without", option);
    else
        fprintf(out, "%s%s%s", option, value ? environment ? "=" : " " : "", value ? value : "");
}

const char *entry_fix(const json_t *entry, char *text, size_t size)
{
    const json_t *fixes = json_object_get(json_object_get(entry, "report"), "fixes"), *edit;
    const json_t *edits = json_object_get(json_array_get(fixes, 0), "edits");
    FILE *out = json_array_size(edits) && entry_verdict(entry) == VERDICT_STOP
                    ? fmemopen(text, size, "w")
                    : NULL;
    size_t i;

    if (!out)
        return NULL;
    json_array_foreach(edits, i, edit)
    {
        fputs(i ? ", " : "", out);
        put_edit(edit, out);
    }
    fclose(out);
    text[size - 1] = '\0';
    return text;
}
