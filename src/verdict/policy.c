#include "verdict/policy.h"

#include <fnmatch.h>
#include <string.h>

#include "verdict/policy_keys.h"

void policy_init(struct policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    policy->headroom = 0.80;
    policy->timeout_seconds = 60;
}

const char *policy_origin_text(const struct policy_origin *origin, struct arena *arena)
{
    if (!origin->name)
        return "default";
    return origin->line ? arena_printf(arena, "%s:%d", origin->name, origin->line) : origin->name;
}

static size_t size_of(enum policy_key_kind kind)
{
    switch (kind) {
    case KEY_CHOICE:
        return sizeof(int);
    case KEY_FRACTION:
    case KEY_SECONDS:
        return sizeof(double);
    case KEY_SIZE:
    case KEY_COUNT:
    case KEY_LOCKED:
        return sizeof(uint64_t);
    case KEY_STRING:
        return sizeof(const char *);
    case KEY_WORDS:
    case KEY_OPTIONS:
        return sizeof(struct policy_words);
    case KEY_SCOPES:
        return sizeof(struct policy_scopes);
    case KEY_BYPASS:
        return sizeof(struct policy_bypass);
    case KEY_SEVERITIES:
        return sizeof(struct policy_severities);
    case KEY_OPTION_ONLY:
        break;
    }
    return 0;
}

/* A number that grows with the value; 0 of a limit is no limit at all. */
static double rank_of(const struct policy_key_row *row, const void *value)
{
    switch (row->kind) {
    case KEY_CHOICE:
        return *(const int *)value;
    case KEY_FRACTION:
    case KEY_SECONDS:
        return *(const double *)value;
    case KEY_SIZE:
        return *(const uint64_t *)value ? (double)*(const uint64_t *)value : 1e300;
    case KEY_COUNT:
        return *(const int64_t *)value ? (double)*(const int64_t *)value : 1e300;
    default:
        return 0;
    }
}

static bool same_string(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;

    return x == y || (x && y && strcmp(x, y) == 0);
}

/* May a locked value become the wanted one? */
static bool as_strict(const struct policy_key_row *row, const void *now, const void *wanted)
{
    double have = rank_of(row, now), want = rank_of(row, wanted);

    if (row->stricter == STRICTER_LOWER)
        return want <= have;
    if (row->stricter == STRICTER_HIGHER)
        return want >= have;
    if (row->kind == KEY_STRING)
        return same_string(now, wanted);
    return size_of(row->kind) && memcmp(now, wanted, size_of(row->kind)) == 0;
}

static bool is_noted(const struct policy *policy, const char *text)
{
    for (size_t i = 0; i < policy->ignored_count; i++)
        if (strcmp(policy->ignored[i], text) == 0)
            return true;
    return false;
}

static void note_attempt(struct policy *policy, enum policy_key key,
                         const struct policy_origin *origin, struct arena *arena)
{
    const char *text =
        arena_printf(arena, "%s (%s)", policy_keys[key].name, policy_origin_text(origin, arena));
    const char **more = arena_alloc(arena, (policy->ignored_count + 1) * sizeof(*more));

    if (is_noted(policy, text))
        return;
    if (policy->ignored_count)
        memcpy(more, policy->ignored, policy->ignored_count * sizeof(*more));
    more[policy->ignored_count++] = text;
    policy->ignored = more;
}

bool policy_permits(struct policy *policy, enum policy_key key, struct policy_origin origin,
                    struct arena *arena)
{
    if (!(policy->locked >> key & 1))
        return true;
    note_attempt(policy, key, &origin, arena);
    return false;
}

bool policy_override(struct policy *policy, enum policy_key key, const struct policy *wanted,
                     struct policy_origin origin, struct arena *arena)
{
    const struct policy_key_row *row = &policy_keys[key];
    void *now = (char *)policy + row->offset;
    const void *want = (const char *)wanted + row->offset;

    if (policy->locked >> key & 1 && !as_strict(row, now, want))
        return policy_permits(policy, key, origin, arena);
    memcpy(now, want, size_of(row->kind));
    policy->origin[key] = origin;
    return true;
}

/* What an option set stays, unless it is locked and less strict than what this place allows. */
static bool replaces(const struct policy *policy, enum policy_key key,
                     const struct policy_scope *scope)
{
    const struct policy_key_row *row = &policy_keys[key];

    if (!policy->origin[key].name || policy->origin[key].line)
        return true;
    return policy->locked >> key & 1 && as_strict(row, (const char *)policy + row->offset,
                                                  (const char *)scope + row->scope_offset);
}

static void apply_scope(struct policy *policy, const struct policy_scope *scope)
{
    for (int key = 0; key < POLICY_FILE_KEY_COUNT; key++) {
        const struct policy_key_row *row = &policy_keys[key];

        if (!(scope->keys >> key & 1) || !replaces(policy, (enum policy_key)key, scope))
            continue;
        memcpy((char *)policy + row->offset, (const char *)scope + row->scope_offset,
               size_of(row->kind));
        policy->origin[key] = scope->origin;
    }
}

static void apply_scopes(struct policy *policy, const struct policy_scopes *scopes,
                         const char *name)
{
    for (size_t i = 0; name && i < scopes->count; i++)
        if (fnmatch(scopes->item[i].pattern, name, 0) == 0)
            apply_scope(policy, &scopes->item[i]);
}

void policy_narrow(struct policy *policy, const char *path, const char *partition)
{
    apply_scopes(policy, &policy->paths, path);
    apply_scopes(policy, &policy->partitions, partition);
}
