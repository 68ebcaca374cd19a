/* One record of the batch format to one report. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <jansson.h>

#include "verdict/verdict.h"

/* 'number' is the record's line, for error texts. Never NULL: a broken record gives a report with an error.
 * The caller decrefs. */
json_t *record_check(const char *text, size_t number, const struct policy *policy,
                     const struct option_extra *extra);

#endif
