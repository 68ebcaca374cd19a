#include "cli/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/decision.h"
#include "cli/record.h"
#include "cli/user.h"
#include "facts/gather.h"

/* Far above what any script launches. */
enum { BYTES_MOST = 16 << 20 };

static void warn(const char *path)
{
    fprintf(stderr, "megatron-preflight: warning: --save: cannot write '%s': %s\n", path,
            strerror(errno));
}

void saving_begin(struct saving *saving, const char *path, struct arena *arena)
{
    int fd;

    memset(saving, 0, sizeof(*saving));
    if (!path)
        return;
    saving->temporary = arena_printf(arena, "%s.%d", path, (int)getpid());
    fd = open(saving->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    saving->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (saving->out)
        saving->path = path;
    else
        warn(saving->temporary);
}

void saving_add(struct saving *saving, const struct launch *launch, const struct environment *env,
                const struct facts *facts)
{
    json_t *record = saving->path ? record_of(launch, env, facts) : NULL;

    if (!record)
        return;
    json_dumpf(record, saving->out, JSON_COMPACT);
    putc('\n', saving->out);
    json_decref(record);
}

void saving_end(struct saving *saving)
{
    bool whole;

    if (!saving->path)
        return;
    whole = !ferror(saving->out);
    whole = fclose(saving->out) == 0 && whole;
    if (whole && rename(saving->temporary, saving->path) == 0)
        return;
    warn(saving->path);
    unlink(saving->temporary);
}

/* The open file, or NULL with 'err' set where it is not the asking user's own. */
static FILE *open_own(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        error_set(err, "cannot read '%s': %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_size > BYTES_MOST)
        error_set(err, "'%s' is no file of saved launches", path);
    else if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        error_set(
            err,
            "'%s' could be another user's: it must belong to you and be writable for you alone",
            path);
    else
        return fdopen(fd, "r");
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* What this machine has is asked of the driver and of Slurm's variables of this process, not of
 * those that the job was submitted with. */
static void look_at_machine(struct inputs *inputs, struct record *record, struct arena *arena)
{
    facts_gather_node(&inputs->environment, &record->launch, &inputs->policy, arena,
                      &record->facts);
    record_complete(record, arena);
}

static int check_line(const struct cli *cli, struct inputs *inputs, const char *line,
                      struct arena *arena, struct error *err)
{
    struct record *record = arena_alloc(arena, sizeof(*record));
    json_error_t where;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &where);
    struct inputs one = *inputs;
    struct report report;
    int rc;

    if (!object)
        return error_set(err, "column %d: %s", where.column, where.text);
    rc = record_read(object, arena, record, err);
    json_decref(object);
    if (rc < 0)
        return -1;
    look_at_machine(inputs, record, arena);
    one.policy.let_go = user_bypass(&one.policy.bypass, arena);
    policy_narrow(&one.policy, record->facts.path.known ? record->facts.path.value : NULL,
                  record->facts.partition.known ? record->facts.partition.value : NULL);
    verdict_decide(&(struct request) { .id = record->id,
                                       .launch = &record->launch,
                                       .facts = &record->facts,
                                       .policy = &one.policy,
                                       .extra = &inputs->extra,
                                       .want_fixes = true },
                   arena, &report);
    check_print(cli, &report);
    bypass_say(&one.policy, &report, arena, stderr);
    one.launch = record->launch;
    one.facts = record->facts;
    decision_log_wanted(cli, &one, &report, arena);
    return verdict_exit_status(&report, cli->strict);
}

int check_saved(const struct cli *cli, struct inputs *inputs, struct error *err)
{
    FILE *in = open_own(cli->saved, err);
    char *line = NULL;
    size_t size = 0;
    int status, worst = 0, number = 0;

    if (!in)
        return -1;
    while (worst >= 0 && getline(&line, &size, in) > 0) {
        struct arena arena = ARENA_INIT;

        number++;
        status = check_line(cli, inputs, line, &arena, err);
        if (status < 0)
            error_prefix(err, "%s:%d", cli->saved, number);
        worst = status < 0 || status > worst ? status : worst;
        arena_release(&arena);
    }
    free(line);
    fclose(in);
    return worst;
}
