/* Every rule Megatron has, one row each, in the order in which Megatron executes them. One walk over one
 * mutable job: an 'adjust' row changes the job as Megatron would, a 'check' row says whether Megatron would
 * stop there. After a violation the walk goes on; a row whose 'needs' were violated is NOT_APPLICABLE, so
 * that one mistake makes one finding.
 *
 * Adding a rule: one row in the file of its stage (validate.c, config.c ...), its places in
 * configs/megatron/places.tsv, and two case files in tests/cases. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "base/arena.h"
#include "facts/facts.h"
#include "launch/launch.h"
#include "megatron/argparse.h"
#include "megatron/job.h"
#include "rules/findings.h"

enum answer { HOLDS, VIOLATED, NOT_APPLICABLE };

struct walk;

struct rule {
    const char *id;
    enum stage stage;
    enum severity severity;    /* of a violation */
    enum release since, until; /* both inclusive; RELEASE_0_8_0 .. RELEASE_MAIN is always */
    const char *options;       /* what a violation points at: "--option", "$ENVIRONMENT", "@world" (the
                                  words that decide the number of ranks), separated by blanks */
    const char *needs;         /* ids of rules that must hold for this one to mean anything, or NULL */
    enum answer (*check)(struct walk *, struct finding *);
    void (*adjust)(struct walk *); /* exactly one of check and adjust */
    bool shape;                /* about the grid of ranks, divisibility or batch: such a finding may block
                                  on a modified Megatron tree too, and leaves no memory to estimate */
    const char *what;          /* one line: what must hold, or what is changed */
    const char *why;           /* one or two lines: what Megatron does with it */
    const char *fix;           /* what to do in general; a check may say it with this job's numbers */
};

struct walk {
    struct arena *arena;
    const struct facts *facts;
    const struct launch *launch;
    enum release release; /* never RELEASE_UNKNOWN: the verdict walks each release in turn */
    const struct argparse_result *parse;
    struct job *job;
    struct findings *findings;
    const struct memory *memory; /* for the rules of stage memory, else NULL */
    const struct policy *policy; /* NULL: nothing is asked by the rules of stage policy */
};

struct rule_section {
    const struct rule *rows;
    size_t count;
};

/* The sections in order of execution (sections.h). */
extern const struct rule_section *const rule_sections[];
extern const size_t rule_section_count;

/* NULL when there is no such id. An id can have several rows (since/until): the first is returned. */
const struct rule *rule_find(const char *id);

/* How far down the walk a rule stands, counted in rows; -1 for no rule. */
int rule_order(const char *id);

/* Walks all rows of walk->release but those of stage memory; appends findings in order. */
void rules_walk(struct walk *walk);

/* Walks the rows of stage memory, which need walk->memory and walk->policy. */
void rules_walk_memory(struct walk *walk);

/* Walks the advice on a job that has no error, which needs the same; several estimates' worth of time. */
void rules_walk_advice(struct walk *walk);

/* Has a rule marked 'shape' or one of stage parse been violated as an error? */
bool walk_shape_violated(const struct walk *walk);

/* Has a finding of that rule been made in this walk? */
bool walk_violated(const struct walk *walk, const char *id);

/* For checks: the message (the fault with its numbers, lower case) and the fix in this job's numbers. */
enum answer violated(struct walk *walk, struct finding *finding, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What a message says of a variable of the job's environment: its value, "not set" or "empty". */
const char *variable_shown(const struct walk *walk, const char *name);

/* The same as violated() for a rule that asks several things one after the other: the n-th of them, from 0; its place is
 * "id/n" in places.tsv, the first "id". */
enum answer violated_at(struct walk *walk, struct finding *finding, int place, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* For what a run needs besides a model - data, tokenizer, length: an error when the trainer's own tree is
 * there to be read, else a warning, because what we see may not be all that the trainer is given. */
enum severity severity_of_seen_trainer(const struct walk *walk);

void finding_fix(struct walk *walk, struct finding *finding, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
