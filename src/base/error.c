#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void sanitize(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

int error_set(struct error *err, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    if (err) {
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
        sanitize(err->text);
    }
    errno = saved;
    return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    int saved = errno;
    struct error inner;
    va_list ap;
    size_t n;

    if (err) {
        inner = *err;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
        sanitize(err->text);
        n = strlen(err->text);
        snprintf(err->text + n, sizeof(err->text) - n, ": %s", inner.text);
    }
    errno = saved;
    return -1;
}
