/* One line to a log that many processes of many users write to at the same time. */
#ifndef CLI_LOG_FILE_H
#define CLI_LOG_FILE_H

#include "base/arena.h"
#include "base/error.h"

/* Appends 'line' (with its end of line) with one write, to the file 'where' - %u is the user, %h
 * the host, %% a percent sign - or, without the end of line, to "syslog". The file is made with
 * mode 0644 where it is not there; links are not followed, anything but a regular file is refused.
 * Waits two seconds at most; -1 with 'err' set when the line was not written until then. */
int log_append(const char *where, const char *line, struct arena *arena, struct error *err);

#endif
