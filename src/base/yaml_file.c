#include "base/yaml_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/read_file.h"

enum {
    MOST_BYTES = 256 * 1024,
    MOST_DEPTH = 16,
    MOST_NODES = 8192,
    MOST_ANCHORS = 64, /* libyaml compares each with all before */
};

static int bad_at(yaml_mark_t mark, struct error *err, const char *text)
{
    return error_set(err, "%zu:%zu: %s", mark.line + 1, mark.column + 1, text);
}

/* "path:line:column: ...", without the blank of a prefix. */
static int in_file(const char *path, struct error *err)
{
    struct error inner = { 0 };

    if (!err)
        return -1;
    inner = *err;
    return error_set(err, "%s:%s", path, inner.text);
}

int yaml_bad(const struct yaml_file *file, const yaml_node_t *node, struct error *err,
             const char *fmt, ...)
{
    char text[768];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    bad_at(node->start_mark, err, text);
    return in_file(file->path, err);
}

static int parser_error(const yaml_parser_t *parser, struct error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return error_set(err, "1:1: out of memory");
    if (parser->error == YAML_READER_ERROR) /* has an offset, no mark */
        return error_set(err, "1:1: byte %zu: %s: this is not a YAML text", parser->problem_offset,
                         parser->problem);
    return bad_at(parser->problem_mark, err, parser->problem ? parser->problem : "not YAML");
}

/* --- limits, before anything is built ----------------------------------------------------------
 */

struct census {
    int depth, nodes, anchors, documents;
};

static const char *count_event(struct census *census, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++census->documents > 1 ? "a second document starts here; one is read" : NULL;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        if (++census->depth > MOST_DEPTH)
            return "nested too deeply";
        census->anchors += event->type == YAML_MAPPING_START_EVENT
                               ? event->data.mapping_start.anchor != NULL
                               : event->data.sequence_start.anchor != NULL;
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        census->depth--;
        return NULL;
    case YAML_SCALAR_EVENT:
        census->anchors += event->data.scalar.anchor != NULL;
        break;
    case YAML_ALIAS_EVENT:
        census->anchors++;
        break;
    default:
        return NULL;
    }
    if (census->anchors > MOST_ANCHORS)
        return "too many anchors and aliases";
    return ++census->nodes > MOST_NODES ? "too many entries" : NULL;
}

static int check_events(yaml_parser_t *parser, struct error *err)
{
    struct census census = { 0 };
    yaml_event_t event;
    const char *wrong;
    bool end;

    do {
        if (!yaml_parser_parse(parser, &event))
            return parser_error(parser, err);
        end = event.type == YAML_STREAM_END_EVENT;
        wrong = count_event(&census, &event);
        if (wrong)
            bad_at(event.start_mark, err, wrong);
        yaml_event_delete(&event);
        if (wrong)
            return -1;
    } while (!end);
    return 0;
}

/* --- keys --------------------------------------------------------------------------------------
 */

static int check_key(struct yaml_file *file, const yaml_node_t *mapping,
                     const yaml_node_pair_t *pair, struct error *err)
{
    const yaml_node_t *key = yaml_file_node(file, pair->key);

    if (!yaml_text(key))
        return yaml_bad(file, key, err, "a key must be a word");
    if (strlen(yaml_text(key)) != key->data.scalar.length)
        return yaml_bad(file, key, err, "a key must not hold a zero byte");
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *before = yaml_file_node(file, p->key);

        if (strcmp(yaml_text(before), yaml_text(key)) == 0)
            return yaml_bad(file, key, err, "'%s' is given twice, first in line %zu",
                            yaml_text(key), before->start_mark.line + 1);
    }
    return 0;
}

static int check_keys(struct yaml_file *file, struct error *err)
{
    for (const yaml_node_t *node = file->document.nodes.start; node < file->document.nodes.top;
         node++) {
        if (node->type == YAML_SCALAR_NODE &&
            strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
            return yaml_bad(file, node, err, "a value must not hold a zero byte");
        if (node->type != YAML_MAPPING_NODE)
            continue;
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++)
            if (check_key(file, node, pair, err) < 0)
                return -1;
    }
    return 0;
}

/* --- a file ------------------------------------------------------------------------------------
 */

static int with_parser(const char *text, size_t size, yaml_document_t *document, struct error *err)
{
    yaml_parser_t parser;
    int rc;

    if (!yaml_parser_initialize(&parser))
        return error_set(err, "1:1: out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (!document)
        rc = check_events(&parser, err);
    else
        rc = yaml_parser_load(&parser, document) ? 0 : parser_error(&parser, err);
    yaml_parser_delete(&parser);
    return rc;
}

int yaml_load(const char *text, size_t size, yaml_document_t *document, struct error *err)
{
    return with_parser(text, size, NULL, err) < 0 ? -1 : with_parser(text, size, document, err);
}

static int read_text(struct yaml_file *file, struct arena *arena, struct error *err)
{
    size_t size;
    const char *text = read_file(file->path, MOST_BYTES, arena, &size);

    if (!text && errno == EFBIG)
        return error_set(err, "%s: larger than %d KiB: this is no configuration", file->path,
                         MOST_BYTES / 1024);
    if (!text)
        return error_set(err, "cannot read '%s': %s", file->path,
                         errno ? strerror(errno) : "not a regular file");
    return yaml_load(text, size, &file->document, err) < 0 ? in_file(file->path, err) : 0;
}

int yaml_file_open(struct yaml_file *file, const char *path, struct error *err)
{
    struct arena arena = ARENA_INIT;
    int rc;

    memset(file, 0, sizeof(*file));
    file->path = path;
    rc = read_text(file, &arena, err);
    arena_release(&arena);
    if (rc < 0)
        return -1;
    if (check_keys(file, err) == 0)
        return 0;
    yaml_file_close(file);
    return -1;
}

void yaml_file_close(struct yaml_file *file)
{
    yaml_document_delete(&file->document);
}

const yaml_node_t *yaml_file_root(struct yaml_file *file)
{
    return yaml_document_get_root_node(&file->document);
}

const yaml_node_t *yaml_file_node(struct yaml_file *file, int number)
{
    return yaml_document_get_node(&file->document, number);
}

const char *yaml_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_one_of(const yaml_node_t *node, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(yaml_text(node), words[i]) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(node, words) is_one_of(node, words, sizeof(words) / sizeof((words)[0]))

bool yaml_is_null(const yaml_node_t *node)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };

    return is_plain(node) && IS_ONE_OF(node, words);
}

bool yaml_is_bool(const yaml_node_t *node, bool *value)
{
    static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes", "on", "On" };
    static const char *const no[] = { "false", "False", "FALSE", "no", "No", "off", "Off" };

    if (!is_plain(node))
        return false;
    *value = IS_ONE_OF(node, yes);
    return *value || IS_ONE_OF(node, no);
}
