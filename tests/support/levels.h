/* levels.h - how many of the x86-64 levels v2, v3, v4 this machine has.
 *
 * Place:   tests/support; tests of what cmake/kernels.cmake compiles.
 * Threads: any.
 * Memory:  none.
 */
#ifndef LEVELS_H
#define LEVELS_H

/* 1 to 3: a table of kernels in the order v2, v3, v4 is good for so many. */
int levels(void);

#endif
