#include "cli/exec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

/* An environment as exec wants it: with a NULL at the end. */
static char **terminated(const struct environment *env, struct arena *arena)
{
    char **entry = arena_alloc(arena, ((size_t)env->count + 1) * sizeof(*entry));

    memcpy(entry, env->entry, (size_t)env->count * sizeof(*entry));
    return entry;
}

int exec_command(const char *const *command, const struct environment *env, struct error *err)
{
    struct arena arena = ARENA_INIT;

    int saved;

    execvpe(command[0], (char *const *)command, terminated(env, &arena));
    saved = errno;
    error_set(err, "cannot run '%s': %s", command[0], strerror(saved));
    arena_release(&arena);
    return saved == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
