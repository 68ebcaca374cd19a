/* The table of estimate --impact. */
#ifndef REPORT_IMPACT_H
#define REPORT_IMPACT_H

#include <jansson.h>
#include <stdio.h>

#include "advise/impact.h"

void impact_text(const struct impacts *impacts, FILE *out);

/* An array; the caller decrefs. */
json_t *impact_json(const struct impacts *impacts);

#endif
