/* The configuration guide's YAML: values first, all of them checked against the key table, then the
 * options of Megatron's that they mean. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/word_list.h"
#include "base/yaml_file.h"
#include "config/config.h"
#include "config/guide_keys.h"
#include "config/guide_options.h"
#include "megatron/options.h"

struct reader {
    struct yaml_file file;
    struct config *config;
    struct guide_values values;
    struct error *err;
};

static struct config_place place_of(const struct reader *r, const yaml_node_t *node,
                                    const char *key)
{
    return (struct config_place) { .key = arena_strdup(r->config->arena, key),
                                   .line = (int)node->start_mark.line + 1,
                                   .column = (int)node->start_mark.column + 1 };
}

static bool is_quoted(const yaml_node_t *node)
{
    return node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

/* --- one value ---------------------------------------------------------------------------------
 */

/* "4096", "128_000": false for anything else, also for what does not fit 64 bits. */
static bool whole_number(const char *text, int64_t *number)
{
    int64_t value = 0;
    bool digit = false;

    for (const char *p = text + (*text == '+' || *text == '-'); *p; p++) {
        if (*p == '_' && digit)
            continue;
        if (*p < '0' || *p > '9' || value > (INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (*p - '0');
        digit = true;
    }
    *number = *text == '-' ? -value : value;
    return digit;
}

static bool looks_like_an_integer(const char *text)
{
    text += *text == '+' || *text == '-';
    return *text && text[strspn(text, "0123456789_")] == '\0';
}

static int read_int(struct reader *r, const struct guide_key_row *key, const yaml_node_t *node,
                    struct guide_value *value)
{
    const char *text = yaml_text(node);

    if (is_quoted(node))
        return yaml_bad(&r->file, node, r->err,
                        "%s: '%s' is a text; write the number without quotes", key->name, text);
    if (!looks_like_an_integer(text))
        return yaml_bad(&r->file, node, r->err, "%s: '%.80s' is not a whole number", key->name,
                        text);
    if (!whole_number(text, &value->number) || value->number < key->least ||
        value->number > key->most)
        return yaml_bad(&r->file, node, r->err, "%s: %.40s is not within %lld .. %lld", key->name,
                        text, (long long)key->least, (long long)key->most);
    return 0;
}

static int read_real(struct reader *r, const struct guide_key_row *key, const yaml_node_t *node,
                     struct guide_value *value)
{
    const char *text = yaml_text(node);
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end || text[strspn(text, "+0123456789.eE-")] || !isfinite(number))
        return yaml_bad(&r->file, node, r->err, "%s: '%.80s' is not a number", key->name, text);
    if (!(number > (double)key->least) || number > (double)key->most)
        return yaml_bad(&r->file, node, r->err, "%s: %.40s is not above %lld and up to %lld",
                        key->name, text, (long long)key->least, (long long)key->most);
    value->text = arena_strdup(r->config->arena, text);
    return 0;
}

static int read_bool(struct reader *r, const struct guide_key_row *key, const yaml_node_t *node,
                     struct guide_value *value)
{
    bool on;

    if (!yaml_is_bool(node, &on))
        return yaml_bad(&r->file, node, r->err, "%s: '%.80s' is neither true nor false%s",
                        key->name, yaml_text(node),
                        is_quoted(node) ? "; write it without quotes" : "");
    value->number = on;
    return 0;
}

static int read_word(struct reader *r, const struct guide_key_row *key, const yaml_node_t *node,
                     struct guide_value *value)
{
    const char *text = yaml_text(node);

    if (key->choices && !word_list_has(key->choices, text))
        return yaml_bad(&r->file, node, r->err, "%s: '%.80s' is none of: %s%s", key->name, text,
                        key->choices, strcmp(key->fallback, "null") == 0 ? " null" : "");
    if (!*text || strlen(text) > 64)
        return yaml_bad(&r->file, node, r->err, "%s: must be a name", key->name);
    value->text = arena_strdup(r->config->arena, text);
    return 0;
}

static int read_value(struct reader *r, enum guide_key k, const yaml_node_t *name,
                      const yaml_node_t *node)
{
    const struct guide_key_row *key = &guide_keys[k];
    struct guide_value *value = &r->values.value[k];

    if (value->place.line)
        return yaml_bad(&r->file, name, r->err, "%s is given twice, first in line %d", key->name,
                        value->place.line);
    value->place = place_of(r, name, key->name);
    if (!yaml_text(node))
        return yaml_bad(&r->file, node, r->err, "%s: must be one value, not a %s", key->name,
                        node->type == YAML_MAPPING_NODE ? "mapping" : "list");
    if (yaml_is_null(node)) {
        if (!key->fallback || key->kind == GUIDE_BOOL)
            return yaml_bad(&r->file, node, r->err, "%s: must not be null", key->name);
        return 0; /* as if it were not there: the guide's default */
    }
    value->given = true;
    switch (key->kind) {
    case GUIDE_INT:
        return read_int(r, key, node, value);
    case GUIDE_REAL:
        return read_real(r, key, node, value);
    case GUIDE_BOOL:
        return read_bool(r, key, node, value);
    case GUIDE_CHOICE:
    case GUIDE_NAME:
        return read_word(r, key, node, value);
    }
    return 0;
}

/* --- sections ----------------------------------------------------------------------------------
 */

static int unknown_key(struct reader *r, const yaml_node_t *name, const char *section)
{
    const char *text = yaml_text(name), *nearest = guide_nearest(text);

    if (guide_key_find(text) < GUIDE_KEY_COUNT)
        return yaml_bad(&r->file, name, r->err, "'%s' does not belong %s%s; its section is %s",
                        text, *section ? "in " : "at the top", section,
                        guide_keys[guide_key_find(text)].sections);
    return yaml_bad(&r->file, name, r->err, "unknown %s '%.80s'%s%s%s",
                    *section ? "key" : "section", text, nearest ? "; did you mean '" : "",
                    nearest ? nearest : "",
                    nearest    ? "'?"
                    : *section ? "; any option of Megatron's can stand in the section "
                                 "'megatron'"
                               : "");
}

static int read_section(struct reader *r, const char *section, const yaml_node_t *node)
{
    if (yaml_is_null(node))
        return 0;
    if (node->type != YAML_MAPPING_NODE)
        return yaml_bad(&r->file, node, r->err, "%s: must be a mapping of keys", section);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_file_node(&r->file, pair->key);
        enum guide_key k = guide_key_find(yaml_text(name));

        if (k == GUIDE_KEY_COUNT || !word_list_has(guide_keys[k].sections, section))
            return unknown_key(r, name, section);
        if (read_value(r, k, name, yaml_file_node(&r->file, pair->value)) < 0)
            return -1;
    }
    return 0;
}

/* --- the section 'megatron': any other option by its name ----------------------------------------
 */

/* The row of "rotary_base" or "rotary-base" in the newest release that has it; *option is its name.
 */
static const struct option_row *option_row_of(const char *key, const char **option,
                                              struct arena *arena)
{
    char *name = arena_printf(arena, "--%s", key + strspn(key, "-"));
    const struct option_row *row = NULL;

    for (int r = RELEASE_MAIN; r >= 0 && !row; r--)
        row = option_find(name, strlen(name), (enum release)r);
    if (!row) {
        for (char *p = name; *p; p++)
            *p = *p == '_' ? '-' : *p;
        for (int r = RELEASE_MAIN; r >= 0 && !row; r--)
            row = option_find(name, strlen(name), (enum release)r);
    }
    *option = name;
    return row;
}

static int bad_option_value(struct reader *r, const yaml_node_t *node, const char *option,
                            const char *wanted)
{
    return yaml_bad(&r->file, node, r->err, "%s: must be %s", option, wanted);
}

static int read_flag(struct reader *r, const yaml_node_t *node, const char *option,
                     const struct option_row *row, struct config_place place)
{
    bool on;

    if (!yaml_is_bool(node, &on))
        return bad_option_value(r, node, option, "true or false");
    if (on)
        config_set(r->config, CONFIG_FILE, place, option, NULL);
    else if (row->kind == OPTION_BOOLEANOPTIONAL)
        config_set(r->config, CONFIG_FILE, place,
                   arena_printf(r->config->arena, "--no-%s", option + 2), NULL);
    else
        config_refuse(r->config, option);
    return 0;
}

static int read_words(struct reader *r, const yaml_node_t *node, const char *option,
                      struct config_place place)
{
    const char *word[256];
    int count = 0;

    if (node->type != YAML_SEQUENCE_NODE) {
        word[count++] = yaml_text(node);
    } else {
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top && count < 256; item++)
            word[count++] = yaml_text(yaml_file_node(&r->file, *item));
    }
    for (int i = 0; i < count; i++)
        if (!word[i])
            return bad_option_value(r, node, option, "a word or a list of words");
    config_set_words(r->config, CONFIG_FILE, place, option, count, word);
    return 0;
}

static int read_option(struct reader *r, const yaml_node_t *name, const yaml_node_t *node)
{
    const char *key = yaml_text(name), *option, *nearest;
    const struct option_row *row = option_row_of(key, &option, r->config->arena);
    struct config_place place = place_of(r, name, key);

    if (guide_key_named_as(option))
        return yaml_bad(&r->file, name, r->err, "%s is set by the key %s", option,
                        guide_key_named_as(option));
    if (!row) {
        nearest = option_nearest(option, RELEASE_MAIN);
        return yaml_bad(&r->file, name, r->err, "Megatron has no option %.80s%s%s%s", option,
                        nearest ? "; did you mean " : "", nearest ? nearest : "",
                        nearest ? "?" : "");
    }
    if (yaml_is_null(node)) {
        config_refuse(r->config, option);
        return 0;
    }
    if (row->kind != OPTION_STORE)
        return read_flag(r, node, option, row, place);
    return read_words(r, node, option, place);
}

static int read_options(struct reader *r, const yaml_node_t *node)
{
    if (yaml_is_null(node))
        return 0;
    if (node->type != YAML_MAPPING_NODE)
        return yaml_bad(&r->file, node, r->err, "megatron: must map options to values");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        if (read_option(r, yaml_file_node(&r->file, pair->key),
                        yaml_file_node(&r->file, pair->value)) < 0)
            return -1;
    return 0;
}

/* --- the file ----------------------------------------------------------------------------------
 */

static int read_sections(struct reader *r)
{
    const yaml_node_t *root = yaml_file_root(&r->file);

    if (!root)
        return error_set(r->err, "%s: is empty", r->file.path);
    if (root->type != YAML_MAPPING_NODE)
        return yaml_bad(&r->file, root, r->err, "a configuration must be a mapping of sections");
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_file_node(&r->file, pair->key);
        const yaml_node_t *node = yaml_file_node(&r->file, pair->value);
        int rc;

        if (!guide_is_section(yaml_text(name)))
            return unknown_key(r, name, "");
        rc = strcmp(yaml_text(name), "megatron") == 0 ? read_options(r, node)
                                                      : read_section(r, yaml_text(name), node);
        if (rc < 0)
            return -1;
    }
    return 0;
}

int guide_read(struct config *config, const char *path, struct error *err)
{
    struct reader r = { .config = config, .err = err };
    int rc;

    config->path = path;
    config->format = "configuration guide";
    config->others = "keys of the section megatron can";
    config->key_of = guide_key_named_as;
    if (yaml_file_open(&r.file, path, err) < 0)
        return -1;
    rc = read_sections(&r);
    yaml_file_close(&r.file);
    return rc < 0 ? -1 : guide_options(&r.values, config, err);
}
