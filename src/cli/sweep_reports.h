/* The reports of one sweep: that on standard output and the files of --reports, each in its format.
 */
#ifndef CLI_SWEEP_REPORTS_H
#define CLI_SWEEP_REPORTS_H

#include "base/arena.h"
#include "base/whole_file.h"
#include "cli/cli.h"
#include "report/formats.h"

struct sweep_reports {
    struct rendering first; /* on standard output; its numbers are those of the sweep */
    size_t count;
    struct sweep_report {
        const struct report_format *format;
        struct whole_file file;
        struct rendering rendering;
    } more[8];
};

/* -1 with 'err' set for bad options or a file that cannot be made, and nothing to end. */
int sweep_reports_begin(struct sweep_reports *reports, const struct cli *cli, struct arena *arena,
                        struct error *err);

void sweep_reports_add(struct sweep_reports *reports, const json_t *entry);

/* Puts the files in place, unless 'failed'. -1 with 'err' set when one cannot be written. */
int sweep_reports_end(struct sweep_reports *reports, bool failed, struct error *err);

#endif
