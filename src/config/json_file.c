#include "config/json_file.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/read_file.h"
#include "config/presets.h"

enum { BYTES_MOST = 4 << 20 };

json_t *json_file_read(const char *path, struct arena *arena, struct error *err)
{
    json_error_t where;
    size_t size;
    const char *text = read_file(path, BYTES_MOST, arena, &size);
    const struct preset *preset = text ? NULL : preset_find(path);
    json_t *root;

    if (preset) {
        text = preset->text;
        size = strlen(text);
    }
    if (!text) {
        error_set(err, "cannot read '%s': %s", path, strerror(errno));
        return NULL;
    }
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (!root) {
        error_set(err, "%s:%d:%d: %s", path, where.line, where.column, where.text);
    } else if (!json_is_object(root)) {
        error_set(err, "%s:1:1: a configuration must be a JSON object", path);
        json_decref(root);
        root = NULL;
    }
    return root;
}

int json_bad(const char *path, const char *pointer, struct error *err, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return error_set(err, "%s: %s: %s", path, pointer, text);
}

int json_whole_number(const char *path, const char *pointer, json_t *value, int64_t least,
                      int64_t most, int64_t *number, struct error *err)
{
    double real = json_number_value(value);
    char *text;

    if (json_is_integer(value) ||
        (json_is_real(value) && real == floor(real) && fabs(real) < 1e15)) {
        *number = json_is_integer(value) ? json_integer_value(value) : (int64_t)real;
        if (*number >= least && *number <= most)
            return 0;
        return json_bad(path, pointer, err, "%lld is not within %lld .. %lld", (long long)*number,
                        (long long)least, (long long)most);
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    json_bad(path, pointer, err, "%.60s is not a whole number", text ? text : "this");
    free(text);
    return -1;
}
