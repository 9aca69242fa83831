/* cells.c - the ratings of a job, by users and by items. */
#include "cells.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the ratings");
}

/* ---- what may not be ------------------------------------------------------------------------------------- */

/* At its line, which the reader has kept. */
static int check_signs(const struct problem *p, const char *role, struct rondo_error *err)
{
    const struct rondo_ids *ids = p->host->ids(p->job, role);
    char where[512], key[64];
    if (!ids || !ids->negative_line || !(p->nonnegative || p->implicit))
        return RONDO_OK;
    snprintf(key, sizeof key, "data.%s", role);
    snprintf(where, sizeof where, "%.480s:%" PRId64, p->host->text(p->job, key), ids->negative_line);
    return rondo_error_set(err, RONDO_EINPUT, where, NULL, "a rating is below 0, and the model is %s",
                           p->implicit ? "of implicit feedback" : "to be nonnegative");
}

/* ---- training -------------------------------------------------------------------------------------------- */

/* first[row + 1] holds the row's count: from there on its beginning. */
static void sum_up(int64_t *first, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        first[i + 1] += first[i];
}

static int count(struct problem *p, const struct rondo_matrix *train, struct rondo_error *err)
{
    int64_t *user = mf_keep(p, (size_t)p->users + 1, sizeof *user), ratings = 0;
    int64_t *item = mf_keep(p, (size_t)p->items + 1, sizeof *item);
    double sum = 0, squares = 0;
    if (!user || !item)
        return no_memory(err);
    for (int64_t j = 0; j < p->items; j++)
        for (int64_t e = train->colptr[j]; e < train->colptr[j + 1]; e++) {
            if (cells_held(p, e))
                continue;
            user[train->rowidx[e] + 1]++;
            item[j + 1]++;
            ratings++;
            sum += train->values[e];
        }
    if (!ratings)
        return mf_refuse(p, err, "data.train", "no rating is left to train on", NULL);
    p->mean = sum / (double)ratings;
    for (int64_t j = 0; j < p->items; j++)
        for (int64_t e = train->colptr[j]; e < train->colptr[j + 1]; e++)
            if (!cells_held(p, e))
                squares += (train->values[e] - p->mean) * (train->values[e] - p->mean);
    p->deviation = sqrt(squares / (double)ratings);
    sum_up(user, p->users);
    sum_up(item, p->items);
    p->by_user = (struct cells){ .rows = p->users, .cols = p->items, .count = ratings, .first = user };
    p->by_item = (struct cells){ .rows = p->items, .cols = p->users, .count = ratings, .first = item };
    return RONDO_OK;
}

void cells_free(const struct problem *p, struct cells *cells)
{
    p->host->free((void *)(uintptr_t)cells->col);
    p->host->free((void *)(uintptr_t)cells->value);
    cells->col = NULL;
    cells->value = NULL;
}

static int room(const struct problem *p, struct cells *cells, int32_t **col, float **value)
{
    size_t cells_count = cells->count ? (size_t)cells->count : 1;
    cells->col = *col = p->host->alloc(cells_count * sizeof **col);
    cells->value = *value = p->host->alloc(cells_count * sizeof **value);
    return *col && *value ? RONDO_OK : RONDO_ENOMEM;
}

static int fill_by_item(struct problem *p, const struct rondo_matrix *train)
{
    int32_t *col;
    float *value;
    int64_t at = 0;
    int code = room(p, &p->by_item, &col, &value);
    for (int64_t e = 0; e < train->nnz && !code; e++)
        if (!cells_held(p, e)) {
            col[at] = train->rowidx[e];
            value[at++] = (float)train->values[e];
        }
    return code;
}

/* Items ascending within a user, as they come. */
int cells_by_user(const struct problem *p, struct cells *out)
{
    const struct rondo_matrix *train = p->host->matrix(p->job, "train");
    int32_t *col;
    float *value;
    int64_t *at = p->host->alloc((size_t)p->users * sizeof *at + 1);
    *out = p->by_user;
    int code = room(p, out, &col, &value);
    if (!at || code) {
        p->host->free(at);
        cells_free(p, out);
        return RONDO_ENOMEM;
    }
    memcpy(at, out->first, (size_t)p->users * sizeof *at);
    for (int64_t j = 0; j < p->items; j++)
        for (int64_t e = train->colptr[j]; e < train->colptr[j + 1]; e++)
            if (!cells_held(p, e)) {
                int64_t to = at[train->rowidx[e]]++;
                col[to] = (int32_t)j;
                value[to] = (float)train->values[e];
            }
    p->host->free(at);
    return RONDO_OK;
}

int cells_transpose(struct problem *p, const struct cells *in, struct cells *out)
{
    int32_t *col;
    float *value;
    int64_t *first = mf_keep(p, (size_t)in->cols + 2, sizeof *first);
    *out = (struct cells){ .rows = in->cols, .cols = in->rows, .count = in->count, .first = first };
    if (room(p, out, &col, &value) || !first) {
        cells_free(p, out);
        return RONDO_ENOMEM;
    }
    /* first[r + 1] runs from where row r begins to where it ends, which is where r + 1 begins. */
    for (int64_t e = 0; e < in->count; e++)
        first[in->col[e] + 2]++;
    sum_up(first, in->cols + 1);
    for (int64_t row = 0; row < in->rows; row++)
        for (int64_t e = in->first[row]; e < in->first[row + 1]; e++) {
            int64_t to = first[in->col[e] + 1]++;
            col[to] = (int32_t)row;
            value[to] = in->value[e];
        }
    return RONDO_OK;
}

/* ---- test ------------------------------------------------------------------------------------------------- */

static bool trained(const struct cells *cells, int64_t row)
{
    return row < cells->rows && cells->first[row + 1] > cells->first[row];
}

/* Does entry e, of user i and item j, count as a test cell?  `held`: the matrix is that of training. */
static bool is_test(const struct problem *p, bool held, int64_t e, int64_t i, int64_t j)
{
    return (!held || cells_held(p, e)) && trained(&p->by_user, i) && trained(&p->by_item, j);
}

static int read_test(struct problem *p, const struct rondo_matrix *x, bool held, struct rondo_error *err)
{
    int64_t *first = mf_keep(p, (size_t)p->users + 1, sizeof *first), all = 0;
    if (!first)
        return no_memory(err);
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t e = x->colptr[j]; e < x->colptr[j + 1]; e++) {
            all += !held || cells_held(p, e);
            if (is_test(p, held, e, x->rowidx[e], j))
                first[x->rowidx[e] + 1]++;
        }
    sum_up(first, p->users);
    p->test = (struct cells){ .rows = p->users, .cols = p->items, .count = first[p->users], .first = first };
    p->test_unseen = all - p->test.count;
    int32_t *col;
    float *value;
    int64_t *at = p->host->alloc((size_t)p->users * sizeof *at + 1);
    if (room(p, &p->test, &col, &value) || !at) {
        p->host->free(at);
        return no_memory(err);
    }
    memcpy(at, first, (size_t)p->users * sizeof *at);
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t e = x->colptr[j]; e < x->colptr[j + 1]; e++)
            if (is_test(p, held, e, x->rowidx[e], j)) {
                int64_t to = at[x->rowidx[e]]++;
                col[to] = (int32_t)j;
                value[to] = (float)x->values[e];
            }
    p->host->free(at);
    return RONDO_OK;
}

/* What is accepted and may be a mistake. */
static void say_odd(const struct problem *p)
{
    char line[200];
    if (p->users == 1)
        p->host->say(p->job, "all training ratings are of one user");
    if (p->items == 1)
        p->host->say(p->job, "all training ratings are of one item");
    if (p->holdout > 0 && !p->test.count)
        p->host->say(p->job, "params.holdout: no rating is left to measure by");
    if (!p->test_unseen)
        return;
    snprintf(line, sizeof line, "%" PRId64 " test ratings are left out: their user or item has no rating in training",
             p->test_unseen);
    p->host->say(p->job, line);
}

/* ---- all of it ---------------------------------------------------------------------------------------------- */

int cells_read(struct problem *p, struct rondo_error *err)
{
    const struct rondo_matrix *train = p->host->matrix(p->job, "train"), *test = p->host->matrix(p->job, "test");
    int code = check_signs(p, "train", err);
    if (!code && test)
        code = check_signs(p, "test", err);
    p->users = train->rows;
    p->items = train->cols;
    p->ids = p->host->ids(p->job, "train");
    if (!code)
        code = count(p, train, err);
    if (!code && (test || p->holdout > 0))
        code = read_test(p, test ? test : train, !test, err);
    if (code)
        return code;
    if (test)
        p->host->release(p->job, "test");
    say_odd(p);
    if ((p->solver->by_user && cells_by_user(p, &p->by_user)) || (p->solver->by_item && fill_by_item(p, train)))
        return no_memory(err);
    return RONDO_OK;
}
