/* What a site asks of every job besides being able to run: its size, its GPUs, its options. Without
 * such keys in the policy nothing is asked. */
#include <fnmatch.h>
#include <string.h>

#include "facts/gpus.h"
#include "rules/sections.h"
#include "rules/truth.h"
#include "verdict/policy.h"

/* Who asks: "FILE:LINE". */
static const char *asked_by(const struct walk *walk, enum policy_key key)
{
    return policy_origin_text(&walk->policy->origin[key], walk->arena);
}

/* --- size and GPUs -------------------------------------------------------------------------------
 */

static enum answer max_gpus(struct walk *walk, struct finding *finding)
{
    const struct fact_int *world = &walk->launch->world;
    long long most = walk->policy ? walk->policy->max_gpus : 0;

    if (!most || !world->known)
        return NOT_APPLICABLE;
    if (world->value <= most)
        return HOLDS;
    finding_fix(walk, finding, "start at most %lld ranks", most);
    return violated(walk, finding, "%lld GPUs (%s), but the policy allows %lld (%s)",
                    (long long)world->value, world->source ? world->source : "one a rank", most,
                    asked_by(walk, POLICY_MAX_GPUS));
}

static bool names_gpu(const char *pattern, const struct gpu_row *row, const char *name)
{
    return fnmatch(pattern, name, FNM_CASEFOLD) == 0 || (row && gpu_find(pattern) == row);
}

static const char *joined(const struct policy_words *words, struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < words->count; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", words->item[i]);
    return text;
}

static enum answer allowed_gpus(struct walk *walk, struct finding *finding)
{
    const struct policy_words *allowed = walk->policy ? &walk->policy->allowed_gpus : NULL;
    const struct fact_str *gpu = &walk->facts->gpu;
    const struct gpu_row *row;
    const char *name;

    if (!allowed || !allowed->count || !gpu->known)
        return NOT_APPLICABLE;
    row = gpu_find(gpu->value);
    name = row ? row->name : gpu->value;
    for (size_t i = 0; i < allowed->count; i++)
        if (names_gpu(allowed->item[i], row, name))
            return HOLDS;
    finding_fix(walk, finding, "ask for %s", joined(allowed, walk->arena));
    return violated(walk, finding, "the job runs on %s (%s), but the policy allows %s (%s)", name,
                    gpu->source, joined(allowed, walk->arena), asked_by(walk, POLICY_ALLOWED_GPUS));
}

static enum answer world_size_product(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;
    int64_t etp =
        job_given(job, JOB_expert_tensor_parallel_size) ? job->expert_tensor_parallel_size : 1;
    const int64_t sizes[] = { job->tensor_model_parallel_size, job->pipeline_model_parallel_size,
                              job->context_parallel_size, job->expert_model_parallel_size, etp };
    int64_t world = walk->launch->world.value, product = 1;

    if (!walk->policy || walk->policy->world_size_rule != WORLD_PRODUCT ||
        !walk->launch->world.known)
        return NOT_APPLICABLE;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (is_set(sizes[i]) && sizes[i] < 1)
            return NOT_APPLICABLE;
        if (is_set(sizes[i]) && product <= world) /* beyond, it cannot divide */
            product *= sizes[i] > world ? world + 1 : sizes[i];
    }
    if (divides(product, world))
        return HOLDS;
    return violated(
        walk, finding,
        "%lld ranks cannot be split into groups of TP x PP x CP x EP x ETP = %lld x %lld x "
        "%lld x %lld x %lld, as the policy asks (%s)",
        (long long)world, (long long)value_or(sizes[0], 1), (long long)value_or(sizes[1], 1),
        (long long)value_or(sizes[2], 1), (long long)value_or(sizes[3], 1),
        (long long)value_or(etp, 1), asked_by(walk, POLICY_WORLD_SIZE_RULE));
}

/* --- options -------------------------------------------------------------------------------------
 */

/* How the job stands to one option of the policy, with its value where the policy gives one. */
struct standing {
    bool typed;      /* the command line ends with it, whatever Megatron makes of it */
    bool in_effect;  /* Megatron trains with it, typed or not */
    bool is_default; /* it is what Megatron does anyway */
};

struct item {
    int count; /* words: the option, then its value */
    const char *const *word;
};

static struct item split(const char *text, struct arena *arena)
{
    const char **word = arena_alloc(arena, (strlen(text) / 2 + 1) * sizeof(*word));
    int count = 0;

    for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        word[count++] = arena_strndup(arena, p, n);
        p += n;
    }
    return (struct item) { .count = count, .word = word };
}

static const char *field_text(const struct job *job, enum job_field field, struct arena *arena)
{
    char text[4096];

    job_field_print(job, field, text, sizeof(text));
    return arena_strdup(arena, text);
}

/* The field after the release's own parser has read these words, or NULL when they do not parse. */
static const char *parsed(const struct walk *walk, int count, const char *const *word,
                          enum job_field field)
{
    struct job *job = arena_alloc(walk->arena, sizeof(*job));
    struct argparse_result result;

    job_init(job);
    argparse_parse(count, word, walk->release, NULL, walk->arena, job, &result);
    return result.first.problem == ARGPARSE_OK ? field_text(job, field, walk->arena) : NULL;
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* An option that the release does not know, a fork's or a script's own: by its words. */
static struct standing as_written(const struct walk *walk, const struct item *item)
{
    struct standing standing = { false };
    size_t length = strlen(item->word[0]);

    for (int i = 0; i < walk->launch->argc; i++) {
        const char *const *word = &walk->launch->argv[i];
        int left = walk->launch->argc - i, same_words = 1;

        if (strncmp(word[0], item->word[0], length) != 0 ||
            (word[0][length] && word[0][length] != '='))
            continue;
        while (same_words < item->count && same_words < left &&
               strcmp(word[same_words], item->word[same_words]) == 0)
            same_words++;
        standing.typed =
            same_words == item->count || item->count == 1 ||
            (item->count == 2 && word[0][length] && same(word[0] + length + 1, item->word[1]));
    }
    standing.in_effect = standing.typed;
    return standing;
}

static struct standing standing_of(const struct walk *walk, const struct item *item)
{
    const struct option_row *row = option_find(item->word[0], strlen(item->word[0]), walk->release);
    struct standing standing = { false };
    const struct place *place;
    const char *want;

    if (!row || row->dest >= JOB_FIELD_COUNT)
        return as_written(walk, item);
    place = &walk->job->place[row->dest];
    if (row->kind == OPTION_STORE && item->count == 1) { /* whatever its value */
        standing.typed = standing.in_effect = place->index >= 0;
        return standing;
    }
    want = parsed(walk, item->count, item->word, row->dest);
    standing.typed =
        place->index >= 0 &&
        same(parsed(walk, place->words, walk->launch->argv + place->index, row->dest), want);
    standing.in_effect = same(field_text(walk->job, row->dest, walk->arena), want);
    standing.is_default = same(parsed(walk, 0, NULL, row->dest), want);
    return standing;
}

/* Is the option known to this release, or could it be a fork's? One that only other releases have
 * cannot be asked for. */
static bool can_be_given(const struct walk *walk, const char *option)
{
    size_t length = strlen(option);

    if (option_find(option, length, walk->release))
        return true;
    for (int release = 0; release < RELEASE_COUNT; release++)
        if (option_find(option, length, (enum release)release))
            return false;
    return true;
}

static bool is_missing(const struct walk *walk, const struct item *item)
{
    struct standing standing;

    if (!can_be_given(walk, item->word[0]))
        return false;
    standing = standing_of(walk, item);
    return !standing.typed && !standing.in_effect;
}

static bool is_forbidden(const struct walk *walk, const struct item *item)
{
    struct standing standing = standing_of(walk, item);

    return standing.typed || (standing.in_effect && !standing.is_default);
}

/* With --yaml-cfg the values are not those of the command line. */
static bool can_judge(const struct walk *walk)
{
    return walk->policy && !walk->job->yaml_cfg;
}

/* Those of the policy's options that 'fails' says of, as they stand there; their names go to the
 * finding. */
static const char *failing(struct walk *walk, const struct policy_words *words,
                           bool (*fails)(const struct walk *, const struct item *),
                           struct finding *finding)
{
    const char *text = NULL;

    for (size_t i = 0; i < words->count; i++) {
        struct item item = split(words->item[i], walk->arena);

        if (!fails(walk, &item))
            continue;
        finding->options = arena_printf(walk->arena, "%s%s%s", finding->options,
                                        *finding->options ? " " : "", item.word[0]);
        text = text ? arena_printf(walk->arena, "%s %s", text, words->item[i]) : words->item[i];
    }
    return text;
}

static enum answer required_options(struct walk *walk, struct finding *finding)
{
    const char *missing;

    if (!can_judge(walk) || !walk->policy->required_options.count)
        return NOT_APPLICABLE;
    missing = failing(walk, &walk->policy->required_options, is_missing, finding);
    if (!missing)
        return HOLDS;
    finding_fix(walk, finding, "add %s", missing);
    return violated(walk, finding, "the policy requires %s (%s)", missing,
                    asked_by(walk, POLICY_REQUIRED_OPTIONS));
}

static enum answer forbidden_options(struct walk *walk, struct finding *finding)
{
    const char *found;

    if (!can_judge(walk) || !walk->policy->forbidden_options.count)
        return NOT_APPLICABLE;
    found = failing(walk, &walk->policy->forbidden_options, is_forbidden, finding);
    if (!found)
        return HOLDS;
    finding_fix(walk, finding, "train without %s", found);
    return violated(walk, finding, "the policy forbids %s (%s)", found,
                    asked_by(walk, POLICY_FORBIDDEN_OPTIONS));
}

static const struct rule rows[] = {
    {
        .id = "policy-max-gpus",
        .stage = STAGE_POLICY,
        .severity = SEVERITY_ERROR,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options = "@world",
        .check = max_gpus,
        .what = "the job uses no more GPUs than the policy allows: max_gpus",
        .why = "a site's budget, also for some paths and partitions only; --max-gpus asks the same",
        .fix = "start fewer ranks",
    },
    {
        .id = "policy-allowed-gpus",
        .stage = STAGE_POLICY,
        .severity = SEVERITY_ERROR,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options = "",
        .check = allowed_gpus,
        .what = "the job runs on a GPU that the policy allows: allowed_gpus",
        .why = "a site keeps some GPUs for other work; where the GPU is not known nothing is said",
        .fix = "ask for one of the GPUs allowed",
    },
    {
        .id = "policy-world-size",
        .stage = STAGE_POLICY,
        .severity = SEVERITY_ERROR,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options =
            "@world --tensor-model-parallel-size --pipeline-model-parallel-size "
            "--context-parallel-size --expert-model-parallel-size --expert-tensor-parallel-size",
        .needs = "world-divides-model",
        .check = world_size_product,
        .what =
            "with world_size_rule: product, TP x PP x CP x EP x ETP divides the number of ranks",
        .why = "some guides write world_size = TP x PP x EP x ETP x CP x DP. Megatron asks less: "
               "TP x PP x CP "
               "must divide the ranks, and so must ETP x EP x PP, because expert groups are laid "
               "over the "
               "ranks of data and context parallelism. Off unless the policy asks for it",
        .fix = "more ranks, or a smaller --expert-model-parallel-size",
    },
    {
        .id = "policy-required-options",
        .stage = STAGE_POLICY,
        .severity = SEVERITY_ERROR,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options = "",
        .check = required_options,
        .what = "every option that the policy requires is in effect: required_options",
        .why = "judged by what Megatron's parser leaves, in any spelling; options of other "
               "releases are not asked "
               "for",
        .fix = "add the options",
    },
    {
        .id = "policy-forbidden-options",
        .stage = STAGE_POLICY,
        .severity = SEVERITY_ERROR,
        .since = RELEASE_0_8_0,
        .until = RELEASE_MAIN,
        .options = "",
        .check = forbidden_options,
        .what = "no option that the policy forbids is in effect: forbidden_options",
        .why = "judged by what Megatron would train with, in any spelling; a value that is the "
               "default counts only "
               "when it is given",
        .fix = "leave the options out",
    },
};

const struct rule_section policy_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
