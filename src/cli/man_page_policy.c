/* megatron-preflight-policy(5), from the rows of policy_keys.c and decision.c. */
#include "cli/man_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/decision.h"
#include "verdict/policy_keys.h"

/* A list of words as "a, b or c". */
static void put_choices(const char *choices)
{
    for (const char *p = choices; *p; p++) {
        if (*p != ' ')
            putchar(*p);
        else
            fputs(strchr(p + 1, ' ') ? ", " : " or ", stdout);
    }
}

static void put_default(enum policy_key key)
{
    struct policy policy;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    policy_init(&policy);
    policy_print_value(&policy, key, out);
    fclose(out);
    fputs("Default: ", stdout);
    man_text(text);
    fputs(".\n", stdout);
    free(text);
}

static void put_stricter(const struct policy_key_row *row)
{
    static const char *const text[] = {
        [STRICTER_LOWER] = "When locked, a smaller value is still taken.\n",
        [STRICTER_HIGHER] = "When locked, a later one is still taken.\n",
    };

    if (row->stricter == STRICTER_LOWER && row->kind == KEY_CHOICE)
        fputs("When locked, an earlier one is still taken.\n", stdout);
    else if (row->stricter != STRICTER_NONE)
        fputs(text[row->stricter], stdout);
}

static void put_key(enum policy_key key)
{
    const struct policy_key_row *row = &policy_keys[key];

    printf(".TP\n.BI %s: \" ", row->name);
    if (row->value)
        man_text(row->value);
    else
        put_choices(row->choices);
    fputs("\"\n", stdout);
    man_sentence(row->help);
    put_default(key);
    put_stricter(row);
}

static void put_options(void)
{
    fputs(".SH OPTIONS THAT CAN BE LOCKED\n", stdout);
    man_sentence("These are no keys of a policy: in the list of 'locked' they forbid the option of "
                 "that name, and "
                 "the variable that stands for it, which could make a job look smaller than it is. "
                 "So do gpu "
                 "and gpu_memory. 'all' locks every key and all of these; a hook of the site's own "
                 "that gives "
                 "such options to the program needs them unlocked");
    fputs(".PP\n", stdout);
    for (int key = POLICY_FILE_KEY_COUNT; key < POLICY_KEY_COUNT; key++)
        printf("%s.B %s\n", key > POLICY_FILE_KEY_COUNT ? ".br\n" : "", policy_keys[key].name);
}

static void put_log(void)
{
    fputs(".SH THE LOG\n", stdout);
    man_sentence(
        "One JSON object a line, written with one write by the rank that decides. The file is made "
        "with "
        "mode 0644 where it is not there; links are not followed. For one file that all users "
        "write to, "
        "make it with mode 0622; tidier is %u in a directory of mode 1733. What users can write to "
        "they can change: syslog keeps what it was given. A file system that does "
        "not "
        "answer costs a job two seconds. With mode off nothing is decided, and nothing is logged");
    fputs(".PP\n.B megatron\\-preflight audit \\fILOG\\fR...\n", stdout);
    man_text("says what was stopped, or would have been, by rule and by user.\n");
    for (size_t i = 0; i < decision_field_count; i++) {
        printf(".TP\n.B %s\n", decision_fields[i].name);
        man_sentence(decision_fields[i].what);
    }
}

static void put_files(void)
{
    fputs(".SH FILES\n.TP\n.I " SYSCONFDIR "/megatron\\-preflight/policy.yaml\nThe site's policy.\n"
          ".TP\n.I " SYSCONFDIR
          "/megatron\\-preflight/policy.d/*.yaml\nMore of it, in the order of the bytes of "
          "the names.\n",
          stdout);
}

static void put_example(void)
{
    fputs(".SH EXAMPLE\nTwo weeks of watching:\n.PP\n.nf\nmode: observe\n"
          "log: /var/log/megatron\\-preflight/%u.jsonl\nlocked: [mode, log]\n.fi\n"
          ".PP\nAfterwards:\n.PP\n.nf\nmode: enforce\nlog: /var/log/megatron\\-preflight/%u.jsonl\n"
          "max_gpus: 512\npartitions:\n  debug: {max_gpus: 16}\nrequired_options: "
          "[\\-\\-use\\-distributed\\-optimizer]\nseverity:\n  memory\\-near\\-limit: ignore\n"
          "bypass: {groups: [operators]}\nlocked: [mode, log, bypass, max_gpus, partitions, "
          "severity]\n.fi\n",
          stdout);
}

void man_page_policy(void)
{
    man_head("megatron-preflight-policy", 5);
    fputs(".SH NAME\nmegatron\\-preflight\\-policy \\- what a site lets jobs do\n.SH DESCRIPTION\n",
          stdout);
    man_sentence("A YAML mapping of the keys below. First the site's files are read, then the one "
                 "of --policy or "
                 "MEGATRON_PREFLIGHT_POLICY; the later wins key by key, lists as a whole, "
                 "'severity', 'paths' and "
                 "'partitions' entry by entry. Options and variables come last. What the site's "
                 "files lock, nothing "
                 "of a user's can loosen: an attempt is said in one warning and changes nothing");
    fputs(".PP\n", stdout);
    man_sentence("A lock holds against habit and mistake, not against a user who starts the "
                 "trainer without this program: "
                 "that is for the scheduler's hooks");
    fputs(".PP\n", stdout);
    man_sentence("A file of the site that cannot be read is left out with a warning when a job "
                 "starts, unless the "
                 "rest of the policy has on_error: block; for check it is an error. check with "
                 "--batch or --facts, "
                 "and the library, read no site's policy: give it with --policy, which takes a "
                 "directory, too");
    fputs(".PP\n.B megatron\\-preflight \\-\\-explain\\-policy\n", stdout);
    man_text("says for every key which file and line, option or variable set it.\n");
    fputs(".SH KEYS\n", stdout);
    for (int key = 0; key < POLICY_FILE_KEY_COUNT; key++)
        put_key((enum policy_key)key);
    put_options();
    put_log();
    put_files();
    put_example();
    fputs(".SH SEE ALSO\n.BR megatron\\-preflight (1),\n.BR megatron\\-preflight\\-rules (7)\n",
          stdout);
}
