/* Prints megatron-preflight(1) from the tables of cli.c; built and run by the Makefile. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* Text with what roff would read as its own made plain. */
static void put(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            fputs("\\e", stdout);
        else if (*p == '-')
            fputs("\\-", stdout);
        else
            putchar(*p);
    }
}

static void put_option(const struct cli_option *option)
{
    fputs(".TP\n.B ", stdout);
    if (option->key)
        printf("\\-%c, ", option->key);
    fputs("\\-\\-", stdout);
    put(option->name);
    if (option->arg)
        printf("=\\fI%s\\fR", option->arg);
    putchar('\n');
    put(option->help);
    if (option->environment)
        printf(". Environment: \\fB%s\\fR", option->environment);
    fputs(".\n", stdout);
}

static void put_command(int c)
{
    const struct cli_subcommand *command = &cli_subcommands[c];

    printf(".SS %s\n", command->name);
    fputs(".B megatron\\-preflight ", stdout);
    put(command->name);
    fputs(" [\\fIOPTION\\fR...] ", stdout);
    put(command->args);
    fputs("\n.PP\n", stdout);
    putchar(toupper((unsigned char)command->what[0]));
    put(command->what + 1);
    fputs(". ", stdout);
    put(command->more);
    putchar('\n');
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].commands >> c & 1)
            put_option(&cli_options[i]);
}

static void put_statuses(void)
{
    fputs(".SH EXIT STATUS\n", stdout);
    for (size_t i = 0; i < cli_status_count; i++) {
        printf(".TP\n.B %d\n", cli_statuses[i].status);
        put(cli_statuses[i].meaning);
        printf(" (%s)\n", cli_statuses[i].commands);
    }
}

int main(void)
{
    printf(".TH MEGATRON\\-PREFLIGHT 1 \"\" \"megatron-preflight %s\"\n", VERSION);
    fputs(".SH NAME\nmegatron\\-preflight \\- stop Megatron\\-LM launches that cannot run\n"
          ".SH SYNOPSIS\n.B megatron\\-preflight\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR "
          "[\\fIARGS\\fR...]\n.br\n.B megatron\\-preflight\n\\fISUBCOMMAND\\fR "
          "[\\fIOPTION\\fR...] ...\n.SH DESCRIPTION\n"
          "Put it in front of the command that starts a Megatron\\-LM training job. It parses the "
          "trainer's real command line, walks every rule Megatron itself would trip over, "
          "estimates the memory of every pipeline stage, and then becomes the job, or stops it "
          "with the shortest list of edits that would make it run. The first word that is "
          "neither an option nor a subcommand starts the wrapped command.\n.SH SUBCOMMANDS\n",
          stdout);
    for (int c = 0; c < CLI_COMMAND_COUNT; c++)
        put_command(c);
    put_statuses();
    return 0;
}
