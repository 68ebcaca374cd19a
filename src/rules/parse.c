#include "rules/sections.h"

const struct rule_section parse_rules = { NULL, 0 };
