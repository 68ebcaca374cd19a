/* What CI systems read, one row a format: it writes what stands before the entries (entry.h), each
 * entry and what stands behind them; entries are not kept. Text of others is escaped as the format
 * wants it (escape.h). Adding a format: one file with its row, its name here and in formats.c. */
#ifndef REPORT_FORMATS_H
#define REPORT_FORMATS_H

#include "report/entry.h"

enum { MOST_RESULTS = 25000 }; /* GitHub takes no more of a SARIF file, nobody reads more of any */

struct rendering {
    FILE *out;
    bool verbose; /* notes, too */
    bool quiet;   /* for people: only what stops; set after the begin */
    const struct report_format *format;

    size_t entries, count[VERDICT_COUNT];
    size_t not_known; /* entries with an error, or a launch that cannot be known */
    size_t shown[SEVERITY_COUNT];
    size_t known;    /* findings of the baseline */
    size_t left_out; /* findings beyond MOST_RESULTS */

    /* The format's own, NULL or 0 at the begin. */
    json_t *kept;
    FILE *aside; /* writes to aside_text */
    char *aside_text;
    size_t aside_size;
};

struct report_format {
    const char *name;
    void (*begin)(struct rendering *);
    void (*one)(struct rendering *, const json_t *entry);
    void (*end)(struct rendering *);
};

/* Ended by NULL. */
extern const struct report_format *const report_formats[];

/* NULL when there is no such format. */
const struct report_format *report_format_find(const char *name);

/* "text, json, sarif ...", for messages and --help; in 'text', which is returned. */
const char *report_format_names(char *text, size_t size);

/* Writes the begin. Entries follow in the order of paths and lines, then the end. */
void format_begin(struct rendering *rendering, const struct report_format *format, FILE *out,
                  bool verbose);
void format_one(struct rendering *rendering, const json_t *entry);
void format_end(struct rendering *rendering);

/* For the rows: is this finding to be shown? Asked once for each; counts. */
bool format_shows(struct rendering *rendering, const struct entry_finding *finding);

size_t format_shown(const struct rendering *rendering);

/* The numbers in one line of text. */
void format_end_counts(struct rendering *rendering);

extern const struct report_format format_text, format_json, format_sarif, format_junit,
    format_github, format_gitlab, format_markdown, format_html;

#endif
