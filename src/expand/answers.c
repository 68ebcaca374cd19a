#include "expand/answers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS_MAX = 20000 };

/* "[1-3,7]" between 'before' and 'after', one name a line; leading zeros stay. */
static int print_range(const char *before, int n, const char *range, const char *after)
{
    int printed = 0;

    for (const char *p = range; *p && *p != ']'; p += *p == ',') {
        char *end;
        long first = strtol(p, &end, 10), last = first;
        int width = (int)(end - p);

        if (end == p)
            return printed;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        for (long i = first; i <= last && printed < HOSTS_MAX; i++, printed++)
            printf("%.*s%0*ld%s\n", n, before, width, i, after);
        p = end;
    }
    return printed;
}

/* Slurm's host lists: "n[1-3,7],m2". */
static void print_hosts(const char *list)
{
    while (*list) {
        size_t n = strcspn(list, ",[");
        size_t end = list[n] == '[' ? strcspn(list, "]") : n;
        size_t rest = list[end] ? strcspn(list + end, ",") : 0;
        char after[64];

        snprintf(after, sizeof(after), "%.*s", list[n] == '[' && rest ? (int)rest - 1 : 0,
                 list + end + 1);
        if (list[n] == '[')
            print_range(list, (int)n, list + n + 1, after);
        else
            printf("%.*s\n", (int)n, list);
        list += end + rest;
        list += *list == ',';
    }
}

static const char *node_list(void)
{
    const char *list = getenv("SLURM_JOB_NODELIST");

    if (!list)
        list = getenv("SLURM_NODELIST");
    return list ? list : "node1";
}

int answer_scontrol(int argc, const char *const *argv)
{
    if (argc > 2 && strncmp(argv[1], "show", 4) == 0 && strncmp(argv[2], "hostname", 8) == 0)
        print_hosts(argc > 3 ? argv[3] : node_list());
    else if (argc > 2 && strncmp(argv[1], "show", 4) == 0 && strncmp(argv[2], "job", 3) == 0)
        printf("JobId=1 JobName=job NumNodes=1 NodeList=%s BatchHost=node1 Command=job\n",
               node_list());
    return 0;
}

static void print_field(const char *field, size_t n, int gpu)
{
    static const struct {
        const char *name;
        const char *value;
    } fields[] = { { "name", "GPU" },
                   { "gpu_name", "GPU" },
                   { "memory.total", "81559 MiB" },
                   { "memory.free", "81559 MiB" },
                   { "memory.used", "0 MiB" },
                   { "utilization.gpu", "0 %" },
                   { "driver_version", "580.00" } };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strlen(fields[i].name) == n && memcmp(fields[i].name, field, n) == 0) {
            fputs(fields[i].value, stdout);
            return;
        }
    }
    if (n == 4 && memcmp(field, "uuid", n) == 0)
        printf("GPU-%d", gpu);
    else
        printf("%d", gpu);
}

static void print_query(const char *query, bool header, int gpus)
{
    if (header)
        printf("%s\n", query);
    for (int gpu = 0; gpu < gpus; gpu++) {
        for (const char *p = query; *p; p += strspn(p, ",")) {
            size_t n = strcspn(p, ",");

            print_field(p, n, gpu);
            p += n;
            fputs(*p ? ", " : "\n", stdout);
        }
    }
}

int answer_nvidia_smi(int argc, const char *const *argv, int gpus)
{
    bool header = true;
    const char *query = NULL;

    for (int i = 1; i < argc; i++) {
        header &= strstr(argv[i], "noheader") == NULL;
        if (strncmp(argv[i], "--query-gpu=", 12) == 0)
            query = argv[i] + 12;
    }
    if (query && strcmp(query, "count") == 0)
        for (int i = 0; i < gpus; i++)
            printf("%d\n", gpus);
    else if (query)
        print_query(query, header, gpus);
    else if (argc > 1 && (strcmp(argv[1], "-L") == 0 || strcmp(argv[1], "--list-gpus") == 0))
        for (int i = 0; i < gpus; i++)
            printf("GPU %d: GPU (UUID: GPU-%d)\n", i, i);
    return 0;
}

int answer_hostname(int argc, const char *const *argv)
{
    const char *option = argc > 1 ? argv[1] : "";

    puts(strpbrk(option, "iI") && option[0] == '-' && option[1] != '-' ? "10.0.0.1" : "node1");
    return 0;
}
