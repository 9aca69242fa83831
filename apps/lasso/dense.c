/* dense.c - couplings of dense columns: of two that are their shadows in whole numbers (codes.h), of
 * others from products of the columns themselves (panel.h).
 *
 * Which way a pair goes is a matter of its columns alone, so its bits do not depend on what is asked
 * with it.
 */
#include "lasso.h"

#include <math.h>

/* Of a column's length: so near a shadow is the column to rounding, as genotypes are and whatever else has
 * two or three equidistant values. */
static const double EXACT = 0x1p-43;

static bool is_exact(const struct lasso *lasso, int64_t j)
{
    return lasso->code && lasso->n <= CODES_ROWS_MOST
           && lasso->shadow[j].error <= EXACT * lasso->shadow[j].norm;
}

/* Columns in the order of a product, those that are their shadows first. */
struct side {
    int64_t count, exact;
    int64_t *column;       /* [count] */
    int64_t *place;        /* [count] where each is asked for; NULL: in this order */
    const double **value;  /* [count] */
    const uint8_t **code;  /* [exact], and so on */
    int64_t *sum;
    double *unit, *mean;
};

static size_t bytes_of(int64_t count)
{
    return 7 * (size_t)count * sizeof(double);
}

static void lay_out(struct side *side, unsigned char *room, int64_t count)
{
    side->count = count;
    side->column = (int64_t *)(void *)room;
    side->place = side->column + count;
    side->value = (const double **)(void *)(side->place + count);
    side->code = (const uint8_t **)(void *)(side->value + count);
    side->sum = (int64_t *)(void *)(side->code + count);
    side->unit = (double *)(void *)(side->sum + count);
    side->mean = side->unit + count;
}

/* x = low + scale code, low = mean - scale T/n, in units of the coupling's own. */
static void describe(const struct lasso *lasso, struct side *side, int64_t i)
{
    int64_t j = side->column[i];
    const struct shadow_column *shadow = &lasso->shadow[j];
    double n = (double)lasso->n, scale = lasso->scale[j];
    side->code[i] = lasso->code + j * lasso->stride;
    side->sum[i] = lasso->codes->sum(side->code[i], lasso->n);
    double mean = shadow->centre + shadow->low + shadow->scale * ((double)side->sum[i] / n);
    side->unit[i] = scale > 0 ? shadow->scale / scale / sqrt(n) : 0;
    side->mean[i] = scale > 0 && !lasso->intercept ? mean / scale * sqrt(n) : 0;
}

static void sort(const struct lasso *lasso, struct side *side, const int64_t *column)
{
    int64_t exact = 0, rest = 0;
    for (int64_t i = 0; i < side->count; i++)
        exact += is_exact(lasso, column[i]);
    side->exact = exact;
    for (int64_t i = 0; i < side->count; i++) {
        int64_t at = is_exact(lasso, column[i]) ? i - rest : exact + rest++;
        side->column[at] = column[i];
        side->place[at] = i;
    }
    for (int64_t i = 0; i < exact; i++)
        describe(lasso, side, i);
}

static struct codes_side codes_of(const struct side *side)
{
    return (struct codes_side){ side->code, side->sum, side->unit, side->mean };
}

/* Rows [from, to) of the product against the columns from `first` on, from the data: the means enter once,
 * with the rows from the first. */
static void from_data(const struct lasso *lasso, const struct lasso_slice *slice, struct side *row,
                      int64_t from, int64_t to, struct side *column, int64_t first, double *value)
{
    int64_t n = slice->hi - slice->lo, columns = column->count - first;
    int64_t most = lasso->touches ? LASSO_TOUCHED / (n * (int64_t)sizeof(double)) + columns : to - from;
    double rows = slice->lo == 0 ? (double)lasso->n : 0;
    for (int64_t u = from; u < to && columns > 0; u += most) {
        int64_t some = to - u < most ? to - u : most;
        for (int64_t i = u; i < u + some; i++)
            row->value[i] = lasso_span_of(lasso, slice, row->column[i]).value;
        for (int64_t c = first; c < column->count; c++)
            column->value[c] = lasso_span_of(lasso, slice, column->column[c]).value;
        lasso->panel->products(row->value + u, some, column->value + first, columns, n,
                               value + u * column->count + first, column->count);
    }
    for (int64_t u = from; u < to; u++)
        for (int64_t c = first; c < column->count; c++) {
            int64_t j = column->column[c], k = row->column[u];
            double scales = lasso->scale[j] * lasso->scale[k], *at = value + u * column->count + c;
            double centred = *at - rows * (lasso->mean[j] * lasso->mean[k]);
            *at = scales > 0 ? centred / scales : 0;
        }
}

int lasso_dense_couplings(const struct lasso *lasso, const struct lasso_slice *slice,
                          struct rondo_buf *room, const int64_t *column, int64_t columns,
                          const int64_t *row, int64_t rows, double **value)
{
    struct side a, b;
    size_t values = (size_t)(columns * rows) * sizeof **value;
    int code = lasso->host->reserve(room, 2 * values + bytes_of(rows) + bytes_of(columns) + 1);
    if (code)
        return code;
    double *made = (double *)(void *)room->data, *asked = made + columns * rows;
    lay_out(&a, room->data + 2 * values, rows);
    lay_out(&b, room->data + 2 * values + bytes_of(rows), columns);
    sort(lasso, &a, row);
    sort(lasso, &b, column);
    struct codes_side of_a = codes_of(&a), of_b = codes_of(&b);
    bool mixed = (a.exact > 0 && a.exact < rows) || (b.exact > 0 && b.exact < columns);
    int64_t whole = b.exact > 0 ? a.exact : 0; /* rows that have pairs in whole numbers */
    if (whole > 0)
        lasso->codes->couplings(&of_a, whole, &of_b, b.exact, lasso->n, made, columns);
    from_data(lasso, slice, &a, 0, whole, &b, b.exact, made);
    from_data(lasso, slice, &a, whole, rows, &b, 0, made);
    *value = mixed ? asked : made;
    for (int64_t u = 0; mixed && u < rows; u++)
        for (int64_t c = 0; c < columns; c++)
            asked[a.place[u] * columns + b.place[c]] = made[u * columns + c];
    return RONDO_OK;
}
