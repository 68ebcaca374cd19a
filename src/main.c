#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/audit_command.h"
#include "cli/check.h"
#include "cli/run_command.h"
#include "cli/script.h"
#include "expand/shims.h"

/* A file that we open must not become the standard output that was closed for us: what we print
 * would end in it. The job finds it closed as before. */
static void hold_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* A report that was cut short must not look whole. */
static int printed(int status)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status)
        return status;
    fputs("megatron-preflight: cannot write to the standard output\n", stderr);
    return 2;
}

static int subcommand(const struct cli *cli)
{
    switch (cli->command) {
    case CLI_CHECK:
    case CLI_ESTIMATE:
        return check_command(cli);
    case CLI_EXPAND:
        return expand_command(cli);
    case CLI_AUDIT:
        return audit_command(cli);
    case CLI_RULES:
        return rules_command(cli);
    case CLI_CONVERT:
        return convert_command(cli);
    case CLI_MODELS:
        return models_command(cli);
    case CLI_VERSION:
        return version_command();
    case CLI_RUN:
    case CLI_COMMAND_COUNT:
        break;
    }
    return run_command(cli);
}

int main(int argc, char **argv)
{
    struct cli cli;

    if (shim_called())
        return shim_main(argc, (const char *const *)argv);
    hold_standard_streams();
    cli_parse(argc, argv, &cli);
    return cli.command == CLI_RUN ? subcommand(&cli) : printed(subcommand(&cli));
}
