/* What the head believes of a column that no sweep visits is true.
 *
 * Random designs under random schedules run through the engine.  After every commit x_j'r/n is computed
 * from the data and the coefficients alone, in long double, for every column; the head must believe
 * it to be at least that: reach_j + |x_j| drift / n.  The residual of the workers has the roundings of
 * its updates, which the bound of a job that ends in 64-bit numbers cannot see: so much is granted.
 * RONDO_PROP_SEED overrides the seed. */
#include "tests/support/glm_truth.h"
#include "tests/support/scale.h"

#include "apps/lasso/bundle.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { INSTANCES = 150 };

static const long double GRANTED = 1e-12L; /* of |x_j||y|/n */

struct watch {
    const struct lasso_spec *spec;
    int64_t commits, columns, idle; /* looked at; of these such that a sweep would leave out */
    int64_t broken;
    long double worst;          /* truth - belief, of |x_j||y|/n */
    double forget;              /* of the drift, to see that the test can fail */
    long double *r;             /* [n] */
};

/* y - X b, centred where there is an intercept, which is what the columns are taken of. */
static long double residual(const struct lasso_spec *spec, const double *b, long double *r)
{
    const struct design *design = spec->design;
    int64_t n = design->n;
    long double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        r[i] = design->y[i];
    for (int64_t i = 0; i < n && spec->intercept; i++)
        mean += r[i] / (long double)n;
    for (int64_t i = 0; i < n; i++)
        square += (r[i] - mean) * (r[i] - mean);
    for (int64_t j = 0; j < design->p; j++)
        for (int64_t i = 0; i < n && b[j] != 0; i++)
            r[i] -= (long double)design->x[j * n + i] * b[j];
    mean = 0;
    for (int64_t i = 0; i < n && spec->intercept; i++)
        mean += r[i] / (long double)n;
    for (int64_t i = 0; i < n; i++)
        r[i] -= mean;
    return sqrtl(square);
}

static void look(void *context, const struct lasso *lasso, const struct lasso_head *head,
                 const struct engine_round *round RONDO_UNUSED)
{
    struct watch *watch = context;
    const struct design *design = watch->spec->design;
    int64_t n = design->n;
    if (!head->at.swept)
        return;
    long double y = residual(watch->spec, head->b, watch->r);
    watch->commits++;
    for (int64_t j = 0; j < design->p; j++) {
        long double g = 0;
        for (int64_t i = 0; i < n && lasso->scale[j] > 0; i++)
            g += design->x[j * n + i] * watch->r[i];
        double belief = (double)head->reach[j]
                        + watch->forget * lasso->scale[j] * head->at.drift / (double)n;
        long double unit = lasso->scale[j] * y / (long double)n;
        long double over = fabsl(g) / (long double)n - belief;
        watch->columns++;
        watch->idle += belief < 0.999 * head->at.l1;
        if (over > GRANTED * unit)
            watch->broken++;
        if (unit > 0)
            watch->worst = fmaxl(watch->worst, over / unit);
    }
}

static struct lasso_spec random_spec(struct dice *dice, const struct design *design)
{
    struct lasso_spec spec = lasso_spec_plain(design);
    spec.lambda_ratio = pow(10, -2.5 * dice_unit(dice));
    spec.l1_ratio = dice_unit(dice) < 0.3 ? 0.05 + 0.95 * dice_unit(dice) : 1;
    spec.gap = pow(10, -4 - 6 * dice_unit(dice));
    spec.intercept = dice_unit(dice) < 0.6;
    spec.row_shards = dice_unit(dice) < 0.3 ? 1 + dice_below(dice, 3) : 0;
    spec.rule = dice_unit(dice) < 0.7 ? RULE_GRADIENT : (enum priority_rule)dice_below(dice, 4);
    spec.coupled = dice_unit(dice) < 0.7 ? COUPLED_SOLVE : (enum coupled_mode)dice_below(dice, 3);
    spec.blocks = 1 + (int32_t)dice_below(dice, 8);
    spec.block_size = 1 + (int32_t)dice_below(dice, 64);
    spec.pipeline = dice_unit(dice) < 0.7 ? 1 : 2;
    spec.seed = (uint64_t)dice_below(dice, 1 << 30); /* odd: dense columns have shadows */
    spec.round_limit = 400;
    return spec;
}

static void try_instance(uint64_t seed, int64_t instance, struct watch *watch)
{
    static struct lasso_outcome outcome;
    static const double rhos[] = { 0, 0.5, 0.9, 0.99 };
    struct dice dice = { .seed = seed + (uint64_t)instance };
    struct design_options options = {
        .n = 2 + dice_below(&dice, 150),
        .p = 1 + dice_below(&dice, 300),
        .kind = (enum design_kind)dice_below(&dice, DESIGN_KINDS),
        .rho = rhos[dice_below(&dice, 4)],
        .duplicates = dice_unit(&dice) < 0.3 ? 0.3 * dice_unit(&dice) : 0,
        .constants = dice_unit(&dice) < 0.2 ? 0.2 * dice_unit(&dice) : 0,
        .zeros = dice_unit(&dice) < 0.4 ? dice_unit(&dice) : 0,
        .decades = dice_unit(&dice) < 0.3 ? 6 : 0,
        .noise = dice_unit(&dice) < 0.5 ? 0.1 : 1,
        .sparse = dice_unit(&dice) < 0.3,
    };
    struct design design;
    design_make(&design, &dice, &options);
    struct lasso_spec spec = random_spec(&dice, &design);
    int64_t broken = watch->broken;
    watch->spec = &spec;
    watch->r = calloc((size_t)design.n, sizeof *watch->r);
    lasso_drive_look(&spec, look, watch, &outcome);
    cr_assert_eq(outcome.code, RONDO_OK, "instance %lld: %s", (long long)instance, outcome.err.what);
    cr_expect(watch->forget < 1 || watch->broken == broken,
              "seed %llu, instance %lld: %lld beliefs are false, by %Lg at most", (unsigned long long)seed,
              (long long)instance, (long long)(watch->broken - broken), watch->worst);
    free(watch->r);
    design_fini(&design);
}

Test(lasso_bounds, what_is_believed_of_a_column_is_true)
{
    struct watch watch = { .forget = 1 };
    uint64_t seed = dice_seed(4100);
    for (int64_t i = 0; i < scale_runs(INSTANCES); i++)
        try_instance(seed, i, &watch);
    fprintf(stderr, "%lld commits, %lld beliefs, %lld of them spare a visit; worst %Lg of |x||y|/n\n",
            (long long)watch.commits, (long long)watch.columns, (long long)watch.idle, watch.worst);
    cr_assert_eq(watch.broken, 0);
    cr_assert_gt(watch.idle, watch.columns / 20, "beliefs that spare nothing need no test");
}

/* The same, had the head forgotten what was committed since it looked. */
Test(lasso_bounds, a_belief_without_the_drift_is_found_false)
{
    struct watch watch = { .forget = 0.5 };
    uint64_t seed = dice_seed(4100);
    for (int64_t i = 0; i < 10; i++)
        try_instance(seed, i, &watch);
    cr_assert_gt(watch.broken, 0);
}

/* ---- under a loss ------------------------------------------------------------------------------------- */

/* r = -v f'(eta), made orthogonal to the intercept and the columns without a penalty by the curvature; false
 * where these leave it too little to tell rounding from truth. */
static bool pull(const struct glm *glm, const struct lasso *lasso, const double *b, long double b0, long double *r)
{
    int64_t n = glm->n, k = lasso->frame.count;
    long double *h = calloc((size_t)n * (size_t)(2 * k + 1), sizeof *h), *q = h + n, *hq = q + n * k;
    bool clear = true;
    glm_eta(glm, b, b0, r);
    for (int64_t i = 0; i < n; i++) {
        bool near = glm->kind != GLM_HUBER || fabsl(glm->y[i] - r[i]) <= glm->spec->huber_delta;
        clear = clear && (glm->kind != GLM_HUBER /* at the kink f'' turns over by rounding */
                          || fabsl(fabsl(glm->y[i] - r[i]) - glm->spec->huber_delta) > 1e-9L * (1 + fabsl(r[i])));
        h[i] = near ? glm->v[i] * glm_curvature(glm, i, r[i]) : 0;
        r[i] = -glm->v[i] * glm_slope(glm, i, r[i]);
    }
    for (int64_t a = 0; a < k; a++) { /* Gram and Schmidt in the metric of h, twice */
        long double *z = q + a * n, size = 0, left = 0;
        int64_t j = lasso->frame.column[a];
        for (int64_t i = 0; i < n; i++) {
            z[i] = j < 0 ? 1 : glm->spec->design->x[j * n + i] - (long double)lasso->mean[j];
            size += z[i] * z[i] * h[i];
        }
        for (int turn = 0; turn < 2; turn++)
            for (int64_t c = 0; c < a; c++) {
                long double dot = 0;
                for (int64_t i = 0; i < n; i++)
                    dot += hq[c * n + i] * z[i];
                for (int64_t i = 0; i < n; i++)
                    z[i] -= dot * q[c * n + i];
            }
        for (int64_t i = 0; i < n; i++)
            left += z[i] * z[i] * h[i];
        clear = clear && left > 1e-6L * size && left > 0;
        for (int64_t i = 0; i < n; i++) {
            z[i] = left > 0 ? z[i] / sqrtl(left) : 0;
            hq[a * n + i] = h[i] * z[i];
        }
    }
    for (int64_t a = 0; a < k; a++) {
        long double dot = 0;
        for (int64_t i = 0; i < n; i++)
            dot += q[a * n + i] * r[i];
        for (int64_t i = 0; i < n; i++)
            r[i] -= dot * hq[a * n + i];
    }
    free(h);
    return clear;
}

struct glm_watch {
    const struct lasso_spec *spec;
    struct watch all;
    int64_t unclear;
    double *b;
};

static void see(struct glm_watch *watch, const struct lasso *lasso, const struct lasso_head *head)
{
    const struct design *design = watch->spec->design;
    struct watch *all = &watch->all;
    struct glm glm;
    long double size = 0, n = (long double)design->n;
    if (!head->at.swept)
        return;
    glm_init(&glm, watch->spec, lasso->fold, head->lasso->stage);
    double b0 = lasso_drive_model(lasso, head, watch->b);
    bool clear = pull(&glm, lasso, watch->b, b0, all->r);
    glm_fini(&glm);
    watch->unclear += !clear;
    for (int64_t i = 0; i < design->n; i++)
        size += all->r[i] * all->r[i];
    size = fmaxl(sqrtl(size), sqrtl(2 * n * lasso->null_objective));
    all->commits++;
    for (int64_t j = 0; j < design->p && clear; j++) {
        long double g = 0, unit = lasso->scale[j] * size / n;
        for (int64_t i = 0; i < design->n && lasso->scale[j] > 0; i++)
            g += (design->x[j * design->n + i] - (long double)lasso->mean[j]) * all->r[i] / n;
        double belief = (double)head->reach[j] + all->forget * lasso->scale[j] * head->at.drift / (double)design->n;
        long double over = (watch->spec->nonnegative ? g : fabsl(g)) - belief;
        all->columns++;
        all->idle += belief < 0.999 * lasso_l1(lasso, head->at.l1, j);
        all->broken += over > 1e-10L * unit;
        if (unit > 0)
            all->worst = fmaxl(all->worst, over / unit);
    }
}

static void look_at_all(void *context, const struct lasso *lasso, const struct lasso_head *head,
                        const struct engine_round *round RONDO_UNUSED)
{
    for (int32_t f = 0; f < (head->bundle ? head->bundle->count : 1); f++)
        see(context, lasso, head->bundle ? head->bundle->head[f] : head);
}

static void try_loss(uint64_t seed, int64_t instance, struct glm_watch *watch)
{
    static struct lasso_outcome outcome;
    struct dice dice = { .seed = seed + (uint64_t)instance };
    struct design_options options = {
        .n = 12 + dice_below(&dice, 100),
        .p = 1 + dice_below(&dice, 200),
        .kind = (enum design_kind)dice_below(&dice, DESIGN_KINDS),
        .rho = dice_unit(&dice) < 0.5 ? 0.3 : 0.95,
        .constants = dice_unit(&dice) < 0.2 ? 0.2 * dice_unit(&dice) : 0,
        .zeros = dice_unit(&dice) < 0.4 ? dice_unit(&dice) : 0,
        .noise = dice_unit(&dice) < 0.5 ? 0.1 : 1,
        .sparse = dice_unit(&dice) < 0.3,
    };
    struct design design;
    struct glm_room room;
    if (options.kind == DESIGN_GENOTYPE && !options.sparse && dice_unit(&dice) < 0.5) {
        options.packed = true;
        options.missing = 0.1 * dice_unit(&dice);
    }
    design_make(&design, &dice, &options);
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.lambda_ratio = pow(10, -2 * dice_unit(&dice));
    spec.l1_ratio = dice_unit(&dice) < 0.3 ? 0.05 + 0.95 * dice_unit(&dice) : 1;
    spec.gap = pow(10, -4 - 4 * dice_unit(&dice));
    spec.intercept = dice_unit(&dice) < 0.7;
    spec.seed = (uint64_t)dice_below(&dice, 1 << 30);
    spec.round_limit = 400;
    glm_draw(&dice, &design, &spec, instance % 3 == 2, &room);
    int64_t broken = watch->all.broken;
    watch->spec = &spec;
    watch->all.r = calloc((size_t)design.n, sizeof *watch->all.r);
    watch->b = calloc((size_t)design.p, sizeof *watch->b);
    lasso_drive_look(&spec, look_at_all, watch, &outcome);
    cr_assert(outcome.code == RONDO_OK || outcome.code == RONDO_EINPUT, "instance %lld: %s", (long long)instance,
              outcome.err.what);
    cr_expect(watch->all.forget < 1 || watch->all.broken == broken,
              "seed %llu, instance %lld (%s): %lld beliefs are false, by %Lg at most", (unsigned long long)seed,
              (long long)instance, spec.loss, (long long)(watch->all.broken - broken), watch->all.worst);
    free(watch->b);
    free(watch->all.r);
    glm_room_fini(&room);
    design_fini(&design);
}

Test(lasso_bounds, what_is_believed_under_a_loss_is_true)
{
    struct glm_watch watch = { .all = { .forget = 1 } };
    uint64_t seed = dice_seed(4200);
    for (int64_t i = 0; i < scale_runs(INSTANCES / 2); i++)
        try_loss(seed, i, &watch);
    fprintf(stderr, "%lld commits, %lld not clear, %lld beliefs, %lld of them spare a visit; worst %Lg of |x||r|/n\n",
            (long long)watch.all.commits, (long long)watch.unclear, (long long)watch.all.columns,
            (long long)watch.all.idle, watch.all.worst);
    cr_assert_eq(watch.all.broken, 0);
    cr_assert_gt(watch.all.idle, watch.all.columns / 20);
    cr_assert_lt(watch.unclear, watch.all.commits / 4);
}

Test(lasso_bounds, a_loss_without_the_drift_is_found_out)
{
    struct glm_watch watch = { .all = { .forget = 0.5 } };
    uint64_t seed = dice_seed(4200);
    for (int64_t i = 0; i < 12; i++)
        try_loss(seed, i, &watch);
    cr_assert_gt(watch.all.broken, 0);
}
