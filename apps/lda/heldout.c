/* heldout.c - document completion over the test documents, in parts. */
#include "heldout.h"

#include "bag.h"
#include "fold.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ROOM = 1 + FOLD_ROOM, PARTS_MOST = 64, ROOM_MOST = 1 << 19 /* topics of all parts together */ };

struct heldout {
    const struct problem *problem;
    int64_t documents;
    int64_t *first;                         /* [documents + 1] */
    int32_t *word, *observed, *evaluated;   /* [first[documents]] word: in `needed` */
    int32_t *needed;                        /* words that test documents have, ascending */
    struct fold_model model;                /* of those */
    int64_t tokens;                         /* evaluated */
    double *score;                          /* [documents] log-likelihood of the evaluated half */
    int64_t parts;
    double *room;                           /* [parts x ROOM x topics] */
};

/* Token number t is evaluated where t is odd. */
int64_t heldout_split(const int32_t *count, int64_t pairs, int32_t *observed, int32_t *evaluated)
{
    int64_t token = 0, sum = 0;
    for (int64_t i = 0; i < pairs; i++) {
        int64_t next = token + count[i], odd = next / 2 - token / 2;
        observed[i] = (int32_t)(next - token - odd);
        evaluated[i] = (int32_t)odd;
        token = next;
        sum += odd;
    }
    return sum;
}

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the test documents");
}

/* Does any document have two?  seen [rows] is 0 at first. */
static bool two_tokens(const struct rondo_matrix *test, uint8_t *seen)
{
    for (int64_t e = 0; e < test->nnz; e++) {
        int32_t d = test->rowidx[e];
        if (test->values[e] + seen[d] > 1)
            return true;
        seen[d] |= test->values[e] > 0;
    }
    return false;
}

int heldout_check_words(const struct rondo_host *host, const struct rondo_job *job, int64_t columns, int64_t words,
                        struct rondo_error *err)
{
    char where[256];
    if (columns == words)
        return RONDO_OK;
    host->where(job, "data.test", where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, NULL, "has %" PRId64 " words, the documents have %" PRId64,
                           columns, words);
}

int heldout_check(const struct rondo_host *host, const struct rondo_job *job, const struct rondo_matrix *test,
                  int64_t words, struct rondo_error *err)
{
    char where[256];
    int code = heldout_check_words(host, job, test->cols, words, err);
    if (code)
        return code;
    host->where(job, "data.test", where, sizeof where);
    uint8_t *seen = host->zalloc((size_t)test->rows + 1, sizeof *seen);
    if (!seen)
        return no_memory(err);
    bool enough = two_tokens(test, seen);
    host->free(seen);
    return enough ? RONDO_OK
                  : rondo_error_set(err, RONDO_EINPUT, where, "half of a document's tokens tells of the other half",
                                    "no document has two tokens: nothing can be evaluated");
}

/* Numbers the words that occur from 0, and writes these numbers in the documents. */
static int64_t renumber(struct heldout *heldout, int32_t *number)
{
    int64_t pairs = heldout->first[heldout->documents], words = 0;
    for (int64_t i = 0; i < pairs; i++)
        number[heldout->word[i]] = 1;
    for (int64_t w = 0; w < heldout->problem->words; w++)
        if (number[w]) {
            heldout->needed[words] = (int32_t)w;
            number[w] = (int32_t)words++;
        }
    for (int64_t i = 0; i < pairs; i++)
        heldout->word[i] = number[heldout->word[i]];
    return words;
}

/* Takes over what the bag's only piece has. */
static int take_documents(struct heldout *heldout, const struct rondo_matrix *test, struct rondo_error *err)
{
    struct bag bag;
    int code = bag_open(&bag, heldout->problem->host, test, test->rows, err);
    if (!code)
        code = bag_next(&bag, err);
    if (!code) {
        heldout->documents = bag.documents;
        heldout->first = bag.first;
        heldout->word = bag.word;
        heldout->observed = bag.count;
        bag.first = NULL;
        bag.word = bag.count = NULL;
    }
    bag_close(&bag);
    return code;
}

static int prepare(struct heldout *heldout, struct rondo_error *err)
{
    const struct problem *problem = heldout->problem;
    const struct rondo_host *host = problem->host;
    int code = take_documents(heldout, problem->test, err);
    if (code)
        return code;
    int64_t pairs = heldout->first[heldout->documents], fit = ROOM_MOST / problem->topics;
    heldout->parts = fit < 1 ? 1 : fit < PARTS_MOST ? fit : PARTS_MOST;
    int32_t *number = host->zalloc((size_t)problem->words + 1, sizeof *number);
    heldout->needed = host->alloc((size_t)(problem->words + 1) * sizeof *heldout->needed);
    heldout->evaluated = host->alloc((size_t)(pairs + 1) * sizeof *heldout->evaluated);
    heldout->score = host->alloc((size_t)(heldout->documents + 1) * sizeof *heldout->score);
    heldout->room = host->alloc((size_t)(heldout->parts * ROOM * problem->topics) * sizeof *heldout->room);
    if (!number || !heldout->needed || !heldout->evaluated || !heldout->score || !heldout->room) {
        host->free(number);
        return no_memory(err);
    }
    for (int64_t d = 0; d < heldout->documents; d++) {
        int64_t at = heldout->first[d];
        int32_t *count = heldout->observed + at;
        heldout->tokens += heldout_split(count, heldout->first[d + 1] - at, count, heldout->evaluated + at);
    }
    int64_t words = renumber(heldout, number);
    host->free(number);
    return fold_open(&heldout->model, problem, heldout->needed, words, err);
}

int heldout_create(const struct problem *problem, struct heldout **heldout, struct rondo_error *err)
{
    *heldout = NULL;
    if (!problem->test)
        return RONDO_OK;
    struct heldout *made = problem->host->zalloc(1, sizeof *made);
    if (!made)
        return no_memory(err);
    made->problem = problem;
    made->model.host = problem->host;
    int code = prepare(made, err);
    if (code)
        heldout_destroy(made);
    else
        *heldout = made;
    return code;
}

void heldout_destroy(struct heldout *heldout)
{
    if (!heldout)
        return;
    const struct rondo_host *host = heldout->problem->host;
    void *owned[] = { heldout->first, heldout->word, heldout->observed, heldout->evaluated, heldout->needed,
                      heldout->score, heldout->room };
    fold_close(&heldout->model);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        host->free(owned[i]);
    host->free(heldout);
}

static int score_part(void *context, int64_t part)
{
    struct heldout *heldout = context;
    int64_t topics = heldout->model.topics;
    double *theta = heldout->room + part * ROOM * topics, *room = theta + topics;
    int64_t lo = heldout->documents * part / heldout->parts, hi = heldout->documents * (part + 1) / heldout->parts;
    for (int64_t d = lo; d < hi; d++) {
        int64_t at = heldout->first[d], pairs = heldout->first[d + 1] - at;
        const int32_t *word = heldout->word + at;
        fold_in(&heldout->model, word, heldout->observed + at, pairs, theta, room);
        heldout->score[d] = fold_log_likelihood(&heldout->model, theta, word, heldout->evaluated + at, pairs, room);
    }
    return RONDO_OK;
}

/* The sum runs over documents in their order, whoever folded them in. */
int heldout_perplexity(struct heldout *heldout, const struct view *view, double *perplexity)
{
    double sum = 0;
    int code = fold_read(&heldout->model, view);
    if (!code)
        code = heldout->problem->host->each(heldout->problem->job, heldout->parts, score_part, heldout);
    for (int64_t d = 0; !code && d < heldout->documents; d++)
        sum += heldout->score[d];
    *perplexity = exp(-sum / (double)heldout->tokens);
    return code;
}
