/* The sandbox's file system: a root in memory on which this machine's directories appear, each
 * under an overlay whose writes go to that memory; where the kernel makes no overlay, read-only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expand/sandbox.h"

/* Of memory, for all that the script writes. */
#define MEMORY "size=256m,nr_inodes=65536,mode=0755"

enum {
    OPENED_MAX = 64, /* entries of a top-level directory that are placed one by one */
    OWNED_MAX = 600, /* entries of the script's directory that are made the user's */
    SMALL = 64 * 1024
};

/* Where the root is built; a mount point of the host that the sandbox does not show. */
struct build {
    const struct sandbox *sandbox;
    const char *base; /* "/sys" */
    char root[64];    /* "/sys/root" */
    int overlays;
    struct error *err;
};

static int failed(struct build *build, const char *what)
{
    return error_set(build->err, "%s: %s", what, strerror(errno));
}

/* Creates the directory and those above it. */
static int make_directories(const char *path)
{
    char part[PATH_MAX];

    snprintf(part, sizeof(part), "%s", path);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        mkdir(part, 0755);
        *p = '/';
    }
    return mkdir(part, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void directory_of(const char *file, char directory[PATH_MAX])
{
    snprintf(directory, PATH_MAX, "%.*s", (int)(strrchr(file, '/') - file), file);
    if (!*directory)
        strcpy(directory, "/");
}

static bool named(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static const char *const nothing[] = { ".", "..", NULL };

/* Is 'path' that directory, or below it? */
static bool inside(const char *path, const char *directory)
{
    size_t n = strlen(directory);

    return strncmp(path, directory, n) == 0 && (path[n] == '/' || !path[n]);
}

/* --- one directory ----------------------------------------------------------------------- */

/* mountinfo writes blanks as \040. */
static void unescape(char *path)
{
    char *out = path;

    for (const char *p = path; *p; out++) {
        if (*p == '\\' && p[1] && p[2] && p[3]) {
            *out = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
            p += 4;
        } else {
            *out = *p++;
        }
    }
    *out = '\0';
}

static unsigned long flags_of(const char *options)
{
    static const struct {
        const char *name;
        unsigned long flag;
    } names[] = { { "nosuid", MS_NOSUID },     { "nodev", MS_NODEV },
                  { "noexec", MS_NOEXEC },     { "noatime", MS_NOATIME },
                  { "relatime", MS_RELATIME }, { "nodiratime", MS_NODIRATIME } };
    unsigned long flags = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strstr(options, names[i].name))
            flags |= names[i].flag;
    return flags;
}

/* Every mount at or below the path; the flags it has stay, the kernel insists on that. */
static int make_read_only(struct build *build, const char *path)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t capacity = 0;
    int rc = file ? 0 : failed(build, "/proc/self/mountinfo");

    while (rc == 0 && getline(&line, &capacity, file) > 0) {
        char point[PATH_MAX], options[256];

        if (sscanf(line, "%*s %*s %*s %*s %4095s %255s", point, options) != 2)
            continue;
        unescape(point);
        if (inside(point, path) &&
            mount(NULL, point, NULL,
                  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | flags_of(options), NULL) < 0)
            rc = failed(build, point);
    }
    free(line);
    if (file)
        fclose(file);
    return rc;
}

/* Is it, as to user and group, somebody else's? Then an overlay can neither write nor copy it: the
 * group, for example a project's, does not exist in here, and shows as the one of nobody. */
static bool is_foreign(const struct stat *st)
{
    enum { NOBODY = 65534 };

    return st->st_uid != geteuid() || st->st_gid != getegid() || st->st_uid == NOBODY ||
           st->st_gid == NOBODY;
}

static void copy_file(const char *source, const char *target, const struct stat *st)
{
    int in = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), out = -1;
    off_t at = 0;

    if (in >= 0)
        out = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, (st->st_mode & 0777) | 0600);
    while (out >= 0 && at < st->st_size && sendfile(out, in, &at, (size_t)(st->st_size - at)) > 0)
        ;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
}

/* Puts directories of the user's own, and copies of small files, over those of 'source' in an upper
 * layer: they can be written then. */
static void own_entries(const char *source, const char *upper, int depth, int *left)
{
    DIR *dir = opendir(source);
    struct dirent *entry;

    while (dir && *left > 0 && (entry = readdir(dir))) {
        char from[PATH_MAX], to[PATH_MAX];
        struct stat st;

        if (named(entry->d_name, nothing) ||
            snprintf(from, sizeof(from), "%s/%s", source, entry->d_name) >= PATH_MAX ||
            snprintf(to, sizeof(to), "%s/%s", upper, entry->d_name) >= PATH_MAX ||
            lstat(from, &st) < 0)
            continue;
        --*left;
        if (S_ISREG(st.st_mode) && is_foreign(&st) && st.st_size <= SMALL)
            copy_file(from, to, &st);
        else if (S_ISDIR(st.st_mode) && mkdir(to, 0755) == 0 && depth > 1)
            own_entries(from, to, depth - 1, left);
    }
    if (dir)
        closedir(dir);
}

/* With the entries made the user's own, if 'own'. */
static int overlay(struct build *build, const char *source, const char *target, bool own)
{
    static const char *const more[] = { ",userxattr", "" };
    char upper[96], work[96], options[PATH_MAX + 256];
    int n = build->overlays + 1, rc = -1;

    if (strpbrk(source, ":,\\\""))
        return -1;
    snprintf(upper, sizeof(upper), "%s/%d.upper", build->base, n);
    snprintf(work, sizeof(work), "%s/%d.work", build->base, n);
    if (mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
        return -1;
    build->overlays = n;
    if (own)
        own_entries(source, upper, 3, &(int) { OWNED_MAX });
    for (int i = 0; i < 2 && rc < 0; i++) {
        snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s%s", source, upper,
                 work, more[i]);
        rc = mount("overlay", target, "overlay", MS_NOSUID | MS_NODEV, options);
    }
    return rc;
}

static int read_only(struct build *build, const char *source, const char *target)
{
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return failed(build, source);
    return make_read_only(build, target);
}

/* In a directory that could only be had read-only (something is mounted below it): the largest part
 * of the way to 'path' that can be written. */
static void open_way(struct build *build, const char *top, const char *path)
{
    char part[PATH_MAX], target[PATH_MAX + 64];

    if (!path || !inside(path, top))
        return;
    for (const char *end = path + strlen(top); *end; end += strcspn(end, "/")) {
        end += strspn(end, "/");
        snprintf(part, sizeof(part), "%.*s", (int)(end - path + (long)strcspn(end, "/")), path);
        snprintf(target, sizeof(target), "%s%s", build->root, part);
        if (is_directory(part) && overlay(build, part, target, false) == 0)
            return;
    }
}

static int place(struct build *build, const char *path)
{
    char target[PATH_MAX + 64], script[PATH_MAX];

    snprintf(target, sizeof(target), "%s%s", build->root, path);
    if (make_directories(target) < 0)
        return failed(build, path);
    if (overlay(build, path, target, false) == 0)
        return 0;
    if (read_only(build, path, target) < 0)
        return -1;
    open_way(build, path, build->sandbox->directory);
    directory_of(build->sandbox->script, script);
    open_way(build, path, script);
    return 0;
}

static int place_entry(struct build *build, const char *path)
{
    char target[PATH_MAX + 64], link[PATH_MAX];
    struct stat st;
    ssize_t n;

    snprintf(target, sizeof(target), "%s%s", build->root, path);
    if (lstat(path, &st) < 0)
        return 0; /* gone, or a dead network mount */
    if (S_ISDIR(st.st_mode))
        return place(build, path);
    if (S_ISLNK(st.st_mode)) {
        n = readlink(path, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        return n > 0 && symlink(link, target) < 0 ? failed(build, path) : 0;
    }
    if (!S_ISREG(st.st_mode))
        return 0;
    close(open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    return read_only(build, path, target);
}

/* --- the whole tree ---------------------------------------------------------------------- */

/* Calls place_entry() on each entry. */
static int place_entries(struct build *build, const char *directory, const char *const *skip)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    char path[PATH_MAX];
    int rc = dir ? 0 : failed(build, directory);

    while (rc == 0 && (entry = readdir(dir))) {
        if (named(entry->d_name, skip))
            continue;
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        rc = place_entry(build, path);
    }
    if (dir)
        closedir(dir);
    return rc;
}

static int count_entries(const char *directory)
{
    DIR *dir = opendir(directory);
    int n = 0;

    if (!dir)
        return INT_MAX;
    while (n <= OPENED_MAX && readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* A top-level directory of other people's, as /home or /data: scripts create directories in it that
 * are there on the cluster, so it becomes one of ours that shows the same entries. */
static int place_top(struct build *build, const char *path)
{
    static const char *const systems[] = { "/usr",  "/etc", "/var",   "/boot",  "/root",   "/bin",
                                           "/sbin", "/lib", "/lib32", "/lib64", "/libx32", NULL };
    char target[PATH_MAX + 64];
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && access(path, R_OK | X_OK) < 0) {
        snprintf(target, sizeof(target), "%s%s", build->root, path);
        return mkdir(target, 0755) < 0 ? failed(build, path) : 0;
    }
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || named(path, systems) ||
        access(path, W_OK) == 0 || count_entries(path) > OPENED_MAX)
        return place_entry(build, path);
    snprintf(target, sizeof(target), "%s%s", build->root, path);
    if (mkdir(target, 0755) < 0)
        return failed(build, path);
    return place_entries(build, path, nothing);
}

static const char *const masked[] = { "/tmp", "/run", "/var/tmp", "/dev/shm", NULL };

/* What the script needs of a directory that is otherwise empty: "/tmp/checkout" of
 * "/tmp/checkout/examples". */
static int show_masked(struct build *build, const char *path)
{
    char top[PATH_MAX], target[PATH_MAX + 64];
    struct stat st;

    for (int i = 0; masked[i]; i++) {
        size_t n = strlen(masked[i]);

        if (!inside(path, masked[i]) || strlen(path) <= n + 1)
            continue;
        snprintf(top, sizeof(top), "%.*s", (int)(n + 1 + strcspn(path + n + 1, "/")), path);
        snprintf(target, sizeof(target), "%s%s", build->root, top);
        return stat(target, &st) == 0 ? 0 : place_entry(build, top);
    }
    return 0;
}

static int make_masked(struct build *build)
{
    char target[128];
    struct stat st;

    for (int i = 0; masked[i]; i++) {
        snprintf(target, sizeof(target), "%s%s", build->root, masked[i]);
        if (stat(target, &st) == 0 &&
            mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY) < 0)
            return failed(build, masked[i]);
        if (make_directories(target) < 0)
            return failed(build, masked[i]);
        chmod(target, 01777);
    }
    if (show_masked(build, build->sandbox->directory) < 0)
        return -1;
    return show_masked(build, build->sandbox->script);
}

static int make_devices(struct build *build)
{
    static const char *const nodes[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                         "/dev/urandom" };
    static const char *const links[][2] = { { "/proc/self/fd", "/dev/fd" },
                                            { "/proc/self/fd/0", "/dev/stdin" },
                                            { "/proc/self/fd/1", "/dev/stdout" },
                                            { "/proc/self/fd/2", "/dev/stderr" } };
    char target[128];

    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        snprintf(target, sizeof(target), "%s%s", build->root, nodes[i]);
        close(open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        if (mount(nodes[i], target, NULL, MS_BIND, NULL) < 0)
            return failed(build, nodes[i]);
    }
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        snprintf(target, sizeof(target), "%s%s", build->root, links[i][1]);
        if (symlink(links[i][0], target) < 0)
            return failed(build, links[i][1]);
    }
    return 0;
}

/* "cd" alone goes there, and ~/.cache is written to. */
static void make_users_home(struct build *build)
{
    const char *home = environment_get(build->sandbox->environment, "HOME");
    char target[PATH_MAX + 64];

    if (!home || home[0] != '/')
        return;
    snprintf(target, sizeof(target), "%s%s", build->root, home);
    make_directories(target);
}

/* Nothing gets out of here but words of launch commands, which a report prints. */
static int cover_secrets(struct build *build)
{
    static const char *const secrets[] = {
        ".ssh",
        ".gnupg",
        ".aws",
        ".azure",
        ".config/gcloud",
        ".kube",
        ".docker",
        ".netrc",
        ".git-credentials",
        ".config/git/credentials",
        ".huggingface",
        ".pgpass",
        ".bash_history",
        ".zsh_history",
        ".cache/huggingface/token",
        ".config/gh",
        ".password-store",
        ".local/share/keyrings",
        ".config/wandb",
        ".npmrc",
        ".pypirc",
        ".ngc",
        ".munge",
    };
    const char *home = environment_get(build->sandbox->environment, "HOME");
    char path[PATH_MAX], real[PATH_MAX], target[PATH_MAX + 128];
    struct stat st;

    if (!home || home[0] != '/')
        return 0;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", home, secrets[i]);
        if (!realpath(path, real))
            continue;
        snprintf(target, sizeof(target), "%s%s", build->root, real);
        if (stat(target, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) ? mount("tmpfs", target, "tmpfs", MS_RDONLY, "size=4k") < 0
                                : mount("/dev/null", target, NULL, MS_BIND, NULL) < 0)
            return failed(build, secrets[i]);
    }
    return 0;
}

/* --- our own corner ---------------------------------------------------------------------- */

static int write_text(struct build *build, const char *name, const char *text)
{
    char path[128];
    int fd;
    bool ok;

    snprintf(path, sizeof(path), "%s%s", build->root, name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok ? 0 : failed(build, name);
}

/* Bytes rather than a mount: the program's own directory may be closed to this user. */
static int copy_program(struct build *build)
{
    static char buffer[1 << 16];
    char path[128];
    int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out;
    ssize_t n = -1;

    snprintf(path, sizeof(path), "%s%s", build->root, SANDBOX_RECORDER);
    out = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    while (in >= 0 && out >= 0 && (n = read(in, buffer, sizeof(buffer))) > 0)
        if (write(out, buffer, (size_t)n) != n)
            break;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return n == 0 ? 0 : failed(build, "the recorder");
}

static int make_shims(struct build *build)
{
    char path[256];

    snprintf(path, sizeof(path), "%s%s", build->root, SANDBOX_SHIMS);
    if (mkdir(path, 0755) < 0)
        return failed(build, SANDBOX_SHIMS);
    for (const char *const *name = build->sandbox->shims; *name; name++) {
        snprintf(path, sizeof(path), "%s%s/%s", build->root, SANDBOX_SHIMS, *name);
        if (symlink("../recorder", path) < 0 && errno != EEXIST)
            return failed(build, *name);
    }
    return 0;
}

/* Read-only and a mount of its own: the script owns the root and could rename it otherwise. */
static int make_home(struct build *build)
{
    char home[96], script[PATH_MAX + 64], text[128];
    const struct sandbox *sandbox = build->sandbox;

    snprintf(home, sizeof(home), "%s%s", build->root, SANDBOX_HOME);
    if (mkdir(home, 0755) < 0 || mount("tmpfs", home, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY) < 0)
        return failed(build, SANDBOX_HOME);
    if (copy_program(build) < 0 || make_shims(build) < 0 ||
        write_text(build, SANDBOX_PREAMBLE, sandbox->preamble) < 0 ||
        (sandbox->text && write_text(build, SANDBOX_SCRIPT, sandbox->text) < 0))
        return -1;
    if (mount(NULL, home, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        return failed(build, SANDBOX_HOME);
    snprintf(text, sizeof(text), "%s%s", build->root, SANDBOX_SCRIPT);
    snprintf(script, sizeof(script), "%s%s", build->root, sandbox->script);
    if (sandbox->text && mount(text, script, NULL, MS_BIND, NULL) < 0)
        return failed(build, sandbox->script);
    return 0;
}

/* Where the script starts and where it lies can be written, whoever owns them; without overlays in
 * a directory of ours that shows the same entries. */
static int open_directory(struct build *build, const char *path)
{
    char target[PATH_MAX + 64];
    struct stat st;

    snprintf(target, sizeof(target), "%s%s", build->root, path);
    if (stat(path, &st) < 0 || (!is_foreign(&st) && access(target, W_OK) == 0) ||
        overlay(build, path, target, true) == 0)
        return 0;
    if (count_entries(path) > OPENED_MAX)
        return 0;
    if (mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY) < 0)
        return failed(build, path);
    return place_entries(build, path, nothing);
}

static int fill(struct build *build)
{
    char directory[PATH_MAX];
    static const char *const skip[] = { ".", "..", "proc", "sys", "dev", "run", "tmp", NULL };
    static const char *const made[] = { "/proc", "/sys", "/dev", NULL };
    char path[128];
    DIR *dir = opendir("/");
    struct dirent *entry;
    int rc = dir ? 0 : failed(build, "/");

    for (int i = 0; made[i]; i++) {
        snprintf(path, sizeof(path), "%s%s", build->root, made[i]);
        mkdir(path, 0755);
    }
    while (rc == 0 && (entry = readdir(dir))) {
        if (named(entry->d_name, skip))
            continue;
        snprintf(path, sizeof(path), "/%.100s", entry->d_name);
        rc = place_top(build, path);
    }
    if (dir)
        closedir(dir);
    if (rc < 0 || make_masked(build) < 0 || make_devices(build) < 0)
        return -1;
    make_users_home(build);
    directory_of(build->sandbox->script, directory);
    if (open_directory(build, build->sandbox->directory) < 0 ||
        open_directory(build, directory) < 0 || cover_secrets(build) < 0)
        return -1;
    return make_home(build);
}

/* Leaves the old root behind: nothing of it can be reached any more. */
static int enter(struct build *build)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/proc", build->root);
    /* Inside some containers no fresh one can be had: then there is none. */
    if (mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 && errno != EPERM)
        return failed(build, "/proc");
    if (chdir(build->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return failed(build, "pivot_root");
    if (chdir(build->sandbox->directory) < 0)
        return failed(build, build->sandbox->directory);
    return 0;
}

static const char *base(const struct sandbox *sandbox)
{
    static const char *const candidates[] = { "/sys", "/mnt", "/media", "/srv", "/boot" };

    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
        if (is_directory(candidates[i]) && !inside(sandbox->directory, candidates[i]) &&
            !inside(sandbox->script, candidates[i]))
            return candidates[i];
    return "/sys";
}

int sandbox_root(const struct sandbox *sandbox, struct error *err)
{
    struct build build = { .sandbox = sandbox, .base = base(sandbox), .err = err };

    umask(022);
    snprintf(build.root, sizeof(build.root), "%s/root", build.base);
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
        mount("tmpfs", build.base, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY) < 0 ||
        mkdir(build.root, 0755) < 0 || mount(build.root, build.root, NULL, MS_BIND, NULL) < 0)
        return failed(&build, build.base);
    if (fill(&build) < 0)
        return -1;
    return enter(&build);
}
