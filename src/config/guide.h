/* Where guides about Megatron and Megatron itself disagree, one row a sentence. The ids are those of the
 * notes that a configuration gets where such a sentence matters for it. */
#ifndef CONFIG_GUIDE_H
#define CONFIG_GUIDE_H

#include <stddef.h>

struct guide_row {
    const char *id;       /* "guide-world-size" */
    const char *says;     /* the guides */
    const char *megatron; /* what its code does */
    const char *we;       /* what this program does with such a configuration */
};

extern const struct guide_row guide_rows[];
extern const size_t guide_row_count;

/* The row, or NULL. */
const struct guide_row *guide_find(const char *id);

#endif
