/* One program run where it can change nothing and reach nobody: namespaces of its own (user, mount,
 * process, network, IPC, host name) made without privileges, no capabilities, a system call filter,
 * resource limits, a deadline that ends every process in it. It sees this machine's files; what it
 * writes goes to memory and is gone with it. /proc shows its own processes only, /tmp, /run and
 * /sys are empty (but for what the script needs), files that commonly hold secrets are covered. */
#ifndef EXPAND_SANDBOX_H
#define EXPAND_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/environment.h"
#include "base/error.h"

/* Where our own files are inside; nothing there can be written. */
#define SANDBOX_HOME "/.expand"
#define SANDBOX_SHIMS SANDBOX_HOME "/bin"
#define SANDBOX_RECORDER SANDBOX_HOME "/recorder"
#define SANDBOX_PREAMBLE SANDBOX_HOME "/preamble"
#define SANDBOX_SCRIPT SANDBOX_HOME "/script"

/* The socket to us, inside. */
enum { SANDBOX_CHANNEL = 250 };

struct sandbox {
    const char *const *argv; /* program by its absolute path, words, NULL */
    const struct environment *environment;
    const char *directory; /* absolute; where it starts */
    const char *script;    /* absolute; seen as it is, or as 'text' when that is not NULL */
    const char *text;
    const char *preamble;     /* text of SANDBOX_PREAMBLE */
    const char *const *shims; /* names in SANDBOX_SHIMS, all of them this program; NULL ends */
    double seconds;
    /* A message of some process inside: untrusted. False ends the sandbox. */
    bool (*received)(void *data, pid_t sender, const void *message, size_t size);
    void *data;
};

enum sandbox_outcome { SANDBOX_ENDED, SANDBOX_DEADLINE, SANDBOX_STOPPED };

struct sandbox_end {
    enum sandbox_outcome outcome;
    int status; /* as of waitpid(), of an ended program */
    /* Of what it wrote to standard output and error: untrusted, in the arena. */
    const char *said; /* the beginning */
    const char *last; /* the end */
};

/* -1 with 'err' set where it could not be started; the text says what to type. */
int sandbox_run(const struct sandbox *sandbox, struct arena *arena, struct sandbox_end *end,
                struct error *err);

/* The parts, in the order in which the first process inside takes them. Each returns -1 with 'err'
 * set. */

/* Makes the file system and enters it. */
int sandbox_root(const struct sandbox *sandbox, struct error *err);

/* Gives up everything: limits, capabilities, system calls that a launch script has no use for. */
int sandbox_confine(double seconds, struct error *err);

#endif
