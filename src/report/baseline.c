#include "report/baseline.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/whole_file.h"
#include "report/escape.h"

static const char *text_of(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static int take_rows(struct baseline *baseline, const json_t *file, const char *path,
                     struct error *err)
{
    const json_t *rows = json_object_get(file, "known");
    json_t *row;
    size_t i;

    if (json_integer_value(json_object_get(file, "schema")) != 1 || !json_is_array(rows))
        return error_set(err,
                         "%s: not a baseline: it must be {\"schema\": 1, \"known\": [...]}, as "
                         "--write-baseline writes it",
                         path);
    json_array_foreach(rows, i, row)
    {
        if (!text_of(row, "rule") || !text_of(row, "path") || !text_of(row, "fingerprint"))
            return error_set(err, "%s: known[%zu] must have rule, path and fingerprint", path, i);
        json_object_set(baseline->known, text_of(row, "fingerprint"), row);
    }
    return 0;
}

int baseline_read(struct baseline *baseline, const char *path, struct error *err)
{
    json_error_t where;
    json_t *file;
    int rc;

    errno = 0;
    file = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!file && errno == EISDIR)
        return error_set(err, "cannot read baseline '%s': %s", path, strerror(errno));
    if (!file && where.line < 0)
        return error_set(err, "cannot read baseline '%s': %s; --write-baseline '%s' makes one",
                         path, strerror(errno), path);
    if (!file)
        return error_set(err, "%s:%d:%d: %s", path, where.line, where.column, where.text);
    baseline->known = json_object();
    baseline->used = json_object();
    rc = take_rows(baseline, file, path, err);
    json_decref(file);
    if (rc < 0)
        baseline_release(baseline);
    return rc;
}

void baseline_release(struct baseline *baseline)
{
    json_decref(baseline->known);
    json_decref(baseline->used);
    json_decref(baseline->seen);
    *baseline = (struct baseline) { 0 };
}

static bool is_known(const struct baseline *baseline, const char *path,
                     const struct entry_finding *finding)
{
    const json_t *row = json_object_get(baseline->known, finding->fingerprint);

    return row && strcmp(text_of(row, "rule"), finding->id) == 0 &&
           strcmp(text_of(row, "path"), path) == 0;
}

static void accept_finding(struct baseline *baseline, const char *path,
                           const struct entry_finding *finding)
{
    if (!baseline->seen)
        baseline->seen = json_array();
    json_array_append_new(baseline->seen,
                          json_pack("{s:s, s:s, s:s, s:s}", "path", path, "rule", finding->id,
                                    "fingerprint", finding->fingerprint, "message",
                                    finding->message));
}

void baseline_apply(struct baseline *baseline, json_t *entry, bool accept)
{
    const char *path = entry_path(entry);

    for (size_t i = 0; i < entry_finding_count(entry); i++) {
        struct entry_finding finding = entry_finding(entry, i);
        bool known;

        if (finding.severity == SEVERITY_NOTE)
            continue;
        known = is_known(baseline, path, &finding);
        if (known)
            json_object_set_new(baseline->used, finding.fingerprint, json_true());
        if (accept)
            accept_finding(baseline, path, &finding);
        if (known || accept)
            entry_set_known(entry, i);
    }
}

size_t baseline_print_stale(const struct baseline *baseline,
                            bool (*swept)(void *, const char *path), void *data, FILE *out)
{
    const char *print;
    json_t *row;
    size_t count = 0;

    json_object_foreach(baseline->known, print, row)
    {
        const char *path = text_of(row, "path");

        if (json_object_get(baseline->used, print) ||
            (!swept(data, path) && access(path, F_OK) == 0))
            continue;
        count++;
        fputs("  ", out);
        put_plain(out, path);
        fputs(" ", out);
        put_plain(out, text_of(row, "rule"));
        fputc('\n', out);
    }
    return count;
}

static void write_rows(const struct baseline *baseline, FILE *out)
{
    json_t *row;
    size_t i;

    fputs("{\"schema\": 1, \"known\": [", out);
    json_array_foreach(baseline->seen, i, row)
    {
        fputs(i ? ",\n" : "\n", out);
        json_dumpf(row, out, JSON_COMPACT);
    }
    fputs("\n]}\n", out);
}

int baseline_write(const struct baseline *baseline, const char *path, struct error *err)
{
    struct whole_file file;

    if (whole_file_open(&file, path, err) < 0)
        return -1;
    write_rows(baseline, file.out);
    return whole_file_close(&file, err);
}
