/* Words that the parser refuses, as it would take them: the nearest name, the nearest choice, a
 * number without what is no part of it; else without the option, when it has a default. Meanings
 * are not guessed: each way must leave a line that parses. */
#include <ctype.h>
#include <string.h>

#include "advise/edit_cost.h"
#include "advise/remedies.h"
#include "base/edit_distance.h"

enum { MOST_CHOICES = 64 };

/* The first refused word of the report. */
struct refused {
    const struct report *report;
    const struct argparse_error *error;
    const struct option_row *row;
    const char *option; /* without "=value" */
    const char *value;  /* its values separated by blanks, "" none */
    const char *fault;  /* the value that is refused, or value */
    struct arena *arena;
};

static const char *join(const char *const *word, int count, struct arena *arena)
{
    const char *text = count > 0 ? word[0] : "";

    for (int i = 1; i < count; i++)
        text = arena_printf(arena, "%s %s", text, word[i]);
    return text;
}

/* What argparse quotes: "invalid choice: 'X' (...", "KeyError: 'X'". */
static const char *quoted(const char *message, struct arena *arena)
{
    const char *start = strstr(message, ": '"), *end;

    if (!start)
        return NULL;
    start += 3;
    end = strchr(start, '\'');
    return end ? arena_strndup(arena, start, (size_t)(end - start)) : NULL;
}

static bool refused_of(const struct report *report, struct arena *arena, struct refused *refused)
{
    const struct argparse_error *error = report->parse.error;
    const char *const *argv = report->launch->argv;
    const char *word, *equals;

    if (!report->parse.error_count || error->index < 0)
        return false;
    word = argv[error->index];
    equals = strchr(word, '=');
    *refused = (struct refused) { .report = report, .error = error, .arena = arena };
    refused->option = arena_strndup(arena, word, strcspn(word, "="));
    refused->row = option_find(refused->option, strlen(refused->option), report->release);
    refused->value = equals ? equals + 1 : join(argv + error->index + 1, error->words - 1, arena);
    refused->fault = quoted(error->message, arena);
    return refused->row != NULL;
}

/* 'value' with 'fault' replaced by 'good'. */
static const char *replaced(const struct refused *refused, const char *good)
{
    const char *found = refused->fault ? strstr(refused->value, refused->fault) : NULL;

    if (!found)
        return good;
    return arena_printf(refused->arena, "%.*s%s%s", (int)(found - refused->value), refused->value,
                        good, found + strlen(refused->fault));
}

static int choices_of(const struct option_row *row, const char **choice, struct arena *arena)
{
    const char *p = row->choices;
    int count = 0;

    for (size_t n; *p && count < MOST_CHOICES; p += n + (p[n] == '|')) {
        n = strcspn(p, "|");
        choice[count++] = arena_strndup(arena, p, n);
    }
    return count;
}

/* Half of its letters at most are added and dropped; the first of equally near ones. */
static const char *nearest_choice(const struct refused *refused)
{
    const char *word = refused->fault, *choice[MOST_CHOICES], *nearest = NULL;
    int count = choices_of(refused->row, choice, refused->arena);
    size_t length = word ? strlen(word) : 0, limit = (length + 1) / 2;

    for (int i = 0; length && i < count; i++) {
        size_t edits = edit_distance(word, length, choice[i], strlen(choice[i]), limit);

        if (edits > limit || (nearest && edits == limit))
            continue;
        nearest = choice[i];
        limit = edits;
    }
    return nearest;
}

/* "8,192", "4096.0", "[0]*3 + [1]*21", a list in one word: without what is in the way. */
static const char *without(const char *text, const char *letters, struct arena *arena)
{
    char *clean = arena_strdup(arena, text), *to = clean;

    for (const char *p = text; *p; p++)
        if (!strchr(letters, *p))
            *to++ = *p;
    *to = '\0';
    return clean;
}

static const char *whole_number(const char *text, struct arena *arena)
{
    size_t digits = strspn(text, "0123456789,_");
    const char *rest = text + digits;

    if (!digits || (*rest == '.' && rest[1 + strspn(rest + 1, "0")]) || (*rest && *rest != '.'))
        return NULL;
    return without(arena_strndup(arena, text, digits), ",_", arena);
}

static bool is_flag(const struct option_row *row)
{
    return row->kind != OPTION_STORE;
}

static bool is_false(const char *text)
{
    static const char *const words[] = { "false", "0", "no", "off", "none" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static const char *closed(const char *text, struct arena *arena)
{
    int depth = 0;

    for (const char *p = text; *p; p++)
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
    return depth == 1 ? arena_printf(arena, "%s%c", text, *text == '(' ? ')' : ']') : NULL;
}

/* Two releases' names for the same. */
static const struct {
    const char *name[2];
} renamed[] = {
    { { "--cuda-graph-scope", "--cuda-graph-modules" } },
    { { "--hybrid-override-pattern", "--hybrid-layer-pattern" } },
    { { "--inference-dynamic-batching-chunk-size", "--inference-dynamic-batching-block-size" } },
    { { "--moe-router-padding-for-fp8", "--moe-router-padding-for-quantization" } },
    { { "--use-custom-fsdp", "--use-megatron-fsdp" } },
    { { "gdn", "gated_delta_net" } },
};

static const char *other_name(const char *name)
{
    for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
        for (int side = 0; side < 2; side++)
            if (strcmp(renamed[i].name[side], name) == 0)
                return renamed[i].name[1 - side];
    return NULL;
}

static const char *renamed_choice(const struct refused *refused)
{
    const char *name = refused->fault ? other_name(refused->fault) : NULL;

    return name ? replaced(refused, name) : NULL;
}

static const char *spelled_choice(const struct refused *refused)
{
    const char *choice = nearest_choice(refused);

    return choice ? replaced(refused, choice) : NULL;
}

/* argparse takes "-1e-5" for an option; no option of a model is meant to be negative. */
static const char *without_sign(const struct refused *refused)
{
    int next = refused->error->index + 1;
    const char *word;

    if (refused->error->words != 1 || next >= refused->report->launch->argc)
        return NULL;
    word = refused->report->launch->argv[next];
    return word[0] == '-' && isdigit((unsigned char)word[1]) ? word + 1 : NULL;
}

static const char *spelled_number(const struct refused *refused)
{
    return strcmp(refused->row->type, "int") == 0 ? whole_number(refused->value, refused->arena)
                                                  : NULL;
}

static const char *split_list(const struct refused *refused)
{
    const char *value = refused->fault ? refused->fault : refused->value;

    /* blanks part words wherever an edit is applied: the same text is several words then */
    return *refused->row->nargs && strpbrk(value, " ,")
               ? arena_printf(refused->arena, "%s", without(value, ",", refused->arena))
               : NULL;
}

static const char *without_blanks(const struct refused *refused)
{
    return strchr(refused->value, ' ') ? without(refused->value, " ", refused->arena) : NULL;
}

static const char *with_brackets_closed(const struct refused *refused)
{
    return closed(refused->value, refused->arena);
}

static const char *default_choice(const struct refused *refused)
{
    const char *choice[MOST_CHOICES];
    int count = choices_of(refused->row, choice, refused->arena);

    for (int i = 0; i < count; i++)
        if (strcmp(choice[i], refused->row->fallback) == 0)
            return choice[i];
    return NULL;
}

static const char *(*const spellings[])(const struct refused *) = {
    renamed_choice, spelled_choice, spelled_number,       split_list,
    without_sign,   without_blanks, with_brackets_closed, default_choice,
};
enum { SPELLING_COUNT = sizeof(spellings) / sizeof(spellings[0]) };

static bool value_remedy(const struct report *report, int n, struct plan *plan, struct arena *arena)
{
    struct refused refused;
    const char *value;

    if (n > SPELLING_COUNT || !refused_of(report, arena, &refused))
        return false;
    if (is_flag(refused.row)) {
        if (n == 0 && is_false(refused.value))
            plan_remove(plan, EDIT_TRAINER, refused.option);
        else if (n == 0)
            plan_set(plan, EDIT_TRAINER, refused.option, NULL);
        return n == 0;
    }
    if (n == SPELLING_COUNT) {
        if (!option_is_asked_for(refused.option))
            plan_remove(plan, EDIT_TRAINER, refused.option);
        return true;
    }
    value = spellings[n](&refused);
    if (value && *value)
        plan_set(plan, EDIT_TRAINER, refused.option, value);
    return true;
}

static bool in_any_release(const char *option)
{
    for (int r = 0; r < RELEASE_COUNT; r++)
        if (option_find(option, strlen(option), (enum release)r))
            return true;
    return false;
}

static const struct option_row *row_of(const char *name, const struct report *report)
{
    return name ? option_find(name, strlen(name), report->release) : NULL;
}

/* The known name that was meant and is not given itself, or NULL: what another release calls it,
 * or the nearest spelling, unless the word is another release's option. */
static const char *meant(const struct report *report, const struct argparse_unknown *unknown,
                         const char *option)
{
    const char *name = other_name(option);
    const struct option_row *row = row_of(name, report);

    if (!row && !in_any_release(option)) {
        name = unknown->nearest;
        row = row_of(name, report);
    }
    return row && !job_given(report->job, row->dest) ? name : NULL;
}

static const char *value_of_unknown(const struct report *report, size_t i, struct arena *arena)
{
    const struct argparse_result *parse = &report->parse;
    const char *const *argv = report->launch->argv;
    const char *equals = strchr(argv[parse->unknown[i].index], '=');
    int words = 1;

    if (equals)
        return equals + 1;
    while (i + (size_t)words < parse->unknown_count && !parse->unknown[i + (size_t)words].option &&
           parse->unknown[i + (size_t)words].index == parse->unknown[i].index + words)
        words++;
    return words > 1 ? join(argv + parse->unknown[i].index + 1, words - 1, arena) : NULL;
}

/* n 0: the name that was meant; 1, where there is none: without the word. */
static bool unknown_remedy(const struct report *report, int n, struct plan *plan,
                           struct arena *arena)
{
    const struct argparse_result *parse = &report->parse;
    const char *word, *option, *name;

    if (!parse->unknown_count || n > 1)
        return false;
    word = report->launch->argv[parse->unknown[0].index];
    option = parse->unknown[0].option ? arena_strndup(arena, word, strcspn(word, "=")) : word;
    name = parse->unknown[0].option ? meant(report, &parse->unknown[0], option) : NULL;
    if ((n == 0) != (name != NULL))
        return true;
    plan_remove(plan, EDIT_TRAINER, option);
    if (n == 0 && plan_set(plan, EDIT_TRAINER, name, value_of_unknown(report, 0, arena)))
        plan->edit[plan->count - 1].bound = true;
    return true;
}

bool remedy_of_word(const struct report *report, const struct finding *finding, int n,
                    struct plan *plan, struct arena *arena)
{
    if (finding->stage != STAGE_PARSE)
        return false;
    if (strcmp(finding->id, "unknown-option") == 0 || strcmp(finding->id, "stray-word") == 0)
        return unknown_remedy(report, n, plan, arena);
    return value_remedy(report, n, plan, arena);
}
