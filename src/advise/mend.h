/* The search for plans that satisfy every rule: the cheapest first (edit_cost.h), each step another
 * way to satisfy the rule that stops the plan now. Memory is not looked at. */
#ifndef ADVISE_MEND_H
#define ADVISE_MEND_H

#include "advise/trial.h"

/* Writes at most 'most' plans that no rule stops, the best first, that begin with the edits of
 * 'start'; none has an edit it does not need beyond those. Returns how many; gives up after
 * 'budget' trials. */
int mend(const struct advisor *advisor, const struct plan *start, int budget, int most,
         struct plan *found);

#endif
