/* bundle.c - cross-validation: the heads of all data and of each fold, side by side in the same rounds.
 *
 * A fold is a shard: eta, and r, of the model that its rows take no part in.  Each head goes its own way from
 * sweep to working set and from lambda to lambda, as if it were alone; a round of the bundle has what each of
 * them asks for, phase by phase, and ends when all of them are at rest:
 *
 *     schedule   a sweep for all: chunk c of those who sweep, and with chunk 0 the block of those who solve
 *     settle     a phase more where a head asks for one (step, dual value, score), of those alone who do
 *     commit     the commits of all, one behind the other
 *
 * So the folds are solved at once, by as many workers as there are, and no fold's bits depend on another's.
 * What is told to a shard stands in parts: how many bytes, then these; 0: nothing.
 */
#include "bundle.h"

#include <string.h>

/* What a part begins with, where it is a task's: then variables [count], then its brief. */
struct asked {
    int64_t tag, kind, count;
};

/* ---- life ------------------------------------------------------------------------------------------- */

void lasso_bundle_destroy(struct lasso_head *head)
{
    struct lasso_bundle *bundle = head->bundle;
    const struct rondo_host *host = head->lasso->host;
    if (!bundle)
        return;
    for (int32_t f = 1; bundle->head && f < bundle->count; f++)
        if (bundle->head[f])
            lasso_head_free(bundle->head[f]);
    host->free(bundle->head);
    host->free(bundle->order);
    host->free(bundle->result);
    host->free(bundle->commit.data);
    host->free(bundle->part.data);
    host->free(bundle);
    head->bundle = NULL;
}

int lasso_bundle_create(struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    const struct rondo_host *host = lasso->host;
    struct lasso_bundle *bundle = host->zalloc(1, sizeof *bundle);
    size_t count = (size_t)lasso->folds + 1;
    if (!bundle)
        return RONDO_ENOMEM;
    head->bundle = bundle;
    bundle->count = (int32_t)count;
    bundle->head = host->zalloc(count, sizeof *bundle->head);
    bundle->order = host->zalloc(count, sizeof *bundle->order);
    bundle->result = host->zalloc((size_t)lasso->chunks, sizeof *bundle->result);
    if (!bundle->head || !bundle->order || !bundle->result)
        return RONDO_ENOMEM;
    bundle->head[0] = head;
    for (size_t f = 1; f < count; f++) {
        bundle->head[f] = lasso_head_new(&lasso->view[f]);
        if (!bundle->head[f])
            return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

/* ---- parts -------------------------------------------------------------------------------------------- */

/* To whole numbers of 8 bytes, so that what comes next is aligned. */
static int64_t padded(int64_t size)
{
    return (size + 7) / 8 * 8;
}

struct rondo_bytes lasso_bundle_part(struct rondo_bytes bytes, int64_t part)
{
    const char *at = bytes.data;
    int64_t left = (int64_t)bytes.size, size;
    for (; part >= 0 && left >= (int64_t)sizeof size; part--) {
        memcpy(&size, at, sizeof size);
        at += sizeof size;
        left -= (int64_t)sizeof size;
        if (size < 0 || size > left)
            break;
        if (part == 0)
            return (struct rondo_bytes){ size ? at : NULL, (size_t)size };
        at += padded(size);
        left -= padded(size);
    }
    return (struct rondo_bytes){ NULL, 0 };
}

static int put_part(const struct lasso *lasso, struct rondo_buf *out, const void *bytes, size_t size)
{
    static const char zeros[8];
    int64_t whole = (int64_t)size;
    int code = lasso_append(lasso, out, &whole, sizeof whole);
    if (!code)
        code = lasso_append(lasso, out, bytes, size);
    return code ? code : lasso_append(lasso, out, zeros, (size_t)padded(whole) - size);
}

int lasso_bundle_pack(const struct lasso_head *head, struct rondo_buf *out)
{
    struct lasso_bundle *bundle = head->bundle;
    int code = RONDO_OK;
    for (int32_t f = 0; f < bundle->count && !code; f++) {
        bundle->part.size = 0;
        code = lasso_head_pack_one(bundle->head[f], &bundle->part);
        if (!code)
            code = put_part(head->lasso, out, bundle->part.data, bundle->part.size);
    }
    return code;
}

int lasso_bundle_unpack(struct lasso_head *head, struct rondo_bytes in)
{
    int64_t used = 0;
    for (int32_t f = 0; f < head->bundle->count; f++) {
        struct rondo_bytes part = lasso_bundle_part(in, f);
        int code = part.data ? lasso_head_unpack_one(head->bundle->head[f], part) : RONDO_ESTATE;
        if (code)
            return code;
        used += (int64_t)sizeof(int64_t) + padded((int64_t)part.size);
    }
    head->bundle->told = head->at.point;
    return used == (int64_t)in.size ? RONDO_OK : RONDO_ESTATE;
}

/* ---- schedule and brief -------------------------------------------------------------------------------- */

int lasso_bundle_schedule(struct lasso_head *head, int64_t round RONDO_UNUSED, struct rondo_order *order)
{
    struct lasso_bundle *bundle = head->bundle;
    for (int32_t f = 0; f < bundle->count; f++) {
        struct lasso_head *own = bundle->head[f];
        struct rondo_order *wants = &bundle->order[f];
        *wants = (struct rondo_order){ .kind = RONDO_REST, .want = head->lasso->p };
        if (own->at.done)
            continue;
        int code = lasso_head_schedule(own, wants);
        if (code)
            return code;
        if (wants->kind == RONDO_SAMPLED) {
            wants->variables = own->working;
            wants->count = own->at.chosen;
        }
    }
    order->kind = RONDO_SWEEP;
    order->tag = LASSO_BUNDLE;
    order->no_pull = true;
    return RONDO_OK;
}

/* A sweep has a part in every chunk, all else in block 0 alone. */
static bool asks(const struct rondo_order *order, int32_t block)
{
    return order->kind != RONDO_REST && (order->kind == RONDO_SWEEP || block == 0);
}

int lasso_bundle_brief(struct lasso_head *head, const struct rondo_task *task, struct rondo_buf *out)
{
    struct lasso_bundle *bundle = head->bundle;
    const struct lasso *lasso = head->lasso;
    int code = RONDO_OK;
    for (int32_t f = 0; f < bundle->count && !code; f++) {
        const struct rondo_order *wants = &bundle->order[f];
        struct rondo_buf *part = &bundle->part;
        part->size = 0;
        if (asks(wants, task->block)) {
            struct asked asked = { wants->tag, wants->kind, wants->kind == RONDO_SWEEP ? 0 : wants->count };
            struct rondo_task own = *task;
            own.tag = wants->tag;
            own.kind = wants->kind;
            own.count = asked.count;
            own.variables = wants->variables;
            code = lasso_append(lasso, part, &asked, sizeof asked);
            if (!code)
                code = lasso_append(lasso, part, own.variables, (size_t)own.count * sizeof(int64_t));
            if (!code)
                code = lasso_head_brief(bundle->head[f], &own, part);
        }
        if (!code)
            code = put_part(lasso, out, part->data, part->size);
    }
    return code;
}

/* ---- push ------------------------------------------------------------------------------------------------ */

/* A sweep's part is pulled at once: no other shard has one in it. */
static int sweep(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_scratch *scratch,
                 const struct rondo_task *task, struct rondo_buf *partial)
{
    scratch->list.size = 0;
    int code = lasso_scan_push(lasso, slice, scratch, task, &scratch->list);
    struct rondo_bytes one = { scratch->list.data, scratch->list.size };
    return code ? code : lasso_scan_pull(lasso, &scratch->room, task, &one, 1, partial);
}

int lasso_bundle_push(const struct lasso *lasso, struct lasso_slice *slice, struct lasso_scratch *scratch,
                      const struct rondo_task *task, struct rondo_buf *partial)
{
    struct rondo_bytes part = lasso_bundle_part(task->brief, slice->stage);
    const struct asked *asked = part.data;
    if (!asked)
        return RONDO_OK;
    lasso = &lasso->view[slice->stage];
    size_t head = sizeof *asked;
    if (part.size < head || asked->count < 0 || asked->count > lasso->p
        || part.size - head < (size_t)asked->count * sizeof(int64_t))
        return RONDO_EAPP;
    struct rondo_task own = *task;
    own.tag = (uint32_t)asked->tag;
    own.kind = (enum rondo_kind)asked->kind;
    own.count = asked->count;
    own.variables = (const int64_t *)(asked + 1);
    for (int64_t i = 0; i < own.count; i++)
        if (own.variables[i] < 0 || own.variables[i] >= lasso->p)
            return RONDO_EAPP;
    head += (size_t)own.count * sizeof(int64_t);
    own.brief = (struct rondo_bytes){ (const char *)part.data + head, part.size - head };
    if (own.tag == LASSO_GRADIENT)
        return sweep(lasso, slice, scratch, &own, partial);
    if (own.tag == LASSO_BLOCK)
        return lasso_outer_pull(lasso, slice, scratch, &own, partial);
    return lasso_glm_push(lasso, slice, scratch, &own, partial);
}

/* ---- settle ---------------------------------------------------------------------------------------------- */

/* What came back for one head; results by blocks, and by shards in them. */
static int settle_one(struct lasso_bundle *bundle, int32_t f, int32_t phase,
                      const struct rondo_bytes *results, int32_t blocks, struct rondo_order *order)
{
    const struct rondo_order *wants = &bundle->order[f];
    struct rondo_task task = { .phase = phase, .tag = wants->tag, .kind = wants->kind, .shard = -1,
                               .count = wants->count, .variables = wants->variables };
    int32_t own = wants->kind == RONDO_SWEEP ? blocks : 1;
    for (int32_t b = 0; b < own; b++)
        bundle->result[b] = results[b * bundle->count + f];
    *order = (struct rondo_order){ .kind = RONDO_REST };
    return lasso_head_settle(bundle->head[f], NULL, phase, &task, bundle->result, own, order);
}

/* All heads are at rest. */
static int rest(struct lasso_head *head, struct rondo_order *order)
{
    struct lasso_bundle *bundle = head->bundle;
    bool done = true;
    int code = RONDO_OK;
    bundle->commit.size = 0;
    for (int32_t f = 0; f < bundle->count && !code; f++) {
        struct rondo_order *wants = &bundle->order[f];
        struct numbers *at = &bundle->head[f]->at;
        code = put_part(head->lasso, &bundle->commit, wants->commit.data, wants->commit.size);
        at->done |= wants->stop != NULL;
        done = done && at->done;
        order->updates += wants->updates;
    }
    order->kind = RONDO_REST;
    order->note = "folds";
    order->commit = (struct rondo_bytes){ bundle->commit.data, bundle->commit.size };
    /* A line of progress for each lambda that all data have come to, and for the end. */
    order->report = done || head->at.sweeps <= 1 || head->at.point > bundle->told;
    bundle->told = head->at.point;
    order->stop = !done ? NULL : head->at.imprecise ? "precision" : "gap"; /* cv.json has the folds' gaps */
    return code;
}

int lasso_bundle_settle(struct lasso_head *head, int32_t phase, const struct rondo_bytes *results,
                        int32_t count, struct rondo_order *order)
{
    static const int64_t any[] = { 0 }; /* a phase that is no sweep has one block, of any variable */
    struct lasso_bundle *bundle = head->bundle;
    bool more = false;
    if (count % bundle->count)
        return RONDO_EAPP;
    for (int32_t f = 0; f < bundle->count; f++) {
        struct rondo_order *wants = &bundle->order[f], next;
        if (wants->kind != RONDO_REST) {
            int code = settle_one(bundle, f, phase, results, count / bundle->count, &next);
            if (code)
                return code;
            *wants = next;
        }
        more = more || wants->kind != RONDO_REST;
    }
    if (!more)
        return rest(head, order);
    *order = (struct rondo_order){ .kind = RONDO_JOIN, .tag = LASSO_BUNDLE, .no_pull = true,
                                   .variables = any, .count = 1 };
    return RONDO_OK;
}
