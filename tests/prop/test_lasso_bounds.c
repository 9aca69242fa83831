/* What the head believes of a column that no sweep visits is true.
 *
 * Random designs under random schedules run through the engine.  After every commit x_j'r/n is computed
 * from the data and the coefficients alone, in long double, for every column; the head must believe
 * it to be at least that: reach_j + |x_j| drift / n.  The residual of the workers has the roundings of
 * its updates, which the bound of a job that ends in 64-bit numbers cannot see: so much is granted.
 * RONDO_PROP_SEED overrides the seed. */
#include "tests/support/lasso_drive.h"
#include "tests/support/scale.h"

#include "apps/lasso/head.h"

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
