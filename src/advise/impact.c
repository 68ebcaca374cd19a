#include "advise/impact.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "advise/what_if.h"

const char *const impact_class_names[IMPACT_CLASS_COUNT] = {
    [IMPACT_LOW] = "low",
    [IMPACT_MEDIUM] = "medium",
    [IMPACT_HIGH] = "high",
};

/* Change of the peak, as a part of it, from which a size counts as medium and as high. */
#define MEDIUM_CHANGE 0.10
#define HIGH_CHANGE 0.40

/* Smaller steps than this part of the peak say nothing of an exponent. */
#define LEAST_STEP 0.002

/* Exponents nearer than this are the same. */
#define SAME_EXPONENT 0.35

static const struct factor {
    const char *name;
    enum job_field field;
    const char *option;
    const char *at_least; /* option that must not be smaller, or NULL */
    enum impact_class guide_class;
    int guide_exponent;
} factors[] = {
    { "seq_length", JOB_seq_length, "--seq-length", "--max-position-embeddings", IMPACT_HIGH, 2 },
    { "hidden_size", JOB_hidden_size, "--hidden-size", NULL, IMPACT_HIGH, 2 },
    { "num_layers", JOB_num_layers, "--num-layers", NULL, IMPACT_HIGH, 1 },
    { "micro_batch_size", JOB_micro_batch_size, "--micro-batch-size", NULL, IMPACT_MEDIUM, 1 },
    { "ffn_hidden_size", JOB_ffn_hidden_size, "--ffn-hidden-size", NULL, IMPACT_MEDIUM, 1 },
    { "num_experts", JOB_num_experts, "--num-experts", NULL, IMPACT_MEDIUM, 1 },
    { "vocab_size", JOB_vocab_size, "--vocab-size", NULL, IMPACT_LOW, 1 },
    { "num_attention_heads", JOB_num_attention_heads, "--num-attention-heads", NULL, IMPACT_LOW,
      0 },
};

/* One job with all its replays. */
struct replayer {
    const struct request *request;
    const struct report *report;
    struct arena *arena;
};

static bool is_vocabulary(const struct factor *factor)
{
    return factor->field == JOB_vocab_size;
}

/* The vocabulary is what the tokenizer holds, from wherever it is known; 0: the job has no such
 * size. */
static int64_t value_of(const struct replayer *r, const struct factor *factor)
{
    const struct facts *facts = r->request->facts;
    const void *field = (const char *)r->report->job + job_fields[factor->field].offset;
    int64_t value = *(const int64_t *)field;

    if (is_vocabulary(factor) && facts->vocab_size.known)
        return facts->vocab_size.value;
    if (is_vocabulary(factor) && value <= 0)
        value = r->report->job->padded_vocab_size;
    return value > 0 ? value : 0;
}

static const char *number(const struct replayer *r, int64_t value)
{
    return arena_printf(r->arena, "%" PRId64, value);
}

static struct impact_side replay_with(const struct replayer *r, const struct factor *factor,
                                      int64_t value)
{
    struct impact_side side = { .value = value };
    struct plan plan = { 0 };
    struct what_if trial;
    int64_t least = r->report->job->max_position_embeddings;

    plan_set(&plan, EDIT_TRAINER, factor->option, number(r, value));
    if (factor->at_least && least != NONE_INT && least < value)
        plan_set(&plan, EDIT_TRAINER, factor->at_least, number(r, value));
    trial = what_if(r->request, r->report, &plan, is_vocabulary(factor) ? value : 0, r->arena);
    side.why_not = trial.stopped_by;
    side.peak_bytes = trial.peak_bytes;
    side.valid = trial.peak_bytes && !trial.stopped_by;
    return side;
}

/* Of a positive number. Not libm's: the program needs libc alone, which has frexp(). */
static double log2_of(double x)
{
    int exponent;
    double mantissa = frexp(x, &exponent);
    double t = (mantissa - 1) / (mantissa + 1), power = t, sum = 0;

    for (int i = 1; i < 40; i += 2, power *= t * t) /* ln m = 2 (t + t^3 / 3 + t^5 / 5 ...) */
        sum += 2 * power / i;
    return exponent + sum / 0.693147180559945309;
}

/* P = fixed + part x value^k: the steps to both sides of it have the ratio 2^k. */
static void find_exponent(struct impact *impact, uint64_t peak)
{
    double down = (double)peak - (double)impact->half.peak_bytes;
    double up = (double)impact->twice.peak_bytes - (double)peak;

    if (!impact->half.valid || !impact->twice.valid || down * up <= 0 ||
        fabs(up) < LEAST_STEP * (double)peak)
        return;
    impact->exponent = log2_of(up / down);
    impact->has_exponent = true;
}

/* What the larger value adds, as a part of the smaller one's peak. */
static double change_of(const struct impact *impact, uint64_t peak)
{
    if (impact->twice.valid)
        return fabs((double)impact->twice.peak_bytes - (double)peak) / (double)peak;
    if (impact->half.valid)
        return fabs((double)peak - (double)impact->half.peak_bytes) /
               (double)impact->half.peak_bytes;
    return 0;
}

static const char *degree(int exponent)
{
    return exponent == 2 ? "quadratic" : exponent == 1 ? "linear" : "minor";
}

static const char *note_of(const struct replayer *r, const struct impact *impact, double change)
{
    const char *note = NULL;

    if (!impact->half.valid && !impact->twice.valid)
        return NULL;
    if (impact->class != impact->guide_class)
        note = arena_printf(r->arena, "guide: %s; here the peak changes by %.0f %%",
                            impact_class_names[impact->guide_class], 100 * change);
    if (!impact->has_exponent || !impact->guide_exponent || change < MEDIUM_CHANGE ||
        fabs(impact->exponent - impact->guide_exponent) <= SAME_EXPONENT)
        return note;
    return arena_printf(
        r->arena, "%s%sguide: %s; here the part that moves grows with its power %.1f",
        note ? note : "", note ? "; " : "", degree(impact->guide_exponent), impact->exponent);
}

static struct impact impact_of_factor(const struct replayer *r, const struct factor *factor,
                                      uint64_t peak)
{
    struct impact impact = { .name = factor->name,
                             .value = value_of(r, factor),
                             .guide_class = factor->guide_class,
                             .guide_exponent = factor->guide_exponent };
    double change;

    impact.half.value = impact.value / 2;
    if (impact.value % 2 == 0)
        impact.half = replay_with(r, factor, impact.value / 2);
    else
        impact.half.why_not = "no whole number";
    if (impact.value <= INT64_MAX / 2)
        impact.twice = replay_with(r, factor, impact.value * 2);
    find_exponent(&impact, peak);
    change = change_of(&impact, peak);
    impact.class = change >= HIGH_CHANGE     ? IMPACT_HIGH
                   : change >= MEDIUM_CHANGE ? IMPACT_MEDIUM
                                             : IMPACT_LOW;
    impact.note = note_of(r, &impact, change);
    return impact;
}

static double gain(const struct impacts *impacts, const struct impact *impact)
{
    return change_of(impact, impacts->peak_bytes);
}

void impact_of(const struct request *request, const struct report *report, struct arena *arena,
               struct impacts *impacts)
{
    const struct replayer r = { .request = request, .report = report, .arena = arena };

    memset(impacts, 0, sizeof(*impacts));
    if (!report->job || !report->memory.rank_count)
        return;
    impacts->peak_bytes = memory_largest_peak(&report->memory);
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        struct impact impact;
        int at = impacts->count;

        if (!value_of(&r, &factors[i]))
            continue;
        impact = impact_of_factor(&r, &factors[i], impacts->peak_bytes);
        for (; at > 0 && gain(impacts, &impacts->item[at - 1]) < gain(impacts, &impact); at--)
            impacts->item[at] = impacts->item[at - 1];
        impacts->item[at] = impact;
        impacts->count++;
    }
}
