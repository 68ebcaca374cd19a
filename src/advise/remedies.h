/* Where edits that may satisfy a rule come from. Each source proposes its n-th way for a finding of
 * a report; the walk decides what they are worth. */
#ifndef ADVISE_REMEDIES_H
#define ADVISE_REMEDIES_H

#include "advise/edits.h"

/* Puts the n-th way into 'plan' (unchanged: this one is none, but there may be more); false: no
 * more. */
typedef bool remedy(const struct report *report, const struct finding *finding, int n,
                    struct plan *plan, struct arena *arena);

remedy remedy_of_word;     /* word_remedies.c: a word the parser refuses, spelled as it takes it */
remedy remedy_of_table;    /* repairs.c: the rule's own rows */
remedy remedy_of_text;     /* fix_text.c: what the finding's own fix says */
remedy remedy_of_conflict; /* conflicts.c: without one of the options that the finding names */

#endif
