#include "rules/sections.h"

const struct rule_section config_rules = { NULL, 0 };
