/* A file that is either as it was or complete: written beside it, renamed when done. */
#ifndef BASE_WHOLE_FILE_H
#define BASE_WHOLE_FILE_H

#include <stdio.h>

#include "base/error.h"

struct whole_file {
    const char *path; /* borrowed */
    char *beside;
    FILE *out; /* write here */
};

/* -1 with 'err' set, and nothing to close. */
int whole_file_open(struct whole_file *file, const char *path, struct error *err);

/* Puts it in place. -1 with 'err' set when not all could be written; the file is then as it was. */
int whole_file_close(struct whole_file *file, struct error *err);

/* Leaves the file as it was. */
void whole_file_abandon(struct whole_file *file);

#endif
