/* A job that is stopped behind any of its rounds, the last among them, and goes on from its checkpoint is
 * the job that was never stopped: its rounds, its bits, and what it says of each round on the way. */
#include "tests/support/glm_truth.h"

#include "apps/lasso/head.h"
#include "core/base/mem.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INSTANCES = 60, ROUNDS_MOST = 100 };

/* What a run says of its rounds. */
struct told {
    bool said[ROUNDS_MOST + 1], line[ROUNDS_MOST + 1];
    double number[ROUNDS_MOST + 1][RONDO_METRICS_MAX + 1];
};

static void look(void *context, const struct lasso *lasso RONDO_UNUSED, const struct lasso_head *head,
                 const struct engine_round *round)
{
    struct told *told = context;
    struct rondo_report report;
    lasso_report(head, &report);
    told->said[round->round] = true;
    told->line[round->round] = round->progress;
    told->number[round->round][0] = report.objective;
    for (int32_t i = 0; i < report.count; i++)
        told->number[round->round][i + 1] = report.metric[i].value;
}

static struct lasso_outcome whole, rest;
static struct told of_whole, of_rest;

static void part_fini(struct lasso_part *part)
{
    buf_fini(&part->cut);
    buf_fini(&part->head);
}

/* The run stopped behind round k tells what the whole run tells, and so does the one that goes on. */
static bool told_alike(int64_t k)
{
    for (int64_t round = 1; round <= whole.rounds; round++)
        if (!of_rest.said[round] || of_rest.line[round] != of_whole.line[round]
            || memcmp(of_rest.number[round], of_whole.number[round], sizeof of_rest.number[round]) != 0) {
            fprintf(stderr, "    stopped behind round %lld: round %lld has another report\n", (long long)k,
                    (long long)round);
            return false;
        }
    return true;
}

static bool ended_alike(const struct lasso_part *part, const struct lasso_part *want)
{
    return rest.code == RONDO_OK && rest.rounds == whole.rounds && rest.updates == whole.updates
           && strcmp(rest.stop, whole.stop) == 0
           && memcmp(&rest.objective, &whole.objective, sizeof rest.objective) == 0
           && memcmp(&rest.gap, &whole.gap, sizeof rest.gap) == 0 && part->head.size == want->head.size
           && memcmp(part->head.data, want->head.data, want->head.size) == 0;
}

/* Stopped behind round k, and on from there; behind the last it has ended, and ends again. */
static bool stopped_at(const struct lasso_spec *spec, int64_t k, const struct lasso_part *want)
{
    struct lasso_part first = { .stop = k }, second = { .from = &first };
    of_rest = (struct told){ 0 };
    lasso_drive_part(spec, &first, look, &of_rest, &rest);
    bool last = k == whole.rounds;
    bool same = (strcmp(rest.stop, "interrupted") == 0) != last && (first.ended != NULL) == last
                && (!last || ended_alike(&first, want));
    lasso_drive_part(spec, &second, look, &of_rest, &rest);
    same = ended_alike(&second, want) && same;
    if (!same)
        fprintf(stderr, "    stopped behind round %lld of %lld (%s), ended %s: %s after %lld rounds, %lld updates\n",
                (long long)k, (long long)whole.rounds, whole.stop, first.ended ? first.ended : "-",
                rest.code ? rest.err.what : rest.stop, (long long)rest.rounds, (long long)rest.updates);
    same = same && told_alike(k);
    part_fini(&first);
    part_fini(&second);
    return same;
}

/* ---- jobs at random ---------------------------------------------------------------------------------- */

static struct design_options draw_design(struct dice *dice)
{
    struct design_options options = {
        .n = 20 + dice_below(dice, 60), .p = 10 + dice_below(dice, 90),
        .kind = (enum design_kind)dice_below(dice, DESIGN_KINDS), .rho = 0.95 * dice_unit(dice),
        .duplicates = dice_unit(dice) < 0.3 ? 0.2 : 0, .noise = dice_unit(dice),
        .zeros = dice_unit(dice) < 0.3 ? 0.7 : 0, .sparse = dice_unit(dice) < 0.3,
    };
    design_options_pack(&options, dice);
    return options;
}

/* What the spec says of rounds has a meaning for least squares with equal weights alone. */
static void draw_rounds(struct dice *dice, struct lasso_spec *spec)
{
    spec->loss = "squared";
    spec->row_shards = spec->design->packed ? 0 : dice_below(dice, 3);
    spec->rule = dice_unit(dice) < 0.5 ? RULE_GRADIENT : (enum priority_rule)dice_below(dice, 4);
    spec->coupled = dice_unit(dice) < 0.5 ? COUPLED_SOLVE : (enum coupled_mode)dice_below(dice, 3);
    spec->blocks = 1 + (int32_t)dice_below(dice, 4);
    spec->block_size = 1 + (int32_t)dice_below(dice, 32);
    spec->pipeline = dice_unit(dice) < 0.5 ? 1 : 1 + (int32_t)dice_below(dice, 4);
}

static struct lasso_spec draw(struct dice *dice, struct design *design, struct glm_room *room,
                              int64_t instance)
{
    struct lasso_spec spec = lasso_spec_plain(design);
    spec.lambda_ratio = pow(10, -2 * dice_unit(dice));
    spec.l1_ratio = dice_unit(dice) < 0.3 ? 0.5 : 1;
    spec.gap = dice_unit(dice) < 0.2 ? 0 : pow(10, -4 - 4 * dice_unit(dice));
    spec.seed = (uint64_t)dice_below(dice, 1 << 30);
    spec.round_limit = ROUNDS_MOST;
    if (instance % 3 == 0) {
        *room = (struct glm_room){ 0 };
        draw_rounds(dice, &spec);
        spec.points = dice_unit(dice) < 0.3 ? 4 : 0;
        spec.min_ratio = spec.points ? 0.1 : 0;
    } else {
        glm_draw(dice, design, &spec, instance % 3 == 1, room);
    }
    return spec;
}

struct tally {
    int64_t gap, precision, limit, refused, folds, stops;
};

static void try_instance(uint64_t seed, int64_t instance, struct tally *tally)
{
    struct dice dice = { .seed = seed + (uint64_t)instance };
    struct design design;
    struct glm_room room;
    struct design_options options = draw_design(&dice);
    design_make(&design, &dice, &options);
    struct lasso_spec spec = draw(&dice, &design, &room, instance);
    struct lasso_part want = { 0 };
    of_whole = (struct told){ 0 };
    lasso_drive_part(&spec, &want, look, &of_whole, &whole);
    bool refused = whole.code == RONDO_EINPUT;
    cr_expect(refused || whole.code == RONDO_OK, "instance %lld: %s", (long long)instance, whole.err.what);
    tally->refused += refused;
    for (int64_t k = 1; whole.code == RONDO_OK && k <= whole.rounds; k++, tally->stops++)
        cr_expect(stopped_at(&spec, k, &want), "instance %lld: %s, points %lld, folds %lld/%lld, pipeline %d",
                  (long long)instance, spec.loss, (long long)spec.points, (long long)spec.folds,
                  (long long)spec.fold_of.matrix.rows, spec.pipeline);
    if (whole.code == RONDO_OK) {
        tally->gap += strcmp(whole.stop, "gap") == 0;
        tally->precision += strcmp(whole.stop, "precision") == 0;
        tally->limit += strcmp(whole.stop, "rounds") == 0;
        tally->folds += spec.folds || spec.fold_of.matrix.rows;
    }
    part_fini(&want);
    glm_room_fini(&room);
    design_fini(&design);
}

Test(lasso_resumed, a_job_that_is_stopped_behind_any_round_goes_on_as_if_it_was_not)
{
    uint64_t seed = dice_seed(20261130);
    struct tally tally = { 0 };
    int64_t count = scale_runs(INSTANCES);
    for (int64_t i = 0; i < count; i++)
        try_instance(seed, i, &tally);
    fprintf(stderr, "%lld jobs, %lld with folds: %lld by gap, %lld by precision, %lld by rounds, %lld refused; "
                    "stopped %lld times\n",
            (long long)count, (long long)tally.folds, (long long)tally.gap, (long long)tally.precision,
            (long long)tally.limit, (long long)tally.refused, (long long)tally.stops);
    cr_assert_gt(tally.gap, count / 3);
    cr_assert(count < INSTANCES || (tally.precision && tally.limit && tally.folds));
}
