/* Orders of forward and backward as Megatron's schedules run them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "memory/schedule.h"

static struct arena arena;

/* "F0.1 B3.0": forward of micro-batch 0, chunk 1; backward of micro-batch 3, chunk 0. */
static const char *order(const struct schedule *schedule, int64_t rank)
{
    static char text[4096];
    struct events events;
    size_t n = 0;

    schedule_events(schedule, rank, &arena, &events);
    for (size_t i = 0; i < events.count; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c%d.%d", i ? " " : "",
                              events.event[i].backward ? 'B' : 'F', (int)events.event[i].microbatch,
                              events.event[i].chunk);
    return text;
}

static const struct {
    struct schedule schedule;
    int64_t rank;
    const char *want;
} orders[] = {
    { { .pp = 1, .vpp = 1, .microbatches = 2, .group = 1 }, 0, "F0.0 B0.0 F1.0 B1.0" },
    { { .pp = 1, .vpp = 1, .microbatches = 2, .group = 1, .combined = true },
      0,
      "F0.0 F1.0 B0.0 B1.0" },
    { { .pp = 2, .vpp = 1, .microbatches = 3, .group = 2 }, 0, "F0.0 F1.0 B0.0 F2.0 B1.0 B2.0" },
    { { .pp = 2, .vpp = 1, .microbatches = 3, .group = 2 }, 1, "F0.0 B0.0 F1.0 B1.0 F2.0 B2.0" },
    { { .pp = 4, .vpp = 1, .microbatches = 1, .group = 4 }, 0, "F0.0 B0.0" },
    /* warm-up of rank 1: 2 (2 - 1 - 1) + (2 - 1) 2 = 2 */
    { { .pp = 2, .vpp = 2, .microbatches = 2, .group = 2 },
      1,
      "F0.0 F1.0 F0.1 B0.1 F1.1 B1.1 B0.0 B1.0" },
    { { .pp = 2, .vpp = 2, .microbatches = 2, .group = 2 },
      0,
      "F0.0 F1.0 F0.1 F1.1 B0.1 B1.1 B0.0 B1.0" },
    /* the last group is smaller */
    { { .pp = 2, .vpp = 2, .microbatches = 3, .group = 2 },
      1,
      "F0.0 F1.0 F0.1 B0.1 F1.1 B1.1 F2.0 B0.0 F2.1 B1.0 B2.1 B2.0" },
};

static void test_orders(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        assert_string_equal(order(&orders[i].schedule, orders[i].rank), orders[i].want);
}

/* Thousands of micro-batches cost no more than what reaches the steady state. */
static void test_long_runs_are_cut(void **state)
{
    const struct schedule schedule = { .pp = 8, .vpp = 4, .microbatches = 100000, .group = 8 };
    struct events events;

    (void)state;
    schedule_events(&schedule, 0, &arena, &events);
    assert_int_equal(events.warmup, 2 * 7 + 3 * 8);
    assert_true(events.count < 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_long_runs_are_cut),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    arena_release(&arena);
    return failed;
}
