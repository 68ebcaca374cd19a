/* SHA-256 (FIPS 180-4) of bytes in memory. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

/* Writes the digest as 64 lower-case hexadecimal digits and a NUL. */
void sha256(const void *data, size_t size, char hex[65]);

#endif
