/* hash.h - who knows a secret, shown without saying it: HMAC-SHA256.
 *
 * Place:   core/base, floor 0; used by core/wire.  file.c has the digests of files.
 * Threads: safe, nothing is kept.
 * Memory:  none.
 */
#ifndef HASH_H
#define HASH_H

#include <rondo/types.h>

enum { HASH_BYTES = 32 };

/* Of the parts one behind the other (RFC 2104, FIPS 180-4). */
void hash_hmac(struct rondo_bytes key, const struct rondo_bytes *parts, int count,
               unsigned char mac[HASH_BYTES]);

/* Equal?  In a time that depends on size alone, so that no one finds a secret byte by byte. */
bool hash_same(const void *a, const void *b, size_t size);

#endif
