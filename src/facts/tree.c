#include "facts/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/read_file.h"
#include "base/sha256.h"
#include "facts/places_gone.h"
#include "megatron/options.h"

enum { PARENTS_MAX = 8, FILE_LIMIT = 4 << 20 };

static const char package_info[] = "megatron/core/package_info.py";

static bool holds_megatron(const char *directory, struct arena *arena)
{
    return access(arena_printf(arena, "%s/%s", directory, package_info), R_OK) == 0;
}

static const char *absolute(const char *path, const char *cwd, struct arena *arena)
{
    return path[0] == '/' ? path : arena_printf(arena, "%s/%s", cwd, path);
}

/* The directory of the script, links followed as Python does for sys.path. */
static const char *script_directory(const struct launch *launch, const char *cwd,
                                    struct arena *arena)
{
    char *real = realpath(absolute(launch->script, cwd, arena), NULL);
    char *directory;

    if (!real)
        return NULL;
    directory = arena_strdup(arena, real);
    free(real);
    *strrchr(directory, '/') = '\0';
    return directory[0] ? directory : "/";
}

static const char *find_in_pythonpath(const struct launch *launch, const char *cwd,
                                      struct arena *arena)
{
    const char *path = environment_get(&launch->environment, "PYTHONPATH");

    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        const char *entry;

        n = strcspn(path, ":");
        entry = absolute(arena_strndup(arena, path, n), cwd, arena);
        if (holds_megatron(entry, arena))
            return entry;
    }
    return NULL;
}

static const char *find_above(const char *directory, struct arena *arena)
{
    char *above = arena_strdup(arena, directory);
    char *slash;

    for (int i = 0; i < PARENTS_MAX && (slash = strrchr(above, '/')) && slash > above; i++) {
        *slash = '\0';
        if (holds_megatron(above, arena))
            return above;
    }
    return NULL;
}

const char *tree_find(const struct launch *launch, const char *cwd, struct arena *arena,
                      const char **how)
{
    const char *beside, *found;

    if (!launch->script)
        return NULL;
    beside = launch->module ? cwd : script_directory(launch, cwd, arena);
    *how = launch->module ? "in the working directory" : "beside the script";
    if (beside && holds_megatron(beside, arena))
        return beside;
    *how = "on PYTHONPATH";
    found = find_in_pythonpath(launch, cwd, arena);
    if (found || !beside)
        return found;
    *how = "above the script";
    found = find_above(beside, arena);
    if (found)
        return found;
    *how = "in the working directory";
    return holds_megatron(cwd, arena) ? cwd : NULL;
}

static const char *next_line(const char *text)
{
    const char *end = strchr(text, '\n');

    return end ? end + 1 : NULL;
}

/* What stands behind "NAME = " at the beginning of a line, without quotes; NULL when nothing does.
 */
static const char *assigned(const char *text, const char *name, struct arena *arena)
{
    size_t length = strlen(name);

    for (const char *line = text; line; line = next_line(line)) {
        const char *p = line + length;

        if (strncmp(line, name, length) != 0)
            continue;
        p += strspn(p, " \t");
        if (*p++ != '=')
            continue;
        p += strspn(p, " \t'\"");
        return arena_strndup(arena, p, strcspn(p, " \t\r\n'\"#"));
    }
    return NULL;
}

const char *tree_version(const char *tree, struct arena *arena)
{
    const char *path = arena_printf(arena, "%s/%s", tree, package_info);
    const char *text, *major, *minor, *patch, *pre;
    size_t size;

    text = read_file(path, FILE_LIMIT, arena, &size);
    if (!text)
        return NULL;
    major = assigned(text, "MAJOR", arena);
    minor = assigned(text, "MINOR", arena);
    patch = assigned(text, "PATCH", arena);
    pre = assigned(text, "PRE_RELEASE", arena);
    if (!major || !minor || !*major || !*minor)
        return NULL;
    return arena_printf(arena, "%s.%s.%s%s", major, minor, patch && *patch ? patch : "0",
                        pre ? pre : "");
}

static bool same_size(const char *path, size_t bytes)
{
    struct stat st;

    return stat(path, &st) == 0 && (size_t)st.st_size == bytes;
}

static bool is_same(const char *tree, const struct tree_file *file, struct arena *arena)
{
    const char *path = arena_printf(arena, "%s/%s", tree, file->path);
    char hex[65];
    size_t size;
    char *data;

    if (!same_size(path, file->bytes))
        return false;
    data = read_file(path, FILE_LIMIT, arena, &size);
    if (!data)
        return false;
    sha256(data, size, hex);
    return strcmp(hex, file->sha256) == 0;
}

/* The files that differ from that release's, separated by blanks. */
static const char *changed_files(const char *tree, enum release release, struct arena *arena)
{
    const char *changed = "";

    for (size_t i = 0; i < tree_file_count; i++)
        if (tree_files[i].release == release && !is_same(tree, &tree_files[i], arena))
            changed =
                arena_printf(arena, "%s%s%s", changed, *changed ? " " : "", tree_files[i].path);
    return changed;
}

/* The release whose files these are, whatever the tree says it is; RELEASE_UNKNOWN when none. */
static enum release release_of_files(const char *tree, struct arena *arena)
{
    for (int r = RELEASE_COUNT - 1; r >= 0; r--) {
        bool same = true;

        for (size_t i = 0; same && i < tree_file_count; i++)
            if (tree_files[i].release == (enum release)r)
                same = is_same(tree, &tree_files[i], arena);
        if (same)
            return (enum release)r;
    }
    return RELEASE_UNKNOWN;
}

static void set(struct fact_str *fact, const char *value, const char *source)
{
    if (!fact->known)
        *fact = (struct fact_str) { .known = true, .value = value, .source = source };
}

void tree_facts(const struct launch *launch, const char *cwd, struct arena *arena,
                struct facts *facts)
{
    bool stated = !facts->megatron.known;
    const char *how, *tree, *version, *changed, *info;
    enum release release;

    if (launch->container)
        return;
    tree = facts->megatron_tree.known ? facts->megatron_tree.value
                                      : tree_find(launch, cwd, arena, &how);
    version = tree ? tree_version(tree, arena) : NULL;
    if (!version)
        return;
    info = arena_printf(arena, "%s/%s", tree, package_info);
    set(&facts->megatron, version, info);
    set(&facts->megatron_tree, tree, facts->megatron_tree.known ? NULL : how);
    release = facts_release(facts);
    if (release == RELEASE_UNKNOWN)
        return;
    changed = changed_files(tree, release, arena);
    if (*changed && stated) {
        enum release really = release_of_files(tree, arena);

        if (really != RELEASE_UNKNOWN) {
            facts->megatron.value = release_name(really);
            changed = "";
        }
    }
    set(&facts->megatron_changed, changed, tree);
    if (*changed)
        set(&facts->places_gone, places_gone(tree, changed, release, arena), tree);
}
