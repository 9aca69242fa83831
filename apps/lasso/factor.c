/* factor.c - compiled once for each x86-64 level (cmake/kernels.cmake).
 *
 * Cholesky goes by blocks of SIDE columns, left-looking (Golub and Van Loan 2013, 4.2.5):
 *
 *     S    = A_:J - L_:K L_JK'     K: the columns before J; rows are contiguous, so this is panel.c
 *     L_JJ = the factor of S_JJ
 *     L_:J = S_:J inv(L_JJ)'
 *
 * The last two work on transposed copies, so that lanes are neighbours.  Rows below a corner are cut
 * into strips, which know nothing of one another; the first of them makes the next corner too.
 */
#include "factor.h"

#include "lanes.h"
#include "panel.h"

#include <math.h>
#include <stdalign.h>
#include <stdbool.h>

enum { SHARED_LEAST = 400000 }; /* multiply-adds of a block of columns, about 50 us */
enum { SIDE = FACTOR_SIDE, STRIP = 96, PITCH = STRIP + LANES, VECTORS = 4, ABREAST = VECTORS * WIDTH, ROWS = 4 };

_Static_assert(STRIP % ABREAST == 0 && STRIP >= SIDE, "a strip is whole groups");
_Static_assert(3 * SIDE * PITCH * (int)sizeof(double) + PANEL_STACK_BYTES + 8192 <= FACTOR_STACK_BYTES,
               "the header says how much stack");

#define panel_here PASTE(lasso_panel_, KERNEL_ISA)

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* s[side][PITCH], transposed: rows i.., columns j.. of A - L_:K L_JK'.  PITCH is no power of two:
 * else neighbours in a row would meet in a few sets of the cache. */
static void update(const double *a, int64_t ld, int64_t i, int64_t count, int64_t j, int64_t side,
                   double *s)
{
    const double *rows[STRIP] = { NULL }, *columns[SIDE] = { NULL };
    for (int64_t r = 0; r < count; r++)
        rows[r] = a + (i + r) * ld;
    for (int64_t c = 0; c < side; c++)
        columns[c] = a + (j + c) * ld;
    panel_here.products(columns, side, rows, count, j, s, PITCH);
    for (int64_t r = 0; r < count; r++) {
        int64_t end = smaller(side, i + r - j + 1);
        for (int64_t c = 0; c < end; c++)
            s[c * PITCH + r] = rows[r][j + c] - s[c * PITCH + r];
    }
}

static void put_back(const double *s, int64_t count, int64_t side, double *to, int64_t ld)
{
    for (int64_t r = 0; r < count; r++)
        for (int64_t c = 0; c < side; c++)
            to[r * ld + c] = s[c * PITCH + r];
}

/* u[side][PITCH], transposed: the factor in place, right-looking; returns as cholesky does. */
static int64_t corner(double *u, int64_t side, double least)
{
    for (int64_t k = 0; k < side; k++) {
        double *restrict pivot = u + k * PITCH;
        if (!(pivot[k] > least))
            return k;
        double root = sqrt(pivot[k]);
        pivot[k] = root;
        for (int64_t i = k + 1; i < side; i++)
            pivot[i] /= root;
        for (int64_t j = k + 1; j < side; j++) {
            double *restrict rest = u + j * PITCH;
            double a = -pivot[j];
            for (int64_t i = j; i < side; i++)
                rest[i] = multiply_add(a, pivot[i], rest[i]);
        }
    }
    return side;
}

/* v[side][PITCH], transposed: ABREAST rows of S inv(L_JJ)'. */
static void substitute(const double *u, int64_t side, double *v)
{
    for (int64_t k = 0; k < side; k++) {
        vector x[VECTORS];
        for (int g = 0; g < VECTORS; g++)
            x[g] = load_vector(v + k * PITCH + g * WIDTH);
        for (int64_t l = 0; l < k; l++) {
            vector a = u[l * PITCH + k] - (vector){ 0 };
            for (int g = 0; g < VECTORS; g++)
                x[g] = fused(-a, load_vector(v + l * PITCH + g * WIDTH), x[g]);
        }
        for (int g = 0; g < VECTORS; g++)
            store_vector(v + k * PITCH + g * WIDTH, x[g] / u[k * PITCH + k]);
    }
}

/* Columns j .. of the rows from j on that the corner holds, as corner() leaves them. */
static void fetch_corner(const double *a, int64_t ld, int64_t j, int64_t side, double *u)
{
    for (int64_t r = 0; r < side; r++)
        for (int64_t c = 0; c <= r; c++)
            u[c * PITCH + r] = a[(j + r) * ld + j + c];
}

/* The step of columns j .. : what its parts read, and write each for itself. */
struct step {
    double *a;
    int64_t m, ld, j, side, below, strip; /* rows from `below` on are made, `strip` together; the first of
                                           * them SIDE where a corner is made of them too */
    const double *u;                      /* the corner of these columns */
    double *next;                         /* that of the next ones; NULL: it is there already */
    int64_t next_side, next_done;
    double least;
};

static int64_t make_corner(double *a, int64_t ld, int64_t j, int64_t side, double least, double *u)
{
    update(a, ld, j, side, j, side, u);
    int64_t done = corner(u, side, least);
    for (int64_t r = 0; r < done; r++)
        put_back(u + r, 1, r + 1, a + (j + r) * ld + j, ld);
    return done;
}

static void make_strip(const struct step *step, int64_t i, int64_t count)
{
    alignas(64) double v[SIDE * PITCH];
    memset(v, 0, sizeof v); /* lanes without a row are solved too */
    update(step->a, step->ld, i, count, step->j, step->side, v);
    for (int64_t r = 0; r < count; r += ABREAST)
        substitute(step->u, step->side, v + r);
    put_back(v, count, step->side, step->a + i * step->ld + step->j, step->ld);
}

/* The first part makes the next columns' corner of its rows, so that nobody waits for it alone. */
static int make_part(void *context, int64_t index)
{
    struct step *step = context;
    int64_t first = step->next ? step->next_side : step->strip;
    int64_t i = step->below + (index > 0 ? first + (index - 1) * step->strip : 0);
    make_strip(step, i, smaller(step->m - i, index > 0 ? step->strip : first));
    if (index == 0 && step->next)
        step->next_done = make_corner(step->a, step->ld, i, step->next_side, step->least, step->next);
    return 0;
}

/* As many rows as make about PARTS strips, whole groups of them. */
static int64_t strip_of(int64_t rows)
{
    enum { PARTS = 4 };
    int64_t groups = (rows + PARTS * ABREAST - 1) / (PARTS * ABREAST);
    return smaller(groups * ABREAST, STRIP);
}

static int64_t extend(const struct factor_helpers *helpers, double *a, int64_t from, int64_t m,
                      int64_t ld, double least)
{
    alignas(64) double corners[2][SIDE * PITCH];
    double *u = corners[0], *next = corners[1];
    if (from == 0 && m > 0) {
        int64_t side = smaller(m, SIDE), done = make_corner(a, ld, 0, side, least, u);
        if (done < side)
            return done;
    }
    for (int64_t j = 0; j < m; j += SIDE) {
        int64_t side = smaller(m - j, SIDE), end = j + side, below = end > from ? end : from;
        bool ahead = end >= from && end < m;
        struct step step = { .a = a, .m = m, .ld = ld, .j = j, .side = side, .below = below, .u = u,
                             .strip = strip_of(m - below), .next = ahead ? next : NULL,
                             .next_side = smaller(m - end, SIDE), .next_done = SIDE, .least = least };
        if (j < from)
            fetch_corner(a, ld, j, side, u);
        int64_t first = ahead ? step.next_side : step.strip, rest = m - below - first;
        int64_t parts = below < m ? 1 + (rest > 0 ? (rest + step.strip - 1) / step.strip : 0) : 0;
        bool shared = helpers && parts > 1 && (m - below) * side * end >= SHARED_LEAST;
        if (shared)
            (void)helpers->each(helpers->context, parts, make_part, &step);
        for (int64_t index = 0; !shared && index < parts; index++)
            make_part(&step, index);
        if (ahead && step.next_done < step.next_side)
            return end + step.next_done;
        double *now = u;
        u = next;
        next = now;
    }
    return m;
}

static int64_t cholesky(const struct factor_helpers *helpers, double *a, int64_t m, int64_t ld,
                        double least)
{
    return extend(helpers, a, 0, m, ld, least);
}

/* sums[r] = the first n entries of rows[r], times x. */
static void dots(const double *const rows[ROWS], const double *x, int64_t n, double sums[ROWS])
{
    vector sum[ROWS][LANES / WIDTH] = { 0 };
    double tail[ROWS] = { 0 };
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
#pragma GCC unroll 4
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
            for (int part = 0; part < LANES / WIDTH; part++) {
                int64_t at = i + part * WIDTH;
                sum[r][part] = fused(load_vector(rows[r] + at), load_vector(x + at), sum[r][part]);
            }
    for (; i < n; i++)
        for (int r = 0; r < ROWS; r++)
            tail[r] = multiply_add(rows[r][i], x[i], tail[r]);
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++) {
        lanes all;
#pragma GCC unroll 4
        for (int part = 0; part < LANES / WIDTH; part++)
            memcpy((double *)&all + part * WIDTH, &sum[r][part], sizeof sum[r][part]);
        sums[r] = fold(all) + tail[r];
    }
}

/* ROWS rows from i on; where there are fewer the last again. */
static int64_t rows_from(const double *a, int64_t m, int64_t ld, int64_t i, const double *rows[ROWS])
{
    int64_t count = smaller(m - i, ROWS);
    for (int64_t r = 0; r < ROWS; r++)
        rows[r] = a + (i + smaller(r, count - 1)) * ld;
    return count;
}

static void forward(const double *a, int64_t m, int64_t ld, double *x)
{
    for (int64_t i = 0; i < m; i += ROWS) {
        const double *rows[ROWS];
        double sums[ROWS];
        int64_t count = rows_from(a, m, ld, i, rows);
        dots(rows, x, i, sums);
        for (int64_t r = 0; r < count; r++) {
            double rest = x[i + r] - sums[r];
            for (int64_t c = 0; c < r; c++)
                rest = multiply_add(-rows[r][i + c], x[i + c], rest);
            x[i + r] = rest / rows[r][i + r];
        }
    }
}

/* x -= the first n entries of each row, times z of the row. */
static void subtract(const double *const rows[ROWS], const double z[ROWS], int64_t n,
                     double *restrict x)
{
    const double *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
    double z0 = -z[0], z1 = -z[1], z2 = -z[2], z3 = -z[3];
    for (int64_t i = 0; i < n; i++)
        x[i] = multiply_add(z0, r0[i], multiply_add(z1, r1[i], multiply_add(
                            z2, r2[i], multiply_add(z3, r3[i], x[i]))));
}

static void backward(const double *a, int64_t m, int64_t ld, double *x)
{
    for (int64_t i = (m - 1) / ROWS * ROWS; m > 0 && i >= 0; i -= ROWS) {
        const double *rows[ROWS];
        double z[ROWS] = { 0 };
        for (int64_t r = rows_from(a, m, ld, i, rows) - 1; r >= 0; r--) {
            double rest = x[i + r];
            for (int64_t q = r + 1; q < ROWS; q++)
                rest = z[q] != 0 ? multiply_add(-rows[q][i + r], z[q], rest) : rest;
            x[i + r] = z[r] = rest / rows[r][i + r];
        }
        subtract(rows, z, i, x);
    }
}

static int64_t append(double *a, int64_t m, int64_t ld, const double *c, double least)
{
    double *row = a + m * ld, sums[ROWS];
    memmove(row, c, (size_t)(m + 1) * sizeof *row);
    forward(a, m, ld, row);
    dots((const double *const[ROWS]){ row, row, row, row }, row, m, sums);
    double pivot = row[m] - sums[0];
    if (!(pivot > least))
        return m;
    row[m] = sqrt(pivot);
    return m + 1;
}

/* (x, y) = (cosine, sine) r, r > 0 where y > 0; no square overflows. */
static double rotation(double x, double y, double *cosine, double *sine)
{
    double large = fmax(fabs(x), fabs(y)), u = x / large, v = y / large, length = sqrt(u * u + v * v);
    *cosine = u / length;
    *sine = v / length;
    return large * length;
}

/* Row i + r of the new factor is row i + r + 1 of the old, whose columns from k on are turned pair
 * after pair.  A row's turns wait for one another: ROWS of them go together. */
static void turn(double *const to[ROWS], const double *const from[ROWS], int64_t k, int64_t i,
                 const double *cosine, const double *sine, double carry[ROWS])
{
    for (int r = 0; r < ROWS; r++)
        carry[r] = from[r][k];
    for (int64_t j = k; j < i; j++) {
        double c = cosine[j - k], s = sine[j - k], next[ROWS];
        for (int r = 0; r < ROWS; r++)
            next[r] = from[r][j + 1];
        for (int r = 0; r < ROWS; r++) {
            to[r][j] = multiply_add(c, carry[r], s * next[r]);
            carry[r] = multiply_add(-s, carry[r], c * next[r]);
        }
    }
}

static void without(double *a, int64_t m, int64_t ld, int64_t k, double *room)
{
    double *cosine = room, *sine = room + (m - k);
    for (int64_t i = k; i < m - 1; i += ROWS) {
        double *to[ROWS], carry[ROWS];
        const double *from[ROWS];
        int64_t count = rows_from(a, m - 1, ld, i, from);
        for (int64_t r = 0; r < ROWS; r++) {
            to[r] = a + (i + smaller(r, count - 1)) * ld;
            from[r] += ld;
        }
        for (int64_t r = 0; r < count; r++)
            memcpy(to[r], from[r], (size_t)k * sizeof *a);
        turn(to, from, k, i, cosine, sine, carry);
        for (int64_t r = 0; r < count; r++) {
            double x = carry[r];
            for (int64_t j = i; j < i + r; j++) {
                double c = cosine[j - k], s = sine[j - k], next = from[r][j + 1];
                to[r][j] = multiply_add(c, x, s * next);
                x = multiply_add(-s, x, c * next);
            }
            int64_t last = i + r;
            to[r][last] = rotation(x, from[r][last + 1], &cosine[last - k], &sine[last - k]);
        }
    }
}

const struct factor PASTE(lasso_factor_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .cholesky = cholesky,
    .extend = extend,
    .forward = forward,
    .backward = backward,
    .append = append,
    .remove = without,
};
