/* held.c - sparse columns by rows of X, so that in one walk over its entries a column meets all of them.
 *
 *     sum[k] = x'x_k for every k that is held,  row by row: x_i times what row i has
 *
 * They stay from one request of couplings to the next, as the variables of working sets do; what is held
 * beside those that are asked for changes no sum, which goes over the rows in ascending order.
 */
#include "lasso.h"

#include <string.h>

enum {
    ENTRIES_MOST = 4194304, /* 12 bytes each */
    STALE = 2, FEW = 64,    /* so many times as many as are asked for, and so many more, are let go */
    SLACK = 4,              /* a row that comes to want room gets half as much again, and so many entries */
};

static int64_t rows_of(const struct lasso_slice *slice)
{
    return slice->hi - slice->lo;
}

static void let_go(struct lasso_held *held, const struct lasso_slice *slice)
{
    const int64_t *variable = (const int64_t *)(void *)held->list.data;
    for (int64_t k = 0; k < held->count; k++)
        held->place[variable[k]] = 0;
    held->count = held->entries = 0;
    held->lo = slice->lo;
    held->hi = slice->hi;
    held->list.size = 0;
    memset(held->first, 0, ((size_t)rows_of(slice) + 1) * sizeof *held->first);
    memset(held->last, 0, (size_t)rows_of(slice) * sizeof *held->last);
}

/* want[i] becomes the room of row i: what it has and what comes, exactly at first, then with some to spare.
 * False: all fit where they are. */
static bool count_room(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_held *held,
                       int64_t count, const int64_t *variables)
{
    int64_t rows = rows_of(slice);
    bool fits = true;
    memset(held->want, 0, (size_t)rows * sizeof *held->want);
    for (int64_t u = 0; u < count; u++) {
        struct lasso_span x = lasso_span_of(lasso, slice, variables[u]);
        for (int64_t e = 0; held->place[variables[u]] == 0 && e < x.count; e++)
            held->want[x.index[e] - slice->lo]++;
    }
    for (int64_t i = 0; i < rows; i++) {
        held->want[i] += held->last[i] - held->first[i];
        fits = fits && held->want[i] <= held->first[i + 1] - held->first[i];
    }
    for (int64_t i = 0; i < rows && held->count > 0; i++)
        held->want[i] += held->want[i] / 2 + SLACK;
    return !fits;
}

/* The rows again, each with the room that it wants. */
static int move_rows(const struct lasso *lasso, struct lasso_held *held, int64_t rows)
{
    struct rondo_buf old = held->room;
    size_t total = 1;
    for (int64_t i = 0; i < rows; i++)
        total += (size_t)held->want[i];
    held->room = held->spare;
    int code = lasso->host->reserve(&held->room, total * (sizeof(double) + sizeof(int32_t)));
    if (code) {
        held->spare = held->room;
        held->room = old;
        return code;
    }
    double *value = (double *)(void *)held->room.data;
    int32_t *column = (int32_t *)(value + total), to = 0;
    for (int64_t i = 0; i < rows; i++) {
        int32_t from = held->first[i], size = held->last[i] - from;
        for (int32_t e = 0; e < size; e++) {
            value[to + e] = held->value[from + e];
            column[to + e] = held->column[from + e];
        }
        held->first[i] = to;
        held->last[i] = to + size;
        to += held->want[i];
    }
    held->first[rows] = to;
    held->value = value;
    held->column = column;
    held->spare = old;
    return RONDO_OK;
}

int64_t lasso_hold_most(const struct lasso *lasso, const struct lasso_held *held, int64_t count,
                        const int64_t *variables)
{
    int64_t some = 0;
    for (double entries = 0; some < count && (some == 0 || entries < (double)held->most); some++)
        entries += lasso->cost[variables[some]];
    return some;
}

int lasso_hold_room(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_held *held,
                    int64_t count, const int64_t *variables)
{
    double entries = 0;
    for (int64_t u = 0; u < count; u++)
        if (held->place[variables[u]] == 0)
            entries += lasso->cost[variables[u]];
    bool other = held->lo != slice->lo || held->hi != slice->hi;
    if (other || held->count > STALE * count + FEW || (double)held->entries + entries > (double)held->most)
        let_go(held, slice);
    int code = lasso->host->reserve(&held->list, (size_t)(held->count + count) * sizeof(int64_t));
    if (!code)
        code = lasso->host->reserve(&held->sum, (size_t)(held->count + count) * sizeof(double));
    if (!code && count_room(lasso, slice, held, count, variables))
        code = move_rows(lasso, held, rows_of(slice));
    return code;
}

void lasso_hold(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_held *held,
                int64_t variable)
{
    if (held->place[variable])
        return;
    struct lasso_span x = lasso_span_of(lasso, slice, variable);
    int32_t *last = held->last - slice->lo;
    for (int64_t e = 0; e < x.count; e++) {
        int32_t to = last[x.index[e]]++;
        held->column[to] = (int32_t)held->count;
        held->value[to] = x.value[e];
    }
    held->entries += x.count;
    ((int64_t *)(void *)held->list.data)[held->count++] = variable;
    held->list.size = (size_t)held->count * sizeof(int64_t);
    held->place[variable] = (int32_t)held->count;
}

const double *lasso_meet(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_held *held,
                         int64_t variable)
{
    struct lasso_span x = lasso_span_of(lasso, slice, variable);
    double *sum = (double *)(void *)held->sum.data;
    memset(sum, 0, (size_t)held->count * sizeof *sum);
    lasso->kernel->meet(x.value, x.index, x.count, held->first - slice->lo, held->last - slice->lo,
                        held->column, held->value, sum);
    return sum;
}

int lasso_held_create(const struct lasso *lasso, struct lasso_held *held)
{
    const struct rondo_host *host = lasso->host;
    size_t rows = (size_t)lasso->n + 1;
    held->lo = held->hi = -1;
    held->most = ENTRIES_MOST;
    held->place = host->zalloc((size_t)lasso->p, sizeof *held->place);
    held->first = host->alloc(rows * sizeof *held->first);
    held->last = host->alloc(rows * sizeof *held->last);
    held->want = host->alloc(rows * sizeof *held->want);
    return held->place && held->first && held->last && held->want ? RONDO_OK : RONDO_ENOMEM;
}

void lasso_held_free(const struct lasso *lasso, struct lasso_held *held)
{
    void (*release)(void *) = lasso->host->free;
    release(held->place);
    release(held->first);
    release(held->last);
    release(held->want);
    release(held->list.data);
    release(held->sum.data);
    release(held->room.data);
    release(held->spare.data);
}
