/* A heterogeneous block configuration, as given by --heterogeneous-layers-config-encoded-json: the options
 * must repeat what it says. */
#ifndef RULES_HETEROGENEOUS_H
#define RULES_HETEROGENEOUS_H

#include "rules/rules.h"

/* Not applicable without the JSON text; a file named by --heterogeneous-layers-config-path is not read. */
enum answer heterogeneous_agrees(struct walk *walk, struct finding *finding);

#endif
