#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    _Alignas(max_align_t) unsigned char data[];
};

static void out_of_memory(void)
{
    static const char text[] = "megatron-preflight: out of memory\n";

    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    abort(); /* 'run' has a guard up that starts the job */
}

static struct arena_block *block_add(struct arena *arena, size_t size)
{
    size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct arena_block *block = calloc(1, sizeof(*block) + bytes);

    if (!block)
        out_of_memory();
    block->size = bytes;
    block->next = arena->block;
    arena->block = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->block;
    void *p;

    if (size > SIZE_MAX / 2)
        out_of_memory();
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    if (!block || block->size - block->used < size)
        block = block_add(arena, size);
    p = block->data + block->used;
    block->used += size;
    return p;
}

void *arena_grow(struct arena *arena, void *array, size_t *capacity, size_t need, size_t size)
{
    size_t room = *capacity ? *capacity : 8;
    void *bigger;

    if (need <= *capacity)
        return array;
    while (room < need)
        room *= 2;
    bigger = arena_alloc(arena, room * size);
    if (*capacity)
        memcpy(bigger, array, *capacity * size);
    *capacity = room;
    return bigger;
}

char *arena_strndup(struct arena *arena, const char *s, size_t n)
{
    char *copy = arena_alloc(arena, n + 1);

    memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
    return arena_strndup(arena, s, strlen(s));
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
{
    va_list again;
    char *text;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        out_of_memory();
    text = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = arena_vprintf(arena, fmt, ap);
    va_end(ap);
    return text;
}

void arena_release(struct arena *arena)
{
    struct arena_block *next;

    for (struct arena_block *block = arena->block; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->block = NULL;
}
