/* Which kind of model the trainer builds, as far as its rules differ. */
#ifndef RULES_TRAINER_KIND_H
#define RULES_TRAINER_KIND_H

#include "rules/rules.h"

enum trainer_kind {
    TRAINER_GPT,    /* decoder layers of one kind or with experts; also scripts of unknown name */
    TRAINER_HYBRID, /* a pattern of Mamba, attention, MLP and expert layers */
    TRAINER_OTHER   /* BERT, T5, vision, ModelOpt ...: only rules that every model has */
};

enum trainer_kind trainer_kind(const struct walk *walk);

/* Is 'part' in the name of the trainer's script? */
bool script_has(const struct walk *walk, const char *part);

/* A GPT whose layers are Megatron's own, not those of --spec. */
bool builds_standard_gpt(const struct walk *walk);

/* Has the model a layer of softmax attention that is not latent or sparse? */
bool has_common_attention(const struct walk *walk);

/* ... a dense MLP; a layer with experts? */
bool has_dense_mlp(const struct walk *walk);
bool has_experts(const struct walk *walk);

#endif
