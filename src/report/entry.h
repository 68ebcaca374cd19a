/* One checked launch with the place it stands at: what the formats for CI systems take. It is JSON,
 * so that the processes of a sweep can hand it over:
 *
 *   {"path": "jobs/train.sbatch", "line": 41, "report": {schema 1} | null, "error": null | "...",
 *    "cannot_know": null | "...", "fingerprints": ["..."], "known": [false]}
 *
 * 'line' is 0 when the file as a whole is meant. 'error' says what could not be read or expanded;
 * there is no report then. 'fingerprints' and 'known' run beside the report's findings. A
 * fingerprint is the same as long as rule, path and the guilty words are, wherever in the file they
 * stand. */
#ifndef REPORT_ENTRY_H
#define REPORT_ENTRY_H

#include "report/report.h"

/* 'path' NULL: a command line; the trainer's script stands for it. The caller decrefs. */
json_t *entry_of_report(const char *path, int line, const struct report *report);

/* Nothing to judge: 'why' says what could not be read or expanded. */
json_t *entry_of_error(const char *path, int line, const char *why);

/* Equal fingerprints among the entries (an array) of one file get "-2", "-3" ... in order. */
void entries_number_repeats(json_t *entries);

const char *entry_path(const json_t *entry);
int entry_line(const json_t *entry);
const char *entry_error(const json_t *entry);       /* or NULL */
const char *entry_cannot_know(const json_t *entry); /* or NULL */

struct entry_finding {
    const char *id, *stage, *message;
    const char *fix, *source; /* or NULL */
    int line;                 /* 0: the file as a whole */
    const char *fingerprint;
    enum severity severity;
    bool known; /* in the baseline: never a reason to stop, shown only where a format has a way to
                   say so */
};

size_t entry_finding_count(const json_t *entry);
struct entry_finding entry_finding(const json_t *entry, size_t i);

/* A better line for the i-th finding: 0 has none. */
void entry_set_line(json_t *entry, size_t i, int line);

/* Marks the i-th finding as one of the baseline. */
void entry_set_known(json_t *entry, size_t i);

/* The report's verdict; what is known counts for nothing. GO where there is no report. */
enum verdict entry_verdict(const json_t *entry);

/* "stop: 1 error; Megatron main, 64 ranks": written to 'text', which is returned. */
const char *entry_summary(const json_t *entry, char *text, size_t size);

/* The edits that would make a stopped job go, "--pipeline-model-parallel-size 2, unset NCCL_ALGO": written to
 * 'text', which is returned; NULL when there are none. */
const char *entry_fix(const json_t *entry, char *text, size_t size);

#endif
