#include "facts/visible.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool read_entry(const char *text, size_t length, struct visible *entry)
{
    size_t digits = strspn(text, "0123456789");

    memset(entry, 0, sizeof(*entry));
    if (digits && digits < 6) { /* as atoi: "0 " and "0x" are 0 */
        entry->ordinal = atoi(text);
        return true;
    }
    if (length < 4 || length >= sizeof(entry->uuid) ||
        (strncmp(text, "GPU-", 4) != 0 && strncmp(text, "MIG-", 4) != 0))
        return false;
    entry->ordinal = -1;
    memcpy(entry->uuid, text, length);
    return true;
}

static bool same(const struct visible *a, const struct visible *b)
{
    return a->ordinal == b->ordinal && strcmp(a->uuid, b->uuid) == 0;
}

int visible_read(const char *text, struct visible entry[VISIBLE_MAX])
{
    int n = 0;

    for (const char *p = text; *p && n < VISIBLE_MAX; p += *p == ',') {
        size_t length;

        p += strspn(p, " \t");
        length = strcspn(p, ",");
        if (!read_entry(p, length, &entry[n]))
            return n;
        for (int i = 0; i < n; i++)
            if (same(&entry[i], &entry[n]))
                return 0;
        n++;
        p += length;
    }
    return n;
}

int visible_count(const char *text)
{
    struct visible entry[VISIBLE_MAX];

    return visible_read(text, entry);
}
