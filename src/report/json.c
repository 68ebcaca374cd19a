#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#include "report/impact.h"

static json_t *string_or_null(const char *text)
{
    return text ? json_string_nocheck(text) : json_null();
}

json_t *report_string(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    char *copy;

    if (value)
        return value;
    copy = strdup(text);
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    value = string_or_null(copy);
    free(copy);
    return value;
}

static json_t *words(int count, const char *const *word)
{
    json_t *array = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(array, report_string(word[i]));
    return array;
}

static json_t *blank_separated(const char *text)
{
    json_t *array = json_array();
    size_t n;

    for (const char *p = text ? text : ""; *p; p += n) {
        p += strspn(p, " ");
        n = strcspn(p, " ");
        if (n)
            json_array_append_new(array, json_stringn(p, n));
    }
    return array;
}

static json_t *sourced(const struct fact_int *fact)
{
    if (!fact->known)
        return json_pack("{s:n, s:s?}", "value", "source", fact->source);
    return json_pack("{s:I, s:s?}", "value", (json_int_t)fact->value, "source", fact->source);
}

/* --- job ------------------------------------------------------------------------------------- */

static bool holds_ints(enum job_field field)
{
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].dest == field && strcmp(option_rows[i].type, "int") == 0)
            return true;
    return false;
}

static json_t *list_json(const struct list *list, enum job_field field)
{
    json_t *array;
    bool ints = holds_ints(field);

    if (list->count < 0)
        return json_null();
    if (list->scalar && list->count == 1)
        return report_string(list->item[0]);
    array = json_array();
    for (int i = 0; i < list->count; i++)
        json_array_append_new(array, ints ? json_integer(strtoll(list->item[i], NULL, 10))
                                          : report_string(list->item[i]));
    return array;
}

static json_t *freq_json(const struct freq *freq)
{
    json_t *array;

    if (freq->kind == FREQ_NONE)
        return json_null();
    if (freq->kind == FREQ_INT)
        return json_integer(freq->every);
    array = json_array();
    for (int i = 0; i < freq->count; i++)
        json_array_append_new(array, json_integer(freq->item[i]));
    return array;
}

static json_t *float_json(double value)
{
    json_t *number = is_none_float(value) ? NULL : json_real(value);

    return number ? number : json_null(); /* JSON has no inf and no nan */
}

static json_t *field_json(const struct job *job, enum job_field field)
{
    const void *value = (const char *)job + job_fields[field].offset;

    switch (job_fields[field].type) {
    case FIELD_BOOL:
        return *(const py_bool *)value == NONE_BOOL ? json_null()
                                                    : json_boolean(*(const py_bool *)value);
    case FIELD_INT:
        return *(const int64_t *)value == NONE_INT ? json_null()
                                                   : json_integer(*(const int64_t *)value);
    case FIELD_FLOAT:
        return float_json(*(const double *)value);
    case FIELD_STR:
        return report_string(*(const char *const *)value);
    case FIELD_LIST:
        return list_json(value, field);
    case FIELD_FREQ:
        return freq_json(value);
    }
    return json_null();
}

static json_t *job_json(const struct job *job, enum release release)
{
    json_t *object = json_object();

    for (int f = 0; job && f < JOB_FIELD_COUNT; f++)
        if (job_fields[f].releases >> release & 1)
            json_object_set_new_nocheck(object, job_fields[f].name,
                                        field_json(job, (enum job_field)f));
    return object;
}

/* --- findings -------------------------------------------------------------------------------- */

static json_t *where_json(const struct where *where)
{
    switch (where->in) {
    case WHERE_ARGV:
        return json_pack("{s:s, s:i}", "in", "argv", "index", where->index);
    case WHERE_ENV:
        return json_pack("{s:s, s:s}", "in", "env", "name", where->name);
    case WHERE_FILE:
        return json_pack("{s:s, s:s, s:i, s:i}", "in", "file", "path", where->name, "line",
                         where->line, "column", where->column);
    case WHERE_COMMAND:
        break; /* the launcher's words are no part of the trainer's argv */
    }
    return NULL;
}

static json_t *finding_json(const struct finding *finding)
{
    json_t *array = json_array(), *options = json_array();
    json_t *all = blank_separated(finding->options), *word;
    size_t index;

    for (int i = 0; i < finding->where_count; i++) {
        json_t *where = where_json(&finding->where[i]);

        if (where)
            json_array_append_new(array, where);
    }
    json_array_foreach(all, index, word)
    {
        const char *text = json_string_value(word);

        if (text[0] == '-')
            json_array_append(options, word);
        else if (text[0] == '$')
            json_array_append_new(options, json_string(text + 1));
    }
    json_decref(all);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", finding->id, "stage",
                     stage_names[finding->stage], "severity", severity_names[finding->severity],
                     "options", options, "message", report_string(finding->message), "fix",
                     report_string(finding->fix), "source", report_string(finding->source), "where",
                     array);
}

static json_t *findings_json(const struct findings *findings)
{
    json_t *array = json_array();

    for (size_t i = 0; i < findings->count; i++)
        json_array_append_new(array, finding_json(&findings->item[i]));
    return array;
}

/* --- memory ---------------------------------------------------------------------------------- */

static json_t *rank_json(const struct memory_rank *rank)
{
    json_t *components = json_object();

    for (int i = 0; i < rank->component_count; i++)
        json_object_set_new(components, rank->component[i].name,
                            json_integer((json_int_t)rank->component[i].bytes));
    return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "pp_rank", rank->pp_rank,
                     "parameters", (json_int_t)rank->parameters, "parameters_expert",
                     (json_int_t)rank->parameters_expert, "allocated_bytes",
                     (json_int_t)rank->allocated_bytes, "peak_bytes", (json_int_t)rank->peak_bytes,
                     "peak_at_least_bytes", (json_int_t)rank->peak_at_least_bytes,
                     "peak_up_to_bytes", (json_int_t)rank->peak_up_to_bytes, "peak_at",
                     report_string(rank->peak_at), "components", components);
}

static json_t *memory_json(const struct memory *memory)
{
    json_t *ranks = json_array();

    for (int i = 0; i < memory->rank_count; i++)
        json_array_append_new(ranks, rank_json(&memory->rank[i]));
    return json_pack("{s:b, s:o, s:o, s:o, s:o}", "modelled", memory->modelled, "missing",
                     words(memory->missing_count, memory->missing), "usable_bytes",
                     memory->usable_bytes ? json_integer((json_int_t)memory->usable_bytes)
                                          : json_null(),
                     "assumptions", words(memory->assumption_count, memory->assumption), "ranks",
                     ranks);
}

/* --- fixes ----------------------------------------------------------------------------------- */

static json_t *edits_json(const struct fix *fix)
{
    static const char *const target[] = { [EDIT_TRAINER] = "trainer",
                                          [EDIT_LAUNCHER] = "launcher",
                                          [EDIT_ENVIRONMENT] = "environment",
                                          [EDIT_CONFIG] = "config" };
    json_t *array = json_array();

    for (int i = 0; i < fix->edit_count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:o, s:b}", "target",
                                               target[fix->edit[i].target], "option",
                                               fix->edit[i].option, "value",
                                               report_string(fix->edit[i].value), "remove",
                                               fix->edit[i].remove));
    return array;
}

static json_t *env_json(const struct fix *fix)
{
    json_t *object = json_object();

    for (int i = 0; i < fix->env_count; i++) {
        const char *equals = strchr(fix->env[i], '=');
        size_t n = equals ? (size_t)(equals - fix->env[i]) : strlen(fix->env[i]);

        json_object_setn_new(object, fix->env[i], n,
                             equals ? report_string(equals + 1) : json_null());
    }
    return object;
}

static json_t *fix_json(const struct fix *fix)
{
    json_t *changes = json_object();

    for (int i = 0; i < fix->change_count; i++)
        json_object_set_new(changes, fix->change[i].name,
                            json_pack("[I, I]", (json_int_t)fix->change[i].before,
                                      (json_int_t)fix->change[i].after));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "edits", edits_json(fix), "argv",
                     words(fix->argc, fix->argv), "world",
                     fix->world > 0 ? json_integer(fix->world) : json_null(), "env", env_json(fix),
                     "peak_bytes",
                     fix->peak_bytes ? json_integer((json_int_t)fix->peak_bytes) : json_null(),
                     "fits", fix->fits, "changes", changes);
}

static json_t *fixes_json(const struct fixes *fixes)
{
    json_t *array = json_array();

    for (int i = 0; i < fixes->count; i++)
        json_array_append_new(array, fix_json(&fixes->item[i]));
    return array;
}

/* --- report ---------------------------------------------------------------------------------- */

static json_t *megatron_json(const struct report *report)
{
    const struct fact_str *fact = report->facts ? &report->facts->megatron : NULL;
    bool known = fact && fact->known;

    return json_pack("{s:o, s:o}", "release",
                     known ? report_string(release_name(report->release)) : json_null(), "source",
                     known ? report_string(fact->source) : json_null());
}

json_t *report_json(const struct report *report)
{
    static const struct fact_int unknown;
    enum release release = report->release < RELEASE_COUNT ? report->release : RELEASE_MAIN;

    return json_pack(
        "{s:i, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o*}", "schema", 1, "id",
        report_string(report->id), "verdict", verdict_names[report->verdict], "mode",
        policy_mode_names[report->mode], "megatron", megatron_json(report), "world_size",
        sourced(report->launch ? &report->launch->world : &unknown), "job",
        job_json(report->job, release), "findings", findings_json(&report->findings), "memory",
        memory_json(&report->memory), "fixes", fixes_json(&report->fixes), "exit_status",
        verdict_exit_status(report, false), "error",
        report_string(report->error), "impact",
        report->impacts ? impact_json(report->impacts) : NULL);
}
