/* A small YAML file as libyaml's document, with limits that keep a hostile one from costing time or
 * memory: size, depth, number of nodes and aliases. Every error reads "path:line:column: ...". In
 * an open file all keys of all mappings are plain words and none is given twice. */
#ifndef BASE_YAML_FILE_H
#define BASE_YAML_FILE_H

#include <stdbool.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/error.h"

struct yaml_file {
    const char *path; /* borrowed; as errors show it */
    yaml_document_t document;
};

/* The one document of a text, within the limits on depth, nodes and aliases; the caller deletes it. -1 with
 * 'err' set to "line:column: ..." and nothing to delete. */
int yaml_load(const char *text, size_t size, yaml_document_t *document, struct error *err);

/* Reads the one document of 'path'. -1 with 'err' set, and nothing to close, when it cannot. */
int yaml_file_open(struct yaml_file *file, const char *path, struct error *err);
void yaml_file_close(struct yaml_file *file);

/* The mapping or scalar at the top; NULL for an empty document. */
const yaml_node_t *yaml_file_root(struct yaml_file *file);

/* A node by its number in a mapping's pair or a sequence. */
const yaml_node_t *yaml_file_node(struct yaml_file *file, int number);

/* The text of a scalar, NULL for a mapping or sequence. */
const char *yaml_text(const yaml_node_t *node);

/* Is it YAML's null: nothing, ~, null, not quoted? */
bool yaml_is_null(const yaml_node_t *node);

/* Is it true or false, not quoted? *value is then set. */
bool yaml_is_bool(const yaml_node_t *node, bool *value);

/* Sets 'err' to "path:line:column: ..." of the node and returns -1. */
int yaml_bad(const struct yaml_file *file, const yaml_node_t *node, struct error *err,
             const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
