/* megatron-preflight(1), from the tables of cli.c. */
#include "cli/man_page.h"

#include <stdio.h>

#include "cli/cli.h"

static void put_option(const struct cli_option *option)
{
    fputs(".TP\n.B ", stdout);
    if (option->key)
        printf("\\-%c, ", option->key);
    fputs("\\-\\-", stdout);
    man_text(option->name);
    if (option->arg)
        printf("=\\fI%s\\fR", option->arg);
    putchar('\n');
    man_text(option->help);
    fputs(".\n", stdout);
    if (option->environment)
        printf("Environment: \\fB%s\\fR.\n", option->environment);
}

static void put_command(int c)
{
    const struct cli_subcommand *command = &cli_subcommands[c];

    printf(".SS %s\n", command->name);
    fputs(".B megatron\\-preflight ", stdout);
    man_text(command->name);
    printf(" [\\fIOPTION\\fR...]%s", *command->args ? " " : "");
    man_text(command->args);
    fputs("\n.PP\n", stdout);
    man_sentence(command->what);
    if (*command->more)
        man_sentence(command->more);
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].commands >> c & 1)
            put_option(&cli_options[i]);
}

static void put_statuses(void)
{
    fputs(".SH EXIT STATUS\n", stdout);
    for (size_t i = 0; i < cli_status_count; i++) {
        printf(".TP\n.B %d\n", cli_statuses[i].status);
        man_text(cli_statuses[i].meaning);
        printf("\n(%s)\n", cli_statuses[i].commands);
    }
}

void man_page_command(void)
{
    man_head("megatron-preflight", 1);
    fputs(".SH NAME\nmegatron\\-preflight \\- stop Megatron\\-LM launches that cannot run\n"
          ".SH SYNOPSIS\n.B megatron\\-preflight\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR "
          "[\\fIARGS\\fR...]\n.br\n.B megatron\\-preflight\n\\fISUBCOMMAND\\fR "
          "[\\fIOPTION\\fR...] ...\n.SH DESCRIPTION\n",
          stdout);
    man_sentence(
        "Put it in front of the command that starts a Megatron-LM training job. It parses the "
        "trainer's real command line, walks every rule Megatron itself would trip over, "
        "estimates the memory of every pipeline stage, and then becomes the job, or stops it "
        "with the shortest list of edits that would make it run. The first word that is "
        "neither an option nor a subcommand starts the wrapped command.");
    fputs(".SH SUBCOMMANDS\n", stdout);
    for (int c = 0; c < CLI_COMMAND_COUNT; c++)
        put_command(c);
    put_statuses();
    fputs(".SH SEE ALSO\n.BR megatron\\-preflight\\-policy (5),\n.BR megatron\\-preflight\\-rules (7)\n", stdout);
}
