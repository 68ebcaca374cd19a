/* The rows of each stage; rules/sections.c puts them in order. */
#ifndef RULES_SECTIONS_H
#define RULES_SECTIONS_H

#include "rules/rules.h"

extern const struct rule_section launch_rules;    /* launch_fit.c: launch against allocation */
extern const struct rule_section parse_rules;     /* parse.c: argparse */
extern const struct rule_section validate_rules;  /* validate.c: validate_args */
extern const struct rule_section global_rules;    /* globals.c: micro-batches, tokenizer */
extern const struct rule_section config_rules;    /* config.c: TransformerConfig and its parents */
extern const struct rule_section init_rules;      /* init.c: optimizer config, parallel_state */
extern const struct rule_section model_rules;     /* model.c: module construction, DDP, optimizer */
extern const struct rule_section run_rules;       /* running.c: data, first step, first evaluation */
extern const struct rule_section unchecked_rules; /* unchecked.c: what Megatron forgot */
extern const struct rule_section memory_rules;    /* memory_fit.c: the estimate against the device */

#endif
