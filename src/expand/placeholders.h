/* Published scripts say "CHECKPOINT_PATH=<Specify path>", which bash takes for redirections. */
#ifndef EXPAND_PLACEHOLDERS_H
#define EXPAND_PLACEHOLDERS_H

#include "base/arena.h"

/* The script with each of them as one word in quotes, lines as before; NULL when there is none. */
const char *placeholders_quote(const char *text, struct arena *arena);

#endif
