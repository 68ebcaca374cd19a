/* Stage parse: what Megatron's argparse answers to the command line. */
#include "rules/parse.h"

#include <string.h>

#include "base/word_list.h"
#include "launch/launchers.h"
#include "megatron/python_value.h"
#include "rules/sections.h"
#include "rules/truth.h"

/* Megatron's entry scripts that add no options of their own, but ModelOpt's. */
static const char *const own_scripts[] = { "pretrain_gpt.py", "pretrain_hybrid.py",
                                           "pretrain_mamba.py" };

static int count_words(const char *words)
{
    int count = 0;

    for (const char *p = words; *p; p += strspn(p, " ")) {
        p += strcspn(p, " ");
        count++;
    }
    return count;
}

static enum answer modified_tree_check(struct walk *walk, struct finding *finding)
{
    const struct fact_str *changed = &walk->facts->megatron_changed;
    const char *tree =
        walk->facts->megatron_tree.known ? walk->facts->megatron_tree.value : "the Megatron tree";
    const char *gone = walk->facts->places_gone.known && *walk->facts->places_gone.value
                           ? walk->facts->places_gone.value
                           : NULL;
    int count = changed->known ? count_words(changed->value) : 0;

    if (!count)
        return HOLDS;
    return violated(walk, finding, "%s differs from %s in %d file%s with rules: %s%s%s", tree,
                    release_name(walk->release), count, count == 1 ? "" : "s", changed->value,
                    gone ? "; without the rules " : "", gone ? gone : "");
}

static void point_at_words(struct finding *finding, int index, int words)
{
    if (finding->where_count < (int)(sizeof(finding->where) / sizeof(finding->where[0])))
        finding->where[finding->where_count++] =
            (struct where) { .in = WHERE_ARGV, .index = index, .words = words };
}

/* Points at every error that 'wanted' accepts and joins their messages; NULL when there is none. */
static const char *join_errors(struct walk *walk, struct finding *finding,
                               bool (*wanted)(const struct argparse_error *))
{
    const char *text = NULL;

    for (size_t i = 0; i < walk->parse->error_count; i++) {
        const struct argparse_error *error = &walk->parse->error[i];

        if (!wanted(error))
            continue;
        point_at_words(finding, error->index, error->words);
        text = text ? arena_printf(walk->arena, "%s; %s", text, error->message) : error->message;
    }
    return text;
}

static bool is_usage(const struct argparse_error *error)
{
    return error->problem == ARGPARSE_USAGE;
}

static bool is_key_error(const struct argparse_error *error)
{
    return error->problem == ARGPARSE_TRACEBACK && strncmp(error->message, "KeyError", 8) == 0;
}

static bool is_expression_error(const struct argparse_error *error)
{
    return error->problem == ARGPARSE_TRACEBACK && !is_key_error(error);
}

/* The word after an option that wanted a value, if it is a number that argparse takes for an
 * option. */
static const char *negative_number_after(const struct walk *walk,
                                         const struct argparse_error *error)
{
    int next = error->index + 1;
    double number;

    if (error->words != 1 || next >= walk->launch->argc)
        return NULL;
    return walk->launch->argv[next][0] == '-' && python_float(walk->launch->argv[next], &number)
               ? walk->launch->argv[next]
               : NULL;
}

static enum answer option_value_check(struct walk *walk, struct finding *finding)
{
    const char *text = join_errors(walk, finding, is_usage);
    const char *number;

    if (!text)
        return HOLDS;
    for (size_t i = 0; i < walk->parse->error_count; i++) {
        number = negative_number_after(walk, &walk->parse->error[i]);
        if (number)
            finding_fix(walk, finding, "%s=%s: to argparse '%s' alone is an option",
                        walk->parse->error[i].option, number, number);
    }
    return violated(walk, finding, "%s", text);
}

static enum answer option_name_value_check(struct walk *walk, struct finding *finding)
{
    const char *text = join_errors(walk, finding, is_key_error);
    const struct option_row *row;
    const char *option;

    if (!text)
        return HOLDS;
    option = walk->launch->argv[finding->where[0].index];
    row = option_find(option, strcspn(option, "="), walk->release);
    if (row)
        finding_fix(walk, finding, "one of %s, in that spelling", row->choices);
    return violated(walk, finding, "%.*s: %s", (int)strcspn(option, "="), option, text);
}

static enum answer option_expression_check(struct walk *walk, struct finding *finding)
{
    const char *text = join_errors(walk, finding, is_expression_error);

    if (!text)
        return HOLDS;
    return violated(walk, finding, "%s: %s", walk->launch->argv[finding->where[0].index], text);
}

static enum answer help_check(struct walk *walk, struct finding *finding)
{
    if (walk->parse->first.problem != ARGPARSE_HELP)
        return HOLDS;
    point_at_words(finding, walk->parse->first.index, 1);
    return VIOLATED;
}

static bool is_own_script(const char *script)
{
    for (size_t i = 0; script && i < sizeof(own_scripts) / sizeof(own_scripts[0]); i++)
        if (strcmp(launcher_base_name(script), own_scripts[i]) == 0)
            return true;
    return false;
}

/* Does the script do something of its own to the command line (facts.script_parser)? */
static bool script_does(const struct walk *walk, const char *what)
{
    const struct fact_str *parser = &walk->facts->script_parser;

    return parser->known && word_list_has(parser->value, what);
}

/* How sure it is that the trainer refuses the option: an error when its own tree was searched in
 * vain, or when only options of a named release's own script were given, with no tree that could
 * say otherwise. */
static enum severity unknown_severity(const struct walk *walk, const char *word)
{
    const struct fact_str *found = &walk->facts->options_in_tree;
    const char *name = arena_strndup(walk->arena, word, strcspn(word, "="));

    if (found->known && word_list_has(found->value, name))
        return SEVERITY_NOTE;
    if (script_does(walk, "ignores-unknown") || script_does(walk, "open"))
        return SEVERITY_WARNING;
    if (found->known)
        return SEVERITY_ERROR;
    if (walk->launch->command_argc == 0 && walk->facts->megatron.known &&
        is_own_script(walk->launch->script))
        return SEVERITY_ERROR;
    return SEVERITY_WARNING;
}

static enum severity worst_unknown(const struct walk *walk)
{
    enum severity worst = SEVERITY_NOTE;

    for (size_t i = 0; i < walk->parse->unknown_count; i++) {
        const struct argparse_unknown *unknown = &walk->parse->unknown[i];

        if (unknown->option) {
            enum severity severity = unknown_severity(walk, walk->launch->argv[unknown->index]);

            worst = severity > worst ? severity : worst;
        }
    }
    return worst;
}

/* The values that follow the unknown option 'i' belong to it. */
static int words_of_unknown(const struct argparse_result *parse, size_t i)
{
    int words = 1;

    while (i + (size_t)words < parse->unknown_count && !parse->unknown[i + (size_t)words].option &&
           parse->unknown[i + (size_t)words].index == parse->unknown[i].index + words)
        words++;
    return words;
}

static enum answer unknown_option_check(struct walk *walk, struct finding *finding)
{
    const struct argparse_result *parse = walk->parse;
    const char *text = NULL, *nearest = NULL;

    finding->severity = worst_unknown(walk);
    for (size_t i = 0; i < parse->unknown_count; i++) {
        const char *word = walk->launch->argv[parse->unknown[i].index];

        if (!parse->unknown[i].option || unknown_severity(walk, word) != finding->severity)
            continue;
        point_at_words(finding, parse->unknown[i].index, words_of_unknown(parse, i));
        text = arena_printf(walk->arena, "%s%s%s", text ? text : "", text ? ", " : "",
                            python_str_repr(word, walk->arena));
        if (parse->unknown[i].nearest)
            nearest = arena_printf(walk->arena, "%s%s%s", nearest ? nearest : "",
                                   nearest ? ", " : "", parse->unknown[i].nearest);
    }
    if (!text)
        return HOLDS;
    if (finding->severity == SEVERITY_NOTE)
        return violated(walk, finding,
                        "%s: not an option of Megatron %s, but of this tree; what it does is not "
                        "checked",
                        text, release_name(walk->release));
    if (nearest)
        finding_fix(walk, finding,
                    "%s; or describe your fork's option in a file for --megatron-options", nearest);
    return violated(walk, finding, "Megatron %s has no option %s%s", release_name(walk->release), text,
                    script_does(walk, "ignores-unknown") ? "; the script may ignore it silently" : "");
}

/* Is the unrecognized word 'i' no value of an unknown option? */
static bool is_stray(const struct argparse_result *parse, size_t i)
{
    for (size_t k = i; !parse->unknown[k].option; k--)
        if (k == 0 || parse->unknown[k - 1].index != parse->unknown[k].index - 1)
            return true;
    return false;
}

static enum answer stray_word_check(struct walk *walk, struct finding *finding)
{
    const struct argparse_result *parse = walk->parse;
    const char *text = NULL;

    for (size_t i = 0; i < parse->unknown_count; i++) {
        if (!is_stray(parse, i))
            continue;
        point_at_words(finding, parse->unknown[i].index, 1);
        text =
            arena_printf(walk->arena, "%s%s%s", text ? text : "", text ? ", " : "",
                         python_str_repr(walk->launch->argv[parse->unknown[i].index], walk->arena));
    }
    if (!text || script_does(walk, "positionals"))
        return HOLDS;
    if (script_does(walk, "open") || script_does(walk, "ignores-unknown"))
        finding->severity = SEVERITY_WARNING;
    return violated(walk, finding, "%s follows no option that takes a value", text);
}

bool parse_spoiled(const struct walk *walk, enum job_field field)
{
    const struct argparse_result *parse = walk->parse;

    for (size_t i = 0; parse && i < parse->error_count; i++)
        if (parse->error[i].dest == field)
            return true;
    for (size_t i = 0; parse && i < parse->unknown_count; i++) {
        const char *nearest = parse->unknown[i].nearest;
        const struct option_row *row =
            nearest ? option_find(nearest, strlen(nearest), walk->release) : NULL;

        if (row && row->dest == field &&
            unknown_severity(walk, walk->launch->argv[parse->unknown[i].index]) == SEVERITY_ERROR)
            return true;
    }
    return false;
}

/* argparse's one group of options that exclude each other. */
static enum answer option_pair_check(struct walk *walk, struct finding *finding)
{
    const struct job *job = walk->job;

    if (!job->kitchen_config_file || !is_set(job->kitchen_recipe_number))
        return HOLDS;
    return violated(walk, finding,
                    "argument --kitchen-config-file: not allowed with argument "
                    "--kitchen-recipe-number");
}

static const struct rule rows[] = {
    { .id = "modified-tree",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = modified_tree_check,
      .what = "the trainer's tree has the files of its release",
      .why = "a fork may have dropped rules that are known of the release: what may still stop the "
             "job there is the policy's modified_tree (grid, batch, divisibility and memory).",
      .fix = "modified_tree: all in the policy, if the fork keeps the release's rules" },
    { .id = "option-help",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_NOTE,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = help_check,
      .what = "-h prints the trainer's help and ends with status 0: nothing is trained",
      .why = "argparse answers -h and --help where it meets them and exits.",
      .fix = "remove it" },
    { .id = "option-value",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = option_value_check,
      .what = "every option has as many values as it wants, each of its type and among its choices",
      .why = "argparse prints its usage and every rank exits with status 2. Integers take no point "
             "and no exponent; choices are compared letter by letter.",
      .fix = "give the value that the option wants" },
    { .id = "option-member",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_11_0,
      .until = RELEASE_MAIN,
      .check = option_name_value_check,
      .what = "options that name a member of an enum name one that exists, in its spelling",
      .why =
          "the name is looked up while parsing; the KeyError is not caught, so that the job ends "
          "in a traceback with status 1.",
      .fix = "a member's name, in lower case" },
    { .id = "option-expression",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_10_0,
      .until = RELEASE_MAIN,
      .check = option_expression_check,
      .what = "list expressions such as ([0]*3+[1]*58) are complete Python",
      .why = "the text goes to Python's eval; its SyntaxError or IndexError is not caught, so that "
             "the job ends in a traceback with status 1.",
      .fix = "close every bracket, for example --moe-layer-freq '([0]*3+[1]*58)'" },
    { .id = "option-pair",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_13_0,
      .until = RELEASE_MAIN,
      .check = option_pair_check,
      .options = "--kitchen-config-file --kitchen-recipe-number",
      .what = "--kitchen-config-file and --kitchen-recipe-number are not given together",
      .why = "They are one choice to argparse: every rank exits with status 2.",
      .fix = "one of the two" },
    { .id = "unknown-option",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = unknown_option_check,
      .shape = true, /* the tree itself was searched, modified or not */
      .what = "every option is one of the release's, or of the trainer's own tree",
      .why = "argparse calls it unrecognized and every rank exits with status 2; abbreviations are "
             "off, '_' is not '-'. A warning where the trainer's tree could not be read.",
      .fix = "remove it, or describe your fork's option in a file for --megatron-options" },
    { .id = "stray-word",
      .stage = STAGE_PARSE,
      .severity = SEVERITY_ERROR,
      .since = RELEASE_0_8_0,
      .until = RELEASE_MAIN,
      .check = stray_word_check,
      .what = "every word is an option or the value of one",
      .why =
          "Megatron takes no positional arguments: argparse calls the word unrecognized and every "
          "rank exits with status 2.",
      .fix = "remove it, or quote the value that it was cut from" },
};

const struct rule_section parse_rules = { rows, sizeof(rows) / sizeof(rows[0]) };
