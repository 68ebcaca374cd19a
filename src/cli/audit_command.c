#include "cli/audit_command.h"

#include <errno.h>
#include <string.h>

#include "cli/audit.h"

/* -1, said on stderr, when it cannot be opened: the other logs are read all the same. */
static int read_log(struct audit *audit, const char *path)
{
    bool standard_input = strcmp(path, "-") == 0;
    FILE *in = standard_input ? stdin : fopen(path, "re");
    int rc = 0;

    if (!in) {
        fprintf(stderr, "megatron-preflight: cannot open '%s': %s\n", path, strerror(errno));
        return -1;
    }
    audit_read(audit, path, in);
    if (ferror(in)) {
        fprintf(stderr, "megatron-preflight: cannot read '%s': %s\n", path, strerror(errno));
        rc = -1;
    }
    if (!standard_input)
        fclose(in);
    return rc;
}

static void print(const struct audit *audit, bool json)
{
    json_t *object;

    if (!json) {
        audit_print(audit, stdout);
        return;
    }
    object = audit_json(audit);
    json_dumpf(object, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(object);
}

int audit_command(const struct cli *cli)
{
    bool json = cli->format && strcmp(cli->format, "json") == 0;
    struct audit audit;
    int rc = 0;

    if (cli->format && !json && strcmp(cli->format, "text") != 0) {
        fprintf(stderr, "megatron-preflight: --format: '%s' is neither text nor json\n",
                cli->format);
        return 2;
    }
    if (cli->argc == 0) {
        fputs("megatron-preflight: no log given; '-' is standard input\n", stderr);
        return 2;
    }
    audit_init(&audit);
    for (int i = 0; i < cli->argc; i++)
        if (read_log(&audit, cli->argv[i]) < 0)
            rc = 2;
    print(&audit, json);
    audit_release(&audit);
    return rc;
}
