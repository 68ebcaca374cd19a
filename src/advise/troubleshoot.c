#include "advise/troubleshoot.h"

#include <stdarg.h>
#include <string.h>

#include "advise/what_if.h"

/* Part of the time that pipeline stages wait, from which it is worth a word. */
#define LONG_BUBBLE 0.05

struct trouble {
    const struct request *request;
    struct report *report;
    struct arena *arena;
    uint64_t usable;
    double headroom;
};

static double gib(uint64_t bytes)
{
    return (double)bytes / (1u << 30);
}

static void note(struct trouble *t, const char *id, const char *message)
{
    *findings_add(&t->report->findings, t->arena) = (struct finding) { .id = id,
                                                                       .stage = STAGE_MEMORY,
                                                                       .severity = SEVERITY_NOTE,
                                                                       .options = "",
                                                                       .message = message };
}

static bool is_found(const struct report *report, const char *id)
{
    for (size_t i = 0; i < report->findings.count; i++)
        if (strcmp(report->findings.item[i].id, id) == 0)
            return true;
    return false;
}

/* 'text' with one thing more: the first behind a colon, the others behind semicolons. */
static const char *joined(const struct trouble *t, const char *text, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static const char *joined(const struct trouble *t, const char *text, const char *fmt, ...)
{
    const char *more;
    va_list ap;

    va_start(ap, fmt);
    more = arena_vprintf(t->arena, fmt, ap);
    va_end(ap);
    return arena_printf(t->arena, "%s%s%s", text, *text ? "; " : ": ", more);
}

static struct what_if try(const struct trouble *t, const struct plan *plan)
{
    return what_if(t->request, t->report, plan, 0, t->arena);
}

/* --- memory exceeds ------------------------------------------------------------------------------
 */

/* One step of the guides' list. propose() says false where it is taken already or means nothing. */
struct step {
    const char *name;
    bool (*propose)(const struct trouble *t, struct plan *plan);
};

static const char *number(const struct trouble *t, int64_t value)
{
    return arena_printf(t->arena, "%lld", (long long)value);
}

static bool propose_optimizer(const struct trouble *t, struct plan *plan)
{
    return t->report->job->use_distributed_optimizer != 1 &&
           plan_set(plan, EDIT_TRAINER, "--use-distributed-optimizer", NULL);
}

static bool is_full(const struct job *job)
{
    return job->recompute_granularity && strcmp(job->recompute_granularity, "full") == 0;
}

static bool propose_full(const struct trouble *t, struct plan *plan)
{
    if (is_full(t->report->job))
        return false;
    plan_remove(plan, EDIT_TRAINER, "--recompute-activations");
    plan_remove(plan, EDIT_TRAINER, "--recompute-modules");
    plan_set(plan, EDIT_TRAINER, "--recompute-granularity", "full");
    plan_set(plan, EDIT_TRAINER, "--recompute-method", "uniform");
    return plan_set(plan, EDIT_TRAINER, "--recompute-num-layers", "1");
}

static bool propose_tp(const struct trouble *t, struct plan *plan)
{
    return plan_set(plan, EDIT_TRAINER, "--tensor-model-parallel-size",
                    number(t, 2 * t->report->job->tensor_model_parallel_size));
}

static bool propose_pp(const struct trouble *t, struct plan *plan)
{
    return plan_set(plan, EDIT_TRAINER, "--pipeline-model-parallel-size",
                    number(t, 2 * t->report->job->pipeline_model_parallel_size));
}

static bool propose_ep(const struct trouble *t, struct plan *plan)
{
    const struct job *job = t->report->job;

    return job->num_experts > 1 && plan_set(plan, EDIT_TRAINER, "--expert-model-parallel-size",
                                            number(t, 2 * job->expert_model_parallel_size));
}

static bool propose_micro_batch(const struct trouble *t, struct plan *plan)
{
    int64_t micro = t->report->job->micro_batch_size;

    return micro > 1 && micro % 2 == 0 &&
           plan_set(plan, EDIT_TRAINER, "--micro-batch-size", number(t, micro / 2));
}

static const struct step steps[] = {
    { "distributed optimizer", propose_optimizer },
    { "full recomputation", propose_full },
    { "TP doubled", propose_tp },
    { "PP doubled", propose_pp },
    { "EP doubled", propose_ep },
    { "micro batch halved", propose_micro_batch },
};

static void say_exceeds(struct trouble *t)
{
    const char *text = "";

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct plan plan = { 0 };
        struct what_if trial;

        if (!steps[i].propose(t, &plan))
            continue;
        trial = try(t, &plan);
        if (trial.stopped_by)
            text = joined(t, text, "%s is not valid here (%s)", steps[i].name, trial.stopped_by);
        else if (trial.peak_bytes)
            text = joined(t, text, "%s %.1f GiB", steps[i].name, gib(trial.peak_bytes));
    }
    note(t, "guide-memory-exceeds",
         arena_printf(t->arena, "%.1f of %.1f GiB; the guides' steps, each alone%s",
                      gib(memory_largest_peak(&t->report->memory)), gib(t->usable),
                      *text ? text : ": all are taken"));
}

/* --- slow ----------------------------------------------------------------------------------------
 */

static double bubble_of(const struct job *job, int64_t *micro_batches)
{
    int64_t pp = job->pipeline_model_parallel_size, dp = job->data_parallel_size;
    int64_t vpp = job->virtual_pipeline_model_parallel_size;

    if (pp < 2 || dp < 1 || job->micro_batch_size < 1 || job->global_batch_size < 1)
        return 0;
    *micro_batches = job->global_batch_size / job->micro_batch_size / dp;
    if (vpp < 1)
        vpp = 1;
    return (double)(pp - 1) / (double)(*micro_batches * vpp + pp - 1);
}

static const char *say_bubble(const struct trouble *t, const char *text)
{
    const struct job *job = t->report->job;
    int64_t micro_batches = 0;
    double bubble = bubble_of(job, &micro_batches);

    if (bubble < LONG_BUBBLE)
        return text;
    return joined(
        t, text,
        "stages wait %.0f %% of the time with PP %lld and %lld micro-batches; more of these, fewer "
        "stages or virtual stages wait less",
        100 * bubble, (long long)job->pipeline_model_parallel_size, (long long)micro_batches);
}

static const char *say_wide_tp(const struct trouble *t, const char *text)
{
    const struct facts *facts = t->request->facts;
    const struct fact_int *domain =
        facts->nvlink_domain.known ? &facts->nvlink_domain : &facts->gpus_per_node;
    int64_t tp = t->report->job->tensor_model_parallel_size;

    if (!domain->known || tp <= domain->value)
        return text;
    return joined(t, text, "TP %lld leaves the %lld GPUs that share NVLink", (long long)tp,
                  (long long)domain->value);
}

/* Is the edited job valid, and does it stay within the headroom? */
static bool has_room(const struct trouble *t, const struct plan *plan, double *peak)
{
    struct what_if trial = try(t, plan);

    *peak = gib(trial.peak_bytes);
    return !trial.stopped_by && trial.peak_bytes &&
           (double)trial.peak_bytes <= t->headroom * (double)t->usable;
}

static const char *say_recompute(const struct trouble *t, const char *text)
{
    struct plan plan = { 0 };
    double peak;

    if (!is_full(t->report->job))
        return text;
    plan_remove(&plan, EDIT_TRAINER, "--recompute-method");
    plan_remove(&plan, EDIT_TRAINER, "--recompute-num-layers");
    plan_set(&plan, EDIT_TRAINER, "--recompute-granularity", "selective");
    if (!has_room(t, &plan, &peak))
        return text;
    return joined(
        t, text,
        "full recomputation runs every layer's forward twice, selective would need %.1f GiB", peak);
}

static const char *say_micro_batch(const struct trouble *t, const char *text)
{
    int64_t micro = t->report->job->micro_batch_size;
    struct plan plan = { 0 };
    double peak;

    if (micro < 1)
        return text;
    plan_set(&plan, EDIT_TRAINER, "--micro-batch-size", number(t, 2 * micro));
    if (!has_room(t, &plan, &peak))
        return text;
    return joined(t, text, "--micro-batch-size %lld would need %.1f GiB", (long long)(2 * micro),
                  peak);
}

static void say_slow(struct trouble *t)
{
    const char *text = "";

    text = say_bubble(t, text);
    text = say_wide_tp(t, text);
    text = say_recompute(t, text);
    text = say_micro_batch(t, text);
    if (*text)
        note(t, "guide-slow", arena_printf(t->arena, "should it be slow%s", text));
}

/* --- out of memory despite the estimate ----------------------------------------------------------
 */

static uint64_t outside_torch(const struct memory_rank *rank)
{
    uint64_t bytes = 0;

    for (int i = 0; i < rank->component_count; i++)
        bytes += rank->component[i].outside_torch ? rank->component[i].bytes : 0;
    return bytes;
}

static uint64_t component(const struct memory_rank *rank, const char *name)
{
    for (int i = 0; i < rank->component_count; i++)
        if (strcmp(rank->component[i].name, name) == 0)
            return rank->component[i].bytes;
    return 0;
}

static void say_headroom(struct trouble *t)
{
    const struct memory_rank *rank = memory_largest_rank(&t->report->memory);

    note(t, "guide-headroom",
         arena_printf(
             t->arena,
             "should memory run out all the same: the expected %.1f GiB are %.0f %% of what a "
             "job can use (the guides: at most 80 %%, %.1f GiB); counted in are %.2f GiB of "
             "temporary tensors and %.2f GiB of buffers, on top come %.2f GiB outside torch "
             "(CUDA context, communicators, libraries) and up to %.1f GiB of fragmentation and "
             "what is not certain",
             gib(rank->peak_bytes), 100 * (double)rank->peak_bytes / (double)t->usable,
             0.8 * gib(t->usable), gib(component(rank, "transient")),
             gib(component(rank, "buffers")), gib(outside_torch(rank)),
             gib(rank->peak_up_to_bytes - rank->peak_bytes)));
}

void troubleshoot(const struct request *request, struct report *report, struct arena *arena)
{
    struct trouble t = { .request = request,
                         .report = report,
                         .arena = arena,
                         .usable = report->memory.usable_bytes,
                         .headroom = request->policy->headroom };

    if (!report->job || !report->memory.rank_count || !t.usable)
        return;
    if (is_found(report, "memory-exceeds-device") || is_found(report, "memory-near-limit") ||
        is_found(report, "memory-may-exceed"))
        say_exceeds(&t);
    else
        say_slow(&t);
    if (!is_found(report, "memory-exceeds-device"))
        say_headroom(&t);
}
