#include "cli/audit_command.h"
#include "cli/check.h"
#include "cli/run_command.h"
#include "cli/script.h"
#include "expand/shims.h"

int main(int argc, char **argv)
{
    struct cli cli;

    if (shim_called())
        return shim_main(argc, (const char *const *)argv);
    cli_parse(argc, argv, &cli);
    switch (cli.command) {
    case CLI_CHECK:
    case CLI_ESTIMATE:
        return check_command(&cli);
    case CLI_EXPAND:
        return expand_command(&cli);
    case CLI_AUDIT:
        return audit_command(&cli);
    case CLI_RULES:
        return rules_command(&cli);
    case CLI_CONVERT:
        return convert_command(&cli);
    case CLI_MODELS:
        return models_command(&cli);
    case CLI_VERSION:
        return version_command();
    case CLI_RUN:
    case CLI_COMMAND_COUNT:
        break;
    }
    return run_command(&cli);
}
