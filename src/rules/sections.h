/* The rows of each stage; rules/sections.c puts them in order. */
#ifndef RULES_SECTIONS_H
#define RULES_SECTIONS_H

#include "rules/rules.h"

extern const struct rule_section launch_rules;    /* launch_fit.c: launch against allocation */
extern const struct rule_section rank_rules;      /* ranks.c: ranks of one launch against each other */
extern const struct rule_section parse_rules;     /* parse.c: argparse */
/* validate_args, cut at its own seams; the order below is the order of execution. */
extern const struct rule_section validate_world_rules;     /* ranks, TP x PP x CP x DP */
extern const struct rule_section validate_rl_rules;        /* reinforcement learning */
extern const struct rule_section validate_renamed_rules;   /* renamed and withdrawn options */
extern const struct rule_section validate_batch_rules;     /* batch sizes, data options */
extern const struct rule_section validate_rl_batch_rules;  /* its batches */
extern const struct rule_section validate_hybrid_rules;    /* layer patterns, MTP */
extern const struct rule_section validate_pipeline_rules;  /* layers over ranks and chunks */
extern const struct rule_section validate_sharding_rules;  /* distributed optimizer, FSDP */
extern const struct rule_section validate_precision_rules; /* types */
extern const struct rule_section validate_training_rules;  /* lengths, required sizes, shapes */
extern const struct rule_section validate_saving_rules;   /* learning rate, saving, weight decay */
extern const struct rule_section validate_overlap_rules;   /* recompute, SP, overlaps */
extern const struct rule_section validate_model_rules;     /* biases, positions, experts */
extern const struct rule_section validate_data_rules;      /* formats, data, determinism */
extern const struct rule_section validate_optimizer_rules; /* optimizers, checkpoints */
extern const struct rule_section validate_graphs_rules;    /* CUDA graphs */
extern const struct rule_section global_rules;    /* globals.c: micro-batches, tokenizer */
extern const struct rule_section config_rules;    /* config.c: from arguments to config */
/* TransformerConfig, one section a file, in the order of its checks */
extern const struct rule_section config_attention_rules;
extern const struct rule_section config_precision_rules;
extern const struct rule_section config_expert_rules;
extern const struct rule_section config_recompute_rules;
extern const struct rule_section config_offload_rules;
extern const struct rule_section config_pipeline_rules;
extern const struct rule_section config_activation_rules;
extern const struct rule_section config_router_rules;
extern const struct rule_section config_graph_rules;
extern const struct rule_section config_late_rules;
extern const struct rule_section optimizer_config_rules; /* configs of DDP and optimizer */
extern const struct rule_section init_rules;      /* init.c: parallel_state, seeds */
extern const struct rule_section model_rules;     /* model.c: module construction */
extern const struct rule_section model_split_rules;
extern const struct rule_section model_expert_rules;
extern const struct rule_section model_hybrid_rules;
extern const struct rule_section model_training_rules; /* DDP, optimizer, schedule */
extern const struct rule_section data_rules;      /* data.c: data sets */
extern const struct rule_section schedule_rules;  /* step_schedule.c: micro-batches through the pipeline */
extern const struct rule_section step_rules;      /* step.c: the first forward pass */
extern const struct rule_section step_expert_rules;
extern const struct rule_section evaluation_rules; /* step_schedule.c: the first evaluation */
extern const struct rule_section unchecked_rules; /* unchecked.c: what Megatron forgot */
extern const struct rule_section ignored_rules;   /* ignored.c: words without effect */
extern const struct rule_section policy_rules;    /* policy_limits.c: what the site asks */
extern const struct rule_section memory_rules;    /* memory_fit.c: the estimate against the device */
extern const struct rule_section advice_rules;    /* advice.c: what another cut would save */

#endif
