/* A JSON file as configurations are read from: bounded, no key twice, every fault named by its JSON
 * pointer. */
#ifndef CONFIG_JSON_FILE_H
#define CONFIG_JSON_FILE_H

#include <jansson.h>

#include "config/config.h"

/* The root of the file or, where there is none, of the preset of that name; it must be an object. NULL with 'err' set to "path:line:column: ...". The caller
 * decrefs. */
json_t *json_file_read(const char *path, struct arena *arena, struct error *err);

/* "path: POINTER: ...", always -1. */
int json_bad(const char *path, const char *pointer, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A whole number within least .. most, also one written as 4096.0; -1 with 'err' set. */
int json_whole_number(const char *path, const char *pointer, json_t *value, int64_t least,
                      int64_t most, int64_t *number, struct error *err);

#endif
