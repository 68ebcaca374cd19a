#include "cli/check.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "cli/record.h"

static void print_report(json_t *report)
{
    char *text = json_dumps(report, JSON_COMPACT);

    if (text)
        puts(text);
    free(text);
    json_decref(report);
}

/* Every record takes the same few MiB: given back to the system after each, they cost a fifth of
 * the time. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
}

int check_batch(const struct cli *cli, const struct inputs *inputs, struct error *err)
{
    bool standard_input = strcmp(cli->batch, "-") == 0;
    FILE *in = standard_input ? stdin : fopen(cli->batch, "re");
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t n;
    int rc = 0;

    if (!in)
        return error_set(err, "cannot open '%s': %s", cli->batch, strerror(errno));
    keep_memory();
    while ((n = getline(&line, &size, in)) > 0) {
        number++;
        if (line[n - 1] == '\n')
            line[--n] = '\0';
        if (strlen(line) != (size_t)n)
            line[0] = '\0'; /* a NUL byte: not JSON, and said so */
        print_report(record_check(line, number, &inputs->policy, &inputs->extra));
    }
    free(line);
    if (ferror(in))
        rc = error_set(err, "cannot read '%s': %s", cli->batch, strerror(errno));
    if (!standard_input)
        fclose(in);
    if (rc < 0)
        return rc;
    if (fflush(stdout) != 0)
        return error_set(err, "cannot write: %s", strerror(errno));
    return 0;
}
