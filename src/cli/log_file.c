#include "cli/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/detached.h"
#include "cli/user.h"

static const double deadline_seconds = 2;

/* A name as a part of a path: no way to another directory. */
static const char *as_part(const char *name, struct arena *arena)
{
    char *part = arena_strdup(arena, name);

    for (char *p = part; *p; p++)
        if (*p == '/')
            *p = '_';
    return *part == '.' ? arena_printf(arena, "_%s", part) : part;
}

static const char *host(struct arena *arena)
{
    char name[256] = "";

    gethostname(name, sizeof(name) - 1);
    return as_part(name, arena);
}

static const char *expand(const char *path, struct arena *arena)
{
    const char *text = "";

    for (size_t n; *path; path += n) {
        n = strcspn(path, "%");
        text = arena_printf(arena, "%s%.*s", text, (int)n, path);
        if (!path[n])
            break;
        text = arena_printf(arena, "%s%s", text,
                            path[n + 1] == 'u'   ? as_part(user_name(arena), arena)
                            : path[n + 1] == 'h' ? host(arena)
                                                 : "%");
        n += path[n + 1] && strchr("uh%", path[n + 1]) ? 2 : 1;
    }
    return text;
}

struct entry {
    const char *path;
    const char *line;
};

/* 0 or errno. */
static int append(int fd, const char *line)
{
    size_t size = strlen(line);
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    n = write(fd, line, size);
    return n == (ssize_t)size ? 0 : n < 0 ? errno : ENOSPC;
}

/* O_NONBLOCK: a fifo that somebody put there must not hold us. */
static void write_file(int answer, void *data)
{
    const struct entry *entry = data;
    int fd =
        open(entry->path,
             O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    int failed = fd < 0 ? errno : append(fd, entry->line);

    detached_answer(answer, &failed, sizeof(failed));
}

static void write_syslog(int answer, void *data)
{
    const struct entry *entry = data;
    int failed = 0;

    openlog("megatron-preflight", LOG_PID, LOG_USER);
    syslog(LOG_NOTICE, "%.*s", (int)strcspn(entry->line, "\n"), entry->line);
    detached_answer(answer, &failed, sizeof(failed));
}

int log_append(const char *where, const char *line, struct arena *arena, struct error *err)
{
    bool to_syslog = strcmp(where, "syslog") == 0;
    struct entry entry = { .path = to_syslog ? where : expand(where, arena), .line = line };
    struct error inner;
    int failed;

    switch (detached_ask(to_syslog ? write_syslog : write_file, &entry, deadline_seconds, &failed,
                         sizeof(failed), &inner)) {
    case DETACHED_ANSWERED:
        return failed ? error_set(err, "cannot log to '%s': %s", entry.path,
                                  failed == EINVAL  ? "not a file"
                                  : failed == ELOOP ? "it is a link"
                                                    : strerror(failed))
                      : 0;
    case DETACHED_LATE:
        return error_set(err, "cannot log to '%s': no answer within %g s", entry.path,
                         deadline_seconds);
    case DETACHED_SILENT:
        return error_set(err, "cannot log to '%s': the writer ended early", entry.path);
    case DETACHED_NOT_STARTED:
        break;
    }
    return error_set(err, "cannot log to '%s': %s", entry.path, inner.text);
}
