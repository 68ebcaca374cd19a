#include "expand/script_line.h"

#include <stdlib.h>
#include <string.h>

#include "expand/sandbox.h"
#include "expand/words.h"

enum { FRAMES_MAX = 64 };

/* One shell's calls: "12", "40", "0", "@lib.sh", "@train.sh", innermost first. */
struct stack {
    int line[FRAMES_MAX];
    const char *file[FRAMES_MAX];
    int lines, files;
};

static void add_line(struct stack *stack, const char *text, size_t n, struct arena *arena)
{
    if (text[0] == '@' && stack->files < FRAMES_MAX)
        stack->file[stack->files++] = arena_strndup(arena, text + 1, n - 1);
    else if (text[0] != '@' && stack->lines < FRAMES_MAX)
        stack->line[stack->lines++] = atoi(text);
}

/* Reads the next shell's stack and moves on behind it. */
static bool next_stack(const char **text, struct stack *stack, struct arena *arena)
{
    const char *p = *text;

    *stack = (struct stack) { .lines = 0 };
    while (*p) {
        size_t n = strcspn(p, "\n");

        if (n && p[0] != '@' && stack->files)
            break;
        if (n)
            add_line(stack, p, n, arena);
        p += n + (p[n] == '\n');
    }
    *text = p;
    return stack->lines > 0;
}

static bool is_ours(const char *file)
{
    return strncmp(file, SANDBOX_HOME, strlen(SANDBOX_HOME)) == 0 ||
           strcmp(file, "environment") == 0 || !*file;
}

static bool find_in(const char *text, const char *script, struct script_line *place,
                    struct arena *arena)
{
    struct stack stack;

    while (text && next_stack(&text, &stack, arena)) {
        for (int i = 0; i < stack.files && i < stack.lines; i++) {
            if (strcmp(stack.file[i], script) == 0) {
                place->line = stack.line[i];
                return true;
            }
            if (!place->file && !is_ours(stack.file[i]))
                place->file = stack.file[i];
        }
    }
    return false;
}

struct script_line script_line_find(const struct environment *environment, const char *script,
                                    struct arena *arena)
{
    struct script_line place = { .line = 0 };

    if (!find_in(environment_get(environment, WORDS_AT), script, &place, arena))
        find_in(environment_get(environment, WORDS_OUTER), script, &place, arena);
    return place;
}
