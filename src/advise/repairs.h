/* What to try when a rule stops the job: rows of edits, the most useful first. */
#ifndef ADVISE_REPAIRS_H
#define ADVISE_REPAIRS_H

#include "advise/edits.h"

/* One way to satisfy one rule. Several rows of a rule are alternatives, tried in order. */
struct repair {
    const char *rule;
    const char *edits; /* fixed edits, separated by ';': "--option VALUE", "-option" removed as
                          "without --option", "NAME=VALUE" and "unset NAME" for the environment */
    /* or values tried one by one: the n-th candidate for 'option', written to *value; false: no
       more. 'option' "launcher": a number of ranks, given with the launcher's own option */
    const char *option;
    bool (*candidate)(const struct report *report, int n, int64_t *value);
};

extern const struct repair repairs[];
extern const size_t repair_count;

#endif
