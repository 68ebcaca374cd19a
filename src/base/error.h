/* Caller-owned error text. A function that can fail returns int and, on failure, -1 after one
 * error_set(); it writes nothing else. Only main prints. A NULL err is always allowed. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

struct error {
    char text[1024];
};

/* Formats into 'err' and returns -1. Keeps errno. The text starts in lower case, names the subject in
 * single quotes and ends with what to type instead; control bytes are replaced by '?'. */
int error_set(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of a text already set, and returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
