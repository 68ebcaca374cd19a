#include "cli/sweep_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 200000, MOST_LEVELS = 64 };

struct search {
    struct arena *arena;
    struct sweep_files *files;
    size_t capacity;
    struct error *err;
};

static int add(struct search *search, const char *path)
{
    struct sweep_files *files = search->files;

    if (files->count >= MOST_FILES)
        return error_set(search->err, "more than %d files; name directories below", MOST_FILES);
    files->path = arena_grow(search->arena, files->path, &search->capacity, files->count + 1,
                             sizeof(*files->path));
    files->path[files->count++] = path;
    return 0;
}

static bool begins_with_shebang(int directory, const char *name)
{
    char text[2];
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool yes = fd >= 0 && read(fd, text, 2) == 2 && memcmp(text, "#!", 2) == 0;

    if (fd >= 0)
        close(fd);
    return yes;
}

static bool may_launch(int directory, const char *name)
{
    static const char *const endings[] = { ".sh",   ".bash", ".sbatch", ".slurm",
                                           ".yaml", ".yml",  ".json" };
    const char *ending = strrchr(name, '.');

    if (!ending)
        return begins_with_shebang(directory, name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (strcmp(ending, endings[i]) == 0)
            return true;
    return false;
}

static int look_in(struct search *search, const char *path, int level);

static int look_at(struct search *search, const char *path, int directory, const char *name,
                   int level)
{
    struct stat st;
    const char *below;

    if (name[0] == '.' || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    below = strcmp(path, ".") == 0 ? arena_strdup(search->arena, name)
                                   : arena_printf(search->arena, "%s/%s", path, name);
    if (S_ISDIR(st.st_mode))
        return look_in(search, below, level + 1);
    if (!S_ISREG(st.st_mode) || !may_launch(directory, name))
        return 0;
    return add(search, below);
}

static int look_in(struct search *search, const char *path, int level)
{
    DIR *directory = level <= MOST_LEVELS ? opendir(path) : NULL;
    struct dirent *entry;
    int rc = 0;

    if (!directory) {
        search->files->unread++;
        return 0;
    }
    while (rc == 0 && (entry = readdir(directory)))
        rc = look_at(search, path, dirfd(directory), entry->d_name, level);
    closedir(directory);
    return rc;
}

/* Without "./" in front and slashes behind. */
static const char *tidy(const char *path, struct arena *arena)
{
    size_t n;

    while (strncmp(path, "./", 2) == 0)
        path += 2 + strspn(path + 2, "/");
    n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n ? arena_strndup(arena, path, n) : ".";
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void drop_repeats(struct sweep_files *files)
{
    size_t kept = 0;

    for (size_t i = 0; i < files->count; i++)
        if (!kept || strcmp(files->path[i], files->path[kept - 1]) != 0)
            files->path[kept++] = files->path[i];
    files->count = kept;
}

int sweep_files_find(int argc, const char *const *argv, struct arena *arena,
                     struct sweep_files *files, struct error *err)
{
    struct search search = { .arena = arena, .files = files, .err = err };
    struct stat st;
    int rc = 0;

    *files = (struct sweep_files) { 0 };
    for (int i = 0; i < argc && rc == 0; i++) {
        const char *path = tidy(argv[i], arena);

        errno = ENOENT; /* of an empty word */
        if (!*argv[i] || stat(path, &st) < 0 ||
            (S_ISDIR(st.st_mode) && access(path, R_OK | X_OK) < 0))
            return error_set(err, "cannot look at '%s': %s", argv[i], strerror(errno));
        if (S_ISDIR(st.st_mode))
            rc = look_in(&search, path, 0);
        else if (S_ISREG(st.st_mode))
            rc = add(&search, path);
        else
            return error_set(err, "'%s' is neither a file nor a directory", argv[i]);
    }
    if (rc < 0)
        return -1;
    if (files->count)
        qsort(files->path, files->count, sizeof(*files->path), compare);
    drop_repeats(files);
    return 0;
}
