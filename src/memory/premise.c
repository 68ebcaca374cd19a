#include "memory/premise.h"

#include <stdlib.h>
#include <string.h>

const char *const attention_backend_names[] = {
    [ATTENTION_FUSED] = "cuDNN fused",
    [ATTENTION_FLASH] = "FlashAttention 2",
    [ATTENTION_UNFUSED] = "unfused",
    [ATTENTION_LOCAL] = "Megatron's own, unfused",
};

static bool is(const char *value, const char *word)
{
    return value && strcmp(value, word) == 0;
}

/* NVTE_FLASH_ATTN and its kin: on unless set to 0. */
static bool switched_on(const struct facts *facts, const char *name)
{
    return !is(environment_get(&facts->environment, name), "0");
}

static bool deterministic(const struct job *job, const struct facts *facts)
{
    return job->deterministic_mode == 1 || !switched_on(facts, "NVTE_ALLOW_NONDETERMINISTIC_ALGO");
}

/* Head widths of q and k, and of v. */
static void head_widths(const struct shape *s, uint64_t *qk, uint64_t *v)
{
    *qk = s->multi_latent_attention ? s->qk_head_dim + s->qk_pos_emb_head_dim : s->kv_channels;
    *v = s->multi_latent_attention ? s->v_head_dim : s->kv_channels;
}

/* Can cuDNN's fused attention train these shapes?
 * (transformer_engine/common/fused_attn/fused_attn.cpp, nvte_get_fused_attn_backend, with a cuDNN
 * of 2025; attention/dot_product_attention/utils.py for determinism.) */
static bool fused_possible(const struct job *job, const struct shape *s, const struct facts *facts,
                           int64_t arch)
{
    uint64_t qk, v, widest;
    bool repeatable = deterministic(job, facts);

    head_widths(s, &qk, &v);
    widest = qk > v ? qk : v;
    if (arch < 80 || s->param_bytes != 2 || qk % 8 || v % 8)
        return false;
    if (repeatable && (arch < 90 || (arch >= 100 && job->attention_dropout != 0)))
        return false;
    if (widest <= 128)
        return true;
    if (qk == 192 && v == 128)
        return arch >= 90;
    return arch == 90 && widest <= 256 && qk == v;
}

/* FlashAttention 2 (same file); from TE 2.17 on values are padded to the width of keys. Where it is
 * not known whether it is installed, an NVIDIA image is assumed: there it is. */
static bool flash_possible(const struct shape *s, const struct facts *facts, int64_t arch)
{
    bool pads = !s->te || !*s->te || version_compare(s->te, "2.17") >= 0;
    uint64_t qk, v, widest;

    head_widths(s, &qk, &v);
    widest = qk > v ? qk : v;
    if (facts->flash_attn.known && !*facts->flash_attn.value)
        return false;
    return arch >= 80 && s->param_bytes == 2 && widest <= 256 && widest % 8 == 0 &&
           (qk == v || pads);
}

/* TE prefers fused attention from Hopper on, flash before; what is neither is unfused. */
static enum attention_backend choose(bool flash, bool fused, int64_t arch)
{
    if (flash && !(fused && arch >= 90))
        return ATTENTION_FLASH;
    return fused ? ATTENTION_FUSED : ATTENTION_UNFUSED;
}

/* A lower bound may not count on un-fused scores unless nothing else can run. */
static enum attention_backend cheapest(bool flash, bool fused)
{
    if (fused)
        return ATTENTION_FUSED;
    return flash ? ATTENTION_FLASH : ATTENTION_UNFUSED;
}

static void choose_attention(const struct job *job, const struct shape *s,
                             const struct facts *facts, struct premise *premise)
{
    const char *asked = job->attention_backend;
    bool any = !asked || is(asked, "auto");
    int64_t arch = s->gpu_arch > 0 ? s->gpu_arch : 90;
    bool flash = (any || is(asked, "flash")) && switched_on(facts, "NVTE_FLASH_ATTN") &&
                 flash_possible(s, facts, arch);
    bool fused = (any || is(asked, "fused")) && switched_on(facts, "NVTE_FUSED_ATTN") &&
                 fused_possible(job, s, facts, arch);

    if (!s->transformer_engine || is(asked, "local")) {
        premise->attention = ATTENTION_LOCAL;
        return;
    }
    premise->attention_assumed = s->gpu_arch <= 0 || (!facts->flash_attn.known && !fused);
    if (s->cp > 1 && !flash && !fused) /* nothing else runs over context parallel ranks */
        fused = premise->attention_assumed = true;
    premise->attention = choose(flash, fused, arch);
    if (premise->trust == CERTAIN && s->gpu_arch <= 0)
        premise->attention = cheapest(any || is(asked, "flash"), any || is(asked, "fused"));
    else if (premise->trust == CERTAIN && premise->attention_assumed)
        premise->attention = cheapest(flash, fused);
    else if (premise->trust == CERTAIN && premise->attention == ATTENTION_UNFUSED && any)
        premise->attention = ATTENTION_FUSED;
}

/* Routing that drops nothing has been seen this far from balanced, early in training and on one
 * rank. */
#define WORST_IMBALANCE 1.5

/* Multiprocessors of the largest GPU of an architecture. */
static uint64_t multiprocessors(int64_t arch)
{
    if (arch > 0 && arch < 80)
        return 80;
    if (arch > 0 && arch < 90)
        return 108;
    return arch >= 100 ? 148 : 132;
}

void premise_of(const struct job *job, const struct shape *shape, const struct facts *facts,
                enum certainty trust, struct premise *premise)
{
    *premise = (struct premise) { .trust = trust,
                                  .whole_segments = trust != CERTAIN && !shape->expandable_segments,
                                  .imbalance = trust == POSSIBLE ? WORST_IMBALANCE : 1.0,
                                  .deterministic = deterministic(job, facts),
                                  .multiprocessors = multiprocessors(shape->gpu_arch) };
    choose_attention(job, shape, facts, premise);
}
