/* The null model against Newton's method in long double, and r made orthogonal to what no penalty holds. */
#include "tests/support/glm_truth.h"
#include "tests/support/levels.h"

#include "apps/lasso/head.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 70, P = 9, FREE_MOST = 4 };

static const char *const losses[] = { "squared", "logistic", "huber", "poisson" };

struct fixture {
    struct dice dice;
    struct design design;
    struct lasso_spec spec;
    double weights[N], factors[P];
    struct lasso *lasso;
    struct rondo_error err;
};

/* y of the loss's kind, which columns 0 .. frees - 1 explain in part; these have no penalty. */
static void begin(struct fixture *f, int loss, int frees, bool intercept, bool weights, bool sparse)
{
    design_init(&f->design, N, P);
    for (int64_t i = 0; i < N * P; i++)
        f->design.x[i] = sparse && dice_unit(&f->dice) < 0.6 ? 0 : dice_normal(&f->dice) + 0.3;
    for (int64_t i = 0; i < N; i++) {
        double z = 0.4 + 0.5 * f->design.x[i] - 0.3 * f->design.x[N + i] + 0.8 * dice_normal(&f->dice);
        f->design.y[i] = loss == 1 ? z > 0.2 : loss == 3 ? floor(exp(z)) : z;
        f->weights[i] = dice_unit(&f->dice) < 0.1 ? 0 : 0.2 + dice_unit(&f->dice);
    }
    for (int64_t j = 0; j < P; j++)
        f->factors[j] = j < frees ? 0 : 1;
    f->spec = lasso_spec_plain(&f->design);
    f->spec.loss = losses[loss];
    f->spec.intercept = intercept;
    f->spec.weights = lasso_vector_of(f->weights, weights ? N : 0);
    f->spec.factors = lasso_vector_of(f->factors, frees ? P : 0);
    if (loss == 0 && !weights && !frees)
        f->spec.fold_of = lasso_vector_of(f->weights, 0), f->spec.folds = 2; /* else there is no null model */
    f->lasso = NULL;
}

static void bind(struct fixture *f, bool sparse)
{
    design_bind(&f->design, sparse);
    f->lasso = lasso_drive_open(&f->spec, &f->err);
}

static void end(struct fixture *f)
{
    if (f->lasso)
        lasso_app.close(f->lasso);
    design_fini(&f->design);
}

/* ---- Newton in long double ------------------------------------------------------------------------------ */

struct fit {
    int count;
    long double a[FREE_MOST + 1];
    long double eta[N];
};

static long double column(const struct fixture *f, int k, int64_t i)
{
    int first = f->spec.intercept ? 1 : 0;
    return k < first ? 1 : f->design.x[(k - first) * N + i];
}

static long double loss_at(const struct glm *glm, const long double *eta)
{
    long double sum = 0;
    for (int64_t i = 0; i < N; i++)
        sum += glm->v[i] > 0 ? glm->v[i] * glm_loss(glm, i, eta[i]) : 0;
    return sum;
}

/* x = G^-1 x by Gauss, the largest pivot first. */
static void gauss(int k, long double g[FREE_MOST + 1][FREE_MOST + 1], long double *x)
{
    for (int a = 0; a < k; a++) {
        int best = a;
        for (int b = a; b < k; b++)
            best = fabsl(g[b][a]) > fabsl(g[best][a]) ? b : best;
        for (int c = 0; c < k; c++) {
            long double swap = g[a][c];
            g[a][c] = g[best][c];
            g[best][c] = swap;
        }
        long double swap = x[a];
        x[a] = x[best];
        x[best] = swap;
        for (int b = a + 1; b < k; b++) {
            long double factor = g[b][a] / g[a][a];
            for (int c = a; c < k; c++)
                g[b][c] -= factor * g[a][c];
            x[b] -= factor * x[a];
        }
    }
    for (int a = k; a-- > 0;) {
        for (int c = a + 1; c < k; c++)
            x[a] -= g[a][c] * x[c];
        x[a] /= g[a][a];
    }
}

static void newton(const struct fixture *f, const struct glm *glm, int frees, struct fit *fit)
{
    *fit = (struct fit){ .count = frees + f->spec.intercept };
    for (int turn = 0; turn < 400; turn++) {
        long double g[FREE_MOST + 1][FREE_MOST + 1] = { { 0 } }, x[FREE_MOST + 1] = { 0 }, to[N], t = 1, most = 0;
        for (int64_t i = 0; i < N; i++)
            for (int a = 0; a < fit->count && glm->v[i] > 0; a++) {
                x[a] -= glm->v[i] * glm_slope(glm, i, fit->eta[i]) * column(f, a, i);
                for (int b = 0; b < fit->count; b++)
                    g[a][b] += glm->v[i] * glm_curvature(glm, i, fit->eta[i]) * column(f, a, i) * column(f, b, i);
            }
        gauss(fit->count, g, x);
        for (int halved = 0; halved < 60; halved++, t /= 2) {
            for (int64_t i = 0; i < N; i++) {
                to[i] = fit->eta[i];
                for (int a = 0; a < fit->count; a++)
                    to[i] += t * x[a] * column(f, a, i);
            }
            if (loss_at(glm, to) <= loss_at(glm, fit->eta))
                break;
        }
        for (int a = 0; a < fit->count; a++)
            fit->a[a] += t * x[a];
        for (int a = 0; a < fit->count; a++)
            most = fmaxl(most, fabsl(x[a]));
        memcpy(fit->eta, to, sizeof to);
        if (most < 1e-14L)
            break;
    }
}

static void check(struct fixture *f, int frees, const char *what)
{
    struct glm glm;
    static struct fit fit;
    const struct lasso *lasso = f->lasso;
    glm_init(&glm, &f->spec, NULL, 0);
    newton(f, &glm, frees, &fit);
    long double value = loss_at(&glm, fit.eta) / N;
    cr_expect(fabsl(value - lasso->null_objective) <= 1e-13L * (1 + value), "%s: F %.17g, and not %.17Lg", what,
              lasso->null_objective, value);
    cr_assert_eq(lasso->frame.count, fit.count);
    for (int a = 0; a < fit.count; a++)
        cr_expect(fabsl(fit.a[a] - lasso->frame.b[a]) <= 1e-7L * (1 + fabsl(fit.a[a])),
                  "%s: a[%d] %.17g, and not %.17Lg", what, a, lasso->frame.b[a], fit.a[a]);
    for (int64_t i = 0; i < N; i++) {
        long double pull = -glm.v[i] * glm_slope(&glm, i, lasso->offset[i]);
        cr_expect(fabsl(fit.eta[i] - lasso->offset[i]) <= 1e-7L * (1 + fabsl(fit.eta[i])), "%s: row %d", what,
                  (int)i);
        cr_expect(fabsl(pull - lasso->y[i]) <= 1e-7L * (1 + fabsl(pull)), "%s: pull of row %d is %g, and not %Lg",
                  what, (int)i, lasso->y[i], pull);
    }
    for (int a = 0; a < fit.count; a++) { /* orthogonal to all digits, so that y is a dual point */
        long double dot = 0, size = 0;
        for (int64_t i = 0; i < N; i++) {
            dot += lasso->y[i] * column(f, a, i);
            size += fabsl(lasso->y[i] * column(f, a, i));
        }
        cr_expect(fabsl(dot) <= 1e-14L * size, "%s: column %d, %Lg of %Lg", what, a, dot, size);
    }
    glm_fini(&glm);
}

Test(null, is_that_of_newton)
{
    static struct fixture f;
    f.dice.seed = 61;
    for (int loss = 0; loss < 4; loss++)
        for (int frees = 0; frees <= FREE_MOST; frees += 2)
            for (int way = 0; way < 8; way++) {
                char what[80];
                snprintf(what, sizeof what, "%s, %d columns%s%s%s", losses[loss], frees,
                         way & 1 ? ", intercept" : "", way & 2 ? ", weights" : "", way & 4 ? ", sparse" : "");
                begin(&f, loss, frees, way & 1, way & 2, way & 4);
                bind(&f, way & 4);
                cr_assert_not_null(f.lasso, "%s: %s", what, f.err.what);
                check(&f, frees, what);
                end(&f);
            }
}

/* ---- counts that are large --------------------------------------------------------------------------------- */

Test(null, of_counts_however_large)
{
    static struct fixture f;
    f.dice.seed = 62;
    for (int k = 0; k <= 15; k += 3) {
        begin(&f, 3, 0, true, false, false);
        long double mean = 0;
        for (int64_t i = 0; i < N; i++) {
            f.design.y[i] = floor(pow(10, k) * dice_unit(&f.dice));
            mean += f.design.y[i] / N;
        }
        if (!(mean > 0)) { /* 10^0 */
            f.design.y[0] = N;
            mean = 1;
        }
        bind(&f, false);
        cr_assert_not_null(f.lasso, "%s", f.err.what);
        cr_expect(fabsl(f.lasso->frame.b[0] - logl(mean)) < 1e-9L, "10^%d: %.17g, and not %.17Lg", k,
                  f.lasso->frame.b[0], logl(mean));
        end(&f);
    }
}

/* ---- columns that repeat another ----------------------------------------------------------------------------- */

static void check_collinear(struct fixture *f)
{
    for (int loss = 0; loss < 4; loss++) {
        begin(f, loss, 4, true, loss & 1, false);
        double *x = f->design.x;
        for (int64_t i = 0; i < N; i++) {
            x[2 * N + i] = 3 * x[i] - 2; /* with the intercept no new direction */
            x[3 * N + i] = x[i] + x[N + i];
        }
        bind(f, false);
        cr_assert_not_null(f->lasso, "%s: %s", losses[loss], f->err.what);
        struct glm glm;
        static struct fit fit;
        glm_init(&glm, &f->spec, NULL, 0);
        newton(f, &glm, 2, &fit);
        long double value = loss_at(&glm, fit.eta) / N;
        cr_expect(fabsl(value - f->lasso->null_objective) <= 1e-12L * (1 + value), "%s: %.17g, and not %.17Lg",
                  losses[loss], f->lasso->null_objective, value);
        for (int a = 0; a < 5; a++) {
            long double dot = 0, size = 0;
            for (int64_t i = 0; i < N; i++) {
                dot += f->lasso->y[i] * column(f, a, i);
                size += fabsl(f->lasso->y[i] * column(f, a, i));
            }
            cr_expect(fabsl(dot) <= 1e-13L * size, "%s: column %d, %Lg of %Lg", losses[loss], a, dot, size);
        }
        glm_fini(&glm);
        end(f);
    }
}

Test(null, columns_that_others_explain_change_nothing)
{
    static struct fixture f;
    f.dice.seed = 63;
    check_collinear(&f);
}

/* ---- lasso_project ---------------------------------------------------------------------------------------------- */

Test(null, a_projected_pull_is_orthogonal)
{
    static struct fixture f;
    double r[N], h[N], was[N], room[LASSO_FRAME_ROOM(FREE_MOST + 1)];
    f.dice.seed = 64;
    begin(&f, 1, FREE_MOST, true, false, false);
    bind(&f, false);
    cr_assert_not_null(f.lasso, "%s", f.err.what);
    for (int try = 0; try < 200; try++) {
        for (int64_t i = 0; i < N; i++) {
            r[i] = was[i] = dice_normal(&f.dice);
            h[i] = dice_unit(&f.dice) < 0.2 ? 0 : pow(10, -6 * dice_unit(&f.dice));
        }
        cr_assert(lasso_project(f.lasso, h, r, room));
        for (int a = 0; a < f.lasso->frame.count; a++) {
            long double dot = 0, size = 0;
            for (int64_t i = 0; i < N; i++) {
                dot += (long double)f.lasso->frame.z[a * N + i] * r[i];
                size += fabsl((long double)f.lasso->frame.z[a * N + i] * r[i]);
            }
            cr_assert(fabsl(dot) <= 1e-13L * size, "try %d, column %d: %Lg of %Lg", try, a, dot, size);
        }
        for (int64_t i = 0; i < N; i++) /* along H Z alone: where there is no curvature r stays */
            cr_assert(h[i] > 0 || (r[i] >= was[i] && r[i] <= was[i]));
    }
    for (int64_t i = 0; i < N; i++) {
        h[i] = 0;
        r[i] = dice_normal(&f.dice);
    }
    cr_assert_not(lasso_project(f.lasso, h, r, room), "nothing can be made orthogonal without curvature");
    end(&f);
}

/* Z'HZ in panels of columns and parts of rows, none of them full: Z'(H u - r) = 0 in long double. */
Test(null, many_columns_take_a_newton_step_together)
{
    enum { ROWS = 1300, COLUMNS = 85, FREE = 77 };
    static double factors[COLUMNS], r[ROWS], h[ROWS], u[ROWS], room[LASSO_FRAME_ROOM(FREE + 1)];
    struct dice dice = { .seed = 67 };
    struct design design;
    struct rondo_error err = { 0 };
    design_init(&design, ROWS, COLUMNS);
    for (int64_t i = 0; i < ROWS * COLUMNS; i++)
        design.x[i] = dice_normal(&dice) + (i >= ROWS ? 0.5 * design.x[i - ROWS] : 0);
    for (int64_t i = 0; i < ROWS; i++) {
        design.y[i] = design.x[i] + dice_normal(&dice) > 0;
        r[i] = dice_normal(&dice);
        h[i] = dice_unit(&dice) < 0.2 ? 0 : pow(10, -3 * dice_unit(&dice));
    }
    for (int64_t j = 0; j < COLUMNS; j++)
        factors[j] = j < FREE ? 0 : 1;
    struct lasso_spec spec = lasso_spec_plain(&design);
    spec.loss = "logistic";
    spec.factors = lasso_vector_of(factors, COLUMNS);
    design_bind(&design, false);
    struct lasso *lasso = lasso_drive_open(&spec, &err);
    cr_assert_not_null(lasso, "%s", err.what);
    cr_assert_eq(lasso->frame.count, FREE + 1);
    double promised = lasso_frame_step(lasso, h, r, room, u);
    long double gain = 0;
    for (int a = 0; a <= FREE; a++) {
        const double *z = lasso->frame.z + a * ROWS;
        long double left = 0, size = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            left += (long double)z[i] * ((long double)h[i] * u[i] - r[i]);
            size += fabsl((long double)z[i] * r[i]);
        }
        cr_expect(fabsl(left) <= 1e-12L * size, "column %d: %Lg of %Lg", a, left, size);
    }
    for (int64_t i = 0; i < ROWS; i++)
        gain += (long double)u[i] * r[i];
    cr_expect(fabsl(gain - promised) <= 1e-12L * gain);
    lasso_app.close(lasso);
    design_fini(&design);
}

/* ---- what has no end --------------------------------------------------------------------------------------------- */

Test(null, classes_that_free_columns_separate_are_refused)
{
    static struct fixture f;
    f.dice.seed = 65;
    for (int weights = 0; weights < 2; weights++) {
        begin(&f, 1, 2, true, weights, false);
        for (int64_t i = 0; i < N; i++)
            f.design.y[i] = f.design.x[N + i] > 0.3;
        bind(&f, false);
        cr_assert_null(f.lasso);
        cr_assert_eq(f.err.code, RONDO_EINPUT);
        cr_assert_not_null(strstr(f.err.what, "without a penalty"), "%s", f.err.what);
        end(&f);
    }
}

/* One side of a column has but one class: the least F is that of the other side, at no finite model. */
Test(null, a_side_that_has_one_class_costs_nothing)
{
    static struct fixture f;
    f.dice.seed = 68;
    begin(&f, 1, 1, true, false, false);
    for (int64_t i = 0; i < N; i++) {
        f.design.x[i] = i < 20;
        f.design.y[i] = i < 20 || i % 2;
    }
    bind(&f, false);
    cr_assert_not_null(f.lasso, "%s", f.err.what);
    cr_assert_float_eq(f.lasso->null_objective, 50 * log(2) / N, 1e-10);
    cr_assert(isfinite(f.lasso->frame.b[1]) && f.lasso->frame.b[1] > 15);
    end(&f);
}

Test(null, a_least_squares_fit_without_rest_is_refused)
{
    static struct fixture f;
    f.dice.seed = 66;
    begin(&f, 0, 2, true, false, false);
    for (int64_t i = 0; i < N; i++)
        f.design.y[i] = 2 - f.design.x[i] + 3 * f.design.x[N + i];
    bind(&f, false);
    cr_assert_null(f.lasso);
    cr_assert_eq(f.err.code, RONDO_EINPUT);
    end(&f);
}

/* ---- what follows from it -------------------------------------------------------------------------------------------- */

static void is_a_set(void *context, const struct lasso *lasso, const struct lasso_head *head,
                     const struct engine_round *round RONDO_UNUSED)
{
    *(int64_t *)context += 1;
    cr_assert_leq(head->at.chosen, lasso->p);
    for (int64_t i = 1; i < head->at.chosen; i++)
        cr_assert_lt(head->working[i - 1], head->working[i], "%d twice", (int)head->working[i]);
}

/* Columns without a penalty are in each working set, once. */
Test(null, its_columns_are_once_in_a_working_set)
{
    static struct fixture f;
    static struct lasso_outcome outcome;
    f.dice.seed = 67;
    for (int loss = 0; loss < 4; loss++) {
        int64_t rounds = 0;
        begin(&f, loss, FREE_MOST, true, false, loss & 1);
        design_bind(&f.design, loss & 1);
        f.spec.lambda_ratio = 1e-3;
        lasso_drive_look(&f.spec, is_a_set, &rounds, &outcome);
        cr_assert_eq(outcome.code, RONDO_OK, "%s", outcome.err.what);
        cr_assert_gt(rounds, 2);
        design_fini(&f.design);
    }
}

/* A column that varies in rows without a weight alone says nothing, whatever rounding makes of its variance. */
Test(null, what_is_constant_where_it_weighs_is_left_out)
{
    static struct fixture f;
    static struct lasso_outcome outcome;
    f.dice.seed = 69;
    for (int sparse = 0; sparse < 2; sparse++)
        for (int loss = 0; loss < 4; loss++) {
            begin(&f, loss, 0, true, true, false);
            for (int64_t i = 0; i < N; i++)
                f.design.x[3 * N + i] = f.weights[i] > 0 ? 0.1 : sparse ? 0 : 7;
            f.spec.standardize = true;
            bind(&f, sparse);
            cr_assert_not_null(f.lasso, "%s", f.err.what);
            cr_expect_eq(f.lasso->scale[3], 0.0, "%s: penalty factor %g", losses[loss], f.lasso->l1_factor[3]);
            lasso_drive_run(&f.spec, NULL, NULL, &outcome);
            cr_expect_str_eq(outcome.stop, "gap", "%s", losses[loss]);
            cr_expect_eq(outcome.b[3], 0.0);
            cr_expect(outcome.lambda < 1, "lambda %g", outcome.lambda);
            end(&f);
        }
}
