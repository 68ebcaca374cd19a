#include "megatron/python_value.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DIGITS_MAX = 512 };

/* What str.strip() takes away; \x1c..\x1f are white space to Python. */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

/* The text between its blanks; its length in *length. */
static const char *strip(const char *text, size_t *length)
{
    size_t n;

    while (is_blank(*text))
        text++;
    n = strlen(text);
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    *length = n;
    return text;
}

/* Digits with single underscores between them at *p, which is moved behind them. */
static bool skip_digits(const char **p, const char *end)
{
    const char *s = *p;

    while (s < end && isdigit((unsigned char)*s)) {
        s++;
        if (s + 1 < end && *s == '_' && isdigit((unsigned char)s[1]))
            s++;
    }
    if (s == *p)
        return false;
    *p = s;
    return true;
}

static void skip_sign(const char **p, const char *end)
{
    if (*p < end && (**p == '+' || **p == '-'))
        (*p)++;
}

bool python_int(const char *text, int64_t *value)
{
    size_t length;
    const char *p = strip(text, &length), *end = p + length;
    bool negative = *p == '-';
    int64_t n = 0;
    const char *digit;

    skip_sign(&p, end);
    digit = p;
    if (!skip_digits(&p, end) || p != end)
        return false;
    for (; digit < end; digit++) {
        if (*digit == '_')
            continue;
        if (n > (INT64_MAX - (*digit - '0')) / 10) {
            n = INT64_MAX;
            break;
        }
        n = n * 10 + (*digit - '0');
    }
    *value = negative ? -n : n;
    return true;
}

static bool is_word(const char *p, const char *end, const char *word)
{
    return (size_t)(end - p) == strlen(word) && strncasecmp(p, word, strlen(word)) == 0;
}

/* Is [p, end) a decimal number: digits, a point, an exponent? */
static bool is_decimal(const char *p, const char *end)
{
    bool whole = skip_digits(&p, end), part = false;

    if (p < end && *p == '.') {
        p++;
        part = skip_digits(&p, end);
    }
    if (!whole && !part)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        skip_sign(&p, end);
        if (!skip_digits(&p, end))
            return false;
    }
    return p == end;
}

bool python_float(const char *text, double *value)
{
    size_t length;
    const char *start = strip(text, &length), *end = start + length, *p = start;
    char digits[DIGITS_MAX];
    size_t n = 0;

    skip_sign(&p, end);
    if (!is_decimal(p, end) && !is_word(p, end, "inf") && !is_word(p, end, "infinity") &&
        !is_word(p, end, "nan"))
        return false;
    for (p = start; p < end && n < sizeof(digits) - 1; p++)
        if (*p != '_')
            digits[n++] = *p;
    digits[n] = '\0';
    *value = strtod(digits, NULL);
    return true;
}

/* The mantissa's digits without trailing zeros, and the power of ten of the first. */
static int shortest_digits(double value, char digits[32], int *exponent)
{
    char text[40];
    int n = 0;

    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    *exponent = atoi(strchr(text, 'e') + 1);
    for (const char *p = text; *p != 'e'; p++)
        if (isdigit((unsigned char)*p))
            digits[n++] = *p;
    digits[n] = '\0';
    return n;
}

static void format_fixed(FILE *out, const char *digits, int n, int exponent)
{
    for (int i = exponent < 0 ? exponent : 0; i < n || i <= exponent + 1; i++) {
        if (i == exponent + 1)
            putc('.', out);
        putc(i >= 0 && i < n ? digits[i] : '0', out);
    }
}

void python_float_repr(double value, char *text, size_t size)
{
    char digits[32];
    int exponent, n;
    FILE *out;

    if (isnan(value) || isinf(value)) {
        snprintf(text, size, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    if (size == 0 || !(out = fmemopen(text, size, "w")))
        return;
    n = shortest_digits(fabs(value), digits, &exponent);
    if (signbit(value))
        putc('-', out);
    if (exponent >= -4 && exponent < 16)
        format_fixed(out, digits, n, exponent);
    else
        fprintf(out, "%c%s%se%c%02d", digits[0], n > 1 ? "." : "", digits + 1,
                exponent < 0 ? '-' : '+', abs(exponent));
    fclose(out);
    text[size - 1] = '\0';
}

const char *python_str_repr(const char *s, struct arena *arena)
{
    char quote = strchr(s, '\'') && !strchr(s, '"') ? '"' : '\'';
    char *text = arena_alloc(arena, 4 * strlen(s) + 3), *out = text;

    *out++ = quote;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '\\' || c == (unsigned char)quote)
            out += sprintf(out, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            out += sprintf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if (c < 0x20 || c == 0x7f)
            out += sprintf(out, "\\x%02x", c);
        else
            *out++ = (char)c;
    }
    *out++ = quote;
    *out = '\0';
    return text;
}
