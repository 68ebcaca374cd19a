/* Scripts in a sweep: expanded with no arguments, outside of any allocation, perhaps a template.
 * What such a script leaves open must not stop a pipeline. */
#include <ctype.h>
#include <string.h>

#include "cli/script.h"
#include "cli/sweep_kinds.h"
#include "report/entry.h"

/* Most scripts launch nothing; those that could name one of these somewhere. */
static bool may_launch(const char *text)
{
    static const char *const words[] = {
        "torchrun", "torch.distributed", "ft_launcher", "srun",     "sbatch",
        "mpirun",   "mpiexec",           "deepspeed",   "pretrain", "accelerate"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(text, words[i]))
            return true;
    return false;
}

bool sweep_is_script(const struct sweep_file *file)
{
    return expand_is_script(file->path) && may_launch(file->text);
}

/* --- values that are missing -------------------------------------------------------------------
 */

/* "$1" or "${1}", not "${1:-8}", in a line and not in single quotes, as awk's are. */
static bool takes_argument(const char *line, size_t size)
{
    bool quoted = false;

    for (size_t i = 0; i + 1 < size; i++) {
        quoted = quoted != (line[i] == '\'');
        if (quoted || line[i] != '$')
            continue;
        if (line[i + 1] >= '1' && line[i + 1] <= '9')
            return true;
        if (line[i + 1] == '{' && i + 3 < size && line[i + 2] >= '1' && line[i + 2] <= '9' &&
            line[i + 3] == '}')
            return true;
    }
    return false;
}

/* Does the script want arguments? Those of its functions are its own affair. */
static bool wants_arguments(const char *text)
{
    bool in_function = false;
    size_t n;

    for (const char *line = text; *line; line += n + (line[n] != '\0')) {
        n = strcspn(line, "\n");
        if (memmem(line, n, "() {", 4) || memmem(line, n, "(){", 3) ||
            (n > 9 && strncmp(line, "function ", 9) == 0))
            in_function = true;
        else if (*line == '}')
            in_function = false;
        else if (!in_function && takes_argument(line, n))
            return true;
    }
    return false;
}

/* Is the variable set in the script, in whatever way, or given to it? */
static bool is_set_somewhere(const struct sweep_file *file, const char *name, size_t n)
{
    const char *copy = arena_strndup(file->arena, name, n);

    if (strncmp(name, "SLURM_", 6) == 0 || environment_get(&file->configured->environment, copy))
        return true;
    for (const char *at = file->text; (at = strstr(at, copy)); at += n)
        if (strchr("=+ \n;)[", at[n]) && at > file->text && !strchr("${", at[-1]) &&
            !isalnum((unsigned char)at[-1]) && at[-1] != '_')
            return true;
    return false;
}

/* Does it read a variable that nobody sets? One with a default in place is none. */
static bool wants_variable(const struct sweep_file *file)
{
    for (const char *at = file->text; (at = strchr(at, '$')); at++) {
        const char *name = at + 1 + (at[1] == '{');
        size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

        if (n < 2 || *name <= '9' || (at[1] == '{' && name[n] != '}') ||
            (at[1] != '{' && isalnum((unsigned char)name[n])))
            continue;
        if (!is_set_somewhere(file, name, n))
            return true;
    }
    return false;
}

static bool has_placeholder(const struct expand_launch *found)
{
    for (int i = 0; i < found->argc; i++)
        if (strpbrk(found->argv[i], "<>"))
            return true;
    return false;
}

/* Why some values may be missing, or NULL. */
static const char *left_open(const struct sweep_file *file, const struct expansion *expansion,
                             const struct expand_launch *found)
{
    if (wants_arguments(file->text))
        return "the script wants arguments, which a sweep does not have";
    if (has_placeholder(found))
        return "words as <path> are to be filled in";
    if (wants_variable(file))
        return "the script reads variables that it does not set";
    return expansion->gap_count ? expansion->gap[0].why : NULL;
}

/* Does it stop for a value that is not there? */
static bool lacks_value(const struct report *report)
{
    for (size_t i = 0; i < report->findings.count; i++) {
        const struct finding *finding = &report->findings.item[i];

        if (finding->severity == SEVERITY_ERROR &&
            (finding->stage == STAGE_PARSE || strstr(finding->id, "required") ||
             strcmp(finding->id, "train-length") == 0 ||
             strcmp(finding->id, "tokenizer-type") == 0))
            return true;
    }
    return false;
}

static bool breaks_policy(const struct report *report)
{
    for (size_t i = 0; i < report->findings.count; i++)
        if (report->findings.item[i].stage == STAGE_POLICY &&
            report->findings.item[i].severity == SEVERITY_ERROR)
            return true;
    return false;
}

/* --- the script --------------------------------------------------------------------------------
 */

static void look_at_launch(struct sweep_file *file, const struct expansion *expansion,
                           const struct expand_launch *found)
{
    struct inputs inputs, configured = *file->configured;
    const char *open = left_open(file, expansion, found);
    struct launch launch;
    struct report report;
    struct error err;

    if (!script_launch(found, file->arena, &launch) ||
        (launch.cannot_know && launch.script)) /* a trainer that trains no Megatron */
        return;
    configured.facts.path = sweep_path(file);
    if (script_gather(file->cli, &configured, expansion, found, file->arena, &inputs, &err) < 0) {
        sweep_add_error(file, found->line, err.text);
        return;
    }
    sweep_decide(file, &inputs, &report);
    if (report.verdict == VERDICT_STOP && open && lacks_value(&report) && !breaks_policy(&report))
        sweep_add_error(file, found->line,
                        arena_printf(file->arena, "values are missing: %s", open));
    else
        sweep_add(file, found->line, &report);
}

static void tell_gaps(struct sweep_file *file, const struct expansion *expansion)
{
    enum { SHOWN = 3 };
    const char *text = "";

    for (size_t i = 0; i < expansion->gap_count && i < SHOWN; i++)
        text = arena_printf(file->arena, "%s%s%s", text, i ? "; " : "", expansion->gap[i].why);
    if (expansion->gap_count > SHOWN)
        text = arena_printf(file->arena, "%s; and %zu more", text, expansion->gap_count - SHOWN);
    if (expansion->gap_count)
        sweep_add_error(file, expansion->gap[0].line, text);
}

/* It ran to its end, and what it started was no training. */
static bool launches_nothing(const struct expansion *expansion)
{
    return expansion->complete && expansion->gap_count == 1 && expansion->gap[0].line == 0 &&
           strcmp(expansion->gap[0].why, "starts nothing") == 0;
}

void sweep_look_at_script(struct sweep_file *file)
{
    struct cli one = *file->cli;
    struct expansion expansion;
    struct error err;

    one.argc = 1;
    one.argv = &file->path;
    if (script_expand(&one, file->configured, file->arena, &expansion, &err) < 0) {
        sweep_add_error(file, 0, err.text);
        return;
    }
    for (size_t i = 0; i < expansion.launch_count; i++)
        look_at_launch(file, &expansion, &expansion.launch[i]);
    if (!launches_nothing(&expansion))
        tell_gaps(file, &expansion);
}
