/* accelerate launch: --num_processes on --num_machines through torchrun, or one process. What the
 * command line does not say is in its configuration file. */
#include "launch/apply.h"

#include <string.h>
#include <yaml.h>

#include "launch/count.h"

/* The scalar of a key of a YAML mapping, or NULL. */
static const char *yaml_value(const char *text, const char *key, struct arena *arena)
{
    const char *found = NULL;
    yaml_document_t document;
    yaml_parser_t parser;
    yaml_node_t *root;

    if (!yaml_parser_initialize(&parser))
        return NULL;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&parser, &document)) {
        root = yaml_document_get_root_node(&document);
        for (yaml_node_pair_t *pair =
                 root && root->type == YAML_MAPPING_NODE ? root->data.mapping.pairs.start : NULL;
             pair && pair < root->data.mapping.pairs.top; pair++) {
            const yaml_node_t *name = yaml_document_get_node(&document, pair->key);
            const yaml_node_t *value = yaml_document_get_node(&document, pair->value);

            if (name->type == YAML_SCALAR_NODE && value->type == YAML_SCALAR_NODE &&
                strcmp((const char *)name->data.scalar.value, key) == 0)
                found = arena_strdup(arena, (const char *)value->data.scalar.value);
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return found;
}

/* Where accelerate looks when --config_file is not given; NULL: no home. */
static const char *default_configuration(const struct peel *peel)
{
    static const struct {
        const char *variable, *below;
    } homes[] = {
        { "HF_HOME", "" },
        { "XDG_CACHE_HOME", "/huggingface" },
        { "HOME", "/.cache/huggingface" },
    };

    for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
        const char *home = environment_get(&peel->launch->environment, homes[i].variable);

        if (home)
            return arena_printf(peel->arena, "%s%s/accelerate/default_config.yaml", home,
                                homes[i].below);
    }
    return NULL;
}

struct configuration {
    const char *path; /* NULL: none to look for */
    const struct file *file;
};

static struct configuration configuration(struct peel *peel)
{
    const char *given = peel_value(peel, "config-file");
    struct configuration c = { .path = given ? given : default_configuration(peel) };

    if (c.path && !peel_given(peel, "cpu"))
        c.file = peel_file(peel, c.path);
    return c;
}

/* The option, else the configuration's. */
static struct fact_int number(struct peel *peel, const struct configuration *c, const char *option,
                              const char *key, const char *source)
{
    const char *text = peel_value(peel, option);
    int64_t value;

    if (!text && c->file && c->file->text) {
        text = yaml_value(c->file->text, key, peel->arena);
        source = arena_printf(peel->arena, "%s, %s in %s", source, key, c->path);
    }
    if (!text || !count_read(text, &value) || value < 1)
        return (struct fact_int) { .known = false };
    return count_of(value, source);
}

enum starts { ONE_PROCESS, TORCHRUN, OTHER, NOT_KNOWN };

/* Which of its launchers accelerate takes. */
static enum starts kind(struct peel *peel, const struct configuration *c, struct fact_int processes)
{
    static const char *const torchrun[] = { "multi-gpu", "use-fsdp", "use-megatron-lm",
                                            "use-deepspeed" };
    static const char *const types[] = { "MULTI_GPU", "FSDP", "MEGATRON_LM", "DEEPSPEED" };
    const char *type;

    if (peel_given(peel, "cpu") || peel_given(peel, "tpu"))
        return OTHER;
    for (size_t i = 0; i < sizeof(torchrun) / sizeof(torchrun[0]); i++)
        if (peel_given(peel, torchrun[i]))
            return TORCHRUN;
    if (processes.known && processes.value == 1)
        return ONE_PROCESS;
    if (c->path && !c->file && peel_given(peel, "config-file"))
        return NOT_KNOWN;
    if (!c->file || !c->file->text) /* as many GPUs as processes will be there */
        return processes.known ? TORCHRUN : NOT_KNOWN;
    type = yaml_value(c->file->text, "distributed_type", peel->arena);
    for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(type, types[i]) == 0)
            return TORCHRUN;
    return type && strcmp(type, "NO") == 0 ? ONE_PROCESS : OTHER;
}

static void divide(struct launch_layer *layer, struct fact_int processes, struct fact_int machines)
{
    layer->nodes = machines;
    layer->processes = processes;
    if (!processes.known || !machines.known)
        return;
    layer->per_node = count_of(processes.value / machines.value, processes.source);
    layer->processes.value = layer->per_node.value * machines.value;
}

static void count(struct peel *peel, struct launch_layer *layer, const char *source)
{
    struct configuration c = configuration(peel);
    struct fact_int processes = number(peel, &c, "num-processes", "num_processes", source);
    struct fact_int machines = number(peel, &c, "num-machines", "num_machines", source);

    if (!machines.known && (!c.path || (c.file && !c.file->text)))
        machines = count_of(1, source);
    switch (kind(peel, &c, processes)) {
    case ONE_PROCESS:
        divide(layer, count_of(1, source), count_of(1, source));
        return;
    case TORCHRUN:
        divide(layer, processes, machines);
        if (!layer->processes.known)
            peel->launch->world_unknown = "accelerate takes the number of ranks from its "
                                          "configuration; write --num_processes";
        return;
    case OTHER:
        peel_cannot_know(peel, "this accelerate launch starts no ranks on GPUs through torchrun");
        return;
    case NOT_KNOWN:
        peel->launch->world_unknown =
            arena_printf(peel->arena,
                         "accelerate takes the number of ranks from %s; write --multi_gpu "
                         "--num_processes",
                         c.path ? c.path : "the GPUs that it finds");
    }
}

void apply_accelerate(struct peel *peel, struct launch_layer *layer)
{
    static const char *const names[] = { "num-machines", "num-processes", NULL };

    peel->launch->world_unknown = NULL;
    count(peel, layer, count_source(peel, layer, names));
    if (peel->done)
        return;
    set_worker_environment(peel, layer);
    take_script(peel, peel_given(peel, "m"), peel_given(peel, "no-python"));
}
