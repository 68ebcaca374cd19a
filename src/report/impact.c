#include "report/impact.h"

static double gib(uint64_t bytes)
{
    return (double)bytes / (1u << 30);
}

static void put_side(const struct impacts *impacts, const struct impact_side *side, FILE *out)
{
    if (side->valid)
        fprintf(out, " %+11.2f", gib(side->peak_bytes) - gib(impacts->peak_bytes));
    else
        fprintf(out, " %11s", "-");
}

static void put_why_not(const struct impact *impact, const struct impact_side *side, FILE *out)
{
    if (!side->valid && side->why_not && side->value)
        fprintf(out, "  %s %lld is not valid: %s\n", impact->name, (long long)side->value,
                side->why_not);
}

void impact_text(const struct impacts *impacts, FILE *out)
{
    if (!impacts->count)
        return;
    fprintf(out,
            "impact on the largest stage's peak of %.2f GiB\n"
            "  %-20s %9s  GiB: halved     doubled  exponent  here    guide\n",
            gib(impacts->peak_bytes), "size", "is");
    for (int i = 0; i < impacts->count; i++) {
        const struct impact *impact = &impacts->item[i];

        fprintf(out, "  %-20s %9lld", impact->name, (long long)impact->value);
        put_side(impacts, &impact->half, out);
        put_side(impacts, &impact->twice, out);
        if (impact->has_exponent)
            fprintf(out, " %9.2f", impact->exponent);
        else
            fprintf(out, " %9s", "-");
        fprintf(out, "  %-7s %-7s\n", impact_class_names[impact->class],
                impact_class_names[impact->guide_class]);
    }
    for (int i = 0; i < impacts->count; i++)
        if (impacts->item[i].note)
            fprintf(out, "  %s: %s\n", impacts->item[i].name, impacts->item[i].note);
    for (int i = 0; i < impacts->count; i++) {
        put_why_not(&impacts->item[i], &impacts->item[i].half, out);
        put_why_not(&impacts->item[i], &impacts->item[i].twice, out);
    }
}

static json_t *side_json(const struct impact_side *side)
{
    return json_pack("{s:I, s:o, s:s?}", "value", (json_int_t)side->value, "peak_bytes",
                     side->valid ? json_integer((json_int_t)side->peak_bytes) : json_null(),
                     "why_not", side->valid ? NULL : side->why_not);
}

json_t *impact_json(const struct impacts *impacts)
{
    json_t *array = json_array();

    for (int i = 0; i < impacts->count; i++) {
        const struct impact *impact = &impacts->item[i];

        json_array_append_new(
            array, json_pack("{s:s, s:I, s:o, s:o, s:o, s:s, s:s, s:s?}", "name", impact->name,
                             "value", (json_int_t)impact->value, "half", side_json(&impact->half),
                             "twice", side_json(&impact->twice), "exponent",
                             impact->has_exponent ? json_real(impact->exponent) : json_null(),
                             "class", impact_class_names[impact->class], "guide_class",
                             impact_class_names[impact->guide_class], "note", impact->note));
    }
    return array;
}
