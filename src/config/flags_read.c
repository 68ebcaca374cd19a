/* Options of Megatron's as a file: one or several a line, or the whole command that starts a job.
 */
#include <errno.h>
#include <string.h>

#include "base/read_file.h"
#include "base/shell_word.h"
#include "config/config.h"
#include "launch/shell.h"
#include "megatron/options.h"

enum { MOST_BYTES = 256 * 1024, MOST_WORDS = 4096 };

/* The first letter that is not in a comment. */
static char first_letter(const char *text)
{
    for (text += strspn(text, " \t\n"); *text == '#'; text += strspn(text, " \t\n"))
        text += strcspn(text, "\n");
    return *text;
}

/* Comment lines and the backslash at a line's end become blanks. */
static void blank_out(char *text)
{
    for (char *line = text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        char *end = line + length;

        next = *end ? end + 1 : end;
        if (line[strspn(line, " \t")] == '#')
            memset(line, ' ', length);
        else if (length && end[-1] == '\\')
            end[-1] = ' ';
    }
}

static const char *unknown_variable(void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

/* The trainer's words of a command that starts a job. */
static int read_command(struct config *config, const char *text, struct launch *launch,
                        struct error *err)
{
    static const struct environment environment;
    struct shell_command command;
    const char *why =
        shell_command_read(text, &environment, unknown_variable, NULL, config->arena, &command);

    if (why)
        return error_set(err, "%s: neither options nor a plain command: %s", config->path, why);
    launch_parse(command.argc, command.argv, &environment, config->arena, launch);
    return 0;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' && word[2];
}

/* Sorts words into options with their values. As for argparse, the last of one name counts. */
static int add_options(struct config *config, int argc, const char *const *argv, struct error *err)
{
    if (argc > MOST_WORDS)
        return error_set(err, "%s: more than %d words", config->path, MOST_WORDS);
    for (int i = 0, end; i < argc; i = end) {
        const char *equals = strchr(argv[i], '=');
        const char *value = equals ? equals + 1 : NULL;
        const char *name =
            equals ? arena_strndup(config->arena, argv[i], (size_t)(equals - argv[i])) : argv[i];

        if (!is_option(argv[i]))
            return error_set(err, "%s: '%.80s' belongs to no option", config->path, argv[i]);
        for (end = i + 1; end < argc && !is_option(argv[end]);)
            end++;
        config_remove(config, name);
        if (equals)
            config_set_words(config, CONFIG_FILE, (struct config_place) { 0 }, name, 1, &value);
        else
            config_set_words(config, CONFIG_FILE, (struct config_place) { 0 }, name, end - i - 1,
                             argv + i + 1);
        if (equals && end > i + 1)
            return error_set(err, "%s: '%.80s' belongs to no option", config->path, argv[i + 1]);
    }
    return 0;
}

int flags_of_launch(struct config *config, const struct launch *launch, struct error *err)
{
    if (launch->cannot_know)
        return error_set(err, "%s: %s", config->path, launch->cannot_know);
    if (launch->world.known && !config->world.value)
        config->world = (struct config_size) { .value = launch->world.value,
                                               .place = { .key = launch->world.source } };
    return add_options(config, launch->argc, launch->argv, err);
}

int flags_read(struct config *config, const char *path, struct error *err)
{
    struct launch launch = { 0 };
    size_t size;
    char *text = read_file(path, MOST_BYTES, config->arena, &size);

    config->path = path;
    config->format = "options";
    if (!text && errno == EFBIG)
        return error_set(err, "%s: larger than %d KiB", path, MOST_BYTES / 1024);
    if (!text)
        return error_set(err, "cannot read '%s': %s", path,
                         errno ? strerror(errno) : "not a regular file");
    if (strlen(text) != size)
        return error_set(err, "%s: byte %zu is zero: this is no text", path, strlen(text));
    if (first_letter(text) != '-')
        return read_command(config, text, &launch, err) < 0 ? -1
                                                            : flags_of_launch(config, &launch, err);
    blank_out(text);
    launch.argv = shell_words_split(text, &launch.argc, config->arena);
    return add_options(config, launch.argc, launch.argv, err);
}
