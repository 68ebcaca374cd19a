/* What a log of decisions says: how many, what would have been stopped, by rule and by user. Lines
 * that are no decision are counted and named, never fatal. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include <jansson.h>
#include <stdio.h>

enum { AUDIT_BROKEN_NAMED = 20 };

struct audit {
    long long decisions, started, stopped, let_go, cannot_know;
    long long verdict[3]; /* by enum verdict, as enforcement says it */
    long long gpus;       /* of the jobs with verdict stop; GPUs that are not known count 0 */
    json_t *first, *last; /* time, strings; NULL without a decision */
    json_t *rules;        /* id -> {"decisions", "gpus", "who": {user: true}} */
    json_t *users;        /* name -> {"decisions", "stop", "gpus"} */
    json_t *reasons;      /* why jobs were let go -> number */
    json_t *logs;
    long long broken;
    json_t *broken_lines; /* the first ones: {"log", "line", "why"} */
};

void audit_init(struct audit *audit);

/* Reads all lines of 'in'. What stands before the first '{' of a line, as syslog writes it, is
 * passed over. */
void audit_read(struct audit *audit, const char *name, FILE *in);

void audit_print(const struct audit *audit, FILE *out);

/* The caller decrefs. */
json_t *audit_json(const struct audit *audit);

void audit_release(struct audit *audit);

#endif
