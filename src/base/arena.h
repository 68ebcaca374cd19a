/* Memory that lives as long as one request: everything a check builds is allocated here and released
 * at once. Allocation never returns NULL: without memory the program aborts with a message, which 'run'
 * turns into starting the job unchecked (cli/guard.h). */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdarg.h>

struct arena {
    struct arena_block *block;
};

#define ARENA_INIT { NULL }

/* 'size' bytes, zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);

/* The array grown (copied) to hold at least 'need' elements of 'size'; *capacity is updated. */
void *arena_grow(struct arena *arena, void *array, size_t *capacity, size_t need, size_t size);

char *arena_strdup(struct arena *arena, const char *s);
char *arena_strndup(struct arena *arena, const char *s, size_t n);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap);

/* Frees everything; the arena can be used again. */
void arena_release(struct arena *arena);

#endif
