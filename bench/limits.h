/* limits.h - what this machine does at most, with one thread and with several at once.
 *
 * Place:   bench; lda_kernel.c.
 * Threads: starts its own, and ends them.
 * Memory:  frees what it takes.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include <stddef.h>

/* Lines of 64 bytes that all threads together read in a second, at random and one not waiting for the other,
 * from the same so many bytes; multiply-adds in registers that they do in a second.  The best of a few tries
 * of about 50 ms each, on the wall clock. */
double limits_lines(int threads, size_t bytes);
double limits_sums(int threads);

#endif
