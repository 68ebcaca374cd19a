/* Sizes as people write them: "80GiB", "80G" and "80GB" are the same 80 * 2^30 bytes (memory is sold in
 * GB and made in GiB), "81559MiB", "1.5T", "85899345920". Units K, M, G, T with optional "B" or "iB",
 * any case; no unit: bytes, at least 2^20 of them, since "79" is meant as 79 GiB. */
#ifndef BASE_PARSE_SIZE_H
#define BASE_PARSE_SIZE_H

#include <stdint.h>
#include "base/error.h"

/* Writes *bytes, below 2^63, and returns 0; -1 with 'err' set for an empty, negative, malformed or too large text. */
int parse_size(const char *text, uint64_t *bytes, struct error *err);

#endif
