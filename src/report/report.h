/* One report, several renderings. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "verdict/verdict.h"

struct report_style {
    bool colour;
    bool quiet;
    bool verbose;
    bool facts;            /* what is known of the world, with where it came from */
    bool one_line_when_go; /* run: go is one line, warnings at most five; check prints the table always */
    int columns;           /* of the terminal; 0: 100 */
};

/* Text: verdict first, per-stage table, guilty words under carets, fixes last. Control bytes in anything the
 * user gave are shown as '?'. */
void report_text(const struct report *report, const struct report_style *style, FILE *out);

/* Report schema 1 (configs/schema/report-1.json). The caller decrefs. */
json_t *report_json(const struct report *report);

/* A JSON string of any text, null for NULL. JSON must be UTF-8; what is not is shown as '?'. */
json_t *report_string(const char *text);

#endif
