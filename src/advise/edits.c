#include "advise/edits.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool same_target(const struct edit *edit, enum edit_target target, const char *option)
{
    return edit->target == target && strcmp(edit->option, option) == 0;
}

static bool put(struct plan *plan, struct edit edit)
{
    for (int i = 0; i < plan->count; i++) {
        if (same_target(&plan->edit[i], edit.target, edit.option)) {
            plan->edit[i] = edit;
            return true;
        }
    }
    if (plan->count == (int)(sizeof(plan->edit) / sizeof(plan->edit[0])))
        return false;
    plan->edit[plan->count++] = edit;
    return true;
}

bool plan_set(struct plan *plan, enum edit_target target, const char *option, const char *value)
{
    return put(plan, (struct edit) { .target = target, .option = option, .value = value });
}

bool plan_remove(struct plan *plan, enum edit_target target, const char *option)
{
    return put(plan, (struct edit) { .target = target, .option = option, .remove = true });
}

void plan_drop(struct plan *plan, int index)
{
    memmove(&plan->edit[index], &plan->edit[index + 1],
            (size_t)(plan->count - index - 1) * sizeof(plan->edit[0]));
    plan->count--;
}

static bool same_edit(const struct edit *a, const struct edit *b)
{
    return a->target == b->target && a->remove == b->remove && strcmp(a->option, b->option) == 0 &&
           strcmp(a->value ? a->value : "", b->value ? b->value : "") == 0;
}

bool plan_has(const struct plan *plan, const struct edit *edit)
{
    for (int i = 0; i < plan->count; i++)
        if (same_edit(&plan->edit[i], edit))
            return true;
    return false;
}

bool plan_is_part(const struct plan *part, const struct plan *whole)
{
    for (int i = 0; i < part->count; i++)
        if (!plan_has(whole, &part->edit[i]))
            return false;
    return true;
}

bool plan_same(const struct plan *a, const struct plan *b)
{
    return a->count == b->count && plan_is_part(a, b);
}

/* The trainer's words while they are edited. */
struct words {
    int count;
    const char **word;
    size_t capacity;
};

static void insert(struct words *words, int at, const char *word, struct arena *arena)
{
    words->word = arena_grow(arena, words->word, &words->capacity, (size_t)words->count + 1,
                             sizeof(*words->word));
    memmove(&words->word[at + 1], &words->word[at],
            (size_t)(words->count - at) * sizeof(*words->word));
    words->word[at] = word;
    words->count++;
}

static void cut(struct words *words, int at, int n)
{
    memmove(&words->word[at], &words->word[at + n],
            (size_t)(words->count - at - n) * sizeof(*words->word));
    words->count -= n;
}

/* Does this word set the row's field? */
static bool names(const struct option_row *row, const char *word, enum release release)
{
    const struct option_row *found =
        word[0] == '-' ? option_find(word, strcspn(word, "="), release) : NULL;

    return found && found->dest == row->dest;
}

/* The option's word and its values. */
static int words_of(const struct words *words, int at, enum release release)
{
    const char *word = words->word[at];
    const struct option_row *row = option_find(word, strcspn(word, "="), release);
    int n = 1, most;

    if (row->kind != OPTION_STORE || strchr(word, '='))
        return 1;
    most = !*row->nargs                               ? 1
           : *row->nargs == '+' || *row->nargs == '*' ? words->count
                                                      : atoi(row->nargs);
    while (n <= most && at + n < words->count &&
           (words->word[at + n][0] != '-' || isdigit((unsigned char)words->word[at + n][1])))
        n++;
    return n;
}

/* Where the field is set last; index -1: nowhere. */
static struct place place_of(const struct words *words, const struct option_row *row,
                             enum release release)
{
    for (int i = words->count - 1; i >= 0; i--)
        if (names(row, words->word[i], release))
            return (struct place) { .index = i, .words = words_of(words, i, release) };
    return (struct place) { .index = -1 };
}

static int insert_value(struct words *words, int at, const char *value, struct arena *arena)
{
    size_t n;

    for (; value && *value; value += n) {
        value += strspn(value, " ");
        n = strcspn(value, " ");
        if (n)
            insert(words, at++, arena_strndup(arena, value, n), arena);
    }
    return at;
}

/* The last setting is replaced where it stands; a new one goes to the end; earlier ones do not
 * count. */
static void edit_words(struct words *words, const struct edit *edit, enum release release,
                       struct arena *arena)
{
    const struct option_row *row = option_find(edit->option, strlen(edit->option), release);
    struct place place;
    int at = words->count;

    if (!row)
        return;
    place = place_of(words, row, release);
    while (place.index >= 0) {
        cut(words, place.index, place.words);
        at = place.index;
        if (!edit->remove)
            break;
        place = place_of(words, row, release);
    }
    if (edit->remove)
        return;
    insert(words, at, edit->option, arena);
    insert_value(words, at + 1, edit->value, arena);
}

/* A word nobody knows is found by its text, where it is no known option's value, and goes with the
 * values behind it. */
static void remove_unknown(struct words *words, const char *option, enum release release)
{
    size_t length = strlen(option);

    for (int i = 0, n; i < words->count; i += n) {
        const char *word = words->word[i];

        if (word[0] == '-' && option_find(word, strcspn(word, "="), release)) {
            n = words_of(words, i, release);
            continue;
        }
        n = 1;
        if (strncmp(word, option, length) != 0 || (word[length] && word[length] != '='))
            continue;
        while (option[0] == '-' && !word[length] && i + n < words->count &&
               words->word[i + n][0] != '-')
            n++;
        cut(words, i, n);
        n = 0;
    }
}

/* What the number of a launcher's option counts. */
enum counted { COUNTS_NOTHING, COUNTS_NODES, COUNTS_PER_NODE, COUNTS_RANKS };

static enum counted counted_by(const char *option)
{
    static const struct {
        const char *option;
        enum counted counted;
    } rows[] = {
        { "--nnodes", COUNTS_NODES },
        { "--nodes", COUNTS_NODES },
        { "-N", COUNTS_NODES },
        { "--nproc-per-node", COUNTS_PER_NODE },
        { "--nproc_per_node", COUNTS_PER_NODE },
        { "--ntasks-per-node", COUNTS_PER_NODE },
        { "-n", COUNTS_RANKS },
        { "-np", COUNTS_RANKS },
        { "-c", COUNTS_RANKS },
        { "--np", COUNTS_RANKS },
        { "--n", COUNTS_RANKS },
        { "--ntasks", COUNTS_RANKS },
        { "world_size", COUNTS_RANKS },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].option, option) == 0)
            return rows[i].counted;
    return COUNTS_NOTHING;
}

/* The option of a launcher's word: "-N" of "-N8", "--nnodes" of "--nnodes=8". */
static const char *launcher_option(const char *word, struct arena *arena)
{
    if (word[0] == '-' && isalpha((unsigned char)word[1]) && isdigit((unsigned char)word[2]))
        return arena_strndup(arena, word, 2);
    return arena_strndup(arena, word, strcspn(word, "="));
}

static bool set_number(struct plan *plan, const char *option, int64_t value, struct arena *arena)
{
    return plan_set(plan, EDIT_LAUNCHER, option, arena_printf(arena, "%lld", (long long)value));
}

/* Sets what the layer's words count; true when one of them moves with the number of ranks. */
static bool edit_layer(struct plan *plan, const struct launch *launch,
                       const struct launch_layer *layer, int64_t world, struct arena *arena)
{
    int64_t per_node = launch->ranks_per_node.known ? launch->ranks_per_node.value : 0;
    bool starts_ranks = layer == launch_ranks(launch), moves = false;

    for (int i = 0; i < 4 && layer->place[i].words; i++) {
        const struct place *place = &layer->place[i];
        const char *option;
        enum counted counted;

        if (place->index < 0 || place->index >= launch->command_argc)
            continue;
        option = launcher_option(launch->command[place->index], arena);
        counted = counted_by(option);
        if (counted == COUNTS_NODES && per_node > 0 && world % per_node == 0)
            moves = set_number(plan, option, world / per_node, arena);
        else if (counted == COUNTS_RANKS && starts_ranks)
            moves = set_number(plan, option, world, arena);
        else if (counted != COUNTS_PER_NODE)
            return false;
    }
    return moves;
}

/* One node's processes, as far as a node has GPUs; then nodes. */
static bool edit_single_node(struct plan *plan, const struct launch *launch,
                             const struct launch_layer *layer, int64_t world, struct arena *arena)
{
    enum { USUAL_GPUS = 8 };
    int64_t per_node = launch->ranks_per_node.known ? launch->ranks_per_node.value : 0;
    const struct place *place = &layer->place[0];
    const char *option;

    if (!place->words || place->index < 0 || place->index >= launch->command_argc)
        return false;
    option = launcher_option(launch->command[place->index], arena);
    if (layer->place[1].words || counted_by(option) != COUNTS_PER_NODE)
        return false;
    if (world <= USUAL_GPUS)
        return set_number(plan, option, world, arena);
    return per_node > 0 && world % per_node == 0 && strncmp(option, "--nproc", 7) == 0 &&
           set_number(plan, "--nnodes", world / per_node, arena);
}

bool plan_set_ranks(struct plan *plan, const struct launch *launch, int64_t world,
                    struct arena *arena)
{
    const struct launch_layer *ranks = launch_ranks(launch), *agents = launch_agents(launch);
    struct plan edited = *plan;

    if (!launch->world_place[0].words)
        return set_number(plan, "world_size", world, arena);
    if (!ranks || !ranks->launcher)
        return false;
    if (!edit_layer(&edited, launch, ranks, world, arena)) {
        edited = *plan;
        if (agents || !edit_single_node(&edited, launch, ranks, world, arena))
            return false;
    }
    if (agents && agents != &launch->around && !edit_layer(&edited, launch, agents, world, arena))
        return false;
    for (int i = plan->count; i < edited.count; i++)
        edited.edit[i].bound = edited.count > plan->count + 1;
    *plan = edited;
    return true;
}

static void edit_launch(struct launch *launch, const struct edit *edit, struct arena *arena)
{
    int64_t value;

    if (edit->target == EDIT_ENVIRONMENT) {
        launch->environment = environment_with(&launch->environment, edit->option,
                                               edit->remove ? NULL : edit->value, arena);
        return;
    }
    if (edit->target != EDIT_LAUNCHER || !edit->value)
        return;
    value = strtoll(edit->value, NULL, 10);
    switch (counted_by(edit->option)) {
    case COUNTS_NODES:
        launch->nodes.value = value;
        launch->world.value = value * launch->ranks_per_node.value;
        break;
    case COUNTS_PER_NODE:
        launch->ranks_per_node.value = value;
        launch->world.value = value;
        break;
    default:
        launch->nodes.known = false; /* the launcher will spread them */
        launch->world.value = value;
    }
}

struct request plan_apply(const struct plan *plan, const struct request *request,
                          enum release release, struct arena *arena)
{
    struct request edited = *request;
    struct launch *launch = arena_alloc(arena, sizeof(*launch));
    struct facts *facts = arena_alloc(arena, sizeof(*facts));
    struct words words = { 0 };

    *launch = *request->launch;
    *facts = *request->facts;
    launch->environment = facts->environment;
    for (int i = 0; i < launch->argc; i++)
        insert(&words, i, launch->argv[i], arena);
    for (int i = 0; i < plan->count; i++) {
        const struct edit *edit = &plan->edit[i];

        if (edit->target != EDIT_TRAINER)
            edit_launch(launch, edit, arena);
        else if (edit->remove && !option_find(edit->option, strlen(edit->option), release))
            remove_unknown(&words, edit->option, release);
        else
            edit_words(&words, edit, release, arena);
    }
    launch->argc = words.count;
    launch->argv = words.word;
    facts->environment = launch->environment;
    edited.launch = launch;
    edited.facts = facts;
    edited.want_fixes = false;
    return edited;
}
