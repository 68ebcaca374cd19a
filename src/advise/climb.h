/* The way up the ladder (ladder.h): from a plan that does not fit memory to one that does. */
#ifndef ADVISE_CLIMB_H
#define ADVISE_CLIMB_H

#include "advise/trial.h"

struct climb {
    struct plan plan;
    struct outcome outcome;
};

/* Neither rules nor memory say anything against it. */
bool climb_is_go(const struct climb *climb);

/* Climbs from where 'climb' stands, leaving out the rungs of 'skip' (bit r: rung r), and drops what
 * is not needed at the end. Returns the number of the last rung that was needed, -1 when none was.
 */
int climb_all(const struct advisor *advisor, unsigned skip, struct climb *climb);

#endif
