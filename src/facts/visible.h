/* CUDA_VISIBLE_DEVICES as the CUDA runtime reads it. */
#ifndef FACTS_VISIBLE_H
#define FACTS_VISIBLE_H

#include <stddef.h>

enum { VISIBLE_MAX = 64 };

/* One entry: an ordinal, or a UUID ("GPU-...", "MIG-..."; a unique beginning is enough). */
struct visible {
    int ordinal; /* -1: uuid */
    char uuid[96];
};

/* Reads the list; stops as CUDA does at the first entry that is no device ("-1", "NoDevFiles"). A
 * device named twice makes the whole list void. Returns the number of entries written. */
int visible_read(const char *text, struct visible entry[VISIBLE_MAX]);

/* How many devices the list leaves visible, as far as it says. */
int visible_count(const char *text);

#endif
