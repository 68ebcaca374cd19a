#include "rules/sections.h"

const struct rule_section model_rules = { NULL, 0 };
