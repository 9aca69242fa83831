/* rotate: blocks of words carry their topic counts to the shards that hold the tokens. */
#include "apps.h"

enum { STREAM_WORD = 256, STREAM_TOPIC, STREAM_SHUFFLE, STREAM_DRAW /* + phase */ };

struct app_rotate_shape app_rotate_shape = { .blocks = 7, .shards = 5, .topics = 6, .words = 9,
                                             .tokens = 60, .seed = 3 };

struct problem {
    const struct rondo_host *host;
    struct app_rotate_shape shape;
};

/* All states are flat: `fixed` words of their own, then the rest. */
enum { AT_ID, AT_COUNTER, FIXED }; /* COUNTER: a block's visits; shard, common: the last commit */

struct head {
    const struct problem *problem;
    struct rondo_pair *pairs; /* [shards]; of the order last given */
    int64_t *delta;           /* [topics] of the round */
    int64_t *kept;            /* [topics] totals, [blocks] visits, told: what is packed */
    int64_t concluded;        /* how often */
    uint64_t end;             /* of all states, when it concluded */
};

static int64_t word_of(const struct app_rotate_shape *shape, int32_t shard, int32_t token)
{
    uint64_t words = (uint64_t)shape->blocks * (uint64_t)shape->words;
    uint64_t item = (uint64_t)shard * (uint64_t)shape->tokens + (uint64_t)token;
    return (int64_t)(rondo_rng_u64(shape->seed, 0, STREAM_WORD, item) % words);
}

static int64_t first_topic(const struct app_rotate_shape *shape, int32_t shard, int32_t token)
{
    uint64_t item = (uint64_t)shard * (uint64_t)shape->tokens + (uint64_t)token;
    return (int64_t)(rondo_rng_u64(shape->seed, 0, STREAM_TOPIC, item) % (uint64_t)shape->topics);
}

static int open_(const struct rondo_host *host, const struct rondo_job *job, void **out,
                 struct rondo_error *err)
{
    struct problem *problem = host->zalloc(1, sizeof *problem);
    (void)job;
    if (!problem)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a problem");
    *problem = (struct problem){ host, app_rotate_shape };
    *out = problem;
    return RONDO_OK;
}

static void close_(void *problem)
{
    ((struct problem *)problem)->host->free(problem);
}

static void layout(const void *context, struct rondo_layout *layout)
{
    const struct app_rotate_shape *shape = &((const struct problem *)context)->shape;
    layout->shards = shape->no_shards ? 0 : shape->shards;
    layout->blocks = shape->blocks;
    layout->chunks = 1;
    layout->with_shards = true;
}

/* ---- flat states --------------------------------------------------------------------------------- */

static int flat_create(const struct problem *problem, int32_t index, int32_t words, void **out,
                       struct rondo_error *err)
{
    int64_t *state = problem->host->zalloc((size_t)(FIXED + words), sizeof *state);
    if (!state)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a state");
    state[AT_ID] = index;
    *out = state;
    return RONDO_OK;
}

static void flat_destroy(const void *problem, void *state)
{
    ((const struct problem *)problem)->host->free(state);
}

static int flat_pack(const struct problem *problem, const void *state, int32_t words,
                     struct rondo_buf *out)
{
    return apps_append(problem->host, out, state, (size_t)(FIXED + words) * sizeof(int64_t));
}

static int flat_unpack(void *state, int32_t words, struct rondo_bytes in)
{
    return apps_fill(state, (size_t)(FIXED + words) * sizeof(int64_t), in);
}

/* A block: counts [words x topics]. */
static int32_t block_words(const void *problem)
{
    const struct app_rotate_shape *shape = &((const struct problem *)problem)->shape;
    return shape->words * shape->topics;
}

static int block_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    const struct app_rotate_shape *shape = &problem->shape;
    int code = flat_create(problem, index, block_words(problem), out, err);
    if (code)
        return code;
    int64_t *counts = (int64_t *)*out + FIXED;
    for (int32_t s = 0; s < shape->shards; s++)
        for (int32_t t = 0; t < shape->tokens; t++) {
            int64_t word = word_of(shape, s, t);
            if (word / shape->words == index)
                counts[word % shape->words * shape->topics + first_topic(shape, s, t)]++;
        }
    return RONDO_OK;
}

static int block_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    return flat_pack(problem, state, block_words(problem), out);
}

static int block_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    return flat_unpack(state, block_words(problem), in);
}

/* A shard: the topic of each token. */
static int shard_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    int code = flat_create(problem, index, problem->shape.tokens, out, err);
    for (int32_t t = 0; t < problem->shape.tokens && !code; t++)
        ((int64_t *)*out)[FIXED + t] = first_topic(&problem->shape, index, t);
    return code;
}

static int shard_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    return flat_pack(problem, state, ((const struct problem *)problem)->shape.tokens, out);
}

static int shard_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    return flat_unpack(state, ((const struct problem *)problem)->shape.tokens, in);
}

/* The common state: the topics' totals. */
static int common_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    const struct app_rotate_shape *shape = &problem->shape;
    int code = flat_create(problem, index, shape->topics, out, err);
    for (int32_t s = 0; s < shape->shards && !code; s++)
        for (int32_t t = 0; t < shape->tokens; t++)
            ((int64_t *)*out)[FIXED + first_topic(shape, s, t)]++;
    return code;
}

static int common_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    return flat_pack(problem, state, ((const struct problem *)problem)->shape.topics, out);
}

static int common_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    return flat_unpack(state, ((const struct problem *)problem)->shape.topics, in);
}

/* ---- the head -------------------------------------------------------------------------------------- */

static size_t kept_words(const struct problem *problem)
{
    return (size_t)(problem->shape.topics + problem->shape.blocks + 1);
}

static void head_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct head *head = state;
    host->free(head->pairs);
    host->free(head->delta);
    host->free(head->kept);
    host->free(head);
}

static int head_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    const struct rondo_host *host = problem->host;
    struct head *head = host->zalloc(1, sizeof *head);
    (void)index;
    if (!head)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a head");
    head->problem = problem;
    head->pairs = host->zalloc((size_t)problem->shape.shards, sizeof *head->pairs);
    head->delta = host->zalloc((size_t)problem->shape.topics, sizeof *head->delta);
    head->kept = host->zalloc(kept_words(problem), sizeof *head->kept);
    if (!head->pairs || !head->delta || !head->kept) {
        head_destroy(problem, head);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a head");
    }
    *out = head;
    return RONDO_OK;
}

static int head_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct head *head = state;
    return apps_append(head->problem->host, out, head->kept, kept_words(context) * sizeof(int64_t));
}

static int head_unpack(const void *context, void *state, struct rondo_bytes in)
{
    return apps_fill(((struct head *)state)->kept, kept_words(context) * sizeof(int64_t), in);
}

static int64_t *visits_of(struct head *head)
{
    return head->kept + head->problem->shape.topics;
}

/* ---- a round ---------------------------------------------------------------------------------------- */

/* A Latin square over blocks, its shards shuffled anew each round; phase 2 is phase 1 again. */
static void plan(struct head *head, int64_t round, int32_t phase, struct rondo_order *order)
{
    const struct app_rotate_shape *shape = &head->problem->shape;
    int64_t shift = 2 * round + (phase > 0);
    for (int32_t i = 0; i < shape->shards; i++)
        head->pairs[i] = (struct rondo_pair){ (int32_t)((i + shift) % shape->blocks), i };
    for (int32_t i = shape->shards - 1; i > 0; i--) {
        uint64_t draw = rondo_rng_u64(shape->seed, (uint64_t)round, STREAM_SHUFFLE, (uint64_t)i);
        int32_t other = (int32_t)(draw % ((uint64_t)i + 1)), shard = head->pairs[i].shard;
        head->pairs[i].shard = head->pairs[other].shard;
        head->pairs[other].shard = shard;
    }
    for (int32_t i = 0; i < shape->shards && shape->no_shards; i++)
        head->pairs[i].shard = -1;
    order->kind = RONDO_PLAN;
    order->pairs = head->pairs;
    order->count = shape->shards;
}

static int schedule(void *head, int64_t round, struct rondo_order *order)
{
    plan(head, round, 0, order);
    return RONDO_OK;
}

/* How often the block was visited before: push holds the block's own counter against it. */
static int brief(void *state, const struct rondo_task *task, struct rondo_buf *out)
{
    struct head *head = state;
    return apps_append(head->problem->host, out, &visits_of(head)[task->block], sizeof(int64_t));
}

static int scratch_create(const void *context, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    *out = problem->host->alloc((size_t)problem->shape.topics * sizeof(double));
    return *out ? RONDO_OK : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
}

/* Draws a topic in proportion to (word's count + 0.1) / (total + 0.1 V). */
static int32_t draw_topic(const struct app_rotate_shape *shape, const int64_t *word_counts,
                          const int64_t *totals, const int64_t *delta, double *sums, double unit)
{
    double sum = 0, all = 0.1 * shape->words * shape->blocks;
    for (int32_t k = 0; k < shape->topics; k++) {
        sum += ((double)word_counts[k] + 0.1) / ((double)(totals[k] + delta[k]) + all);
        sums[k] = sum;
    }
    int32_t topic = 0;
    while (topic < shape->topics - 1 && sums[topic] < unit * sum)
        topic++;
    return topic;
}

/* What a push answers: delta [topics], visits, checksum; `move` moves one token. */
static bool move(const struct app_rotate_shape *shape, const int64_t *common, int64_t *counts,
                 int64_t *topic, int64_t *delta, double *sums, double unit)
{
    if (--counts[*topic] < 0)
        return false;
    delta[*topic]--;
    *topic = draw_topic(shape, counts, common + FIXED, delta, sums, unit);
    counts[*topic]++;
    delta[*topic]++;
    return true;
}

static int visit(const struct app_rotate_shape *shape, const int64_t *common, int64_t *shard,
                 int64_t *block, double *sums, const struct rondo_task *task, int64_t *delta)
{
    for (int32_t t = 0; shard && t < shape->tokens; t++) {
        int64_t word = word_of(shape, task->shard, t);
        uint64_t item = (uint64_t)task->shard * (uint64_t)shape->tokens + (uint64_t)t;
        double unit = rondo_rng_unit(task->seed, (uint64_t)task->round,
                                     STREAM_DRAW + (uint32_t)task->phase, item);
        if (word / shape->words == task->block
            && !move(shape, common, block + FIXED + word % shape->words * shape->topics,
                     &shard[FIXED + t], delta, sums, unit))
            return RONDO_EAPP;
    }
    /* Without shards one count of each word moves, from its first topic that has one. */
    for (int32_t w = 0; !shard && w < shape->words; w++) {
        int64_t *counts = block + FIXED + w * shape->topics, topic = 0;
        double unit = rondo_rng_unit(task->seed, (uint64_t)task->round,
                                     STREAM_DRAW + (uint32_t)task->phase,
                                     (uint64_t)task->block * (uint64_t)shape->words + (uint64_t)w);
        while (topic < shape->topics - 1 && counts[topic] == 0)
            topic++;
        if (counts[topic] && !move(shape, common, counts, &topic, delta, sums, unit))
            return RONDO_EAPP;
    }
    return RONDO_OK;
}

static int push(const void *context, const void *common, void *shard, void *state, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *problem = context;
    const struct app_rotate_shape *shape = &problem->shape;
    int64_t *block = state, *owned = shard, expected;
    size_t bytes = (size_t)(shape->topics + 2) * sizeof(int64_t);
    if (!block || !common || block[AT_ID] != task->block || (shard != NULL) == shape->no_shards
        || (owned && owned[AT_ID] != task->shard) || apps_fill(&expected, sizeof expected, task->brief)
        || block[AT_COUNTER] != expected || ((const int64_t *)common)[AT_COUNTER] != task->round - 1
        || (owned && owned[AT_COUNTER] != task->round - 1))
        return RONDO_EAPP;
    int code = problem->host->reserve(partial, bytes);
    if (code)
        return code;
    int64_t *delta = (int64_t *)(void *)partial->data;
    memset(delta, 0, bytes);
    partial->size = bytes;
    code = visit(shape, common, owned, block, scratch, task, delta);
    block[AT_COUNTER]++;
    delta[shape->topics] = 1;
    uint64_t sum = apps_fold((uint64_t)task->block, block,
                             (size_t)(FIXED + block_words(problem)) * sizeof *block);
    memcpy(&delta[shape->topics + 1], &sum, sizeof sum);
    return code;
}

/* Sums word by word, as unsigned numbers. */
static int merge(const void *context, struct rondo_buf *sum, struct rondo_bytes result)
{
    if (!sum->size)
        return apps_append(((const struct problem *)context)->host, sum, result.data, result.size);
    if (sum->size != result.size)
        return RONDO_EAPP;
    uint64_t *into = (uint64_t *)(void *)sum->data;
    const uint64_t *from = result.data;
    for (size_t i = 0; i < sum->size / sizeof *into; i++)
        into[i] = into[i] * (i == sum->size / sizeof *into - 1 ? 31 : 1) + from[i];
    return RONDO_OK;
}

static int settle(void *state, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order)
{
    struct head *head = state;
    const struct app_rotate_shape *shape = &head->problem->shape;
    const int64_t *sum = results[0].data;
    int64_t *told = visits_of(head) + shape->blocks;
    uint64_t fold = (uint64_t)*told;
    (void)link, (void)tasks;
    if (count != 1 || sum[shape->topics] != shape->shards)
        return RONDO_EAPP;
    fold = apps_fold(fold, results[0].data, results[0].size);
    memcpy(told, &fold, sizeof fold);
    plan(head, round, phase, order);
    for (int64_t i = 0; i < order->count; i++)
        visits_of(head)[head->pairs[i].block]++;
    for (int32_t k = 0; k < shape->topics; k++) {
        head->delta[k] = (phase ? head->delta[k] : 0) + sum[k];
        head->kept[k] += sum[k];
    }
    plan(head, round, 1, order);
    order->kind = phase == 0 ? RONDO_PLAN : phase == 1 && round % 2 ? RONDO_AGAIN : RONDO_REST;
    if (order->kind != RONDO_PLAN) {
        order->pairs = NULL;
        order->count = 0;
    }
    order->commit = (struct rondo_bytes){ head->delta, (size_t)shape->topics * sizeof(int64_t) };
    order->updates = shape->shards;
    return RONDO_OK;
}

/* Every state hears every commit, once and in order. */
static int apply(const void *context, void *common, void *shard, void *scratch, int64_t round,
                 struct rondo_bytes commit)
{
    const struct app_rotate_shape *shape = &((const struct problem *)context)->shape;
    int64_t *state = shard ? shard : common;
    const int64_t *delta = commit.data;
    (void)scratch;
    if (state[AT_COUNTER] != round - 1)
        return RONDO_EAPP;
    state[AT_COUNTER] = round;
    for (int32_t k = 0; !shard && k < shape->topics; k++)
        state[FIXED + k] += delta[k];
    return RONDO_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------ */

/* What a shard says of the blocks' counts is taken off them: nothing is left. */
static bool counts_of(const struct head *head, const int64_t *shard, int64_t *left)
{
    const struct app_rotate_shape *shape = &head->problem->shape;
    bool good = true;
    for (int32_t t = 0; t < shape->tokens; t++) {
        int64_t word = word_of(shape, (int32_t)shard[AT_ID], t);
        good = --left[word * shape->topics + shard[FIXED + t]] >= 0 && good;
    }
    return good;
}

/* All states are there, as of one commit, and say the same of every token. */
static bool agree(struct head *head, const struct rondo_head_link *link, int64_t *left)
{
    const struct rondo_host *host = head->problem->host;
    const struct app_rotate_shape *shape = &head->problem->shape;
    size_t each = (size_t)block_words(head->problem);
    uint64_t end = 0;
    for (int32_t b = 0; b < shape->blocks; b++) {
        const int64_t *block = host->block(link, b);
        if (!block || block[AT_ID] != b || block[AT_COUNTER] != visits_of(head)[b])
            return false;
        memcpy(left + (size_t)b * each, block + FIXED, each * sizeof *left);
        end = apps_fold(end, block, (FIXED + each) * sizeof *block);
    }
    for (int32_t s = 0; s < shape->shards && !shape->no_shards; s++) {
        const int64_t *shard = host->shard(link, s), *first = host->shard(link, 0);
        if (!shard || shard[AT_ID] != s || shard[AT_COUNTER] != first[AT_COUNTER]
            || !counts_of(head, shard, left))
            return false;
        end = apps_fold(end, shard, (size_t)(FIXED + shape->tokens) * sizeof *shard);
    }
    for (size_t i = 0; i < (size_t)shape->blocks * each && !shape->no_shards; i++)
        if (left[i])
            return false;
    head->end = end;
    return !host->block(link, shape->blocks) && !host->shard(link, -1)
           && !host->shard(link, shape->no_shards ? 0 : shape->shards);
}

static int conclude(void *state, struct rondo_head_link *link, struct rondo_error *err)
{
    struct head *head = state;
    const struct rondo_host *host = head->problem->host;
    size_t counts = (size_t)head->problem->shape.blocks * (size_t)block_words(head->problem);
    int64_t *left = host->alloc(counts * sizeof *left);
    if (!left)
        return RONDO_ENOMEM;
    bool good = agree(head, link, left) && !head->concluded++;
    host->free(left);
    return good ? RONDO_OK : rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the states do not agree");
}

/* shards.bin: the shards' words, one behind the other. */
static int save(const void *state, struct rondo_head_link *link, const struct rondo_host *host,
                struct rondo_output *output, struct rondo_error *err)
{
    const struct head *head = state;
    const struct app_rotate_shape *shape = &head->problem->shape;
    FILE *stream;
    int code = head->concluded == 1 ? host->create(output, "shards.bin", &stream, err) : RONDO_EAPP;
    size_t words = (size_t)(FIXED + shape->tokens);
    for (int32_t s = 0; s < shape->shards && !code; s++)
        code = fwrite(host->shard(link, s), sizeof(int64_t), words, stream) == words ? RONDO_OK : RONDO_EIO;
    return code;
}

/* Behind the end two metrics more. */
static void report(const void *state, struct rondo_report *report)
{
    const struct head *head = state;
    report->count = head->concluded ? 2 : 0;
    report->metric[0] = (struct rondo_metric){ "concluded", (double)head->concluded, true };
    report->metric[1] = (struct rondo_metric){ "end", (double)(head->end >> 11), true };
    for (int32_t k = 0; k < head->problem->shape.topics; k++)
        report->objective += (double)head->kept[k];
}

static const struct rondo_param no_params[] = { { 0 } };
static const struct rondo_role no_roles[] = { { 0 } };

const struct rondo_app app_rotate = {
    .abi = RONDO_APP_ABI, .size = sizeof app_rotate, .name = "rotate",
    .summary = "a toy sampler whose counts travel", .params = no_params, .roles = no_roles,
    .open = open_, .close = close_, .layout = layout,
    .head = { head_create, head_destroy, head_pack, head_unpack },
    .common = { common_create, flat_destroy, common_pack, common_unpack },
    .shard = { shard_create, flat_destroy, shard_pack, shard_unpack },
    .block = { block_create, flat_destroy, block_pack, block_unpack },
    .scratch = scratch_create, .scratch_free = flat_destroy,
    .schedule = schedule, .brief = brief, .push = push, .merge = merge, .settle = settle,
    .apply = apply, .report = report, .save = save, .conclude = conclude,
};
