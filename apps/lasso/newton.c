/* newton.c - where the signs stand still a subproblem is a quadratic: Newton steps on the support.
 *
 *     H = C_AA + l2,   g_j = q_j + l1_j sign(w_j) + l2_j w_j,   w_A <- w_A - H^-1 g_A
 *
 * A variable that the step would carry past 0 stops there and leaves A.  Where H is singular the
 * objective is linear along a direction that changes nothing but the penalty; it is followed downhill
 * until a variable is 0, so A ends with independent columns (Osborne, Presnell and Turlach, IMA J.
 * Numer. Anal. 20 (2000), who add and drop one at a time; here all that is not 0 is in A at once).
 */
#include "lasso.h"

#include <math.h>
#include <string.h>

enum {
    SUPPORT_MOST = 4096, /* variables in a factor */
    TURNS_MOST = 8,      /* steps that are cut short, in a row */
    DROPS_MOST = 16,     /* variables taken out of a factor; of more a new one is made */
};

static const double PIVOT_LEAST = 1e-12; /* of a column's part that no other explains, squared */
static const double ROUNDING = 0x1p-50;  /* of a change, in the terms it is the sum of */

/* A and its factor. */
struct active {
    const struct lasso *lasso;
    struct lasso_block *block;
    int64_t m, ld;
    int64_t *list;   /* [m] */
    double *a;       /* [ld x ld] the factor of H */
    double *x, *row; /* [ld] a step; a row of H */
    double *e, *ce;  /* [count] a displacement of the block, and C e */
    double *room;    /* [2 ld] */
};

static double slope_of(const struct lasso_block *block, int64_t j)
{
    return block->q[j] + copysign(block->l1[j], block->w[j]) + block->l2[j] * block->w[j];
}

/* ---- displacements --------------------------------------------------------------------------------------- */

/* ce = C e, for e that is 0 but on A. */
static void product(struct active *at)
{
    const struct lasso_block *block = at->block;
    memset(at->ce, 0, (size_t)block->count * sizeof *at->ce);
    for (int64_t j = 0; j < block->count; j++)
        if (at->e[j] != 0)
            at->lasso->kernel->axpy(at->e[j], block->couplings + j * block->count, at->ce,
                                    block->count);
}

/* The change of the block's objective along e, of which product() was taken. */
static double change_along(const struct active *at)
{
    const struct lasso_block *block = at->block;
    double change = 0;
    for (int64_t j = 0; j < block->count; j++) {
        double w = block->w[j], e = at->e[j];
        if (e == 0)
            continue;
        change += e * (block->q[j] + 0.5 * at->ce[j] + block->l2[j] * (w + 0.5 * e));
        /* Where the sign stays no digits cancel. */
        change += block->l1[j] * (w * (w + e) > 0 ? copysign(1, w) * e : fabs(w + e) - fabs(w));
    }
    return change;
}

/* Of the sizes of what change_along adds up, the larger part. */
static double rounding_along(const struct active *at)
{
    const struct lasso_block *block = at->block;
    double sum = 0;
    for (int64_t j = 0; j < block->count; j++)
        if (at->e[j] != 0)
            sum += fabs(at->e[j]) * (fabs(block->q[j]) + block->l1[j]);
    return ROUNDING * sum;
}

static void displace(struct active *at)
{
    struct lasso_block *block = at->block;
    for (int64_t j = 0; j < block->count; j++) {
        double old = block->w[j], new = old + at->e[j];
        block->w[j] = old * new < 0 ? 0 : new; /* rounding may take it past 0 */
        block->q[j] += at->ce[j];
    }
}

/* ---- the factor ------------------------------------------------------------------------------------------ */

static void row_of(const struct active *at, int64_t i, double *row)
{
    const double *c = at->block->couplings + at->list[i] * at->block->count;
    for (int64_t k = 0; k <= i; k++)
        row[k] = c[at->list[k]];
    row[i] += at->block->l2[at->list[i]];
}

static void leave(struct active *at, int64_t i)
{
    memmove(at->list + i, at->list + i + 1, (size_t)(at->m - i - 1) * sizeof *at->list);
    at->m--;
}

/* Variable i depends on those before it, by x[0 .. i): along w_i + t, w_k - t x_k the quadratic stands
 * still.  Goes downhill until one of them is 0 and returns it, or i where there is no end. */
static int64_t slide(struct active *at, int64_t i)
{
    const struct lasso_block *block = at->block;
    double slope = slope_of(block, at->list[i]);
    for (int64_t k = 0; k < i; k++)
        slope -= at->x[k] * slope_of(block, at->list[k]);
    at->x[i] = -1;
    double way = slope > 0 ? 1 : -1, reach = HUGE_VAL; /* e = way x t */
    int64_t first = i;
    for (int64_t k = 0; k <= i; k++) {
        double w = block->w[at->list[k]] + at->e[at->list[k]], d = way * at->x[k];
        if (w * d < 0 && -w / d < reach) {
            reach = -w / d;
            first = k;
        }
    }
    if (!(reach < HUGE_VAL))
        return i;
    for (int64_t k = 0; k <= i; k++)
        at->e[at->list[k]] += way * at->x[k] * reach;
    at->e[at->list[first]] = -block->w[at->list[first]];
    return first;
}

/* Row by row from i on, where the factor by blocks met a pivot that is none. */
static void shed_dependent(struct active *at, int64_t i)
{
    const struct factor *factor = at->lasso->factor;
    memset(at->e, 0, (size_t)at->block->count * sizeof *at->e);
    while (i < at->m) {
        row_of(at, i, at->row);
        if (factor->append(at->a, i, at->ld, at->row, PIVOT_LEAST) > i) {
            i++;
            continue;
        }
        memcpy(at->x, at->row, (size_t)i * sizeof *at->x);
        factor->forward(at->a, i, at->ld, at->x);
        factor->backward(at->a, i, at->ld, at->x);
        int64_t gone = slide(at, i);
        if (gone < i)
            factor->remove(at->a, i--, at->ld, gone, at->room);
        leave(at, gone);
    }
    /* Columns that are the same are worth the same: what has left A must be 0 there too. */
    product(at);
    if (change_along(at) <= rounding_along(at))
        displace(at);
}

static void list_support(struct active *at)
{
    at->m = 0;
    for (int64_t j = 0; j < at->block->count; j++)
        if (at->block->w[j] != 0)
            at->list[at->m++] = j;
}

static void factor_support(struct active *at)
{
    list_support(at);
    for (int64_t i = 0; i < at->m; i++)
        row_of(at, i, at->a + i * at->ld);
    int64_t done = at->lasso->factor->cholesky(at->a, at->m, at->ld, PIVOT_LEAST);
    if (done < at->m)
        shed_dependent(at, done);
}

/* ---- steps ----------------------------------------------------------------------------------------------- */

/* e = the Newton step x, variables that would change their sign stopped at 0.  Where that does not
 * descend, the whole step ends at the first of them.  Returns how many stop; -1: no descent. */
static int64_t cut_step(struct active *at)
{
    const struct lasso_block *block = at->block;
    int64_t cut = 0, first = -1;
    double reach = 1;
    memset(at->e, 0, (size_t)block->count * sizeof *at->e);
    for (int64_t i = 0; i < at->m; i++) {
        int64_t j = at->list[i];
        double w = block->w[j];
        bool crosses = w * (w + at->x[i]) < 0;
        at->e[j] = crosses ? -w : at->x[i];
        cut += crosses;
        if (crosses && -w / at->x[i] < reach) {
            reach = -w / at->x[i];
            first = i;
        }
    }
    product(at);
    if (change_along(at) < 0)
        return cut;
    if (cut == 0)
        return -1;
    for (int64_t i = 0; i < at->m; i++)
        at->e[at->list[i]] = i == first ? -block->w[at->list[i]] : reach * at->x[i];
    product(at);
    return change_along(at) < 0 ? 1 : -1;
}

/* Takes what has become 0 out of A. */
static void drop_zeros(struct active *at, int64_t cut)
{
    if (cut > DROPS_MOST) {
        factor_support(at);
        return;
    }
    for (int64_t i = at->m; i-- > 0;) {
        if (at->block->w[at->list[i]] != 0)
            continue;
        at->lasso->factor->remove(at->a, at->m, at->ld, i, at->room);
        leave(at, i);
    }
}

static bool step(struct active *at, int64_t *cut)
{
    const struct factor *factor = at->lasso->factor;
    for (int64_t i = 0; i < at->m; i++)
        at->x[i] = -slope_of(at->block, at->list[i]);
    factor->forward(at->a, at->m, at->ld, at->x);
    factor->backward(at->a, at->m, at->ld, at->x);
    for (int64_t i = 0; i < at->m; i++)
        if (!isfinite(at->x[i]))
            return false;
    *cut = cut_step(at);
    if (*cut >= 0)
        displace(at);
    return *cut >= 0;
}

static int make_room(struct active *at, struct rondo_buf *room, int64_t m)
{
    size_t count = (size_t)at->block->count, ld = ((size_t)m + 7) / 8 * 8;
    size_t numbers = ld * ld + 4 * ld + 2 * count;
    int code = at->lasso->host->reserve(room, numbers * sizeof(double) + ld * sizeof(int64_t));
    if (code)
        return code;
    at->ld = (int64_t)ld;
    at->a = (double *)(void *)room->data;
    at->x = at->a + ld * ld;
    at->row = at->x + ld;
    at->room = at->row + ld;
    at->e = at->room + 2 * ld;
    at->ce = at->e + count;
    at->list = (int64_t *)(at->ce + count);
    return RONDO_OK;
}

int lasso_newton(const struct lasso *lasso, struct lasso_block *block, struct rondo_buf *room,
                 int64_t *steps)
{
    struct active at = { .lasso = lasso, .block = block };
    int64_t m = 0, cut = 0;
    for (int64_t j = 0; j < block->count; j++)
        m += block->w[j] != 0;
    if (m == 0 || m > SUPPORT_MOST)
        return RONDO_OK;
    int code = make_room(&at, room, m);
    if (code)
        return code;
    factor_support(&at);
    for (int turn = 0; turn < TURNS_MOST && at.m > 0; turn++) {
        if (!step(&at, &cut))
            break;
        *steps += at.m;
        if (cut == 0)
            break;
        drop_zeros(&at, cut);
    }
    return RONDO_OK;
}
