#include "megatron/argparse.h"

#include <stdlib.h>
#include <string.h>

#include "megatron/option_value.h"
#include "megatron/python_value.h"

struct token {
    enum { TOKEN_VALUE, TOKEN_OPTION, TOKEN_HELP, TOKEN_UNKNOWN, TOKEN_REST } kind;
    const struct option_row *row; /* of an option */
    const char *name;             /* the option string, without '=value' */
    const char *explicit_value;   /* behind '=', or NULL */
};

struct parse {
    int argc;
    const char *const *argv;
    struct token *token;
    enum release release;
    const struct option_extra *extra;
    struct arena *arena;
    struct job *job;
    struct argparse_result *result;
    size_t unknown_capacity;
    size_t error_capacity;
};

static bool has_name(const struct option_row *row, const char *name, size_t length)
{
    for (const char *p = row->names; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == length && strncmp(p, name, n) == 0)
            return true;
        p += n;
    }
    return false;
}

static const struct option_row *find(const struct parse *parse, const char *name, size_t length)
{
    for (size_t i = 0; parse->extra && i < parse->extra->count; i++)
        if (has_name(&parse->extra->row[i], name, length))
            return &parse->extra->row[i];
    return option_find(name, length, parse->release);
}

static bool is_help(const char *name, size_t length)
{
    return (length == 2 && strncmp(name, "-h", 2) == 0) ||
           (length == 6 && strncmp(name, "--help", 6) == 0);
}

/* '-1', '-1.5', '-.5', but neither '-1e-5' nor '-1.'. */
static bool looks_like_a_negative_number(const char *word)
{
    const char *p = word + 1;
    size_t whole = strspn(p, "0123456789"), part;

    if (p[whole] == '\0')
        return whole > 0;
    if (p[whole] != '.')
        return false;
    part = strspn(p + whole + 1, "0123456789");
    return part > 0 && p[whole + 1 + part] == '\0';
}

static struct token option_token(const struct parse *parse, const char *word, size_t length)
{
    struct token token = { .kind = TOKEN_VALUE, .name = word };

    token.row = find(parse, word, length);
    if (token.row)
        token.kind = TOKEN_OPTION;
    else if (is_help(word, length))
        token.kind = TOKEN_HELP;
    if (word[length] == '=' && token.kind != TOKEN_VALUE) {
        token.name = arena_strndup(parse->arena, word, length);
        token.explicit_value = word + length + 1;
    }
    return token;
}

static struct token classify(const struct parse *parse, const char *word)
{
    size_t length = strlen(word);
    struct token token;

    if (word[0] != '-')
        return (struct token) { .kind = TOKEN_VALUE };
    token = option_token(parse, word, length);
    if (token.kind != TOKEN_VALUE || length == 1)
        return token;
    if (strchr(word, '=')) {
        token = option_token(parse, word, strcspn(word, "="));
        if (token.kind != TOKEN_VALUE)
            return token;
    }
    if (strncmp(word, "-h", 2) == 0) /* short options may be joined: -hh */
        return (struct token) { .kind = TOKEN_HELP, .name = "-h", .explicit_value = word + 2 };
    if (looks_like_a_negative_number(word) || strchr(word, ' '))
        return (struct token) { .kind = TOKEN_VALUE };
    return (struct token) { .kind = TOKEN_UNKNOWN };
}

static void classify_all(struct parse *parse)
{
    int i = 0;

    parse->token = arena_alloc(parse->arena, ((size_t)parse->argc + 1) * sizeof(*parse->token));
    for (; i < parse->argc && strcmp(parse->argv[i], "--") != 0; i++)
        parse->token[i] = classify(parse, parse->argv[i]);
    for (; i < parse->argc; i++)
        parse->token[i] = (struct token) { .kind = TOKEN_REST };
}

static void problem(struct parse *parse, enum argparse_problem kind, int index, int words,
                    const char *message)
{
    struct argparse_result *result = parse->result;
    const struct token *token = &parse->token[index];
    struct argparse_error error = { .problem = kind,
                                    .index = index,
                                    .words = words,
                                    .option = token->name,
                                    .message = message,
                                    .dest = token->row ? token->row->dest : JOB_FIELD_COUNT };

    result->error = arena_grow(parse->arena, result->error, &parse->error_capacity,
                               result->error_count + 1, sizeof(*result->error));
    result->error[result->error_count++] = error;
    if (result->first.problem == ARGPARSE_OK)
        result->first = error;
}

/* A usage error in argparse's words, "argument --a/--b: ...". */
static void usage(struct parse *parse, int index, int words, const char *what)
{
    const struct token *token = &parse->token[index];
    char *names = arena_strdup(parse->arena, token->row ? token->row->names : "-h --help");

    for (char *p = names; *p; p++)
        if (*p == ' ')
            *p = '/';
    problem(parse, ARGPARSE_USAGE, index, words,
            arena_printf(parse->arena, "argument %s: %s", names, what));
}

static void unknown(struct parse *parse, int index)
{
    struct argparse_result *result = parse->result;
    const char *word = parse->argv[index];
    bool option = parse->token[index].kind == TOKEN_UNKNOWN;
    const char *name = arena_strndup(parse->arena, word, strcspn(word, "="));

    result->unknown = arena_grow(parse->arena, result->unknown, &parse->unknown_capacity,
                                 result->unknown_count + 1, sizeof(*result->unknown));
    result->unknown[result->unknown_count++] =
        (struct argparse_unknown) { .index = index,
                                    .option = option,
                                    .nearest =
                                        option ? option_nearest(name, parse->release) : NULL };
}

static int values_after(const struct parse *parse, int index)
{
    int n = 0;

    while (index + n < parse->argc && parse->token[index + n].kind == TOKEN_VALUE)
        n++;
    return n;
}

/* Is the word a negative number that argparse takes for an option: '-1e-5'? */
static bool is_lost_number(const struct parse *parse, int index)
{
    double number;

    return index < parse->argc && parse->token[index].kind == TOKEN_UNKNOWN &&
           python_float(parse->argv[index], &number);
}

/* How many of 'available' values the option takes; -1 after a usage error. */
static int take(struct parse *parse, int index, const struct token *token, int available)
{
    const char *nargs = token->row->nargs;
    int want;

    if (strcmp(nargs, "*") == 0)
        return available;
    if (strcmp(nargs, "?") == 0)
        return available > 0;
    if (strcmp(nargs, "+") == 0) {
        if (available == 0)
            usage(parse, index, 1, "expected at least one argument");
        return available ? available : -1;
    }
    want = nargs[0] ? atoi(nargs) : 1;
    if (available >= want)
        return want;
    usage(parse, index, token->explicit_value ? 1 : 1 + available,
          want == 1 ? "expected one argument"
                    : arena_printf(parse->arena, "expected %d arguments", want));
    return -1;
}

static void set_place(struct parse *parse, const struct option_row *row, int index, int words)
{
    if (row->dest < JOB_FIELD_COUNT)
        parse->job->place[row->dest] = (struct place) { .index = index, .words = words };
}

static void set_flag(struct parse *parse, int index, const struct token *token)
{
    const struct option_row *row = token->row;
    bool value = row->kind == OPTION_BOOLEANOPTIONAL ? strncmp(token->name, "--no-", 5) != 0
                                                     : row->kind == OPTION_STORETRUE;

    if (token->explicit_value) {
        usage(parse, index, 1,
              arena_printf(parse->arena, "ignored explicit argument %s",
                           python_str_repr(token->explicit_value, parse->arena)));
        return;
    }
    option_store_flag(parse->job, row, value);
    set_place(parse, row, index, 1);
}

static void store(struct parse *parse, int index, const struct token *token,
                  const char *const *words, int count, int words_in_argv)
{
    struct option_value *value = arena_alloc(parse->arena, ((size_t)count + 1) * sizeof(*value));
    const char *message;

    for (int i = 0; i < count; i++) {
        enum option_value_answer answer =
            option_value(token->row, parse->release, words[i], parse->arena, &value[i], &message);

        if (answer == OPTION_VALUE_INVALID)
            usage(parse, index, words_in_argv, message);
        else if (answer == OPTION_VALUE_RAISES)
            problem(parse, ARGPARSE_TRACEBACK, index, words_in_argv, message);
        if (answer != OPTION_VALUE_OK)
            return;
    }
    option_store(parse->job, token->row, value, count, parse->arena);
    set_place(parse, token->row, index, words_in_argv);
}

/* Consumes the option at 'index'; the index behind it and its values. */
static int consume(struct parse *parse, int index)
{
    const struct token *token = &parse->token[index];
    int available, count;

    if (token->row->kind != OPTION_STORE) {
        set_flag(parse, index, token);
        return index + 1;
    }
    if (token->explicit_value) {
        if (take(parse, index, token, 1) == 1)
            store(parse, index, token, &token->explicit_value, 1, 1);
        return index + 1;
    }
    available = values_after(parse, index + 1);
    count = take(parse, index, token, available);
    if (count < 0) /* a lost number is the same mistake, not an unknown option as well */
        return index + 1 + available + (available == 0 && is_lost_number(parse, index + 1));
    store(parse, index, token, parse->argv + index + 1, count, count + 1);
    return index + 1 + count;
}

static void help(struct parse *parse, int index)
{
    const struct token *token = &parse->token[index];
    const char *rest = token->explicit_value;

    if (rest && (strncmp(token->name, "--", 2) == 0 || rest[strspn(rest, "h")] || !rest[0]))
        usage(parse, index, 1,
              arena_printf(parse->arena, "ignored explicit argument %s",
                           python_str_repr(rest, parse->arena)));
    else
        problem(parse, ARGPARSE_HELP, index, 1, "help");
}

static void defaults(struct parse *parse)
{
    bool seen[JOB_FIELD_COUNT + 1] = { false }; /* by the fork */

    for (size_t i = 0; parse->extra && i < parse->extra->count; i++) {
        option_store_default(parse->job, &parse->extra->row[i], parse->arena);
        seen[parse->extra->row[i].dest] = true;
    }
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];

        if ((row->decides >> parse->release & 1) && !seen[row->dest])
            option_store_default(parse->job, row, parse->arena);
    }
}

void argparse_parse(int argc, const char *const *argv, enum release release,
                    const struct option_extra *extra, struct arena *arena, struct job *job,
                    struct argparse_result *result)
{
    struct parse parse = { .argc = argc,
                           .argv = argv,
                           .release = release,
                           .extra = extra,
                           .arena = arena,
                           .job = job,
                           .result = result };

    *result = (struct argparse_result){ .first = { .index = -1, .dest = JOB_FIELD_COUNT } };
    defaults(&parse);
    classify_all(&parse);
    for (int i = 0; i < argc;) {
        if (parse.token[i].kind == TOKEN_OPTION) {
            i = consume(&parse, i);
            continue;
        }
        if (parse.token[i].kind == TOKEN_HELP)
            help(&parse, i);
        else
            unknown(&parse, i);
        i++;
    }
}
