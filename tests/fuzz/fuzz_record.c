/* Any bytes as a batch record: argv, command, environment, facts, and every stage behind them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "megatron_preflight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *record = malloc(size + 1);

    memcpy(record, data, size);
    record[size] = '\0';
    free(megatron_preflight_check(record));
    free(record);
    return 0;
}
