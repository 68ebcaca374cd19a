#include "rules/nearest.h"

int64_t round_up(int64_t value, int64_t step)
{
    if (value <= step)
        return step;
    return (value + step - 1) / step * step;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

int64_t nearest_divisor(int64_t a, int64_t b, int64_t want)
{
    int64_t best = 0;

    if (a <= 0 || b <= 0)
        return 0;
    for (int64_t d = 1; d <= a && d <= b && d < 1 << 16; d++)
        if (a % d == 0 && b % d == 0 && (!best || distance(d, want) < distance(best, want)))
            best = d;
    return best;
}
