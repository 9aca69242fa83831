/* peak.h - multiply-adds in registers alone: what a core of this machine can do at most.
 *
 * Place:   bench; gram.c and limits.c.
 * Threads: pure functions.
 * Memory:  none.
 */
#ifndef PEAK_H
#define PEAK_H

#include <stdint.h>

struct peak {
    int64_t operations; /* of one turn */
    double (*run)(int64_t turns);
};

extern const struct peak bench_peak_v2, bench_peak_v3, bench_peak_v4;

#endif
