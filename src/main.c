#include <stdio.h>

#include "verdict/verdict.h"

int main(void)
{
    struct arena arena = ARENA_INIT;
    struct facts facts;
    struct policy policy;
    struct launch launch;
    struct report report;
    struct environment env = { .known = true };

    facts_init(&facts);
    policy_init(&policy);
    launch_from_argv("pretrain_gpt.py", 0, NULL, 8, &env, &launch);
    verdict_decide(&(struct request){ .launch = &launch, .facts = &facts, .policy = &policy }, &arena,
                   &report);
    puts(verdict_names[report.verdict]);
    arena_release(&arena);
    return 0;
}
