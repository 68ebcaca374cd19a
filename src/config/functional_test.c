#include "config/functional_test.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/read_file.h"
#include "config/recipes.h"
#include "megatron/options.h"

/* The file while it is read. */
struct reader {
    yaml_document_t document;
    const yaml_node_t *root;
    const char *path;
    struct arena *arena;
    bool splits_all; /* the runner splits every value at its blanks, as it did up to 0.12 */
    const struct recipe *recipe; /* whose words variables are replaced by, or NULL */
};

/* The words of one run while they are gathered. */
struct words {
    size_t count, capacity, line_capacity;
    const char **word;
    int *line;
    const char *cannot_know;
};

bool functional_test_is(const char *text)
{
    static const char key[] = "MODEL_ARGS";

    return strncmp(text, key, strlen(key)) == 0 || strstr(text, "\nMODEL_ARGS");
}

static const char *text_of(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static const yaml_node_t *node(struct reader *r, int number)
{
    return yaml_document_get_node(&r->document, number);
}

static const yaml_node_t *member(struct reader *r, const yaml_node_t *mapping, const char *name)
{
    if (!mapping || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *key = text_of(node(r, pair->key));

        if (key && strcmp(key, name) == 0)
            return node(r, pair->value);
    }
    return NULL;
}

/* --- variables -----------------------------------------------------------------------------------
 */

/* What the runner sets itself for the first run of the first repeat. */
static const char *runners_own(const char *name, size_t length)
{
    static const struct {
        const char *name, *value;
    } own[] = { { "REPEAT", "1" }, { "RUN_NUMBER", "1" } };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strlen(own[i].name) == length && strncmp(own[i].name, name, length) == 0)
            return own[i].value;
    return NULL;
}

static size_t name_length(const char *p)
{
    size_t n = 0;

    while (isalnum((unsigned char)p[n]) || p[n] == '_')
        n++;
    return n;
}

static const char *value_of(struct reader *r, const char *name, size_t length)
{
    const char *value = runners_own(name, length);

    return value || !r->recipe ? value : recipe_value(r->recipe, name, length, r->arena);
}

/* "$NAME" and "${NAME}" replaced where the value is known; *open is set where one stays. */
static const char *substitute(struct reader *r, const char *text, bool *open)
{
    const char *done = "", *dollar, *end;

    for (; (dollar = strchr(text, '$')); text = end) {
        bool brace = dollar[1] == '{';
        const char *name = dollar + 1 + brace, *value = NULL;
        size_t n = name_length(name);
        bool whole = n > 0 && (!brace || name[n] == '}');

        end = whole ? name + n + brace : dollar + 1;
        if (whole)
            value = value_of(r, name, n);
        *open = *open || (whole && !value);
        done = value ? arena_printf(r->arena, "%s%.*s%s", done, (int)(dollar - text), text, value)
                     : arena_printf(r->arena, "%s%.*s", done, (int)(end - text), text);
    }
    return arena_printf(r->arena, "%s%s", done, text);
}

/* Is the option's value more than some text, so that it matters which? */
static bool value_matters(const char *option)
{
    for (size_t i = 0; i < option_name_count; i++) {
        const struct option_row *row = &option_rows[option_names[i].row];

        if (strcmp(option_names[i].name, option) == 0)
            return *row->choices || (*row->type && strcmp(row->type, "str") != 0);
    }
    return false;
}

/* --- options -------------------------------------------------------------------------------------
 */

static void add_word(struct reader *r, struct words *words, const char *word, int line)
{
    words->word =
        arena_grow(r->arena, words->word, &words->capacity, words->count + 1, sizeof(*words->word));
    words->line = arena_grow(r->arena, words->line, &words->line_capacity, words->count + 1,
                             sizeof(*words->line));
    words->word[words->count] = word;
    words->line[words->count++] = line;
}

static void add_split(struct reader *r, struct words *words, const char *value, const char *end,
                      int line)
{
    for (const char *p = value; (p += strspn(p, " ")) < end;) {
        size_t n = strcspn(p, " ");

        n = p + n > end ? (size_t)(end - p) : n;
        add_word(r, words, arena_strndup(r->arena, p, n), line);
        p += n;
    }
}

/* The value has passed two shells; no option's value has a backslash or a quote of its own. */
static const char *unquoted(struct reader *r, const char *value)
{
    char *text = arena_strdup(r->arena, value), *to = text;

    for (const char *p = text; *p; p++)
        if (!strchr("\\\"'", *p))
            *to++ = *p;
    *to = '\0';
    return text;
}

/* "[a b]" are words; what else has blanks is one. */
static void add_value(struct reader *r, struct words *words, const char *value, int line)
{
    size_t n = strlen(value);

    if (r->splits_all) {
        add_split(r, words, value, value + n, line);
        return;
    }
    value = unquoted(r, value);
    n = strlen(value);
    if (n > 2 && value[0] == '[' && value[n - 1] == ']' && !memchr(value, ']', n - 1))
        add_split(r, words, value + 1, value + n - 1, line);
    else
        add_word(r, words, value, line);
}

static bool is_true(const yaml_node_t *value)
{
    return strcasecmp(text_of(value), "true") == 0;
}

static void add_option(struct reader *r, struct words *words, const yaml_node_t *key,
                       const yaml_node_t *value)
{
    const char *name = text_of(key), *text = text_of(value);
    int line = (int)key->start_mark.line + 1;
    bool open = false;

    if (!text) {
        words->cannot_know = arena_printf(r->arena, "%s is not one value", name);
        return;
    }
    if (!*text) /* the runner leaves such an option out */
        return;
    add_word(r, words, arena_strdup(r->arena, name), line);
    if (is_true(value))
        return;
    text = substitute(r, text, &open);
    if (open && value_matters(name))
        words->cannot_know =
            arena_printf(r->arena, "the value of %s, %s, is not in the file", name, text);
    add_value(r, words, text, line);
}

/* Also what a "<<" merges, unless a key of the mapping itself has it. */
static void add_options(struct reader *r, struct words *words, const yaml_node_t *mapping,
                        const yaml_node_t *over)
{
    if (!mapping || mapping->type != YAML_MAPPING_NODE)
        return;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node(r, pair->key);

        if (!text_of(key) || (over && member(r, over, text_of(key))))
            continue;
        if (strcmp(text_of(key), "<<") == 0 && !over)
            add_options(r, words, node(r, pair->value), mapping);
        else if (strcmp(text_of(key), "<<") != 0)
            add_option(r, words, key, node(r, pair->value));
    }
}

static struct environment environment_of(struct reader *r)
{
    const yaml_node_t *mapping = member(r, r->root, "ENV_VARS");
    struct environment env = { 0 };

    if (!mapping || mapping->type != YAML_MAPPING_NODE)
        return env;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *name = text_of(node(r, pair->key)), *value = text_of(node(r, pair->value));

        if (name && value)
            env = environment_with(&env, name, value, r->arena);
    }
    return env;
}

/* --- runs ----------------------------------------------------------------------------------------
 */

struct runs {
    size_t count, capacity;
    struct functional_run *item;
};

static int64_t number(const char *text, int64_t fallback)
{
    int64_t value = text ? strtoll(text, NULL, 10) : 0;

    return value > 0 && value < 1000000 ? value : fallback;
}

/* The case may say it for all its runs, and each run for itself. */
static void read_sizes(struct reader *r, struct functional_run *run)
{
    const yaml_node_t *own = member(r, member(r, r->root, "MODEL_ENV_VARS"), run->key);

    run->nodes = number(environment_get(&run->environment, "NUM_NODES"), run->nodes);
    run->gpus_per_node =
        number(environment_get(&run->environment, "GPUS_PER_NODE"), run->gpus_per_node);
    run->gpus_per_node = number(text_of(member(r, own, "GPUS_PER_NODE")), run->gpus_per_node);
}

/* NeMo's tests look alike but their keys are no options; inference trains nothing. */
static bool trains_megatron(struct reader *r, const struct words *words)
{
    const char *mode = text_of(member(r, r->root, "MODE"));

    if (mode && strcmp(mode, "inference") == 0)
        return false;
    for (size_t i = 0; i < words->count; i++)
        if (words->word[i][0] == '-' && words->word[i][1] == '-')
            return true;
    return false;
}

static void add_run(struct reader *r, struct runs *runs, const yaml_node_t *key,
                    const yaml_node_t *options, const struct recipe *recipe)
{
    struct words words = { 0 };
    struct functional_run *run;

    r->recipe = recipe;
    add_options(r, &words, options, NULL);
    if (!trains_megatron(r, &words))
        return;
    runs->item =
        arena_grow(r->arena, runs->item, &runs->capacity, runs->count + 1, sizeof(*runs->item));
    run = &runs->item[runs->count++];
    *run = (struct functional_run) {
        .key = arena_strdup(r->arena, text_of(key)),
        .line = (int)key->start_mark.line + 1,
        .recipe = recipe ? recipe->path : NULL,
        .script = recipe ? recipe_value(recipe, "TRAINING_SCRIPT_PATH", 20, r->arena) : NULL,
        .nodes = recipe ? recipe->nodes : 0,
        .gpus_per_node = recipe ? recipe->gpus : 0,
        .argc = (int)words.count,
        .argv = words.word,
        .word_line = words.line,
        .environment = environment_of(r),
        .cannot_know = words.cannot_know,
    };
    read_sizes(r, run);
}

static bool is_arguments(const char *key)
{
    return key && strncmp(key, "MODEL_ARGS", 10) == 0 &&
           (!key[10] || (key[10] == '_' && key[11] && !key[11 + strspn(key + 11, "0123456789")]));
}

/* Two recipes that start the same do it on different machines. */
static bool is_repeated(const struct recipes *recipes, size_t i, struct arena *arena)
{
    static const char script[] = "TRAINING_SCRIPT_PATH";
    const struct recipe *recipe = &recipes->item[i];
    const char *own = recipe_value(recipe, script, strlen(script), arena);

    for (size_t k = 0; k < i; k++) {
        const char *other = recipe_value(&recipes->item[k], script, strlen(script), arena);

        if (recipes->item[k].nodes == recipe->nodes && recipes->item[k].gpus == recipe->gpus &&
            strcmp(own ? own : "", other ? other : "") == 0)
            return true;
    }
    return false;
}

static void add_runs(struct reader *r, struct runs *runs, const struct recipes *recipes)
{
    for (const yaml_node_pair_t *pair = r->root->data.mapping.pairs.start;
         pair < r->root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node(r, pair->key), *options = node(r, pair->value);

        if (!is_arguments(text_of(key)))
            continue;
        if (!recipes->count)
            add_run(r, runs, key, options, NULL);
        for (size_t i = 0; i < recipes->count; i++)
            if (!is_repeated(recipes, i, r->arena))
                add_run(r, runs, key, options, &recipes->item[i]);
    }
}

/* ROOT/tests/functional_tests/test_cases/MODEL/CASE/model_config.yaml taken apart; false: another
 * path. */
static bool take_apart(const char *path, struct arena *arena, const char **root, const char **model,
                       const char **test_case)
{
    static const char middle[] = "tests/functional_tests/test_cases/";
    const char *at = strstr(path, middle), *slash;

    if (!at || (at > path && at[-1] != '/'))
        return false;
    *root = at > path ? arena_strndup(arena, path, (size_t)(at - path - 1)) : ".";
    at += strlen(middle);
    slash = strchr(at, '/');
    if (!slash || !strchr(slash + 1, '/'))
        return false;
    *model = arena_strndup(arena, at, (size_t)(slash - at));
    *test_case = arena_strndup(arena, slash + 1, strcspn(slash + 1, "/"));
    return true;
}

static bool runner_splits_all(const char *root, struct arena *arena)
{
    enum { MOST_BYTES = 1 << 20 };
    size_t size;
    const char *runner = read_file(
        arena_printf(arena, "%s/tests/functional_tests/shell_test_utils/_run_training.sh", root),
        MOST_BYTES, arena, &size);

    return runner && !strstr(runner, "TRAINING_PARAMS_ARRAY");
}

static int read_document(struct reader *r, struct functional_test *test, struct error *err)
{
    const char *model, *test_case;
    struct recipes recipes = { 0 };
    struct runs runs = { 0 };

    r->root = yaml_document_get_root_node(&r->document);
    if (!r->root || r->root->type != YAML_MAPPING_NODE)
        return error_set(err, "%s: MODEL_ARGS must be a key of a mapping", r->path);
    if (take_apart(r->path, r->arena, &test->root, &model, &test_case)) {
        r->splits_all = runner_splits_all(test->root, r->arena);
        recipes_find(test->root, model, test_case, r->arena, &recipes);
    }
    add_runs(r, &runs, &recipes);
    test->count = runs.count;
    test->run = runs.item;
    return 0;
}

int functional_test_read(const char *path, const char *text, struct arena *arena,
                         struct functional_test *test, struct error *err)
{
    struct reader r = { .path = path, .arena = arena };
    yaml_parser_t parser;
    int rc;

    *test = (struct functional_test) { 0 };
    if (!yaml_parser_initialize(&parser))
        return error_set(err, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&parser, &r.document)) {
        rc = read_document(&r, test, err);
        yaml_document_delete(&r.document);
    } else {
        rc =
            error_set(err, "%s:%zu:%zu: %s", path, parser.problem_mark.line + 1,
                      parser.problem_mark.column + 1, parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
    return rc;
}
