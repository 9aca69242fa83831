/* peak.c - compiled once for each x86-64 level (cmake/kernels.cmake). */
#include "bench/peak.h"

#include "apps/lasso/lanes.h"

enum { CHAINS = 12 }; /* as many as hide the latency and stay in registers at each level */

static double run(int64_t turns)
{
    vector sum[CHAINS], zero = { 0 }, by = zero + 0.999, plus = zero + 1e-3;
    double total = 0;
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        sum[i] = zero + i;
    for (int64_t t = 0; t < turns; t++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            sum[i] = fused(sum[i], by, plus);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        total += sum[i][0];
    return total;
}

const struct peak PASTE(bench_peak_, KERNEL_ISA) = { .operations = 2 * CHAINS * WIDTH, .run = run };
