/* couple.c - couplings (x_j - m_j)'(x_k - m_k) / (scale_j scale_k), a slice's part.
 *
 * What is asked for are lists of rows by column.  Columns that ask for much the same rows make a panel:
 *
 *     dense    dense.c: products of register tiles
 *     packed   packed.c: joint counts of genotypes, which are exact
 *     sparse   held.c: columns by rows of X, where a column's entries meet theirs, which costs the pairs
 *              that meet and not all that are asked for
 *
 * The bits of a coupling are the same by every way and for (k, j): which pairs are asked together
 * depends on what a cache has seen.  Sparse sums go over the rows in ascending order, dense ones in the
 * order of panel.h.
 */
#include "lasso.h"

#include <string.h>

enum {
    PANEL_COLUMNS = 64,
    PACKED_COLUMNS = 256, /* where rows are made sets for each panel anew */
    ALIKE = 4, ROWS_FEW = 64, /* rows of two columns of a panel: so many times as many, and so many more */
    WASTE_MOST = 3,   /* entries of a panel for one that is asked for */
    SPREAD_LEAST = 2, /* couplings of a column for which it is worth laying it out */
    SEEK_RATIO = 24,  /* in a column so many times longer rows are sought, not followed */
};

struct request {
    const struct lasso *lasso;
    const struct lasso_slice *slice;
    struct lasso_scratch *scratch;
    const struct rondo_pairs *pairs;
    double *out;
};

/* ---- sparse, column by column ------------------------------------------------------------------------- */

/* dot[i] = x'x_k for the listed k, all sparse.  One column is laid out among zeros and the others
 * follow it; the bits are those of merge, so how pairs are grouped changes none. */
static void sparse_dots(const struct lasso *lasso, const struct lasso_slice *slice,
                        struct lasso_scratch *scratch, const struct lasso_span *x, int64_t count,
                        const int64_t *rows, double *dot)
{
    const struct kernel *kernel = lasso->kernel;
    bool spread = count >= SPREAD_LEAST;
    struct lasso_span waits = { 0 };
    int64_t waiting = -1; /* for another, to be followed with it */
    for (int64_t e = 0; spread && e < x->count; e++)
        scratch->spread[x->index[e]] = x->value[e];
    for (int64_t i = 0; i < count; i++) {
        struct lasso_span y = lasso_span_of(lasso, slice, rows[i]);
        if (y.count / SEEK_RATIO > x->count) {
            dot[i] = kernel->seek(x->value, x->index, x->count, y.value, y.index, y.count);
            continue;
        }
        if (!spread) {
            dot[i] = kernel->merge(x->value, x->index, x->count, y.value, y.index, y.count);
            continue;
        }
        if (waiting < 0) {
            waits = y;
            waiting = i;
            continue;
        }
        double out[2];
        kernel->follow2((const double *const[2]){ waits.value, y.value },
                        (const int32_t *const[2]){ waits.index, y.index },
                        (const int64_t[2]){ waits.count, y.count }, scratch->spread, out);
        dot[waiting] = out[0];
        dot[i] = out[1];
        waiting = -1;
    }
    if (waiting >= 0)
        dot[waiting] = kernel->follow(waits.value, waits.index, waits.count, scratch->spread);
    for (int64_t e = 0; spread && e < x->count; e++)
        scratch->spread[x->index[e]] = 0;
}

/* ---- panels -------------------------------------------------------------------------------------------- */

/* Columns [from, to) of a request against the union of their rows. */
struct tile {
    int64_t from, to;
    int64_t rows;
    int64_t *row;    /* [rows] variables */
    int32_t *place;  /* [pairs] of each pair's row in it */
    int32_t *first;  /* [rows] the first of the columns that asks for it */
    double *value;   /* [columns x rows]; not packed: [rows x columns] */
};

/* The union, by the place that each variable gets; scratch->place has zeros before and after. */
static int unite(const struct request *request, struct tile *tile)
{
    const struct rondo_pairs *pairs = request->pairs;
    int32_t *place = request->scratch->place;
    int64_t base = pairs->ptr[tile->from], count = pairs->ptr[tile->to] - base;
    size_t bytes = (size_t)count * (sizeof *tile->row + sizeof *tile->place + sizeof *tile->first);
    int code = request->lasso->host->reserve(&request->scratch->list, bytes + 1);
    if (code)
        return code;
    tile->row = (int64_t *)(void *)request->scratch->list.data;
    tile->place = (int32_t *)(tile->row + count);
    tile->first = tile->place + count;
    tile->rows = 0;
    for (int64_t c = tile->from, i = 0; c < tile->to; c++)
        for (; i < pairs->ptr[c + 1] - base; i++) {
            int64_t k = pairs->row[base + i];
            if (place[k] == 0) {
                tile->row[tile->rows++] = k;
                place[k] = (int32_t)tile->rows;
                tile->first[place[k] - 1] = (int32_t)(c - tile->from);
            }
            tile->place[i] = place[k] - 1;
        }
    for (int64_t u = 0; u < tile->rows; u++)
        place[tile->row[u]] = 0;
    return RONDO_OK;
}

/* A column c meets those that it is the first to ask for, and all before them. */
static int sparse_tile(const struct request *request, const struct tile *tile)
{
    const struct lasso *lasso = request->lasso;
    const struct lasso_slice *slice = request->slice;
    const struct rondo_pairs *pairs = request->pairs;
    struct lasso_held *held = &request->scratch->held;
    int64_t base = pairs->ptr[tile->from];
    for (int64_t from = 0, to = 0; from < tile->rows; from = to) {
        to = from + lasso_hold_most(lasso, held, tile->rows - from, tile->row + from);
        int code = lasso_hold_room(lasso, slice, held, to - from, tile->row + from);
        if (code)
            return code;
        for (int64_t c = tile->from, u = from; c < tile->to; c++) {
            for (; u < to && tile->first[u] <= c - tile->from; u++)
                lasso_hold(lasso, slice, held, tile->row[u]);
            const double *sum = lasso_meet(lasso, slice, held, pairs->column[c]);
            for (int64_t i = pairs->ptr[c]; i < pairs->ptr[c + 1]; i++)
                if (tile->place[i - base] >= from && tile->place[i - base] < to)
                    request->out[i] = sum[held->place[pairs->row[i]] - 1];
        }
    }
    return RONDO_OK;
}

/* The tile's values: a row for each column where packed, else a row for each row. */
static int compute_tile(const struct request *request, struct tile *tile)
{
    const struct lasso *lasso = request->lasso;
    const int64_t *column = request->pairs->column + tile->from;
    int64_t columns = tile->to - tile->from;
    if (lasso->x->packed)
        return lasso_packed_products(lasso, &request->scratch->room, column, columns, tile->row, tile->rows,
                                     &tile->value);
    return lasso_dense_couplings(lasso, request->slice, &request->scratch->room, column, columns, tile->row,
                                 tile->rows, &tile->value);
}

/* The asked for out of the panel.  Columns ask for much the same rows in one order, so the i-th of some
 * columns that stand together lie together too where a panel's rows are its columns. */
static void hand_out(const struct request *request, const struct tile *tile, int64_t row_step,
                     int64_t column_step)
{
    enum { TOGETHER = 8 };
    const struct rondo_pairs *pairs = request->pairs;
    int64_t base = pairs->ptr[tile->from];
    for (int64_t from = tile->from; from < tile->to; from += TOGETHER) {
        int64_t to = from + TOGETHER < tile->to ? from + TOGETHER : tile->to, most = 0;
        for (int64_t c = from; c < to; c++)
            most = pairs->ptr[c + 1] - pairs->ptr[c] > most ? pairs->ptr[c + 1] - pairs->ptr[c] : most;
        for (int64_t i = 0; i < most; i++)
            for (int64_t c = from; c < to; c++) {
                int64_t at = pairs->ptr[c] + i;
                if (at < pairs->ptr[c + 1])
                    request->out[at] = tile->value[tile->place[at - base] * row_step
                                                   + (c - tile->from) * column_step];
            }
    }
}

static int by_tile(const struct request *request, struct tile *tile)
{
    if (request->lasso->x->sparse)
        return sparse_tile(request, tile);
    int code = compute_tile(request, tile);
    if (!code && request->lasso->x->packed)
        hand_out(request, tile, 1, tile->rows);
    else if (!code)
        hand_out(request, tile, tile->to - tile->from, 1);
    return code;
}

static int by_columns(const struct request *request, int64_t from, int64_t to)
{
    const struct lasso *lasso = request->lasso;
    for (int64_t c = from; c < to; c++) {
        int64_t begin = request->pairs->ptr[c], count = request->pairs->ptr[c + 1] - begin;
        if (lasso->x->sparse) {
            struct lasso_span x = lasso_span_of(lasso, request->slice, request->pairs->column[c]);
            sparse_dots(lasso, request->slice, request->scratch, &x, count,
                        request->pairs->row + begin, request->out + begin);
            continue;
        }
        struct tile tile = { .from = c, .to = c + 1 };
        int code = unite(request, &tile);
        if (!code)
            code = by_tile(request, &tile);
        if (code)
            return code;
    }
    return RONDO_OK;
}

/* From sums of products to couplings: the means enter once, with the rows from the first. */
static void scale_pairs(const struct request *request)
{
    const struct lasso *lasso = request->lasso;
    const struct rondo_pairs *pairs = request->pairs;
    double rows = request->slice->lo == 0 ? (double)lasso->n : 0;
    for (int64_t c = 0; c < pairs->columns; c++) {
        int64_t j = pairs->column[c];
        for (int64_t i = pairs->ptr[c]; i < pairs->ptr[c + 1]; i++) {
            int64_t k = pairs->row[i];
            double scales = lasso->scale[j] * lasso->scale[k];
            double centred = request->out[i] - rows * (lasso->mean[j] * lasso->mean[k]);
            request->out[i] = scales > 0 ? centred / scales : 0;
        }
    }
}

/* As many columns as make a panel: not those that ask for few rows beside those that ask for many, whose
 * union they would have to be taken with. */
static void cut_tile(const struct request *request, struct tile *tile)
{
    const struct lasso *lasso = request->lasso;
    const struct rondo_pairs *pairs = request->pairs;
    int64_t longest = 0, most = lasso->x->sparse   ? pairs->columns
                                : lasso->x->packed ? PACKED_COLUMNS
                                                   : PANEL_COLUMNS;
    while (tile->to < pairs->columns && tile->to - tile->from < most) {
        int64_t rows = pairs->ptr[tile->to + 1] - pairs->ptr[tile->to];
        bool alike = rows <= ALIKE * longest + ROWS_FEW && longest <= ALIKE * rows + ROWS_FEW;
        if (tile->to > tile->from && !alike)
            break;
        longest = rows > longest ? rows : longest;
        tile->to++;
    }
}

int lasso_couple_all(const void *problem, const void *common, const void *shard, void *scratch,
                     const struct rondo_pairs *pairs, double *out)
{
    const struct lasso *lasso = problem;
    struct request request = { lasso, shard ? shard : common, scratch, pairs, out };
    for (int64_t from = 0; from < pairs->columns;) {
        struct tile tile = { .from = from, .to = from };
        cut_tile(&request, &tile);
        int code = unite(&request, &tile);
        if (code)
            return code;
        int64_t asked = pairs->ptr[tile.to] - pairs->ptr[from], columns = tile.to - from;
        bool panel = columns > 1 && columns * tile.rows <= WASTE_MOST * asked;
        code = panel ? by_tile(&request, &tile) : by_columns(&request, from, tile.to);
        if (code)
            return code;
        from = tile.to;
    }
    if (!lasso->x->dense)
        scale_pairs(&request);
    return RONDO_OK;
}
