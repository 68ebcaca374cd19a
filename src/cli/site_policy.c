#include "cli/site_policy.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct paths {
    size_t count, capacity;
    const char **item;
};

static void add(struct paths *paths, const char *path, struct arena *arena)
{
    paths->item =
        arena_grow(arena, paths->item, &paths->capacity, paths->count + 1, sizeof(*paths->item));
    paths->item[paths->count++] = path;
}

void site_fault_add(struct site_faults *faults, const char *text, struct arena *arena)
{
    const char **more = arena_alloc(arena, (faults->count + 1) * sizeof(*more));

    if (faults->count)
        memcpy(more, faults->text, faults->count * sizeof(*more));
    more[faults->count++] = arena_strdup(arena, text);
    faults->text = more;
}

static bool is_policy_name(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && n > 5 && strcmp(name + n - 5, ".yaml") == 0;
}

static int in_byte_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files of policy.d; a directory that is there but cannot be read is an error. */
static int list_drop_ins(const char *directory, struct arena *arena, struct paths *paths,
                         struct error *err)
{
    const char *path = arena_printf(arena, "%s/policy.d", directory);
    DIR *dir = opendir(path);
    size_t first = paths->count;

    if (!dir)
        return errno == ENOENT ? 0 : error_set(err, "cannot read '%s': %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir));)
        if (is_policy_name(entry->d_name))
            add(paths, arena_printf(arena, "%s/%s", path, entry->d_name), arena);
    closedir(dir);
    if (paths->count > first)
        qsort(paths->item + first, paths->count - first, sizeof(*paths->item), in_byte_order);
    return 0;
}

static int list_files(const char *directory, struct arena *arena, struct paths *paths,
                      struct error *err)
{
    const char *path = arena_printf(arena, "%s/policy.yaml", directory);
    struct stat st;

    if (lstat(path, &st) == 0 || errno != ENOENT)
        add(paths, path, arena);
    return list_drop_ins(directory, arena, paths, err);
}

void site_policy_read(struct policy *policy, const char *directory, struct arena *arena,
                      struct site_faults *faults)
{
    struct paths paths = { 0 };
    struct error err;

    if (list_files(directory, arena, &paths, &err) < 0)
        site_fault_add(faults, err.text, arena);
    for (size_t i = 0; i < paths.count; i++)
        if (policy_read(policy, POLICY_SITE, paths.item[i], arena, &err) < 0)
            site_fault_add(faults, err.text, arena);
}

int user_policy_read(struct policy *policy, const char *path, struct arena *arena,
                     struct error *err)
{
    enum policy_layer layer = policy->locked ? POLICY_USER : POLICY_SITE;
    struct policy read = *policy;
    struct paths paths = { 0 };
    struct stat st;

    if (path[0] == '{')
        return policy_read_text(policy, POLICY_USER, "--policy", path, strlen(path), arena, err);
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return policy_read(policy, POLICY_USER, path, arena, err);
    if (list_files(path, arena, &paths, err) < 0)
        return -1;
    for (size_t i = 0; i < paths.count; i++)
        if (policy_read(&read, layer, paths.item[i], arena, err) < 0)
            return -1;
    *policy = read;
    return 0;
}
