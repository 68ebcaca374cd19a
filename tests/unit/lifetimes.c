/* Tensors and the steps they live in, against sums made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory/lifetimes.h"

enum { F_ONE, F_TWO, F_THREE, B_THREE, B_TWO, B_ONE };

static const char *const steps[] = { "one", "two", "three", "three'", "two'", "one'", NULL };

static const struct premise certain = { .trust = CERTAIN };
static const struct premise likely = { .trust = LIKELY, .whole_segments = true };

#define KIB 1024

static void check(const struct crest *crest, int64_t kib, const char *at)
{
    assert_int_equal(held_total(&crest->held), kib * KIB);
    assert_string_equal(crest->at, at);
}

/* Saved tensors add up to the end of forward and leave in backward; passing ones count where they
 * are. */
static void test_profile(void **state)
{
    struct lifetimes l;
    struct profile p;

    (void)state;
    lifetimes_init(&l, steps, B_THREE, &likely);
    saved(&l, CERTAIN, 4 * KIB, F_ONE, F_ONE, B_ONE);
    saved(&l, CERTAIN, 2 * KIB, F_TWO, F_THREE, B_TWO);
    passing(&l, CERTAIN, 8 * KIB, F_TWO, F_TWO);
    passing(&l, LIKELY, 1 * KIB, B_TWO, B_ONE);
    passing(&l, POSSIBLE, 64 * KIB, B_TWO, B_ONE);
    lifetimes_profile(&l, &p);
    assert_int_equal(held_total(&p.saved), 6 * KIB);
    check(&p.forward, 14, "two");
    check(&p.light, 10, "two");
    check(&p.backward, 7, "two'");
    assert_int_equal(p.backward.held.bytes[HOLDING_TRANSIENT], 1 * KIB);
}

static void test_rounding(void **state)
{
    struct lifetimes l;
    struct profile p;

    (void)state;
    lifetimes_init(&l, steps, B_THREE, &certain);
    saved(&l, CERTAIN, 1, F_ONE, F_ONE, B_ONE);
    lifetimes_profile(&l, &p);
    assert_int_equal(held_total(&p.saved), 512);
}

static void test_segments(void **state)
{
    struct lifetimes l;
    struct profile p;

    (void)state;
    lifetimes_init(&l, steps, B_THREE, &likely);
    saved(&l, CERTAIN, 11 * KIB * KIB, F_ONE, F_ONE, B_ONE);
    saved(&l, CERTAIN, 9 * KIB * KIB, F_ONE, F_ONE, B_ONE);
    saved(&l, CERTAIN, 12 * KIB * KIB + 1, F_ONE, F_ONE, B_ONE);
    lifetimes_profile(&l, &p);
    assert_int_equal(held_total(&p.saved), 33 * KIB * KIB + 512);
}

/* The gradient that the next stage sent outlives its use. */
static void test_received(void **state)
{
    struct lifetimes l;
    struct profile p;

    (void)state;
    lifetimes_init(&l, steps, B_THREE, &certain);
    output_gradient(&l, 4 * KIB, B_THREE);
    passing(&l, CERTAIN, 8 * KIB, B_TWO, B_ONE);
    lifetimes_profile(&l, &p);
    check(&p.backward, 8, "two'");
    check(&p.received, 12, "two'");
}

/* What is recomputed lives in forward up to its last use, and again from the second run on; running
 * again needs what the first run needed besides. */
static void test_recomputed(void **state)
{
    struct lifetimes l;
    struct profile p;

    (void)state;
    lifetimes_init(&l, steps, B_THREE, &certain);
    lifetimes_recompute(&l, F_TWO, F_THREE, B_THREE);
    saved(&l, CERTAIN, 4 * KIB, F_ONE, F_ONE, B_ONE);
    saved(&l, CERTAIN, 2 * KIB, F_TWO, F_TWO, B_TWO);
    saved(&l, CERTAIN, 2 * KIB, F_THREE, F_THREE, B_THREE);
    passing(&l, CERTAIN, 16 * KIB, F_TWO, F_TWO);
    lifetimes_profile(&l, &p);
    assert_int_equal(held_total(&p.saved), 4 * KIB);
    check(&p.forward, 22, "two");
    check(&p.backward, 22, "three'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile),    cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_segments),   cmocka_unit_test(test_received),
        cmocka_unit_test(test_recomputed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
