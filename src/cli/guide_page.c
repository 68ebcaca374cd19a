#include "cli/guide_page.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "config/deepseek_fields.h"
#include "config/guide.h"

bool guide_page_has(const char *id)
{
    return strcmp(id, "guide") == 0 || strcmp(id, "deepseek") == 0 || guide_find(id);
}

static void put_wrapped(const char *label, const char *text)
{
    enum { INDENT = 12, COLUMNS = 100 };
    int at = printf("  %-*s", INDENT - 2, label);

    for (bool first = true; *text; first = false) {
        int n = (int)strcspn(text, " ");

        if (!first && at + 1 + n > COLUMNS)
            at = printf("\n%*s", INDENT, "") - 1;
        else if (!first)
            at += printf(" ");
        at += printf("%.*s", n, text);
        text += n + (text[n] == ' ');
    }
    putchar('\n');
}

static void put_row(const struct guide_row *row)
{
    printf("%s\n", row->id);
    put_wrapped("guides", row->says);
    put_wrapped("Megatron", row->megatron);
    put_wrapped("here", row->we);
}

static json_t *row_json(const struct guide_row *row)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "id", row->id, "guides_say", row->says,
                     "megatron_does", row->megatron, "we_do", row->we);
}

/* What a field becomes, in Megatron's options or in words. */
static const char *becomes(const struct deepseek_field *field)
{
    return field->option ? field->option : field->becomes;
}

static void fields_print(bool json)
{
    json_t *array = json_array();

    for (size_t i = 0; i < deepseek_field_count; i++) {
        const struct deepseek_field *field = &deepseek_fields[i];

        if (json)
            json_array_append_new(array, json_pack("{s:s, s:s}", "field", field->pointer, "becomes",
                                                   becomes(field)));
        else
            printf("%-38s %s\n", field->pointer, becomes(field));
    }
    if (json) {
        json_dumpf(array, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(array);
}

void guide_page_print(const char *id, bool json)
{
    json_t *array;

    if (strcmp(id, "deepseek") == 0) {
        fields_print(json);
        return;
    }
    array = json_array();
    for (size_t i = 0; i < guide_row_count; i++) {
        if (strcmp(id, "guide") != 0 && strcmp(id, guide_rows[i].id) != 0)
            continue;
        if (json)
            json_array_append_new(array, row_json(&guide_rows[i]));
        else
            put_row(&guide_rows[i]);
    }
    if (json) {
        json_dumpf(array, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(array);
}
