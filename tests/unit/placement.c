/* Which layers each chunk holds. Jobs are filled by hand: only what placement reads. */
#include "memory/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct {
    const char *what;
    int64_t layers, pp, vpp;
    int64_t first, last;  /* decoder-first/last-pipeline-num-layers, 0: not given */
    bool embedding, loss; /* account-for-... */
    const char *layout;
    const char
        *want; /* layers of rank 0's chunks, of rank 1's ...: "1-2,5-6;3-4,7-8"; NULL: none */
} cases[] = {
    { "even", 32, 4, 1, 0, 0, 0, 0, NULL, "1-8;9-16;17-24;25-32" },
    { "one rank", 3, 1, 1, 0, 0, 0, 0, NULL, "1-3" },
    { "interleaved", 8, 2, 2, 0, 0, 0, 0, NULL, "1-2,5-6;3-4,7-8" },
    { "both accounted", 30, 4, 1, 0, 0, 1, 1, NULL, "1-7;8-15;16-23;24-30" },
    { "loss accounted", 7, 2, 1, 0, 0, 0, 1, NULL, "1-4;5-7" },
    { "accounted, interleaved", 14, 2, 2, 0, 0, 1, 1, NULL, "1-3,8-11;4-7,12-14" },
    { "accounted, empty last", 7, 2, 4, 0, 0, 0, 1, NULL, "1,3,5,7;2,4,6,-" },
    { "first and last", 61, 8, 1, 7, 6, 0, 0, NULL,
      "1-7;8-15;16-23;24-31;32-39;40-47;48-55;56-61" },
    { "uneven, interleaved", 24, 4, 2, 4, 4, 0, 0, NULL,
      "1-2,13-14;3-6,15-18;7-10,19-22;11-12,23-24" },
    { "first alone", 10, 2, 1, 4, 0, 0, 0, NULL, "1-4;5-10" },
    { "first and last of two", 10, 2, 1, 4, 6, 0, 0, NULL, "1-4;5-10" },
    { "first on one rank drops the rest", 12, 1, 1, 6, 0, 0, 0, NULL, "1-6" },
    { "layout", 5, 2, 2, 0, 0, 0, 0, "Et|tt|t|tL", "1,4;2-3,5" },
    { "layout with an empty stage", 4, 2, 2, 0, 0, 0, 0, "E|tt|tt|L", "-,3-4;1-2,-" },
    { "does not divide", 10, 4, 1, 0, 0, 0, 0, NULL, NULL },
    { "middle does not divide", 10, 4, 1, 3, 0, 0, 0, NULL, NULL },
    { "more than there are", 10, 4, 1, 8, 8, 0, 0, NULL, NULL },
};

static void fill(struct job *job, struct shape *shape, size_t i)
{
    job_init(job);
    job->num_layers = cases[i].layers;
    if (cases[i].first)
        job->decoder_first_pipeline_num_layers = cases[i].first;
    if (cases[i].last)
        job->decoder_last_pipeline_num_layers = cases[i].last;
    job->account_for_embedding_in_pipeline_split = cases[i].embedding;
    job->account_for_loss_in_pipeline_split = cases[i].loss;
    job->pipeline_model_parallel_layout = cases[i].layout;
    *shape = (struct shape) { .release = RELEASE_MAIN,
                              .num_layers = (uint64_t)cases[i].layers,
                              .pp = (uint64_t)cases[i].pp,
                              .vpp = (uint64_t)cases[i].vpp };
}

static void print(const struct placement *placement, FILE *out)
{
    for (int64_t r = 0; r < placement->pp; r++) {
        for (int64_t v = 0; v < placement->vpp; v++) {
            const struct chunk *chunk = placement_chunk(placement, r, v);
            long first = (long)chunk->first_layer + 1, last = first + (long)chunk->layer_count - 1;

            fputs(v ? "," : r ? ";" : "", out);
            if (last > first)
                fprintf(out, "%ld-%ld", first, last);
            else if (last == first)
                fprintf(out, "%ld", first);
            else
                fputc('-', out);
        }
    }
}

static void test_layers(void **state)
{
    static struct job job;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct placement placement;
        struct shape shape;
        const char *why = NULL;
        char text[200] = "";
        FILE *out;

        fill(&job, &shape, i);
        if (!placement_of(&job, &shape, &arena, &placement, &why)) {
            if (cases[i].want)
                fail_msg("%s: no placement because of %s", cases[i].what, why);
            assert_non_null(why);
            arena_release(&arena);
            continue;
        }
        out = fmemopen(text, sizeof(text), "w");
        print(&placement, out);
        fclose(out);
        if (!cases[i].want || strcmp(text, cases[i].want))
            fail_msg("%s: %s, not %s", cases[i].what, text,
                     cases[i].want ? cases[i].want : "refused");
        arena_release(&arena);
    }
}

/* Who holds embedding (e), its copy (c), output weight (o), output copy (p), final norm (n), MTP
 * (m). */
static const struct {
    const char *what;
    enum release release;
    int64_t pp, vpp;
    bool tied;
    int64_t mtp;
    const char *layout;
    const char *want; /* chunks in the order of the data's way */
} ends[] = {
    { "tied on one rank", RELEASE_MAIN, 1, 1, true, 0, NULL, "en" },
    { "untied on one rank", RELEASE_MAIN, 1, 1, false, 0, NULL, "eon" },
    { "tied on two", RELEASE_MAIN, 2, 1, true, 0, NULL, "e;opn" },
    { "untied, interleaved", RELEASE_MAIN, 2, 2, false, 0, NULL, "e;;;on" },
    { "mtp on the last of two", RELEASE_MAIN, 2, 1, false, 1, NULL, "e;econm" },
    { "mtp, tied", RELEASE_MAIN, 2, 1, true, 1, NULL, "e;ecopnm" },
    { "mtp alone, norm with the last layer", RELEASE_MAIN, 4, 1, false, 1, "Ett|tt|m|L",
      "e;n;ecm;o" },
    { "mtp alone, norm on the last stage", RELEASE_0_15_0, 4, 1, false, 1, "Ett|tt|m|L",
      "e;;ecm;on" },
};

static void print_ends(const struct placement *placement, FILE *out)
{
    for (int64_t v = 0; v < placement->vpp; v++) {
        for (int64_t r = 0; r < placement->pp; r++) {
            const struct chunk *chunk = placement_chunk(placement, r, v);

            fprintf(out, "%s%s%s%s%s%s%s", v || r ? ";" : "", chunk->embedding ? "e" : "",
                    chunk->embedding_copy ? "c" : "", chunk->output_weight ? "o" : "",
                    chunk->output_copy ? "p" : "", chunk->final_norm ? "n" : "",
                    chunk->mtp_count ? "m" : "");
        }
    }
}

static void test_ends(void **state)
{
    static struct job job;

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct shape shape = { .release = ends[i].release,
                               .num_layers = 4,
                               .pp = (uint64_t)ends[i].pp,
                               .vpp = (uint64_t)ends[i].vpp,
                               .tied = ends[i].tied,
                               .mtp_num_layers = (uint64_t)ends[i].mtp };
        struct arena arena = ARENA_INIT;
        struct placement placement;
        const char *why = NULL;
        char text[100] = "";
        FILE *out;

        job_init(&job);
        job.num_layers = 4;
        job.pipeline_model_parallel_layout = ends[i].layout;
        if (!placement_of(&job, &shape, &arena, &placement, &why))
            fail_msg("%s: no placement because of %s", ends[i].what, why);
        out = fmemopen(text, sizeof(text), "w");
        print_ends(&placement, out);
        fclose(out);
        if (strcmp(text, ends[i].want))
            fail_msg("%s: %s, not %s", ends[i].what, text, ends[i].want);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_ends),
    };

    return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
