#include "megatron/frequency.h"

#include <ctype.h>
#include <string.h>

#include "megatron/python_value.h"

enum { ITEMS_MAX = 1 << 20, DEPTH_MAX = 100 };

/* A value of the expression: an int, or a list or tuple of ints (an element that is itself a list
 * is kept as NONE_INT: no layer kind, and never equal to one). */
struct term {
    enum { TERM_INT, TERM_LIST, TERM_TUPLE } kind;
    int64_t number;
    int64_t count;
    int64_t *item;
};

/* A syntax error is found before anything runs, so it outranks what evaluation finds. */
struct parser {
    const char *p;
    struct arena *arena;
    int depth;
    bool too_large;
    const char *syntax; /* SyntaxError */
    const char *raised; /* IndexError */
    bool type_error;    /* the first thing that evaluation found; later ones do not happen */
};

static struct term expression(struct parser *parser);
static struct term factor(struct parser *parser);

static struct term zero(void)
{
    return (struct term) { .kind = TERM_INT };
}

static char peek(struct parser *parser)
{
    while (*parser->p == ' ' || *parser->p == '\t')
        parser->p++;
    return *parser->p;
}

static struct term syntax_error(struct parser *parser)
{
    if (!parser->syntax)
        parser->syntax = "SyntaxError: invalid syntax";
    parser->p += strlen(parser->p);
    return zero();
}

static struct term type_error(struct parser *parser)
{
    if (!parser->raised)
        parser->type_error = true;
    return zero();
}

static struct term index_error(struct parser *parser)
{
    if (!parser->type_error && !parser->raised)
        parser->raised = "IndexError: list index out of range";
    return zero();
}

/* Room for 'count' items, or NULL when there are too many. */
static int64_t *items(struct parser *parser, int64_t count)
{
    if (count > ITEMS_MAX) {
        parser->too_large = true;
        return NULL;
    }
    return arena_alloc(parser->arena, (size_t)(count ? count : 1) * sizeof(int64_t));
}

static struct term joined(struct parser *parser, struct term a, struct term b)
{
    struct term sum = { .kind = a.kind, .count = a.count + b.count };

    if (a.kind != b.kind)
        return type_error(parser);
    if (a.kind == TERM_INT)
        return __builtin_add_overflow(a.number, b.number, &sum.number)
                   ? (struct term) { .number = INT64_MAX }
                   : sum;
    sum.item = items(parser, sum.count);
    if (!sum.item)
        return zero();
    if (a.count) /* an empty list has no items at all */
        memcpy(sum.item, a.item, (size_t)a.count * sizeof(*sum.item));
    if (b.count)
        memcpy(sum.item + a.count, b.item, (size_t)b.count * sizeof(*sum.item));
    return sum;
}

static struct term repeated(struct parser *parser, struct term list, int64_t times)
{
    struct term product = { .kind = list.kind };

    times = times < 0 ? 0 : times;
    if (list.count && times > ITEMS_MAX) {
        parser->too_large = true;
        return zero();
    }
    product.count = list.count ? list.count * times : 0;
    product.item = items(parser, product.count);
    if (!product.item)
        return zero();
    for (int64_t i = 0; i < product.count; i++)
        product.item[i] = list.item[i % list.count];
    return product;
}

static struct term multiplied(struct parser *parser, struct term a, struct term b)
{
    int64_t product;

    if (a.kind != TERM_INT && b.kind != TERM_INT)
        return type_error(parser);
    if (a.kind != TERM_INT)
        return repeated(parser, a, b.number);
    if (b.kind != TERM_INT)
        return repeated(parser, b, a.number);
    if (__builtin_mul_overflow(a.number, b.number, &product))
        product = INT64_MAX;
    return (struct term) { .kind = TERM_INT, .number = product };
}

static struct term raised_to(struct parser *parser, struct term a, struct term b)
{
    struct term power = { .kind = TERM_INT, .number = 1 };

    if (a.kind != TERM_INT || b.kind != TERM_INT)
        return type_error(parser);
    for (int64_t i = 0; i < b.number && i < 64; i++)
        power = multiplied(parser, power, a);
    return power;
}

/* The elements up to the closing bracket. *commas: a comma was seen, so '(' makes a tuple. */
static struct term sequence(struct parser *parser, char close, bool *commas)
{
    struct term list = { .kind = TERM_LIST };
    size_t capacity = 0;
    struct term last = zero();

    *commas = false;
    while (peek(parser) != close && !parser->syntax) {
        last = expression(parser);
        list.item = arena_grow(parser->arena, list.item, &capacity, (size_t)list.count + 1,
                               sizeof(*list.item));
        list.item[list.count++] = last.kind == TERM_INT ? last.number : NONE_INT;
        if (peek(parser) == ',') {
            parser->p++;
            *commas = true;
        } else if (peek(parser) != close) {
            return syntax_error(parser);
        }
    }
    if (parser->syntax)
        return zero();
    parser->p += *parser->p != '\0';
    if (close == ']')
        return list;
    if (!*commas && list.count == 1)
        return last;
    list.kind = TERM_TUPLE;
    return list;
}

static struct term number(struct parser *parser)
{
    const char *start = parser->p;
    struct term term = { .kind = TERM_INT };
    char *digits;

    while (isdigit((unsigned char)*parser->p))
        parser->p++;
    digits = arena_strndup(parser->arena, start, (size_t)(parser->p - start));
    if (digits[0] == '0' && strspn(digits, "0") != strlen(digits))
        return syntax_error(parser); /* leading zeros */
    python_int(digits, &term.number);
    return term;
}

static struct term atom(struct parser *parser)
{
    bool commas;
    char c = peek(parser);

    if (isdigit((unsigned char)c))
        return number(parser);
    if (c != '[' && c != '(')
        return syntax_error(parser);
    parser->p++;
    return sequence(parser, c == '[' ? ']' : ')', &commas);
}

static struct term element(struct parser *parser, struct term list, struct term index)
{
    if (list.kind == TERM_INT || index.kind != TERM_LIST || index.count != 1)
        return type_error(parser);
    if (index.item[0] < 0 || index.item[0] >= list.count)
        return index_error(parser);
    return (struct term) { .kind = TERM_INT, .number = list.item[index.item[0]] };
}

/* An atom with what follows it: '[1][0]' is an element, '[1](2)' calls a list. */
static struct term primary(struct parser *parser)
{
    struct term term = atom(parser);
    bool commas;

    while (!parser->syntax && (peek(parser) == '[' || peek(parser) == '(')) {
        char open = *parser->p++;
        struct term inner = sequence(parser, open == '[' ? ']' : ')', &commas);

        if (parser->syntax)
            break;
        if (open == '(') {
            term = type_error(parser);
        } else if (inner.count == 0) {
            return syntax_error(parser);
        } else {
            term = commas ? type_error(parser) : element(parser, term, inner);
        }
    }
    return term;
}

static struct term power(struct parser *parser)
{
    struct term base = primary(parser);

    if (peek(parser) != '*' || parser->p[1] != '*')
        return base;
    parser->p += 2;
    return raised_to(parser, base, factor(parser));
}

static struct term factor(struct parser *parser)
{
    struct term term;

    if (++parser->depth > DEPTH_MAX)
        return syntax_error(parser);
    if (peek(parser) == '+') {
        parser->p++;
        term = factor(parser);
        if (term.kind != TERM_INT)
            term = type_error(parser);
    } else {
        term = power(parser);
    }
    parser->depth--;
    return term;
}

static struct term product(struct parser *parser)
{
    struct term term = factor(parser);

    while (peek(parser) == '*' && parser->p[1] != '*') {
        parser->p++;
        term = multiplied(parser, term, factor(parser));
    }
    return term;
}

static struct term expression(struct parser *parser)
{
    struct term term = product(parser);

    while (peek(parser) == '+') {
        parser->p++;
        term = joined(parser, term, product(parser));
    }
    return term;
}

static enum frequency_answer evaluate(const char *text, struct arena *arena, struct freq *freq,
                                      const char **raised)
{
    struct parser parser = { .p = text, .arena = arena };
    struct term term = expression(&parser);

    if (peek(&parser) == ',') { /* a tuple without parentheses */
        bool commas;

        parser.p = text;
        term = sequence(&parser, '\0', &commas);
    }
    if (peek(&parser) != '\0')
        syntax_error(&parser);
    *raised = parser.syntax ? parser.syntax : parser.raised;
    if (*raised)
        return FREQUENCY_RAISES;
    if (parser.type_error)
        return FREQUENCY_INVALID;
    if (parser.too_large)
        *freq = (struct freq) { .kind = FREQ_UNKNOWN };
    else if (term.kind == TERM_INT)
        *freq = (struct freq) { .kind = FREQ_INT, .every = term.number };
    else
        *freq = (struct freq) { .kind = FREQ_LIST, .count = (int)term.count, .item = term.item };
    return FREQUENCY_OK;
}

enum frequency_answer frequency_parse(const char *text, bool checked, struct arena *arena,
                                      struct freq *freq, const char **raised)
{
    static const char plain[] = ",0123456789[]()+*";
    int64_t every;

    if (!strchr(text, '[')) {
        if (!python_int(text, &every))
            return FREQUENCY_INVALID;
        *freq = (struct freq) { .kind = FREQ_INT, .every = every };
        return FREQUENCY_OK;
    }
    if (checked && text[strspn(text, plain)])
        return FREQUENCY_INVALID;
    if (text[strspn(text, ",0123456789[]()+* \t")]) {
        *freq = (struct freq) { .kind = FREQ_UNKNOWN };
        return FREQUENCY_OK;
    }
    return evaluate(text, arena, freq, raised);
}
