/* recommend.c - who has rated what, a row for whom the model does not have, and the best of the rest. */
#include "recommend.h"

#include "normal.h"
#include "top.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3 /* user, item, score */, LANES = 16 };

/* What the file says, by users, of items of the model alone: as their lines come, and of who has been settled
 * ascending, each item once. */
struct history {
    int64_t users;       /* of which the file has a line */
    int32_t *order;      /* [users] as they first appear */
    int64_t *first;      /* [ids + 1] */
    int32_t *item;       /* [first[ids]] */
    float *rating;       /* [first[ids]] less the model's users', who need none; NULL: lines say none */
    int32_t *count;      /* [ids] from first[u] on */
    struct line {
        int32_t item, at; /* a line's item, and which of the user's lines it is */
        float rating;
    } *line;             /* [the most of a user] */
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

/* ---- what the file says ----------------------------------------------------------------------------------------- */

/* The ratings from a user's first line on, who is none of the model's; NULL: the lines say no number. */
static float *ratings_of(const struct recommending *r, int64_t user)
{
    const struct history *h = &r->history;
    return h->rating ? h->rating + (h->first[user] - h->first[r->saved->factors.users]) : NULL;
}

/* Who appears, and how many lines each has: from there on where they begin. */
static void first_appearances(struct recommending *r)
{
    struct history *h = &r->history;
    const struct rondo_lines *lines = r->what->lines;
    const int64_t ids = r->what->ids->user.count;
    for (int64_t i = 0; i < lines->count; i++) {
        const int64_t user = lines->user[i];
        if (h->count[user]++ == 0)
            h->order[h->users++] = (int32_t)user;
        h->first[user + 1] += lines->item[i] < r->saved->factors.items;
    }
    for (int64_t user = 0; user < ids; user++)
        h->first[user + 1] += h->first[user];
    memset(h->count, 0, (size_t)ids * sizeof *h->count);
}

static void fill_history(struct recommending *r)
{
    struct history *h = &r->history;
    const struct rondo_lines *lines = r->what->lines;
    for (int64_t i = 0; i < lines->count; i++) {
        const int64_t user = lines->user[i];
        if (lines->item[i] >= r->saved->factors.items)
            continue;
        if (h->rating && user >= r->saved->factors.users)
            ratings_of(r, user)[h->count[user]] = lines->rating[i];
        h->item[h->first[user] + h->count[user]++] = (int32_t)lines->item[i];
    }
}

static int read_history(struct recommending *r)
{
    struct history *h = &r->history;
    const struct rondo_host *host = r->host;
    const size_t ids = (size_t)r->what->ids->user.count;
    int64_t most = 0;
    h->order = host->alloc((ids + 1) * sizeof *h->order);
    h->first = host->zalloc(ids + 1, sizeof *h->first);
    h->count = host->zalloc(ids + 1, sizeof *h->count);
    if (!h->order || !h->first || !h->count)
        return no_memory(r);
    first_appearances(r);
    for (size_t user = 0; user < ids; user++)
        most = h->first[user + 1] - h->first[user] > most ? h->first[user + 1] - h->first[user] : most;
    const int64_t news = h->first[ids] - h->first[r->saved->factors.users];
    h->item = host->alloc((size_t)(h->first[ids] + 1) * sizeof *h->item);
    h->line = host->alloc((size_t)(most + 1) * sizeof *h->line);
    if (r->what->lines->rating)
        h->rating = host->alloc((size_t)(news + 1) * sizeof *h->rating);
    if (!h->item || !h->line || (r->what->lines->rating && !h->rating))
        return no_memory(r);
    fill_history(r);
    return RONDO_OK;
}

static int by_item(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return x->item != y->item ? (x->item > y->item) - (x->item < y->item) : (x->at > y->at) - (x->at < y->at);
}

/* A user's items ascending; of one that comes again the last line stays. */
static void settle(struct recommending *r, int64_t user)
{
    struct history *h = &r->history;
    int32_t *item = h->item + h->first[user], kept = 0;
    float *rating = user >= r->saved->factors.users ? ratings_of(r, user) : NULL;
    const int32_t count = h->count[user];
    for (int32_t i = 0; i < count; i++)
        h->line[i] = (struct line){ item[i], i, rating ? rating[i] : 0 };
    qsort(h->line, (size_t)count, sizeof *h->line, by_item);
    for (int32_t i = 0; i < count; i++) {
        if (i + 1 < count && h->line[i + 1].item == h->line[i].item)
            continue;
        if (rating)
            rating[kept] = h->line[i].rating;
        item[kept++] = h->line[i].item;
    }
    h->count[user] = kept;
}

/* ---- fold-in ------------------------------------------------------------------------------------------------------ */

/* Ratings that say something of a user's taste: none where lines are pairs alone, but of implicit feedback. */
static int64_t told(const struct recommending *r, int64_t user)
{
    return r->saved->implicit || r->what->lines->rating ? r->history.count[user] : 0;
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
    const float *rating = ratings_of(r, user), *bias = s->factors.item_bias; /* of pairs: that they were there */
    float *row = g->row + seat * g->normal.stride;
    for (int64_t i = 0; i < count; i++)
        g->value[i] = (float)((rating ? (double)rating[i] : 1) - (bias ? s->mean + (double)bias[item[i]] : 0));
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
    settle(r, user);
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
                      r->history.line,                      r->folding.other, r->folding.gram, r->folding.value, r->folding.row, r->folding.workspace,
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
