#include "report/escape.h"

#include <string.h>

/* Bytes of a character that must not be shown, or 0: C0, DEL, C1, directions of writing, and what
 * XML has not. */
static size_t hidden(const char *p)
{
    unsigned char c = (unsigned char)p[0], d = (unsigned char)(c ? p[1] : 0);
    unsigned char e = (unsigned char)(d ? p[2] : 0);

    if (c < 0x20 || c == 0x7f)
        return 1;
    if (c == 0xc2 && d < 0xa0)
        return 2;
    if (c == 0xe2 && d == 0x80 && (e == 0x8e || e == 0x8f || (e >= 0xa8 && e <= 0xae)))
        return 3;
    if (c == 0xe2 && d == 0x81 && e >= 0xa6 && e <= 0xa9)
        return 3;
    return c == 0xef && d == 0xbf && (e == 0xbe || e == 0xbf) ? 3 : 0;
}

/* 'instead': what stands for the character at that place, or NULL. */
static void put(FILE *out, const char *text, const char *(*instead)(const char *))
{
    for (const char *p = text; *p;) {
        size_t n = hidden(p);
        const char *other = n ? NULL : instead(p);

        if (n)
            fputc(strchr("\t\n\r", *p) ? ' ' : '?', out);
        else if (other)
            fputs(other, out);
        else
            fputc(*p, out);
        p += n ? n : 1;
    }
}

static const char *plain(const char *p)
{
    (void)p;
    return NULL;
}

static const char *xml(const char *p)
{
    switch (*p) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    }
    return NULL;
}

/* '@' would call somebody. */
static const char *markdown(const char *p)
{
    static const char *const escaped[] = { "\\\\", "\\|", "\\`", "\\*", "\\_", "\\[",
                                           "\\]",  "\\~", "\\#", "\\$", "\\!" };

    if (*p == '@')
        return "&#64;";
    for (size_t i = 0; i < sizeof(escaped) / sizeof(escaped[0]); i++)
        if (*p == escaped[i][1])
            return escaped[i];
    return strchr("&<>", *p) ? xml(p) : NULL;
}

static const char *github(const char *p)
{
    return *p == '%' ? "%25" : NULL;
}

static const char *github_property(const char *p)
{
    if (*p == ':')
        return "%3A";
    return *p == ',' ? "%2C" : github(p);
}

/* The runner takes "##[" anywhere in a line for a command of its older kind. */
static const char *github_log(const char *p)
{
    return strncmp(p, "##[", 3) == 0 ? "# " : NULL;
}

void put_plain(FILE *out, const char *text)
{
    put(out, text, plain);
}

void put_xml(FILE *out, const char *text)
{
    put(out, text, xml);
}

void put_markdown(FILE *out, const char *text)
{
    put(out, text, markdown);
}

void put_github(FILE *out, const char *text)
{
    put(out, text, github);
}

void put_github_property(FILE *out, const char *text)
{
    put(out, text, github_property);
}

void put_github_log(FILE *out, const char *text)
{
    put(out, text, github_log);
}
