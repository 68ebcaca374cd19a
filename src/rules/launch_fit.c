#include "rules/sections.h"

const struct rule_section launch_rules = { NULL, 0 };
