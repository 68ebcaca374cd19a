#include "megatron/options_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/read_file.h"

enum { COLUMNS = 7, FILE_LIMIT = 16 << 20 };
enum column { NAMES, DEST, KIND, NARGS, TYPE, FALLBACK, CHOICES };

static const char *const kinds[] = {
    [OPTION_STORE] = "Store",
    [OPTION_STORETRUE] = "StoreTrue",
    [OPTION_STOREFALSE] = "StoreFalse",
    [OPTION_BOOLEANOPTIONAL] = "BooleanOptional",
};

static const char *const types[] = {
    "",
    "str",
    "int",
    "float",
    "bool",
    "enum",
    "tuple_type",
    "moe_freq_type",
    "no_rope_freq_type",
    "la_freq_type",
};

static int find(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, list[i]) == 0)
            return (int)i;
    return -1;
}

/* Cuts the line at its tabs; how many columns it has, at most COLUMNS + 1. */
static int split(char *line, const char *column[COLUMNS])
{
    int n = 0;

    for (int i = 0; i < COLUMNS; i++)
        column[i] = "";
    for (char *next = line; next && n <= COLUMNS; n++) {
        char *tab = strchr(next, '\t');

        if (tab)
            *tab++ = '\0';
        if (n < COLUMNS)
            column[n] = next;
        next = tab;
    }
    return n;
}

static int check_names(const char *names, struct error *err)
{
    for (const char *p = names; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (p[0] != '-' || p[1] != '-' || p[2] == '\0' || p[2] == ' ')
            return error_set(err, "'%s' is no option; it begins with '--'", p);
    return *names ? 0 : error_set(err, "the line names no option");
}

static int check_nargs(const char *nargs, struct error *err)
{
    if ((strchr("+*?", nargs[0]) && strlen(nargs) == 1) ||
        (nargs[strspn(nargs, "0123456789")] == '\0' && strlen(nargs) < 5))
        return 0;
    return error_set(err, "'%s' is no number of values; write nothing, a number, +, * or ?", nargs);
}

static bool is_flag(const struct option_row *row)
{
    return row->kind != OPTION_STORE;
}

/* Can the option's value be held by Megatron's field of that name? */
static bool fits(const struct option_row *row, enum field_type field)
{
    bool number = strcmp(row->type, "int") == 0;

    switch (field) {
    case FIELD_BOOL:
        return is_flag(row) || strcmp(row->type, "bool") == 0;
    case FIELD_INT:
        return !is_flag(row) && number && !row->nargs[0];
    case FIELD_FLOAT:
        return !is_flag(row) && (number || strcmp(row->type, "float") == 0) && !row->nargs[0];
    case FIELD_STR:
        return !is_flag(row) && !row->nargs[0];
    case FIELD_LIST:
        return !is_flag(row);
    case FIELD_FREQ:
        return !is_flag(row) && strstr(row->type, "_freq_type");
    }
    return false;
}

static int read_row(const char *const column[COLUMNS], struct option_row *row, struct error *err)
{
    int kind = find(column[KIND], kinds, sizeof(kinds) / sizeof(kinds[0]));

    if (check_names(column[NAMES], err) < 0)
        return -1;
    if (kind < 0)
        return error_set(err,
                         "'%s' is no kind; it is Store, StoreTrue, StoreFalse or "
                         "BooleanOptional",
                         column[KIND]);
    if (find(column[TYPE], types, sizeof(types) / sizeof(types[0])) < 0)
        return error_set(err, "'%s' is no type that is known; write str, int, float, bool or enum",
                         column[TYPE]);
    if (check_nargs(column[NARGS], err) < 0)
        return -1;
    *row = (struct option_row) {
        .names = column[NAMES],
        .dest = job_field_find(column[DEST]),
        .kind = (enum option_kind)kind,
        .nargs = kind == OPTION_STORE ? column[NARGS] : "0",
        .type = column[TYPE],
        .fallback = *column[FALLBACK] ? column[FALLBACK] : "None",
        .choices = column[CHOICES],
    };
    if (row->dest < JOB_FIELD_COUNT && !fits(row, job_fields[row->dest].type))
        return error_set(err, "'%s' cannot be kept in Megatron's '%s'; give it a dest of its own",
                         column[NAMES], column[DEST]);
    return 0;
}

int options_text_read(char *text, const char *path, struct arena *arena,
                      struct option_extra *extra, struct error *err)
{
    const char *column[COLUMNS];
    struct option_row *rows = NULL;
    size_t capacity = 0, count = 0;
    char *next;
    int number = 0;

    for (char *line = text; line; line = next) {
        int columns;

        number++;
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        if (*line == '\0' || *line == '#' || strncmp(line, "options\t", 8) == 0)
            continue;
        columns = split(line, column);
        rows = arena_grow(arena, rows, &capacity, count + 1, sizeof(*rows));
        if (columns < 3 || columns > COLUMNS) {
            error_set(err, "%d columns instead of 3 to 7, separated by tabs", columns);
            return error_prefix(err, "%s:%d", path, number);
        }
        if (read_row(column, &rows[count++], err) < 0)
            return error_prefix(err, "%s:%d", path, number);
    }
    *extra = (struct option_extra) { .count = count, .row = rows };
    return 0;
}

int options_file_read(const char *path, struct arena *arena, struct option_extra *extra,
                      struct error *err)
{
    size_t size;
    char *text = read_file(path, FILE_LIMIT, arena, &size);

    if (!text)
        return error_set(err, "cannot read '%s': %s", path, strerror(errno));
    return options_text_read(text, path, arena, extra, err);
}

void options_text_write(const struct option_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s\t\t%s\t%s\t%s\t\t%s\n", rows[i].names, kinds[rows[i].kind],
                rows[i].kind == OPTION_STORE ? rows[i].nargs : "", rows[i].type, rows[i].choices);
}
