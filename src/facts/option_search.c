#include "facts/option_search.h"

#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/read_file.h"
#include "facts/script_options.h"
#include "megatron/argparse.h"

enum { FILES_MAX = 8000, BYTES_MAX = 256 << 20, FILE_MAX = 4 << 20, MILLISECONDS_MAX = 250 };

/* What Megatron's own entry scripts import from outside the tree: none of them adds options. */
static const char *const harmless_modules[] = {
    "argparse",
    "ast",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "gc",
    "glob",
    "inspect",
    "io",
    "itertools",
    "json",
    "logging",
    "math",
    "multiprocessing",
    "numpy",
    "operator",
    "os",
    "pathlib",
    "pickle",
    "random",
    "re",
    "runpy",
    "shutil",
    "signal",
    "socket",
    "string",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "torch",
    "traceback",
    "transformer_engine",
    "transformer_engine_torch",
    "types",
    "typing",
    "uuid",
    "warnings",
    "yaml",
    "__future__",
};

struct sought {
    const char *name;  /* "--our-own" */
    const char *field; /* "our_own": what a dataclass field would be called that makes the option;
                          or NULL */
    bool found;
};

struct search {
    struct arena *arena;
    size_t count;
    struct sought *sought;
    int files;
    size_t bytes;
    struct timespec start;
    bool incomplete;
};

static bool too_long(const struct search *search)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - search->start.tv_sec) * 1000 +
               (now.tv_nsec - search->start.tv_nsec) / 1000000 >
           MILLISECONDS_MAX;
}

/* Is 'name' there between quotes? */
static bool quoted(const char *text, size_t size, const char *name)
{
    size_t length = strlen(name);
    const char *end = text + size;

    for (const char *p = text; (p = memmem(p, (size_t)(end - p), name, length)); p += length)
        if (p > text && strchr("'\"", p[-1]) && (p[length] == '\'' || p[length] == '"'))
            return true;
    return false;
}

/* Is there a line "    name: type", as in a dataclass? */
static bool declared(const char *text, size_t size, const char *name)
{
    size_t length = strlen(name);
    const char *end = text + size;

    for (const char *p = text; (p = memmem(p, (size_t)(end - p), name, length)); p += length) {
        const char *before = p, *after = p + length;

        while (before > text && (before[-1] == ' ' || before[-1] == '\t'))
            before--;
        after += strspn(after, " \t");
        if (before < p && (before == text || before[-1] == '\n') && *after == ':')
            return true;
    }
    return false;
}

static void search_text(struct search *search, const char *text, size_t size)
{
    for (size_t i = 0; i < search->count; i++) {
        struct sought *sought = &search->sought[i];

        if (!sought->found)
            sought->found = quoted(text, size, sought->name) ||
                            (sought->field && declared(text, size, sought->field));
    }
}

/* The file's text for as long as 'arena' lives; NULL and the search incomplete when it may not be
 * read. */
static const char *search_file(struct search *search, const char *path, struct arena *arena)
{
    size_t size;
    const char *text = read_file(path, FILE_MAX, arena, &size);

    if (!text) {
        search->incomplete = true;
        return NULL;
    }
    search->files++;
    search->bytes += size;
    if (search->files > FILES_MAX || search->bytes > BYTES_MAX || too_long(search))
        search->incomplete = true;
    search_text(search, text, size);
    return text;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* Every *.py under 'directory'; hidden directories are left out. */
static void search_directory(struct search *search, const char *directory, bool recursive)
{
    char *paths[] = { arena_strdup(search->arena, directory), NULL };
    FTS *fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;

    if (!fts) {
        search->incomplete = true;
        return;
    }
    while (!search->incomplete && (entry = fts_read(fts))) {
        struct arena text = ARENA_INIT;

        if (entry->fts_info == FTS_D && entry->fts_level > 0 &&
            (!recursive || entry->fts_name[0] == '.'))
            fts_set(fts, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && ends_with(entry->fts_name, ".py"))
            search_file(search, entry->fts_accpath, &text);
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
            search->incomplete = true;
        arena_release(&text);
    }
    fts_close(fts);
}

static bool is_harmless(const char *module)
{
    for (size_t i = 0; i < sizeof(harmless_modules) / sizeof(harmless_modules[0]); i++)
        if (strcmp(module, harmless_modules[i]) == 0)
            return true;
    return false;
}

/* Does 'directory' hold the module, so that searching it saw it? */
static bool holds_module(struct search *search, const char *directory, const char *module)
{
    return access(arena_printf(search->arena, "%s/%s.py", directory, module), F_OK) == 0 ||
           access(arena_printf(search->arena, "%s/%s", directory, module), F_OK) == 0;
}

/* A script that imports from elsewhere may get options from there. */
static void check_imports(struct search *search, const char *script, const char *beside,
                          const char *tree)
{
    for (const char *line = script; line && *line;) {
        const char *whole = python_import(line, search->arena);
        const char *module = whole ? arena_strndup(search->arena, whole, strcspn(whole, ".")) : NULL;
        const char *end = strchr(line, '\n');

        if (module && !is_harmless(module) && !holds_module(search, beside, module) &&
            !holds_module(search, tree, module))
            search->incomplete = true;
        line = end ? end + 1 : NULL;
    }
}

static void search_script(struct search *search, const char *path, const char *tree)
{
    char *beside = arena_strdup(search->arena, path);
    const char *text = search_file(search, path, search->arena);

    *strrchr(beside, '/') = '\0';
    if (!text)
        return;
    check_imports(search, text, beside, tree);
    if (strcmp(beside, tree) != 0)
        search_directory(search, beside, true);
}

/* The field whose option it could be: "--no-our-own" is made of our_own. */
static const char *field_of(const char *option, struct arena *arena)
{
    char *field;

    if (strncmp(option, "--", 2) != 0 || strchr(option, '_'))
        return NULL;
    option += 2;
    if (strncmp(option, "no-", 3) == 0)
        option += 3;
    else if (strncmp(option, "disable-", 8) == 0)
        option += 8;
    field = arena_strdup(arena, option);
    for (char *p = field; *p; p++)
        if (*p == '-')
            *p = '_';
    return *field ? field : NULL;
}

static void seek_unknown_options(struct search *search, const struct launch *launch,
                                 enum release release)
{
    struct job *job = arena_alloc(search->arena, sizeof(*job));
    struct option_extra extra =
        option_extra_of_script(launch->script, release, NULL, search->arena);
    struct argparse_result result;

    job_init(job);
    argparse_parse(launch->argc, launch->argv, release, &extra, search->arena, job, &result);
    search->sought =
        arena_alloc(search->arena, (result.unknown_count + 1) * sizeof(*search->sought));
    for (size_t i = 0; i < result.unknown_count; i++) {
        const char *word = launch->argv[result.unknown[i].index];
        const char *name = arena_strndup(search->arena, word, strcspn(word, "="));

        if (result.unknown[i].option)
            search->sought[search->count++] =
                (struct sought) { .name = name, .field = field_of(name, search->arena) };
    }
}

static const char *found_options(const struct search *search)
{
    const char *found = "";

    for (size_t i = 0; i < search->count; i++)
        if (search->sought[i].found)
            found = arena_printf(search->arena, "%s%s%s", found, *found ? " " : "",
                                 search->sought[i].name);
    return found;
}

void option_search(const struct launch *launch, const char *cwd, struct arena *arena,
                   struct facts *facts)
{
    struct search search = { .arena = arena };
    const char *tree = facts->megatron_tree.value;
    char *script;

    if (facts->options_in_tree.known || !facts->megatron_tree.known || !launch->script ||
        launch->module || launch->container || facts_release(facts) == RELEASE_UNKNOWN)
        return;
    seek_unknown_options(&search, launch, facts_release(facts));
    if (!search.count)
        return;
    clock_gettime(CLOCK_MONOTONIC, &search.start);
    script = realpath(launch->script[0] == '/' ? launch->script
                                               : arena_printf(arena, "%s/%s", cwd, launch->script),
                      NULL);
    if (!script)
        return;
    search_script(&search, script, tree);
    free(script);
    search_directory(&search, tree, false);
    search_directory(&search, arena_printf(arena, "%s/megatron", tree), true);
    if (!search.incomplete)
        facts->options_in_tree =
            (struct fact_str) { .known = true, .value = found_options(&search), .source = tree };
}
