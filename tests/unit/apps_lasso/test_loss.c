/* Each loss at each level of this machine, against its formula in long double: values, derivatives by
 * finite differences, the conjugate by Fenchel and Young, and sums over rows. */
#pragma GCC diagnostic ignored "-Wpsabi" /* of lanes.h, whose vectors are not used here */
#include "apps/lasso/elementary.h"
#include "apps/lasso/loss.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

enum { SQUARED, LOGISTIC, HUBER, POISSON, LOSSES, LARGEST = 1100, POINTS = 3000 };

static const double EPSILON = DBL_EPSILON / 2;

static const struct loss *const table[3][LOSSES] = {
    { &lasso_squared_v2, &lasso_logistic_v2, &lasso_huber_v2, &lasso_poisson_v2 },
    { &lasso_squared_v3, &lasso_logistic_v3, &lasso_huber_v3, &lasso_poisson_v3 },
    { &lasso_squared_v4, &lasso_logistic_v4, &lasso_huber_v4, &lasso_poisson_v4 },
};

/* A row, and the loss that is looked at. */
struct point {
    struct dice dice;
    const struct loss *loss;
    int kind, level;
    double y, eta, delta;
};

/* ---- the formulas --------------------------------------------------------------------------------- */

static long double y_log_y(long double y)
{
    return y > 0 ? y * logl(y) : 0;
}

static long double truth(int kind, long double y, long double eta, long double delta)
{
    long double e = fabsl(y - eta), m = y * eta;
    switch (kind) {
    case SQUARED: return e * e / 2;
    case LOGISTIC: return m > 0 ? log1pl(expl(-m)) : log1pl(expl(m)) - m;
    case HUBER: return e <= delta ? e * e / 2 : delta * e - delta * delta / 2;
    default: return expl(eta) - y * eta - (y - y_log_y(y));
    }
}

/* The largest of what truth adds up: its rounding is of that size. */
static long double size_of(const struct point *at)
{
    long double y = at->y, eta = at->eta;
    switch (at->kind) {
    case POISSON: return expl(eta) + fabsl(y * eta) + y + fabsl(y_log_y(y));
    case LOGISTIC: return truth(LOGISTIC, y, eta, 0);
    default: return truth(at->kind, y, eta, at->delta) + fabsl(y - eta) * (fabsl(y) + fabsl(eta)) * 1e-3L;
    }
}

static long double truth_star(int kind, long double y, long double u)
{
    long double a = kind == LOGISTIC ? -u * y : u + y;
    switch (kind) {
    case LOGISTIC: return y_log_y(a) + y_log_y(1 - a);
    case POISSON: return y_log_y(a) - a + (y - y_log_y(y));
    default: return u * u / 2 + u * y;
    }
}

/* ---- what a loss says of one row -------------------------------------------------------------------- */

static double one(const struct point *at, double eta, bool majorant, double *r, double *h)
{
    static const double unit = 1, zero = 0;
    struct loss_rows rows = { .n = 1, .y = &at->y, .v = &unit, .offset = &zero, .delta = at->delta };
    return at->loss->derive(&rows, &eta, majorant, r, h);
}

static double star(const struct point *at, double u)
{
    static const double unit = 1, zero = 0;
    struct loss_rows rows = { .n = 1, .y = &at->y, .v = &unit, .offset = &zero, .delta = at->delta };
    double r = -u;
    return -at->loss->dual(&rows, &r, 1);
}

static double draw_y(struct point *at)
{
    switch (at->kind) {
    case LOGISTIC: return dice_unit(&at->dice) < 0.5 ? -1 : 1;
    case POISSON: return (double)dice_below(&at->dice, dice_unit(&at->dice) < 0.5 ? 4 : 2000);
    default: return 3 * dice_normal(&at->dice);
    }
}

static double draw_eta(struct point *at, double y)
{
    double wide = dice_unit(&at->dice) < 0.3 ? 8 : 1;
    return at->kind == HUBER || at->kind == SQUARED ? y + 2 * wide * dice_normal(&at->dice)
                                                    : 1.5 * wide * dice_normal(&at->dice);
}

/* The check at POINTS random rows of each loss at each level. */
static void each(void (*check)(struct point *at))
{
    for (int level = 0; level < levels(); level++)
        for (int kind = 0; kind < LOSSES; kind++) {
            struct point at = { .dice = { .seed = 77 }, .loss = table[level][kind], .kind = kind,
                                .level = level };
            for (int i = 0; i < POINTS; i++) {
                at.delta = 0.05 + 3 * dice_unit(&at.dice);
                at.y = draw_y(&at);
                at.eta = draw_eta(&at, at.y);
                check(&at);
            }
        }
}

#define NEAR(at, said, exact, slack)                                                                \
    cr_assert(fabsl((long double)(said) - (exact)) <= (slack),                                      \
              "%s v%d, y %.17g, eta %.17g, delta %g: %.17g, and not %.17Lg", (at)->loss->name,     \
              (at)->level + 2, (at)->y, (at)->eta, (at)->delta, (double)(said), (long double)(exact))

/* ---- values and derivatives -------------------------------------------------------------------------- */

static void check_value(struct point *at)
{
    double said = one(at, at->eta, false, NULL, NULL);
    NEAR(at, said, truth(at->kind, at->y, at->eta, at->delta), 8 * EPSILON * size_of(at));
    cr_assert_geq((long double)said, -8 * EPSILON * size_of(at));
    cr_assert(at->kind == POISSON || said >= 0);
}

Test(loss, a_value_is_the_formulas)
{
    each(check_value);
}

static void check_least(struct point *at)
{
    bool inside = at->kind == SQUARED || at->kind == HUBER;
    double closest = inside ? at->y : at->kind == LOGISTIC ? 700 * at->y : at->y > 0 ? log(at->y) : -700;
    struct point least = *at;
    least.eta = closest;
    NEAR(&least, one(&least, closest, false, NULL, NULL), 0.0L, 1e-300L + 8 * EPSILON * size_of(&least));
}

Test(loss, the_closest_eta_reaches_zero)
{
    each(check_least);
}

/* Central differences of five points: off by step^4 f^(5) / 30, and the rounding of f over the step. */
static void check_derivatives(struct point *at)
{
    const long double step = at->kind == SQUARED ? 1e-2L : 1e-3L;
    long double f[5], e = fabsl((long double)at->y - at->eta), r_true, h_true;
    double r, h;
    if (at->kind == HUBER && fabsl(e - at->delta) < 3 * step)
        return; /* of a kink a difference says nothing */
    for (int k = -2; k <= 2; k++)
        f[k + 2] = truth(at->kind, at->y, at->eta + k * step, at->delta);
    r_true = -(f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * step);
    h_true = (-f[0] + 16 * f[1] - 30 * f[2] + 16 * f[3] - f[4]) / (12 * step * step);
    one(at, at->eta, false, &r, &h);
    long double size = 1 + size_of(at), steepness = at->kind == POISSON ? expl(at->eta) : 1;
    NEAR(at, r, r_true, 1e-13L * steepness + 1e-15L * size);
    NEAR(at, h, h_true, 1e-12L * steepness + 3e-12L * size);
    cr_assert_geq(h, 0.0);
}

Test(loss, pull_and_curvature_are_the_derivatives)
{
    each(check_derivatives);
}

static void check_majorant(struct point *at)
{
    double r, h;
    double f = one(at, at->eta, true, &r, &h);
    if (!at->loss->majorised && !at->loss->quadratic)
        return;
    for (int i = 0; i < 8; i++) {
        long double to = i == 0 ? 2 * (long double)at->y - at->eta : (long double)draw_eta(at, at->y);
        long double d = to - at->eta, model = f - r * d + h * d * d / 2;
        long double slack = 32 * EPSILON * (fabsl(f) + fabsl(r * d) + h * d * d + size_of(at));
        cr_assert(model >= truth(at->kind, at->y, to, at->delta) - slack,
                  "%s v%d: y %g, from %g to %Lg, delta %g", at->loss->name, at->level + 2, at->y, at->eta,
                  to, at->delta);
        if (i == 0 || at->loss->quadratic) /* it touches f on the other side */
            NEAR(at, (double)model, truth(at->kind, at->y, to, at->delta), slack + 1e-14L * fabsl(model));
    }
}

Test(loss, a_majorant_lies_nowhere_below)
{
    each(check_majorant);
}

/* ---- the conjugate -------------------------------------------------------------------------------------- */

/* f*(u) >= u eta - f(eta), with equality where u = f'(eta). */
static void check_conjugate(struct point *at)
{
    double r;
    one(at, at->eta, false, &r, NULL);
    long double u = -(long double)r, f = truth(at->kind, at->y, at->eta, at->delta);
    long double size = 1 + size_of(at) + fabsl(u * at->eta) + fabsl(u) * (1 + fabsl(logl(fabsl(u) + 1)));
    double dual = star(at, -r);
    NEAR(at, dual, u * at->eta - f, 64 * EPSILON * size);
    for (int i = 0; i < 6; i++) {
        struct point other = *at;
        other.eta = draw_eta(at, at->y);
        long double bound = u * other.eta - truth(at->kind, at->y, other.eta, at->delta);
        cr_assert(dual >= bound - 64 * EPSILON * (size + size_of(&other) + fabsl(u * other.eta)),
                  "%s v%d: y %g, u %Lg, eta %g", at->loss->name, at->level + 2, at->y, u, other.eta);
    }
}

Test(loss, the_conjugate_is_fenchels)
{
    each(check_conjugate);
}

static void check_domain(struct point *at)
{
    double out = 1e-9 + dice_unit(&at->dice);
    switch (at->kind) {
    case SQUARED:
        cr_assert(isfinite(star(at, 1e6 * at->eta)));
        break;
    case LOGISTIC:
        cr_assert(star(at, at->y * out) >= HUGE_VAL && star(at, -at->y * (1 + out)) >= HUGE_VAL);
        NEAR(at, star(at, 0), 0.0L, 0.0L);
        NEAR(at, star(at, -at->y), 0.0L, 0.0L);
        break;
    case HUBER:
        cr_assert(star(at, at->delta * (1 + out)) >= HUGE_VAL && star(at, -at->delta * (1 + out)) >= HUGE_VAL);
        cr_assert(isfinite(star(at, at->delta)) && isfinite(star(at, -at->delta)));
        break;
    default:
        cr_assert(star(at, -at->y - out * (1 + at->y)) >= HUGE_VAL);
        NEAR(at, star(at, -at->y), at->y - y_log_y(at->y), 8 * EPSILON * (at->y + fabsl(y_log_y(at->y))));
        NEAR(at, star(at, 0), 0.0L, 4 * EPSILON * fabsl(y_log_y(at->y)));
    }
}

Test(loss, the_conjugate_is_infinite_outside_of_its_domain)
{
    each(check_domain);
}

/* ---- sums over rows ---------------------------------------------------------------------------------------- */

struct sheet {
    struct point at;
    struct loss_rows rows;
    double y[LARGEST], v[LARGEST], eta[LARGEST], u[LARGEST], offset[LARGEST];
    double r[LARGEST], h[LARGEST];
};

static void fill(struct sheet *sheet, int64_t n, double zeros)
{
    struct point *at = &sheet->at;
    at->delta = 0.05 + 3 * dice_unit(&at->dice);
    sheet->rows = (struct loss_rows){ .n = n, .y = sheet->y, .v = sheet->v, .offset = sheet->offset,
                                      .delta = at->delta };
    for (int64_t i = 0; i < n; i++) {
        sheet->y[i] = draw_y(at);
        sheet->eta[i] = draw_eta(at, sheet->y[i]);
        sheet->u[i] = dice_normal(&at->dice);
        sheet->offset[i] = dice_normal(&at->dice);
        sheet->v[i] = dice_unit(&at->dice) < zeros ? 0 : 2 * dice_unit(&at->dice);
    }
}

static void each_length(void (*check)(struct sheet *sheet, double t))
{
    static const int64_t lengths[] = { 1, 2, 7, 8, 9, 100, 255, 256, 257, 263, 264, 511, 512, 513, 777, LARGEST };
    static struct sheet sheet;
    for (int level = 0; level < levels(); level++)
        for (int kind = 0; kind < LOSSES; kind++) {
            sheet.at = (struct point){ .dice = { .seed = 5 }, .loss = table[level][kind], .kind = kind,
                                       .level = level };
            for (size_t k = 0; k < 5 * sizeof lengths / sizeof *lengths; k++) {
                fill(&sheet, lengths[k / 5], k % 5 < 2 ? 0 : k % 5 == 4 ? 1 : 0.5);
                check(&sheet, k % 3 ? dice_unit(&sheet.at.dice) : 1);
            }
        }
}

static struct point row_of(const struct sheet *sheet, int64_t i)
{
    struct point row = sheet->at;
    row.y = sheet->y[i];
    row.eta = sheet->eta[i];
    return row;
}

/* The same with and without r and h, of which each has the bits of its row alone. */
static void check_derive(struct sheet *sheet, double t RONDO_UNUSED)
{
    const struct loss *loss = sheet->at.loss;
    long double sum = 0, size = 0;
    double whole = loss->derive(&sheet->rows, sheet->eta, false, sheet->r, sheet->h);
    for (int64_t i = 0; i < sheet->rows.n; i++) {
        struct point row = row_of(sheet, i);
        double r, h;
        one(&row, row.eta, false, &r, &h);
        cr_assert_eq(sheet->r[i], sheet->v[i] * r);
        cr_assert_eq(sheet->h[i], sheet->v[i] * h);
        sum += (long double)sheet->v[i] * truth(row.kind, row.y, row.eta, row.delta);
        size += (long double)sheet->v[i] * size_of(&row);
    }
    NEAR(&sheet->at, whole, sum, 200 * EPSILON * size);
    NEAR(&sheet->at, loss->derive(&sheet->rows, sheet->eta, false, NULL, NULL), sum, 200 * EPSILON * size);
    NEAR(&sheet->at, loss->derive(&sheet->rows, sheet->eta, false, sheet->r, NULL), sum, 200 * EPSILON * size);
    NEAR(&sheet->at, loss->derive(&sheet->rows, sheet->eta, true, sheet->r, sheet->h), sum, 200 * EPSILON * size);
    for (int64_t i = 0; i < sheet->rows.n; i++) {
        struct point row = row_of(sheet, i);
        double r, h;
        one(&row, row.eta, true, &r, &h);
        cr_assert_eq(sheet->r[i], sheet->v[i] * r);
        cr_assert_eq(sheet->h[i], sheet->v[i] * h);
    }
}

Test(loss, a_sum_of_rows_whatever_their_number)
{
    each_length(check_derive);
}

static void check_change(struct sheet *sheet, double t)
{
    long double sum = 0, size = 0;
    for (int64_t i = 0; i < sheet->rows.n; i++) {
        struct point row = row_of(sheet, i), to = row;
        to.eta += t * sheet->u[i];
        long double moved = sheet->eta[i] + (long double)t * sheet->u[i];
        sum += (long double)sheet->v[i] * (truth(row.kind, row.y, moved, row.delta)
                                           - truth(row.kind, row.y, row.eta, row.delta));
        size += (long double)sheet->v[i] * (size_of(&row) + size_of(&to))
                * (1 + (row.kind == POISSON ? fabsl(moved) : 0));
    }
    NEAR(&sheet->at, sheet->at.loss->change(&sheet->rows, sheet->eta, sheet->u, t), sum,
         100 * EPSILON * (size + (long double)sheet->rows.n * 1e-2L));
}

Test(loss, a_change_is_that_of_the_sums)
{
    each_length(check_change);
}

/* s r is within the domain for each s up to 1, r being the pull somewhere. */
static void check_dual(struct sheet *sheet, double s)
{
    long double sum = 0, size = 0;
    sheet->at.loss->derive(&sheet->rows, sheet->eta, false, sheet->r, sheet->h);
    for (int64_t i = 0; i < sheet->rows.n; i++) {
        struct point row = row_of(sheet, i);
        long double v = sheet->v[i], u = v > 0 ? -(long double)s * sheet->r[i] / v : 0;
        if (row.kind == LOGISTIC) /* -u y in [0, 1], but for rounding */
            u = -row.y * fminl(fmaxl(-u * row.y, 0), 1);
        if (v > 0)
            sum -= v * (truth_star(row.kind, row.y, row.kind == POISSON ? fmaxl(u, -row.y) : u)
                        - u * sheet->offset[i]);
        size += v * (1 + size_of(&row) + fabsl(u) * (1 + fabsl(u) + fabsl(row.y) + fabsl(row.eta)
                                                     + fabsl(sheet->offset[i])));
    }
    NEAR(&sheet->at, sheet->at.loss->dual(&sheet->rows, sheet->r, s), sum, 200 * EPSILON * size);
}

Test(loss, a_dual_value_is_that_of_the_conjugates)
{
    each_length(check_dual);
}

/* One row out of its domain is enough, wherever it stands; a row without a weight is none. */
Test(loss, what_is_infeasible_proves_nothing)
{
    static struct sheet sheet;
    for (int level = 0; level < levels(); level++)
        for (int kind = LOGISTIC; kind < LOSSES; kind++)
            for (int64_t i = 0; i < 300; i += 23) {
                sheet.at = (struct point){ .dice = { .seed = 7 }, .loss = table[level][kind], .kind = kind };
                fill(&sheet, 300, 0);
                sheet.at.loss->derive(&sheet.rows, sheet.eta, false, sheet.r, sheet.h);
                cr_assert(isfinite(sheet.at.loss->dual(&sheet.rows, sheet.r, 1)));
                double r = sheet.r[i], v = sheet.v[i];
                sheet.r[i] = v * (kind == POISSON ? sheet.y[i] + 1 : kind == HUBER ? 2 * sheet.at.delta : 1.5);
                if (kind == LOGISTIC)
                    sheet.r[i] *= sheet.y[i];
                cr_assert(sheet.at.loss->dual(&sheet.rows, sheet.r, 1) <= -HUGE_VAL, "row %d", (int)i);
                sheet.r[i] = NAN;
                cr_assert(sheet.at.loss->dual(&sheet.rows, sheet.r, 1) <= -HUGE_VAL, "row %d", (int)i);
                sheet.v[i] = 0;
                sheet.r[i] = 0;
                cr_assert(isfinite(sheet.at.loss->dual(&sheet.rows, sheet.r, 1)));
                sheet.r[i] = r;
            }
}

Test(loss, far_away_nothing_is_no_number)
{
    static const double far[] = { -1e300, -1e5, -750, -709, -708, -700, 700, 708, 709, 750, 1e5, 1e300 };
    for (int level = 0; level < levels(); level++)
        for (int kind = 0; kind < LOSSES; kind++)
            for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
                struct point at = { .dice = { .seed = i }, .loss = table[level][kind], .kind = kind,
                                    .delta = 1.345 };
                double r = NAN, h = NAN;
                at.y = draw_y(&at);
                at.eta = far[i];
                double f = one(&at, at.eta, false, &r, &h);
                cr_assert(!isnan(f) && isfinite(r) && isfinite(h) && h >= 0 && f >= 0,
                          "%s at %g: %g %g %g", at.loss->name, at.eta, f, r, h);
                one(&at, at.eta, true, &r, &h);
                cr_assert(isfinite(r) && isfinite(h) && h >= 0);
                cr_assert(!isnan(star(&at, -r)), "%s at %g", at.loss->name, at.eta);
                if (fabs(at.eta) > 708 || kind == POISSON)
                    continue;
                NEAR(&at, f, truth(kind, at.y, at.eta, at.delta), 8 * EPSILON * size_of(&at));
            }
}

/* ---- elementary.h -------------------------------------------------------------------------------------------- */

static double ulps(double said, long double exact)
{
    return (double)(fabsl(said - exact) / ldexpl(1, ilogbl(exact) - 52));
}

static double worst_of(double (*said)(double x), long double (*exact)(long double x), double from, double to)
{
    struct dice dice = { .seed = 8 };
    double worst = 0;
    for (int i = 0; i < 200000; i++) {
        double x = from + (to - from) * dice_unit(&dice);
        worst = fmax(worst, ulps(said(x), exact(x)));
    }
    return worst;
}

static double exp_here(double x)
{
    return exp_of(x);
}

static double log1p_here(double x)
{
    return log1p_of(x);
}

static double log_here(double x)
{
    return log_of(x);
}

Test(elementary, within_units_of_the_last_place)
{
    double worst[] = {
        worst_of(exp_here, expl, -1, 1), worst_of(exp_here, expl, -707.9, 709), worst_of(log1p_here, log1pl, 1e-300, 1),
        worst_of(log_here, logl, 0.5, 2), worst_of(log_here, logl, 1e-3, 1e3), worst_of(log_here, logl, 1e-300, 1e-290),
        worst_of(log_here, logl, 1e300, 1e308),
    };
    fprintf(stderr, "exp %.2f %.2f, log1p %.2f, log %.2f %.2f %.2f %.2f units\n", worst[0], worst[1], worst[2],
            worst[3], worst[4], worst[5], worst[6]);
    for (size_t i = 0; i < sizeof worst / sizeof *worst; i++)
        cr_assert_lt(worst[i], 2.0, "%d", (int)i);
}

/* As the losses have them at each level: f'' of Poisson is exp(eta), the logistic f log(1 + exp(-eta)). */
Test(elementary, at_each_level)
{
    for (int level = 0; level < levels(); level++) {
        struct dice dice = { .seed = 9 };
        struct point poisson = { .loss = table[level][POISSON], .kind = POISSON };
        struct point logistic = { .loss = table[level][LOGISTIC], .kind = LOGISTIC, .y = 1 };
        for (int i = 0; i < 20000; i++) {
            double x = (i % 2 ? 707 : 2) * (2 * dice_unit(&dice) - 1), r, h;
            one(&poisson, x, false, &r, &h);
            cr_assert_lt(ulps(h, expl(x)), 2.0, "exp(%.17g), v%d", x, level + 2);
            double f = one(&logistic, fabs(x), false, &r, &h);
            cr_assert_lt(ulps(f, log1pl(expl(-fabsl(x)))), 5.0, "log(1 + exp(-%.17g)), v%d", fabs(x), level + 2);
        }
    }
}

Test(elementary, at_the_ends)
{
    cr_assert_eq(exp_of(0), 1.0);
    cr_assert_eq(exp_of(-1e300), exp_of(-708));
    cr_assert_eq(exp_of(-HUGE_VAL), exp_of(-708));
    cr_assert_eq(exp_of(1e300), exp_of(709));
    cr_assert(isfinite(exp_of(709)) && exp_of(-708) > 0);
    cr_assert_eq(log_of(1), 0.0);
    cr_assert_eq(log1p_of(0), 0.0);
    cr_assert_eq(x_log_x(0), 0.0);
    cr_assert_eq(x_log_x(1), 0.0);
    for (int k = -1000; k < 1000; k += 37) /* powers of 2, and both sides of sqrt(1/2) of each */
        for (int side = -1; side <= 1; side++) {
            double x = ldexp(0.70710678118654752 + 1e-16 * side, k);
            cr_assert_lt(ulps(log_of(x), logl(x)), 2.0, "%.17g", x);
            cr_assert(k == 0 || ulps(log_of(ldexp(1, k)), logl(ldexpl(1, k))) < 2);
        }
    double last = 0; /* where k turns over, exp must not fall */
    for (int i = -4000; i <= 4000; i++) {
        double x = 0.34657359027997265 * (1 + i * DBL_EPSILON), e = exp_of(x);
        cr_assert(e >= last * (1 - 2 * DBL_EPSILON));
        last = e;
    }
}
