/* Which Transformer Engine and torch a release is usually run with: what its own development image
 * of the time held. Assumed where the facts do not say. */
#ifndef MEMORY_PACKAGES_H
#define MEMORY_PACKAGES_H

#include "megatron/release.h"

const char *usual_transformer_engine(enum release release);
const char *usual_torch(enum release release);

#endif
