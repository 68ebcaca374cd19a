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
    { "megatron-preflight-policy.5", man_page_policy },
    { "megatron-preflight-rules.7", man_page_rules },
};

static const char *roff_of(char c)
{
    static const char *const special[] = {
        ['\\'] = "\\e", ['-'] = "\\-", ['^'] = "\\(ha", ['~'] = "\\(ti", ['\''] = "\\(aq"
    };
    size_t i = (unsigned char)c;

    return i < sizeof(special) / sizeof(special[0]) ? special[i] : NULL;
}

/* The word's roff in 'word', which has room for it; returns its length. */
static int word_to_roff(const char *text, size_t length, char *word)
{
    char *end = word;

    if (*text == '.')
        end = stpcpy(end, "\\&");
    for (size_t i = 0; i < length; i++) {
        if (roff_of(text[i]))
            end = stpcpy(end, roff_of(text[i]));
        else
            *end++ = text[i];
    }
    *end = '\0';
    return (int)(end - word);
}

void man_text(const char *text)
{
    enum { LINE = 78, LONGEST = 200 };
    char word[4 * LONGEST + 4];
    int column = 0, width;

    for (size_t n; *text; text += n + (text[n] == ' ')) {
        n = strcspn(text, " ");
        width = word_to_roff(text, n < LONGEST ? n : LONGEST, word);
        if (column && column + 1 + width > LINE) {
            putchar('\n');
            column = 0;
        }
        column += printf("%s%s", column ? " " : "", word);
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
