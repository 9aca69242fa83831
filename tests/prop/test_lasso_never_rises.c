/* No commit of lasso raises the objective, and every certificate is true.
 *
 * Random correlated designs under random schedules run through the engine; after every commit an
 * oracle that knows data and coefficients alone recomputes the objective from scratch in long
 * double.  Where the job ends by its gap, the gap is recomputed too.  Unguarded parallel steps must
 * be caught by the same oracle.  RONDO_PROP_SEED overrides the seed. */
#include "tests/support/lasso_drive.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSTANCES = 400 };

struct oracle {
    const struct lasso_spec *spec;
    long double null, last, worst_rise; /* relative to the value at b = 0 */
    int64_t commits, moved, largest;
};

/* Shown the committed coefficients. */
static void oracle_see(struct oracle *oracle, double lambda, const double *b)
{
    long double now = truth_objective(oracle->spec, lambda, b);
    if (oracle->commits++ == 0) {
        double *zero = calloc((size_t)oracle->spec->design->p, sizeof *zero);
        oracle->null = truth_objective(oracle->spec, lambda, zero);
        oracle->last = oracle->null;
        free(zero);
    }
    long double rise = now - oracle->last;
    if (!(rise <= oracle->worst_rise * oracle->null)) /* NaN counts as a rise */
        oracle->worst_rise = oracle->null > 0 ? rise / oracle->null : rise;
    oracle->moved += now != oracle->last;
    oracle->last = now;
}

static bool oracle_content(const struct oracle *oracle)
{
    return oracle->worst_rise <= 1e-12L;
}

struct watch {
    struct oracle oracle;
    double lambda;    /* of the run, found beforehand */
    long double dual; /* the best at any sweep */
    double *before;   /* [p] committed before */
};

static void on_commit(void *context, const struct lasso *lasso RONDO_UNUSED, const double *b,
                      const struct engine_round *round)
{
    struct watch *watch = context;
    struct oracle *oracle = &watch->oracle;
    oracle->largest = round->updates > oracle->largest ? round->updates : oracle->largest;
    if (round->kind == RONDO_SAMPLED || round->phases > 1 || oracle->commits == 0)
        oracle_see(oracle, watch->lambda, b);
    if (round->kind == RONDO_SWEEP) {
        long double dual = truth_of(oracle->spec, watch->lambda, watch->before).dual;
        watch->dual = fmaxl(watch->dual, dual);
    }
    memcpy(watch->before, b, (size_t)oracle->spec->design->p * sizeof *b);
}

/* ---- instances -------------------------------------------------------------------------------------- */

static struct design_options random_design(struct dice *dice, bool large)
{
    static const double rhos[] = { 0, 0.5, 0.9, 0.95, 0.99, 0.999 };
    struct design_options options = {
        .n = 2 + dice_below(dice, large ? 60 : 120),
        .p = large ? 600 + dice_below(dice, 900) : 1 + dice_below(dice, 250),
        .kind = (enum design_kind)dice_below(dice, DESIGN_KINDS),
        .rho = rhos[dice_below(dice, 6)],
        .duplicates = dice_unit(dice) < 0.3 ? 0.3 * dice_unit(dice) : 0,
        .constants = dice_unit(dice) < 0.2 ? 0.2 * dice_unit(dice) : 0,
        .zeros = dice_unit(dice) < 0.4 ? dice_unit(dice) : 0,
        .decades = dice_unit(dice) < 0.3 ? 6 : 0,
        .noise = dice_unit(dice) < 0.5 ? 0.1 : 1,
        .sparse = dice_unit(dice) < 0.4,
    };
    design_options_pack(&options, dice);
    return options;
}

static struct lasso_spec random_spec(struct dice *dice, const struct design *design, bool large)
{
    struct lasso_spec spec = lasso_spec_plain(design);
    spec.lambda_ratio = pow(10, -2.5 * dice_unit(dice));
    spec.l1_ratio = dice_unit(dice) < 0.3 ? 0.05 + 0.95 * dice_unit(dice) : 1;
    spec.gap = pow(10, -4 - 4 * dice_unit(dice));
    spec.intercept = dice_unit(dice) < 0.6;
    spec.row_shards = design->packed ? 0 : dice_below(dice, 4);
    spec.rule = (enum priority_rule)dice_below(dice, 4);
    spec.check = dice_unit(dice) < 0.25 ? CHECK_NONE : CHECK_CORRELATION;
    spec.coupled = (enum coupled_mode)dice_below(dice, 3);
    spec.blocks = large ? 8 : 1 + (int32_t)dice_below(dice, 8);
    spec.block_size = large ? 128 : 1 + (int32_t)dice_below(dice, 128);
    spec.pipeline = 1 + (int32_t)dice_below(dice, 4);
    spec.threshold = dice_unit(dice) < 0.5 ? 0.1 : dice_unit(dice);
    spec.seed = (uint64_t)dice_below(dice, 1 << 30);
    spec.round_limit = large ? 300 : 3000;
    return spec;
}

static void describe(const struct lasso_spec *spec, const struct design_options *options,
                     int64_t instance)
{
    fprintf(stderr,
            "instance %lld: n %lld p %lld kind %d rho %g dup %g const %g zeros %g decades %g %s; "
            "ratio %.3g l1 %.3g gap %.3g icpt %d shards %d rule %d check %d mode %d blocks %d x %d "
            "pipeline %d threshold %.3g\n",
            (long long)instance, (long long)options->n, (long long)options->p, options->kind,
            options->rho, options->duplicates, options->constants, options->zeros, options->decades,
            options->packed ? "packed" : options->sparse ? "sparse" : "dense", spec->lambda_ratio,
            spec->l1_ratio, spec->gap, spec->intercept, (int)spec->row_shards, spec->rule, spec->check, spec->coupled,
            spec->blocks, spec->block_size, spec->pipeline, spec->threshold);
}

/* lambda, as the app finds it: a run of one round, the first sweep. */
static double lambda_of(struct lasso_spec spec)
{
    static struct lasso_outcome outcome;
    spec.round_limit = 1;
    lasso_drive_run(&spec, NULL, NULL, &outcome);
    return outcome.lambda;
}

struct tally {
    int64_t gap, precision, rounds, commits, moved, largest;
    long double worst_rise, worst_gap;
};

static void try_instance(uint64_t seed, int64_t instance, struct tally *tally)
{
    static struct lasso_outcome outcome;
    struct dice dice = { .seed = seed + (uint64_t)instance };
    bool large = instance % 20 == 19;
    struct design design;
    struct design_options options = random_design(&dice, large);
    design_make(&design, &dice, &options);
    struct lasso_spec spec = random_spec(&dice, &design, large);
    struct watch watch = { .oracle = { .spec = &spec }, .lambda = lambda_of(spec) };
    watch.before = calloc((size_t)options.p, sizeof *watch.before);
    lasso_drive_run(&spec, on_commit, &watch, &outcome);
    const struct oracle *oracle = &watch.oracle;
    bool good = outcome.code == RONDO_OK && oracle_content(oracle);
    if (good && strcmp(outcome.stop, "gap") == 0 && oracle->null > 0) {
        long double value = truth_objective(&spec, outcome.lambda, outcome.b);
        long double gap = (value - watch.dual) / oracle->null;
        tally->worst_gap = fmaxl(tally->worst_gap, gap - spec.gap);
        good = gap <= spec.gap + 1e-12L;
        tally->gap++;
        if (!good)
            fprintf(stderr, "instance %lld: gap %.6Lg, objective %.17Lg; it says %.6g and %.17g\n",
                    (long long)instance, gap, value, outcome.gap, outcome.objective);
    }
    tally->precision += strcmp(outcome.stop, "precision") == 0;
    bool limit = strcmp(outcome.stop, "rounds") == 0;
    /* What a person gets by default converges; the baselines may be slow. */
    if (spec.rule == RULE_GRADIENT && spec.check != CHECK_NONE && spec.coupled == COUPLED_SOLVE)
        good = good && !limit;
    tally->rounds += limit;
    tally->commits += oracle->commits;
    tally->moved += oracle->moved;
    tally->largest = oracle->largest > tally->largest ? oracle->largest : tally->largest;
    tally->worst_rise = fmaxl(tally->worst_rise, oracle->worst_rise);
    if (!good || (limit && getenv("RONDO_PROP_TELL")) ||
        (strcmp(outcome.stop, "precision") == 0 && outcome.gap > spec.gap)) {
        describe(&spec, &options, instance);
        fprintf(stderr, "    stop %s gap %.3g rounds %lld sweeps %lld largest rise %.3Lg\n",
                outcome.stop, outcome.gap, (long long)outcome.rounds, (long long)outcome.sweeps,
                oracle->worst_rise);
    }
    cr_expect(good, "instance %lld: %s", (long long)instance, outcome.err.what);
    free(watch.before);
    design_fini(&design);
}

Test(lasso_never_rises, whatever_the_design_and_the_schedule)
{
    uint64_t seed = dice_seed(20141208);
    struct tally tally = { 0 };
    int64_t count = scale_runs(INSTANCES);
    for (int64_t i = 0; i < count; i++)
        try_instance(seed, i, &tally);
    fprintf(stderr,
            "%lld jobs: %lld by gap, %lld by precision, %lld by rounds; %lld commits, %lld of them "
            "moved, at most %lld variables; largest rise %.2Lg of F(0), largest gap beyond the "
            "asked %.2Lg\n",
            (long long)count, (long long)tally.gap, (long long)tally.precision,
            (long long)tally.rounds, (long long)tally.commits, (long long)tally.moved,
            (long long)tally.largest, tally.worst_rise, tally.worst_gap);
}

/* ---- the oracle sees what it should ------------------------------------------------------------------ */

/* Shotgun without a guard: all variables take their own full step at once. */
static void unguarded_step(const struct lasso_spec *spec, double lambda, double *b)
{
    const struct design *design = spec->design;
    int64_t n = design->n;
    double *r = calloc((size_t)n, sizeof *r);
    memcpy(r, design->y, (size_t)n * sizeof *r);
    for (int64_t j = 0; j < design->p; j++)
        for (int64_t i = 0; i < n; i++)
            r[i] -= b[j] * design->x[j * n + i];
    for (int64_t j = 0; j < design->p; j++) {
        double dot = 0, square = 0;
        for (int64_t i = 0; i < n; i++) {
            dot += design->x[j * n + i] * r[i];
            square += design->x[j * n + i] * design->x[j * n + i];
        }
        double at = b[j] + dot / square, cut = lambda * (double)n / square;
        b[j] = at > cut ? at - cut : at < -cut ? at + cut : 0;
    }
    free(r);
}

Test(lasso_never_rises, the_oracle_catches_unguarded_steps)
{
    struct dice dice = { .seed = 99 };
    struct design design;
    struct design_options options = { .n = 100, .p = 40, .rho = 0.99, .noise = 0.1 };
    design_make(&design, &dice, &options);
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.intercept = false;
    spec.lambda = 0.01;
    struct oracle oracle = { .spec = &spec };
    double b[40] = { 0 };
    for (int step = 0; step < 5; step++) {
        unguarded_step(&spec, spec.lambda, b);
        oracle_see(&oracle, spec.lambda, b);
    }
    cr_assert(!oracle_content(&oracle), "largest rise %Lg", oracle.worst_rise);
    design_fini(&design);
}
