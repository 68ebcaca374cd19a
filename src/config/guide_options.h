/* Values of the guide's keys as Megatron's options. */
#ifndef CONFIG_GUIDE_OPTIONS_H
#define CONFIG_GUIDE_OPTIONS_H

#include "config/config.h"
#include "config/guide_keys.h"

struct guide_value {
    bool given;                /* not null */
    int64_t number;            /* of an integer or a truth value */
    const char *text;          /* of the other kinds */
    struct config_place place; /* of the key; line 0: not in the file */
};

struct guide_values {
    struct guide_value value[GUIDE_KEY_COUNT];
};

/* Sets the options, sizes and notes of 'config'. -1 with 'err' set where a required key is missing
 * or two contradict each other. */
int guide_options(const struct guide_values *values, struct config *config, struct error *err);

#endif
