#include "rules/heterogeneous.h"

#include <inttypes.h>
#include <jansson.h>

#include "rules/truth.h"

/* The one number of query heads a group that all blocks with attention share; false when blocks
 * differ or are not as they should be, or none has attention. */
static bool heads_in_group(json_t *config, json_int_t *heads)
{
    json_t *block;
    size_t i;
    bool found = false;

    if (!json_is_array(json_object_get(config, "block_configs")))
        return false;
    json_array_foreach(json_object_get(config, "block_configs"), i, block)
    {
        json_t *value = json_object_get(json_object_get(block, "attention"), "n_heads_in_group");

        if (json_is_null(value))
            continue;
        if (!json_is_integer(value) || (found && json_integer_value(value) != *heads))
            return false;
        *heads = json_integer_value(value);
        found = true;
    }
    return found && *heads != 0;
}

static bool same_int(json_t *value, int64_t have)
{
    return json_is_number(value) && is_set(have) && json_number_value(value) == (double)have;
}

/* The first option that contradicts the config, NULL when none does. */
static const char *contradicted(const struct job *job, json_t *config, json_int_t group)
{
    json_t *theta = json_object_get(config, "rope_theta");
    json_t *factor = json_object_get(json_object_get(config, "rope_scaling"), "factor");
    json_t *heads = json_object_get(config, "num_attention_heads");
    bool tied = json_is_true(json_object_get(config, "tie_word_embeddings"));
    const struct {
        bool agrees;
        const char *option;
    } row[] = {
        { is_on(job->swiglu), "--swiglu" },
        { is_word(job->normalization, "RMSNorm"), "--normalization" },
        { is_on(job->group_query_attention), "--group-query-attention" },
        { is_word(job->position_embedding_type, "rope"), "--position-embedding-type" },
        { job->rotary_percent == 1.0, "--rotary-percent" },
        { is_on(job->use_rope_scaling), "--use-rope-scaling" },
        { is_on(job->use_rotary_position_embeddings), "--use-rotary-position-embeddings" },
        { same_int(json_object_get(config, "num_hidden_layers"), job->num_layers), "--num-layers" },
        { same_int(json_object_get(config, "hidden_size"), job->hidden_size), "--hidden-size" },
        { same_int(heads, job->num_attention_heads), "--num-attention-heads" },
        { is_on(job->untie_embeddings_and_output_weights) == !tied,
          "--untie-embeddings-and-output-weights" },
        { same_int(theta, job->rotary_base), "--rotary-base" },
        { json_number_value(factor) == job->rope_scaling_factor, "--rope-scaling-factor" },
        { floor_div(json_integer_value(heads), group) == job->num_query_groups,
          "--num-query-groups" },
    };

    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        if (!row[i].agrees)
            return row[i].option;
    return NULL;
}

static enum answer judge(struct walk *walk, struct finding *finding, json_t *config)
{
    const char *option;
    json_int_t group = 0;

    if (!json_is_object(config))
        return violated(walk, finding, "the heterogeneous configuration is not a JSON object");
    if (!is_word(json_string_value(json_object_get(config, "hidden_act")), "silu"))
        return violated(walk, finding, "the heterogeneous configuration's hidden_act is not silu");
    if (!heads_in_group(config, &group))
        return violated_at(walk, finding, 1,
                           "blocks of the heterogeneous configuration do not share "
                           "one n_heads_in_group");
    option = contradicted(walk->job, config, group);
    if (!option)
        return HOLDS;
    return violated_at(walk, finding, 2, "%s contradicts the heterogeneous configuration", option);
}

enum answer heterogeneous_agrees(struct walk *walk, struct finding *finding)
{
    const char *text = walk->job->heterogeneous_layers_config_encoded_json;
    enum answer answer;
    json_t *config;

    if (!text)
        return NOT_APPLICABLE;
    config = json_loads(text, JSON_DECODE_ANY, NULL);
    answer = judge(walk, finding, config);
    json_decref(config);
    return answer;
}
