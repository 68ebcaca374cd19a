/* Second part of TransformerConfig: fp8 and fp4. */
#include <inttypes.h>

#include "rules/sections.h"
#include "rules/truth.h"

static enum answer bf16_edge(struct walk *walk, struct finding *finding, const char *option,
                             int64_t layers, int64_t most)
{
    if (layers >= 0 && layers <= most)
        return HOLDS;
    finding_fix(walk, finding, "%s between 0 and %" PRId64, option, most);
    return violated(walk, finding,
                    "%s %" PRId64 " is not between 0 and the %" PRId64 " layers of a pipeline rank",
                    option, layers, most);
}

static enum answer fp8_firstlast(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    enum answer answer;
    int64_t most;

    if (!job->fp8 || !is_on(job->first_last_layers_bf16) || !is_set(job->num_layers) ||
        job->pipeline_model_parallel_size < 1)
        return NOT_APPLICABLE;
    if (is_word(job->fp8_recipe, "delayed")) {
        finding->fix = "--fp8-recipe tensorwise";
        return violated(walk, finding,
                        "--first-last-layers-bf16 does not work with --fp8-recipe delayed");
    }
    most = job->num_layers / job->pipeline_model_parallel_size;
    answer = bf16_edge(walk, finding, "--num-layers-at-start-in-bf16",
                       job->num_layers_at_start_in_bf16, most);
    if (answer == VIOLATED)
        return answer;
    return bf16_edge(walk, finding, "--num-layers-at-end-in-bf16", job->num_layers_at_end_in_bf16,
                     most);
}

static enum answer fp8_custom(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!job->fp8 || !is_word(job->fp8_recipe, "custom"))
        return NOT_APPLICABLE;
    return job->fp8_quantizer_factory && *job->fp8_quantizer_factory ? HOLDS : VIOLATED;
}

static enum answer mxfp8_param_old(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!job->fp8 || !is_on(job->fp8_param_gather))
        return NOT_APPLICABLE;
    return is_word(job->fp8_recipe, "mxfp8") ? VIOLATED : HOLDS;
}

static enum answer fp8_param_needs_fp8(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fp8_param_gather))
        return NOT_APPLICABLE;
    if (job->fp8)
        return HOLDS;
    return violated(walk, finding, "--fp8-param-gather is given, but fp8 training is off");
}

static enum answer fp8_output_proj(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!is_on(job->fp8_output_proj))
        return NOT_APPLICABLE;
    if (!job->fp8)
        return violated_at(walk, finding, 0, "--fp8-output-proj is given, but fp8 training is off");
    if (is_word(job->fp8_recipe, "mxfp8"))
        return HOLDS;
    return violated_at(walk, finding, 1,
                       "--fp8-output-proj works with --fp8-recipe mxfp8, not with '%s'",
                       job->fp8_recipe);
}

static enum answer fp4_custom(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    (void)finding;
    if (!job->fp4 || !is_word(job->fp4_recipe, "custom"))
        return NOT_APPLICABLE;
    return job->fp4_quantizer_factory && *job->fp4_quantizer_factory ? HOLDS : VIOLATED;
}

static const struct rule rows[] = {
    { .id = "fp8-firstlast",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = fp8_firstlast,
      .options = "--first-last-layers-bf16 --fp8-recipe --num-layers-at-start-in-bf16 "
                 "--num-layers-at-end-in-bf16",
      .what = "layers kept in bf16 fit a pipeline rank and the recipe is not delayed scaling",
      .why = "Delayed scaling keeps its history over all layers of a rank.",
      .fix = "--fp8-recipe tensorwise, or fewer layers in bf16" },
    { .id = "fp8-custom",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = fp8_custom,
      .options = "--fp8-recipe --fp8-quantizer-factory",
      .what = "--fp8-recipe custom needs --fp8-quantizer-factory",
      .why = "The recipe is a Python function of yours.",
      .fix = "--fp8-quantizer-factory PACKAGE.MODULE.FUNCTION" },
    { .id = "mxfp8-param-old",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_0_12_0,
      .check = mxfp8_param_old,
      .options = "--fp8-recipe --fp8-param-gather",
      .what = "--fp8-recipe mxfp8 excludes --fp8-param-gather in 0.12",
      .why = "Parameters in mxfp8 came with 0.13.",
      .fix = "drop --fp8-param-gather" },
    { .id = "fp8-param-needs-fp8",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_12_0,
      .until = RELEASE_MAIN,
      .check = fp8_param_needs_fp8,
      .options = "--fp8-param-gather",
      .what = "--fp8-param-gather needs --fp8-format",
      .why = "Parameters are kept in fp8 for fp8 computation.",
      .fix = "add --fp8-format hybrid, or drop --fp8-param-gather" },
    { .id = "fp8-output-proj",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_18_2,
      .until = RELEASE_MAIN,
      .check = fp8_output_proj,
      .options = "--fp8-output-proj --fp8-recipe",
      .what = "--fp8-output-proj needs --fp8-format and --fp8-recipe mxfp8",
      .why = "No other recipe is implemented for the output layer.",
      .fix = "--fp8-format e4m3 --fp8-recipe mxfp8, or drop --fp8-output-proj" },
    { .id = "fp4-custom",
      .stage = STAGE_CONFIG,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_16_0,
      .until = RELEASE_MAIN,
      .check = fp4_custom,
      .options = "--fp4-recipe --fp4-quantizer-factory",
      .what = "--fp4-recipe custom needs --fp4-quantizer-factory",
      .why = "The recipe is a Python function of yours.",
      .fix = "--fp4-quantizer-factory PACKAGE.MODULE.FUNCTION" },
};

const struct rule_section config_precision_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
