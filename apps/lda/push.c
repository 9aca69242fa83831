/* push.c - a task on a worker: every token of a block's words in a shard's documents gets a topic anew, or
 * the counts of both are counted. */
#include "push.h"

#include "histogram.h"
#include "states.h"

#include <rondo/flat.h>

#include <string.h>

struct scratch {
    float *alpha, *inverse; /* [row] */
    double alpha_sum;
    int64_t *total;         /* [row] */
    uint32_t *heavy;        /* [heavy x row] */
    void *kernel, *counting;
};

void lda_scratch_free(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct scratch *scratch = state;
    host->free(scratch->alpha);
    host->free(scratch->inverse);
    host->free(scratch->total);
    host->free(scratch->heavy);
    host->free(scratch->kernel);
    host->free(scratch->counting);
    host->free(scratch);
}

int lda_scratch(const void *context, void **out, struct rondo_error *err)
{
    const struct problem *p = context;
    const struct rondo_host *host = p->host;
    size_t row = (size_t)p->row;
    struct scratch *scratch = host->zalloc(1, sizeof *scratch);
    if (!scratch)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory to sample in");
    scratch->alpha = host->zalloc(row, sizeof *scratch->alpha);
    scratch->inverse = host->zalloc(row, sizeof *scratch->inverse);
    scratch->total = host->zalloc(row, sizeof *scratch->total);
    scratch->heavy = host->zalloc((size_t)p->heavy * row + 16, sizeof *scratch->heavy);
    scratch->kernel = host->alloc(lda_scratch_bytes(p->topics, p->row));
    scratch->counting = host->alloc(histogram_scratch_bytes(p));
    if (!scratch->alpha || !scratch->inverse || !scratch->total || !scratch->heavy || !scratch->kernel
        || !scratch->counting) {
        lda_scratch_free(p, scratch);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory to sample in");
    }
    *out = scratch;
    return RONDO_OK;
}

/* ---- drawing ------------------------------------------------------------------------------------------- */

/* Priors of a start at random: so wide that the counts say next to nothing. */
#define WIDE 1e6

static double width_of(const struct problem *p, const struct rondo_task *task)
{
    return p->random_start && task->round <= p->first_rounds ? WIDE : 1;
}

/* The task's own totals begin as those of the round before. */
static void see(const struct problem *p, const struct common *common, double width, struct scratch *scratch)
{
    double beta_sum = common->beta * width * (double)p->words;
    memcpy(scratch->total, common->total, (size_t)p->row * sizeof *scratch->total);
    memcpy(scratch->heavy, common->heavy, (size_t)p->heavy * (size_t)p->row * sizeof *scratch->heavy);
    scratch->alpha_sum = 0;
    for (int32_t k = 0; k < p->topics; k++) {
        scratch->alpha[k] = (float)(common->alpha[k] * width);
        scratch->alpha_sum += common->alpha[k] * width;
        scratch->inverse[k] = 1 / ((float)common->total[k] + (float)beta_sum);
    }
}

static int visit_tile(const struct problem *p, const struct common *common, const struct rondo_task *task,
                      const struct tile *tile, void *z, struct counts documents, struct counts own,
                      struct scratch *scratch)
{
    int32_t first = tile->first[task->block], last = tile->first[task->block + 1];
    double beta = common->beta * width_of(p, task), beta_sum = beta * (double)p->words;
    if (first == last)
        return 0;
    lda_touch(p, tile->at[tile->documents] * 4
                     + (int64_t)(tile->pair[last] - tile->pair[first]) * (int64_t)sizeof *tile->pairs
                     + (int64_t)(tile->token[last] - tile->token[first]) * (tile->wide ? 4 : 2) + (last - first) * 12);
    struct visit visit = {
        .topics = p->topics, .row = p->row, .alpha = scratch->alpha, .uniform = p->uniform,
        .beta = (float)beta, .beta_sum = (float)beta_sum,
        .alpha_mean = (float)(scratch->alpha_sum / p->topics),
        .inverse_mean = (float)(p->topics / ((double)p->tokens + p->topics * beta_sum)),
        .total = scratch->total, .inverse = scratch->inverse,
        .words = last - first, .word = tile->word + first, .pair = tile->pair + first,
        .token = tile->token + first, .pairs = tile->pairs, .z = z,
        .own = own, .heavy = { p->heavy_at, NULL, scratch->heavy }, .wide_words = p->wide_words,
        .documents = documents, .most = tile->most, .rows = p->rows, .wide = tile->wide,
        .first = task->round <= p->first_rounds, .steps = p->steps,
        .seed = task->seed, .round = (uint64_t)task->round, .stream = LDA_STREAM_DRAW,
        .item = (uint64_t)tile->tokens_before + tile->token[first], .scratch = scratch->kernel,
    };
    return p->mh ? p->kernel->mh(&visit) : p->kernel->exact(&visit);
}

/* What has changed: the tokens drawn, then of each topic the total, then of heavy words each count. */
static int put_changes(const struct problem *p, const struct common *common, const struct scratch *scratch,
                       const struct rondo_task *task, struct rondo_buf *partial)
{
    size_t heavy = (size_t)p->heavy * (size_t)p->row, numbers = 1 + (size_t)p->topics + heavy;
    int code = p->host->reserve(partial, (numbers + 1) * sizeof(int64_t));
    if (code)
        return code;
    int64_t *out = (int64_t *)(void *)partial->data;
    *out++ = LDA_DRAW;
    *out++ = p->task_tokens[(int64_t)task->block * p->parts + task->shard];
    for (int32_t k = 0; k < p->topics; k++)
        *out++ = scratch->total[k] - common->total[k];
    for (size_t i = 0; i < heavy; i++)
        *out++ = (int64_t)scratch->heavy[i] - (int64_t)common->heavy[i];
    partial->size = (numbers + 1) * sizeof(int64_t);
    return RONDO_OK;
}

static int draw(const struct problem *p, const struct common *common, struct shard *shard, struct block *block,
                struct scratch *scratch, const struct rondo_task *task, struct rondo_buf *partial)
{
    see(p, common, width_of(p, task), scratch);
    for (int32_t t = p->tile_first[task->shard]; t < p->tile_first[task->shard + 1]; t++) {
        int32_t own = t - p->tile_first[task->shard];
        if (visit_tile(p, common, task, &p->tiles[t], shard->z[own], shard->counts[own], block->counts, scratch))
            return RONDO_EAPP;
    }
    return put_changes(p, common, scratch, task, partial);
}

int lda_push(const void *problem, const void *common, void *shard, void *block, void *scratch,
             const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *p = problem;
    if (task->tag == LDA_DRAW)
        return draw(p, common, shard, block, scratch, task, partial);
    struct histogram_source source = { .problem = p, .shard = shard, .block = block,
                                       .shard_index = task->shard, .block_index = task->block };
    int64_t kind = LDA_COUNT;
    int code = rondo_append(p->host, partial, &kind, sizeof kind);
    return code ? code : histogram_append(&source, ((struct scratch *)scratch)->counting, partial);
}

/* ---- the ordered merge ---------------------------------------------------------------------------------- */

int64_t lda_kind(struct rondo_bytes result)
{
    int64_t kind = -1;
    if (result.size >= sizeof kind)
        memcpy(&kind, result.data, sizeof kind);
    return kind;
}

static int add_changes(struct rondo_buf *sum, struct rondo_bytes result)
{
    int64_t *into = (int64_t *)(void *)sum->data;
    const int64_t *from = result.data;
    if (sum->size != result.size)
        return RONDO_EAPP;
    for (size_t i = 1; i < sum->size / sizeof *into; i++)
        into[i] += from[i];
    return RONDO_OK;
}

int lda_merge(const void *problem, struct rondo_buf *sum, struct rondo_bytes result)
{
    const struct problem *p = problem;
    int64_t kind = lda_kind(result);
    if (!sum->size)
        return rondo_append(p->host, sum, result.data, result.size);
    if (lda_kind((struct rondo_bytes){ sum->data, sum->size }) != kind)
        return RONDO_EAPP;
    if (kind == LDA_DRAW)
        return add_changes(sum, result);
    return histogram_merge(p, sum, sizeof kind, lda_payload(result));
}

int lda_apply(const void *problem, void *common, void *shard, void *scratch, int64_t round,
              struct rondo_bytes commit)
{
    (void)scratch, (void)round;
    return shard ? RONDO_OK : lda_common_unpack(problem, common, commit);
}
