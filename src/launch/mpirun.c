/* mpirun and mpiexec of Open MPI, MPICH, Intel MPI and Cray PALS. */
#include "launch/apply.h"

#include <stdlib.h>
#include <string.h>

#include "launch/count.h"

/* Hosts and slots of "-H a:8,b:8" (a host without a number has one slot). */
static void read_hosts(const char *list, int64_t *hosts, int64_t *slots)
{
    *hosts = *slots = 0;
    for (const char *p = list; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        const char *colon = memchr(p, ':', n);

        *hosts += 1;
        *slots += colon && atoi(colon + 1) > 0 ? atoi(colon + 1) : 1;
        p += n;
    }
}

/* "--map-by ppr:8:node" */
static bool read_ppr(const char *text, int64_t *per_node)
{
    const char *end;

    if (!text)
        return false;
    if (strncmp(text, "ppr:", 4) == 0)
        text += 4;
    end = strchr(text, ':');
    if (!end || strncmp(end, ":node", 5) != 0)
        return false;
    *per_node = atoi(text);
    return *per_node > 0;
}

/* Variables by which a batch system or a site tells mpirun its hosts. */
static bool hosts_in_environment(const struct environment *env)
{
    static const char *const names[] = {
        "PBS_NODEFILE",
        "LSB_HOSTS",
        "LSB_MCPU_HOSTS",
        "LSB_DJOB_HOSTFILE",
        "PE_HOSTFILE",
        "COBALT_NODEFILE",
        "HYDRA_HOST_FILE",
        "I_MPI_HYDRA_HOST_FILE",
        "OMPI_MCA_orte_default_hostfile",
        "PRTE_MCA_prte_default_hostfile",
        "FLUX_JOB_ID",
        "SLURM_JOB_ID",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (environment_get(env, names[i]))
            return true;
    return false;
}

struct ranks {
    bool has_nodes, has_ranks, has_per_node;
    int64_t nodes, ranks, per_node, slots;
    const char
        *allocation; /* "SLURM_JOB_NUM_NODES=8", when the number of nodes is the allocation's */
};

static void read_options(const struct peel *peel, struct ranks *r)
{
    const char *list = peel_value(peel, "H"), *text;
    bool files = peel_given(peel, "hostfile") || peel_given(peel, "default-hostfile");
    struct fact_int allocated = count_in_environment(peel, "SLURM_JOB_NUM_NODES");

    text = peel_value(peel, "n");
    r->has_ranks = text && count_read(text, &r->ranks);
    text = peel_value(peel, "N");
    r->has_per_node = (text && count_read(text, &r->per_node)) ||
                      read_ppr(peel_value(peel, "map-by"), &r->per_node) ||
                      read_ppr(peel_value(peel, "ppr"), &r->per_node);
    if (peel_given(peel, "pernode")) {
        r->has_per_node = true;
        r->per_node = 1;
    }
    if (list) {
        read_hosts(list, &r->nodes, &r->slots);
        r->has_nodes = true;
    } else if (!files && allocated.known) {
        const char *tasks = environment_get(&peel->launch->environment, "SLURM_TASKS_PER_NODE");

        r->nodes = allocated.value;
        r->has_nodes = true;
        r->allocation = allocated.source;
        r->slots = tasks ? count_tasks_per_node(tasks) : -1;
    } else if (!files && peel->launch->environment.known &&
               !hosts_in_environment(&peel->launch->environment)) {
        r->nodes = 1; /* no hosts, no allocation: this machine */
        r->has_nodes = true;
    }
}

static void settle(struct ranks *r)
{
    if (!r->has_ranks && r->has_nodes && r->has_per_node) {
        r->ranks = r->nodes * r->per_node;
        r->has_ranks = true;
    } else if (!r->has_ranks && r->has_nodes && r->slots > 0) {
        r->ranks = r->slots;
        r->has_ranks = true;
    } else if (r->has_ranks && r->has_per_node && r->per_node > 0) {
        r->nodes = (r->ranks + r->per_node - 1) / r->per_node;
        r->has_nodes = true;
    }
    /* Without a rule the first nodes are filled first: not all need to be used. */
    if (r->has_ranks && r->has_nodes && !r->has_per_node && r->nodes > 0 &&
        (r->nodes == 1 || r->slots == r->ranks) && r->ranks % r->nodes == 0) {
        r->per_node = r->ranks / r->nodes;
        r->has_per_node = true;
    }
}

static void export_environment(struct peel *peel)
{
    for (int i = 0; i < peel->given_count; i++) {
        const struct given *given = &peel->given[i];
        bool sets = strcmp(given->name, "x") == 0 || strcmp(given->name, "genv") == 0 ||
                    strcmp(given->name, "env") == 0;

        if (!sets || !given->value)
            continue;
        if (given->second)
            peel_setenv(peel, given->value, given->second);
        else if (strchr(given->value, '='))
            peel_putenv(peel, given->value);
    }
}

void apply_mpirun(struct peel *peel, struct launch_layer *layer)
{
    static const char *const names[] = { "n", "N", "map-by", "H", NULL };
    const char *source = count_source(peel, layer, names);
    struct ranks r = { .slots = -1 };

    for (int i = peel->used; i < peel->argc; i++) {
        if (strcmp(peel->word[i], ":") == 0) {
            peel_cannot_know(peel, "'%s' starts more than one program",
                             launcher_base_name(peel->word[0]));
            return;
        }
    }
    if (peel_given(peel, "app") || peel_given(peel, "configfile")) {
        peel_cannot_know(peel, "'%s' reads its programs from a file",
                         launcher_base_name(peel->word[0]));
        return;
    }
    peel->launch->world_unknown = NULL;
    read_options(peel, &r);
    settle(&r);
    if (r.allocation && !peel_given(peel, "n"))
        source = arena_printf(peel->arena, "%s, %s", source, r.allocation);
    if (r.has_nodes)
        layer->nodes = count_of(r.nodes, source);
    if (r.has_ranks)
        layer->processes = count_of(r.ranks, source);
    else
        peel->launch->world_unknown = arena_printf(
            peel->arena, "'%s' does not say how many processes it starts; write '-n'", source);
    if (r.has_per_node)
        layer->per_node = count_of(r.per_node, source);
    if (layer->nodes.known && r.nodes == 1 && !peel_given(peel, "H"))
        layer->remote = false;
    export_environment(peel);
}
