/* What guides advise when memory is short, training is slow or memory runs out despite an estimate,
 * with this job's numbers: notes, added where they apply. */
#ifndef ADVISE_TROUBLESHOOT_H
#define ADVISE_TROUBLESHOOT_H

#include "verdict/verdict.h"

/* Adds to the findings of 'report', the verdict on 'request'; nothing without a memory estimate. */
void troubleshoot(const struct request *request, struct report *report, struct arena *arena);

#endif
