#include "rules/sections.h"

const struct rule_section *const rule_sections[] = {
    &launch_rules,
    &rank_rules,
    &parse_rules,
    &validate_world_rules,
    &validate_renamed_rules,
    &validate_batch_rules,
    &validate_pipeline_rules,
    &validate_sharding_rules,
    &validate_precision_rules,
    &validate_training_rules,
    &validate_overlap_rules,
    &validate_model_rules,
    &validate_optimizer_rules,
    &validate_graphs_rules,
    &global_rules,
    &config_rules,
    &init_rules,
    &model_rules,
    &run_rules,
    &unchecked_rules,
    &memory_rules,
};
const size_t rule_section_count = sizeof(rule_sections) / sizeof(rule_sections[0]);
