/* mf_kernel.c - the steps of stochastic descent of apps/mf alone, on one thread.
 *
 *     bench/mf_kernel [ISA]
 *
 * Millions of ratings a second at rank 32, 64 and 128: of a tile whose columns fit in the second cache; of one
 * with so many and so long runs as ML-1M's users have in a quarter of the items; of random columns of 128 MB.
 * Beside each a plain loop of one rate for all rows, vectorised by the compiler, over the same ratings.  The
 * best of a few tries. */
#include "apps/mf/kernel.h"
#include "core/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, TRIES = 7 };

struct shape {
    const char *name;
    int32_t rows, length; /* runs, and ratings of each */
    int64_t bytes;        /* of the columns; 0: so many columns */
    int32_t cols;
};

static const struct shape SHAPE[] = {
    { "second cache", 2000, 100, 256 << 10, 0 },
    { "ML-1M", 1500, 38, 0, 925 },
    { "random", 20000, 20, 128 << 20, 0 },
};

static uint64_t dice = 1;

static uint32_t below(uint32_t limit)
{
    dice = dice * UINT64_C(0xD1342543DE82EF95) + 1;
    return (uint32_t)(((dice >> 32) * limit) >> 32);
}

static void *room(size_t bytes)
{
    void *at = aligned_alloc(LINE, (bytes + LINE) / LINE * LINE);
    if (at == NULL)
        abort();
    return memset(at, 0, (bytes + LINE) / LINE * LINE);
}

static struct side side_make(int32_t count, int32_t rank)
{
    struct side side = { room(sizeof(float) * (size_t)count * (size_t)rank), room(sizeof *side.pace * (size_t)count) };
    for (int64_t i = 0; i < (int64_t)count * rank; i++)
        side.row[i] = (float)below(1000) / 4000;
    for (int32_t i = 0; i < count; i++)
        side.pace[i] = (struct pace){ 1, 1, 1, 0 };
    return side;
}

static int by_col(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->col > y->col) - (x->col < y->col);
}

static struct tile tile_make(const struct shape *shape, int32_t cols)
{
    struct run *run = room(sizeof *run * (size_t)shape->rows);
    struct entry *entry = room(sizeof *entry * (size_t)shape->rows * (size_t)shape->length);
    for (int32_t i = 0; i < shape->rows; i++) {
        struct entry *at = entry + (int64_t)i * shape->length;
        run[i] = (struct run){ i, shape->length };
        for (int32_t j = 0; j < shape->length; j++)
            at[j] = (struct entry){ (int32_t)below((uint32_t)cols), (float)below(5) };
        qsort(at, (size_t)shape->length, sizeof *at, by_col);
    }
    return (struct tile){ shape->rows, (int64_t)shape->rows * shape->length, run, entry };
}

static double plain(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                    const struct side *cols)
{
    const struct entry *entry = tile->entry;
    double sum = 0;
    for (int64_t r = 0; r < tile->runs; r++)
        for (int32_t i = 0; i < tile->run[r].count; i++, entry++) {
            float *restrict p = rows->row + (int64_t)tile->run[r].row * rule->stride;
            float *restrict q = cols->row + (int64_t)entry->col * rule->stride;
            float dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int32_t k = 0; k < rule->stride; k++)
                dot += p[k] * q[k];
            float e = entry->value - dot;
#pragma omp simd
            for (int32_t k = 0; k < rule->stride; k++) {
                float was = p[k];
                p[k] += rule->rate * (e * q[k] - rule->lambda * was);
                q[k] += rule->rate * (e * was - rule->lambda * q[k]);
            }
            sum += (double)e * (double)e;
        }
    return sum;
}

typedef double visit_function(const struct sgd_rule *, const struct tile *, const struct side *, const struct side *);

/* Millions of ratings a second. */
static double rate(visit_function *visit, const struct shape *shape, int32_t rank)
{
    int32_t cols = shape->bytes > 0 ? (int32_t)(shape->bytes / (rank * (int64_t)sizeof(float))) : shape->cols;
    struct sgd_rule rule = { .rank = rank, .stride = rank, .rate = 0.01f, .lambda = 0.05f };
    struct side p = side_make(shape->rows, rank), q = side_make(cols, rank);
    struct tile tile = tile_make(shape, cols);
    double best = 0, sum = 0;
    for (int try = 0; try < TRIES; try++) {
        int64_t begin = clock_now_ns();
        for (int i = 0; i < 2; i++)
            sum += visit(&rule, &tile, &p, &q);
        double now = 2e3 * (double)tile.entries / (double)(clock_now_ns() - begin);
        best = now > best ? now : best;
    }
    if (!(sum >= 0))
        abort();
    void *all[] = { p.row, p.pace, q.row, q.pace, (void *)(uintptr_t)tile.run, (void *)(uintptr_t)tile.entry };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    return best;
}

int main(int argc, char **argv)
{
    const struct sgd_kernel *kernel = sgd_kernel_for(argc > 1 ? argv[1] : "x86-64-v3");
    if (kernel == NULL) {
        fprintf(stderr, "usage: mf_kernel [x86-64-v2 | x86-64-v3 | x86-64-v4]\n");
        return 2;
    }
    printf("%s, millions of ratings a second, plain loop, ratio\n", kernel->isa);
    for (size_t s = 0; s < sizeof SHAPE / sizeof *SHAPE; s++)
        for (int32_t rank = 32; rank <= 128; rank *= 2) {
            double it = rate(kernel->visit, &SHAPE[s], rank), other = rate(plain, &SHAPE[s], rank);
            printf("%-14s rank %3d %7.1f %7.1f %6.2f\n", SHAPE[s].name, (int)rank, it, other, it / other);
        }
    return 0;
}
