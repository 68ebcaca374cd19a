#include "rules/sections.h"

const struct rule_section unchecked_rules = { NULL, 0 };
