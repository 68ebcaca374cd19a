#include "verdict/verdict.h"

void advise(const struct request *request, const struct report *report, struct arena *arena,
            struct fixes *fixes)
{
    (void)request;
    (void)report;
    (void)arena;
    fixes->count = 0;
}
