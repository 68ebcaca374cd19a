/* Any bytes as a log of decisions. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *in = size ? fmemopen((void *)data, size, "r") : NULL;
    FILE *out = fopen("/dev/null", "w");
    struct audit audit;

    audit_init(&audit);
    if (in) {
        audit_read(&audit, "log", in);
        fclose(in);
    }
    audit_print(&audit, out);
    json_decref(audit_json(&audit));
    audit_release(&audit);
    fclose(out);
    return 0;
}
