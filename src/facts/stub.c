/* Placeholder until gather.c and facts_read() land; delete then. */
#include "facts/gather.h"

void facts_gather(const struct launch *launch, const struct policy *policy, struct arena *arena,
                  struct facts *facts)
{
    (void)launch;
    (void)policy;
    (void)arena;
    (void)facts;
}

int facts_read(struct facts *facts, json_t *object, struct arena *arena, struct error *err)
{
    (void)facts;
    (void)object;
    (void)arena;
    (void)err;
    return 0;
}
