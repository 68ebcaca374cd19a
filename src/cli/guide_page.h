/* rules guide: what guides say, what Megatron does, what we do; rules deepseek: what the fields of a DeepSeek-V3
 * style JSON become. */
#ifndef CLI_GUIDE_PAGE_H
#define CLI_GUIDE_PAGE_H

#include <stdbool.h>

/* Is 'id' "guide", one of its rows, or "deepseek"? */
bool guide_page_has(const char *id);

/* Prints all rows ("guide", "deepseek") or the one of that id, as text or as JSON. */
void guide_page_print(const char *id, bool json);

#endif
