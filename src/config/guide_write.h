/* A job as the configuration guide's YAML. */
#ifndef CONFIG_GUIDE_WRITE_H
#define CONFIG_GUIDE_WRITE_H

#include <stdio.h>

#include "config/config.h"

/* Writes the keys that differ from the guide's defaults and those it requires; what it has no key
 * for goes to the section 'megatron', also what would otherwise be assumed and is not so. Notes of
 * 'config' then say what could not be written. */
void guide_write(struct config *config, FILE *out);

#endif
