#include "rules/sections.h"

const struct rule_section validate_rules = { NULL, 0 };
