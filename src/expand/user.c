/* Who runs a script when root asks. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expand/expand.h"

/* Root's home is none for somebody else; one that was chosen stays. */
static void change_home(const char *home)
{
    const char *have = getenv("HOME");

    if (!have || strcmp(have, "/root") == 0)
        setenv("HOME", home, 1);
}

static int become(const struct passwd *user, struct error *err)
{
    if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
        setuid(user->pw_uid) < 0)
        return error_set(err, "cannot become '%s': %s", user->pw_name, strerror(errno));
    if (setuid(0) == 0)
        return error_set(err, "cannot stop being root");
    change_home(user->pw_dir);
    setenv("USER", user->pw_name, 1);
    setenv("LOGNAME", user->pw_name, 1);
    return 0;
}

static const struct passwd *owner_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? getpwuid(st.st_uid) : NULL;
}

int expand_drop_root(const char *user, const char *path, struct error *err)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *who;

    if (geteuid() != 0)
        return user ? error_set(err, "--user: only root can become another user") : 0;
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return error_set(err, "%s: %s", path, strerror(errno));
    who = user ? getpwnam(user) : sudo ? getpwnam(sudo) : owner_of(path);
    if (user && !who)
        return error_set(err, "--user: there is no user '%s'", user);
    if (!who || who->pw_uid == 0)
        return error_set(
            err,
            "scripts are never run as root; give --user NAME, whose rights are enough to "
            "read '%s'",
            path);
    return become(who, err);
}
