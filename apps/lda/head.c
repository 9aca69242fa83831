/* head.c - the model on the coordinator: which tasks a round has, what a sweep came to, when to stop.
 *
 * Start at lda_schedule.  A round is P draws; the last of a sweep is followed by P counts, from which come
 * the likelihood and, where asked for, new priors. */
#include "head.h"

#include "coherence.h"
#include "heldout.h"
#include "histogram.h"
#include "hyper.h"
#include "likelihood.h"
#include "output.h"
#include "push.h"
#include "states.h"

#include <rondo/flat.h>

#include <math.h>
#include <string.h>

/* What is saved of the head, beside the common state. */
struct figures {
    int64_t drawn;        /* tokens that have a topic */
    int64_t sweeps;
    int64_t counted;      /* the sweep after which the likelihood is; 0: none */
    int64_t evaluated;    /* and perplexity and coherence */
    double likelihood, perplexity, coherence;
};

struct head {
    const struct problem *problem;
    struct common *common;    /* as the workers' replicas are after the commit */
    struct heldout *heldout;  /* NULL: no test documents */
    struct figures figures;
    struct rondo_pair *pairs; /* [P] */
    int64_t drawn;            /* in the round that is being settled */
    struct rondo_buf commit, counts;
    const struct block **block; /* [P] */
    const struct shard **shard; /* [P] */
};

void lda_head_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct head *head = state;
    if (head->common)
        lda_common_destroy(context, head->common);
    heldout_destroy(head->heldout);
    host->free(head->pairs);
    host->free(head->commit.data);
    host->free(head->counts.data);
    host->free(head->block);
    host->free(head->shard);
    host->free(head);
}

int lda_head_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    const struct rondo_host *host = p->host;
    size_t parts = (size_t)p->parts;
    struct head *head = host->zalloc(1, sizeof *head);
    void *common = NULL;
    if (!head)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a model");
    head->problem = p;
    head->pairs = host->alloc(parts * sizeof *head->pairs);
    head->block = host->zalloc(parts, sizeof *head->block);
    head->shard = host->zalloc(parts, sizeof *head->shard);
    int code = lda_common_create(p, index, &common, err);
    head->common = common;
    if (!code && p->test)
        code = heldout_create(p, &head->heldout, err);
    if (!code && (!head->pairs || !head->block || !head->shard))
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a model");
    if (code)
        lda_head_destroy(p, head);
    else
        *state = head;
    return code;
}

int lda_head_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct head *head = state;
    int code = rondo_append(head->problem->host, out, &head->figures, sizeof head->figures);
    return code ? code : lda_common_pack(context, head->common, out);
}

int lda_head_unpack(const void *context, void *state, struct rondo_bytes in)
{
    struct head *head = state;
    int code = rondo_take(&in, &head->figures, sizeof head->figures);
    return code ? code : lda_common_unpack(context, head->common, in);
}

/* ---- a round --------------------------------------------------------------------------------------------- */

static int heavier_task(const struct problem *p, struct rondo_pair a, struct rondo_pair b)
{
    int64_t x = p->task_tokens[(int64_t)a.block * p->parts + a.shard];
    int64_t y = p->task_tokens[(int64_t)b.block * p->parts + b.shard];
    return x != y ? x > y : a.block < b.block;
}

/* The heaviest first, so that workers end together. */
static void add_pair(struct head *head, struct rondo_order *order, struct rondo_pair pair)
{
    int64_t at = order->count++;
    for (; at > 0 && heavier_task(head->problem, pair, head->pairs[at - 1]); at--)
        head->pairs[at] = head->pairs[at - 1];
    head->pairs[at] = pair;
}

/* The first sweep, in which each token draws among those that have a topic already, is a sequential one: task
 * (b, s) comes after (b - 1, s) and (b, s - 1), so that turn t = 0 .. 2P - 2 has those with b + s = t.  Shards
 * that began beside each other would each find topics of its own, and sweep after sweep would have to bring
 * them together.  Each later sweep goes the same way round, t = 0 .. P - 1 with b + s = t (mod P): from one
 * draw of a token to its next all others are drawn once, which mixes faster than an order drawn anew. */
int lda_schedule(void *state, int64_t round, struct rondo_order *order)
{
    struct head *head = state;
    const struct problem *p = head->problem;
    int64_t turn = round - 1 - p->first_rounds;
    bool first = turn < 0;
    turn = first ? round - 1 : turn % p->parts;
    for (int32_t b = 0; b < p->parts; b++) {
        int64_t s = turn - b;
        if (first ? s >= 0 && s < p->parts : (s += s < 0 ? p->parts : 0, true))
            add_pair(head, order, (struct rondo_pair){ b, (int32_t)s });
    }
    order->kind = RONDO_PLAN;
    order->tag = LDA_DRAW;
    order->pairs = head->pairs;
    return RONDO_OK;
}

static void order_counts(struct head *head, struct rondo_order *order)
{
    for (int32_t b = 0; b < head->problem->parts; b++)
        head->pairs[b] = (struct rondo_pair){ b, b };
    order->kind = RONDO_PLAN;
    order->tag = LDA_COUNT;
    order->pairs = head->pairs;
    order->count = head->problem->parts;
}

/* The changes that all tasks made; counts never fall below 0 and sum to the tokens drawn so far. */
static int take_changes(struct head *head, int64_t round, struct rondo_bytes result)
{
    const struct problem *p = head->problem;
    size_t heavy = (size_t)p->heavy * (size_t)p->row;
    const int64_t *change = (const int64_t *)result.data + 2;
    int64_t all = 0;
    if (lda_kind(result) != LDA_DRAW || result.size != (2 + (size_t)p->topics + heavy) * sizeof *change)
        return RONDO_EAPP;
    head->drawn = change[-1];
    head->figures.drawn += round <= p->first_rounds ? head->drawn : 0;
    for (int32_t k = 0; k < p->topics; k++) {
        head->common->total[k] += change[k];
        all += head->common->total[k];
        if (head->common->total[k] < 0)
            return RONDO_EAPP;
    }
    for (size_t i = 0; i < heavy; i++) {
        int64_t count = head->common->heavy[i] + change[(size_t)p->topics + i];
        if (count < 0 || count > INT32_MAX)
            return RONDO_EAPP;
        head->common->heavy[i] = (uint32_t)count;
    }
    return all == head->figures.drawn ? RONDO_OK : RONDO_EAPP;
}

static int commit(struct head *head, struct rondo_order *order)
{
    head->commit.size = 0;
    int code = lda_common_pack(head->problem, head->common, &head->commit);
    order->kind = RONDO_REST;
    order->commit = (struct rondo_bytes){ head->commit.data, head->commit.size };
    return code;
}

/* ---- the end of a sweep ------------------------------------------------------------------------------------ */

static bool look(const struct head *head, struct rondo_head_link *link, bool shards, struct view *view)
{
    const struct problem *p = head->problem;
    for (int32_t i = 0; i < p->parts; i++) {
        head->block[i] = p->host->block(link, i);
        head->shard[i] = shards ? p->host->shard(link, i) : NULL;
        if (!head->block[i] || (shards && !head->shard[i]))
            return false;
    }
    *view = (struct view){ p, head->block, shards ? head->shard : NULL, head->common->heavy, head->common->total,
                           head->common->alpha, head->common->beta };
    return true;
}

/* The likelihood of the counts that stand in head->counts, under the priors that they were drawn with. */
static struct statistics weigh(struct head *head)
{
    const struct problem *p = head->problem;
    struct statistics statistics = {
        .topics = p->topics, .words = p->words, .by_topic = !p->uniform,
        .histogram = { head->counts.data, head->counts.size }, .lengths = { p->lengths.data, p->lengths.size },
        .total = head->common->total,
    };
    head->figures.likelihood = likelihood(&statistics, head->common->alpha, head->common->beta);
    head->figures.counted = head->figures.sweeps;
    return statistics;
}

static int evaluate(struct head *head, const struct view *view, struct rondo_error *err)
{
    const struct problem *p = head->problem;
    struct figures *figures = &head->figures;
    int32_t *top = p->host->alloc((size_t)p->topics * COHERENCE_WORDS * sizeof *top);
    int code = top ? top_words(view, COHERENCE_WORDS, top, err) : RONDO_ENOMEM;
    if (!code)
        code = coherence(view, top, COHERENCE_WORDS, NULL, &figures->coherence, err);
    if (!code && head->heldout)
        code = heldout_perplexity(head->heldout, view, &figures->perplexity);
    p->host->free(top);
    figures->evaluated = figures->sweeps;
    return code;
}

static int add_heavy(struct head *head)
{
    const struct problem *p = head->problem;
    struct histogram_source heavy = { .problem = p, .heavy = head->common->heavy };
    struct rondo_buf more = { 0 };
    void *scratch = p->heavy ? p->host->alloc(histogram_scratch_bytes(p)) : NULL;
    int code = !p->heavy ? RONDO_OK : scratch ? histogram_append(&heavy, scratch, &more) : RONDO_ENOMEM;
    if (!code && p->heavy)
        code = histogram_merge(p, &head->counts, 0, (struct rondo_bytes){ more.data, more.size });
    p->host->free(scratch);
    p->host->free(more.data);
    return code;
}

/* Do the words, and do the documents, have all tokens that were drawn?  Of head->counts. */
static bool counts_whole(const struct head *head)
{
    struct rondo_bytes counts = { head->counts.data, head->counts.size };
    uint64_t words = 0, documents = 0, drawn = (uint64_t)head->figures.drawn;
    for (size_t i = 0; i < tally_count(counts); i++) {
        struct tally tally = tally_at(counts, i);
        *(tally_group(tally) == HISTOGRAM_WORDS ? &words : &documents) += tally_n(tally) * tally.number;
    }
    return words == drawn && documents == drawn;
}

static int end_sweep(struct head *head, struct rondo_head_link *link, struct rondo_bytes result,
                     struct rondo_order *order)
{
    const struct problem *p = head->problem;
    struct rondo_error err = { 0 };
    struct view view;
    if (lda_kind(result) != LDA_COUNT)
        return RONDO_EAPP;
    head->counts.size = 0;
    int code = histogram_merge(p, &head->counts, 0, lda_payload(result)); /* it checks what came */
    if (!code)
        code = add_heavy(head);
    if (!code && !counts_whole(head))
        code = RONDO_EAPP;
    if (code)
        return code;
    int64_t sweeps = ++head->figures.sweeps;
    bool last = sweeps >= p->iterations;
    struct statistics statistics = weigh(head);
    if (!last && sweeps % p->evaluate_every == 0)
        code = look(head, link, false, &view) ? evaluate(head, &view, &err) : RONDO_EAPP;
    if (!code && p->optimise && sweeps % p->interval == 0) { /* the last one too: a job may go on */
        hyper_alpha(&statistics, head->common->alpha);
        hyper_beta(&statistics, &head->common->beta);
    }
    order->report = true;
    order->stop = last ? "iterations" : NULL;
    return code;
}

int lda_settle(void *state, struct rondo_head_link *link, int64_t round, int32_t phase,
               const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
               struct rondo_order *order)
{
    struct head *head = state;
    (void)tasks;
    if (count != 1)
        return RONDO_EAPP;
    int code = phase ? end_sweep(head, link, results[0], order) : take_changes(head, round, results[0]);
    if (code)
        return code;
    const struct problem *p = head->problem;
    if (!phase && round >= p->first_rounds && (round - p->first_rounds) % p->parts == 0) {
        order_counts(head, order);
        return RONDO_OK;
    }
    order->updates = head->drawn;
    return commit(head, order);
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

static int count_all(struct head *head, const struct view *view)
{
    const struct problem *p = head->problem;
    struct rondo_buf more = { 0 };
    void *scratch = p->host->alloc(histogram_scratch_bytes(p));
    int code = scratch ? RONDO_OK : RONDO_ENOMEM;
    head->counts.size = 0;
    for (int32_t i = 0; i < p->parts && !code; i++) {
        struct histogram_source source = { .problem = p, .shard = view->shard[i], .block = view->block[i],
                                           .shard_index = i, .block_index = i };
        more.size = 0;
        code = histogram_append(&source, scratch, &more);
        if (!code)
            code = histogram_merge(p, &head->counts, 0, (struct rondo_bytes){ more.data, more.size });
    }
    p->host->free(scratch);
    p->host->free(more.data);
    return code ? code : add_heavy(head);
}

/* What is told last is what is saved, wherever in a sweep the job stops. */
int lda_conclude(void *state, struct rondo_head_link *link, struct rondo_error *err)
{
    struct head *head = state;
    const struct problem *p = head->problem;
    struct view view;
    if (!look(head, link, true, &view))
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the model is not whole");
    if (head->figures.drawn < p->tokens) {
        p->host->say(p->job, "stopped within the first sweep: some tokens have no topic yet");
        return RONDO_OK;
    }
    int code = count_all(head, &view);
    if (code)
        return rondo_error_set(err, code, NULL, NULL, "%s", rondo_strerror(code));
    if (!counts_whole(head))
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the counts do not sum to the tokens");
    weigh(head);
    return evaluate(head, &view, err);
}

int lda_save(const void *state, struct rondo_head_link *link, const struct rondo_host *host,
             struct rondo_output *output, struct rondo_error *err)
{
    const struct head *head = state;
    struct view view;
    if (!look(head, link, true, &view))
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the model is not whole");
    return output_save(&view, host, output, err);
}

static void put(struct rondo_report *report, const char *name, double value, bool whole)
{
    report->metric[report->count++] = (struct rondo_metric){ name, value, whole };
}

void lda_report(const void *state, struct rondo_report *report)
{
    const struct head *head = state;
    const struct problem *p = head->problem;
    const struct figures *figures = &head->figures;
    double alpha_sum = 0;
    for (int32_t k = 0; k < p->topics; k++)
        alpha_sum += head->common->alpha[k];
    report->objective = figures->counted ? figures->likelihood : (double)NAN;
    put(report, "iterations", (double)figures->sweeps, true);
    if (figures->counted)
        put(report, "log_likelihood_per_token", figures->likelihood / (double)p->tokens, false);
    if (figures->evaluated && figures->evaluated == figures->sweeps && head->heldout)
        put(report, "perplexity", figures->perplexity, false);
    if (figures->evaluated && figures->evaluated == figures->sweeps)
        put(report, "coherence", figures->coherence, false);
    put(report, "alpha_sum", alpha_sum, false);
    put(report, "beta", head->common->beta, false);
}
