/* fingerprint.h - a number that tells one matrix from another: its shape and every stored value.
 *
 * Place:   core/data, floor 1; used by npy.c, slab.c and apps/host.c.
 * Threads: a struct fingerprint belongs to one; else safe, nothing is kept.
 * Memory:  none.
 *
 * FNV-1a over 64-bit words in four lanes: it finds what was damaged or exchanged by mistake, not what
 * was forged.  Its value stands in checkpoints and on the wire.
 */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include "core/data/data.h"

#define FINGERPRINT_BEGIN UINT64_C(0xcbf29ce484222325)

enum { FINGERPRINT_GROUP = 4 }; /* values, one for each lane */

/* A dense matrix as it comes: begun with its shape, then column after column, each ended.  Of a column's
 * parts all but the last are whole groups. */
struct fingerprint {
    uint64_t hash, lane[FINGERPRINT_GROUP], rest[FINGERPRINT_GROUP];
};
void fingerprint_begin(struct fingerprint *print, uint64_t hash, int64_t rows, int64_t cols);
/* Are all of them finite?  The same look tells. */
bool fingerprint_part(struct fingerprint *print, const double *values, int64_t count);
void fingerprint_end_column(struct fingerprint *print);

/* The matrix, the labels where the file bears them, and the ids of ratings, from `hash` on; padding does not count.  One pass
 * over them, but from FINGERPRINT_BEGIN none where the set's own is known. */
uint64_t fingerprint_set(uint64_t hash, const struct data_set *set);

#endif
