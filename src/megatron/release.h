/* The releases of Megatron-LM whose options and rules are known, oldest first; "main" is the commit the
 * tables were dumped from. enum release is generated from the names of the files in
 * configs/megatron/options. */
#ifndef MEGATRON_RELEASE_H
#define MEGATRON_RELEASE_H

#include "job_fields.h"

/* A release that is not known: RELEASE_COUNT. */
#define RELEASE_UNKNOWN RELEASE_COUNT

extern const char *const release_names[RELEASE_COUNT];

/* The table that stands for a version text: "0.16.0", "core_v0.16.1", "0.16", "0.16.0rc0", "main",
 * "0.20.0" (main). RELEASE_UNKNOWN for anything else or older than the first table. */
enum release release_parse(const char *text);

/* "0.16.0", or "unknown". */
const char *release_name(enum release release);

#endif
