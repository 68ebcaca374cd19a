#include "cli/user.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

const char *user_name(struct arena *arena)
{
    const struct passwd *entry = getpwuid(getuid());

    return entry ? arena_strdup(arena, entry->pw_name)
                 : arena_printf(arena, "%lu", (unsigned long)getuid());
}

/* A number as it stands, or -1. */
static long number_of(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    return end == text || *end || number < 0 ? -1 : number;
}

static bool is_user(const char *text)
{
    long number = number_of(text);
    const struct passwd *entry = number < 0 ? getpwnam(text) : NULL;

    return entry ? entry->pw_uid == getuid() : number == (long)getuid();
}

static bool has_group(gid_t wanted, struct arena *arena)
{
    int count = getgroups(0, NULL);
    gid_t *group = arena_alloc(arena, (size_t)(count > 0 ? count : 1) * sizeof(*group));

    if (wanted == getgid())
        return true;
    count = getgroups(count > 0 ? count : 0, group);
    for (int i = 0; i < count; i++)
        if (group[i] == wanted)
            return true;
    return false;
}

static bool is_group(const char *text, struct arena *arena)
{
    long number = number_of(text);
    const struct group *entry = number < 0 ? getgrnam(text) : NULL;

    if (entry)
        return has_group(entry->gr_gid, arena);
    return number >= 0 && has_group((gid_t)number, arena);
}

const char *user_bypass(const struct policy_bypass *bypass, struct arena *arena)
{
    for (size_t i = 0; i < bypass->users.count; i++)
        if (is_user(bypass->users.item[i]))
            return arena_printf(arena, "user '%s' is in bypass", bypass->users.item[i]);
    for (size_t i = 0; i < bypass->groups.count; i++)
        if (is_group(bypass->groups.item[i], arena))
            return arena_printf(arena, "group '%s' is in bypass", bypass->groups.item[i]);
    return NULL;
}
