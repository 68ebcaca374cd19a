/* Prints the man page whose file name is the argument: megatron-preflight.1 and so on. */
#include "cli/man_page.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *file;
    void (*put)(void);
} pages[] = {
    { "megatron-preflight.1", man_page_command },
    { "megatron-preflight-rules.7", man_page_rules },
};

/* Returns how many characters that made. */
static int put_character(char c)
{
    static const struct {
        char character;
        const char *roff;
    } special[] = {
        { '\\', "\\e" }, { '-', "\\-" }, { '^', "\\(ha" }, { '~', "\\(ti" }, { '\'', "\\(aq" }
    };

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (c == special[i].character) {
            fputs(special[i].roff, stdout);
            return (int)strlen(special[i].roff);
        }
    }
    putchar(c);
    return 1;
}

void man_text(const char *text)
{
    enum { LINE = 50 };
    int column = 0;

    for (const char *p = text; *p; p++) {
        if (column == 0 && *p == '.')
            fputs("\\&", stdout);
        if (*p == ' ' && column > LINE) {
            putchar('\n');
            column = 0;
        } else {
            column += put_character(*p);
        }
    }
}

/* A word of prose, not the name of something: all lower-case letters. */
static bool starts_with_prose(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz");

    return n && (!text[n] || strchr(" ,:;", text[n]));
}

void man_sentence(const char *text)
{
    char last = text[strlen(text) - 1];

    if (starts_with_prose(text))
        putchar(toupper((unsigned char)*text++));
    man_text(text);
    fputs(last == '.' ? "\n" : ".\n", stdout);
}

void man_head(const char *name, int section)
{
    fputs(".TH ", stdout);
    for (const char *p = name; *p; p++)
        printf(*p == '-' ? "\\%c" : "%c", toupper((unsigned char)*p));
    printf(" %d %s \"megatron-preflight %s\"\n", section, RELEASED, VERSION);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(argv[1], pages[i].file) == 0) {
            pages[i].put();
            return 0;
        }
    }
    fprintf(stderr, "man_page: give one of:");
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        fprintf(stderr, " %s", pages[i].file);
    fputc('\n', stderr);
    return 1;
}
