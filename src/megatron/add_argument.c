#include "megatron/add_argument.h"

#include <ctype.h>
#include <string.h>

enum { ARGUMENTS_MAX = 32, CALL_MAX = 1 << 14 };

/* Behind a string literal that begins at 'p' (at its quote). */
static const char *behind_string(const char *p)
{
    size_t quotes = strncmp(p, "'''", 3) == 0 || strncmp(p, "\"\"\"", 3) == 0 ? 3 : 1;
    char quote = *p;

    for (p += quotes; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == quote && (quotes == 1 || (p[1] == quote && p[2] == quote)))
            return p + quotes;
        else if (*p == '\n' && quotes == 1)
            return p;
    }
    return p;
}

/* Behind a comment or a string that begins at 'p', or 'p'. */
static const char *behind_text(const char *p)
{
    if (*p == '#')
        return p + strcspn(p, "\n");
    return *p == '\'' || *p == '"' ? behind_string(p) : p;
}

static const char *skip_blanks(const char *p, const char *end)
{
    for (;;) {
        while (p < end && (isspace((unsigned char)*p) || *p == '\\'))
            p++;
        if (p >= end || *p != '#')
            return p < end ? p : end;
        p += strcspn(p, "\n");
    }
}

/* One argument of a call. */
struct argument {
    const char *name; /* of a keyword argument; NULL: positional */
    size_t name_length;
    const char *value, *end;
};

struct call {
    int count;
    struct argument argument[ARGUMENTS_MAX];
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void add(struct call *call, const char *begin, const char *end)
{
    struct argument *argument = &call->argument[call->count];
    const char *p = begin = skip_blanks(begin, end);

    while (end > begin && isspace((unsigned char)end[-1]))
        end--;
    if (begin >= end || call->count == ARGUMENTS_MAX)
        return;
    *argument = (struct argument) { .value = begin, .end = end };
    while (p < end && is_word(*p))
        p++;
    argument->name_length = (size_t)(p - begin);
    p = skip_blanks(p, end);
    if (argument->name_length && p < end && *p == '=' && p[1] != '=') {
        argument->name = begin;
        argument->value = skip_blanks(p + 1, end);
    }
    call->count++;
}

/* The arguments of the call whose '(' is at 'p'; where it ends, or NULL when it does not. */
static const char *read_call(const char *p, struct call *call)
{
    const char *begin = p + 1, *limit = p + CALL_MAX;
    int depth = 0;

    call->count = 0;
    while (*p && p < limit) {
        const char *behind = behind_text(p);

        if (behind > p) {
            p = behind;
            continue;
        }
        depth += strchr("([{", *p) ? 1 : strchr(")]}", *p) ? -1 : 0;
        if ((*p == ',' && depth == 1) || depth == 0) {
            add(call, begin, p);
            begin = p + 1;
        }
        if (depth == 0)
            return p;
        p++;
    }
    return NULL;
}

/* The text of adjacent plain string literals; NULL for anything else. */
static const char *literal(const char *p, const char *end, struct arena *arena)
{
    const char *text = NULL;

    for (p = skip_blanks(p, end); p < end; p = skip_blanks(p, end)) {
        const char *behind = behind_text(p);
        const char *piece;

        if ((*p != '\'' && *p != '"') || behind < p + 2 || behind > end ||
            memchr(p, '\\', (size_t)(behind - p)) || strncmp(p, "'''", 3) == 0 ||
            strncmp(p, "\"\"\"", 3) == 0)
            return NULL;
        piece = arena_strndup(arena, p + 1, (size_t)(behind - p) - 2);
        text = text ? arena_printf(arena, "%s%s", text, piece) : piece;
        p = behind;
    }
    return text;
}

static const struct argument *keyword(const struct call *call, const char *name)
{
    for (int i = 0; i < call->count; i++)
        if (call->argument[i].name && call->argument[i].name_length == strlen(name) &&
            memcmp(call->argument[i].name, name, strlen(name)) == 0)
            return &call->argument[i];
    return NULL;
}

static bool says(const struct argument *argument, const char *text)
{
    size_t n = strlen(text);

    return (size_t)(argument->end - argument->value) == n && memcmp(argument->value, text, n) == 0;
}

/* "['a', 'b', 3]" as "a|b|3"; "" when an element is not literal. */
static const char *choices_of(const struct argument *argument, struct arena *arena)
{
    struct call list;
    const char *end, *text = "";

    if (!argument || !strchr("[(", *argument->value))
        return "";
    end = read_call(argument->value, &list);
    if (!end || end + 1 != argument->end)
        return "";
    for (int i = 0; i < list.count; i++) {
        const struct argument *item = &list.argument[i];
        size_t n = (size_t)(item->end - item->value);
        const char *word = literal(item->value, item->end, arena);

        if (!word && strspn(item->value, "0123456789") >= n)
            word = arena_strndup(arena, item->value, n);
        if (!word || strpbrk(word, "|\t\n"))
            return "";
        text = arena_printf(arena, "%s%s%s", text, *text ? "|" : "", word);
    }
    return text;
}

static const char *type_of(const struct argument *argument)
{
    static const char *const types[] = { "int", "float", "str", "bool" };

    for (size_t i = 0; argument && i < sizeof(types) / sizeof(types[0]); i++)
        if (says(argument, types[i]))
            return types[i];
    return "";
}

/* "" one value; a number; "+", "*", "?"; NULL: not literal. */
static const char *nargs_of(const struct argument *argument, struct arena *arena)
{
    const char *text;
    size_t n;

    if (!argument || says(argument, "None"))
        return "";
    n = (size_t)(argument->end - argument->value);
    if (n < 4 && strspn(argument->value, "0123456789") >= n)
        return arena_strndup(arena, argument->value, n);
    text = literal(argument->value, argument->end, arena);
    return text && *text && strchr("+*?", *text) && !text[1] ? text : NULL;
}

/* The kind of an action; false when it is one of the script's own. */
static bool kind_of(const struct argument *argument, struct arena *arena, enum option_kind *kind)
{
    static const struct {
        const char *action;
        enum option_kind kind;
    } actions[] = {
        { "store", OPTION_STORE },           { "append", OPTION_STORE },
        { "extend", OPTION_STORE },          { "store_true", OPTION_STORETRUE },
        { "store_const", OPTION_STORETRUE }, { "append_const", OPTION_STORETRUE },
        { "count", OPTION_STORETRUE },       { "store_false", OPTION_STOREFALSE },
    };
    const char *text;

    *kind = OPTION_STORE;
    if (!argument)
        return true;
    *kind = OPTION_BOOLEANOPTIONAL;
    if (says(argument, "argparse.BooleanOptionalAction") || says(argument, "BooleanOptionalAction"))
        return true;
    text = literal(argument->value, argument->end, arena);
    for (size_t i = 0; text && i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(text, actions[i].action) == 0) {
            *kind = actions[i].kind;
            return true;
        }
    return false;
}

/* The long option strings, separated by blanks; "" for a positional or short ones only, NULL when
 * one is not literal. */
static const char *names_of(const struct call *call, bool both, struct arena *arena,
                            bool *positional)
{
    const char *names = "";

    *positional = true;
    for (int i = 0; i < call->count; i++) {
        const struct argument *argument = &call->argument[i];
        const char *name;

        if (argument->name)
            continue;
        name = literal(argument->value, argument->end, arena);
        if (!name || strpbrk(name, " \t\n"))
            return NULL;
        *positional &= *name != '-';
        if (strncmp(name, "--", 2) != 0 || !name[2])
            continue;
        names = arena_printf(arena, "%s%s%s", names, *names ? " " : "", name);
        if (both)
            names = arena_printf(arena, "%s --no-%s", names, name + 2);
    }
    return names;
}

static bool same_row(const struct option_row *a, const struct option_row *b)
{
    return a->kind == b->kind && strcmp(a->nargs, b->nargs) == 0 && strcmp(a->type, b->type) == 0 &&
           strcmp(a->choices, b->choices) == 0;
}

/* Two parsers may know one name differently: whatever follows it is then taken for right. */
static void keep(const struct option_row *row, struct arena *arena, struct added_arguments *added)
{
    for (size_t i = 0; i < added->count; i++) {
        struct option_row *kept = &added->row[i];

        if (strcmp(kept->names, row->names) != 0)
            continue;
        if (!same_row(kept, row)) {
            kept->kind = OPTION_STORE;
            kept->nargs = "*";
            kept->type = kept->choices = "";
        }
        return;
    }
    added->row =
        arena_grow(arena, added->row, &added->capacity, added->count + 1, sizeof(*added->row));
    added->row[added->count++] = *row;
}

static void add_row(const struct call *call, struct arena *arena, struct added_arguments *added)
{
    enum option_kind kind;
    bool known = kind_of(keyword(call, "action"), arena, &kind), positional;
    const char *nargs = nargs_of(keyword(call, "nargs"), arena);
    const char *names = names_of(call, kind == OPTION_BOOLEANOPTIONAL, arena, &positional);

    if (!names || (!positional && (!known || !nargs))) {
        added->open = true;
        return;
    }
    added->positionals |= positional;
    if (!*names)
        return;
    keep(&(struct option_row) { .names = names,
                                .dest = JOB_FIELD_COUNT,
                                .kind = kind,
                                .nargs = kind == OPTION_STORE ? nargs : "0",
                                .type = type_of(keyword(call, "type")),
                                .fallback = "None",
                                .choices = choices_of(keyword(call, "choices"), arena) },
         arena, added);
}

static bool is_true(const char *p)
{
    p += strspn(p, " \t");
    if (*p != '=')
        return false;
    p += 1 + strspn(p + 1, " \t");
    return strncmp(p, "True", 4) == 0 && !is_word(p[4]);
}

/* "sys.argv" at 'p' is written to: "= ...", "+= ...", "[1:] = ...", ".append(...)". */
static bool is_written(const char *p)
{
    static const char *const methods[] = { ".append", ".extend", ".insert",
                                           ".remove", ".pop",    ".clear" };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strncmp(p, methods[i], strlen(methods[i])) == 0)
            return true;
    if (*p == '[')
        p += strcspn(p, "]\n");
    p += *p == ']';
    p += strspn(p, " \t");
    return (*p == '=' && p[1] != '=') || strncmp(p, "+=", 2) == 0;
}

static const char *scan_word(const char *p, size_t n, struct arena *arena,
                             struct added_arguments *added)
{
    const char *end = p + n;
    struct call call;

    if (n == 12 && memcmp(p, "add_argument", n) == 0 && end[strspn(end, " \t")] == '(') {
        end = read_call(end + strspn(end, " \t"), &call);
        if (end)
            add_row(&call, arena, added);
        else
            added->open = true;
        return end ? end : p + n;
    }
    if (n == 16 && memcmp(p, "parse_known_args", n) == 0)
        added->ignores_unknown = true;
    else if (n == 19 && memcmp(p, "ignore_unknown_args", n) == 0)
        added->ignores_unknown |= is_true(end);
    else if (n == 3 && memcmp(p, "sys", n) == 0 && strncmp(end, ".argv", 5) == 0)
        added->changes_argv |= !is_word(end[5]) && is_written(end + 5);
    return end;
}

void add_argument_scan(const char *text, struct arena *arena, struct added_arguments *added)
{
    for (const char *p = text; *p;) {
        const char *behind = behind_text(p);
        size_t n = 0;

        if (behind > p) {
            p = behind;
            continue;
        }
        while (is_word(p[n]))
            n++;
        p = n ? scan_word(p, n, arena, added) : p + 1;
    }
}
