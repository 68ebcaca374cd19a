#include "rules/reshaped.h"

#include "launch/trainer.h"
#include "memory/memory.h"
#include "rules/truth.h"
#include "verdict/policy.h"

bool can_reshape(const struct walk *walk)
{
    return walk->memory && walk->memory->usable_bytes && walk->memory->rank_count &&
           walk->memory->modelled && !walk->memory->missing_count &&
           launch_script_is_megatrons(walk->launch);
}

uint64_t present_peak(const struct walk *walk)
{
    return memory_largest_peak(walk->memory);
}

bool fits_with_headroom(const struct walk *walk, uint64_t bytes)
{
    return (double)bytes <= walk->policy->headroom * (double)walk->memory->usable_bytes;
}

/* What somebody placed stage by stage has no other number of stages. */
static bool is_placed_by_hand(const struct job *job)
{
    return job->pipeline_model_parallel_layout || job->hybrid_layer_pattern ||
           job->hybrid_override_pattern || is_set(job->decoder_first_pipeline_num_layers) ||
           is_set(job->decoder_last_pipeline_num_layers) ||
           is_on(job->account_for_embedding_in_pipeline_split) ||
           is_on(job->account_for_loss_in_pipeline_split) ||
           value_or(job->virtual_pipeline_model_parallel_size, 1) > 1;
}

static bool set_stages(struct job *job, int64_t pp)
{
    if (!pp || pp == job->pipeline_model_parallel_size)
        return true;
    if (is_placed_by_hand(job) || !divides(pp, job->num_layers))
        return false;
    job->pipeline_model_parallel_size = pp;
    return true;
}

static bool set_tensor_ranks(struct job *job, int64_t tp)
{
    if (!tp || tp == job->tensor_model_parallel_size)
        return true;
    if (!divides(tp, job->num_attention_heads) || !divides(tp, job->hidden_size) ||
        (is_set(job->num_query_groups) && !divides(tp, job->num_query_groups) &&
         !divides(job->num_query_groups, tp)))
        return false;
    if (!is_set(job->expert_tensor_parallel_size) ||
        job->expert_tensor_parallel_size == job->tensor_model_parallel_size)
        job->expert_tensor_parallel_size = tp;
    job->sequence_parallel = tp > 1;
    job->tensor_model_parallel_size = tp;
    return true;
}

static bool set_context_ranks(struct job *job, int64_t cp)
{
    if (!cp || cp == job->context_parallel_size)
        return true;
    if (cp > 1 && !divides(2 * cp, job->seq_length))
        return false;
    job->context_parallel_size = cp;
    return true;
}

static bool set_expert_ranks(struct job *job, int64_t ep)
{
    if (!ep || ep == job->expert_model_parallel_size)
        return true;
    if (!is_nonzero(job->num_experts) || !divides(ep, job->num_experts))
        return false;
    job->expert_model_parallel_size = ep;
    return true;
}

static void keep_activations(struct job *job)
{
    job->recompute_granularity = NULL;
    job->recompute_method = NULL;
    job->recompute_num_layers = NONE_INT;
}

/* Replicas and micro-batches that follow; the global batch stays where it was asked for. */
static bool set_replicas(struct job *job)
{
    int64_t ranks = job->tensor_model_parallel_size * job->pipeline_model_parallel_size *
                    job->context_parallel_size;
    int64_t experts = value_or(job->expert_tensor_parallel_size, 1) *
                      value_or(job->expert_model_parallel_size, 1) *
                      job->pipeline_model_parallel_size;
    int64_t pass;

    if (!divides(ranks, job->world_size) ||
        (is_nonzero(job->num_experts) && !divides(experts, job->world_size)))
        return false;
    job->data_parallel_size = job->world_size / ranks;
    pass = job->micro_batch_size * job->data_parallel_size;
    if (!job_given(job, JOB_global_batch_size))
        job->global_batch_size = pass;
    if (!divides(pass, job->global_batch_size))
        return false;
    job->num_microbatches = job->global_batch_size / pass;
    return true;
}

static bool reshape_job(struct job *job, const struct reshape *reshape)
{
    if (value_or(job->gtp_weight_remat_size, 1) != 1 ||
        value_or(job->num_distributed_optimizer_instances, 1) != 1 || !is_set(job->world_size))
        return false;
    if (reshape->keep_activations)
        keep_activations(job);
    return set_stages(job, reshape->pp) && set_tensor_ranks(job, reshape->tp) &&
           set_context_ranks(job, reshape->cp) && set_expert_ranks(job, reshape->ep) &&
           set_replicas(job);
}

bool reshaped_peak(struct walk *walk, const struct reshape *reshape, uint64_t *bytes)
{
    struct job job = *walk->job;
    struct arena scratch = ARENA_INIT;
    struct memory memory = { 0 };
    bool known = reshape_job(&job, reshape);

    if (known) {
        memory_estimate(&job, walk->release, walk->facts, &scratch, &memory);
        known = memory.rank_count && memory.modelled && !memory.missing_count;
        *bytes = memory_largest_peak(&memory);
    }
    arena_release(&scratch);
    return known;
}
