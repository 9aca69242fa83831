/* No commit raises the objective and every certificate is true, whatever the loss, the weights, the
 * penalties and the bounds, and in each fold of a cross-validation.
 *
 * As test_lasso_never_rises.c, with F of b and the intercept as they stand; the least F of a job that ends
 * by its gap is looked for by coordinate descent in long double from its answer, which must not find more
 * than the gap, nor less than a dual value.  RONDO_PROP_SEED overrides the seed. */
#include "tests/support/glm_truth.h"
#include "tests/support/scale.h"

#include "apps/lasso/bundle.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSTANCES = 160, PASSES = 25, PARTS = 8 };

/* A head's job: all data's, or a fold's. */
struct part {
    struct glm glm;
    double l1, l2, b0, *b;
    long double last, worst_rise; /* of the null model's F */
    long double off;              /* the objective that it says */
    double dual;                  /* the largest that it believes of this l1 */
};

struct watch {
    const struct lasso_spec *spec;
    struct part part[PARTS];
    int32_t parts;
    int64_t commits, moved;
    double null;
};

static void see(struct watch *watch, struct part *part, const struct lasso *lasso, const struct lasso_head *head)
{
    bool same = part->b && !(part->l1 < head->at.l1) && !(part->l1 > head->at.l1);
    if (!part->b) {
        glm_init(&part->glm, watch->spec, lasso->fold, head->lasso->stage);
        part->b = calloc((size_t)lasso->p, sizeof *part->b);
    }
    part->dual = same ? fmax(part->dual, head->at.dual) : head->at.dual;
    part->l1 = head->at.l1;
    part->l2 = head->at.l2;
    part->b0 = lasso_drive_model(lasso, head, part->b);
    long double now = glm_objective(&part->glm, part->l1, part->l2, part->b, part->b0);
    long double unit = watch->null > 0 ? watch->null : 1, rise = same ? (now - part->last) / unit : 0;
    if (!(rise <= part->worst_rise)) /* NaN counts as a rise */
        part->worst_rise = rise;
    watch->moved += same && now != part->last;
    if (same) /* before a first sweep the objective of a fold is not known */
        part->off = fmaxl(part->off, head->at.sweeps > 0 ? fabsl(head->at.objective - now) / unit : 0);
    part->last = now;
}

static void look(void *context, const struct lasso *lasso, const struct lasso_head *head,
                 const struct engine_round *round RONDO_UNUSED)
{
    struct watch *watch = context;
    watch->commits++;
    watch->null = lasso->null_objective;
    watch->parts = head->bundle ? head->bundle->count : 1;
    cr_assert_leq(watch->parts, PARTS);
    for (int32_t f = 0; f < watch->parts; f++)
        see(watch, &watch->part[f], lasso, head->bundle ? head->bundle->head[f] : head);
}

/* ---- instances -------------------------------------------------------------------------------------- */

static struct design_options random_design(struct dice *dice, bool tall)
{
    static const double rhos[] = { 0, 0.5, 0.9, 0.99 };
    struct design_options options = {
        .n = tall ? 200 + dice_below(dice, 400) : 12 + dice_below(dice, 100),
        .p = tall ? 1 + dice_below(dice, 15) : 1 + dice_below(dice, 120),
        .kind = (enum design_kind)dice_below(dice, DESIGN_KINDS),
        .rho = rhos[dice_below(dice, 4)],
        .duplicates = dice_unit(dice) < 0.3 ? 0.3 * dice_unit(dice) : 0,
        .constants = dice_unit(dice) < 0.2 ? 0.2 * dice_unit(dice) : 0,
        .zeros = dice_unit(dice) < 0.4 ? dice_unit(dice) : 0,
        .decades = dice_unit(dice) < 0.2 ? 4 : 0,
        .noise = dice_unit(dice) < 0.5 ? 0.1 : 1,
        .sparse = dice_unit(dice) < 0.4,
    };
    design_options_pack(&options, dice);
    return options;
}

/* The schedules that least squares alone has. */
static void draw_schedule(struct dice *dice, struct lasso_spec *spec)
{
    bool free = false;
    for (int64_t j = 0; j < spec->factors.matrix.rows; j++)
        free = free || spec->factors.matrix.dense[j] <= 0;
    if (strcmp(spec->loss, "squared") != 0 || spec->weights.matrix.rows || free || spec->folds
        || spec->fold_of.matrix.rows)
        return;
    spec->row_shards = spec->design->packed ? 0 : dice_below(dice, 4);
    spec->rule = dice_unit(dice) < 0.5 ? RULE_GRADIENT : (enum priority_rule)dice_below(dice, 4);
    spec->check = dice_unit(dice) < 0.2 ? CHECK_NONE : CHECK_CORRELATION;
    spec->coupled = dice_unit(dice) < 0.5 ? COUPLED_SOLVE : (enum coupled_mode)dice_below(dice, 3);
    spec->blocks = 1 + (int32_t)dice_below(dice, 8);
    spec->block_size = 1 + (int32_t)dice_below(dice, 64);
    spec->pipeline = dice_unit(dice) < 0.5 ? 1 : 1 + (int32_t)dice_below(dice, 4);
}

static struct lasso_spec random_spec(struct dice *dice, struct design *design, struct glm_room *room,
                                     int64_t instance)
{
    static const char *const isa[] = { "x86-64-v2", "x86-64-v3" };
    struct lasso_spec spec = lasso_spec_plain(design);
    spec.lambda_ratio = pow(10, -2.5 * dice_unit(dice));
    spec.l1_ratio = dice_unit(dice) < 0.3 ? 0.05 + 0.95 * dice_unit(dice) : 1;
    spec.gap = pow(10, -4 - 4 * dice_unit(dice));
    spec.intercept = dice_unit(dice) < 0.7;
    spec.seed = (uint64_t)dice_below(dice, 1 << 30);
    spec.round_limit = 3000;
    spec.isa = isa[dice_below(dice, 2)];
    bool paths = instance % 4 == 3;
    if (!paths && dice_unit(dice) < 0.1) { /* a ridge has no lambda_max */
        spec.l1_ratio = 0;
        spec.lambda = pow(10, 1 - 3 * dice_unit(dice));
    }
    glm_draw(dice, design, &spec, paths, room);
    draw_schedule(dice, &spec);
    return spec;
}

static void describe(const struct lasso_spec *spec, const struct design_options *options, int64_t instance)
{
    fprintf(stderr,
            "instance %lld: %s n %lld p %lld kind %d rho %g dup %g const %g zeros %.2g decades %g %s; %s "
            "ratio %.3g l1 %.3g gap %.3g delta %.3g%s%s%s%s%s points %lld folds %lld/%lld shards %d rule %d "
            "check %d mode %d blocks %d x %d pipeline %d\n",
            (long long)instance, spec->loss, (long long)options->n, (long long)options->p, options->kind,
            options->rho, options->duplicates, options->constants, options->zeros, options->decades,
            options->packed ? "packed" : options->sparse ? "sparse" : "dense", spec->isa, spec->lambda_ratio,
            spec->l1_ratio, spec->gap, spec->huber_delta, spec->intercept ? " intercept" : "",
            spec->standardize ? " standardize" : "", spec->nonnegative ? " nonnegative" : "",
            spec->weights.matrix.rows ? " weights" : "", spec->factors.matrix.rows ? " factors" : "",
            (long long)spec->points, (long long)spec->folds, (long long)spec->fold_of.matrix.rows,
            (int)spec->row_shards, spec->rule, spec->check, spec->coupled, spec->blocks, spec->block_size,
            spec->pipeline);
}

struct tally {
    int64_t gap, precision, rounds, refused, commits, moved;
    long double worst_rise, worst_gap, worst_off;
};

static bool certified(const struct watch *watch, const struct part *part, bool ended, struct tally *tally)
{
    long double least = glm_refined(&part->glm, part->l1, part->l2, part->b, part->b0, PASSES);
    long double over = ended ? (part->last - least) / watch->null - watch->spec->gap : 0;
    tally->worst_gap = fmaxl(tally->worst_gap, over);
    if (over > 1e-11L)
        fprintf(stderr, "    F %.17Lg, and %.17Lg is below it by more than the gap\n", part->last, least);
    if (part->dual > least + 1e-11L * watch->null)
        fprintf(stderr, "    D %.17g is above %.17Lg\n", part->dual, least);
    return over <= 1e-11L && part->dual <= least + 1e-11L * watch->null;
}

static bool part_good(const struct watch *watch, const struct part *part, bool ended, struct tally *tally)
{
    bool good = part->worst_rise <= 1e-12L && part->off <= 1e-9L;
    for (int64_t j = 0; j < part->glm.p; j++)
        good = good && isfinite(part->b[j]) && !(watch->spec->nonnegative && part->b[j] < 0);
    if (!good)
        fprintf(stderr, "    part %d: largest rise %.3Lg, off %.3Lg\n", (int)(part - watch->part),
                part->worst_rise, part->off);
    tally->worst_rise = fmaxl(tally->worst_rise, part->worst_rise);
    tally->worst_off = fmaxl(tally->worst_off, part->off);
    return (!(watch->null > 0) || certified(watch, part, ended, tally)) && good;
}

static void try_instance(uint64_t seed, int64_t instance, struct tally *tally)
{
    static struct lasso_outcome outcome;
    struct dice dice = { .seed = seed + (uint64_t)instance };
    struct design design;
    struct glm_room room;
    struct design_options options = random_design(&dice, instance % 5 == 4);
    design_make(&design, &dice, &options);
    struct lasso_spec spec = random_spec(&dice, &design, &room, instance);
    struct watch watch = { .spec = &spec };
    lasso_drive_look(&spec, look, &watch, &outcome);
    bool refused = outcome.code == RONDO_EINPUT, good = refused || outcome.code == RONDO_OK;
    bool ended = good && !refused && strcmp(outcome.stop, "gap") == 0;
    bool limit = good && !refused && strcmp(outcome.stop, "rounds") == 0;
    tally->refused += refused;
    for (int32_t f = 0; f < watch.parts && good && !refused; f++)
        good = part_good(&watch, &watch.part[f], ended, tally);
    /* What a person gets by default converges; small rounds and the baselines may be slow. */
    if (spec.rule == RULE_GRADIENT && spec.check != CHECK_NONE && spec.coupled == COUPLED_SOLVE
        && spec.pipeline == 1 && spec.blocks * spec.block_size >= 64)
        good = good && !limit;
    tally->gap += ended;
    tally->precision += !refused && !ended && !limit;
    tally->rounds += limit;
    tally->commits += watch.commits;
    tally->moved += watch.moved;
    if (!good || (getenv("RONDO_PROP_TELL") && !refused && !ended)) {
        describe(&spec, &options, instance);
        fprintf(stderr, "    stop %s gap %.3g rounds %lld sweeps %lld\n", outcome.stop, outcome.gap,
                (long long)outcome.rounds, (long long)outcome.sweeps);
    }
    cr_expect(good, "instance %lld: %s", (long long)instance, outcome.err.what);
    for (int32_t f = 0; f < watch.parts; f++) {
        glm_fini(&watch.part[f].glm);
        free(watch.part[f].b);
    }
    glm_room_fini(&room);
    design_fini(&design);
}

Test(lasso_losses, never_rise_and_keep_their_word)
{
    uint64_t seed = dice_seed(20261129);
    struct tally tally = { 0 };
    int64_t count = scale_runs(INSTANCES);
    for (int64_t i = getenv("ONE") ? atoi(getenv("ONE")) : 0; i < (getenv("ONE") ? atoi(getenv("ONE")) + 1 : count); i++)
        try_instance(seed, i, &tally);
    fprintf(stderr,
            "%lld jobs: %lld by gap, %lld by precision, %lld by rounds, %lld refused; %lld commits, %lld moved; "
            "largest rise %.2Lg of F(0), gap beyond the asked %.2Lg, objective off by %.2Lg\n",
            (long long)count, (long long)tally.gap, (long long)tally.precision, (long long)tally.rounds,
            (long long)tally.refused, (long long)tally.commits, (long long)tally.moved, tally.worst_rise,
            tally.worst_gap, tally.worst_off);
    cr_assert_gt(tally.gap, count / 2);
}
