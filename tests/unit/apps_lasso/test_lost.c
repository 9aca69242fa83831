/* A residual that a worker has lost track of, by a fault of memory or a way round the bounds: the head
 * notices where it is computed afresh, believes nothing of what it knew, and ends at the truth.
 *
 * The rounds run in this thread, on one slice, without a scheduler: the lasso's default rounds are one
 * block of what the head has chosen. */
#include "tests/support/lasso_drive.h"

#include "apps/lasso/head.h"
#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 60, P = 400, ROUNDS_MOST = 600 };

static const double ALLOWED = 1e-9; /* of |y|: how far a fresh residual may be, see sweep.c */

struct play {
    struct lasso *lasso;
    struct lasso_head *head;
    struct lasso_slice *slice;
    struct lasso_scratch *scratch;
    struct rondo_buf brief, partial, commit;
    struct rondo_buf *result;   /* [chunks] */
    int64_t harm_round;         /* before which r moves */
    double harm;                /* by so much, of |y| */
    int64_t rounds, lost, full; /* rounds; such that nothing is believed; sweeps of all after them */
    bool harmed;
    const char *stop;
};

static void no_feed(struct rondo_head_link *link RONDO_UNUSED, int64_t count RONDO_UNUSED,
                    const int64_t *variables RONDO_UNUSED, const double *delta RONDO_UNUSED,
                    const double *violation RONDO_UNUSED)
{
}

static void no_feed_all(struct rondo_head_link *link RONDO_UNUSED,
                        const double *violation RONDO_UNUSED)
{
}

static void open_play(struct play *play, const struct lasso_spec *spec, struct rondo_host *host)
{
    struct rondo_error err;
    void *state[3];
    play->lasso = lasso_drive_open(spec, &err);
    cr_assert_not_null(play->lasso, "%s", err.what);
    *host = *lasso_drive_host();
    host->feed = no_feed;
    host->feed_all = no_feed_all;
    play->lasso->host = host;
    cr_assert_eq(lasso_head_create(play->lasso, 0, &state[0], &err), RONDO_OK);
    cr_assert_eq(lasso_common_create(play->lasso, 0, &state[1], &err), RONDO_OK);
    cr_assert_eq(lasso_scratch_create(play->lasso, &state[2], &err), RONDO_OK);
    play->head = state[0];
    play->slice = state[1];
    play->scratch = state[2];
    play->result = calloc((size_t)play->lasso->chunks, sizeof *play->result);
}

static void close_play(struct play *play)
{
    for (int32_t c = 0; c < play->lasso->chunks; c++)
        buf_fini(&play->result[c]);
    free(play->result);
    buf_fini(&play->brief);
    buf_fini(&play->partial);
    buf_fini(&play->commit);
    lasso_head_destroy(play->lasso, play->head);
    lasso_slice_destroy(play->lasso, play->slice);
    lasso_scratch_free(play->lasso, play->scratch);
    lasso_app.close(play->lasso);
}

/* r moves along a column that nobody visits, as far as to make it violate where `harm` is large. */
static void harm(struct play *play)
{
    const struct lasso *lasso = play->lasso;
    int64_t j = 0;
    double y = sqrt(2 * (double)lasso->n * lasso->null_objective);
    for (int64_t k = 0; k < P; k++)
        if (play->head->b[k] == 0 && play->head->reach[k] < play->head->reach[j])
            j = k;
    double *r = calloc(N, sizeof *r);
    struct rondo_buf packed = { 0 };
    cr_assert_eq(lasso_slice_pack(lasso, play->slice, &packed), RONDO_OK);
    size_t before = packed.size - N * sizeof *r; /* r is the last of it */
    memcpy(r, packed.data + before, N * sizeof *r);
    for (int64_t i = 0; i < N; i++)
        r[i] += play->harm * y * (lasso->x->dense[j * lasso->x->ld + i] - lasso->mean[j])
                / lasso->scale[j];
    memcpy(packed.data + before, r, N * sizeof *r);
    struct rondo_bytes in = { packed.data, packed.size };
    cr_assert_eq(lasso_slice_unpack(lasso, play->slice, in), RONDO_OK);
    buf_fini(&packed);
    free(r);
}

/* ---- a round ---------------------------------------------------------------------------------------------- */

static double *couplings_of(struct play *play, int64_t count, const int64_t *variables)
{
    size_t pairs = (size_t)count * (size_t)count;
    double *out = calloc(pairs + 1, sizeof *out);
    int64_t *ptr = calloc((size_t)count + 1, sizeof *ptr), *row = calloc(pairs + 1, sizeof *row);
    for (int64_t c = 0; c <= count; c++)
        ptr[c] = c * count;
    for (int64_t c = 0; c < count; c++)
        memcpy(row + c * count, variables, (size_t)count * sizeof *row);
    struct rondo_pairs want = { count, variables, ptr, row };
    cr_assert_eq(lasso_couple(play->lasso, play->slice, NULL, play->scratch, &want, out), RONDO_OK);
    for (int64_t c = 0; c < count; c++)
        out[c * count + c] = 1;
    free(ptr);
    free(row);
    return out;
}

static void work(struct play *play, struct rondo_task *task, bool no_pull, struct rondo_buf *result)
{
    play->brief.size = play->partial.size = result->size = 0;
    cr_assert_eq(lasso_brief(play->head, task, &play->brief), RONDO_OK);
    task->brief = (struct rondo_bytes){ play->brief.data, play->brief.size };
    cr_assert_eq(lasso_push(play->lasso, play->slice, NULL, NULL, play->scratch, task,
                            no_pull ? result : &play->partial), RONDO_OK);
    struct rondo_bytes only = { play->partial.data, play->partial.size };
    if (!no_pull)
        cr_assert_eq(lasso_pull(play->lasso, play->slice, play->scratch, task, &only, 1, result),
                     RONDO_OK);
}

/* The tasks of a phase, and what the head makes of their results. */
static void phase(struct play *play, int64_t round, int32_t number, struct rondo_order *order)
{
    bool sweep = order->kind == RONDO_SWEEP, whole = order->kind == RONDO_SAMPLED;
    int32_t count = sweep ? play->lasso->chunks : 1;
    int64_t variables[P];
    struct rondo_task task[16];
    struct rondo_bytes results[16];
    struct rondo_task form = { .round = round, .phase = number, .tag = order->tag,
                               .kind = order->kind, .shard = -1, .variables = variables };
    cr_assert_leq(count, 16);
    cr_assert(!whole || (order->whole && order->want == play->head->at.chosen));
    form.count = whole ? order->want : sweep ? 0 : order->count;
    if (form.count)
        memcpy(variables, whole ? play->head->working : order->variables,
               (size_t)form.count * sizeof *variables);
    double *couplings = order->couplings ? couplings_of(play, form.count, variables) : NULL;
    form.couplings = couplings;
    for (int32_t i = 0; i < count; i++) {
        task[i] = form;
        task[i].block = i;
        work(play, &task[i], order->no_pull, &play->result[i]);
        results[i] = (struct rondo_bytes){ play->result[i].data, play->result[i].size };
    }
    play->full += sweep && play->lost > 0 && play->head->visits.count == P;
    *order = (struct rondo_order){ .kind = RONDO_REST };
    cr_assert_eq(lasso_settle(play->head, NULL, round, number, task, results, count, order), RONDO_OK);
    free(couplings);
}

static void run(struct play *play)
{
    for (int64_t round = 1; round <= ROUNDS_MOST && !play->stop; round++) {
        struct rondo_order order = { .want = P };
        cr_assert_eq(lasso_schedule(play->head, round, &order), RONDO_OK);
        if (round == play->harm_round && order.kind == RONDO_SAMPLED) {
            harm(play);
            play->harmed = true;
        }
        int32_t number = 0;
        do
            phase(play, round, number++, &order);
        while (order.kind != RONDO_REST);
        bool believes = false;
        for (int64_t j = 0; j < P; j++)
            believes = believes || play->head->reach[j] < HUGE_VALF;
        play->lost += !believes;
        cr_assert_eq(lasso_apply(play->lasso, play->slice, NULL, play->scratch, round, order.commit),
                     RONDO_OK);
        play->stop = order.stop;
        play->rounds = round;
    }
}

/* ---- the tests --------------------------------------------------------------------------------------------- */

/* Shadows or none, by the seed. */
static struct lasso_spec spec_of(const struct design *design, uint64_t seed, double gap)
{
    struct lasso_spec spec = lasso_spec_plain(design);
    spec.block_size = 256;
    spec.blocks = 8;
    spec.gap = gap;
    spec.seed = seed;
    spec.lambda_ratio = 0.05;
    return spec;
}

static void try_harm(const struct design *design, uint64_t seed, int64_t round, double size,
                     struct play *play, long double *far)
{
    const double gap = 1e-7;
    struct lasso_spec spec = spec_of(design, seed, gap);
    struct rondo_host host;
    *play = (struct play){ .harm_round = round, .harm = size };
    open_play(play, &spec, &host);
    run(play);
    cr_assert_not_null(play->stop, "round %lld, %g: it does not end", (long long)round, size);
    cr_assert_str_eq(play->stop, "gap", "round %lld, %g", (long long)round, size);
    long double null = play->lasso->null_objective;
    *far = truth_objective(&spec, play->head->at.lambda, play->head->b) / null;
    cr_assert(fabsl(*far - play->head->at.objective / null) <= 1e-12L, "what it says is not so");
    cr_assert_leq(lasso_relative_gap(play->head), gap);
    close_play(play);
}

/* Whatever the round that moves.  A sweep proves the gap on the residual that was made just before it,
 * so there is nothing by which it could notice. */
Test(lost, a_job_whose_residual_was_harmed_ends_at_the_truth)
{
    static const double sizes[] = { 1e-13, 1e-6, 1e-2, 1 };
    struct dice dice = { .seed = 917 };
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct design_options options = { .n = N, .p = P, .rho = 0.6, .noise = 0.5 };
        struct design design;
        struct play play;
        long double clean, far;
        design_make(&design, &dice, &options);
        try_harm(&design, seed, 0, 0, &play, &clean);
        cr_assert(play.lost == 0 && play.rounds > 6, "%lld", (long long)play.rounds);
        int64_t last = play.rounds - 1, noticed = 0, large = 0;
        for (int64_t round = 2; round <= last; round++)
            for (int k = 0; k < 4; k++) {
                try_harm(&design, seed, round, sizes[k], &play, &far);
                cr_assert(far <= clean + 1.1e-7L, "round %lld, %g: %Lg above the truth",
                          (long long)round, sizes[k], far - clean);
                cr_assert(sizes[k] > ALLOWED || play.lost == 0, "rounding is no loss");
                cr_assert(play.lost == 0 || (play.harmed && play.full > 0), "all is visited again");
                noticed += play.lost > 0;
                large += play.harmed && sizes[k] >= 1;
                cr_assert(play.lost > 0 || !play.harmed || sizes[k] < 1, "round %lld", (long long)round);
            }
        cr_assert(large >= 3 && noticed > large);
        fprintf(stderr, "%lld rounds, %lld losses\n", (long long)last, (long long)noticed);
        design_fini(&design);
    }
}
