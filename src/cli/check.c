#include "cli/check.h"

#include "advise/impact.h"
#include "advise/troubleshoot.h"
#include "cli/config_input.h"
#include "cli/decision.h"
#include "cli/explain_policy.h"
#include "cli/saved.h"
#include "cli/script.h"
#include "launch/launchers.h"
#include "cli/sweep.h"
#include "report/formats.h"

static int fail(const struct error *err)
{
    fprintf(stderr, "megatron-preflight: %s\n", err->text);
    return 2;
}

static void print_for_ci(const struct cli *cli, const struct report_format *format,
                         const struct report *report)
{
    struct rendering rendering;
    json_t *entry = entry_of_report(NULL, 0, report);

    format_begin(&rendering, format, stdout, cli->verbose);
    format_one(&rendering, entry);
    format_end(&rendering);
    json_decref(entry);
}

void check_print(const struct cli *cli, const struct report *report)
{
    const struct report_format *format = report_format_find(cli->format ? cli->format : "text");
    struct report_style style;
    json_t *json;

    if (format == &format_text) {
        style_for(cli, stdout, &style);
        report_text(report, &style, stdout);
        return;
    }
    if (format != &format_json) {
        print_for_ci(cli, format, report);
        return;
    }
    json = report_json(report);
    json_dumpf(json, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(json);
}

static int check_one(const struct cli *cli, struct inputs *inputs, struct arena *arena,
                     struct error *err)
{
    struct request request = { .launch = &inputs->launch,
                               .facts = &inputs->facts,
                               .policy = &inputs->policy,
                               .extra = &inputs->extra,
                               .want_fixes = true };
    struct saving saving;
    struct report report;
    struct impacts impacts;

    if (cli->argc == 0 && !cli->text && !config_is_given(cli))
        return error_set(err,
                         "nothing to check: give the launch command, or -- and the trainer's "
                         "options; see megatron-preflight %s --help",
                         cli_subcommands[cli->command].name);
    if (inputs_gather(cli, arena, inputs, err) < 0)
        return -1;
    inputs_warn(inputs, stderr);
    verdict_decide(&request, arena, &report);
    if (cli->impact) {
        impact_of(&request, &report, arena, &impacts);
        report.impacts = &impacts;
    }
    if (cli->command == CLI_ESTIMATE)
        troubleshoot(&request, &report, arena);
    if (inputs->config.path)
        config_localize(&inputs->config, arena, &report);
    check_print(cli, &report);
    bypass_say(&inputs->policy, &report, arena, stderr);
    decision_log_wanted(cli, inputs, &report, arena);
    saving_begin(&saving, cli->save, arena);
    saving_add(&saving, &inputs->launch, &inputs->environment, &inputs->facts);
    saving_end(&saving);
    return verdict_exit_status(&report, cli->strict);
}

static bool names_script(const struct cli *cli, struct arena *arena)
{
    return cli->command == CLI_CHECK && !cli->facts && script_word(cli, arena) >= 0;
}

/* Each of these says which job it is. */
static int check_sources(const struct cli *cli, struct error *err)
{
    const struct {
        const char *option, *value;
    } source[] = { { "--all", cli->all },          { "--batch", cli->batch },
                   { "--saved", cli->saved },      { "--text", cli->text },
                   { "--config", cli->config },    { "--hf", cli->hf },
                   { "--deepseek", cli->deepseek } };
    const char *first = NULL;

    for (size_t i = 0; i < sizeof(source) / sizeof(source[0]); i++) {
        if (!source[i].value)
            continue;
        if (first)
            return error_set(err, "%s and %s: one at a time", first, source[i].option);
        first = source[i].option;
    }
    if (first && cli->argc && (cli->batch || cli->saved || cli->text))
        return error_set(err, "%s takes the place of a command: '%s' is too much", first,
                         cli->argv[0]);
    return 0;
}

int check_command(const struct cli *cli)
{
    struct arena arena = ARENA_INIT;
    struct inputs inputs;
    struct error err;
    char names[128];
    int status;

    if (cli->format && !report_format_find(cli->format))
        status = error_set(&err, "--format: '%s' is none of %s", cli->format,
                           report_format_names(names, sizeof(names)));
    else if (!cli->all && (cli->baseline || cli->write_baseline || cli->reports))
        status = error_set(&err, "--baseline, --write-baseline and --reports go with --all PATH");
    else if (check_sources(cli, &err) < 0)
        status = -1;
    else if (inputs_configure(cli, &arena, &inputs, &err) < 0)
        status = -1;
    else if (cli->explain_policy)
        status = explain_policy(cli, &inputs, &arena, &err);
    else if (cli->all)
        status = check_all(cli, &inputs, &arena, &err);
    else if (cli->batch)
        status = check_batch(cli, &inputs, &err);
    else if (cli->saved)
        status = check_saved(cli, &inputs, &err);
    else if (names_script(cli, &arena))
        status = check_script(cli, &inputs, &arena, &err);
    else
        status = check_one(cli, &inputs, &arena, &err);
    if (status < 0)
        status = fail(&err);
    arena_release(&arena);
    return status;
}
