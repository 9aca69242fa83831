/* genotypes.c - a pass X'r over packed genotypes by each instruction set's kernels, beside what it takes to
 * read the same bytes, turn by turn in one run, on one core.
 *
 *     bench/genotypes ROWS COLUMNS [repetitions]
 *
 * ROWS and COLUMNS should make more bytes than any cache holds.  `bounds` is a sweep's way: r in fixed
 * point of three digits, exact integers, where some genotypes are missing and where it is promised that none
 * is; `doubles` has r as it is. */
#include "apps/lasso/genotype.h"
#include "bench/median.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPETITIONS_MOST = 99, LEVELS = 3, BATCH = 16, DIGITS = 3, WAYS = 4, LINE = 64,
       SLOW = 16 }; /* the lowest level is shown so many times fewer columns */

static const struct genotype_kernel *const levels[LEVELS] = { &lasso_genotype_v2, &lasso_genotype_v3,
                                                              &lasso_genotype_v4 };

struct pass {
    int64_t n, p, stride;
    uint8_t *x;  /* [p x stride] */
    double *r;   /* [n] */
    int8_t *fixed; /* r in fixed point */
};

static int levels_here(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 1;
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") ? 3 : 2;
}

/* Of this thread alone: machines are shared. */
static double seconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void *need(size_t bytes)
{
    void *room = aligned_alloc(LINE, (bytes + LINE) / LINE * LINE);
    if (!room) {
        fprintf(stderr, "genotypes: not enough memory\n");
        exit(1);
    }
    return room;
}

static volatile double kept; /* so that no run is left out */

/* All bytes, a line at a time. */
static void read_all(const struct pass *pass)
{
    typedef uint64_t line __attribute__((vector_size(LINE)));
    const line *at = (const line *)(const void *)pass->x;
    int64_t lines = pass->p * pass->stride / LINE;
    line sum[4] = { 0 };
    for (int64_t i = 0; i + 4 <= lines; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += at[i + k];
    kept = (double)(sum[0] + sum[1] + sum[2] + sum[3])[0];
}

/* way: 0 bounds, some missing; 1 bounds, none; 2 doubles. */
static void go(const struct pass *pass, const struct genotype_kernel *kernel, int way)
{
    static const double table[4] = { [RONDO_HOM_A1] = 2, [RONDO_MISSING] = 0.6, [RONDO_HET] = 1 };
    const uint8_t *x[BATCH];
    double tables[BATCH][4], dot[BATCH];
    struct genotype_total total[BATCH];
    for (int64_t j = 0; j + BATCH <= pass->p; j += BATCH) {
        for (int c = 0; c < BATCH; c++) {
            x[c] = pass->x + (j + c) * pass->stride;
            for (int code = 0; code < 4; code++)
                tables[c][code] = table[code];
        }
        if (way == 2)
            kernel->columns(x, BATCH, pass->n, (const double (*)[4])tables, pass->r, dot);
        else
            kernel->fixed(x, BATCH, pass->n, pass->fixed, DIGITS, way == 0, total);
        kept = way == 2 ? dot[0] : (double)total[0].dosage;
    }
}

static void print_level(const struct pass *pass, const struct genotype_kernel *kernel, int repetitions)
{
    static const char *const names[WAYS - 1] = { "bounds, some missing", "bounds, none missing", "doubles" };
    double spent[WAYS][REPETITIONS_MOST], middle[WAYS];
    double bytes = (double)(pass->p * pass->stride), entries = (double)(pass->p * pass->n);
    kernel->fix(pass->r, pass->n, DIGITS, pass->fixed);
    for (int i = 0; i < repetitions; i++)
        for (int way = 0; way < WAYS; way++) {
            double began = seconds();
            if (way == WAYS - 1)
                read_all(pass);
            else
                go(pass, kernel, way);
            spent[way][i] = seconds() - began;
        }
    for (int way = 0; way < WAYS; way++)
        middle[way] = median(spent[way], repetitions);
    for (int way = 0; way < WAYS - 1; way++)
        printf("| %lld x %lld | %s | %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f |\n",
               (long long)pass->n, (long long)pass->p, kernel->isa, names[way],
               1e-3 * (double)pass->p / middle[way], 1e-3 * (double)pass->p / spent[way][0],
               1e-9 * entries / middle[way], 1e-9 * bytes / middle[way],
               1e-9 * bytes / middle[WAYS - 1], middle[WAYS - 1] / middle[way]);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct pass pass = { .n = argc > 2 ? atoll(argv[1]) : 0, .p = argc > 2 ? atoll(argv[2]) : 0 };
    int repetitions = argc > 3 ? atoi(argv[3]) : 9;
    if (pass.n < 1 || pass.p < BATCH * SLOW || pass.n > INT64_MAX / 8 / pass.p || repetitions < 1
        || repetitions > REPETITIONS_MOST) {
        fprintf(stderr, "usage: genotypes ROWS COLUMNS [repetitions 1 to %d]\n", REPETITIONS_MOST);
        return 2;
    }
    pass.stride = (pass.n + 3) / 4;
    pass.x = need((size_t)(pass.p * pass.stride));
    pass.r = need((size_t)pass.n * sizeof *pass.r);
    pass.fixed = need(genotype_fixed_bytes(pass.n, DIGITS));
    uint64_t state = 1;
    for (int64_t i = 0; i < pass.p * pass.stride; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        pass.x[i] = (uint8_t)(state >> 56);
    }
    for (int64_t i = 0; i < pass.n; i++)
        pass.r[i] = (double)(i * 7919 % 1009) / 1009 - 0.5;
    for (int level = 0; level < levels_here(); level++) {
        struct pass some = pass;
        some.p = level ? pass.p : (pass.p + SLOW - 1) / SLOW;
        print_level(&some, levels[level], repetitions);
    }
    free(pass.x);
    free(pass.r);
    free(pass.fixed);
    return 0;
}
