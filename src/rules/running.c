#include "rules/sections.h"

const struct rule_section run_rules = { NULL, 0 };
