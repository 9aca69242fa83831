/* scan.c - a sweep on the workers: x_j'r for the columns of a chunk that the head asks for, and of the
 * answer what matters.
 *
 *     push   x_j'r over a slice's rows, for the columns visited
 *     pull   their sums over slices; what the head must know to the digit (variables that are not 0, and
 *            those that violate), and an upper bound of |x_j'r|/n for each of the others
 *
 * So a sweep's answer is 4 bytes a column visited, and a column that needs no visit costs nothing.
 */
#include "lasso.h"

#include <math.h>
#include <string.h>

enum { SCAN_SUMS = 3 }; /* r'r, r'y and the last fresh residual's change travel with the first chunk */

/* The parts of a brief, as they lie there. */
struct wanted {
    const struct lasso_scan_brief *brief;
    const double *b;       /* [active] */
    const int64_t *active; /* [active] ascending */
    const int32_t *offset; /* [listed] columns from the chunk's first, ascending; NULL: all */
    int64_t from, count;   /* first column of the chunk, columns visited */
};

static int read_brief(const struct lasso *lasso, const struct rondo_task *task,
                      struct wanted *wanted)
{
    const struct lasso_scan_brief *brief = task->brief.data;
    if (task->brief.size < sizeof *brief || task->block < 0 || task->block >= lasso->chunks)
        return RONDO_EAPP;
    bool all = brief->listed < 0;
    *wanted = (struct wanted){ .brief = brief, .b = (const double *)(brief + 1) };
    wanted->active = (const int64_t *)(wanted->b + brief->active);
    wanted->offset = all ? NULL : (const int32_t *)(wanted->active + brief->active);
    wanted->from = lasso->chunk[task->block];
    wanted->count = all ? lasso->chunk[task->block + 1] - wanted->from : brief->listed;
    size_t size = sizeof *brief + (size_t)brief->active * (sizeof(double) + sizeof(int64_t))
                  + (all ? 0 : (size_t)brief->listed * sizeof(int32_t));
    return task->brief.size == size ? RONDO_OK : RONDO_EAPP;
}

static int64_t column_at(const struct wanted *wanted, int64_t i)
{
    return wanted->from + (wanted->offset ? wanted->offset[i] : i);
}

/* ---- push ----------------------------------------------------------------------------------------- */

/* x_j'r of dense columns, a few megabytes of them at a time where the host wants to know which. */
static void dense_dots(const struct lasso *lasso, const struct lasso_slice *slice, int64_t from,
                       const int32_t *offset, int64_t count, double *out)
{
    const struct rondo_matrix *x = lasso->x->packed ? lasso->side : lasso->x;
    int64_t rows = slice->hi - slice->lo, bytes = rows * (int64_t)sizeof(double);
    int64_t most = lasso->touches ? LASSO_TOUCHED / bytes + 1 : count;
    const double *first = lasso_dense(lasso, from) + slice->lo;
    for (int64_t i = 0; i < count; i += most) {
        int64_t some = count - i < most ? count - i : most;
        const double *begin = offset ? first : first + i * x->ld;
        if (!offset)
            lasso_touch(lasso, begin, (some - 1) * x->ld * (int64_t)sizeof *begin + bytes);
        for (int64_t k = 0; offset && lasso->touches && k < some; k++)
            lasso_touch(lasso, begin + offset[i + k] * x->ld, bytes);
        lasso->kernel->dots(begin, x->ld, offset ? offset + i : NULL, some, slice->r, rows, out + i);
    }
}

/* x_j'r of dense or packed columns, from the data; a chunk has not both. */
static void data_dots(const struct lasso *lasso, const struct lasso_slice *slice, int64_t from,
                       const int32_t *offset, int64_t count, double *out)
{
    if (lasso_is_packed(lasso, from))
        lasso_packed_dots(lasso, slice->r, from, offset, count, out);
    else
        dense_dots(lasso, slice, from, offset, count, out);
    for (int64_t i = 0; i < count; i++)
        out[i] -= lasso->mean[from + (offset ? offset[i] : i)] * slice->sums[0];
}

static void sparse_dots(const struct lasso *lasso, const struct lasso_slice *slice,
                        const struct wanted *wanted, double *out)
{
    const struct rondo_matrix *x = lasso->x;
    if (slice->hi - slice->lo < lasso->n) { /* parts of columns */
        for (int64_t i = 0; i < wanted->count; i++)
            out[i] = lasso_gradient(lasso, slice, column_at(wanted, i));
        return;
    }
    lasso->kernel->gathers(x->colptr + wanted->from, x->values, x->rowidx, wanted->offset,
                           wanted->count, slice->r, out);
    for (int64_t i = 0; i < wanted->count; i++)
        out[i] -= lasso->mean[column_at(wanted, i)] * slice->sums[0];
}

/* The same from shadows, with how far each may be off. */
static void shadow_dots(const struct lasso *lasso, const struct lasso_slice *slice,
                        const struct wanted *wanted, int64_t *sums, double *out, double *slack)
{
    const uint8_t *code = lasso->code + wanted->from * lasso->stride;
    int64_t *column = sums + wanted->count;
    for (int64_t i = 0; wanted->offset && i < wanted->count; i++)
        column[i] = wanted->offset[i];
    if (wanted->offset)
        lasso->shadows->dots_of(code, lasso->stride, column, wanted->count, slice->high, slice->low,
                                lasso->n, sums);
    else
        lasso->shadows->dots(code, lasso->stride, wanted->count, slice->high, slice->low, lasso->n,
                             sums);
    for (int64_t i = 0; i < wanted->count; i++) {
        const struct shadow_column *shadow = &lasso->shadow[column_at(wanted, i)];
        struct shadow_dot dot = lasso->intercept ? shadow_dot_centred(shadow, &slice->digits, sums[i])
                                                 : shadow_dot(shadow, &slice->digits, sums[i]);
        out[i] = dot.value;
        slack[i] = dot.bound;
    }
}

/* Covariates are few: from the data at once. */
static void side_dots(const struct lasso *lasso, const struct lasso_slice *slice, const struct wanted *wanted,
                      double *out, double *slack)
{
    data_dots(lasso, slice, wanted->from, wanted->offset, wanted->count, out);
    memset(slack, 0, (size_t)wanted->count * sizeof *slack);
}

/* What binds a dual point of a column with such x_j'r: its size, or where b_j >= 0 it alone. */
static double reach_of(const struct lasso *lasso, double g, double slack)
{
    return (lasso->nonnegative ? g : fabs(g)) + slack;
}

/* Those that a bound does not show to lie below `near`, and the active, from the data. */
static void look_closer(const struct lasso *lasso, const struct lasso_slice *slice,
                        const struct wanted *wanted, void *room, double *out, double *slack)
{
    double near = wanted->brief->near * (double)lasso->n;
    double *exact = room;
    int32_t *offset = (int32_t *)(exact + wanted->count), *place = offset + wanted->count;
    int64_t closer = 0, at = 0;
    for (int64_t i = 0; i < wanted->count; i++) {
        int64_t j = column_at(wanted, i);
        while (at < wanted->brief->active && wanted->active[at] < j)
            at++;
        bool active = at < wanted->brief->active && wanted->active[at] == j;
        if (!active && reach_of(lasso, out[i], slack[i]) < lasso_l1(lasso, near, j))
            continue;
        place[closer] = (int32_t)i;
        offset[closer++] = (int32_t)(j - wanted->from);
    }
    data_dots(lasso, slice, wanted->from, offset, closer, exact);
    for (int64_t k = 0; k < closer; k++) {
        out[place[k]] = exact[k];
        slack[place[k]] = 0;
    }
}

/* x_j'r of the visited; chunk 0: then the slice's sums; with bounds: then how far each x_j'r may be
 * off, 0 where it comes from the data. */
int lasso_scan_push(const struct lasso *lasso, const struct lasso_slice *slice,
                    struct lasso_scratch *scratch, const struct rondo_task *task,
                    struct rondo_buf *partial)
{
    struct wanted wanted = { 0 };
    int code = read_brief(lasso, task, &wanted);
    int64_t sums = task->block == 0 ? SCAN_SUMS : 0;
    size_t numbers = (size_t)(wanted.count * (lasso->bounds ? 2 : 1) + sums);
    if (!code)
        code = lasso->host->reserve(partial, numbers * sizeof(double) + 1);
    if (!code && lasso->bounds)
        code = lasso->host->reserve(&scratch->room, (size_t)wanted.count * 2 * sizeof(int64_t) + 1);
    if (code)
        return code;
    partial->size = numbers * sizeof(double);
    double *out = (double *)(void *)partial->data, *slack = out + wanted.count + sums;
    if (lasso->bounds) {
        if (lasso_is_packed(lasso, wanted.from))
            lasso_packed_bounds(lasso, slice, wanted.from, wanted.offset, wanted.count, out, slack);
        else if (lasso->code)
            shadow_dots(lasso, slice, &wanted, (int64_t *)(void *)scratch->room.data, out, slack);
        else
            side_dots(lasso, slice, &wanted, out, slack);
        look_closer(lasso, slice, &wanted, scratch->room.data, out, slack);
    } else if (lasso->x->sparse) {
        sparse_dots(lasso, slice, &wanted, out);
    } else {
        data_dots(lasso, slice, wanted.from, wanted.offset, wanted.count, out);
    }
    if (task->block == 0) {
        out[wanted.count] = lasso->loss ? slice->loss : slice->sums[1];
        out[wanted.count + 1] = slice->sums[2];
        out[wanted.count + 2] = slice->moved;
    }
    return RONDO_OK;
}

/* ---- pull --------------------------------------------------------------------------------------------- */

/* g as a float that is no less. */
static float bound_of(double g)
{
    return (float)(g + fabs(g) * 0x1p-20) + 0x1p-126f;
}

/* Room for a chunk: [visited] each. */
struct looked {
    double *g, *reach; /* g_j, and |g_j - l2 b_j| or more, in l1_factors */
    const double *slack; /* how far g_j may be off; NULL: not at all */
    int64_t *entry;    /* which of the visited are entries, ascending */
};

static double greatest(const double *x, int64_t count)
{
    double most[4] = { 0 };
    int64_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int c = 0; c < 4; c++)
            most[c] = x[i + c] > most[c] ? x[i + c] : most[c];
    for (; i < count; i++)
        most[0] = x[i] > most[0] ? x[i] : most[0];
    return fmax(fmax(most[0], most[1]), fmax(most[2], most[3]));
}

/* Where column j stands among the visited, at least at `from`. */
static int64_t place_of(const struct wanted *wanted, int64_t from, int64_t j)
{
    int64_t count = wanted->count;
    if (!wanted->offset)
        return j - wanted->from;
    while (from < count) {
        int64_t middle = from + (count - from) / 2;
        if (column_at(wanted, middle) < j)
            from = middle + 1;
        else
            count = middle;
    }
    return from;
}

/* Those above `notice` among places [from, to). */
static int64_t notice(const struct looked *looked, double above, int64_t from, int64_t to,
                      int64_t entries)
{
    for (int64_t i = from; i < to; i++)
        if (looked->reach[i] > above)
            looked->entry[entries++] = i;
    return entries;
}

/* In l1_factors; a column without a penalty binds nothing, as r is made orthogonal to it. */
static double in_factors(const struct lasso *lasso, int64_t j, double reach)
{
    if (!lasso->l1_factor)
        return reach;
    return lasso->l1_factor[j] > 0 ? reach / lasso->l1_factor[j] : 0;
}

/* Active columns are always visited.  Returns the number of entries. */
static int64_t look(const struct lasso *lasso, const struct wanted *wanted, struct looked *looked)
{
    const struct lasso_scan_brief *brief = wanted->brief;
    int64_t entries = 0, from = 0;
    for (int64_t i = 0; i < wanted->count; i++)
        looked->reach[i] = reach_of(lasso, looked->g[i], looked->slack ? looked->slack[i] : 0);
    for (int64_t i = 0; lasso->l1_factor && i < wanted->count; i++)
        looked->reach[i] = in_factors(lasso, column_at(wanted, i), looked->reach[i]);
    for (int64_t k = 0; k < brief->active; k++) {
        int64_t i = place_of(wanted, from, wanted->active[k]);
        if (i >= wanted->count || column_at(wanted, i) != wanted->active[k])
            return RONDO_EAPP;
        double g = looked->g[i] - lasso_l2(lasso, brief->l2, wanted->active[k]) * wanted->b[k];
        looked->reach[i] = in_factors(lasso, wanted->active[k], reach_of(lasso, g, 0));
        entries = notice(looked, brief->notice, from, i, entries);
        looked->entry[entries++] = i;
        from = i + 1;
    }
    return notice(looked, brief->notice, from, wanted->count, entries);
}

/* g = the sum of the slices' parts, over n; a column that says nothing has 0. */
static int add_up(const struct lasso *lasso, const struct wanted *wanted, bool first, double *g,
                  size_t numbers, const struct rondo_bytes *partials, int32_t count)
{
    memset(g, 0, numbers * sizeof *g);
    for (int32_t s = 0; s < count; s++) {
        const double *part = partials[s].data;
        if (partials[s].size != numbers * sizeof *g)
            return RONDO_EAPP;
        for (size_t i = 0; i < numbers; i++)
            g[i] += part[i];
    }
    size_t slack = (size_t)wanted->count + (first ? SCAN_SUMS : 0);
    for (int64_t i = 0; i < wanted->count; i++) {
        double weight = lasso->scale[column_at(wanted, i)] > 0 ? 1 : 0;
        g[i] = weight * g[i] / (double)lasso->n;
        if (slack < numbers)
            g[slack + (size_t)i] = weight * g[slack + (size_t)i] / (double)lasso->n;
    }
    return RONDO_OK;
}

/* g^2 / l2_factor; without a penalty 0, as r is orthogonal; where b_j >= 0 what is below 0 costs nothing. */
static double square_of(const struct lasso *lasso, int64_t j, double g)
{
    double factor = lasso->l2_factor ? lasso->l2_factor[j] : 1;
    return factor > 0 && !(lasso->nonnegative && g < 0) ? g * g / factor : 0;
}

static int write_answer(const struct lasso *lasso, const struct wanted *wanted,
                        const struct looked *looked, int64_t entries, bool first,
                        struct rondo_buf *result)
{
    size_t bytes = sizeof(struct lasso_scan) + (size_t)entries * 2 * sizeof(double)
                   + (size_t)wanted->count * sizeof(float);
    int code = lasso->host->reserve(result, bytes);
    if (code)
        return code;
    result->size = bytes;
    struct lasso_scan *scan = (struct lasso_scan *)(void *)result->data;
    double *g = (double *)(scan + 1);
    int64_t *column = (int64_t *)(g + entries);
    float *bound = (float *)(column + entries);
    *scan = (struct lasso_scan){ .most = greatest(looked->reach, wanted->count),
                                 .visited = wanted->count, .entries = entries };
    for (int64_t i = 0; wanted->brief->l2 > 0 && i < wanted->count; i++)
        scan->square += square_of(lasso, column_at(wanted, i), looked->g[i]);
    for (int64_t e = 0; e < entries; e++) {
        g[e] = looked->g[looked->entry[e]];
        column[e] = column_at(wanted, looked->entry[e]);
    }
    for (int64_t i = 0; i < wanted->count; i++)
        bound[i] = bound_of(reach_of(lasso, looked->g[i], looked->slack ? looked->slack[i] : 0));
    for (int64_t i = 0; first && i < SCAN_SUMS; i++)
        scan->sums[i] = looked->g[wanted->count + i];
    return RONDO_OK;
}

int lasso_scan_pull(const struct lasso *lasso, struct rondo_buf *room, const struct rondo_task *task,
                    const struct rondo_bytes *partials, int32_t count, struct rondo_buf *result)
{
    struct wanted wanted = { 0 };
    int code = read_brief(lasso, task, &wanted);
    bool first = task->block == 0;
    size_t visited = (size_t)wanted.count, sums = first ? SCAN_SUMS : 0;
    size_t numbers = visited * (lasso->bounds ? 2 : 1) + sums;
    if (!code)
        code = lasso->host->reserve(room, (numbers + 2 * visited) * sizeof(double) + 1);
    if (code)
        return code;
    double *g = (double *)(void *)room->data;
    struct looked looked = { g, g + numbers, lasso->bounds ? g + visited + sums : NULL,
                             (int64_t *)(g + numbers + visited) };
    code = add_up(lasso, &wanted, first, g, numbers, partials, count);
    if (code)
        return code;
    int64_t entries = look(lasso, &wanted, &looked);
    return entries < 0 ? (int)entries
                       : write_answer(lasso, &wanted, &looked, entries, first, result);
}
