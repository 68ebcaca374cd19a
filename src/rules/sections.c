#include "rules/sections.h"

const struct rule_section *const rule_sections[] = {
    &launch_rules, &parse_rules, &validate_rules, &global_rules,    &config_rules,
    &init_rules,   &model_rules, &run_rules,      &unchecked_rules, &memory_rules,
};
const size_t rule_section_count = sizeof(rule_sections) / sizeof(rule_sections[0]);
