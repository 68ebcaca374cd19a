/* preamble.sh as a string. */
#ifndef EXPAND_PREAMBLE_H
#define EXPAND_PREAMBLE_H

extern const char expand_preamble[];

#endif
