/* deepspeed: the hosts and slots of its hostfile, or the GPUs of this node when there is no such
 * file. */
#include "launch/apply.h"

#include <stdlib.h>
#include <string.h>

#include "launch/count.h"

/* Every host of the hostfile that is used, and how many processes it gets. */
struct slots {
    int64_t hosts;
    int64_t processes;
    int64_t per_host; /* -1: not the same on all */
};

/* The entry of 'host' in "a@b:0,2"; NULL: none. 'count' are its slots, 0 for the whole host. */
static const char *filter_entry(const char *filter, const char *host, size_t length, int64_t *count)
{
    for (const char *p = filter; *p; p += *p == '@') {
        size_t n = strcspn(p, "@"), name = strcspn(p, ":@");

        if (name == length && memcmp(p, host, length) == 0) {
            *count = name < n;
            for (size_t i = name; i < n; i++)
                *count += p[i] == ',';
            return p;
        }
        p += n;
    }
    return NULL;
}

/* Slots of a host that --include and --exclude leave. */
static int64_t left_by_filters(const struct peel *peel, const char *host, size_t length,
                               int64_t slots)
{
    const char *include = peel_value(peel, "i"), *exclude = peel_value(peel, "e");
    int64_t count;

    if (include && *include) {
        if (!filter_entry(include, host, length, &count))
            return 0;
        return count ? count : slots;
    }
    if (exclude && *exclude && filter_entry(exclude, host, length, &count))
        return count ? slots - count : 0;
    return slots;
}

static void add_host(struct slots *sum, int64_t slots)
{
    sum->per_host = sum->hosts && sum->per_host != slots ? -1 : slots;
    sum->hosts++;
    sum->processes += slots;
}

/* "worker-0 slots=8", comments, blank lines; false for anything else. */
static bool read_hostfile(const struct peel *peel, const char *text, int64_t hosts_wanted,
                          int64_t slots_wanted, struct slots *sum)
{
    *sum = (struct slots) { 0 };
    for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
        const char *word = line + strspn(line, " \t\r"), *slots;
        size_t length = strcspn(word, " \t\r\n");
        int64_t count;

        end = line + strcspn(line, "\n");
        if (word >= end || *word == '#')
            continue;
        slots = word + length + strspn(word + length, " \t");
        if (slots == word + length || strncmp(slots, "slots=", 6) != 0 || atoll(slots + 6) < 0)
            return false;
        count = left_by_filters(peel, word, length, atoll(slots + 6));
        if (count > 0 && (hosts_wanted < 0 || sum->hosts < hosts_wanted))
            add_host(sum, slots_wanted > 0 ? slots_wanted : count);
    }
    return sum->hosts > 0;
}

static int64_t number(const struct peel *peel, const char *name)
{
    const char *text = peel_value(peel, name);
    int64_t value;

    return text && count_read(text, &value) && value > 0 ? value : -1;
}

static void fill(struct launch_layer *layer, const struct slots *slots, const char *source)
{
    layer->processes = count_of(slots->processes, source);
    layer->nodes = count_of(slots->hosts, source);
    if (slots->per_host > 0)
        layer->per_node = count_of(slots->per_host, source);
}

/* One node: --num_gpus, --include localhost:0,1, the GPUs that it sees. */
static void count_on_this_node(struct peel *peel, struct launch_layer *layer, const char *source)
{
    int64_t gpus = number(peel, "num-gpus"), included = 0;
    const char *include = peel_value(peel, "i"), *exclude = peel_value(peel, "e");

    layer->nodes = count_of(1, source);
    if (include && *include && !filter_entry(include, "localhost", 9, &included))
        included = 0;
    if (gpus < 0 && included > 0)
        gpus = included;
    if (gpus > 0) {
        layer->per_node = layer->processes = count_of(gpus, source);
        return;
    }
    layer->per_gpu = !exclude || !*exclude;
    if (layer->per_gpu)
        layer->per_node = gpus_here(peel);
    layer->processes = layer->per_node;
    if (!layer->processes.known)
        peel->launch->world_unknown =
            "deepspeed starts one process for each GPU that it finds; write --num_gpus";
}

static void count(struct peel *peel, struct launch_layer *layer, const char *source)
{
    const char *path = peel_value(peel, "H") ? peel_value(peel, "H") : "/job/hostfile";
    const struct file *file = peel_file(peel, path);
    int64_t nodes = number(peel, "num-nodes"), gpus = number(peel, "num-gpus");
    struct slots slots;

    if (file && file->text) {
        if (read_hostfile(peel, file->text, nodes, gpus, &slots))
            fill(layer, &slots, arena_printf(peel->arena, "%s, %s", source, path));
        else
            peel->launch->world_unknown =
                arena_printf(peel->arena, "'%s' is no hostfile that deepspeed can use", path);
    } else if (nodes > 1 && gpus > 0 && !file) {
        fill(layer, &(struct slots) { nodes, nodes * gpus, gpus }, source);
    } else if (nodes > 1 || (!file && peel_given(peel, "H"))) {
        peel->launch->world_unknown =
            arena_printf(peel->arena, "deepspeed takes the hosts from '%s'%s", path,
                         file ? ", which is not there" : "");
    } else {
        count_on_this_node(peel, layer, source);
    }
}

void apply_deepspeed(struct peel *peel, struct launch_layer *layer)
{
    static const char *const names[] = { "num-nodes", "num-gpus", "i", "e", NULL };

    peel->launch->world_unknown = NULL;
    count(peel, layer, count_source(peel, layer, names));
    layer->remote = !layer->nodes.known || layer->nodes.value > 1;
    set_worker_environment(peel, layer);
    if (peel_given(peel, "autotuning"))
        peel_cannot_know(peel, "'deepspeed --autotuning' starts the trainer many times");
    else if (peel_given(peel, "no-python") && !peel_given(peel, "no-local-rank"))
        peel_cannot_know(peel,
                         "'deepspeed --no_python' puts --local_rank behind the program's name");
    else
        take_script(peel, peel_given(peel, "module"), peel_given(peel, "no-python"));
    if (!peel_given(peel, "no-local-rank"))
        peel->launch->adds_local_rank = LOCAL_RANK_UNDERSCORE;
}
