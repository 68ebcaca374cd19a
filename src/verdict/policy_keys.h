/* The keys of a policy file as data: reading, locking, --explain-policy and the manual walk these
 * rows. */
#ifndef VERDICT_POLICY_KEYS_H
#define VERDICT_POLICY_KEYS_H

#include "verdict/policy.h"

enum policy_key_kind {
    KEY_CHOICE,
    KEY_FRACTION,
    KEY_SECONDS,
    KEY_SIZE,
    KEY_COUNT, /* a positive number or "none" */
    KEY_STRING,
    KEY_WORDS,
    KEY_OPTIONS, /* words that begin with an option */
    KEY_SEVERITIES,
    KEY_SCOPES,
    KEY_BYPASS,
    KEY_LOCKED,
    KEY_OPTION_ONLY /* an option of ours that can be locked but not set in a file */
};

/* Which values a locked key may still be given. */
enum policy_stricter { STRICTER_NONE, STRICTER_LOWER, STRICTER_HIGHER };

struct policy_key_row {
    const char *name;
    enum policy_key_kind kind;
    enum policy_stricter stricter;
    size_t offset;       /* in struct policy */
    size_t scope_offset; /* in struct policy_scope, 0: not allowed there */
    const char *choices; /* separated by blanks, in the order of the enum */
    const char *value;   /* what to write, for the manual */
    const char *help;
};

extern const struct policy_key_row policy_keys[POLICY_KEY_COUNT];

/* POLICY_KEY_COUNT when there is none of that name. */
enum policy_key policy_key_find(const char *name);

/* The value as a policy file would have it, on one line. */
void policy_print_value(const struct policy *policy, enum policy_key key, FILE *out);

/* "ignore" stands behind the severities. */
extern const char *const policy_severity_names[SEVERITY_COUNT + 1];

#endif
