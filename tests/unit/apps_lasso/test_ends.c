/* Every job ends: by its gap, by the precision of numbers, or refused with a word; never by the
 * limit of rounds, which stands here as a net. */
#include "tests/support/lasso_drive.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct lasso_outcome outcome;

static void make(struct design *design, uint64_t seed, int64_t n, int64_t p, double rho)
{
    struct dice dice = { .seed = seed };
    struct design_options options = { .n = n, .p = p, .rho = rho, .noise = 0.5 };
    design_make(design, &dice, &options);
}

/* Runs; tells what happened; it must have ended by a word in `words`. */
static void ends(const struct lasso_spec *spec, const char *what, const char *words)
{
    lasso_drive_run(spec, NULL, NULL, &outcome);
    fprintf(stderr, "%-34s %-9s gap %.2g after %lld rounds, %lld sweeps %s\n", what, outcome.stop,
            outcome.gap, (long long)outcome.rounds, (long long)outcome.sweeps, outcome.err.what);
    cr_expect_eq(outcome.code, RONDO_OK, "%s: %s", what, outcome.err.what);
    cr_expect(outcome.code || (outcome.stop[0] && strstr(words, outcome.stop)), "%s: %s after %lld",
              what, outcome.stop, (long long)outcome.rounds);
    cr_expect(isfinite(outcome.gap) && isfinite(outcome.objective), "%s", what);
    for (int64_t j = 0; j < spec->design->p; j++)
        cr_expect(isfinite(outcome.b[j]), "%s: b[%lld]", what, (long long)j);
}

/* The same with each rule, each way of checking, and pipelines. */
static void ends_always(struct lasso_spec spec, const char *what, const char *words)
{
    for (int rule = 0; rule < 4; rule++) {
        for (int mode = 0; mode < 4; mode++) {
            char name[96];
            spec.rule = (enum priority_rule)rule;
            spec.check = mode == 3 ? CHECK_NONE : CHECK_CORRELATION;
            spec.coupled = (enum coupled_mode)(mode % 3);
            spec.pipeline = 1 + (rule + mode) % 3;
            snprintf(name, sizeof name, "%s/%d/%d", what, rule, mode);
            ends(&spec, name, words);
        }
    }
}

Test(ends, every_rule_reaches_the_gap)
{
    struct design design;
    make(&design, 1, 60, 40, 0.5);
    struct lasso_spec spec = lasso_spec_plain(&design);
    ends_always(spec, "plain", "gap");
    spec.l1_ratio = 0.5;
    ends_always(spec, "elastic net", "gap");
    spec = lasso_spec_plain(&design);
    spec.blocks = spec.block_size = 1;
    ends_always(spec, "one at a time", "gap");
    spec.row_shards = 3;
    spec.blocks = 5;
    spec.block_size = 3;
    ends_always(spec, "shards", "gap");
    design_fini(&design);
}

Test(ends, rounds_smaller_than_the_support_reach_the_gap)
{
    struct design design;
    make(&design, 2, 100, 80, 0.5);
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.lambda_ratio = 0.001;
    for (int size = scale_whole() ? 1 : 4; size <= 16; size *= 4) { /* of one, 65,000 rounds */
        spec.blocks = 1;
        spec.block_size = size;
        ends(&spec, "small rounds", "gap");
    }
    design_fini(&design);
}

Test(ends, nothing_to_explain)
{
    struct design design;
    make(&design, 3, 30, 20, 0.5);
    struct lasso_spec spec = lasso_spec_plain(&design);
    for (int i = 0; i < 30; i++)
        design.y[i] = 0;
    ends_always(spec, "y = 0", "gap");
    spec.lambda = 0.1;
    ends_always(spec, "y = 0, lambda given", "gap");
    for (int i = 0; i < 30; i++)
        design.y[i] = 0.1;
    ends_always(spec, "y constant, lambda given", "gap");
    spec.lambda = 0;
    ends_always(spec, "y constant", "gap");
    spec.intercept = false;
    ends_always(spec, "y constant, no intercept", "gap");
    design_fini(&design);
}

Test(ends, columns_that_say_nothing)
{
    struct design design;
    design_init(&design, 10, 5);
    for (int i = 0; i < 50; i++)
        design.x[i] = 0.1 * (1 + (double)(i / 10));
    for (int i = 0; i < 10; i++)
        design.y[i] = sin(i);
    design_bind(&design, false);
    struct lasso_spec spec = lasso_spec_plain(&design);
    ends_always(spec, "all constant", "gap");
    spec.lambda = 1e-3;
    ends_always(spec, "all constant, lambda given", "gap");
    for (int j = 0; j < 5; j++)
        cr_assert_eq(outcome.b[j], 0.0);
    design_fini(&design);
}

Test(ends, the_smallest_problems)
{
    struct design design;
    make(&design, 4, 2, 1, 0);
    struct lasso_spec spec = lasso_spec_plain(&design);
    ends_always(spec, "n = 2, p = 1", "gap");
    design_fini(&design);
    make(&design, 5, 2, 30, 0.9);
    spec.design = &design;
    ends_always(spec, "n = 2, p = 30", "gap");
    spec.intercept = false;
    ends_always(spec, "n = 2, no intercept", "gap");
    design_fini(&design);
}

Test(ends, lambda_at_its_ends)
{
    struct design design;
    make(&design, 6, 50, 20, 0.9);
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.lambda_ratio = 1;
    ends_always(spec, "lambda_max", "gap");
    spec.lambda_ratio = 10;
    ends_always(spec, "10 lambda_max", "gap");
    spec.lambda_ratio = 1e-6;
    ends(&spec, "1e-6 lambda_max", "gap");
    spec.lambda_ratio = 1e-12;
    ends_always(spec, "1e-12 lambda_max", "gap precision");
    spec.lambda_ratio = 0;
    spec.lambda = 1e-300;
    ends(&spec, "lambda 1e-300", "gap precision");
    spec.lambda = 1e300;
    ends(&spec, "lambda 1e300", "gap");
    design_fini(&design);
    make(&design, 7, 20, 50, 0.9);
    spec.lambda = 1e-12;
    spec.gap = 1e-12;
    ends_always(spec, "p > n, 1e-12", "gap precision");
    design_fini(&design);
}

Test(ends, a_gap_of_zero_ends_too)
{
    struct design design;
    make(&design, 8, 50, 20, 0.5);
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.gap = 0;
    ends_always(spec, "gap 0", "gap precision");
    cr_assert_lt(outcome.gap, 1e-12);
    design_fini(&design);
}

Test(ends, ridge_regression_has_a_gap)
{
    struct design design;
    make(&design, 9, 50, 20, 0.9);
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.l1_ratio = 0;
    spec.lambda = 0.1;
    ends_always(spec, "ridge", "gap");
    spec.lambda = 1e-6;
    ends(&spec, "ridge, weak", "gap");
    design_fini(&design);
}

Test(ends, duplicate_columns)
{
    struct dice dice = { .seed = 10 };
    struct design_options options = { .n = 40, .p = 60, .rho = 0.9, .duplicates = 0.7, .noise = 0.1 };
    struct design design;
    design_make(&design, &dice, &options);
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.lambda_ratio = 0.05;
    spec.gap = 1e-6;
    ends_always(spec, "duplicates", "gap");
    design_fini(&design);
}

static void rescale(struct design *design, int64_t every, double scale)
{
    for (int64_t j = 0; j < design->p; j += every)
        for (int64_t i = 0; i < design->n; i++)
            design->x[j * design->n + i] *= scale;
    for (int64_t j = 0; j < design->p; j++)
        for (int64_t i = 0; i < design->n; i++)
            design->padded[j * design->matrix.ld + i] = design->x[j * design->n + i];
}

Test(ends, extreme_scales)
{
    static const double scales[] = { 1e-140, 1e140, 1e-100, 1e100 };
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        struct design design;
        char name[64];
        make(&design, 11, 40, 20, 0.5);
        struct lasso_spec spec = lasso_spec_plain(&design);
        rescale(&design, 3, scales[k]);
        snprintf(name, sizeof name, "every third column times %g", scales[k]);
        ends_always(spec, name, "gap");
        rescale(&design, 3, 1 / scales[k]);
        rescale(&design, 1, scales[k]);
        snprintf(name, sizeof name, "all columns times %g", scales[k]);
        ends_always(spec, name, "gap");
        for (int i = 0; i < 40; i++)
            design.y[i] *= scales[k];
        snprintf(name, sizeof name, "and y");
        ends_always(spec, name, "gap");
        spec.l1_ratio = 0.5;
        spec.lambda = 1e-3;
        ends(&spec, "and an elastic net", "gap precision");
        design_fini(&design);
    }
}

Test(ends, what_squares_cannot_hold_is_refused)
{
    static const double scales[] = { 1e-155, 1e155, 1e-300, 1e300 };
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        struct design design;
        make(&design, 12, 20, 10, 0.5);
        struct lasso_spec spec = lasso_spec_plain(&design);
        rescale(&design, 10, scales[k]);
        lasso_drive_run(&spec, NULL, NULL, &outcome);
        cr_assert_eq(outcome.code, RONDO_EINPUT);
        cr_assert_not_null(strstr(outcome.err.what, "column 1 of x"), "%s", outcome.err.what);
        rescale(&design, 10, 1 / scales[k]);
        for (int i = 0; i < 20; i++)
            design.y[i] *= scales[k];
        lasso_drive_run(&spec, NULL, NULL, &outcome);
        cr_assert_eq(outcome.code, RONDO_EINPUT);
        cr_assert_not_null(strstr(outcome.err.what, "y is"), "%s", outcome.err.what);
        design_fini(&design);
    }
}

/* Coefficients whose squares no number holds: what is no number is no certificate. */
Test(ends, coefficients_beyond_squares)
{
    struct design design;
    make(&design, 14, 40, 20, 0.5);
    rescale(&design, 1, 1e-80);
    for (int i = 0; i < 40; i++)
        design.y[i] *= 1e100;
    struct lasso_spec spec = lasso_spec_plain(&design);
    ends(&spec, "coefficients of the order 1e180", "gap precision");
    cr_assert(outcome.gap <= 1e-6);
    cr_assert_gt(outcome.sweeps, 2);
    design_fini(&design);
}

Test(ends, columns_of_the_order_1e150)
{
    static const double scales[] = { 1e-150, 1e150 };
    for (size_t k = 0; k < 2; k++) {
        struct design design;
        make(&design, 13, 40, 20, 0.5);
        rescale(&design, 4, scales[k]);
        struct lasso_spec spec = lasso_spec_plain(&design);
        lasso_drive_run(&spec, NULL, NULL, &outcome);
        fprintf(stderr, "%g: code %d %s %s gap %g\n", scales[k], outcome.code, outcome.err.what,
                outcome.stop, outcome.gap);
        cr_assert(outcome.code == RONDO_EINPUT || strcmp(outcome.stop, "gap") == 0);
        design_fini(&design);
    }
}
