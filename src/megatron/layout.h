/* Megatron's pipeline layout string: "Ettt|(tt|)*29,m|L" names what every stage of the pipeline
 * holds. Commas are decoration, "(body)*n" and "x*n" repeat (one pass each, no nesting), '|' ends a
 * stage; what is left may only be 'E' (embedding), 't' (decoder layer), 'm' (MTP layer) and 'L'
 * (loss). A stage may be empty. Stage i is model chunk i / PP of pipeline rank i % PP. Only decoder
 * and MTP layers are placed by it; embedding and loss sit on the first and last rank whatever the
 * string says. */
#ifndef MEGATRON_LAYOUT_H
#define MEGATRON_LAYOUT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct layout {
    int stage_count;          /* at least 1 */
    const char *const *stage; /* letters of each stage, "" for an empty one */
};

/* Writes *layout, allocated in 'arena', and returns 0; -1 with 'err' set, and nothing written, when
 * Megatron would refuse the letters or the text grows past any pipeline. */
int layout_parse(const char *text, struct arena *arena, struct layout *layout, struct error *err);

/* How often 'letter' stands in one stage; in all stages before 'stage'. */
int layout_count(const struct layout *layout, int stage, char letter);
int layout_count_before(const struct layout *layout, int stage, char letter);

#endif
