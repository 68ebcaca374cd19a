#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "report/escape.h"
#include "verdict/verdict.h"

/* An entry of one of the tables, for sorting. */
struct row {
    const char *name;
    long long decisions, stop, gpus;
    size_t users;
};

static long long number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* Most stops first, then by name. */
static int by_weight(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->stop != y->stop)
        return x->stop < y->stop ? 1 : -1;
    if (x->decisions != y->decisions)
        return x->decisions < y->decisions ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* The table as an array that the caller frees; *count rows. */
static struct row *sorted(json_t *table, size_t *count)
{
    struct row *row = calloc(json_object_size(table) + 1, sizeof(*row));
    const char *name;
    json_t *value;

    *count = 0;
    if (!row)
        return NULL;
    json_object_foreach(table, name, value)
    {
        row[(*count)++] = (struct row) { .name = name,
                                         .decisions = number(value, "decisions"),
                                         .stop = number(value, "stop"),
                                         .gpus = number(value, "gpus"),
                                         .users = json_object_size(json_object_get(value, "who")) };
    }
    qsort(row, *count, sizeof(*row), by_weight);
    return row;
}

/* --- text ----------------------------------------------------------------------------------------
 */

static const char *plural(long long n)
{
    return n == 1 ? "" : "s";
}

static void put_padded(FILE *out, const char *text, int columns)
{
    put_plain(out, text);
    for (int n = (int)strlen(text); n < columns; n++)
        putc(' ', out);
}

static void put_totals(const struct audit *audit, FILE *out)
{
    size_t logs = json_array_size(audit->logs), users = json_object_size(audit->users);
    long long stop = audit->verdict[VERDICT_STOP];

    fprintf(out, "%lld decision%s of %zu user%s in %zu log%s", audit->decisions,
            plural(audit->decisions), users, plural((long long)users), logs,
            plural((long long)logs));
    if (audit->first) {
        fputs(", ", out);
        put_plain(out, json_string_value(audit->first));
        fputs(" to ", out);
        put_plain(out, json_string_value(audit->last));
    }
    fprintf(out, "\n  go %lld, warn %lld, stop %lld", audit->verdict[VERDICT_GO],
            audit->verdict[VERDICT_WARN], stop);
    if (audit->decisions)
        fprintf(out, " (%.1f %%)", 100.0 * (double)stop / (double)audit->decisions);
    fprintf(out, "; nothing could be known of %lld\n", audit->cannot_know);
    fprintf(out, "  of those with verdict stop, for %lld GPU%s: %lld stopped, %lld let go",
            audit->gpus, plural(audit->gpus), audit->stopped, audit->let_go);
}

static void put_reasons(const struct audit *audit, FILE *out)
{
    const char *reason, *separator = " (";
    json_t *n;

    json_object_foreach(audit->reasons, reason, n)
    {
        fprintf(out, "%s%lld: ", separator, (long long)json_integer_value(n));
        put_plain(out, reason);
        separator = ", ";
    }
    fputs(json_object_size(audit->reasons) ? ")\n" : "\n", out);
}

static void put_rules(const struct audit *audit, FILE *out)
{
    size_t count;
    struct row *row = sorted(audit->rules, &count);

    if (count)
        fprintf(out, "\n%-36s %9s %9s %9s\n", "would be stopped by rule", "decisions", "users",
                "GPUs");
    for (size_t i = 0; i < count; i++) {
        put_padded(out, row[i].name, 36);
        fprintf(out, " %9lld %9zu %9lld\n", row[i].decisions, row[i].users, row[i].gpus);
    }
    free(row);
}

static void put_users(const struct audit *audit, FILE *out)
{
    size_t count;
    struct row *row = sorted(audit->users, &count);

    if (count)
        fprintf(out, "\n%-36s %9s %9s %9s\n", "by user", "decisions", "stop", "GPUs");
    for (size_t i = 0; i < count; i++) {
        put_padded(out, row[i].name, 36);
        fprintf(out, " %9lld %9lld %9lld\n", row[i].decisions, row[i].stop, row[i].gpus);
    }
    free(row);
}

static void put_broken(const struct audit *audit, FILE *out)
{
    json_t *line;
    size_t i;

    if (!audit->broken)
        return;
    fprintf(out, "\n%lld line%s could not be read:\n", audit->broken, plural(audit->broken));
    json_array_foreach(audit->broken_lines, i, line)
    {
        fputs("  ", out);
        put_plain(out, json_string_value(json_object_get(line, "log")));
        fprintf(out, ":%lld: %s\n", number(line, "line"),
                json_string_value(json_object_get(line, "why")));
    }
    if (audit->broken > AUDIT_BROKEN_NAMED)
        fprintf(out, "  and %lld more\n", audit->broken - AUDIT_BROKEN_NAMED);
}

void audit_print(const struct audit *audit, FILE *out)
{
    put_totals(audit, out);
    put_reasons(audit, out);
    put_rules(audit, out);
    put_users(audit, out);
    put_broken(audit, out);
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

static json_t *rules_json(const struct audit *audit)
{
    size_t count;
    struct row *row = sorted(audit->rules, &count);
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:I, s:I, s:I}", "id", row[i].name, "decisions",
                                        (json_int_t)row[i].decisions, "users",
                                        (json_int_t)row[i].users, "gpus", (json_int_t)row[i].gpus));
    free(row);
    return array;
}

static json_t *users_json(const struct audit *audit)
{
    size_t count;
    struct row *row = sorted(audit->users, &count);
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:I, s:I, s:I}", "user", row[i].name, "decisions",
                                        (json_int_t)row[i].decisions, "stop",
                                        (json_int_t)row[i].stop, "gpus", (json_int_t)row[i].gpus));
    free(row);
    return array;
}

static json_t *verdicts_json(const struct audit *audit)
{
    json_t *object = json_object();

    for (int v = 0; v < VERDICT_COUNT; v++)
        json_object_set_new(object, verdict_names[v], json_integer(audit->verdict[v]));
    return object;
}

json_t *audit_json(const struct audit *audit)
{
    return json_pack("{s:i, s:O, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:O, s:o, s:o, s:I, s:O}",
                     "schema", 1, "logs", audit->logs, "decisions", (json_int_t)audit->decisions,
                     "first", audit->first ? json_incref(audit->first) : json_null(), "last",
                     audit->last ? json_incref(audit->last) : json_null(), "verdicts",
                     verdicts_json(audit), "gpus", (json_int_t)audit->gpus, "stopped",
                     (json_int_t)audit->stopped, "let_go", (json_int_t)audit->let_go, "cannot_know",
                     (json_int_t)audit->cannot_know, "reasons", audit->reasons, "rules",
                     rules_json(audit), "users", users_json(audit), "broken",
                     (json_int_t)audit->broken, "broken_lines", audit->broken_lines);
}
