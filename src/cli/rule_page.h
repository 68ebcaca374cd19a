/* One rule explained: all rows of its id, its places, its examples. */
#ifndef CLI_RULE_PAGE_H
#define CLI_RULE_PAGE_H

#include <jansson.h>

#include "rules/rules.h"

/* What all that is shown of rules may be narrowed to. */
struct rule_filter {
    enum release release; /* RELEASE_UNKNOWN: every */
    int stage;            /* -1: every */
    const char *option;   /* "--option" or "$NAME"; NULL: every */
};

/* Adjustments are no rules to a reader. */
bool rule_selected(const struct rule *rule, const struct rule_filter *filter);

/* Prints the page of an id that has a selected row. */
void rule_page_print(const char *id, const struct rule_filter *filter);

/* One row: what the list shows, and what and why. The caller decrefs. */
json_t *rule_row_json(const struct rule *rule);

/* The page: "rows", "places", "examples". */
json_t *rule_page_json(const char *id, const struct rule_filter *filter);

#endif
