#include "facts/script_options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/read_file.h"
#include "megatron/add_argument.h"
#include "megatron/options_file.h"

enum { FILES_MAX = 64, FILE_MAX = 1 << 20, DEPTH_MAX = 4 };

struct scan {
    struct arena *arena;
    const char *beside, *tree; /* where modules are looked for; tree may be NULL */
    struct added_arguments added;
    int count;
    const char *seen[FILES_MAX];
};

const char *python_import(const char *line, struct arena *arena)
{
    line += strspn(line, " \t");
    if (strncmp(line, "import ", 7) == 0)
        line += 7;
    else if (strncmp(line, "from ", 5) == 0)
        line += 5;
    else
        return NULL;
    line += strspn(line, " \t.");
    if (!isalpha((unsigned char)*line) && *line != '_')
        return NULL;
    return arena_strndup(arena, line, strcspn(line, " \t,;\r\n"));
}

static bool is_new(struct scan *scan, const char *path)
{
    for (int i = 0; i < scan->count; i++)
        if (strcmp(scan->seen[i], path) == 0)
            return false;
    if (scan->count < FILES_MAX)
        scan->seen[scan->count++] = path;
    return scan->count < FILES_MAX;
}

static bool scan_file(struct scan *scan, const char *path, int depth);

/* "a.b" is DIRECTORY/a/b.py or DIRECTORY/a/b/__init__.py. */
static bool scan_module(struct scan *scan, const char *directory, const char *module, int depth)
{
    char *path = arena_strdup(scan->arena, module);

    for (char *p = path; *p; p++)
        *p = *p == '.' ? '/' : *p;
    return scan_file(scan, arena_printf(scan->arena, "%s/%s.py", directory, path), depth) ||
           scan_file(scan, arena_printf(scan->arena, "%s/%s/__init__.py", directory, path), depth);
}

/* Megatron's own modules add what the tables know. */
static void scan_imports(struct scan *scan, const char *text, int depth)
{
    for (const char *line = text; line && *line;) {
        const char *module = python_import(line, scan->arena);
        const char *end = strchr(line, '\n');

        if (module && strcmp(module, "megatron") != 0 && strncmp(module, "megatron.", 9) != 0 &&
            !scan_module(scan, scan->beside, module, depth) && scan->tree)
            scan_module(scan, scan->tree, module, depth);
        line = end ? end + 1 : NULL;
    }
}

/* False when there is no such file. */
static bool scan_file(struct scan *scan, const char *path, int depth)
{
    size_t size;
    const char *text;

    if (depth > DEPTH_MAX)
        return true;
    text = read_file(path, FILE_MAX, scan->arena, &size);
    if (!text)
        return false;
    if (!is_new(scan, path))
        return true;
    add_argument_scan(text, scan->arena, &scan->added);
    scan_imports(scan, text, depth + 1);
    return true;
}

/* A fork's own parser: options that its release does not have. What else it does is Megatron's. */
static void scan_changed_parser(struct scan *scan, const struct facts *facts)
{
    static const char *const parsers[] = { "megatron/training/arguments.py",
                                           "megatron/post_training/arguments.py" };
    struct added_arguments before = scan->added;

    for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++) {
        const char *text = NULL;
        size_t size;

        if (facts->megatron_changed.known && strstr(facts->megatron_changed.value, parsers[i]))
            text = read_file(arena_printf(scan->arena, "%s/%s", scan->tree, parsers[i]), FILE_MAX,
                             scan->arena, &size);
        if (text)
            add_argument_scan(text, scan->arena, &scan->added);
    }
    scan->added.open = before.open;
    scan->added.positionals = before.positionals;
    scan->added.ignores_unknown = before.ignores_unknown;
    scan->added.changes_argv = before.changes_argv;
}

static void tell(const struct scan *scan, const char *script, struct arena *arena,
                 struct facts *facts)
{
    const struct added_arguments *added = &scan->added;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    options_text_write(added->row, added->count, out);
    fclose(out);
    if (!facts->script_options.known)
        facts->script_options = (struct fact_str) { true, arena_strdup(arena, text), script };
    if (!facts->script_parser.known)
        facts->script_parser =
            (struct fact_str) { true,
                                arena_printf(arena, "%s%s%s%s", added->open ? "open " : "",
                                             added->positionals ? "positionals " : "",
                                             added->ignores_unknown ? "ignores-unknown " : "",
                                             added->changes_argv ? "changes-argv" : ""),
                                script };
    free(text);
}

void script_options_read(const struct launch *launch, const char *cwd, struct arena *arena,
                         struct facts *facts)
{
    struct scan scan = { .arena = arena };
    char *path, *beside;

    if ((facts->script_options.known && facts->script_parser.known) || launch->module ||
        launch->container || !launch->script)
        return;
    path = realpath(launch->script[0] == '/' ? launch->script
                                             : arena_printf(arena, "%s/%s", cwd, launch->script),
                    NULL);
    if (!path)
        return;
    beside = arena_strdup(arena, path);
    *strrchr(beside, '/') = '\0';
    scan.beside = beside;
    scan.tree = facts->megatron_tree.known ? facts->megatron_tree.value : NULL;
    if (scan_file(&scan, path, 0)) {
        if (scan.tree)
            scan_changed_parser(&scan, facts);
        tell(&scan, launch->script, arena, facts);
    }
    free(path);
}
