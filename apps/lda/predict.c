/* predict.c - fold-in of new documents, piece by piece. */
#include "predict.h"

#include "bag.h"
#include "fold.h"
#include "heldout.h"

#include <inttypes.h>
#include <math.h>

enum { PIECE = 4096 /* documents */, BLOCK = 65536 /* numbers of a block of rows */ };

struct prediction {
    const struct rondo_host *host;
    const struct rondo_predict *what;
    struct rondo_error *err;
    struct fold_model model;
    struct bag bag;
    int64_t tall;                   /* rows of a block */
    double *theta;                  /* [tall x topics] */
    double *room;                   /* [(1 + FOLD_ROOM) x topics] */
    int32_t *observed, *evaluated;  /* [columns] */
    double tokens, halves, score;   /* of all documents; evaluated, and their log-likelihood */
};

static int check_data(struct prediction *p)
{
    const struct rondo_matrix *data = p->what->data;
    if (p->what->y)
        return rondo_error_set(p->err, RONDO_EINPUT, "--y", NULL, "nobody knows the topics of documents");
    if (data->cols == p->model.words || (p->what->cols_open && data->cols < p->model.words))
        return RONDO_OK;
    return rondo_error_set(p->err, RONDO_EINPUT, p->what->data_name, NULL,
                           "has %" PRId64 " words, the model has %" PRId64, data->cols, p->model.words);
}

static int make_room(struct prediction *p)
{
    int64_t topics = p->model.topics, columns = p->what->data->cols;
    p->tall = BLOCK / topics > 1 ? BLOCK / topics : 1;
    p->theta = p->host->alloc((size_t)(p->tall * topics) * sizeof *p->theta);
    p->room = p->host->alloc((size_t)((1 + FOLD_ROOM) * topics) * sizeof *p->room);
    p->observed = p->host->alloc((size_t)(columns + 1) * sizeof *p->observed);
    p->evaluated = p->host->alloc((size_t)(columns + 1) * sizeof *p->evaluated);
    if (!p->theta || !p->room || !p->observed || !p->evaluated)
        return rondo_error_set(p->err, RONDO_ENOMEM, NULL, NULL, "no memory for predictions");
    return bag_open(&p->bag, p->host, p->what->data, PIECE, p->err);
}

/* How well half of a document tells of the other. */
static void complete(struct prediction *p, const int32_t *word, const int32_t *count, int64_t pairs)
{
    double *theta = p->room, *room = theta + p->model.topics;
    int64_t halves = heldout_split(count, pairs, p->observed, p->evaluated);
    if (!halves)
        return;
    fold_in(&p->model, word, p->observed, pairs, theta, room);
    p->halves += (double)halves;
    p->score += fold_log_likelihood(&p->model, theta, word, p->evaluated, pairs, room);
}

/* Documents lo .. hi - 1 of the piece. */
static int put_block(struct prediction *p, int64_t lo, int64_t hi)
{
    for (int64_t d = lo; d < hi; d++) {
        int64_t at = p->bag.first[d], pairs = p->bag.first[d + 1] - at;
        const int32_t *word = p->bag.word + at, *count = p->bag.count + at;
        fold_in(&p->model, word, count, pairs, p->theta + (d - lo) * p->model.topics, p->room);
        complete(p, word, count, pairs);
        for (int64_t i = 0; i < pairs; i++)
            p->tokens += count[i];
    }
    return p->host->put(p->what->model, p->theta, hi - lo, p->model.topics, p->err);
}

static int go(struct prediction *p)
{
    int code = make_room(p);
    if (!code)
        code = bag_next(&p->bag, p->err);
    while (!code && p->bag.documents) {
        for (int64_t lo = 0; !code && lo < p->bag.documents; lo += p->tall)
            code = put_block(p, lo, lo + p->tall < p->bag.documents ? lo + p->tall : p->bag.documents);
        if (!code)
            code = bag_next(&p->bag, p->err);
    }
    return code;
}

int lda_predict(const struct rondo_host *host, const struct rondo_predict *what, struct rondo_report *report,
                struct rondo_error *err)
{
    struct prediction p = { .host = host, .what = what, .err = err, .bag.host = host };
    int code = fold_load(&p.model, host, what->model, err);
    if (!code)
        code = check_data(&p);
    if (!code)
        code = go(&p);
    if (!code) {
        struct rondo_metric *to = report->metric;
        *to++ = (struct rondo_metric){ "documents", (double)what->data->rows, true };
        *to++ = (struct rondo_metric){ "tokens", p.tokens, true };
        if (p.halves > 0)
            *to++ = (struct rondo_metric){ "perplexity", exp(-p.score / p.halves), false };
        report->count = (int32_t)(to - report->metric);
    }
    void *owned[] = { p.theta, p.room, p.observed, p.evaluated };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        host->free(owned[i]);
    bag_close(&p.bag);
    fold_close(&p.model);
    return code;
}
