#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "megatron/add_argument.h"
#include "megatron/options_file.h"

enum { OPEN = 1, POSITIONALS = 2, IGNORES = 4, ARGV = 8 };

/* Rows are written as --megatron-options reads them, with ',' for the tab and ';' for the end of a line. */
static const struct row {
    const char *text, *rows;
    int flags;
} rows[] = {
    { "p.add_argument('--a')", "--a,,Store,,,,;", 0 },
    { "p.add_argument(\n    '--a',  # one, two\n    \"--b\", type=int)\n", "--a --b,,Store,,int,,;", 0 },
    { "p.add_argument('--a', nargs='+', type=float, default=[1, 2])", "--a,,Store,+,float,,;", 0 },
    { "p.add_argument('--a', nargs=2)", "--a,,Store,2,,,;", 0 },
    { "p.add_argument('--a', nargs='?', const=1, type = str)", "--a,,Store,?,str,,;", 0 },
    { "p.add_argument('--a', nargs=None)", "--a,,Store,,,,;", 0 },
    { "p.add_argument('--a', action='store_true', help='x')", "--a,,StoreTrue,,,,;", 0 },
    { "p.add_argument('--a', action=\"store_false\", dest='b')", "--a,,StoreFalse,,,,;", 0 },
    { "p.add_argument('--a', action=argparse.BooleanOptionalAction)", "--a --no-a,,BooleanOptional,,,,;", 0 },
    { "p.add_argument('--a', choices=['x', \"y\", 3])", "--a,,Store,,,,x|y|3;", 0 },
    { "p.add_argument('--a', choices=list(X), type=lambda s: f(s, 1))", "--a,,Store,,,,;", 0 },
    { "p.add_argument('--a-' 'b')", "--a-b,,Store,,,,;", 0 },
    { "p.add_argument('-a', '--all')", "--all,,Store,,,,;", 0 },
    { "p.add_argument('-a')", "", 0 },
    { "p.add_argument('config')", "", POSITIONALS },
    { "p.add_argument('config', nargs=argparse.REMAINDER)", "", POSITIONALS },
    { "p.add_argument(f'--{x}')", "", OPEN },
    { "p.add_argument('--' + x)", "", OPEN },
    { "p.add_argument(*names)", "", OPEN },
    { "p.add_argument('--a', nargs=N)", "", OPEN },
    { "p.add_argument('--a', action=Mine)", "", OPEN },
    { "p.add_argument('--a', (", "", OPEN },
    { "p.add_argument('--a'); p.add_argument('--a', type=int)", "--a,,Store,*,,,;", 0 },
    { "p.add_argument('--a'); p.add_argument('--a')", "--a,,Store,,,,;", 0 },
    { "'p.add_argument(\"--a\")' # p.add_argument('--b')\n\"\"\"p.add_argument('--c')\n\"\"\"", "", 0 },
    { "my_add_argument('--a'); p.add_argument_group('--b')", "", 0 },
    { "args, rest = p.parse_known_args()", "", IGNORES },
    { "initialize_megatron(ignore_unknown_args = True)", "", IGNORES },
    { "initialize_megatron(ignore_unknown_args=False)", "", 0 },
    { "sys.argv = [sys.argv[0]] + rest", "", ARGV },
    { "sys.argv += ['--x']", "", ARGV },
    { "sys.argv[1:] = rest", "", ARGV },
    { "sys.argv.extend(x)", "", ARGV },
    { "if sys.argv == [] or sys.argv[0] == 'x': print(sys.argv)", "", 0 },
    { "", "", 0 },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct added_arguments added = { 0 };
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        int flags;

        add_argument_scan(rows[i].text, &arena, &added);
        options_text_write(added.row, added.count, out);
        fclose(out);
        for (char *p = text; *p; p++)
            *p = *p == '\t' ? ',' : *p == '\n' ? ';' : *p;
        flags = (added.open ? OPEN : 0) | (added.positionals ? POSITIONALS : 0) |
                (added.ignores_unknown ? IGNORES : 0) | (added.changes_argv ? ARGV : 0);
        if (strcmp(text, rows[i].rows) != 0 || flags != rows[i].flags)
            fail_msg("%s: %s flags %d", rows[i].text, text, flags);
        free(text);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
