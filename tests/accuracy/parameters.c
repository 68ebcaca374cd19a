/* Compares what every pipeline rank holds with models that Megatron really built: one JSON object a
 * line on standard input (tests/data/parameters.jsonl.xz). Prints every difference, then the sums;
 * exit status 1 when fewer than the percentage in argv[1] of the launches are equal in everything.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "resolve.h"

static uint64_t number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static bool same_number(const char *id, int pp, const json_t *rank, const char *key, uint64_t got)
{
    uint64_t want = number(rank, key);

    if (got == want)
        return true;
    printf("%s: rank %d: %s %ju, built %ju\n", id, pp, key, (uintmax_t)got, (uintmax_t)want);
    return false;
}

/* "9-16", "9" or "" */
static bool same_layers(const char *id, int pp, const char *want, const struct chunk *chunk)
{
    long first = (long)chunk->first_layer + 1, last = first + (long)chunk->layer_count - 1;
    char range[64] = "", one[64] = "";

    if (chunk->layer_count) {
        snprintf(range, sizeof(range), "%ld-%ld", first, last);
        if (first == last)
            snprintf(one, sizeof(one), "%ld", first);
    }
    if (strcmp(want, range) == 0 || strcmp(want, one) == 0)
        return true;
    printf("%s: rank %d: layers '%s', built '%s'\n", id, pp, range, want);
    return false;
}

static bool same_rank(struct resolved *r, const char *id, const json_t *rank)
{
    int pp = (int)number(rank, "pp");
    const json_t *chunks = json_object_get(rank, "chunks");
    const char *layers = json_string_value(json_object_get(rank, "layers"));
    struct parameters sum;
    bool same;

    if (pp >= r->placement.pp) {
        printf("%s: rank %d: only %jd pipeline ranks\n", id, pp, (intmax_t)r->placement.pp);
        return false;
    }
    parameters_of_rank(&r->shape, &r->placement, pp, &r->arena, &sum);
    same = same_number(id, pp, rank, "parameters", sum.total);
    same &= same_number(id, pp, rank, "parameters_expert", sum.expert);
    same &= same_number(id, pp, rank, "parameters_embedding", sum.embedding);
    same &= same_number(id, pp, rank, "parameters_output", sum.output);
    same &= same_number(id, pp, rank, "parameters_mtp", sum.mtp);
    if (layers)
        return same & same_layers(id, pp, layers, placement_chunk(&r->placement, pp, 0));
    for (int64_t v = 0; v < r->placement.vpp; v++) {
        const char *want = json_string_value(json_array_get(chunks, (size_t)v));

        same &= same_layers(id, pp, want ? want : "", placement_chunk(&r->placement, pp, v));
    }
    return same;
}

static const char **words_of(struct arena *arena, const json_t *array, int *count)
{
    const char **words = arena_alloc(arena, (json_array_size(array) + 1) * sizeof(*words));
    size_t i;
    json_t *word;

    json_array_foreach(array, i, word) words[i] = json_string_value(word);
    *count = (int)i;
    return words;
}

static bool same_launch(const json_t *row)
{
    const char *id = json_string_value(json_object_get(row, "id"));
    const char *script = json_string_value(json_object_get(row, "script"));
    struct resolved r = { 0 };
    bool same = true;
    const char **argv;
    json_t *rank;
    size_t i;
    int argc;

    facts_init(&r.facts);
    r.facts.megatron =
        (struct fact_str) { .known = true,
                            .value = json_string_value(json_object_get(row, "release")) };
    r.facts.padded_vocab_size =
        (struct fact_int) { .known = true, .value = (int64_t)number(row, "vocab") };
    argv = words_of(&r.arena, json_object_get(row, "argv"), &argc);
    if (!resolve_words(&r, script ? script : "pretrain_gpt.py", argc, argv,
                       (int64_t)number(row, "world"))) {
        printf("%s: no placement because of %s\n", id, r.why ? r.why : "?");
        same = false;
    } else {
        json_array_foreach(json_object_get(row, "ranks"), i, rank) same &= same_rank(&r, id, rank);
    }
    arena_release(&r.arena);
    return same;
}

int main(int argc, char **argv)
{
    double least = argc > 1 ? atof(argv[1]) : 100;
    size_t launches = 0, equal = 0, size = 0;
    char *line = NULL;

    while (getline(&line, &size, stdin) > 0) {
        json_error_t error;
        json_t *row = json_loads(line, 0, &error);

        if (!row) {
            fprintf(stderr, "line %zu: %s\n", launches + 1, error.text);
            return 2;
        }
        launches++;
        equal += same_launch(row);
        json_decref(row);
    }
    free(line);
    printf("parameters: %zu of %zu launches equal on every pipeline rank (%.1f %%)\n", equal,
           launches, launches ? 100.0 * (double)equal / (double)launches : 0);
    return launches && 100.0 * (double)equal >= least * (double)launches ? 0 : 1;
}
