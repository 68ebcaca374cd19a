#include "facts/packages.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/read_file.h"

enum { DIRECTORIES_MAX = 32, LINKS_MAX = 4, FILE_LIMIT = 1 << 20 };

static const struct {
    const char *name; /* of the distribution and of the directory that is imported */
    size_t fact;      /* offset in struct facts */
} packages[] = {
    { "torch", offsetof(struct facts, torch) },
    { "transformer_engine", offsetof(struct facts, transformer_engine) },
    { "flash_attn", offsetof(struct facts, flash_attn) },
    { "apex", offsetof(struct facts, apex) },
};

/* Where an interpreter imports from. */
struct site {
    const char *version; /* "3.12" */
    int count;
    const char *directory[DIRECTORIES_MAX];
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The path without its last part; "/usr" of "/usr/bin". */
static const char *parent(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');

    return slash && slash > path ? arena_strndup(arena, path, (size_t)(slash - path)) : "/";
}

static bool is_python(const char *program)
{
    const char *rest = base_name(program);

    if (strncmp(rest, "python", 6) != 0)
        return false;
    rest += 6;
    return rest[strspn(rest, "0123456789.")] == '\0';
}

/* The program as execvp() would find it; NULL when it does not. */
static const char *find_program(const struct environment *env, const char *program, const char *cwd,
                                struct arena *arena)
{
    const char *path = environment_get(env, "PATH");

    if (strchr(program, '/')) {
        if (program[0] != '/')
            program = arena_printf(arena, "%s/%s", cwd, program);
        return access(program, X_OK) == 0 ? program : NULL;
    }
    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        const char *candidate;

        n = strcspn(path, ":");
        candidate = arena_printf(arena, "%.*s/%s", (int)n, path, program);
        if (n && access(candidate, X_OK) == 0)
            return candidate;
    }
    return NULL;
}

/* The program that a script's "#!" line names: "python3" of "#!/usr/bin/env python3"; NULL without
 * one. */
static const char *shebang(const char *path, struct arena *arena)
{
    size_t size;
    const char *text = read_file(path, FILE_LIMIT, arena, &size);
    const char *word;

    if (!text || strncmp(text, "#!", 2) != 0)
        return NULL;
    text += 2 + strspn(text + 2, " \t");
    word = arena_strndup(arena, text, strcspn(text, " \t\r\n"));
    if (strcmp(base_name(word), "env") != 0)
        return word;
    text += strlen(word);
    text += strspn(text, " \t");
    return arena_strndup(arena, text, strcspn(text, " \t\r\n"));
}

static const char *interpreter_of(const struct environment *env, const char *program,
                                  const char *cwd, struct arena *arena)
{
    for (int i = 0; program && i < LINKS_MAX; i++) {
        const char *path = find_program(env, program, cwd, arena);

        if (!path || is_python(path))
            return path;
        program = shebang(path, arena);
    }
    return NULL;
}

/* The interpreter of an environment that the launch names; NULL when it is not there. */
static const char *in_prefix(const char *prefix, const char *program, const char *cwd,
                             struct arena *arena)
{
    const char *path = arena_printf(arena, "%s%s%s/bin/%s", prefix[0] == '/' ? "" : cwd,
                                    prefix[0] == '/' ? "" : "/", prefix, program);

    return access(path, X_OK) == 0 ? path : NULL;
}

const char *packages_interpreter(const struct launch *launch, const char *cwd, struct arena *arena)
{
    /* The innermost launcher is torchrun, python, or the manager itself ("uv run x.py"): a path
     * says it all. */
    for (int i = launch->layer_count - 1; i >= 0; i--) {
        int index = launch->layer[i].index;
        const char *found;

        if (index < 0 || index >= launch->command_argc)
            continue;
        if (launch->python_prefix && !strchr(launch->command[index], '/'))
            return *launch->python_prefix ? in_prefix(launch->python_prefix, "python", cwd, arena)
                                          : NULL;
        found = interpreter_of(&launch->environment, launch->command[index], cwd, arena);
        if (found)
            return found;
    }
    return NULL;
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void add(struct site *site, const char *directory)
{
    if (site->count < DIRECTORIES_MAX && is_directory(directory))
        site->directory[site->count++] = directory;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* Adds a site directory and those that the lines of its *.pth files name. */
static void add_site(struct site *site, const char *directory, struct arena *arena)
{
    DIR *dir = opendir(directory);

    add(site, directory);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t size;
        const char *line;

        if (!ends_with(entry->d_name, ".pth"))
            continue;
        line = read_file(arena_printf(arena, "%s/%s", directory, entry->d_name), FILE_LIMIT, arena,
                         &size);
        for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
            if (*line == '/')
                add(site, arena_strndup(arena, line, strcspn(line, "\r\n")));
    }
    if (dir)
        closedir(dir);
}

/* "3.12" when 'prefix'/lib holds python3.12 and no other; NULL otherwise. */
static const char *only_version(const char *prefix, struct arena *arena)
{
    DIR *lib = opendir(arena_printf(arena, "%s/lib", prefix));
    const char *version = NULL;
    int found = 0;

    for (struct dirent *entry; lib && (entry = readdir(lib));)
        if (strncmp(entry->d_name, "python3.", 8) == 0 && is_python(entry->d_name)) {
            version = arena_strdup(arena, entry->d_name + strlen("python"));
            found++;
        }
    if (lib)
        closedir(lib);
    return found == 1 ? version : NULL;
}

/* "3.12" of "/usr/bin/python3.12". */
static const char *version_in_name(const char *interpreter)
{
    const char *version = base_name(interpreter) + strlen("python");

    return strchr(version, '.') ? version : NULL;
}

/* The value of "key = value" in pyvenv.cfg, or NULL. */
static const char *setting(const char *text, const char *key, struct arena *arena)
{
    const char *line = strstr(text, key);

    if (!line || (line > text && line[-1] != '\n'))
        return NULL;
    line += strlen(key);
    line += strspn(line, " \t=");
    return arena_strndup(arena, line, strcspn(line, "\r\n"));
}

static void add_pythonpath(struct site *site, const struct environment *env, struct arena *arena)
{
    const char *path = environment_get(env, "PYTHONPATH");

    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        add(site, arena_strndup(arena, path, n));
    }
}

static void add_user_site(struct site *site, const struct environment *env, struct arena *arena)
{
    const char *home = environment_get(env, "HOME");
    const char *no_user_site = environment_get(env, "PYTHONNOUSERSITE");

    if (home && !(no_user_site && *no_user_site))
        add_site(site,
                 arena_printf(arena, "%s/.local/lib/python%s/site-packages", home, site->version),
                 arena);
}

/* The directories of an installed interpreter. False when its version cannot be told. */
static bool add_installed(struct site *site, const char *interpreter, const struct environment *env,
                          struct arena *arena)
{
    char *resolved = realpath(interpreter, NULL);
    const char *real, *prefix;

    if (!resolved)
        return false;
    real = arena_strdup(arena, resolved);
    free(resolved);
    prefix = parent(parent(real, arena), arena);
    site->version = version_in_name(real);
    if (!site->version)
        site->version = only_version(prefix, arena);
    if (!site->version)
        return false;
    add_user_site(site, env, arena);
    if (strcmp(prefix, "/usr") == 0) { /* Debian's layout */
        add_site(site, arena_printf(arena, "/usr/local/lib/python%s/dist-packages", site->version),
                 arena);
        add_site(site, "/usr/lib/python3/dist-packages", arena);
    }
    add_site(site, arena_printf(arena, "%s/lib/python%s/site-packages", prefix, site->version),
             arena);
    add_site(site, arena_printf(arena, "%s/lib64/python%s/site-packages", prefix, site->version),
             arena);
    return true;
}

static bool find_site(struct site *site, const char *interpreter, const struct environment *env,
                      struct arena *arena)
{
    const char *prefix = parent(parent(interpreter, arena), arena);
    const char *text, *home, *system;
    size_t size;

    text = read_file(arena_printf(arena, "%s/pyvenv.cfg", prefix), FILE_LIMIT, arena, &size);
    add_pythonpath(site, env, arena);
    if (!text)
        return add_installed(site, interpreter, env, arena);
    site->version = only_version(prefix, arena);
    if (!site->version)
        return false;
    add_site(site, arena_printf(arena, "%s/lib/python%s/site-packages", prefix, site->version),
             arena);
    home = setting(text, "home", arena);
    system = setting(text, "include-system-site-packages", arena);
    if (!system || strcmp(system, "true") != 0)
        return true;
    return home &&
           add_installed(site, arena_printf(arena, "%s/python%s", home, site->version), env, arena);
}

/* Does 'name' begin with the package's name, '-' and '.' being '_'? What follows it, or NULL. */
static const char *after_name(const char *name, const char *package)
{
    for (; *package; name++, package++) {
        char c = *name == '-' || *name == '.' ? '_' : (char)tolower((unsigned char)*name);

        if (c != *package)
            return NULL;
    }
    return name;
}

/* "2.9.0+cu128" of "torch-2.9.0+cu128.dist-info"; NULL when it is not this package's. */
static const char *version_of_entry(const char *entry, const char *package, struct arena *arena)
{
    const char *version = after_name(entry, package);
    const char *end, *python;

    if (!version || *version++ != '-' || !isdigit((unsigned char)*version))
        return NULL;
    end = strstr(version, ".dist-info");
    if (!end)
        end = strstr(version, ".egg-info");
    if (!end)
        return NULL;
    python = strstr(version, "-py");
    return arena_strndup(arena, version,
                         (size_t)((python && python < end ? python : end) - version));
}

/* What a directory says of a package: its version, or that something is there which says none. */
static bool look(const char *directory, const char *package, struct arena *arena,
                 const char **version, bool *unclear)
{
    DIR *dir = opendir(directory);

    if (!dir)
        return false;
    for (struct dirent *entry; !*version && (entry = readdir(dir));) {
        const char *rest = after_name(entry->d_name, package);

        *version = version_of_entry(entry->d_name, package, arena);
        if (rest && (*rest == '\0' || strcmp(rest, ".py") == 0 || strcmp(rest, ".egg-link") == 0))
            *unclear = true;
    }
    closedir(dir);
    return true;
}

static void find_package(const struct site *site, const char *package, struct arena *arena,
                         struct fact_str *fact)
{
    const char *version = NULL;
    bool unclear = false;

    for (int i = 0; i < site->count && !version; i++) {
        if (!look(site->directory[i], package, arena, &version, &unclear))
            return;
        if (unclear && !version)
            return; /* imported from here, whatever the later directories hold */
        if (version)
            *fact =
                (struct fact_str) { .known = true, .value = version, .source = site->directory[i] };
    }
    if (!version && site->count)
        *fact = (struct fact_str) { .known = true,
                                    .value = "",
                                    .source = site->directory[site->count - 1] };
}

static struct fact_str *fact_of(struct facts *facts, size_t package)
{
    return (struct fact_str *)((char *)facts + packages[package].fact);
}

static bool is_missing(const struct site *site, const char *package, struct arena *arena)
{
    struct fact_str fact = { .known = false };

    find_package(site, package, arena, &fact);
    return fact.known && !*fact.value;
}

/* An interpreter without torch or Transformer Engine is hardly the one that trains: this is a login
 * node, or a CI machine. */
static bool can_train(const struct site *site, struct arena *arena)
{
    return !is_missing(site, "torch", arena) && !is_missing(site, "transformer_engine", arena);
}

void packages_facts(const struct launch *launch, const char *cwd, struct arena *arena,
                    struct facts *facts)
{
    struct site site = { 0 };
    const char *interpreter = launch->container ? NULL : packages_interpreter(launch, cwd, arena);

    if (!interpreter || !find_site(&site, interpreter, &launch->environment, arena) ||
        !can_train(&site, arena))
        return;
    if (!facts->python.known)
        facts->python = (struct fact_str) { true, site.version, interpreter };
    for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++)
        if (!fact_of(facts, i)->known)
            find_package(&site, packages[i].name, arena, fact_of(facts, i));
}
