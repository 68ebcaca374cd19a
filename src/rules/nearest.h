/* Numbers for fixes: the valid value nearest to the one that was refused. */
#ifndef RULES_NEAREST_H
#define RULES_NEAREST_H

#include <stdint.h>

/* The smallest multiple of 'step' that is at least 'value' and above 0; step > 0. */
int64_t round_up(int64_t value, int64_t step);

/* The number nearest to 'want' that divides both a and b, the smaller of two equally near ones; 0
 * when a or b is not positive. */
int64_t nearest_divisor(int64_t a, int64_t b, int64_t want);

#endif
