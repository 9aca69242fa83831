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

int lasso_scan_push(const struct lasso *lasso, const struct lasso_slice *slice,
                    const struct rondo_task *task, struct rondo_buf *partial)
{
    struct wanted wanted = { 0 };
    int code = read_brief(lasso, task, &wanted);
    if (code)
        return code;
    size_t bytes = ((size_t)wanted.count + (task->block == 0 ? SCAN_SUMS : 0)) * sizeof(double);
    code = lasso->host->reserve(partial, bytes ? bytes : 1);
    if (code)
        return code;
    partial->size = bytes;
    double *out = (double *)(void *)partial->data;
    const struct rondo_matrix *x = lasso->x;
    if (x->sparse) {
        for (int64_t i = 0; i < wanted.count; i++)
            out[i] = lasso_gradient(lasso, slice, column_at(&wanted, i));
    } else {
        const double *first = x->dense + wanted.from * x->ld + slice->lo;
        lasso->kernel->dots(first, x->ld, wanted.offset, wanted.count, slice->r,
                            slice->hi - slice->lo, out);
        for (int64_t i = 0; i < wanted.count; i++)
            out[i] -= lasso->mean[column_at(&wanted, i)] * slice->sums[0];
    }
    if (task->block == 0) {
        out[wanted.count] = slice->sums[1];
        out[wanted.count + 1] = slice->sums[2];
        out[wanted.count + 2] = slice->moved;
    }
    return RONDO_OK;
}

/* ---- pull --------------------------------------------------------------------------------------------- */

/* |g| as a float that is no less. */
static float bound_of(double g)
{
    return (float)(fabs(g) * (1 + 0x1p-20)) + 0x1p-126f;
}

/* Room for a chunk: [visited] each. */
struct looked {
    double *g, *reach; /* g_j, and |g_j - l2 b_j| */
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

/* Active columns are always visited.  Returns the number of entries. */
static int64_t look(const struct wanted *wanted, struct looked *looked)
{
    const struct lasso_scan_brief *brief = wanted->brief;
    int64_t entries = 0, from = 0;
    for (int64_t i = 0; i < wanted->count; i++)
        looked->reach[i] = fabs(looked->g[i]);
    for (int64_t k = 0; k < brief->active; k++) {
        int64_t i = place_of(wanted, from, wanted->active[k]);
        if (i >= wanted->count || column_at(wanted, i) != wanted->active[k])
            return RONDO_EAPP;
        looked->reach[i] = fabs(looked->g[i] - brief->l2 * wanted->b[k]);
        entries = notice(looked, brief->notice, from, i, entries);
        looked->entry[entries++] = i;
        from = i + 1;
    }
    return notice(looked, brief->notice, from, wanted->count, entries);
}

/* g = the sum of the slices' parts, over n; a column that says nothing has 0. */
static int add_up(const struct lasso *lasso, const struct wanted *wanted, double *g, size_t numbers,
                  const struct rondo_bytes *partials, int32_t count)
{
    memset(g, 0, numbers * sizeof *g);
    for (int32_t s = 0; s < count; s++) {
        const double *part = partials[s].data;
        if (partials[s].size != numbers * sizeof *g)
            return RONDO_EAPP;
        for (size_t i = 0; i < numbers; i++)
            g[i] += part[i];
    }
    for (int64_t i = 0; i < wanted->count; i++)
        g[i] = lasso->scale[column_at(wanted, i)] > 0 ? g[i] / (double)lasso->n : 0;
    return RONDO_OK;
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
        scan->square += looked->g[i] * looked->g[i];
    for (int64_t e = 0; e < entries; e++) {
        g[e] = looked->g[looked->entry[e]];
        column[e] = column_at(wanted, looked->entry[e]);
    }
    for (int64_t i = 0; i < wanted->count; i++)
        bound[i] = bound_of(looked->g[i]);
    for (int64_t i = 0; first && i < SCAN_SUMS; i++)
        scan->sums[i] = looked->g[wanted->count + i];
    return RONDO_OK;
}

int lasso_scan_pull(const struct lasso *lasso, struct rondo_buf *room, const struct rondo_task *task,
                    const struct rondo_bytes *partials, int32_t count, struct rondo_buf *result)
{
    struct wanted wanted = { 0 };
    int code = read_brief(lasso, task, &wanted);
    size_t numbers = (size_t)wanted.count + (task->block == 0 ? SCAN_SUMS : 0);
    if (!code)
        code = lasso->host->reserve(room, 3 * numbers * sizeof(double) + 1);
    if (code)
        return code;
    double *g = (double *)(void *)room->data;
    struct looked looked = { g, g + numbers, (int64_t *)(g + 2 * numbers) };
    code = add_up(lasso, &wanted, g, numbers, partials, count);
    if (code)
        return code;
    int64_t entries = look(&wanted, &looked);
    return entries < 0 ? (int)entries
                       : write_answer(lasso, &wanted, &looked, entries, task->block == 0, result);
}
