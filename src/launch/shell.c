#include "launch/shell.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Commands in front that change neither the words nor, but for export and unset, the environment of
 * what follows. */
static const char *const harmless[] = { "cd",         "set",  "ulimit", "umask", "true",
                                        ":",          "echo", "mkdir",  "sleep", "date",
                                        "hostname",   "pwd",  "printf", "wait",  "sync",
                                        "nvidia-smi", "shopt" };

struct reader {
    const char *p;
    struct arena *arena;
    struct environment env;       /* of the command */
    struct environment variables; /* of the shell: assigned in the string */
    shell_variable *variable;
    void *context;
    const char *why; /* set once: why the string cannot be known */

    const char **word; /* of the command being read */
    int count;
    size_t capacity;

    char *text; /* of the word being read */
    size_t length, room;
    bool open;   /* there is a word, perhaps an empty one */
    bool quoted; /* part of it was quoted: not an assignment, keyword or number of a redirection */
};

static bool refuse(struct reader *reader, const char *why)
{
    if (!reader->why)
        reader->why = why;
    return false;
}

static void put(struct reader *reader, char c)
{
    reader->text = arena_grow(reader->arena, reader->text, &reader->room, reader->length + 2, 1);
    reader->text[reader->length++] = c;
    reader->text[reader->length] = '\0';
    reader->open = true;
}

static void end_word(struct reader *reader)
{
    if (!reader->open)
        return;
    reader->word = arena_grow(reader->arena, reader->word, &reader->capacity,
                              (size_t)reader->count + 2, sizeof(*reader->word));
    reader->word[reader->count++] =
        reader->length ? arena_strndup(reader->arena, reader->text, reader->length) : "";
    reader->length = 0;
    reader->open = false;
    reader->quoted = false;
}

static bool put_value(struct reader *reader, const char *value, bool quoted)
{
    if (quoted)
        reader->open = true;
    for (; *value; value++) {
        if (quoted || !isspace((unsigned char)*value)) {
            if (!quoted && strchr("*?[", *value))
                return refuse(reader, "holds a pattern of file names");
            put(reader, *value);
        } else {
            end_word(reader);
        }
    }
    return true;
}

static const char *value_of(struct reader *reader, const char *name)
{
    const char *value = environment_get(&reader->variables, name);

    return value ? value : reader->variable(reader->context, name);
}

/* At '$'. */
static bool expand(struct reader *reader, bool quoted)
{
    const char *name = reader->p + 1;
    bool braces = *name == '{';
    const char *value;
    size_t n = 0;

    name += braces;
    while (isalnum((unsigned char)name[n]) || name[n] == '_')
        n++;
    if (n == 0 && !braces && (quoted || *name == ' ' || !*name) && !strchr("({'\"@*#?$!-", *name)) {
        put(reader, '$');
        reader->p++;
        return true;
    }
    if (n == 0 || isdigit((unsigned char)*name) || (braces && name[n] != '}'))
        return refuse(reader, "holds an expansion that only the shell can do");
    value = value_of(reader, arena_strndup(reader->arena, name, n));
    if (!value)
        return refuse(reader, arena_printf(reader->arena, "uses $%.*s, which is not known here",
                                           (int)n, name));
    reader->p = name + n + braces;
    return put_value(reader, value, quoted);
}

static bool read_double_quotes(struct reader *reader)
{
    reader->open = reader->quoted = true;
    for (reader->p++; *reader->p != '"';) {
        if (!*reader->p)
            return refuse(reader, "has an unfinished quote");
        if (*reader->p == '`')
            return refuse(reader, "holds an expansion that only the shell can do");
        if (*reader->p == '$') {
            if (!expand(reader, true))
                return false;
            continue;
        }
        if (*reader->p == '\\' && reader->p[1] && strchr("$`\"\\\n", reader->p[1])) {
            reader->p++;
            if (*reader->p == '\n') {
                reader->p++;
                continue;
            }
        }
        put(reader, *reader->p++);
    }
    reader->p++;
    return true;
}

static bool read_single_quotes(struct reader *reader)
{
    const char *end = strchr(reader->p + 1, '\'');

    if (!end)
        return refuse(reader, "has an unfinished quote");
    reader->open = reader->quoted = true;
    for (reader->p++; reader->p < end; reader->p++)
        put(reader, *reader->p);
    reader->p++;
    return true;
}

/* "2>&1", "> file", "&> file": the word that follows is not one of the command's. */
static bool read_redirection(struct reader *reader)
{
    int words;

    if (reader->open && !reader->quoted && strspn(reader->text, "0123456789") >= reader->length)
        reader->length = 0, reader->open = false;
    end_word(reader);
    words = reader->count;
    if (strncmp(reader->p, "<<", 2) == 0 || strncmp(reader->p, "<(", 2) == 0 ||
        strncmp(reader->p, ">(", 2) == 0)
        return refuse(reader, "holds a redirection that only the shell can do");
    reader->p += strspn(reader->p, "<>&|");
    reader->p += strspn(reader->p, " \t");
    while (*reader->p && !strchr(" \t\n;|&<>()", *reader->p)) {
        if (*reader->p == '\'' && !read_single_quotes(reader))
            return false;
        else if (*reader->p == '"' && !read_double_quotes(reader))
            return false;
        else if (*reader->p == '$' || *reader->p == '`')
            reader->p++;
        else if (*reader->p && !strchr(" \t\n;|&<>()", *reader->p))
            reader->p++;
    }
    reader->count = words;
    reader->length = 0;
    reader->open = reader->quoted = false;
    return true;
}

/* The words up to an operator or the end. */
static bool read_words(struct reader *reader)
{
    for (;;) {
        char c = *reader->p;

        if (c == ' ' || c == '\t') {
            end_word(reader);
            reader->p++;
        } else if (c == '#' && !reader->open) {
            reader->p += strcspn(reader->p, "\n");
        } else if (c == '\\' && reader->p[1] == '\n') {
            reader->p += 2;
        } else if (c == '\\' && reader->p[1]) {
            reader->quoted = true;
            put(reader, reader->p[1]);
            reader->p += 2;
        } else if (c == '\'') {
            if (!read_single_quotes(reader))
                return false;
        } else if (c == '"') {
            if (!read_double_quotes(reader))
                return false;
        } else if (c == '$') {
            if (!expand(reader, false))
                return false;
        } else if (c == '<' || c == '>' || (c == '&' && reader->p[1] == '>')) {
            if (!read_redirection(reader))
                return false;
        } else if (!c || strchr("\n;|&", c)) {
            end_word(reader);
            return true;
        } else if (strchr("()`", c)) {
            return refuse(reader, "holds a construct that only the shell can do");
        } else if (strchr("*?[", c) || (c == '~' && !reader->open) ||
                   (c == '{' && strchr(reader->p, ','))) {
            return refuse(reader, "holds a pattern of file names");
        } else {
            put(reader, c);
            reader->p++;
        }
    }
}

static bool is_assignment(const char *word)
{
    size_t n = 0;

    while (isalnum((unsigned char)word[n]) || word[n] == '_')
        n++;
    return n && !isdigit((unsigned char)word[0]) && word[n] == '=';
}

static void assign(struct reader *reader, const char *word, bool exported)
{
    size_t n = strcspn(word, "=");
    const char *name = arena_strndup(reader->arena, word, n);

    reader->variables = environment_with(&reader->variables, name, word + n + 1, reader->arena);
    if (exported || environment_get(&reader->env, name))
        reader->env = environment_with(&reader->env, name, word + n + 1, reader->arena);
}

static void export(struct reader *reader, const char *word)
{
    const char *value = environment_get(&reader->variables, word);

    if (is_assignment(word))
        assign(reader, word, true);
    else if (value)
        reader->env = environment_with(&reader->env, word, value, reader->arena);
}

static bool is_one_of(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

/* Leaves the command's own words; assignments in front of them are for the command alone, those
 * without a command for the shell. */
static void take_assignments(struct reader *reader)
{
    int n = 0;

    while (n < reader->count && is_assignment(reader->word[n]))
        n++;
    for (int i = 0; i < n; i++)
        assign(reader, reader->word[i], n < reader->count);
    reader->word += n;
    reader->count -= n;
}

/* The command that was read is not the last: may it stand there? */
static bool pass_over(struct reader *reader)
{
    static const char *const keywords[] = { "if",    "then", "else", "fi",   "for",  "while",
                                            "until", "do",   "done", "case", "esac", "{",
                                            "}",     "!",    "[[",   "[",    "test", "function" };
    const char *name = reader->count ? reader->word[0] : ":";

    if (is_one_of(name, keywords, sizeof(keywords) / sizeof(keywords[0])))
        return refuse(reader, "holds a construct that only the shell can do");
    if (strcmp(name, "export") == 0) {
        for (int i = 1; i < reader->count; i++)
            export(reader, reader->word[i]);
    } else if (strcmp(name, "unset") == 0) {
        for (int i = 1; i < reader->count; i++)
            reader->env = environment_with(&reader->env, reader->word[i], NULL, reader->arena);
    } else if (!is_one_of(name, harmless, sizeof(harmless) / sizeof(harmless[0]))) {
        return refuse(reader, arena_printf(reader->arena, "runs '%s' first", name));
    }
    return true;
}

/* "tee FILE", "tail -n 5 | cat": what only reads what the command prints. */
static bool is_reader(const char *p)
{
    static const char *const readers[] = { "tee", "tail", "head", "grep",  "cat",
                                           "ts",  "sed",  "awk",  "logger" };
    char name[16];

    for (; *p; p += strcspn(p, "|"), p += *p == '|') {
        size_t n;

        p += strspn(p, "& \t");
        n = strcspn(p, " \t|");
        if (n == 0 || n >= sizeof(name))
            return false;
        memcpy(name, p, n);
        name[n] = '\0';
        if (!is_one_of(name, readers, sizeof(readers) / sizeof(readers[0])))
            return false;
    }
    return true;
}

/* After the command: nothing, or "|| exit 1", or "| tee FILE". */
static bool ends_here(struct reader *reader)
{
    const char *p = reader->p;

    if (strncmp(p, "||", 2) == 0) {
        p += 2 + strspn(p + 2, " \t");
        if (strncmp(p, "exit", 4) != 0)
            return refuse(reader, "holds alternatives");
        p += 4 + strspn(p + 4, " 0123456789");
        reader->p = p;
    }
    p += strspn(p, " \t\n;");
    if (!*p)
        return true;
    if (*p == '|')
        return (is_reader(p + 1) && !strpbrk(p, ";&\n`(")) || refuse(reader, "holds a pipe");
    return false;
}

const char *shell_command_read(const char *text, const struct environment *env,
                               shell_variable *variable, void *context, struct arena *arena,
                               struct shell_command *command)
{
    struct reader reader = {
        .p = text, .arena = arena, .env = *env, .variable = variable, .context = context
    };

    for (;;) {
        reader.word = NULL;
        reader.count = 0;
        reader.capacity = 0;
        if (!read_words(&reader))
            return reader.why;
        take_assignments(&reader);
        if (ends_here(&reader) || reader.why)
            break;
        if (reader.p[0] == '&' && reader.p[1] != '&')
            return "runs something in the background";
        if (!pass_over(&reader))
            return reader.why;
        reader.p += reader.p[0] == '&' ? 2 : 1;
    }
    if (reader.why)
        return reader.why;
    if (!reader.count)
        return "holds no command";
    *command = (struct shell_command) { .argc = reader.count,
                                        .argv = reader.word,
                                        .environment = reader.env };
    return NULL;
}
