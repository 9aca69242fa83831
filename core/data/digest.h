/* digest.h - a number that tells one matrix from another: its shape and every stored value.
 *
 * Place:   core/data, floor 1; used by shelf.c and apps/host.c.
 * Threads: safe, nothing is kept.
 * Memory:  none.
 *
 * FNV-1a over 64-bit words in four lanes: it finds what was damaged or exchanged by mistake, not what
 * was forged.  Its value stands in checkpoints and on the wire.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include "core/data/data.h"

#define DIGEST_BEGIN UINT64_C(0xcbf29ce484222325)

/* Goes on from `hash`.  Padding does not count. */
uint64_t digest_matrix(uint64_t hash, const struct rondo_matrix *x);
/* The matrix, and the labels where the file bears them.  One pass over them, but from DIGEST_BEGIN
 * none where the set's own is known. */
uint64_t digest_set(uint64_t hash, const struct data_set *set);

#endif
