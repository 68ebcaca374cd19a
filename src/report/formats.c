#include "report/formats.h"

#include <stdlib.h>
#include <string.h>

const struct report_format *const report_formats[] = {
    &format_text,   &format_json,     &format_sarif, &format_junit, &format_github,
    &format_gitlab, &format_markdown, &format_html,  NULL
};

const struct report_format *report_format_find(const char *name)
{
    for (size_t i = 0; report_formats[i]; i++)
        if (strcmp(report_formats[i]->name, name) == 0)
            return report_formats[i];
    return NULL;
}

const char *report_format_names(char *text, size_t size)
{
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; report_formats[i] && at < size; i++)
        at +=
            (size_t)snprintf(text + at, size - at, "%s%s", i ? ", " : "", report_formats[i]->name);
    return text;
}

void format_begin(struct rendering *rendering, const struct report_format *format, FILE *out,
                  bool verbose)
{
    *rendering = (struct rendering) { .out = out, .verbose = verbose, .format = format };
    format->begin(rendering);
}

void format_one(struct rendering *rendering, const json_t *entry)
{
    rendering->entries++;
    if (entry_error(entry) || entry_cannot_know(entry))
        rendering->not_known++;
    else
        rendering->count[entry_verdict(entry)]++;
    rendering->format->one(rendering, entry);
}

void format_end(struct rendering *rendering)
{
    rendering->format->end(rendering);
    json_decref(rendering->kept);
    if (rendering->aside)
        fclose(rendering->aside);
    free(rendering->aside_text);
}

size_t format_shown(const struct rendering *rendering)
{
    size_t sum = 0;

    for (int s = 0; s < SEVERITY_COUNT; s++)
        sum += rendering->shown[s];
    return sum;
}

bool format_shows(struct rendering *rendering, const struct entry_finding *finding)
{
    if (finding->severity == SEVERITY_NOTE && !rendering->verbose)
        return false;
    if (finding->known) {
        rendering->known++;
        return false;
    }
    if (format_shown(rendering) >= MOST_RESULTS) {
        rendering->left_out++;
        return false;
    }
    rendering->shown[finding->severity]++;
    return true;
}

void format_end_counts(struct rendering *r)
{
    fprintf(r->out, "megatron-preflight: %zu launch%s: %zu go, %zu warn, %zu stop", r->entries,
            r->entries == 1 ? "" : "es", r->count[VERDICT_GO], r->count[VERDICT_WARN],
            r->count[VERDICT_STOP]);
    if (r->not_known)
        fprintf(r->out, ", %zu cannot be known", r->not_known);
    if (r->known)
        fprintf(r->out, "; %zu known finding%s not shown", r->known, r->known == 1 ? "" : "s");
    if (r->left_out)
        fprintf(r->out, "; %zu findings left out", r->left_out);
    fputc('\n', r->out);
}
