/* rules guide: what guides say, what Megatron does, what we do. */
#ifndef CLI_GUIDE_PAGE_H
#define CLI_GUIDE_PAGE_H

#include <stdbool.h>

/* Is 'id' "guide" or one of its rows? */
bool guide_page_has(const char *id);

/* Prints all rows ("guide") or the one of that id, as text or as JSON. */
void guide_page_print(const char *id, bool json);

#endif
