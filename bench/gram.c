/* gram.c - products of panels, couplings of codes and Cholesky factors of each instruction set, beside
 * multiply-adds in registers alone, turn by turn in one run, on one core.
 *
 *     bench/gram [repetitions]
 */
#include "apps/lasso/codes.h"
#include "apps/lasso/factor.h"
#include "apps/lasso/kernel.h"
#include "apps/lasso/panel.h"
#include "apps/lasso/shadow.h"
#include "bench/median.h"
#include "bench/peak.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPETITIONS_MOST = 99, LEVELS = 3, PEAK_TURNS = 400000 };

static const double LEAST_SECONDS = 0.01; /* of one measurement */

static const struct level {
    const char *name;
    const struct panel *panel;
    const struct codes_kernel *codes;
    const struct factor *factor;
    const struct kernel *kernel;
    const struct peak *peak;
} levels[LEVELS] = {
    { "v2", &lasso_panel_v2, &lasso_codes_v2, &lasso_factor_v2, &lasso_kernel_v2, &bench_peak_v2 },
    { "v3", &lasso_panel_v3, &lasso_codes_v3, &lasso_factor_v3, &lasso_kernel_v3, &bench_peak_v3 },
    { "v4", &lasso_panel_v4, &lasso_codes_v4, &lasso_factor_v4, &lasso_kernel_v4, &bench_peak_v4 },
};

static int levels_here(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 1;
    return __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") ? 3 : 2;
}

/* Of this thread alone: machines are shared. */
static double seconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void *need(int64_t count)
{
    double *room = calloc((size_t)count, sizeof *room);
    if (!room) {
        fprintf(stderr, "gram: not enough memory\n");
        exit(1);
    }
    return room;
}

static volatile double kept; /* so that no run is left out */

static double peak_rate(const struct peak *peak)
{
    double began = seconds();
    kept = peak->run(PEAK_TURNS);
    return 1e-9 * (double)(peak->operations * PEAK_TURNS) / (seconds() - began);
}

/* ---- products ------------------------------------------------------------------------------------ */

struct sides {
    int64_t n, ka, kb;
    double *values, *out; /* [n * (ka + kb)], [ka * kb] */
    const double **a, **b;
};

static double product_rate(const struct level *level, const struct sides *s, bool by_pairs)
{
    double began = seconds(), spent;
    int64_t times = 0;
    do {
        for (int64_t i = 0; by_pairs && i < s->ka; i++)
            level->kernel->dots(s->b[0], s->n, NULL, s->kb, s->a[i], s->n, s->out + i * s->kb);
        if (!by_pairs)
            level->panel->products(s->a, s->ka, s->b, s->kb, s->n, s->out, s->kb);
        times++;
        spent = seconds() - began;
    } while (spent < LEAST_SECONDS);
    return 2e-9 * (double)(s->n * s->ka * s->kb * times) / spent;
}

static void print_products(int64_t n, int64_t ka, int64_t kb, int repetitions)
{
    double panels[REPETITIONS_MOST], pairs[REPETITIONS_MOST], peaks[REPETITIONS_MOST];
    struct sides s = { .n = n, .ka = ka, .kb = kb, .values = need(n * (ka + kb)), .out = need(ka * kb),
                       .a = need(ka), .b = need(kb) };
    for (int64_t i = 0; i < n * (ka + kb); i++)
        s.values[i] = (double)(i * 7919 % 1009) / 1009 - 0.5;
    for (int64_t i = 0; i < ka; i++)
        s.a[i] = s.values + i * n;
    for (int64_t j = 0; j < kb; j++)
        s.b[j] = s.values + (ka + j) * n;
    for (int k = 0; k < levels_here(); k++) {
        for (int r = 0; r < repetitions; r++) {
            peaks[r] = peak_rate(levels[k].peak);
            panels[r] = product_rate(&levels[k], &s, false);
            pairs[r] = product_rate(&levels[k], &s, true);
        }
        double peak = median(peaks, repetitions), panel = median(panels, repetitions);
        double pair = median(pairs, repetitions);
        printf("| %lld x %lld, %lld rows | %s | %.1f | %.1f | %.2f | %.1f | %.1f |\n", (long long)ka,
               (long long)kb, (long long)n, levels[k].name, peak, panel, panel / peak, pair,
               panel / pair);
        fflush(stdout);
    }
    free(s.values);
    free(s.out);
    free(s.a);
    free(s.b);
}

/* ---- couplings of codes ----------------------------------------------------------------------------- */

typedef void couplings(const struct codes_side *a, int64_t ka, const struct codes_side *b, int64_t kb, int64_t n,
                       double *out, int64_t ld);

static double codes_rate(couplings *run, const struct codes_side *a, int64_t ka, const struct codes_side *b,
                         int64_t kb, int64_t n, double *out)
{
    double began = seconds(), spent;
    int64_t times = 0;
    do {
        run(a, ka, b, kb, n, out, kb);
        times++;
        spent = seconds() - began;
    } while (spent < LEAST_SECONDS);
    return 1e-9 * (double)(n * ka * kb * times) / spent;
}

static void print_codes(int64_t n, int64_t ka, int64_t kb, int repetitions)
{
    double fast[REPETITIONS_MOST], wide[REPETITIONS_MOST];
    int64_t stride = shadow_padded(n), *sum = need(ka + kb);
    uint8_t *code = aligned_alloc(SHADOW_LINE, (size_t)(stride * (ka + kb)));
    const uint8_t **at = need(ka + kb);
    double *unit = need(ka + kb), *mean = need(ka + kb), *out = need(ka * kb);
    if (!code)
        exit(1);
    for (int64_t i = 0; i < stride * (ka + kb); i++)
        code[i] = (uint8_t)(i % stride < n ? i * 7919 % 255 : 0);
    for (int64_t j = 0; j < ka + kb; j++)
        at[j] = code + j * stride;
    struct codes_side a = { at, sum, unit, mean }, b = { at + ka, sum + ka, unit + ka, mean + ka };
    for (int k = 0; k < levels_here(); k++) {
        for (int r = 0; r < repetitions; r++) {
            fast[r] = codes_rate(levels[k].codes->couplings, &a, ka, &b, kb, n, out);
            wide[r] = codes_rate(levels[k].codes->couplings_widened, &a, ka, &b, kb, n, out);
        }
        printf("| %lld x %lld, %lld rows | %s | %.1f | %.1f |\n", (long long)ka, (long long)kb,
               (long long)n, levels[k].name, median(fast, repetitions), median(wide, repetitions));
        fflush(stdout);
    }
    free(code);
    free(at);
    free(sum);
    free(unit);
    free(mean);
    free(out);
}

/* ---- factors --------------------------------------------------------------------------------------- */

struct times {
    double cholesky, solve, append, remove; /* seconds */
};

/* a: [m * m]; l the same, x and room for it. */
static struct times time_factor(const struct factor *factor, const double *a, int64_t m, double *l,
                                double *x, double *room)
{
    struct times t;
    memcpy(l, a, (size_t)(m * m) * sizeof *l);
    for (int64_t i = 0; i < m; i++)
        x[i] = 1;
    double began = seconds();
    factor->cholesky(NULL, l, m, m, 0);
    double factored = seconds();
    factor->forward(l, m, m, x);
    factor->backward(l, m, m, x);
    double solved = seconds();
    factor->append(l, m - 1, m, a + (m - 1) * m, 0);
    double appended = seconds();
    factor->remove(l, m, m, m / 2, room);
    t = (struct times){ factored - began, solved - factored, appended - solved, seconds() - appended };
    return t;
}

static void print_factors(int64_t m, int repetitions)
{
    double rate[REPETITIONS_MOST], peaks[REPETITIONS_MOST], solve[REPETITIONS_MOST],
        append[REPETITIONS_MOST], remove[REPETITIONS_MOST];
    double *a = need(m * m), *l = need(m * m), *x = need(m), *room = need(2 * m);
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k <= i; k++)
            a[i * m + k] = i == k ? (double)m : (double)((i * m + k) * 7919 % 1009) / 1009;
    for (int k = 0; k < levels_here(); k++) {
        for (int r = 0; r < repetitions; r++) {
            struct times t = time_factor(levels[k].factor, a, m, l, x, room);
            peaks[r] = peak_rate(levels[k].peak);
            rate[r] = 1e-9 / 3 * (double)(m * m * m) / t.cholesky;
            solve[r] = t.cholesky / t.solve;
            append[r] = t.cholesky / t.append;
            remove[r] = t.cholesky / t.remove;
        }
        double peak = median(peaks, repetitions), middle = median(rate, repetitions);
        printf("| %lld | %s | %.1f | %.1f | %.2f | %.0f | %.0f | %.0f |\n", (long long)m,
               levels[k].name, peak, middle, middle / peak, median(solve, repetitions),
               median(append, repetitions), median(remove, repetitions));
        fflush(stdout);
    }
    free(a);
    free(l);
    free(x);
    free(room);
}

int main(int argc, char **argv)
{
    static const int64_t shapes[][3] = { { 1000, 256, 256 }, { 1500, 256, 256 }, { 2000, 256, 256 },
                                         { 1000, 1000, 1000 }, { 2000, 1000, 1000 },
                                         { 1000, 8, 256 }, { 1000, 1, 256 } };
    static const int64_t codes[][3] = { { 2000, 256, 64 }, { 2000, 1400, 64 }, { 2000, 1400, 1 },
                                        { 100000, 256, 64 } };
    static const int64_t sizes[] = { 100, 300, 600, 1000, 2000 };
    int repetitions = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 9;
    if (repetitions < 1 || repetitions > REPETITIONS_MOST) {
        fprintf(stderr, "gram [repetitions 1 to %d]\n", REPETITIONS_MOST);
        return 2;
    }
    printf("GFLOP/s of one core, time of the thread; medians of %d, in turn with multiply-adds in "
           "registers\n\n| panels | level | registers | products | share | by pairs | products / pairs |\n"
           "|---|---|---|---|---|---|---|\n", repetitions);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        print_products(shapes[i][0], shapes[i][1], shapes[i][2], repetitions);
    printf("\nand of codes, thousands of millions of products a second, and without an instruction for "
           "bytes\n\n| couplings | level | products | widened |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        print_codes(codes[i][0], codes[i][1], codes[i][2], repetitions);
    printf("\nand of m^3/3 operations of a factor; how many solves (forward and backward), rows added "
           "or removed from the middle take as long\n\n| m | level | registers | cholesky | share | "
           "solves | rows added | rows removed |\n|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        print_factors(sizes[i], repetitions);
    return 0;
}
