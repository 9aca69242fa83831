/* recommend.c - who has rated what, a row for whom the model does not have, and the best of the rest. */
#include "recommend.h"

#include "normal.h"
#include "top.h"

#include <string.h>

enum { WIDTH = 3 /* user, item, score */, LANES = 16 };

/* What the file says, by users: items of the model alone, ascending, each once. */
struct history {
    int64_t users;       /* of which the file has a line */
    int32_t *order;      /* [users] as they first appear */
    int64_t *first;      /* [ids + 1] */
    int32_t *item;       /* [lines] from first[u] on, `count[u]` of them */
    float *rating;       /* [lines] */
    int32_t *count;      /* [ids] */
};

struct folding {
    struct normal normal;
    const struct normal_kernel *kernel;
    float *other, *gram, *value; /* value: [items] */
    float *row;                  /* [TOP_USERS x stride] */
    void *workspace;
};

struct recommending {
    const struct rondo_host *host;
    const struct saved *saved;
    const struct rondo_predict *what;
    struct rondo_error *err;
    struct history history;
    struct folding folding;
    struct top top;
    double *rows;              /* [top.most x WIDTH] */
    int64_t put, folded;       /* rows so far; new users that got a row */
};

static int no_memory(struct recommending *r)
{
    return rondo_error_set(r->err, RONDO_ENOMEM, NULL, NULL, "no memory for recommendations");
}

static int64_t id_at(const struct rondo_matrix *data, int64_t line, int column)
{
    return (int64_t)data->dense[line + column * data->ld];
}

/* A line that says no number: of implicit feedback, that it was there. */
static float rating_at(const struct rondo_matrix *data, int64_t line)
{
    return data->cols > 2 ? (float)data->dense[line + 2 * data->ld] : 1;
}

/* ---- what the file says ----------------------------------------------------------------------------------------- */

/* at [bins + 1]: counts become where each bin begins. */
static void begin_bins(int64_t *at, int64_t bins)
{
    int64_t sum = 0;
    for (int64_t i = 0; i <= bins; i++) {
        const int64_t count = at[i];
        at[i] = sum;
        sum += count;
    }
}

/* Lines whose item the model has, by items; lines of one item in their order. */
static int by_items(struct recommending *r, int64_t *line)
{
    const struct rondo_matrix *data = r->what->data;
    const int64_t items = r->saved->factors.items;
    int64_t *at = r->host->zalloc((size_t)items + 1, sizeof *at);
    if (!at)
        return no_memory(r);
    for (int64_t i = 0; i < data->rows; i++)
        if (id_at(data, i, 1) < items)
            at[id_at(data, i, 1)]++;
    begin_bins(at, items);
    for (int64_t i = 0; i < data->rows; i++)
        if (id_at(data, i, 1) < items)
            line[at[id_at(data, i, 1)]++] = i;
    r->host->free(at);
    return RONDO_OK;
}

/* Then by users, so that each one's come by items; of one pair the last stays. */
static void by_users(struct recommending *r, const int64_t *line)
{
    struct history *h = &r->history;
    const struct rondo_matrix *data = r->what->data;
    const int64_t known = h->first[r->what->ids->user.count];
    for (int64_t i = 0; i < known; i++) {
        const int64_t user = id_at(data, line[i], 0);
        const int32_t item = (int32_t)id_at(data, line[i], 1);
        int64_t at = h->first[user] + h->count[user];
        if (h->count[user] && h->item[at - 1] == item)
            at--;
        else
            h->count[user]++;
        h->item[at] = item;
        h->rating[at] = rating_at(data, line[i]);
    }
}

static void first_appearances(struct recommending *r)
{
    struct history *h = &r->history;
    const struct rondo_matrix *data = r->what->data;
    for (int64_t i = 0; i < data->rows; i++) {
        const int64_t user = id_at(data, i, 0);
        if (h->count[user]++ == 0)
            h->order[h->users++] = (int32_t)user;
        h->first[user] += id_at(data, i, 1) < r->saved->factors.items;
    }
    memset(h->count, 0, (size_t)r->what->ids->user.count * sizeof *h->count);
    begin_bins(h->first, r->what->ids->user.count);
}

static int read_history(struct recommending *r)
{
    struct history *h = &r->history;
    const size_t lines = (size_t)r->what->data->rows, ids = (size_t)r->what->ids->user.count;
    int64_t *line = r->host->alloc((lines + 1) * sizeof *line);
    h->order = r->host->alloc((ids + 1) * sizeof *h->order);
    h->first = r->host->zalloc(ids + 1, sizeof *h->first);
    h->count = r->host->zalloc(ids + 1, sizeof *h->count);
    h->item = r->host->alloc((lines + 1) * sizeof *h->item);
    h->rating = r->host->alloc((lines + 1) * sizeof *h->rating);
    const bool there = line && h->order && h->first && h->count && h->item && h->rating;
    int code = there ? by_items(r, line) : no_memory(r);
    if (!code) {
        first_appearances(r);
        by_users(r, line);
    }
    r->host->free(line);
    return code;
}

/* ---- fold-in ------------------------------------------------------------------------------------------------------ */

/* Ratings that say something of a user's taste: none where lines are pairs alone, but of implicit feedback. */
static int64_t told(const struct recommending *r, int64_t user)
{
    return r->saved->implicit || r->what->data->cols > 2 ? r->history.count[user] : 0;
}

/* The items' rows with zeros behind, and 1 where the user's bias is. */
static void fill_other(const struct recommending *r, float *other, int32_t stride)
{
    const struct factors *f = &r->saved->factors;
    for (int64_t i = 0; i < f->items; i++) {
        memcpy(other + i * stride, f->item + i * f->rank, (size_t)f->rank * sizeof *other);
        if (f->user_bias)
            other[i * stride + f->rank] = 1;
    }
}

static int open_folding(struct recommending *r)
{
    const struct saved *s = r->saved;
    struct folding *g = &r->folding;
    const int32_t width = s->factors.rank + (s->factors.user_bias != NULL), stride = (width + LANES - 1) / LANES * LANES;
    g->kernel = normal_kernel_for(r->host->isa(r->what->job));
    g->other = r->host->zalloc((size_t)s->factors.items * (size_t)stride, sizeof *g->other);
    g->value = r->host->alloc((size_t)s->factors.items * sizeof *g->value);
    g->row = r->host->zalloc(TOP_USERS * (size_t)stride, sizeof *g->row);
    if (s->implicit)
        g->gram = r->host->zalloc((size_t)width * (size_t)stride, sizeof *g->gram);
    g->normal = (struct normal){ .width = width, .stride = stride, .other = g->other, .gram = g->gram,
                                 .alpha = s->alpha, .nonnegative = s->nonnegative,
                                 .bias = s->factors.user_bias != NULL };
    g->workspace = r->host->alloc(normal_workspace_bytes(&g->normal) + 1);
    if (!g->other || !g->value || !g->row || !g->workspace || (s->implicit && !g->gram))
        return no_memory(r);
    fill_other(r, g->other, stride);
    if (s->implicit)
        g->kernel->gram(g->other, s->factors.items, width, stride, g->gram);
    return RONDO_OK;
}

/* The row of a user whom the model does not have, from the ratings that the file has of it; zeros where there
 * are none. */
static const float *fold(struct recommending *r, int64_t user, int32_t seat)
{
    const struct saved *s = r->saved;
    struct folding *g = &r->folding;
    const int64_t count = told(r, user);
    const int32_t *item = r->history.item + r->history.first[user];
    const float *rating = r->history.rating + r->history.first[user], *bias = s->factors.item_bias;
    float *row = g->row + seat * g->normal.stride;
    for (int64_t i = 0; i < count; i++)
        g->value[i] = (float)((double)rating[i] - (bias ? s->mean + (double)bias[item[i]] : 0));
    memset(row, 0, (size_t)g->normal.stride * sizeof *row);
    if (count) {
        g->kernel->solve(&g->normal, item, g->value, count, s->lambda * (s->weighted ? (double)count : 1), row,
                         g->workspace);
        r->folded++;
    }
    return row;
}

/* ---- the best of the rest -------------------------------------------------------------------------------------------- */

/* Without ratings that tell anything a score is what is said of such a pair. */
static int new_user(struct recommending *r, int64_t user, const float **row, double *base)
{
    const struct factors *f = &r->saved->factors;
    const int32_t seat = r->top.users;
    int code = r->folding.kernel ? RONDO_OK : open_folding(r);
    if (code)
        return code;
    *row = fold(r, user, seat);
    *base = f->user_bias ? f->mean + (double)(*row)[f->rank] : told(r, user) ? 0 : r->saved->mean;
    return RONDO_OK;
}

static int seat_user(struct recommending *r, int64_t user)
{
    const struct factors *f = &r->saved->factors;
    const float *row = f->user + user * f->rank;
    double base = f->mean;
    int code = RONDO_OK;
    if (user >= f->users)
        code = new_user(r, user, &row, &base);
    else if (f->user_bias)
        base += (double)f->user_bias[user];
    if (!code)
        top_seat(&r->top, row, base, r->history.item + r->history.first[user], r->history.count[user]);
    return code;
}

static int put_user(struct recommending *r, int32_t seat, int64_t user)
{
    const struct best *best = r->top.best + (int64_t)seat * r->top.most;
    for (int32_t i = 0; i < r->top.found[seat]; i++) {
        r->rows[i * WIDTH] = (double)user;
        r->rows[i * WIDTH + 1] = (double)best[i].item;
        r->rows[i * WIDTH + 2] = (double)best[i].score;
    }
    r->put += r->top.found[seat];
    return r->top.found[seat] ? r->host->put(r->what->model, r->rows, r->top.found[seat], WIDTH, r->err) : RONDO_OK;
}

static int put_all(struct recommending *r)
{
    const struct top_kernel *kernel = top_kernel_for(r->host->isa(r->what->job));
    const struct history *h = &r->history;
    int code = RONDO_OK;
    for (int64_t first = 0; first < h->users && !code; first += TOP_USERS) {
        r->top.users = 0;
        for (int64_t i = first; i < first + TOP_USERS && i < h->users && !code; i++)
            code = seat_user(r, h->order[i]);
        if (!code)
            kernel->find(&r->top);
        for (int32_t seat = 0; seat < r->top.users && !code; seat++)
            code = put_user(r, seat, h->order[first + seat]);
    }
    return code;
}

static void close_all(struct recommending *r)
{
    void *owned[] = { r->history.order, r->history.first, r->history.item, r->history.rating, r->history.count,
                      r->folding.other, r->folding.gram, r->folding.value, r->folding.row, r->folding.workspace,
                      r->rows };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        r->host->free(owned[i]);
    top_close(&r->top, r->host);
}

int recommend(const struct saved *saved, const struct rondo_predict *what, int64_t most, struct rondo_report *report,
              struct rondo_error *err)
{
    struct recommending r = { .host = saved->host, .saved = saved, .what = what, .err = err };
    int code = r.host->put_words(what->model, 0, &what->ids->user, err);
    if (!code)
        code = r.host->put_words(what->model, 1, &what->ids->item, err);
    if (!code)
        code = read_history(&r);
    if (!code && !top_open(&r.top, r.host, &saved->factors, most))
        code = no_memory(&r);
    if (!code) {
        r.rows = r.host->alloc((size_t)r.top.most * WIDTH * sizeof *r.rows);
        code = r.rows ? r.host->put(what->model, r.rows, 0, WIDTH, err) : no_memory(&r);
    }
    if (!code)
        code = put_all(&r);
    if (!code) {
        struct rondo_metric *to = report->metric + report->count;
        *to++ = (struct rondo_metric){ "users", (double)r.history.users, true };
        *to++ = (struct rondo_metric){ "folded_in", (double)r.folded, true };
        *to++ = (struct rondo_metric){ "recommendations", (double)r.put, true };
        report->count = (int32_t)(to - report->metric);
    }
    close_all(&r);
    return code;
}
