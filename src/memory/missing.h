/* What a job may ask for and the estimate does not know: with any of it the numbers are shown and
 * never block. */
#ifndef MEMORY_MISSING_H
#define MEMORY_MISSING_H

#include "memory/shape.h"

int missing_count(void);

/* The name of the row's part if this job has it, else NULL. */
const char *missing_part(int row, const struct job *job, const struct shape *shape);

#endif
