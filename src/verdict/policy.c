#include "verdict/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/parse_size.h"
#include "rules/rules.h"

const char *const policy_mode_names[MODE_COUNT] = {
    [MODE_ENFORCE] = "enforce",
    [MODE_WARN] = "warn",
    [MODE_OBSERVE] = "observe",
    [MODE_OFF] = "off",
};

void policy_init(struct policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    policy->headroom = 0.80;
    policy->timeout_seconds = 60;
}

/* One key of the file: where its value goes and what it may be. */
struct key {
    const char *name;
    enum { KEY_CHOICE, KEY_FRACTION, KEY_SECONDS, KEY_SIZE, KEY_STRING, KEY_SEVERITIES } kind;
    size_t offset;
    const char *choices; /* separated by blanks, in the order of the enum */
};

static const struct key keys[] = {
    { "gpu", KEY_STRING, offsetof(struct policy, gpu), NULL },
    { "gpu_memory", KEY_SIZE, offsetof(struct policy, gpu_memory_bytes), NULL },
    { "headroom", KEY_FRACTION, offsetof(struct policy, headroom), NULL },
    { "mode", KEY_CHOICE, offsetof(struct policy, mode), "enforce warn observe off" },
    { "modified_tree", KEY_CHOICE, offsetof(struct policy, modified_tree), "grid all nothing" },
    { "on_error", KEY_CHOICE, offsetof(struct policy, on_error), "run block" },
    { "severity", KEY_SEVERITIES, offsetof(struct policy, severity), NULL },
    { "timeout", KEY_SECONDS, offsetof(struct policy, timeout_seconds), NULL },
    { "world_size_rule", KEY_CHOICE, offsetof(struct policy, world_size_rule), "megatron product" },
};

/* The file while it is read. */
struct reader {
    yaml_document_t *document;
    struct policy *policy;
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

static int read_choice(struct reader *r, const struct key *key, const yaml_node_t *node)
{
    const char *text = scalar(node);
    int n;

    /* YAML 1.1 readers take a bare 'off' for false; libyaml hands us the text. */
    n = text ? word_index(key->choices, text) : -1;
    if (n < 0)
        return bad(r, node, "%s: '%s' is none of: %s", key->name, text ? text : "(not a word)",
                   key->choices);
    *(int *)((char *)r->policy + key->offset) = n;
    return 0;
}

static int read_number(struct reader *r, const struct key *key, const yaml_node_t *node)
{
    const char *text = scalar(node);
    double value, most = key->kind == KEY_FRACTION ? 1.0 : 86400.0;
    char *end;

    value = text ? strtod(text, &end) : -1.0;
    if (!text || end == text || *end || !(value > 0.0) || value > most)
        return bad(r, node, "%s: '%s' is not a number above 0 and up to %g", key->name,
                   text ? text : "(not a word)", most);
    memcpy((char *)r->policy + key->offset, &value, sizeof(value));
    return 0;
}

static int read_size(struct reader *r, const struct key *key, const yaml_node_t *node)
{
    const char *text = scalar(node);
    struct error inner;
    uint64_t bytes;

    if (!text)
        return bad(r, node, "%s: must be a size as 79GiB", key->name);
    if (parse_size(text, &bytes, &inner) < 0)
        return bad(r, node, "%s: %s", key->name, inner.text);
    *(uint64_t *)((char *)r->policy + key->offset) = bytes;
    return 0;
}

static int read_one_severity(struct reader *r, const yaml_node_t *name, const yaml_node_t *value)
{
    static const char levels[] = "note warning error ignore";
    const char *id = scalar(name), *text = scalar(value);
    int level = text ? word_index(levels, text) : -1;
    struct policy *policy = r->policy;
    struct policy_severity *more;

    if (!id || !rule_find(id))
        return bad(r, name, "severity: no rule '%s'; 'megatron-preflight rules' lists them",
                   id ? id : "(not a word)");
    if (level < 0)
        return bad(r, value, "severity: %s: '%s' is none of: %s", id, text ? text : "(not a word)",
                   levels);
    more = arena_alloc(r->arena, (policy->severity_count + 1) * sizeof(*more));
    if (policy->severity_count)
        memcpy(more, policy->severity, policy->severity_count * sizeof(*more));
    more[policy->severity_count++] = (struct policy_severity){
        .rule = arena_strdup(r->arena, id), .severity = (enum severity)level
    };
    policy->severity = more;
    return 0;
}

static int read_severities(struct reader *r, const struct key *key, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        return bad(r, node, "%s: must map rule ids to severities", key->name);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        if (read_one_severity(r, yaml_document_get_node(r->document, pair->key),
                              yaml_document_get_node(r->document, pair->value)) < 0)
            return -1;
    return 0;
}

static int read_value(struct reader *r, const struct key *key, const yaml_node_t *node)
{
    switch (key->kind) {
    case KEY_CHOICE:
        return read_choice(r, key, node);
    case KEY_FRACTION:
    case KEY_SECONDS:
        return read_number(r, key, node);
    case KEY_SIZE:
        return read_size(r, key, node);
    case KEY_STRING:
        if (!scalar(node))
            return bad(r, node, "%s: must be a word", key->name);
        *(const char **)((char *)r->policy + key->offset) = arena_strdup(r->arena, scalar(node));
        return 0;
    case KEY_SEVERITIES:
        return read_severities(r, key, node);
    }
    return 0;
}

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (name && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static int read_document(struct reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(r->document);
    bool seen[sizeof(keys) / sizeof(keys[0])] = { false };

    if (!root)
        return 0; /* an empty policy changes nothing */
    if (root->type != YAML_MAPPING_NODE)
        return bad(r, root, "a policy must be a mapping of keys");
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(r->document, pair->key);
        const struct key *key = find_key(scalar(name));

        if (!key)
            return bad(r, name, "unknown key '%s'", scalar(name) ? scalar(name) : "(not a word)");
        if (seen[key - keys])
            return bad(r, name, "'%s' is given twice", key->name);
        seen[key - keys] = true;
        if (read_value(r, key, yaml_document_get_node(r->document, pair->value)) < 0)
            return -1;
    }
    return 0;
}

static int read_file(FILE *in, struct policy *policy, struct arena *arena, struct error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    struct reader r = { .document = &document, .policy = policy, .arena = arena, .err = err };
    int rc;

    if (!yaml_parser_initialize(&parser))
        return error_set(err, "out of memory");
    yaml_parser_set_input_file(&parser, in);
    if (yaml_parser_load(&parser, &document)) {
        rc = read_document(&r);
        yaml_document_delete(&document);
    } else {
        rc = error_set(err, "%zu:%zu: %s", parser.problem_mark.line + 1,
                       parser.problem_mark.column + 1, parser.problem);
    }
    yaml_parser_delete(&parser);
    return rc;
}

int policy_read(struct policy *policy, const char *path, struct arena *arena, struct error *err)
{
    struct policy changed = *policy;
    FILE *in = fopen(path, "re");
    char text[sizeof(err->text)];
    int rc;

    if (!in)
        return error_set(err, "cannot open policy '%s': %s", path, strerror(errno));
    rc = read_file(in, &changed, arena, err);
    fclose(in);
    if (rc == 0) {
        *policy = changed;
    } else if (err) { /* "path:line:column: ...", without the blank of a prefix */
        memcpy(text, err->text, sizeof(text));
        error_set(err, "%s:%s", path, text);
    }
    return rc;
}
