/* --megatron-options FILE: options that a site's fork adds or replaces, in the format of
 * configs/megatron/options (dump-options writes it): one option a line, columns separated by tabs:
 * option strings, dest, kind, nargs, type, default, choices. Columns at the end may be missing. A
 * dest that Megatron does not have is fine: the option is then known, and nothing is checked about
 * it. */
#ifndef MEGATRON_OPTIONS_FILE_H
#define MEGATRON_OPTIONS_FILE_H

#include <stdio.h>

#include "base/error.h"
#include "megatron/options.h"

/* Writes *extra (rows in 'arena'). -1 with 'err' set: "FILE:7: 'Stroe' is no kind; ...". */
int options_file_read(const char *path, struct arena *arena, struct option_extra *extra,
                      struct error *err);

/* The same from the text of such a file, which is cut into pieces; 'path' is its name for messages. */
int options_text_read(char *text, const char *path, struct arena *arena, struct option_extra *extra,
                      struct error *err);

/* Writes rows in that format, without dest and default. */
void options_text_write(const struct option_row *rows, size_t count, FILE *out);

#endif
