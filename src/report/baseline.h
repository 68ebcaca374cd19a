/* Findings that are known and tolerated: a file under version control with one row each, {rule,
 * path, fingerprint, message}. A row fits a finding with the same rule, path and fingerprint
 * (entry.h). */
#ifndef REPORT_BASELINE_H
#define REPORT_BASELINE_H

#include "base/error.h"
#include "report/entry.h"

struct baseline {
    json_t *known; /* fingerprint -> row as read, NULL: none was read */
    json_t *used;  /* fingerprints that fitted */
    json_t *seen;  /* rows of what was found, to be written */
};

/* -1 with 'err' set, and nothing to release, when 'path' is no baseline. */
int baseline_read(struct baseline *baseline, const char *path, struct error *err);

void baseline_release(struct baseline *baseline);

/* Marks the entry's errors and warnings that are known; with 'accept' all of them, to be written.
 */
void baseline_apply(struct baseline *baseline, json_t *entry, bool accept);

/* Rows that fitted nothing although their file was swept ('swept' says so) or is gone: one line
 * each. Returns how many. */
size_t baseline_print_stale(const struct baseline *baseline,
                            bool (*swept)(void *, const char *path), void *data, FILE *out);

/* Writes what was accepted, sorted; the file is whole or as it was. */
int baseline_write(const struct baseline *baseline, const char *path, struct error *err);

#endif
