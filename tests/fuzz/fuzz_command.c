/* Any words, separated by newlines, as a launch command; a first word "argv" makes them the trainer's options. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "megatron_preflight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = text, *word, *record;
    json_t *words = json_array(), *object;
    const char *key = "command";

    memcpy(text, data, size);
    text[size] = '\0';
    if (strncmp(text, "argv\n", 5) == 0) {
        key = "argv";
        rest += 5;
    }
    while ((word = strsep(&rest, "\n")) != NULL) {
        json_t *string = json_string(word);

        if (string)
            json_array_append_new(words, string);
    }
    object = json_pack("{s:o, s:i, s:s, s:s, s:{}}", key, words, "world", 64, "megatron", "main", "gpu",
                       "H100-80GB", "env");
    record = json_dumps(object, 0);
    free(megatron_preflight_check(record));
    free(record);
    json_decref(object);
    free(text);
    return 0;
}
