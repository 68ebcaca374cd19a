/* expand SCRIPT, and check SCRIPT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/read_file.h"
#include "cli/decision.h"
#include "cli/saved.h"
#include "cli/script.h"
#include "expand/borrowed.h"
#include "report/formats.h"

enum { SCRIPT_BYTES_MOST = 4 << 20 };

/* --- JSON -------------------------------------------------------------------------------- */

static json_t *text_json(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    json_t *safe;
    char *copy;

    if (value)
        return value;
    copy = strdup(text); /* JSON is UTF-8 */
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    safe = copy ? json_string(copy) : json_null();
    free(copy);
    return safe;
}

static json_t *words_json(int count, const char *const *word)
{
    json_t *array = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(array, text_json(word[i]));
    return array;
}

static json_t *changed_json(const struct environment *changed)
{
    json_t *object = json_object();

    for (int i = 0; i < changed->count; i++) {
        size_t n = strcspn(changed->entry[i], "=");
        char name[256];

        if (n >= sizeof(name))
            continue;
        memcpy(name, changed->entry[i], n);
        name[n] = '\0';
        json_object_set_new(object, name, text_json(changed->entry[i] + n + 1));
    }
    return object;
}

static json_t *world_json(const struct fact_int *world)
{
    return json_pack("{s:o, s:o}", "value", world->known ? json_integer(world->value) : json_null(),
                     "source", text_json(world->known ? world->source : NULL));
}

static json_t *launch_json(const struct expand_launch *found, const struct launch *launch)
{
    bool trainer = launch->script != NULL;

    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "line", found->line, "file",
                     text_json(found->file), "command", words_json(found->argc, found->argv), "env",
                     changed_json(&found->changed), "directory", text_json(found->directory),
                     "script", text_json(launch->script), "argv",
                     trainer ? words_json(launch->argc, launch->argv) : json_null(), "world_size",
                     world_json(&launch->world), "cannot_know", text_json(launch->cannot_know));
}

static json_t *expansion_json(const struct expansion *expansion, json_t *launches)
{
    json_t *gaps = json_array();

    for (size_t i = 0; i < expansion->gap_count; i++)
        json_array_append_new(gaps, json_pack("{s:i, s:o}", "line", expansion->gap[i].line, "why",
                                              text_json(expansion->gap[i].why)));
    return json_pack("{s:i, s:o, s:o, s:o, s:b}", "schema", 1, "script", text_json(expansion->path),
                     "launches", launches, "unexpanded", gaps, "complete", expansion->complete);
}

static void print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(json);
}

/* --- text -------------------------------------------------------------------------------- */

static void print_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

/* As one would type it. */
static void print_word(const char *word)
{
    bool plain = *word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789-_=+./:,@%")];

    if (!plain)
        putchar('\'');
    print_text(word);
    if (!plain)
        putchar('\'');
}

static void print_place(const struct expansion *expansion, int line)
{
    print_text(expansion->path);
    if (line > 0)
        printf(":%d", line);
}

static void print_heading(const struct expansion *expansion, const struct expand_launch *found)
{
    print_place(expansion, found->line);
    if (found->file) {
        fputs(" (in ", stdout);
        print_text(found->file);
        putchar(')');
    }
    putchar('\n');
}

static void print_gaps(const struct expansion *expansion)
{
    for (size_t i = 0; i < expansion->gap_count; i++) {
        print_place(expansion, expansion->gap[i].line);
        fputs(": not expanded: ", stdout);
        print_text(expansion->gap[i].why);
        putchar('\n');
    }
}

static void print_launch(const struct expansion *expansion, const struct expand_launch *found,
                         const struct launch *launch)
{
    print_heading(expansion, found);
    for (int i = 0; i < found->changed.count; i++) {
        fputs("  env ", stdout);
        print_text(found->changed.entry[i]);
        putchar('\n');
    }
    fputs("  ", stdout);
    for (int i = 0; i < found->argc; i++) {
        if (i)
            putchar(' ');
        print_word(found->argv[i]);
    }
    putchar('\n');
    if (launch->world.known) {
        printf("  %lld ranks: ", (long long)launch->world.value);
        print_text(launch->world.source);
        putchar('\n');
    }
    if (launch->cannot_know) {
        fputs("  cannot know: ", stdout);
        print_text(launch->cannot_know);
        putchar('\n');
    }
}

/* --- expand ------------------------------------------------------------------------------ */

static bool wants_json(const struct cli *cli)
{
    return cli->format && strcmp(cli->format, "json") == 0;
}

static int list(const struct cli *cli, const struct expansion *expansion, struct arena *arena)
{
    json_t *launches = json_array();
    struct launch launch;

    for (size_t i = 0; i < expansion->launch_count; i++) {
        const struct expand_launch *found = &expansion->launch[i];

        script_launch(found, arena, &launch);
        json_array_append_new(launches, launch_json(found, &launch));
        if (!wants_json(cli))
            print_launch(expansion, found, &launch);
    }
    if (wants_json(cli))
        print_json(expansion_json(expansion, launches));
    else {
        print_gaps(expansion);
        json_decref(launches);
    }
    return 0;
}

int expand_command(const struct cli *cli)
{
    struct arena arena = ARENA_INIT;
    struct inputs inputs;
    struct expansion expansion;
    struct error err;
    int status = -1;

    if (cli->argc == 0)
        error_set(&err,
                  "nothing to expand: give a shell script; see megatron-preflight expand --help");
    else if (cli->format && strcmp(cli->format, "text") != 0 && strcmp(cli->format, "json") != 0)
        error_set(&err, "--format: '%s' is neither text nor json", cli->format);
    else if (inputs_configure(cli, &arena, &inputs, &err) == 0 &&
             script_expand(cli, &inputs, &arena, &expansion, &err) == 0)
        status = list(cli, &expansion, &arena);
    if (status < 0)
        fprintf(stderr, "megatron-preflight: %s\n", err.text);
    arena_release(&arena);
    return status < 0 ? 2 : status;
}

/* --- check ------------------------------------------------------------------------------- */

/* One script under check. */
struct judging {
    const struct cli *cli;
    const struct inputs *configured;
    const struct expansion *expansion;
    struct arena *arena;
    json_t *launches; /* of --format json */
    struct saving saving;
    struct rendering *rendering; /* of the formats for CI systems, or NULL */
    int worst;                   /* exit status */
    int judged;
};

/* The worst of a script's statuses: stop over cannot know over go. */
static int worse(int a, int b)
{
    static const int rank[] = { [0] = 0, [1] = 3, [2] = 2, [3] = 1 };

    return rank[b] > rank[a] ? b : a;
}

static void print_report(struct judging *judging, const struct expand_launch *found,
                         const struct report *report)
{
    struct report_style style;
    json_t *json;

    if (judging->rendering) {
        json = entry_of_report(judging->expansion->path, found->line, report);
        format_one(judging->rendering, json);
        json_decref(json);
    } else if (wants_json(judging->cli)) {
        json = launch_json(found, report->launch);
        json_object_set_new(json, "report", report_json(report));
        json_array_append_new(judging->launches, json);
    } else {
        style_for(judging->cli, stdout, &style);
        print_heading(judging->expansion, found);
        report_text(report, &style, stdout);
        putchar('\n');
    }
}

static int judge(struct judging *judging, const struct expand_launch *found, struct error *err)
{
    struct inputs inputs;
    struct launch launch;
    struct report report;

    if (!script_launch(found, judging->arena, &launch))
        return 0;
    if (script_gather(judging->cli, judging->configured, judging->expansion, found, judging->arena,
                      &inputs, err) < 0)
        return -1;
    verdict_decide(&(struct request) { .launch = &inputs.launch,
                                       .facts = &inputs.facts,
                                       .policy = &inputs.policy,
                                       .extra = &inputs.extra,
                                       .want_fixes = true },
                   judging->arena, &report);
    saving_add(&judging->saving, &inputs.launch, &inputs.environment, &inputs.facts);
    script_point(judging->expansion, found, &report);
    print_report(judging, found, &report);
    bypass_say(&inputs.policy, &report, judging->arena, stderr);
    decision_log_wanted(judging->cli, &inputs, &report, judging->arena);
    judging->worst = worse(judging->worst, verdict_exit_status(&report, judging->cli->strict));
    judging->judged++;
    return 0;
}

static void end(struct judging *judging)
{
    const struct expansion *expansion = judging->expansion;
    json_t *json;

    if (judging->rendering) {
        for (size_t i = 0; i < expansion->gap_count; i++) {
            json = entry_of_error(expansion->path, expansion->gap[i].line, expansion->gap[i].why);
            format_one(judging->rendering, json);
            json_decref(json);
        }
        format_end(judging->rendering);
    } else if (wants_json(judging->cli)) {
        print_json(expansion_json(expansion, judging->launches));
    } else {
        print_gaps(expansion);
    }
    if (expansion->lost)
        judging->worst = worse(judging->worst, 2);
    /* A script that was not followed to its end may have more to start. */
    if (judging->cli->strict && (!judging->judged || !expansion->complete))
        judging->worst = worse(judging->worst, 3);
}

/* Says so where the script takes a variable from an environment that is not at hand. */
static bool borrows(const struct cli *cli, struct arena *arena)
{
    const char *path = cli->argv[script_word(cli, arena)];
    size_t size;
    const char *text = read_file(path, SCRIPT_BYTES_MOST, arena, &size);
    const char *name = text ? borrowed_variable(text, arena) : NULL;

    if (name && !cli->quiet)
        printf("%s: cannot know: it takes $%s from the environment it is submitted in\n", path,
               name);
    return name != NULL;
}

int check_script(const struct cli *cli, const struct inputs *configured, struct arena *arena,
                 struct error *err)
{
    const struct report_format *format = report_format_find(cli->format ? cli->format : "text");
    struct expansion expansion;
    struct rendering rendering;
    struct judging judging = { .cli = cli,
                               .configured = configured,
                               .expansion = &expansion,
                               .arena = arena,
                               .launches = json_array() };

    if (cli->environment_unknown && borrows(cli, arena))
        return cli->strict ? 3 : 0;
    if (script_expand(cli, configured, arena, &expansion, err) < 0)
        return -1;
    if (format != &format_text && format != &format_json) {
        format_begin(&rendering, format, stdout, cli->verbose);
        judging.rendering = &rendering;
    }
    saving_begin(&judging.saving, cli->save, arena);
    for (size_t i = 0; i < expansion.launch_count; i++)
        if (judge(&judging, &expansion.launch[i], err) < 0)
            return -1;
    saving_end(&judging.saving);
    end(&judging);
    return judging.worst;
}
