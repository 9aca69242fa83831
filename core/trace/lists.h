/* lists.h - lists of whole numbers as trace.db keeps them: in as few bytes as hold every one.
 *
 * Place:   core/trace only, used by what writes and what reads.
 * Threads: pure functions.
 * Memory:  the caller's.
 *
 * A list of `count` numbers is count * width bytes: little-endian two's complement integers of width 1, 2, 4 or 8.
 */
#ifndef LISTS_H
#define LISTS_H

#include <rondo/types.h>

/* The most numbers that one round may have of a kind: a damaged one could say any. */
enum { LISTS_MOST = 1 << 22 };

/* The least width that holds them; *even: whether they are all the same.  Cost: one pass, below a nanosecond a number. */
int lists_width(const int64_t *values, int64_t count, bool *even);
/* Of count * bytes; 0: that is no list. */
int lists_width_of(int64_t count, int64_t bytes);
/* out: [count * width] bytes, and what lists_unpack reads. */
void lists_pack(const int64_t *values, int64_t count, int width, unsigned char *out);
void lists_unpack(const unsigned char *in, int64_t count, int width, int64_t *values);

#endif
