#include "report/report.h"

#include <string.h>

#include "base/shell_word.h"
#include "report/impact.h"

/* Who writes, how wide, in colour or not. */
struct page {
    FILE *out;
    const struct report_style *style;
    int columns;
};

enum ink { INK_PLAIN, INK_BOLD, INK_RED, INK_YELLOW, INK_GREEN, INK_BLUE };

static const char *ink(const struct page *page, enum ink colour)
{
    static const char *const code[] = {
        [INK_PLAIN] = "\033[0m",     [INK_BOLD] = "\033[1m",     [INK_RED] = "\033[1;31m",
        [INK_YELLOW] = "\033[1;33m", [INK_GREEN] = "\033[1;32m", [INK_BLUE] = "\033[1;34m"
    };

    return page->style->colour ? code[colour] : "";
}

/* Text the user gave: control bytes must not reach the terminal. Returns the columns written. */
static int put_safe(FILE *out, const char *text)
{
    int columns = 0;

    for (const char *p = text; *p; p++) {
        fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, out);
        columns += ((unsigned char)*p & 0xc0) != 0x80;
    }
    return columns;
}

static double gib(uint64_t bytes)
{
    return (double)bytes / (1u << 30);
}

/* --- the guilty words ------------------------------------------------------------------------ */

static const char *word_at(const struct report *report, const struct where *where, int i)
{
    const struct launch *launch = report->launch;
    int index = where->index + i;

    if (where->in == WHERE_COMMAND)
        return index < launch->command_argc ? launch->command[index] : NULL;
    return index < launch->argc ? launch->argv[index] : NULL;
}

static bool shown(const struct where *where)
{
    return (where->in == WHERE_ARGV || where->in == WHERE_COMMAND) && where->words > 0;
}

/* One line of words and one of carets under them; what lies between is "...". */
static void put_carets(const struct page *page, const struct report *report,
                       const struct finding *finding)
{
    enum { MOST = 220 };
    char carets[MOST + 1];
    int at = 4, before, left = 0, first;

    for (int w = 0; w < finding->where_count; w++)
        left += shown(&finding->where[w]);
    if (!left)
        return;
    first = left;
    memset(carets, ' ', sizeof(carets));
    fputs("    ", page->out);
    for (int w = 0; w < finding->where_count; w++) {
        const struct where *where = &finding->where[w];

        if (!shown(where))
            continue;
        if (left-- != first)
            at += put_safe(page->out, " ... ");
        before = at;
        for (int i = 0; i < where->words && i < 8 && word_at(report, where, i); i++) {
            if (i)
                at += put_safe(page->out, " ");
            at += put_safe(page->out, word_at(report, where, i));
        }
        for (int i = before; i < at && i < MOST; i++)
            carets[i] = '^';
    }
    carets[at < MOST ? at : MOST] = '\0';
    fprintf(page->out, "\n%s%s%s\n", ink(page, INK_RED), carets, ink(page, INK_PLAIN));
}

/* "    in llama.yaml:7:3, llama.yaml:12:3" */
static void put_files(const struct page *page, const struct finding *finding)
{
    const char *before = "    in ";

    for (int w = 0; w < finding->where_count; w++) {
        const struct where *where = &finding->where[w];

        if (where->in != WHERE_FILE)
            continue;
        fputs(before, page->out);
        put_safe(page->out, where->name);
        if (where->line)
            fprintf(page->out, ":%d:%d", where->line, where->column);
        before = ", ";
    }
    if (*before == ',')
        fputc('\n', page->out);
}

static void put_finding(const struct page *page, const struct report *report,
                        const struct finding *finding)
{
    static const enum ink colour[SEVERITY_COUNT] = {
        [SEVERITY_NOTE] = INK_BLUE, [SEVERITY_WARNING] = INK_YELLOW, [SEVERITY_ERROR] = INK_RED
    };

    fprintf(page->out, "%s%s%s %s: ", ink(page, colour[finding->severity]),
            severity_names[finding->severity], ink(page, INK_PLAIN), finding->id);
    put_safe(page->out, finding->message);
    fputc('\n', page->out);
    put_files(page, finding);
    if (finding->severity == SEVERITY_NOTE)
        return;
    put_carets(page, report, finding);
    if (finding->source && finding->severity == SEVERITY_ERROR)
        fprintf(page->out, "    Megatron %s\n", finding->source);
    if (finding->fix) {
        fputs("    fix: ", page->out);
        put_safe(page->out, finding->fix);
        fputc('\n', page->out);
    }
}

static int put_findings(const struct page *page, const struct report *report,
                        enum severity severity, int most)
{
    int count = 0;

    for (size_t i = 0; i < report->findings.count; i++) {
        const struct finding *finding = &report->findings.item[i];

        if (finding->severity == severity && count++ < most)
            put_finding(page, report, finding);
    }
    if (count > most)
        fprintf(page->out, "and %d more %ss; --verbose shows them\n", count - most,
                severity_names[severity]);
    return count;
}

/* --- memory ---------------------------------------------------------------------------------- */

static bool same_bytes(const struct memory_rank *a, const struct memory_rank *b)
{
    return a->parameters == b->parameters && a->peak_bytes == b->peak_bytes &&
           a->peak_up_to_bytes == b->peak_up_to_bytes;
}

/* What the table shows of a rank; 'rest' is everything else inside torch at the peak. */
static const struct {
    const char *heading;
    const char *components; /* separated by blanks */
} columns[] = {
    { "weights", "weights" },
    { "grads", "gradients" },
    { "optimizer", "optimizer" },
    { "activations", "activations logits transient" },
};
enum { COLUMN_COUNT = sizeof(columns) / sizeof(columns[0]) };

static uint64_t sum(const struct memory_rank *rank, const char *names)
{
    uint64_t bytes = 0;

    for (int i = 0; i < rank->component_count; i++) {
        const char *found = strstr(names, rank->component[i].name);
        size_t n = strlen(rank->component[i].name);

        if (found && (found[n] == ' ' || !found[n]) && (found == names || found[-1] == ' '))
            bytes += rank->component[i].bytes;
    }
    return bytes;
}

static void put_stage(const struct page *page, const struct memory *memory, int first, int last)
{
    const struct memory_rank *rank = &memory->rank[first];
    bool over = memory->usable_bytes && rank->peak_at_least_bytes > memory->usable_bytes;
    uint64_t shown = 0;
    char stage[32];

    if (first == last)
        snprintf(stage, sizeof(stage), "%d", rank->pp_rank);
    else
        snprintf(stage, sizeof(stage), "%d-%d", rank->pp_rank, memory->rank[last].pp_rank);
    fprintf(page->out, "  %7s %9.3f", stage, (double)rank->parameters / 1e9);
    for (int c = 0; c < COLUMN_COUNT; c++) {
        uint64_t bytes = sum(rank, columns[c].components);

        fprintf(page->out, " %11.2f", gib(bytes));
        shown += bytes;
    }
    fprintf(page->out, " %7.2f %s%8.2f%s   %6.1f .. %.1f\n",
            gib(rank->peak_bytes > shown ? rank->peak_bytes - shown : 0),
            ink(page, over ? INK_RED : INK_BOLD), gib(rank->peak_bytes), ink(page, INK_PLAIN),
            gib(rank->peak_at_least_bytes), gib(rank->peak_up_to_bytes));
}

static void put_heading(const struct page *page, const struct memory *memory)
{
    fprintf(page->out, "  %sstage    1e9 par", ink(page, INK_BOLD));
    for (int c = 0; c < COLUMN_COUNT; c++)
        fprintf(page->out, " %11s", columns[c].heading);
    fprintf(page->out, "    rest     peak   at least .. up to%s  GiB per GPU",
            ink(page, INK_PLAIN));
    if (memory->usable_bytes)
        fprintf(page->out, " of %.1f", gib(memory->usable_bytes));
    fputc('\n', page->out);
}

static void put_stages(const struct page *page, const struct memory *memory)
{
    enum { MOST_LINES = 12 };
    int lines = 0;

    put_heading(page, memory);
    for (int first = 0, last; first < memory->rank_count; first = last + 1) {
        for (last = first; last + 1 < memory->rank_count &&
                           same_bytes(&memory->rank[first], &memory->rank[last + 1]);)
            last++;
        if (++lines > MOST_LINES && !page->style->verbose) {
            fprintf(page->out, "  ... %d more stages; --verbose shows them\n",
                    memory->rank_count - first);
            return;
        }
        put_stage(page, memory, first, last);
    }
}

static void put_list(const struct page *page, const char *name, int count, const char *const *item)
{
    for (int i = 0; i < count; i++)
        fprintf(page->out, "%s%s", i ? "; " : name, item[i]);
    if (count)
        fputc('\n', page->out);
}

static void put_components(const struct page *page, const struct memory *memory)
{
    for (int r = 0; r < memory->rank_count; r++) {
        const struct memory_rank *rank = &memory->rank[r];

        if (r && same_bytes(rank, rank - 1))
            continue;
        fprintf(page->out, "  stage %d peak in the %s:", rank->pp_rank,
                rank->peak_at ? rank->peak_at : "training step");
        for (int i = 0; i < rank->component_count; i++)
            fprintf(page->out, "%s %s %.2f%s", i ? "," : "", rank->component[i].name,
                    gib(rank->component[i].bytes),
                    rank->component[i].outside_torch ? " (outside torch)" : "");
        fputc('\n', page->out);
    }
}

static void put_memory(const struct page *page, const struct report *report)
{
    const struct memory *memory = &report->memory;

    if (!memory->rank_count)
        return;
    put_stages(page, memory);
    put_list(page, "  not modelled, so memory never blocks: ", memory->missing_count,
             memory->missing);
    if (page->style->verbose) {
        put_components(page, memory);
        put_list(page, "  assumed: ", memory->assumption_count, memory->assumption);
    }
}

/* --- fixes ----------------------------------------------------------------------------------- */

/* As it is typed; a value that looks like an option stands behind '='. */
static void put_edit(FILE *out, const struct edit *edit)
{
    bool environment = edit->target == EDIT_ENVIRONMENT;

    if (strcmp(edit->option, "world_size") == 0) {
        fprintf(out, "%s ranks", edit->value);
        return;
    }
    put_safe(out, edit->option);
    if (!edit->value || edit->remove)
        return;
    if (edit->target == EDIT_CONFIG)
        fputs(": ", out);
    else
        fputc(environment || edit->value[0] == '-' ? '=' : ' ', out);
    if (environment)
        shell_word_put(out, edit->value);
    else /* several words of one list option come as one value, separated by blanks */
        put_safe(out, edit->value);
}

static void put_edits(const struct page *page, const struct fix *fix, enum edit_target target,
                      bool remove, const char *heading)
{
    bool any = false;

    for (int i = 0; i < fix->edit_count; i++) {
        if (fix->edit[i].target != target || fix->edit[i].remove != remove)
            continue;
        fprintf(page->out, "%s", any ? " " : heading);
        any = true;
        put_edit(page->out, &fix->edit[i]);
    }
    if (any)
        fputc('\n', page->out);
}

/* What the fix comes to: "fix: largest stage 36.2 GiB, data_parallel_size 8 -> 4". */
static void put_fix_heading(const struct page *page, const struct fix *fix, int number)
{
    const char *separator = " ";

    fprintf(page->out, "%s%s%s:", ink(page, INK_GREEN), number ? "or" : "fix", ink(page, INK_PLAIN));
    if (fix->peak_bytes) {
        fprintf(page->out, " largest stage %.1f GiB", gib(fix->peak_bytes));
        separator = ", ";
    }
    for (int i = 0; i < fix->change_count; i++, separator = ", ")
        fprintf(page->out, "%s%s %lld -> %lld", separator, fix->change[i].name,
                (long long)fix->change[i].before, (long long)fix->change[i].after);
    fputs(fix->beyond_list ? " (beyond the usual list)\n" : "\n", page->out);
}

static void put_fix(const struct page *page, const struct fix *fix, int number)
{
    put_fix_heading(page, fix, number);
    put_edits(page, fix, EDIT_ENVIRONMENT, false, "    export ");
    put_edits(page, fix, EDIT_ENVIRONMENT, true, "    unset ");
    put_edits(page, fix, EDIT_LAUNCHER, false, "    start with ");
    put_edits(page, fix, EDIT_TRAINER, false, "    set ");
    put_edits(page, fix, EDIT_TRAINER, true, "    remove ");
    put_edits(page, fix, EDIT_CONFIG, false, "    in the configuration: ");
}

/* --- the page -------------------------------------------------------------------------------- */

static int count_severity(const struct report *report, enum severity severity)
{
    int count = 0;

    for (size_t i = 0; i < report->findings.count; i++)
        count += report->findings.item[i].severity == severity;
    return count;
}

static void put_summary(const struct page *page, const struct report *report)
{
    const struct launch *launch = report->launch;

    if (report->facts && report->facts->megatron.known)
        fprintf(page->out, "; Megatron %s", release_name(report->release));
    else
        fputs("; Megatron release unknown", page->out);
    if (launch && launch->world.known) {
        fprintf(page->out, ", %lld ranks", (long long)launch->world.value);
        if (launch->world.source) {
            fputs(" (", page->out);
            put_safe(page->out, launch->world.source);
            fputc(')', page->out);
        }
    } else if (launch && launch->world_unknown) {
        fputs(", ranks unknown: ", page->out);
        put_safe(page->out, launch->world_unknown);
    }
    if (report->memory.total_parameters)
        fprintf(page->out, ", %.4g B parameters", (double)report->memory.total_parameters / 1e9);
    if (report->memory.rank_count && report->memory.usable_bytes)
        fprintf(page->out, ", largest stage %.1f of %.1f GiB", gib(memory_largest_peak(&report->memory)),
                gib(report->memory.usable_bytes));
    else if (report->memory.rank_count)
        fprintf(page->out, ", largest stage %.1f GiB", gib(memory_largest_peak(&report->memory)));
}

static void put_verdict(const struct page *page, const struct report *report)
{
    static const enum ink colour[VERDICT_COUNT] = {
        [VERDICT_GO] = INK_GREEN, [VERDICT_WARN] = INK_YELLOW, [VERDICT_STOP] = INK_RED
    };
    int errors = count_severity(report, SEVERITY_ERROR);
    int warnings = count_severity(report, SEVERITY_WARNING);

    fprintf(page->out, "megatron-preflight: %s%s%s", ink(page, colour[report->verdict]),
            verdict_names[report->verdict], ink(page, INK_PLAIN));
    if (report->cannot_know) {
        fputs(": cannot know: ", page->out);
        put_safe(page->out, report->cannot_know);
        fputc('\n', page->out);
        return;
    }
    if (errors)
        fprintf(page->out, ": %d error%s", errors, errors == 1 ? "" : "s");
    if (warnings)
        fprintf(page->out, "%s%d warning%s", errors ? ", " : ": ", warnings,
                warnings == 1 ? "" : "s");
    put_summary(page, report);
    fputc('\n', page->out);
}

void report_text(const struct report *report, const struct report_style *style, FILE *out)
{
    struct page page = { .out = out,
                         .style = style,
                         .columns = style->columns ? style->columns : 100 };
    bool stop = report->verdict == VERDICT_STOP;

    if (style->quiet && !stop)
        return;
    put_verdict(&page, report);
    if (report->cannot_know)
        return;
    if (style->facts)
        facts_print(report->facts, out);
    if (stop || !style->one_line_when_go || style->verbose)
        put_memory(&page, report);
    if (report->impacts)
        impact_text(report->impacts, out);
    put_findings(&page, report, SEVERITY_ERROR, style->verbose ? 1000 : 5);
    put_findings(&page, report, SEVERITY_WARNING, style->verbose ? 1000 : stop ? 3 : 5);
    if (style->verbose)
        put_findings(&page, report, SEVERITY_NOTE, 1000);
    for (int i = 0; i < report->fixes.count; i++)
        put_fix(&page, &report->fixes.item[i], i);
    if (stop && !report->fixes.count)
        fputs("fix: no edits were found that make this job go; see the errors above\n", out);
}
