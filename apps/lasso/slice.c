/* slice.c - rows [lo, hi) of the residual r = y - X b, and what workers do with them.
 *
 * Few rows: one slice of all of them is the common state, a replica for each worker.  Many rows:
 * each shard is a slice.  The algebra is the same; partials of shards are summed in shard order.
 */
#include "lasso.h"

#include <math.h>
#include <string.h>

/* ---- a column's part in the slice --------------------------------------------------------------- */

static int64_t first_row(const int32_t *index, int64_t count, int64_t row)
{
    int64_t low = 0;
    while (low < count) {
        int64_t middle = low + (count - low) / 2;
        if (index[middle] < row)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

struct lasso_span lasso_span_of(const struct lasso *lasso, const struct lasso_slice *slice, int64_t j)
{
    const struct rondo_matrix *x = lasso->x;
    if (!x->sparse) {
        const double *value = lasso_dense(lasso, j) + slice->lo;
        lasso_touch(lasso, value, (slice->hi - slice->lo) * (int64_t)sizeof *value);
        return (struct lasso_span){ value, NULL, slice->hi - slice->lo };
    }
    int64_t begin = x->colptr[j], count = x->colptr[j + 1] - begin;
    if (slice->lo > 0 || slice->hi < lasso->n) {
        int64_t first = first_row(x->rowidx + begin, count, slice->lo);
        int64_t last = first_row(x->rowidx + begin, count, slice->hi);
        begin += first;
        count = last - first;
    }
    return (struct lasso_span){ x->values + begin, x->rowidx + begin, count };
}

enum { AHEAD = 4, LINE = 64 }; /* columns fetched ahead of their use; bytes */

/* Columns of a sampled block stand anywhere in memory: asks for the first lines of those to come. */
static void fetch_ahead(const struct lasso *lasso, const struct rondo_task *task, int64_t i)
{
    const struct rondo_matrix *x = lasso->x;
    if (!x->sparse)
        return;
    if (i + 2 * AHEAD < task->count)
        __builtin_prefetch(x->colptr + task->variables[i + 2 * AHEAD]);
    if (i + AHEAD >= task->count)
        return;
    int64_t at = x->colptr[task->variables[i + AHEAD]];
    const char *value = (const char *)(x->values + at), *index = (const char *)(x->rowidx + at);
    for (int line = 0; line < 4; line++)
        __builtin_prefetch(value + line * LINE);
    for (int line = 0; line < 2; line++)
        __builtin_prefetch(index + line * LINE);
}

/* (x_j - m_j)'r over the slice. */
double lasso_gradient(const struct lasso *lasso, const struct lasso_slice *slice, int64_t j)
{
    if (lasso_is_packed(lasso, j))
        return lasso_packed_dot(lasso, slice->r, j) - lasso->mean[j] * slice->sums[0];
    struct lasso_span span = lasso_span_of(lasso, slice, j);
    double dot = span.index
                     ? lasso->kernel->gather(span.value, span.index, span.count, slice->r - slice->lo)
                     : lasso->kernel->dot(span.value, slice->r, span.count);
    return dot - lasso->mean[j] * slice->sums[0];
}

void lasso_add_column(const struct lasso *lasso, const struct lasso_slice *slice, double a,
                       int64_t j, double *to)
{
    if (lasso_is_packed(lasso, j)) {
        lasso_packed_add(lasso, a, j, to);
        return;
    }
    struct lasso_span span = lasso_span_of(lasso, slice, j);
    if (span.index)
        lasso->kernel->scatter(a, span.value, span.index, span.count, to - slice->lo);
    else
        lasso->kernel->axpy(a, span.value, to, span.count);
}

struct product {
    const struct lasso *lasso;
    const struct lasso_slice *slice;
    int64_t count;
    const int64_t *variables;
    const double *d;
    double *u;
};

/* Rows [from, to) of the slice. */
static void product_piece(void *context, int64_t from, int64_t to)
{
    const struct product *at = context;
    struct lasso_slice piece = { .lo = at->slice->lo + from, .hi = at->slice->lo + to };
    memset(at->u + from, 0, (size_t)(to - from) * sizeof *at->u);
    for (int64_t i = 0; i < at->count; i++)
        if (at->d[i] != 0)
            lasso_add_column(at->lasso, &piece, at->d[i], at->variables[i], at->u + from);
}

void lasso_product(const struct lasso *lasso, const struct lasso_slice *slice, int64_t count,
                   const int64_t *variables, const double *d, double *u, double sums[2])
{
    struct product product = { lasso, slice, count, variables, d, u };
    int64_t rows = slice->hi - slice->lo;
    double shift = 0, moved = 0;
    for (int64_t i = 0; i < count; i++) {
        shift += d[i] == 0 ? 0 : d[i] * lasso->mean[variables[i]];
        moved += d[i] != 0;
    }
    if (lasso->x->sparse || lasso->x->packed) /* such columns are not cut */
        product_piece(&product, 0, rows);
    else
        lasso_share(lasso, moved * (double)rows, rows, product_piece, &product);
    lasso->kernel->shift(shift, u, slice->r, rows, sums);
}

/* ---- states --------------------------------------------------------------------------------------- */

void lasso_write_digits(const struct lasso *lasso, struct lasso_slice *slice)
{
    if (slice->high)
        lasso->shadows->quantise_vector(slice->r, slice->hi - slice->lo, slice->high, slice->low,
                                        &slice->digits);
    if (slice->digits_of_r)
        slice->step = lasso_packed_fix(lasso, slice->r, slice->digits_of_r);
}

static void measure(const struct lasso *lasso, struct lasso_slice *slice)
{
    const double *y = lasso->y + slice->lo;
    if (lasso->loss && slice->hi > slice->lo)
        lasso_glm_measure(lasso, slice);
    if (lasso->loss)
        return;
    lasso->kernel->step(0, y, slice->r, y, slice->hi - slice->lo, slice->sums);
    lasso_write_digits(lasso, slice);
}

void lasso_slice_destroy(const void *problem, void *state)
{
    const struct lasso *lasso = problem;
    struct lasso_slice *slice = state;
    lasso->host->free(slice->r);
    lasso->host->free(slice->u);
    lasso->host->free(slice->high);
    lasso->host->free(slice->low);
    lasso->host->free(slice->digits_of_r);
    lasso->host->free(slice->eta);
    lasso->host->free(slice->h);
    lasso->host->free(slice->room);
    lasso->host->free(slice);
}

static int slice_create(const struct lasso *lasso, int64_t lo, int64_t hi, bool own_u, void **state,
                        struct rondo_error *err)
{
    size_t bytes = (size_t)(hi - lo) * sizeof(double);
    struct lasso_slice *slice = lasso->host->zalloc(1, sizeof *slice);
    if (slice) {
        *slice = (struct lasso_slice){ .lo = lo, .hi = hi, .round = -1, .stage = lasso->stage };
        slice->r = lasso->host->alloc(bytes);
        slice->u = own_u ? lasso->host->alloc(bytes) : NULL;
        slice->high = lasso->code ? lasso->host->alloc((size_t)shadow_padded(hi - lo)) : NULL;
        slice->low = lasso->code ? lasso->host->alloc((size_t)shadow_padded(hi - lo)) : NULL;
        if (lasso->x->packed)
            slice->digits_of_r = lasso->host->alloc(lasso_packed_digits(lasso));
    }
    if (slice && lasso->loss) {
        size_t k = (size_t)lasso->frame.count;
        slice->eta = lasso->host->alloc(bytes);
        slice->h = lasso->host->alloc(bytes);
        slice->room = lasso->host->alloc(LASSO_FRAME_ROOM(k) * sizeof(double));
    }
    bool all = slice && slice->r && (slice->u || !own_u)
               && (!lasso->loss || (slice->eta && slice->h && slice->room))
               && ((slice->high && slice->low) || !lasso->code)
               && (slice->digits_of_r || !lasso->x->packed);
    if (!all) {
        if (slice)
            lasso_slice_destroy(lasso, slice);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the residual");
    }
    memcpy(slice->r, lasso->y + lo, bytes);
    if (lasso->loss && bytes)
        memcpy(slice->eta, lasso->eta, bytes);
    measure(lasso, slice);
    *state = slice;
    return RONDO_OK;
}

int lasso_common_create(const void *problem, int32_t index RONDO_UNUSED, void **state,
                        struct rondo_error *err)
{
    const struct lasso *lasso = problem;
    return slice_create(lasso, 0, lasso->shards || lasso->folds ? 0 : lasso->n, false, state, err);
}

int lasso_shard_create(const void *problem, int32_t index, void **state, struct rondo_error *err)
{
    const struct lasso *lasso = problem;
    if (lasso->folds) /* a shard is a fold, and has all rows */
        return slice_create(&lasso->view[index], 0, lasso->n, false, state, err);
    return slice_create(lasso, index * lasso->n / lasso->shards,
                        (index + 1) * lasso->n / lasso->shards, true, state, err);
}

int lasso_slice_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    const struct lasso *lasso = problem;
    const struct lasso_slice *slice = state;
    size_t bytes = (size_t)(slice->hi - slice->lo) * sizeof(double);
    int code = lasso_append(lasso, out, &slice->moved, sizeof slice->moved);
    return code || !bytes ? code : lasso_append(lasso, out, lasso->loss ? slice->eta : slice->r, bytes);
}

int lasso_slice_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    const struct lasso *lasso = problem;
    struct lasso_slice *slice = state;
    size_t bytes = (size_t)(slice->hi - slice->lo) * sizeof(double);
    if (in.size != bytes + sizeof slice->moved)
        return RONDO_ESTATE;
    memcpy(&slice->moved, in.data, sizeof slice->moved);
    if (bytes)
        memcpy(lasso->loss ? slice->eta : slice->r, (const char *)in.data + sizeof slice->moved, bytes);
    slice->round = -1;
    measure(lasso->folds ? &lasso->view[slice->stage] : lasso, slice);
    return RONDO_OK;
}

int lasso_scratch_create(const void *problem, void **out, struct rondo_error *err)
{
    const struct lasso *lasso = problem;
    struct lasso_scratch *scratch = lasso->host->zalloc(1, sizeof *scratch);
    if (scratch) {
        scratch->round = -1;
        scratch->u = lasso->host->alloc((size_t)lasso->n * sizeof *scratch->u);
        scratch->place = lasso->host->zalloc((size_t)lasso->p, sizeof *scratch->place);
        if (!lasso->shards)
            scratch->r = lasso->host->alloc((size_t)lasso->n * sizeof *scratch->r);
        if (lasso->x->sparse)
            scratch->spread = lasso->host->zalloc((size_t)lasso->n, sizeof *scratch->spread);
        double **rows[] = { &scratch->eta, &scratch->h, &scratch->v };
        for (int i = 0; lasso->loss && i < 3; i++)
            *rows[i] = lasso->host->alloc((size_t)lasso->n * sizeof(double));
    }
    if (!scratch || !scratch->u || !scratch->place || (!lasso->shards && !scratch->r)
        || (lasso->loss && (!scratch->eta || !scratch->h || !scratch->v))
        || (lasso->x->sparse && (!scratch->spread || lasso_held_create(lasso, &scratch->held)))) {
        if (scratch)
            lasso_scratch_free(lasso, scratch);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a worker");
    }
    *out = scratch;
    return RONDO_OK;
}

void lasso_scratch_free(const void *problem, void *state)
{
    const struct lasso *lasso = problem;
    struct lasso_scratch *scratch = state;
    lasso->host->free(scratch->u);
    lasso->host->free(scratch->r);
    lasso->host->free(scratch->place);
    lasso->host->free(scratch->spread);
    lasso_held_free(lasso, &scratch->held);
    lasso->host->free(scratch->eta);
    lasso->host->free(scratch->h);
    lasso->host->free(scratch->v);
    lasso->host->free(scratch->room.data);
    lasso->host->free(scratch->list.data);
    lasso->host->free(scratch->gram.data);
    lasso->host->free(scratch->near.data);
    lasso_products_free(lasso, scratch->products);
    lasso->host->free(scratch);
}

/* ---- push ------------------------------------------------------------------------------------------- */

static int push_step(const struct lasso *lasso, struct lasso_slice *slice,
                     struct lasso_scratch *scratch, const struct rondo_task *task,
                     struct rondo_buf *partial)
{
    const double *d = task->brief.data;
    int code = lasso->host->reserve(partial, 2 * sizeof(double));
    if (code || task->brief.size != (size_t)task->count * sizeof *d)
        return code ? code : RONDO_EAPP;
    partial->size = 2 * sizeof(double);
    lasso_product(lasso, slice, task->count, task->variables, d, slice->u ? slice->u : scratch->u,
            (double *)(void *)partial->data);
    *(slice->u ? &slice->round : &scratch->round) = task->round;
    *(slice->u ? &slice->phase : &scratch->phase) = task->phase;
    return RONDO_OK;
}

struct gradient {
    const struct lasso *lasso;
    const struct lasso_slice *slice;
    const struct rondo_task *task;
    double *out;
};

static void gradient_piece(void *context, int64_t from, int64_t to)
{
    const struct gradient *at = context;
    for (int64_t i = from; i < to; i++) {
        fetch_ahead(at->lasso, at->task, i);
        at->out[i] = lasso_gradient(at->lasso, at->slice, at->task->variables[i]);
    }
}

static int push_gradient(const struct lasso *lasso, const struct lasso_slice *slice,
                         const struct rondo_task *task, struct rondo_buf *partial)
{
    size_t bytes = (size_t)task->count * sizeof(double);
    int code = lasso->host->reserve(partial, bytes);
    if (code)
        return code;
    partial->size = bytes;
    struct gradient gradient = { lasso, slice, task, (double *)(void *)partial->data };
    double entries = 0;
    for (int64_t i = 0; i < task->count; i++)
        entries += lasso->cost[task->variables[i]];
    lasso_share(lasso, entries, task->count, gradient_piece, &gradient);
    return RONDO_OK;
}

int lasso_push(const void *problem, const void *common, void *shard, void *block RONDO_UNUSED,
               void *scratch, const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct lasso *lasso = problem;
    /* A replica is read; only a shard keeps X d for its apply. */
    union { const void *read; void *own; } state = { .read = common };
    struct lasso_slice *slice = shard ? shard : state.own;
    if (task->tag == LASSO_BUNDLE)
        return lasso_bundle_push(lasso, slice, scratch, task, partial);
    if (task->tag == LASSO_GRADIENT)
        return lasso_scan_push(lasso, slice, scratch, task, partial);
    if (lasso->loss && task->tag == LASSO_BLOCK)
        return RONDO_OK; /* its solution computes what it needs */
    if (lasso->loss)
        return lasso_glm_push(lasso, slice, scratch, task, partial);
    if (task->tag == LASSO_STEP)
        return push_step(lasso, slice, scratch, task, partial);
    return push_gradient(lasso, slice, task, partial);
}

/* ---- apply ------------------------------------------------------------------------------------------ */

/* r = y, before u is taken off; how far the r that was stood from y - u. */
static void begin_afresh(struct lasso_slice *slice, const double *y, const double *u, bool again)
{
    double moved = 0;
    for (int64_t i = 0; i < slice->hi - slice->lo; i++) {
        double change = slice->r[i] - (y[i] - u[i]);
        moved += change * change;
        slice->r[i] = y[i];
    }
    slice->moved = lasso_moved(slice->moved, moved, again);
}

int lasso_apply(const void *problem, void *common, void *shard, void *scratch_, int64_t round,
                struct rondo_bytes bytes)
{
    const struct lasso *lasso = problem;
    struct lasso_scratch *scratch = scratch_;
    struct lasso_slice *slice = shard ? shard : common;
    if (lasso->folds)
        bytes = lasso_bundle_part(bytes, slice->hi > slice->lo ? slice->stage : -1);
    if (lasso->folds && !bytes.data)
        return RONDO_OK;
    if (lasso->folds)
        lasso = &lasso->view[slice->stage];
    const struct lasso_commit *commit = bytes.data;
    if (bytes.size < sizeof *commit)
        return RONDO_EAPP;
    int64_t rows = slice->hi - slice->lo;
    if (commit->kind == LASSO_NOTHING || rows == 0)
        return RONDO_OK;
    const int64_t *variables = (const int64_t *)(commit + 1);
    const double *value = (const double *)(variables + commit->count);
    const double *y = lasso->y + slice->lo;
    double *u = slice->u ? slice->u : scratch->u, sums[2];
    if (lasso->loss) {
        lasso_product(lasso, slice, commit->count, variables, value, u, sums);
        lasso_glm_fresh(lasso, slice, scratch, commit, u);
        return RONDO_OK;
    }
    bool at_hand = slice->u ? slice->round == round && slice->phase == commit->phase
                            : scratch->round == round && scratch->phase == commit->phase;
    if (!at_hand || commit->kind == LASSO_FRESH)
        lasso_product(lasso, slice, commit->count, variables, value, u, sums);
    if (commit->kind == LASSO_FRESH)
        begin_afresh(slice, y, u, commit->phase);
    slice->round = -1;
    scratch->round = -1;
    lasso->kernel->step(commit->t, u, slice->r, y, rows, slice->sums);
    lasso_write_digits(lasso, slice);
    return RONDO_OK;
}
