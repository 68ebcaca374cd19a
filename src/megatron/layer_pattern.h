/* Which layer is of which kind: --moe-layer-freq and --linear-attention-freq, and the symbols of a
 * hybrid (Mamba) pattern. Layers are counted from 0 over the whole model. */
#ifndef MEGATRON_LAYER_PATTERN_H
#define MEGATRON_LAYER_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "megatron/job.h"

/* Is the layer one with experts? False without --num-experts. */
bool layer_is_moe(const struct job *job, int64_t layer);

/* Layers with experts among the job's num_layers decoder layers. */
int64_t moe_layer_count(const struct job *job);

/* Does the layer use linear attention (gated delta net) instead of softmax attention? */
bool layer_is_linear_attention(const struct job *job, int64_t layer);

/* A hybrid pattern "MM*-|MEM-/MM/MM": main part with optional '|' between pipeline segments, then
 * one part for every depth of multi-token prediction. */
struct hybrid_pattern {
    const char *main_part; /* not terminated */
    int main_length;       /* letters, '|' included */
    int segments;          /* '|' + 1 */
    int64_t layers;        /* letters of the main part without '|' */
    const char *mtp_part;  /* the first MTP part, not terminated; NULL none */
    int mtp_length;
    int mtp_depths; /* 0 none */
};

/* 'text' is borrowed; NULL gives an empty pattern. Letters are not checked. */
struct hybrid_pattern hybrid_pattern_of(const char *text);

/* How often 'symbol' stands in the segment (main part only); segment -1: in all of them. */
int64_t hybrid_count(const struct hybrid_pattern *pattern, int segment, char symbol);

/* Layers of one segment. */
int64_t hybrid_segment_layers(const struct hybrid_pattern *pattern, int segment);

#endif
