/* evaluate.c - F, RMSE, recall@k and NDCG@k, part by part. */
#include "evaluate.h"

#include "top.h"

#include <math.h>

enum { RATINGS = 1 << 15, ROWS = 1 << 12, SEATINGS = 16 /* of TOP_USERS */, STRIP = 16 /* coordinates */ };

/* What a part comes to. */
struct sums {
    double first, second;
};

struct evaluation {
    const struct problem *problem;
    const struct factors *factors;
    struct sums *sums;          /* [parts] */

    const struct cells *cells;  /* ratings: these */
    bool by_user;

    const struct top_kernel *kernel; /* ranking: */
    int32_t *user;                   /* [users] who have a test item */
    int64_t users;
    double *discount;                /* [recall_at]: 1 / log2(1 + rank) */
};

/* The sums of all parts, in their order. */
static int evaluate(struct evaluation *e, int64_t parts, int (*part)(void *context, int64_t index), struct sums *out)
{
    const struct rondo_host *host = e->problem->host;
    *out = (struct sums){ 0, 0 };
    e->sums = host->zalloc((size_t)parts + 1, sizeof *e->sums);
    int code = e->sums ? host->each(e->problem->job, parts, part, e) : RONDO_ENOMEM;
    for (int64_t i = 0; i < parts && !code; i++) {
        out->first += e->sums[i].first;
        out->second += e->sums[i].second;
    }
    host->free(e->sums);
    return code;
}

/* ---- over ratings ------------------------------------------------------------------------------------------ */

/* The first row whose ratings begin at `at` or later. */
static int64_t row_at(const struct cells *cells, int64_t at)
{
    int64_t lo = 0, hi = cells->rows;
    while (lo < hi) {
        const int64_t middle = lo + (hi - lo) / 2;
        if (cells->first[middle] < at)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* (r - s)^2; implicit: what the cell has more than the s^2 that every cell has. */
static double loss(const struct problem *problem, double r, double s)
{
    if (!problem->implicit)
        return (r - s) * (r - s);
    const double x = r > 0;
    return (1 + problem->alpha * r) * (x - s) * (x - s) - s * s;
}

static int ratings_part(void *context, int64_t index)
{
    struct evaluation *e = context;
    const struct cells *cells = e->cells;
    const int64_t last = row_at(cells, (index + 1) * RATINGS);
    double sum = 0;
    for (int64_t row = row_at(cells, index * RATINGS); row < last; row++)
        for (int64_t i = cells->first[row]; i < cells->first[row + 1]; i++)
            sum += loss(e->problem, (double)cells->value[i],
                        factors_score(e->factors, e->by_user ? row : cells->col[i],
                                      e->by_user ? cells->col[i] : row));
    e->sums[index].first = sum;
    return RONDO_OK;
}

static int over_ratings(struct evaluation *e, const struct cells *cells, bool by_user, double *out)
{
    struct sums sums;
    e->cells = cells;
    e->by_user = by_user;
    int code = evaluate(e, cells->count / RATINGS + 1, ratings_part, &sums);
    *out = sums.first;
    return code;
}

/* ---- the penalty -------------------------------------------------------------------------------------------- */

static double penalty(const struct evaluation *e, bool users, int64_t row)
{
    const struct problem *problem = e->problem;
    const struct factors *factors = e->factors;
    const float *at = (users ? factors->user : factors->item) + row * factors->rank;
    const float *bias = users ? factors->user_bias : factors->item_bias;
    double sum = bias ? (double)bias[row] * (double)bias[row] : 0;
    for (int32_t f = 0; f < factors->rank; f++)
        sum += (double)at[f] * (double)at[f];
    return mf_weight(problem, users ? &problem->by_user : &problem->by_item, row) * sum;
}

/* Users first, and then items. */
static int penalty_part(void *context, int64_t index)
{
    struct evaluation *e = context;
    const int64_t users = e->factors->users, all = users + e->factors->items;
    for (int64_t row = index * ROWS; row < (index + 1) * ROWS && row < all; row++)
        e->sums[index].first += penalty(e, row < users, row < users ? row : row - users);
    return RONDO_OK;
}

/* ---- all cells ------------------------------------------------------------------------------------------------
 *
 * sum_ui (p_u'q_i)^2 = sum_fg (P'P)_fg (Q'Q)_fg.  With biases the rows are (p, mu + b, 1) and (q, 1, c). */

static int32_t width_of(const struct factors *factors)
{
    return factors->rank + (factors->user_bias ? 2 : 0);
}

static void fill(const struct factors *factors, bool users, int64_t row, double *out)
{
    const int32_t rank = factors->rank;
    const float *at = (users ? factors->user : factors->item) + row * rank;
    for (int32_t f = 0; f < rank; f++)
        out[f] = (double)at[f];
    if (factors->user_bias) {
        out[rank] = users ? factors->mean + (double)factors->user_bias[row] : 1;
        out[rank + 1] = users ? 1 : (double)factors->item_bias[row];
    }
}

/* gram [hi - lo x width], from column lo on: rows lo .. hi - 1 of P'P or Q'Q. */
static void add_gram(const struct factors *factors, bool users, int32_t lo, int32_t hi, double *gram, double *row)
{
    const int32_t width = width_of(factors);
    const int64_t rows = users ? factors->users : factors->items;
    for (int64_t i = 0; i < rows; i++) {
        fill(factors, users, i, row);
        for (int32_t f = lo; f < hi; f++) {
            double *to = gram + (int64_t)(f - lo) * width;
            for (int32_t g = lo; g < width; g++)
                to[g] += row[f] * row[g];
        }
    }
}

/* Both are symmetric: what is right of the strip's own square counts twice. */
static int gram_part(void *context, int64_t index)
{
    struct evaluation *e = context;
    const struct rondo_host *host = e->problem->host;
    const int32_t width = width_of(e->factors), lo = (int32_t)index * STRIP,
                  hi = lo + STRIP < width ? lo + STRIP : width;
    double *p = host->zalloc((size_t)width * (2 * STRIP + 1), sizeof *p);
    if (!p)
        return RONDO_ENOMEM;
    double *q = p + (int64_t)STRIP * width, *row = q + (int64_t)STRIP * width;
    add_gram(e->factors, true, lo, hi, p, row);
    add_gram(e->factors, false, lo, hi, q, row);
    for (int32_t f = 0; f < hi - lo; f++)
        for (int32_t g = lo; g < width; g++)
            e->sums[index].first += (g < hi ? 1 : 2) * p[(int64_t)f * width + g] * q[(int64_t)f * width + g];
    host->free(p);
    return RONDO_OK;
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

int evaluate_train(const struct problem *problem, const struct factors *factors, struct figures *figures)
{
    struct evaluation e = { .problem = problem, .factors = factors };
    const bool by_user = problem->by_user.col != NULL;
    const struct cells *cells = by_user ? &problem->by_user : &problem->by_item;
    struct sums cell = { 0, 0 }, ridge;
    double sum;
    int code = over_ratings(&e, cells, by_user, &sum);
    if (!code && problem->implicit)
        code = evaluate(&e, (width_of(factors) + STRIP - 1) / STRIP, gram_part, &cell);
    if (!code)
        code = evaluate(&e, (factors->users + factors->items) / ROWS + 1, penalty_part, &ridge);
    if (code)
        return code;
    figures->objective = sum + cell.first + problem->lambda * ridge.first;
    figures->rmse = problem->implicit || !cells->count ? (double)NAN : sqrt(sum / (double)cells->count);
    return RONDO_OK;
}

/* ---- ranking ---------------------------------------------------------------------------------------------------- */

/* Test items are those that are liked. */
static int64_t liked(const struct cells *test, int64_t user)
{
    int64_t count = 0;
    for (int64_t i = test->first[user]; i < test->first[user + 1]; i++)
        count += test->value[i] > 0;
    return count;
}

static bool likes(const struct cells *test, int64_t user, int32_t item)
{
    int64_t lo = test->first[user], hi = test->first[user + 1];
    while (lo < hi) {
        const int64_t middle = lo + (hi - lo) / 2;
        if (test->col[middle] < item)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < test->first[user + 1] && test->col[lo] == item && test->value[lo] > 0;
}

static void judge(const struct evaluation *e, const struct top *top, int32_t seat, int64_t user, struct sums *sums)
{
    const struct cells *test = &e->problem->test;
    const struct best *best = top->best + (int64_t)seat * top->most;
    const int64_t items = liked(test, user), most = items < e->problem->recall_at ? items : e->problem->recall_at;
    double hits = 0, gain = 0, ideal = 0;
    for (int32_t j = 0; j < top->found[seat]; j++)
        if (likes(test, user, best[j].item)) {
            hits++;
            gain += e->discount[j];
        }
    for (int64_t j = 0; j < most; j++)
        ideal += e->discount[j];
    sums->first += hits / (double)most;
    sums->second += gain / ideal;
}

static void seat_user(const struct evaluation *e, struct top *top, int64_t user)
{
    const struct factors *factors = e->factors;
    const struct cells *seen = &e->problem->by_user;
    top_seat(top, factors->user + user * factors->rank,
             factors->user_bias ? factors->mean + (double)factors->user_bias[user] : factors->mean,
             seen->col + seen->first[user], seen->first[user + 1] - seen->first[user]);
}

static int ranking_part(void *context, int64_t index)
{
    struct evaluation *e = context;
    const int64_t first = index * SEATINGS * TOP_USERS, end = first + SEATINGS * TOP_USERS,
                  last = end < e->users ? end : e->users;
    struct top top;
    if (!top_open(&top, e->problem->host, e->factors, e->problem->recall_at))
        return RONDO_ENOMEM;
    for (int64_t i = first; i < last; i += TOP_USERS) {
        top.users = 0;
        for (int64_t j = i; j < i + TOP_USERS && j < last; j++)
            seat_user(e, &top, e->user[j]);
        e->kernel->find(&top);
        for (int32_t seat = 0; seat < top.users; seat++)
            judge(e, &top, seat, e->user[i + seat], &e->sums[index]);
    }
    top_close(&top, e->problem->host);
    return RONDO_OK;
}

static int ranking(struct evaluation *e, struct figures *figures)
{
    const struct problem *problem = e->problem;
    const struct rondo_host *host = problem->host;
    struct sums sums;
    e->kernel = top_kernel_for(host->isa(problem->job));
    e->user = host->alloc(((size_t)problem->test.rows + 1) * sizeof *e->user);
    e->discount = host->alloc((size_t)problem->recall_at * sizeof *e->discount);
    int code = e->user && e->discount ? RONDO_OK : RONDO_ENOMEM;
    for (int32_t j = 0; j < problem->recall_at && !code; j++)
        e->discount[j] = 1 / log2(j + 2.0);
    for (int64_t user = 0; user < problem->test.rows && !code; user++)
        if (liked(&problem->test, user))
            e->user[e->users++] = (int32_t)user;
    if (!code)
        code = evaluate(e, e->users / (SEATINGS * TOP_USERS) + 1, ranking_part, &sums);
    if (!code && e->users) {
        figures->recall = sums.first / (double)e->users;
        figures->ndcg = sums.second / (double)e->users;
    }
    host->free(e->user);
    host->free(e->discount);
    return code;
}

int evaluate_test(const struct problem *problem, const struct factors *factors, struct figures *figures)
{
    struct evaluation e = { .problem = problem, .factors = factors };
    double sum;
    figures->test_rmse = figures->recall = figures->ndcg = (double)NAN;
    if (!problem->test.count)
        return RONDO_OK;
    if (problem->implicit)
        return ranking(&e, figures);
    int code = over_ratings(&e, &problem->test, true, &sum);
    if (!code)
        figures->test_rmse = sqrt(sum / (double)problem->test.count);
    return code;
}
