/* A policy file, YAML, into struct policy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse_size.h"
#include "base/read_file.h"
#include "base/yaml_file.h"
#include "rules/rules.h"
#include "verdict/policy_keys.h"

enum { FILE_LIMIT = 1 << 20 };

/* The file while it is read. */
struct reader {
    yaml_document_t *document;
    enum policy_layer layer;
    const char *name;
    struct policy *policy;
    uint64_t locked; /* what this file locks, and where it says so */
    struct policy_origin locked_by;
    struct arena *arena;
    struct error *err;
};

static int bad(struct reader *r, const yaml_node_t *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int bad(struct reader *r, const yaml_node_t *node, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return error_set(r->err, "%zu:%zu: %s", node->start_mark.line + 1, node->start_mark.column + 1,
                     text);
}

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static const char *shown(const yaml_node_t *node)
{
    return scalar(node) ? scalar(node) : "(not a word)";
}

static struct policy_origin origin_of(const struct reader *r, const yaml_node_t *node)
{
    return (struct policy_origin) { .name = r->name, .line = (int)node->start_mark.line + 1 };
}

/* May this layer not set the key? */
static bool is_locked(const struct reader *r, enum policy_key key)
{
    return r->layer == POLICY_USER && r->policy->locked >> key & 1;
}

/* --- values of one word --------------------------------------------------------------------------
 */

/* Index of 'word' in a blank-separated list, or -1. */
static int word_index(const char *list, const char *word)
{
    size_t length = strlen(word), n;

    for (int i = 0; *list; i++) {
        n = strcspn(list, " ");
        if (n == length && strncmp(list, word, n) == 0)
            return i;
        list += n + strspn(list + n, " ");
    }
    return -1;
}

static int read_choice(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                       int *value)
{
    const char *text = scalar(node);
    int n;

    /* YAML 1.1 readers take a bare 'off' for false; libyaml hands us the text. */
    n = text ? word_index(row->choices, text) : -1;
    if (n < 0)
        return bad(r, node, "%s: '%s' is none of: %s", row->name, shown(node), row->choices);
    *value = n;
    return 0;
}

static int read_number(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                       double *value)
{
    const char *text = scalar(node);
    double number, most = row->kind == KEY_FRACTION ? 1.0 : 86400.0;
    char *end;

    number = text ? strtod(text, &end) : -1.0;
    if (!text || end == text || *end || !(number > 0.0) || number > most)
        return bad(r, node, "%s: '%s' is not a number above 0 and up to %g", row->name, shown(node),
                   most);
    *value = number;
    return 0;
}

static int read_count(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                      int64_t *value)
{
    const char *text = scalar(node);
    long long number;
    char *end;

    if (text && strcmp(text, "none") == 0) {
        *value = 0;
        return 0;
    }
    number = text ? strtoll(text, &end, 10) : 0;
    if (!text || end == text || *end || number <= 0 || number == INT64_MAX)
        return bad(r, node, "%s: '%s' is neither a positive number nor none", row->name,
                   shown(node));
    *value = number;
    return 0;
}

static int read_size(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                     uint64_t *value)
{
    const char *text = scalar(node);
    struct error inner;

    if (!text)
        return bad(r, node, "%s: must be a size as 79GiB", row->name);
    if (parse_size(text, value, &inner) < 0)
        return bad(r, node, "%s: %s", row->name, inner.text);
    return 0;
}

static int read_string(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                       const char **value)
{
    if (!scalar(node) || !*scalar(node))
        return bad(r, node, "%s: must be a word", row->name);
    *value = strcmp(scalar(node), "none") == 0 ? NULL : arena_strdup(r->arena, scalar(node));
    return 0;
}

/* --- lists ---------------------------------------------------------------------------------------
 */

static int check_word(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node)
{
    const char *text = scalar(node);

    if (!text || !*text)
        return bad(r, node, "%s: must be a list of words", row->name);
    if (row->kind == KEY_OPTIONS && (text[0] != '-' || strcspn(text, " =") < 2))
        return bad(r, node, "%s: '%s' is not an option; write --option or --option VALUE",
                   row->name, text);
    return 0;
}

/* The nodes of a list; a single word is a list of one. */
static size_t list_items(const yaml_node_t *node, const yaml_node_item_t **first)
{
    *first = node->data.sequence.items.start;
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

static int read_words(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                      struct policy_words *value)
{
    const yaml_node_item_t *item = NULL;
    size_t count = node->type == YAML_SEQUENCE_NODE ? list_items(node, &item) : 1;
    const char **word = arena_alloc(r->arena, (count + 1) * sizeof(*word));

    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *one = item ? yaml_document_get_node(r->document, item[i]) : node;

        if (check_word(r, row, one) < 0)
            return -1;
        word[i] = arena_strdup(r->arena, scalar(one));
    }
    *value = (struct policy_words) { .count = count, .item = word };
    return 0;
}

static int read_locked(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                       uint64_t *value)
{
    struct policy_words words;
    uint64_t locked = 0;
    const yaml_node_item_t *item = NULL;

    if (read_words(r, row, node, &words) < 0)
        return -1;
    if (node->type == YAML_SEQUENCE_NODE)
        list_items(node, &item);
    for (size_t i = 0; i < words.count; i++) {
        enum policy_key key = policy_key_find(words.item[i]);

        if (strcmp(words.item[i], "all") == 0)
            locked = (1ULL << POLICY_KEY_COUNT) - 1;
        else if (key == POLICY_KEY_COUNT)
            return bad(r, item ? yaml_document_get_node(r->document, item[i]) : node,
                       "locked: no key '%s'", words.item[i]);
        else
            locked |= 1ULL << key;
    }
    *value = locked;
    return 0;
}

/* --- mappings ------------------------------------------------------------------------------------
 */

/* One pair of a mapping. */
typedef int pair_fn(struct reader *r, const struct policy_key_row *row, const yaml_node_t *name,
                    const yaml_node_t *value, void *data);

static int for_each_pair(struct reader *r, const struct policy_key_row *row,
                         const yaml_node_t *node, pair_fn *read, void *data)
{
    if (node->type != YAML_MAPPING_NODE)
        return bad(r, node, "%s: must be %s", row->name, row->value);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        if (read(r, row, yaml_document_get_node(r->document, pair->key),
                 yaml_document_get_node(r->document, pair->value), data) < 0)
            return -1;
    return 0;
}

/* An array that other policies may share, copied with room for one more. */
static void *with_room(struct reader *r, const void *item, size_t count, size_t size)
{
    void *more = arena_alloc(r->arena, (count + 1) * size);

    if (count)
        memcpy(more, item, count * size);
    return more;
}

static int read_one_severity(struct reader *r, const struct policy_key_row *row,
                             const yaml_node_t *name, const yaml_node_t *value, void *data)
{
    const char *id = scalar(name);
    struct policy_severities *severity = data;
    struct policy_severity *more;
    int level;

    if (!id || !rule_find(id))
        return bad(r, name, "severity: no rule '%s'; 'megatron-preflight rules' lists them",
                   shown(name));
    level = scalar(value) ? word_index(row->choices, scalar(value)) : -1;
    if (level < 0)
        return bad(r, value, "severity: %s: '%s' is none of: %s", id, shown(value), row->choices);
    more = with_room(r, severity->item, severity->count, sizeof(*more));
    more[severity->count++] = (struct policy_severity) { .rule = arena_strdup(r->arena, id),
                                                         .severity = (enum severity)level,
                                                         .origin = origin_of(r, name) };
    severity->item = more;
    return 0;
}

static int read_one_bypass(struct reader *r, const struct policy_key_row *row,
                           const yaml_node_t *name, const yaml_node_t *value, void *data)
{
    struct policy_bypass *bypass = data;

    if (scalar(name) && strcmp(scalar(name), "users") == 0)
        return read_words(r, row, value, &bypass->users);
    if (scalar(name) && strcmp(scalar(name), "groups") == 0)
        return read_words(r, row, value, &bypass->groups);
    return bad(r, name, "bypass: unknown key '%s'; there are users and groups", shown(name));
}

/* A value of the kinds that an entry of 'paths' can hold, too. */
static int read_plain(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                      void *value)
{
    switch (row->kind) {
    case KEY_SIZE:
        return read_size(r, row, node, value);
    case KEY_COUNT:
        return read_count(r, row, node, value);
    case KEY_STRING:
        return read_string(r, row, node, value);
    default:
        return read_words(r, row, node, value);
    }
}

static int read_scope_key(struct reader *r, const struct policy_key_row *row,
                          const yaml_node_t *name, const yaml_node_t *value, void *data)
{
    struct policy_scope *scope = data;
    enum policy_key key = scalar(name) ? policy_key_find(scalar(name)) : POLICY_KEY_COUNT;

    if (key == POLICY_KEY_COUNT || !policy_keys[key].scope_offset)
        return bad(r, name,
                   "%s: '%s' cannot be set here; max_gpus, allowed_gpus, gpu and gpu_memory can",
                   row->name, shown(name));
    if (is_locked(r, key)) {
        policy_permits(r->policy, key, origin_of(r, name), r->arena);
        return 0;
    }
    scope->keys |= 1ULL << key;
    return read_plain(r, &policy_keys[key], value, (char *)scope + policy_keys[key].scope_offset);
}

static int read_scope(struct reader *r, const struct policy_key_row *row, const yaml_node_t *name,
                      const yaml_node_t *value, void *data)
{
    struct policy_scopes *scopes = data;
    struct policy_scope scope = { .origin = origin_of(r, name) }, *more;

    if (!scalar(name) || !*scalar(name))
        return bad(r, name, "%s: must be %s", row->name, row->value);
    if (value->type != YAML_MAPPING_NODE)
        return bad(r, value, "%s: '%s' must be a mapping of keys", row->name, scalar(name));
    scope.pattern = arena_strdup(r->arena, scalar(name));
    if (for_each_pair(r, row, value, read_scope_key, &scope) < 0)
        return -1;
    more = with_room(r, scopes->item, scopes->count, sizeof(scope));
    more[scopes->count++] = scope;
    scopes->item = more;
    return 0;
}

/* --- the document --------------------------------------------------------------------------------
 */

/* Reads into 'wanted', a copy of the policy. */
static int read_value(struct reader *r, const struct policy_key_row *row, const yaml_node_t *node,
                      struct policy *wanted)
{
    void *value = (char *)wanted + row->offset;

    switch (row->kind) {
    case KEY_CHOICE:
        return read_choice(r, row, node, value);
    case KEY_FRACTION:
    case KEY_SECONDS:
        return read_number(r, row, node, value);
    case KEY_LOCKED:
        return read_locked(r, row, node, value);
    case KEY_SEVERITIES:
        return for_each_pair(r, row, node, read_one_severity, value);
    case KEY_SCOPES:
        return for_each_pair(r, row, node, read_scope, value);
    case KEY_BYPASS:
        wanted->bypass = (struct policy_bypass) { 0 };
        return for_each_pair(r, row, node, read_one_bypass, value);
    default:
        return read_plain(r, row, node, value);
    }
}

static int read_key(struct reader *r, enum policy_key key, const yaml_node_t *name,
                    const yaml_node_t *node)
{
    struct policy wanted = *r->policy;

    if (read_value(r, &policy_keys[key], node, &wanted) < 0)
        return -1;
    if (key == POLICY_LOCKED) {
        r->locked = wanted.locked;
        r->locked_by = origin_of(r, name);
    } else {
        policy_override(r->policy, key, &wanted, origin_of(r, name), r->arena);
    }
    return 0;
}

static int read_pair(struct reader *r, const yaml_node_t *name, const yaml_node_t *node,
                     uint64_t *seen)
{
    enum policy_key key = scalar(name) ? policy_key_find(scalar(name)) : POLICY_KEY_COUNT;

    if (key == POLICY_KEY_COUNT)
        return bad(r, name, "unknown key '%s'", shown(name));
    if (key >= POLICY_FILE_KEY_COUNT)
        return bad(r, name, "'%s' can be locked, but not set in a policy", policy_keys[key].name);
    if (*seen >> key & 1)
        return bad(r, name, "'%s' is given twice", policy_keys[key].name);
    *seen |= 1ULL << key;
    return read_key(r, key, name, node);
}

static int read_pairs(struct reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(r->document);
    uint64_t seen = 0;

    if (!root)
        return 0; /* an empty policy changes nothing */
    if (root->type != YAML_MAPPING_NODE)
        return bad(r, root, "a policy must be a mapping of keys");
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++)
        if (read_pair(r, yaml_document_get_node(r->document, pair->key),
                      yaml_document_get_node(r->document, pair->value), &seen) < 0)
            return -1;
    return 0;
}

/* What a file locks does not bind the file itself. The site's files replace each other's locks; a
 * user's can only add to them. */
static int read_document(struct reader *r)
{
    uint64_t before = r->policy->locked;

    if (r->layer == POLICY_SITE)
        r->policy->locked = 0;
    if (read_pairs(r) < 0)
        return -1;
    r->policy->locked = before;
    if (!r->locked_by.name)
        return 0;
    if (r->layer == POLICY_USER)
        r->locked |= before;
    r->policy->locked = r->locked;
    if (r->layer == POLICY_SITE || !before)
        r->policy->origin[POLICY_LOCKED] = r->locked_by;
    return 0;
}

static int read_yaml(struct reader *r, const char *text, size_t size)
{
    yaml_document_t document;
    int rc;

    if (yaml_load(text, size, &document, r->err) < 0)
        return -1;
    r->document = &document;
    rc = read_document(r);
    yaml_document_delete(&document);
    r->document = NULL;
    return rc;
}

int policy_read_text(struct policy *policy, enum policy_layer layer, const char *name,
                     const char *text, size_t size, struct arena *arena, struct error *err)
{
    struct policy changed = *policy;
    struct error inner;
    struct reader r = { .layer = layer,
                        .name = arena_strdup(arena, name),
                        .policy = &changed,
                        .arena = arena,
                        .err = &inner };

    if (read_yaml(&r, text, size) < 0) /* "path:line:column: ...", without the blank of a prefix */
        return error_set(err, "%s:%s", name, inner.text);
    *policy = changed;
    return 0;
}

int policy_read(struct policy *policy, enum policy_layer layer, const char *path,
                struct arena *arena, struct error *err)
{
    size_t size;
    const char *text = read_file(path, FILE_LIMIT, arena, &size);

    if (!text)
        return error_set(err, "cannot read policy '%s': %s", path,
                         errno == EINVAL ? "not a file" : strerror(errno));
    return policy_read_text(policy, layer, path, text, size, arena, err);
}
