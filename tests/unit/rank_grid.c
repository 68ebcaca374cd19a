#include "memory/rank_grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* 64 ranks, tp 2, pp 2, cp 2, ep 8, etp 1: dp 8, edp 4. */
static const struct shape folded = { .release = RELEASE_MAIN,
                                     .world_size = 64,
                                     .tp = 2,
                                     .gtp = 1,
                                     .cp = 2,
                                     .dp = 8,
                                     .pp = 2,
                                     .etp = 1,
                                     .ep = 8,
                                     .egtp = 1,
                                     .edp = 4 };

/* 16 ranks of 0.9, tp 2, pp 2, ep 2 inside dp 4. */
static const struct shape carved = { .release = RELEASE_0_9_0,
                                     .world_size = 16,
                                     .tp = 2,
                                     .gtp = 1,
                                     .cp = 1,
                                     .dp = 4,
                                     .pp = 2,
                                     .etp = 2,
                                     .ep = 2,
                                     .egtp = 1,
                                     .edp = 2 };

/* 16 ranks, tp 2, pp 2, dp 4: the pipeline axis may come before dp because edp is dp. */
static const struct shape flat = { .release = RELEASE_MAIN,
                                   .world_size = 16,
                                   .tp = 2,
                                   .gtp = 1,
                                   .cp = 1,
                                   .dp = 4,
                                   .pp = 2,
                                   .etp = 2,
                                   .ep = 1,
                                   .egtp = 1,
                                   .edp = 4 };

static const struct {
    const struct shape *shape;
    bool pp_before_dp;
    int64_t rank;
    int64_t want[AXIS_COUNT]; /* tp gtp cp dp pp etp ep egtp edp */
} cases[] = {
    { &folded, false, 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
    { &folded, false, 13, { 1, 0, 0, 3, 0, 0, 5, 0, 1 } },
    { &folded, false, 63, { 1, 0, 1, 7, 1, 0, 7, 0, 3 } },
    { &folded, false, 32, { 0, 0, 0, 0, 1, 0, 0, 0, 0 } },
    { &flat, true, 7, { 1, 0, 0, 1, 1, 1, 0, 0, 1 } },
    { &flat, false, 7, { 1, 0, 0, 3, 0, 1, 0, 0, 3 } },
    { &carved, false, 3, { 1, 0, 0, 1, 0, 1, 1, 0, 0 } },
    { &carved, false, 13, { 1, 0, 0, 2, 1, 1, 0, 0, 1 } },
};

static void test_coordinates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rank_grid grid;
        struct rank_coordinates at;

        rank_grid_of(cases[i].shape, cases[i].pp_before_dp, &grid);
        rank_coordinates_of(&grid, cases[i].rank, &at);
        for (int axis = 0; axis < AXIS_COUNT; axis++)
            if (at.at[axis] != cases[i].want[axis])
                fail_msg("case %zu: rank %jd has %s %jd, not %jd", i, (intmax_t)cases[i].rank,
                         grid_axis_names[axis], (intmax_t)at.at[axis],
                         (intmax_t)cases[i].want[axis]);
    }
}

static void test_groups(void **state)
{
    struct rank_grid grid;
    int64_t ranks[8];

    (void)state;
    rank_grid_of(&folded, false, &grid);
    rank_group(&grid, 13, AXIS_PP, ranks);
    assert_int_equal(ranks[0], 13);
    assert_int_equal(ranks[1], 45);
    rank_group(&grid, 13, AXIS_EP, ranks);
    for (int i = 0; i < 8; i++)
        assert_int_equal(ranks[i], 8 + i);
    rank_group(&grid, 13, AXIS_TP, ranks);
    assert_int_equal(ranks[0], 12);
    assert_int_equal(ranks[1], 13);
}

/* Every rank has coordinates of its own in both grids. */
static void test_grids_cover_the_world(void **state)
{
    struct rank_grid grid;
    struct rank_coordinates at;

    (void)state;
    rank_grid_of(&folded, false, &grid);
    for (int64_t rank = 0; rank < grid.world_size; rank++) {
        int64_t dense = 0, expert = 0;

        rank_coordinates_of(&grid, rank, &at);
        for (int axis = AXIS_TP; axis <= AXIS_PP; axis++)
            dense += at.at[axis] * grid.stride[axis];
        assert_int_equal(dense, rank);
        for (int axis = AXIS_ETP; axis <= AXIS_EDP; axis++)
            expert += at.at[axis] * grid.stride[axis];
        assert_int_equal(expert + at.at[AXIS_PP] * (grid.world_size / 2), rank);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coordinates),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_grids_cover_the_world),
    };

    return cmocka_run_group_tests_name("rank_grid", tests, NULL, NULL);
}
