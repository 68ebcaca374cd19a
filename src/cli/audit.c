#include "cli/audit.h"

#include <string.h>

#include "verdict/verdict.h"

enum { LINE_LIMIT = 64 << 10 };

void audit_init(struct audit *audit)
{
    memset(audit, 0, sizeof(*audit));
    audit->rules = json_object();
    audit->users = json_object();
    audit->reasons = json_object();
    audit->logs = json_array();
    audit->broken_lines = json_array();
}

void audit_release(struct audit *audit)
{
    json_decref(audit->first);
    json_decref(audit->last);
    json_decref(audit->rules);
    json_decref(audit->users);
    json_decref(audit->reasons);
    json_decref(audit->logs);
    json_decref(audit->broken_lines);
}

/* --- counting ------------------------------------------------------------------------------------
 */

static void add_to(json_t *object, const char *key, long long more)
{
    json_object_set_new(object, key,
                        json_integer(json_integer_value(json_object_get(object, key)) + more));
}

/* The entry of that name, made where it is not there. */
static json_t *entry(json_t *object, const char *name)
{
    json_t *found = json_object_get(object, name);

    if (!found) {
        found = json_object();
        json_object_set_new(object, name, found);
    }
    return found;
}

static const char *text_of(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static int verdict_of(const json_t *line)
{
    const char *text = text_of(line, "verdict");

    for (int v = 0; text && v < VERDICT_COUNT; v++)
        if (strcmp(text, verdict_names[v]) == 0)
            return v;
    return -1;
}

static void count_rules(struct audit *audit, json_t *line, const char *user, long long gpus)
{
    json_t *id, *seen = json_object();
    size_t i;

    json_array_foreach(json_object_get(line, "errors"), i, id)
    {
        json_t *rule;

        if (!json_is_string(id) || json_object_get(seen, json_string_value(id)))
            continue;
        json_object_set_new(seen, json_string_value(id), json_true());
        rule = entry(audit->rules, json_string_value(id));
        add_to(rule, "decisions", 1);
        add_to(rule, "gpus", gpus);
        json_object_set_new(entry(rule, "who"), user, json_true());
    }
    json_decref(seen);
}

/* Times of one form sort as text. */
static void count_time(struct audit *audit, json_t *line)
{
    json_t *time = json_object_get(line, "time");
    const char *text = json_string_value(time);

    if (!audit->first || strcmp(text, json_string_value(audit->first)) < 0) {
        json_decref(audit->first);
        audit->first = json_incref(time);
    }
    if (!audit->last || strcmp(text, json_string_value(audit->last)) > 0) {
        json_decref(audit->last);
        audit->last = json_incref(time);
    }
}

static void count_stop(struct audit *audit, json_t *line, const char *user)
{
    long long gpus = json_integer_value(json_object_get(line, "gpus"));
    const char *reason = text_of(line, "let_go");

    if (gpus < 0 || gpus > 1 << 24)
        gpus = 0;
    audit->gpus += gpus;
    add_to(entry(audit->users, user), "stop", 1);
    add_to(entry(audit->users, user), "gpus", gpus);
    count_rules(audit, line, user, gpus);
    if (json_is_true(json_object_get(line, "started"))) {
        audit->let_go++;
        add_to(audit->reasons, reason ? reason : "no reason", 1);
    } else {
        audit->stopped++;
    }
}

/* NULL, or what is wrong. */
static const char *count(struct audit *audit, json_t *line)
{
    int verdict = verdict_of(line);
    const char *user = text_of(line, "user");

    if (!json_is_object(line) || json_integer_value(json_object_get(line, "schema")) != 1)
        return "not a decision of schema 1";
    if (verdict < 0 || !user || !text_of(line, "time"))
        return "a decision without verdict, user or time";
    audit->decisions++;
    audit->verdict[verdict]++;
    audit->cannot_know += json_is_string(json_object_get(line, "cannot_know"));
    count_time(audit, line);
    add_to(entry(audit->users, user), "decisions", 1);
    if (verdict == VERDICT_STOP)
        count_stop(audit, line, user);
    return NULL;
}

/* --- lines ---------------------------------------------------------------------------------------
 */

static void name_broken(struct audit *audit, const char *log, long long number, const char *why)
{
    if (audit->broken++ < AUDIT_BROKEN_NAMED)
        json_array_append_new(audit->broken_lines, json_pack("{s:s, s:I, s:s}", "log", log, "line",
                                                             (json_int_t)number, "why", why));
}

/* A line without its end; -1 at the end of the file, LINE_LIMIT for one that is longer, which is
 * passed over. */
static int read_line(FILE *in, char *line)
{
    int n = 0, c;

    while ((c = getc_unlocked(in)) != EOF && c != '\n')
        if (n < LINE_LIMIT)
            line[n++] = (char)c;
    line[n < LINE_LIMIT ? n : LINE_LIMIT - 1] = '\0';
    return c == EOF && n == 0 ? -1 : n;
}

static const char *read_decision(struct audit *audit, const char *line, int length)
{
    const char *start = memchr(line, '{', (size_t)length);
    const char *wrong;
    json_error_t err;
    json_t *json;

    if (length == LINE_LIMIT)
        return "longer than a decision can be";
    if (!start)
        return "not JSON";
    json = json_loadb(start, (size_t)(length - (start - line)), 0, &err);
    if (!json)
        return "not JSON, or cut off";
    wrong = count(audit, json);
    json_decref(json);
    return wrong;
}

void audit_read(struct audit *audit, const char *name, FILE *in)
{
    static char line[LINE_LIMIT];
    const char *wrong;
    int length;

    json_array_append_new(audit->logs, json_string(name));
    for (long long number = 1; (length = read_line(in, line)) >= 0; number++) {
        if (length == 0)
            continue;
        wrong = read_decision(audit, line, length);
        if (wrong)
            name_broken(audit, name, number, wrong);
    }
}
