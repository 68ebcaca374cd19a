/* Which variables a script takes from the environment of whoever submits it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expand/borrowed.h"

static const struct {
    const char *script, *want;
} rows[] = {
    { "#!/bin/bash\nTP=4\ntorchrun --tp $TP\n", NULL },
    { "#!/bin/bash\ntorchrun --tp $TP\n", "TP" },
    { "torchrun --tp ${TP}\nTP=4\n", "TP" },
    { "TP=${TP:-4}\ntorchrun --tp $TP\n", "TP" },
    { ": ${TP:=4}\n", "TP" },
    { "TP=1; torchrun $TP\n", "TP" }, /* on the safe side */
    { "TP+=1\nx $TP\n", NULL },
    { "srun -N $SLURM_JOB_NUM_NODES -n $SLURM_NTASKS python $HOME/x.py $USER\n", NULL },
    { "# $TP is what?\nx $1 \"$@\" $# $? $$ ${10}\n", NULL },
    { "for i in 1 2; do echo $i; done\n", NULL },
    { "for ((i = 0; i < N; i++)); do :; done\n", "N" },
    { "while read -r a b; do :; done < f\necho $a $b\n", NULL },
    { "export A=1 B=2\necho $A$B\n", NULL },
    { "A=1\nB=$((A * 2))\nC=$((B + D))\n", "D" },
    { "local a=$1\necho ${#a} ${!a}\n", NULL },
    { "echo '$NOT_READ'\n", "NOT_READ" }, /* on the safe side */
    { "ARGS=(\n --tp $TP\n)\n", "TP" },
    { "", NULL },
};

static void a_script_borrows_what_it_does_not_set(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *have = borrowed_variable(rows[i].script, &arena);

        if (rows[i].want)
            assert_non_null(have);
        if (!rows[i].want && have)
            fail_msg("row %zu: '%s'", i, have);
        if (rows[i].want)
            assert_string_equal(have, rows[i].want);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_script_borrows_what_it_does_not_set) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
