#include "launch/peel.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum arity { FLAG, ONE, TWO, ATTACHED, LAST };

struct entry {         /* one option of a row */
    const char *names; /* spellings, '|' between them */
    size_t length;
    enum arity arity;
};

static const struct {
    const char *suffix;
    enum arity arity;
} arities[] = { { "==", TWO }, { "=?", ATTACHED }, { "=!", LAST }, { "=", ONE }, { "", FLAG } };

static bool next_entry(const char **options, struct entry *entry)
{
    const char *p = *options + strspn(*options, " ");
    size_t word = strcspn(p, " ");

    if (!word)
        return false;
    entry->names = p;
    entry->length = strcspn(p, "= ");
    for (size_t i = 0;; i++) {
        if (strncmp(p + entry->length, arities[i].suffix, strlen(arities[i].suffix)) == 0) {
            entry->arity = arities[i].arity;
            break;
        }
    }
    *options = p + word;
    return true;
}

static bool same_letter(char a, char b, enum grammar grammar)
{
    if (grammar == GRAMMAR_ARGPARSE && (a == '-' || a == '_'))
        return b == '-' || b == '_';
    return a == b;
}

/* How well 'name' fits one spelling: 2 exactly, 1 as its beginning, 0 not. */
static int fits(const char *spelling, size_t length, const char *name, size_t n,
                enum grammar grammar)
{
    if (n > length)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!same_letter(name[i], spelling[i], grammar))
            return 0;
    return n == length ? 2 : 1;
}

static int entry_fits(const struct entry *entry, const char *name, size_t n, enum grammar grammar)
{
    const char *p = entry->names, *end = entry->names + entry->length;
    int best = 0;

    while (p < end) {
        size_t length = strcspn(p, "|= ");
        int fit = fits(p, length, name, n, grammar);

        best = fit > best ? fit : best;
        p += length + 1;
    }
    return best;
}

/* The entry that 'name' means: itself, or the only one it is the beginning of. */
static bool find_entry(const struct launcher *launcher, const char *name, size_t n,
                       struct entry *found)
{
    const char *options = launcher->options;
    struct entry entry;
    int candidates = 0;

    while (next_entry(&options, &entry)) {
        int fit = entry_fits(&entry, name, n, launcher->grammar);

        if (fit == 2) {
            *found = entry;
            return true;
        }
        if (fit == 1 && n > 1 && launcher->grammar != GRAMMAR_MPI) {
            *found = entry;
            candidates++;
        }
    }
    return candidates == 1;
}

static const char *first_spelling(const struct peel *peel, const struct entry *entry)
{
    return arena_strndup(peel->arena, entry->names, strcspn(entry->names, "|= "));
}

static bool record(struct peel *peel, const struct entry *entry, int index, int words,
                   const char *value, const char *second)
{
    if (peel->given_count == (int)(sizeof(peel->given) / sizeof(peel->given[0]))) {
        peel_cannot_know(peel, "'%s' has more options than this program reads", peel->word[0]);
        return false;
    }
    peel->given[peel->given_count++] = (struct given) { .name = first_spelling(peel, entry),
                                                        .value = value,
                                                        .second = second,
                                                        .index = index,
                                                        .words = words };
    return true;
}

static bool is_number(const char *word)
{
    return word[0] == '-' && (isdigit((unsigned char)word[1]) || word[1] == '.');
}

/* The option at word[used] and its values; 'attached' is a value in the same word, or NULL. */
static bool take(struct peel *peel, const struct launcher *launcher, const struct entry *entry,
                 const char *attached)
{
    int index = peel->used, want = entry->arity == TWO ? 2 : entry->arity == FLAG ? 0 : 1;
    const char *value[2] = { attached, NULL };
    int have = attached != NULL;

    peel->used++;
    if (entry->arity == ATTACHED)
        want = have;
    for (; have < want; have++) {
        if (have == 1 && strchr(value[0], '='))
            break;
        if (peel->used >= peel->argc) {
            peel_cannot_know(peel, "'%s' lacks the value of '%s'", peel->word[0],
                             peel->word[index]);
            return false;
        }
        value[have] = peel->word[peel->used++];
        if (launcher->grammar == GRAMMAR_ARGPARSE && value[have][0] == '-' &&
            !is_number(value[have]) && !strchr(value[have], ' ')) {
            peel_cannot_know(peel, "'%s' expects a value after '%s'", peel->word[0],
                             peel->word[index]);
            return false;
        }
    }
    return record(peel, entry, index, peel->used - index, value[0], value[1]);
}

static bool unknown(struct peel *peel, const struct launcher *launcher, const char *word)
{
    struct entry entry = { .names = word, .length = strlen(word) };

    if (word[0] == '-' && word[1] == '-' && (launcher->opaque_options || strchr(word, '='))) {
        peel->used++;
        return record(peel, &entry, peel->used - 1, 1, NULL, NULL);
    }
    peel_cannot_know(peel, "'%s' is not an option of '%s' that this program knows", word,
                     launcher_base_name(peel->word[0]));
    return false;
}

static bool take_long(struct peel *peel, const struct launcher *launcher, const char *word)
{
    const char *name = word + 1 + (word[1] == '-');
    size_t n = strcspn(name, "=");
    struct entry entry;

    if (!find_entry(launcher, name, n, &entry))
        return unknown(peel, launcher, word);
    return take(peel, launcher, &entry, name[n] ? name + n + 1 : NULL);
}

/* "-xyz": flags x and y, then z or z's value. */
static bool take_cluster(struct peel *peel, const struct launcher *launcher, const char *word)
{
    int index = peel->used;
    struct entry entry;

    if (isdigit((unsigned char)word[1]) && find_entry(launcher, "#", 1, &entry))
        return take(peel, launcher, &entry, NULL);
    for (const char *p = word + 1; *p; p++) {
        if (!find_entry(launcher, p, 1, &entry))
            return unknown(peel, launcher, word);
        if (entry.arity != FLAG)
            return take(peel, launcher, &entry, p[1] ? p + 1 : NULL);
        if (!record(peel, &entry, index, 1, NULL, NULL))
            return false;
    }
    peel->used++;
    return true;
}

static bool ends_options(const struct peel *peel, const struct launcher *launcher)
{
    const char *options = launcher->options;
    struct entry entry;

    if (!peel->given_count)
        return false;
    while (next_entry(&options, &entry))
        if (entry.arity == LAST &&
            entry_fits(&entry, peel->given[peel->given_count - 1].name,
                       strlen(peel->given[peel->given_count - 1].name), GRAMMAR_MPI) == 2)
            return true;
    return false;
}

bool peel_options(struct peel *peel, const struct launcher *launcher)
{
    peel->given_count = 0;
    peel->dashes = false;
    while (peel->used < peel->argc && !ends_options(peel, launcher)) {
        const char *word = peel->word[peel->used];
        bool is_long;

        if (word[0] != '-' || !word[1])
            return true;
        is_long = word[1] == '-' || launcher->grammar == GRAMMAR_MPI;
        if (strcmp(word, "--") == 0) {
            peel->dashes = true;
            peel->used++;
            return true;
        }
        if (!(is_long ? take_long : take_cluster)(peel, launcher, word))
            return false;
    }
    return true;
}

const struct given *peel_given(const struct peel *peel, const char *name)
{
    for (int i = peel->given_count - 1; i >= 0; i--)
        if (strcmp(peel->given[i].name, name) == 0)
            return &peel->given[i];
    return NULL;
}

const char *peel_value(const struct peel *peel, const char *name)
{
    const struct given *given = peel_given(peel, name);

    return given ? given->value : NULL;
}

void peel_advance(struct peel *peel)
{
    peel->argc -= peel->used;
    peel->word += peel->used;
    if (peel->offset >= 0)
        peel->offset += peel->used;
    peel->used = 0;
}

void peel_words(struct peel *peel, int argc, const char *const *word)
{
    peel->argc = argc;
    peel->word = word;
    peel->offset = -1;
    peel->used = 0;
}

const struct file *peel_file(struct peel *peel, const char *path)
{
    const struct file *file = files_find(peel->files, path);

    if (!file)
        peel->launch->wanted_file = path;
    return file;
}

void peel_cannot_know(struct peel *peel, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    peel->launch->cannot_know = arena_vprintf(peel->arena, fmt, ap);
    va_end(ap);
    peel->done = true;
}

void peel_trainer(struct peel *peel, int script, bool module)
{
    struct launch *launch = peel->launch;
    int first = script + 1;

    launch->script = peel->word[script];
    launch->module = module;
    launch->argc = peel->argc - first;
    launch->argv = peel->word + first;
    launch->argv_index = peel->offset >= 0 ? peel->offset + first : -1;
    peel->done = true;
}

void peel_setenv(struct peel *peel, const char *name, const char *value)
{
    peel->launch->environment =
        environment_with(&peel->launch->environment, name, value, peel->arena);
}

void peel_putenv(struct peel *peel, const char *assignment)
{
    size_t n = strcspn(assignment, "=");

    peel_setenv(peel, arena_strndup(peel->arena, assignment, n), assignment + n + 1);
}
