/* lda_drive.c - rounds of apps/lda, one task after the other. */
#include "tests/support/lda_drive.h"

#include "apps/lda/head.h"
#include "apps/lda/histogram.h"
#include "apps/lda/push.h"
#include "apps/lda/states.h"
#include "core/base/mem.h"
#include "tests/support/drive_job.h"

#include <criterion/criterion.h>
#include <math.h>
#include <rondo/rng.h>
#include <string.h>

enum { PARTS_MOST = 64 };

/* ---- problem and states -------------------------------------------------------------------------------- */

static void make_matrix(struct lda_drive *drive, const struct lda_corpus *corpus)
{
    size_t cells = (size_t)(corpus->documents * corpus->words);
    int64_t nnz = 0;
    drive->colptr = mem_calloc((size_t)corpus->words + 1, sizeof *drive->colptr);
    drive->rowidx = mem_calloc(cells + 1, sizeof *drive->rowidx);
    drive->values = mem_calloc(cells + 1, sizeof *drive->values);
    for (int64_t w = 0; w < corpus->words; w++) {
        for (int64_t d = 0; d < corpus->documents; d++)
            if (corpus->times[d * corpus->words + w]) {
                drive->rowidx[nnz] = (int32_t)d;
                drive->values[nnz++] = corpus->times[d * corpus->words + w];
            }
        drive->colptr[w + 1] = nnz;
    }
    drive->matrix = (struct rondo_matrix){ .rows = corpus->documents, .cols = corpus->words, .nnz = nnz,
                                           .sparse = true, .colptr = drive->colptr, .rowidx = drive->rowidx,
                                           .values = drive->values };
}

int lda_drive_cut(struct lda_drive *drive, const struct lda_corpus *corpus, const struct lda_form *form)
{
    struct problem *p = &drive->problem;
    *drive = (struct lda_drive){ .objective = (double)NAN };
    make_matrix(drive, corpus);
    *p = (struct problem){
        .host = drive_host(), .kernel = lda_kernel_for(form->isa ? form->isa : "x86-64-v2"), .topics = form->topics,
        .row = (form->topics + 31) / 32 * 32, .mh = form->mh,
        .random_start = form->random_start, .wide_words = form->topics > LDA_NARROW_MOST,
        .steps = 2, .uniform = form->uniform, .beta = form->beta, .optimise = form->optimise, .interval = 2,
        .evaluate_every = INT64_MAX, .iterations = INT64_MAX, .seed = form->seed, .round_least = 1,
    };
    double *alpha = lda_keep(p, (size_t)form->topics, sizeof *alpha);
    for (int32_t k = 0; k < form->topics; k++)
        alpha[k] = form->alpha ? form->alpha[k] : 0.3;
    p->alpha = alpha;
    return lda_cut(p, &drive->matrix, form->parts, NULL);
}

void lda_drive_init(struct lda_drive *drive, const struct lda_corpus *corpus, const struct lda_form *form)
{
    int code = lda_drive_cut(drive, corpus, form);
    struct problem *p = &drive->problem;
    cr_assert_eq(code, RONDO_OK);
    cr_assert_leq(p->parts, PARTS_MOST);
    code = histogram_lengths(p, &p->lengths) || lda_head_create(p, 0, &drive->head, NULL)
           || lda_scratch(p, &drive->scratch, NULL) || lda_common_create(p, 0, (void **)&drive->common, NULL);
    drive->shard = mem_calloc((size_t)p->parts, sizeof *drive->shard);
    drive->block = mem_calloc((size_t)p->parts, sizeof *drive->block);
    for (int32_t i = 0; i < p->parts && !code; i++)
        code = lda_shard_create(p, i, (void **)&drive->shard[i], NULL)
               || lda_block_create(p, i, (void **)&drive->block[i], NULL);
    cr_assert_eq(code, 0);
}

void lda_drive_fini(struct lda_drive *drive)
{
    struct problem *p = &drive->problem;
    if (drive->head) {
        for (int32_t i = 0; i < p->parts; i++) {
            lda_shard_destroy(p, drive->shard[i]);
            lda_block_destroy(p, drive->block[i]);
        }
        lda_common_destroy(p, drive->common);
        lda_scratch_free(p, drive->scratch);
        lda_head_destroy(p, drive->head);
    }
    mem_free(drive->shard);
    mem_free(drive->block);
    p->host->free(p->lengths.data);
    lda_release(p);
    mem_free(drive->colptr);
    mem_free(drive->rowidx);
    mem_free(drive->values);
}

/* ---- rounds ------------------------------------------------------------------------------------------------ */

/* A permutation of 0 .. count-1, by Fisher and Yates; seed 0: none. */
static void shuffle(uint64_t seed, int64_t round, int32_t *order, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        order[i] = i;
    for (int32_t i = count - 1; i > 0 && seed; i--) {
        int32_t j = (int32_t)(rondo_rng_unit(seed, (uint64_t)round, 998, (uint64_t)i) * (i + 1)), was = order[i];
        order[i] = order[j];
        order[j] = was;
    }
}

static struct rondo_task task_of(const struct lda_drive *drive, const struct rondo_order *order, int64_t i,
                                 int32_t phase)
{
    return (struct rondo_task){ .round = drive->round + 1, .phase = phase, .tag = order->tag, .kind = order->kind,
                                .block = order->pairs[i].block, .shard = order->pairs[i].shard,
                                .seed = drive->problem.seed };
}

/* The tasks of a phase, each done in its turn, merged in the plan's order into `sum`. */
static int do_phase(struct lda_drive *drive, const struct rondo_order *order, int32_t phase, uint64_t seed,
                    struct rondo_buf *sum)
{
    const struct problem *p = &drive->problem;
    struct rondo_buf partial[PARTS_MOST] = { { 0 } };
    int32_t turn[PARTS_MOST];
    int code = RONDO_OK;
    sum->size = 0;
    shuffle(seed, drive->round, turn, (int32_t)order->count);
    for (int64_t t = 0; t < order->count && !code; t++) {
        struct rondo_task task = task_of(drive, order, turn[t], phase);
        code = lda_push(p, drive->common, drive->shard[task.shard], drive->block[task.block], drive->scratch, &task,
                        &partial[turn[t]]);
    }
    for (int64_t i = 0; i < order->count; i++) {
        code = code ? code : lda_merge(p, sum, (struct rondo_bytes){ partial[i].data, partial[i].size });
        p->host->free(partial[i].data);
    }
    return code;
}

static int commit(struct lda_drive *drive, const struct rondo_order *order)
{
    const struct problem *p = &drive->problem;
    struct rondo_report report = { 0 };
    drive->round++;
    if (order->report) {
        lda_report(drive->head, &report);
        drive->objective = report.objective;
    }
    int code = lda_apply(p, drive->common, NULL, drive->scratch, drive->round, order->commit);
    for (int32_t s = 0; s < p->parts && !code; s++)
        code = lda_apply(p, drive->common, drive->shard[s], drive->scratch, drive->round, order->commit);
    return code;
}

static int do_round(struct lda_drive *drive, uint64_t seed, bool *sweep)
{
    struct rondo_order order = { 0 };
    struct rondo_buf sum = { 0 };
    int code = lda_schedule(drive->head, drive->round + 1, &order);
    for (int32_t phase = 0; !code && order.kind != RONDO_REST; phase++) {
        code = do_phase(drive, &order, phase, seed, &sum);
        struct rondo_bytes result = { sum.data, sum.size };
        order = (struct rondo_order){ 0 };
        code = code ? code : lda_settle(drive->head, NULL, drive->round + 1, phase, NULL, &result, 1, &order);
    }
    *sweep = order.report;
    code = code ? code : commit(drive, &order);
    drive->problem.host->free(sum.data);
    return code;
}

int lda_drive_round(struct lda_drive *drive, uint64_t order)
{
    bool sweep;
    return do_round(drive, order, &sweep);
}

int lda_drive_sweep(struct lda_drive *drive, uint64_t order)
{
    bool sweep = false;
    int code = RONDO_OK;
    while (!code && !sweep)
        code = do_round(drive, order, &sweep);
    return code;
}

/* ---- bytes ------------------------------------------------------------------------------------------------- */

typedef int (*creates)(const void *, int32_t, void **, struct rondo_error *);
typedef int (*packs)(const void *, const void *, struct rondo_buf *);
typedef int (*unpacks)(const void *, void *, struct rondo_bytes);

static void *moved(const struct problem *p, int32_t index, void *state, creates create, packs pack, unpacks unpack,
                   void (*destroy)(const void *, void *))
{
    struct rondo_buf bytes = { 0 };
    void *other = NULL;
    cr_assert_eq(pack(p, state, &bytes), RONDO_OK);
    cr_assert_eq(create(p, index, &other, NULL), RONDO_OK);
    cr_assert_eq(unpack(p, other, (struct rondo_bytes){ bytes.data, bytes.size }), RONDO_OK);
    destroy(p, state);
    p->host->free(bytes.data);
    return other;
}

void lda_drive_move(struct lda_drive *drive)
{
    const struct problem *p = &drive->problem;
    for (int32_t i = 0; i < p->parts; i++) {
        drive->shard[i] = moved(p, i, drive->shard[i], lda_shard_create, lda_shard_pack, lda_shard_unpack,
                                lda_shard_destroy);
        drive->block[i] = moved(p, i, drive->block[i], lda_block_create, lda_block_pack, lda_block_unpack,
                                lda_block_destroy);
    }
    drive->common = moved(p, 0, drive->common, lda_common_create, lda_common_pack, lda_common_unpack,
                          lda_common_destroy);
    drive->head = moved(p, 0, drive->head, lda_head_create, lda_head_pack, lda_head_unpack, lda_head_destroy);
}

void lda_drive_pack(const struct lda_drive *drive, struct rondo_buf *out)
{
    const struct problem *p = &drive->problem;
    int code = lda_common_pack(p, drive->common, out) || lda_head_pack(p, drive->head, out);
    for (int32_t i = 0; i < p->parts; i++)
        code |= lda_shard_pack(p, drive->shard[i], out) || lda_block_pack(p, drive->block[i], out);
    cr_assert_eq(code, 0);
}

/* ---- counted again ------------------------------------------------------------------------------------------ */

struct view lda_drive_view(const struct lda_drive *drive)
{
    return (struct view){ &drive->problem, (const struct block *const *)drive->block,
                          (const struct shard *const *)drive->shard, drive->common->heavy, drive->common->total,
                          drive->common->alpha, drive->common->beta };
}

bool lda_drive_next(const struct problem *p, struct lda_place *place, int64_t *pair)
{
    const struct tile *tile = place->tile < 0 ? NULL : &p->tiles[place->tile];
    if (tile) {
        place->token += tile->pairs[*pair].count;
        ++*pair;
    }
    while (!tile || *pair >= tile->pair[place->entry + 1]) {
        place->entry++;
        while (!tile || place->entry >= tile->words) {
            if (++place->tile >= p->tile_first[p->parts])
                return false;
            tile = &p->tiles[place->tile];
            place->entry = place->block = 0;
            place->token = *pair = 0;
        }
        cr_assert_eq(*pair, tile->pair[place->entry]);
        cr_assert_eq(place->token, tile->token[place->entry]);
    }
    while (place->entry >= tile->first[place->block + 1])
        place->block++;
    for (place->shard = 0; place->tile >= p->tile_first[place->shard + 1];)
        place->shard++;
    int32_t word = tile->word[place->entry];
    place->word = word < 0 ? p->heavy_word[~word] : p->order[p->block_first[place->block] + word];
    place->document = tile->document[tile->pairs[*pair].document];
    place->count = tile->pairs[*pair].count;
    return true;
}

int64_t lda_drive_topic(const struct lda_drive *drive, const struct lda_place *place, int32_t i)
{
    const struct problem *p = &drive->problem;
    const void *z = drive->shard[place->shard]->z[place->tile - p->tile_first[place->shard]];
    int64_t token = place->token + i;
    if (p->tiles[place->tile].wide) {
        uint32_t topic = ((const uint32_t *)z)[token];
        return topic == UINT32_MAX ? -1 : (int64_t)topic;
    }
    uint16_t topic = ((const uint16_t *)z)[token];
    return topic == UINT16_MAX ? -1 : (int64_t)topic;
}

/* Do the counts that are shown equal those counted? */
static bool equal(const int64_t *counted, int32_t topics, const int32_t *topic, const int32_t *count, int32_t shown)
{
    int32_t at = 0;
    for (int32_t k = 0; k < topics; k++) {
        if (!counted[k])
            continue;
        if (at == shown || topic[at] != k || count[at] != counted[k])
            return false;
        at++;
    }
    return at == shown;
}

const char *lda_drive_wrong(const struct lda_drive *drive)
{
    const struct problem *p = &drive->problem;
    size_t K = (size_t)p->topics;
    int64_t *words = mem_calloc((size_t)p->words * K, sizeof *words), *total = mem_calloc(K, sizeof *total);
    int64_t *documents = mem_calloc((size_t)p->documents * K, sizeof *documents), pair = 0;
    int32_t *topic = mem_calloc(K, sizeof *topic), *count = mem_calloc(K, sizeof *count);
    struct view view = lda_drive_view(drive);
    const char *wrong = NULL;
    for (struct lda_place place = { .tile = -1 }; lda_drive_next(p, &place, &pair);)
        for (int32_t i = 0; i < place.count; i++) {
            int64_t k = lda_drive_topic(drive, &place, i);
            if (k >= p->topics)
                wrong = "a topic beyond the last";
            if (k < 0 || k >= p->topics)
                continue;
            words[place.word * p->topics + k]++;
            documents[place.document * p->topics + k]++;
            total[k]++;
        }
    for (int64_t w = 0; w < p->words && !wrong; w++)
        if (!equal(words + w * p->topics, p->topics, topic, count, view_word(&view, w, topic, count)))
            wrong = "counts of a word";
    for (int64_t d = 0; d < p->documents && !wrong; d++)
        if (!equal(documents + d * p->topics, p->topics, topic, count, view_document(&view, d, topic, count)))
            wrong = "counts of a document";
    if (!wrong && memcmp(total, drive->common->total, K * sizeof *total) != 0)
        wrong = "totals";
    for (int32_t k = p->topics; k < p->row && !wrong; k++)
        wrong = drive->common->total[k] ? "a total beyond the last" : NULL;
    mem_free(words);
    mem_free(documents);
    mem_free(total);
    mem_free(topic);
    mem_free(count);
    return wrong;
}
