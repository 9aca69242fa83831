/* pass.c - the machine's own limit for the Lasso: one full gradient pass X'r over data in memory, by
 * a plain loop over the columns.
 *
 *     bench/pass THREADS PASSES X.npy
 *     bench/pass THREADS PASSES START.npy ROW.npy VALUE.npy ROWS
 *
 * X: doubles in Fortran order; or compressed columns: int64 starts, int32 rows, doubles.  Says the
 * median and the least seconds of a pass, and the bytes that one reads.  Threads share the columns,
 * with a barrier on either side of a pass. */
#include "bench/median.h"
#include "core/base/clock.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { THREADS_MOST = 64, PASSES_MOST = 999, HEADER_MOST = 1024 };
#define PAGE ((size_t)2 << 20)

struct design {
    int64_t rows, cols, stored;
    double *value;  /* [rows * cols] column-major, or [stored] */
    int64_t *start; /* [cols + 1], or NULL: dense */
    int32_t *row;   /* [stored] */
    double *r;      /* [rows] */
    double *g;      /* [cols] */
};

struct crew {
    const struct design *x;
    pthread_barrier_t gate;
    int passes;
};

struct hand {
    struct crew *crew;
    int64_t first, last; /* columns */
    pthread_t thread;
};

/* g = X'r for columns [first, last); four at a time, so that sums do not wait for one another. */
static void pass_dense(const struct design *x, int64_t first, int64_t last)
{
    int64_t n = x->rows, j = first;
    const double *restrict r = x->r;
    for (; j + 4 <= last; j += 4) {
        const double *restrict c = x->value + j * n;
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
        for (int64_t i = 0; i < n; i++) {
            s0 += c[i] * r[i];
            s1 += c[n + i] * r[i];
            s2 += c[2 * n + i] * r[i];
            s3 += c[3 * n + i] * r[i];
        }
        x->g[j] = s0, x->g[j + 1] = s1, x->g[j + 2] = s2, x->g[j + 3] = s3;
    }
    for (; j < last; j++) {
        double s = 0;
        for (int64_t i = 0; i < n; i++)
            s += x->value[j * n + i] * r[i];
        x->g[j] = s;
    }
}

static void pass_sparse(const struct design *x, int64_t first, int64_t last)
{
    const double *restrict r = x->r;
    for (int64_t j = first; j < last; j++) {
        double s = 0;
        for (int64_t k = x->start[j]; k < x->start[j + 1]; k++)
            s += x->value[k] * r[x->row[k]];
        x->g[j] = s;
    }
}

static void once(const struct hand *hand)
{
    const struct design *x = hand->crew->x;
    if (x->start)
        pass_sparse(x, hand->first, hand->last);
    else
        pass_dense(x, hand->first, hand->last);
}

static void *work(void *context)
{
    struct hand *hand = context;
    for (int pass = 0; pass < hand->crew->passes; pass++) {
        pthread_barrier_wait(&hand->crew->gate);
        once(hand);
        pthread_barrier_wait(&hand->crew->gate);
    }
    return NULL;
}

/* The column at which the t-th of `threads` begins: as many values to each. */
static int64_t cut(const struct design *x, int t, int threads)
{
    if (!x->start)
        return x->cols * t / threads;
    int64_t j = 0;
    while (j < x->cols && x->start[j] < x->stored * t / threads)
        j++;
    return t == threads ? x->cols : j;
}

static void measure(const struct design *x, int threads, int passes, double *seconds)
{
    struct crew crew = { .x = x, .passes = passes };
    struct hand hand[THREADS_MOST];
    pthread_barrier_init(&crew.gate, NULL, (unsigned)threads);
    for (int t = 0; t < threads; t++) {
        hand[t] = (struct hand){ &crew, cut(x, t, threads), cut(x, t + 1, threads), 0 };
        if (t && pthread_create(&hand[t].thread, NULL, work, &hand[t])) {
            fprintf(stderr, "pass: no thread\n");
            exit(1);
        }
    }
    for (int pass = 0; pass < passes; pass++) {
        pthread_barrier_wait(&crew.gate);
        int64_t began_ns = clock_now_ns();
        once(&hand[0]);
        pthread_barrier_wait(&crew.gate);
        seconds[pass] = (double)(clock_now_ns() - began_ns) * 1e-9;
    }
    for (int t = 1; t < threads; t++)
        pthread_join(hand[t].thread, NULL);
    pthread_barrier_destroy(&crew.gate);
}

static void *room(size_t bytes)
{
    size_t whole = (bytes + PAGE) / PAGE * PAGE;
    void *at = aligned_alloc(PAGE, whole);
    if (!at) {
        fprintf(stderr, "pass: out of memory\n");
        exit(1);
    }
    madvise(at, whole, MADV_HUGEPAGE);
    return at;
}

/* The values of a .npy file of version 1 or 2 and of that type; shape[2], 1 where it has none. */
static void *npy(const char *path, const char *type, size_t size, int64_t shape[2])
{
    unsigned char head[12];
    char text[HEADER_MOST + 1] = "";
    FILE *file = fopen(path, "rb");
    if (!file || fread(head, 1, 10, file) != 10 || memcmp(head, "\x93NUMPY", 6) ||
        (head[6] > 1 && fread(head + 10, 1, 2, file) != 2))
        goto bad;
    size_t length = head[8] + 256u * head[9];
    if (length > HEADER_MOST || fread(text, 1, length, file) != length || !strstr(text, type))
        goto bad;
    const char *at = strstr(text, "'shape': (");
    shape[0] = shape[1] = 1;
    if (!at || sscanf(at, "'shape': (%ld, %ld", &shape[0], &shape[1]) < 1 ||
        (shape[1] > 1 && !strstr(text, "'fortran_order': True")))
        goto bad;
    size_t count = (size_t)(shape[0] * shape[1]);
    void *value = room(count * size);
    if (fread(value, size, count, file) != count)
        goto bad;
    fclose(file);
    return value;
bad:
    fprintf(stderr, "pass: %s: not a .npy file of %s in Fortran order\n", path, type);
    exit(1);
}

static void load(struct design *x, char **word, int words)
{
    int64_t shape[2];
    if (words == 1) {
        x->value = npy(word[0], "'<f8'", sizeof *x->value, shape);
        x->rows = shape[0], x->cols = shape[1];
        x->stored = x->rows * x->cols;
    } else {
        x->start = npy(word[0], "'<i8'", sizeof *x->start, shape);
        x->cols = shape[0] - 1;
        x->row = npy(word[1], "'<i4'", sizeof *x->row, shape);
        x->value = npy(word[2], "'<f8'", sizeof *x->value, shape);
        x->stored = shape[0];
        x->rows = strtoll(word[3], NULL, 10);
    }
    x->r = room((size_t)x->rows * sizeof *x->r);
    x->g = room((size_t)x->cols * sizeof *x->g);
    memset(x->g, 0, (size_t)x->cols * sizeof *x->g);
    for (int64_t i = 0; i < x->rows; i++)
        x->r[i] = (double)(i % 17) - 8;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 0, passes = argc > 2 ? atoi(argv[2]) : 0;
    if ((argc != 4 && argc != 7) || threads < 1 || threads > THREADS_MOST || passes < 1 ||
        passes > PASSES_MOST) {
        fprintf(stderr, "usage: pass THREADS PASSES X.npy | START.npy ROW.npy VALUE.npy ROWS\n");
        return 2;
    }
    struct design x = { 0 };
    double seconds[PASSES_MOST], sum = 0;
    load(&x, argv + 3, argc - 3);
    measure(&x, threads, passes, seconds);
    double middle = median(seconds, passes);
    for (int64_t j = 0; j < x.cols; j++)
        sum += x.g[j];
    size_t bytes = (size_t)x.stored * (sizeof *x.value + (x.start ? sizeof *x.row : 0));
    printf("%.9f %.9f %zu %.17g\n", middle, seconds[0], bytes, sum);
    return 0;
}
