#include "base/edit_distance.h"

size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length, size_t limit)
{
    size_t row[EDIT_DISTANCE_LONGEST + 1];

    if ((a_length > b_length ? a_length - b_length : b_length - a_length) > limit)
        return limit + 1;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0], best = row[0] = i;

        for (size_t j = 1; j <= b_length; j++) {
            size_t edits = diagonal + (edit_folded(a[i - 1]) != edit_folded(b[j - 1]) ? 2 : 0);

            diagonal = row[j];
            edits = edits < row[j] + 1 ? edits : row[j] + 1;
            row[j] = edits < row[j - 1] + 1 ? edits : row[j - 1] + 1;
            best = row[j] < best ? row[j] : best;
        }
        if (best > limit)
            return limit + 1;
    }
    return row[b_length];
}
