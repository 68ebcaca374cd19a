#include "config/recipes.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/read_file.h"

enum { MOST_BYTES = 1 << 20, MOST_RECIPES = 256 };

struct search {
    const char *model, *test_case;
    struct arena *arena;
    struct recipes *recipes;
};

static const char *text_of(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static yaml_node_t *member(yaml_document_t *document, const yaml_node_t *mapping, const char *name)
{
    if (!mapping || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *key = text_of(yaml_document_get_node(document, pair->key));

        if (key && strcmp(key, name) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

static bool holds(yaml_document_t *document, const yaml_node_t *list, const char *word)
{
    if (!list || list->type != YAML_SEQUENCE_NODE)
        return text_of(list) && strcmp(text_of(list), word) == 0;
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++)
        if (holds(document, yaml_document_get_node(document, *item), word))
            return true;
    return false;
}

static bool names_case(yaml_document_t *document, const yaml_node_t *products, const char *name)
{
    if (!products || products->type != YAML_SEQUENCE_NODE)
        return false;
    for (const yaml_node_item_t *item = products->data.sequence.items.start;
         item < products->data.sequence.items.top; item++)
        if (holds(document, member(document, yaml_document_get_node(document, *item), "test_case"),
                  name))
            return true;
    return false;
}

static int64_t number(const yaml_node_t *node)
{
    const char *text = text_of(node);
    int64_t value = text ? strtoll(text, NULL, 10) : 0;

    return value > 0 && value < 1000000 ? value : 0;
}

/* The runner starts eight processes a node unless it is told; a recipe that asks for another number
 * of GPUs without telling leaves it open. */
static int64_t gpus_of(int64_t asked, const char *text)
{
    static const char name[] = "GPUS_PER_NODE=";
    const char *at = strstr(text, name);

    if (!at)
        return asked == 8 ? 8 : 0;
    at += strlen(name);
    return *at == '{' ? asked : strtoll(at, NULL, 10);
}

static void take(struct search *search, yaml_document_t *document, const char *path)
{
    const yaml_node_t *root = yaml_document_get_root_node(document);
    const yaml_node_t *spec = member(document, root, "spec");
    const char *model = text_of(member(document, spec, "model"));
    const char *text = text_of(member(document, spec, "script"));
    struct recipes *recipes = search->recipes;

    if (!model || strcmp(model, search->model) != 0 || recipes->count >= MOST_RECIPES ||
        (search->test_case &&
         !names_case(document, member(document, root, "products"), search->test_case)))
        return;
    recipes->item = arena_grow(search->arena, recipes->item, &recipes->capacity, recipes->count + 1,
                               sizeof(*recipes->item));
    recipes->item[recipes->count++] = (struct recipe) {
        .path = path,
        .nodes = number(member(document, spec, "nodes")),
        .gpus = gpus_of(number(member(document, spec, "gpus")), text ? text : ""),
        .text = arena_strdup(search->arena, text ? text : ""),
    };
}

static void look_at(struct search *search, const char *path)
{
    size_t size;
    const char *text = read_file(path, MOST_BYTES, search->arena, &size);
    yaml_parser_t parser;
    yaml_document_t document;

    if (!text || !strstr(text, search->test_case ? search->test_case : search->model) ||
        !yaml_parser_initialize(&parser))
        return;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (yaml_parser_load(&parser, &document)) {
        take(search, &document, path);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
}

static bool is_yaml(const char *name)
{
    const char *ending = strrchr(name, '.');

    return ending && strcmp(ending, ".yaml") == 0;
}

/* The directory itself and, where 'levels' allows, those below. */
static void look_in(struct search *search, const char *path, int levels)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        const char *below = arena_printf(search->arena, "%s/%s", path, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        if (is_yaml(entry->d_name))
            look_at(search, below);
        else if (levels > 0)
            look_in(search, below, levels - 1);
    }
    if (directory)
        closedir(directory);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct recipe *)a)->path, ((const struct recipe *)b)->path);
}

static void find(struct search *search, const char *root)
{
    struct recipes *recipes = search->recipes;

    look_in(search, arena_printf(search->arena, "%s/tests/test_utils/recipes", root), 1);
    if (recipes->count)
        qsort(recipes->item, recipes->count, sizeof(*recipes->item), compare);
}

void recipes_find(const char *root, const char *model, const char *test_case, struct arena *arena,
                  struct recipes *recipes)
{
    struct search search = {
        .model = model, .test_case = test_case, .arena = arena, .recipes = recipes
    };

    *recipes = (struct recipes) { 0 };
    find(&search, root);
    if (recipes->count)
        return;
    search.test_case = NULL;
    find(&search, root);
    if (!recipes->count)
        return;
    recipes->count = 1;
    recipes->item[0].nodes = recipes->item[0].gpus = 0;
}

const char *recipe_value(const struct recipe *recipe, const char *name, size_t length,
                         struct arena *arena)
{
    for (const char *at = recipe->text; (at = strstr(at, "\"")); at++)
        if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '=')
            return arena_strndup(arena, at + length + 2, strcspn(at + length + 2, "\"\n"));
    return NULL;
}
