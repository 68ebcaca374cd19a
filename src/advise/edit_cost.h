/* How much of the user's job an edit moves: how it is executed, the grid of ranks, the batch, or
 * the model and its training. Plans that move less are tried and offered first. */
#ifndef ADVISE_EDIT_COST_H
#define ADVISE_EDIT_COST_H

#include "advise/edits.h"

int plan_cost(const struct plan *plan);

/* Does the option say what is trained and on what grid of ranks? Its value is never taken away. */
bool option_is_asked_for(const char *option);

#endif
