/* Trying a plan: the edited request is walked again and, where it is worth it, its memory
 * estimated. */
#ifndef ADVISE_TRIAL_H
#define ADVISE_TRIAL_H

#include "advise/edits.h"

/* What a trial came to; nothing of it lives in the trial's arena. */
struct outcome {
    enum verdict verdict;
    int blocking;      /* errors that stop the job */
    const char *first; /* id of the first of them, or NULL */
    uint64_t said;     /* hash of its message without the numbers */
    bool memory_stops; /* the first of them is of stage memory */
    bool tight;        /* memory warns */
    bool fits;         /* nothing stops it, and what memory it is expected to need is there */
    uint64_t at_least; /* largest of all pipeline ranks */
    uint64_t expected;
};

/* Plans tried before, by the hash of their edits. */
struct trials {
    size_t count, capacity;
    struct tried *item;
    struct arena arena;
};

struct advisor {
    const struct request *request;
    const struct report *report; /* of the request as it is */
    bool ranks_are_given;        /* no plan may start more of them */
    struct trials *trials;
    struct arena *arena; /* of what is advised */
};

/* One release stands for all while plans are tried (that of advisor->report), but for
 * VERDICT_WHOLE, which is what is said of the job in the end. */
void trial_decide(const struct advisor *advisor, const struct plan *plan, enum verdict_depth depth,
                  struct arena *arena, struct report *report);

struct outcome trial(const struct advisor *advisor, const struct plan *plan,
                     enum verdict_depth depth);

struct outcome outcome_of(const struct report *report);

/* The finding that stops the job first, or NULL. */
const struct finding *first_blocking(const struct report *report);

#endif
