/* panel.c - compiled once for each x86-64 level (cmake/kernels.cmake).
 *
 * A pair of columns is summed in blocks of BLOCK rows.  Within a block lane l of eight sums the rows
 * i = l (mod 8), ascending, each by a multiply-add; the lanes are folded as fold does; blocks are
 * added, ascending.  The last rows are filled up with zeros to a multiple of eight.
 *
 * No step of that knows of another pair, so tiles may be of any shape.  Those here keep HEIGHT
 * columns of a against four of b in registers: b, packed, streams past columns of a that stay in the
 * first cache, and a group of a's columns stays in the second.  Where eight lanes are more than one
 * register they are summed in turn, so that the tile stays as large.
 */
#include "panel.h"

#include "lanes.h"

#include <stdalign.h>
#include <stdbool.h>

enum { BLOCK = 512, BREADTH = 4, HEIGHT = WIDTH == LANES ? 6 : 3, CHUNK = 32, GROUP = 256 };

typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));

_Static_assert((CHUNK + HEIGHT / 2) * BLOCK * (int)sizeof(double) <= PANEL_STACK_BYTES,
               "the header says how much stack");

/* sums[4][8] folded: out = the four sums, each in the order of fold. */
static inline quad fold4(const double *sums)
{
    quad x[BREADTH];
    for (int c = 0; c < BREADTH; c++)
        x[c] = *(const quad *)(sums + c * LANES) + *(const quad *)(sums + c * LANES + 4);
    quad t0 = __builtin_shufflevector(x[0], x[1], 0, 4, 2, 6);
    quad t1 = __builtin_shufflevector(x[0], x[1], 1, 5, 3, 7);
    quad t2 = __builtin_shufflevector(x[2], x[3], 0, 4, 2, 6);
    quad t3 = __builtin_shufflevector(x[2], x[3], 1, 5, 3, 7);
    return (__builtin_shufflevector(t0, t2, 0, 1, 4, 5) + __builtin_shufflevector(t0, t2, 2, 3, 6, 7)) +
           (__builtin_shufflevector(t1, t3, 0, 1, 4, 5) + __builtin_shufflevector(t1, t3, 2, 3, 6, 7));
}

/* A block's rows of at most HEIGHT columns of a: whole steps of eight where they stand, and the rest,
 * filled up with zeros. */
struct strip {
    const double *column[HEIGHT], *end[HEIGHT];
    int64_t steps;
    bool ragged;
    double rest[HEIGHT * LANES];
};

/* One step of eight rows, those from `row` on; b: four columns' lanes. */
static inline __attribute__((always_inline)) void advance(int height, const double *const *a,
                                                          int64_t row, const double *b,
                                                          vector sum[][BREADTH])
{
    vector y[BREADTH];
#pragma GCC unroll 4
    for (int c = 0; c < BREADTH; c++)
        y[c] = load_vector(b + c * LANES);
#pragma GCC unroll 6
    for (int r = 0; r < height; r++) {
        vector x = load_vector(a[r] + row);
#pragma GCC unroll 4
        for (int c = 0; c < BREADTH; c++)
            sum[r][c] = fused(x, y[c], sum[r][c]);
    }
}

/* sums[height][4][8]: the lanes of one tile. */
static inline __attribute__((always_inline)) void accumulate(int height, const struct strip *a,
                                                             const double *b, double *sums)
{
    for (int part = 0; part < LANES; part += WIDTH) {
        vector sum[HEIGHT][BREADTH] = { 0 };
        const double *at = b + part;
        for (int64_t s = 0; s < a->steps; s++, at += BREADTH * LANES)
            advance(height, a->column, s * LANES + part, at, sum);
        if (a->ragged)
            advance(height, a->end, part, at, sum);
#pragma GCC unroll 6
        for (int r = 0; r < height; r++)
#pragma GCC unroll 4
            for (int c = 0; c < BREADTH; c++)
                *(vector *)(sums + (r * BREADTH + c) * LANES + part) = sum[r][c];
    }
}

/* Where an entry (i, j) of the product stands: at[i * down + j * across]. */
struct place {
    double *at;
    int64_t down, across;
};

/* out (+)= the tile's sums, of `breadth` columns of b. */
static void tile(int height, const struct strip *a, const double *b, int64_t breadth, bool first,
                 struct place out)
{
    alignas(64) double sums[HEIGHT * BREADTH * LANES];
    if (height == HEIGHT)
        accumulate(HEIGHT, a, b, sums);
    else if (height == 2)
        accumulate(2, a, b, sums);
    else
        accumulate(1, a, b, sums);
    for (int r = 0; r < height; r++, out.at += out.down) {
        quad sum = fold4(sums + r * BREADTH * LANES);
        if (breadth == BREADTH && out.across == 1) {
            *(quad *)out.at = first ? sum : (quad)(*(quad *)out.at + sum);
        } else {
            for (int64_t c = 0; c < breadth; c++) {
                double *entry = out.at + c * out.across;
                *entry = first ? sum[c] : *entry + sum[c];
            }
        }
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A block's rows of at most CHUNK columns of b, four side by side in each step of eight rows.  Rows
 * that are not there are zeros; columns that are not there are the last one again. */
static void pack(const double *const *b, int64_t count, int64_t row, int64_t rows, double *packed)
{
    int64_t steps = (rows + LANES - 1) / LANES, whole = rows / LANES;
    for (int64_t j = 0; j < count; j += BREADTH)
        for (int64_t c = 0; c < BREADTH; c++) {
            double *to = packed + j * steps * LANES + c * LANES;
            const double *from = b[least(j + c, count - 1)] + row;
            for (int64_t s = 0; s < whole; s++, to += BREADTH * LANES)
                store(to, load(from + s * LANES));
            if (whole < steps) {
                lanes x = { 0 };
                memcpy(&x, from + whole * LANES, (size_t)(rows % LANES) * sizeof *from);
                store(to, x);
            }
        }
}

static void take(const double *const *a, int height, int64_t row, int64_t rows, struct strip *strip)
{
    int64_t rest = rows % LANES;
    strip->steps = rows / LANES;
    strip->ragged = rest > 0;
    memset(strip->rest, 0, strip->ragged ? sizeof strip->rest : 0);
    for (int r = 0; r < height; r++) {
        strip->column[r] = a[r] + row;
        strip->end[r] = strip->rest + r * LANES;
        memcpy(strip->rest + r * LANES, a[r] + row + rows - rest, (size_t)rest * sizeof(double));
    }
}

static struct place moved(struct place out, int64_t i, int64_t j)
{
    out.at += i * out.down + j * out.across;
    return out;
}

/* One block of rows of a GROUP of a's columns against a CHUNK of b's, which are packed. */
static void multiply(const double *const *a, int64_t ka, const double *packed, int64_t kb,
                     int64_t row, int64_t rows, struct place out)
{
    int64_t steps = (rows + LANES - 1) / LANES;
    int height;
    for (int64_t i = 0; i < ka; i += height) {
        struct strip strip;
        height = ka - i >= HEIGHT ? HEIGHT : ka - i >= 2 ? 2 : 1;
        take(a + i, height, row, rows, &strip);
        for (int64_t j = 0; j < kb; j += BREADTH)
            tile(height, &strip, packed + j * steps * LANES, least(kb - j, BREADTH), row == 0,
                 moved(out, i, j));
    }
}

static void blocks(const double *const *a, int64_t ka, const double *const *b, int64_t kb, int64_t n,
                   struct place out)
{
    alignas(64) double packed[CHUNK * BLOCK];
    for (int64_t row = 0; row < n; row += BLOCK)
        for (int64_t i = 0; i < ka; i += GROUP)
            for (int64_t j = 0; j < kb; j += CHUNK) {
                int64_t rows = least(n - row, BLOCK), count = least(kb - j, CHUNK);
                pack(b + j, count, row, rows, packed);
                multiply(a + i, least(ka - i, GROUP), packed, count, row, rows, moved(out, i, j));
            }
}

/* Packing is one pass over columns that meet only those of the other panel: of a few and many, the
 * few are packed. */
static void products(const double *const *a, int64_t ka, const double *const *b, int64_t kb, int64_t n,
                     double *out, int64_t ld)
{
    for (int64_t i = 0; n == 0 && i < ka; i++)
        memset(out + i * ld, 0, (size_t)kb * sizeof *out);
    if (ka < kb && ka <= CHUNK)
        blocks(b, kb, a, ka, n, (struct place){ .at = out, .down = 1, .across = ld });
    else
        blocks(a, ka, b, kb, n, (struct place){ .at = out, .down = ld, .across = 1 });
}

static void scaled(const double *x, const double *root, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = root[i] * x[i];
}

const struct panel PASTE(lasso_panel_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .products = products,
    .scaled = scaled,
};
