/* The fields of a DeepSeek-V3 style JSON configuration, one row each: what each may be, what is
 * usual, and what of Megatron's it becomes. Reading, the README's table and the tests walk these
 * rows. */
#ifndef CONFIG_DEEPSEEK_FIELDS_H
#define CONFIG_DEEPSEEK_FIELDS_H

#include <stddef.h>
#include <stdint.h>

struct deepseek_field {
    const char *pointer; /* "/model/mla/d_model" */
    enum { DEEPSEEK_INT, DEEPSEEK_REAL, DEEPSEEK_BOOL, DEEPSEEK_TEXT } kind;
    double least, most; /* of a number */
    double usual_least,
        usual_most; /* what guides recommend; both 0: nothing. Outside is a note, never an error */
    const char *choices; /* of a text, separated by blanks; NULL: any */
    const char
        *option; /* Megatron's that takes the value, or that true stands for; NULL: see 'becomes' */
    const char *becomes; /* in words, for what is no single option */
};

extern const struct deepseek_field deepseek_fields[];
extern const size_t deepseek_field_count;

/* NULL when there is none. */
const struct deepseek_field *deepseek_field_find(const char *pointer);

#endif
