/* median.h - the middle of a bench's repetitions.
 *
 * Place:   bench; overhead.c, transport.c and pass.c.
 * Threads: any.
 * Memory:  none.
 */
#ifndef MEDIAN_H
#define MEDIAN_H

/* Sorts value[count], the least first, count >= 1; of an even number the mean of the middle two. */
double median(double *value, int count);

#endif
