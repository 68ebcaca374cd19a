#include "rules/sections.h"

const struct rule_section init_rules = { NULL, 0 };
