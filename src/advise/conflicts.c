/* Options that exclude each other, or one that misses another: without the one given last; with the
 * flag that is missing. Values of the model are nobody's to take away. */
#include <string.h>

#include "advise/edit_cost.h"
#include "advise/remedies.h"

enum { MOST_OPTIONS = 16 };

struct guilty {
    const char *option;
    bool given;
    int order;
};

static const char *next_word(const char **list, struct arena *arena)
{
    size_t n;

    *list += strspn(*list, " ");
    n = strcspn(*list, " ");
    if (!n)
        return NULL;
    *list += n;
    return arena_strndup(arena, *list - n, n);
}

/* Where 'text' mentions the option last; -1: nowhere. */
static int mention(const char *text, const char *option)
{
    size_t length = strlen(option);
    int found = -1;

    for (const char *p = text; p && (p = strstr(p, option)) != NULL; p += length)
        if (!p[length] || strchr(" ,:;.'=", p[length]))
            found = (int)(p - text);
    return found;
}

/* What a message names last is what does not go with the rest; the others count as they stand in
 * argv. */
static int order_of(const struct finding *finding, const char *option, int index)
{
    enum { BEHIND_ARGV = 1 << 20 };
    int mentioned = mention(finding->message, option);

    return mentioned < 0 ? index : BEHIND_ARGV + mentioned;
}

/* The finding's options that are given, and the flags that it misses by name; last ones first. */
static int collect(const struct report *report, const struct finding *finding,
                   struct guilty *guilty, struct arena *arena)
{
    const char *list = finding->options ? finding->options : "", *word;
    int count = 0;

    while (count < MOST_OPTIONS && (word = next_word(&list, arena)) != NULL) {
        const struct option_row *row = option_find(word, strlen(word), report->release);
        int index = row ? report->job->place[row->dest].index : -1, at = count, order;

        if (!row ||
            (index < 0 && (row->kind == OPTION_STORE || (mention(finding->message, word) < 0 &&
                                                         mention(finding->fix, word) < 0))))
            continue;
        order = order_of(finding, word, index);
        for (; at > 0 && guilty[at - 1].order < order; at--)
            guilty[at] = guilty[at - 1];
        guilty[at] = (struct guilty) { .option = word, .given = index >= 0, .order = order };
        count++;
    }
    return count;
}

bool remedy_of_conflict(const struct report *report, const struct finding *finding, int n,
                        struct plan *plan, struct arena *arena)
{
    struct guilty guilty[MOST_OPTIONS];
    const struct option_row *row;

    if (n >= collect(report, finding, guilty, arena))
        return false;
    row = option_find(guilty[n].option, strlen(guilty[n].option), report->release);
    if (!guilty[n].given)
        plan_set(plan, EDIT_TRAINER, guilty[n].option, NULL);
    else if (row->kind != OPTION_STORE || !option_is_asked_for(guilty[n].option))
        plan_remove(plan, EDIT_TRAINER, guilty[n].option);
    return true;
}
