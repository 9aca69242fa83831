/* A subproblem solved on the residual against the same on its couplings, and both against long double. */
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 50, P = 60, M = 18, TRIES = 60 };

static const double TOLERANCE = 1e-11;

struct fixture {
    struct design design;
    struct lasso_spec spec;
    struct lasso *lasso;
    void *common, *scratch;
    int64_t variables[M];
    double b[M];                  /* as committed */
    double w0[M], q0[M], l1[M], l2[M], c[M * M];
    double w[M], q[M];
};

static long double centred(const struct fixture *f, int64_t j, int64_t i)
{
    return f->design.x[j * N + i] - (long double)f->lasso->mean[j];
}

/* r = y - X b, by a commit. */
static void commit(struct fixture *f)
{
    struct {
        struct lasso_commit head;
        int64_t variable[M];
        double value[M];
    } bytes = { .head = { .kind = LASSO_MOVE, .t = 1, .count = M } };
    memcpy(bytes.variable, f->variables, sizeof bytes.variable);
    memcpy(bytes.value, f->b, sizeof bytes.value);
    cr_assert_eq(lasso_apply(f->lasso, f->common, NULL, f->scratch, 1,
                             (struct rondo_bytes){ &bytes, sizeof bytes }), RONDO_OK);
}

static void choose(struct fixture *f, struct dice *dice)
{
    bool taken[P] = { false };
    double root = sqrt((double)N), l1 = 0.02 + 0.3 * dice_unit(dice);
    double l2 = dice_unit(dice) < 0.5 ? 0 : 0.1;
    for (int i = 0; i < M; i++) {
        int64_t j = dice_below(dice, P);
        while (taken[j])
            j = (j + 1) % P;
        taken[j] = true;
        f->variables[i] = j;
        double unit = f->lasso->scale[j] > 0 ? root / f->lasso->scale[j] : 0;
        f->w0[i] = unit > 0 && dice_unit(dice) < 0.4 ? dice_normal(dice) : 0;
        f->b[i] = f->w0[i] * unit;
        f->l1[i] = unit > 0 ? l1 * unit : HUGE_VAL;
        f->l2[i] = l2 * unit * unit;
    }
}

/* Couplings, and the gradient at w0 in the block's coordinates. */
static void lay_out(struct fixture *f)
{
    long double r[N], root = sqrtl((long double)N);
    for (int i = 0; i < N; i++) {
        r[i] = f->lasso->y[i];
        for (int k = 0; k < M; k++)
            r[i] -= centred(f, f->variables[k], i) * f->b[k];
    }
    for (int a = 0; a < M; a++) {
        long double dot = 0, scale = f->lasso->scale[f->variables[a]];
        for (int i = 0; i < N; i++)
            dot += centred(f, f->variables[a], i) * r[i];
        f->q0[a] = scale > 0 ? (double)(-dot / root / scale) : 0;
        for (int k = 0; k < M; k++) {
            long double sum = 0, scales = scale * f->lasso->scale[f->variables[k]];
            for (int i = 0; i < N; i++)
                sum += centred(f, f->variables[a], i) * centred(f, f->variables[k], i);
            f->c[a * M + k] = a == k ? 1 : scales > 0 ? (double)(sum / scales) : 0;
        }
    }
}

/* The quadratic's change from w0, then with the penalty's; the worst violation at w. */
static void measure(const struct fixture *f, const double *w, long double *change,
                    long double *objective, long double *violation)
{
    *change = *objective = *violation = 0;
    for (int a = 0; a < M; a++) {
        long double q = f->q0[a], e = (long double)w[a] - f->w0[a];
        for (int k = 0; k < M; k++)
            q += f->c[a * M + k] * ((long double)w[k] - f->w0[k]);
        *change += 0.5L * e * (f->q0[a] + q);
        if (w[a] != 0)
            *objective += f->l1[a] * fabsl((long double)w[a]) + 0.5L * f->l2[a] * w[a] * w[a];
        *violation = fmaxl(*violation, lasso_violation(w[a], (double)q, f->l1[a], f->l2[a], false));
    }
    *objective += *change;
}

static struct lasso_block block_of(struct fixture *f, bool couplings)
{
    memcpy(f->w, f->w0, sizeof f->w);
    memcpy(f->q, f->q0, sizeof f->q);
    return (struct lasso_block){ .count = M, .couplings = couplings ? f->c : NULL, .w = f->w,
                                 .q = f->q, .l1 = f->l1, .l2 = f->l2, .tolerance = TOLERANCE,
                                 .mode = LASSO_SOLVE };
}

static void compare(struct fixture *f, int try)
{
    struct lasso_slice *slice = f->common, before = *slice;
    struct rondo_buf room = { 0 };
    double kept[N];
    long double change[2], objective[2], violation[2];
    struct lasso_block on_rows = block_of(f, false);
    memcpy(kept, slice->r, sizeof kept);
    int64_t steps = lasso_solve_on_rows(f->lasso, slice, f->scratch, f->variables, &on_rows);
    cr_assert_geq(steps, 0);
    cr_assert_arr_eq(slice->r, kept, sizeof kept);
    cr_assert_arr_eq(slice->sums, before.sums, sizeof before.sums);
    cr_assert_arr_eq(f->q, f->q0, sizeof f->q);
    measure(f, f->w, &change[0], &objective[0], &violation[0]);
    cr_assert(fabsl(change[0] - on_rows.change) <= 1e-12L * (1 + fabsl(change[0])),
              "try %d: %Lg, and not %g", try, change[0], on_rows.change);
    struct lasso_block on_couplings = block_of(f, true);
    cr_assert_geq(lasso_solve(f->lasso, &on_couplings, &room), 0);
    measure(f, f->w, &change[1], &objective[1], &violation[1]);
    for (int i = 0; i < 2; i++) /* the last pass moves on: each of its steps is at most the tolerance */
        cr_assert(violation[i] <= (M + 1) * TOLERANCE, "try %d: %s violates by %Lg", try,
                  i ? "solve" : "rows", violation[i]);
    cr_assert(fabsl(objective[0] - objective[1]) <= 1e-12L * (1 + fabsl(objective[0])),
              "try %d: %Lg apart", try, objective[0] - objective[1]);
    cr_assert(steps > 0 || objective[0] == objective[1]);
    buf_fini(&room);
}

Test(rows, the_residual_and_the_couplings_lead_to_one_minimum)
{
    static const char *const isa[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };
    struct dice dice = { .seed = 815 };
    for (int try = 0; try < TRIES; try++) {
        static struct fixture f;
        struct rondo_error err;
        bool sparse = try & 1;
        struct design_options options = {
            .n = N, .p = P, .rho = dice_unit(&dice) < 0.5 ? 0.3 : 0.9, .noise = 1,
            .constants = 0.1, .duplicates = 0.2, .zeros = sparse ? 0.7 : 0, .sparse = sparse,
        };
        f = (struct fixture){ .lasso = NULL };
        design_make(&f.design, &dice, &options);
        f.spec = lasso_spec_plain(&f.design);
        f.spec.intercept = try & 2;
        f.spec.isa = isa[try / 4 % levels()];
        f.lasso = lasso_drive_open(&f.spec, &err);
        cr_assert_not_null(f.lasso, "%s", err.what);
        cr_assert_eq(lasso_common_create(f.lasso, 0, &f.common, &err), RONDO_OK);
        cr_assert_eq(lasso_scratch_create(f.lasso, &f.scratch, &err), RONDO_OK);
        choose(&f, &dice);
        commit(&f);
        lay_out(&f);
        compare(&f, try);
        lasso_slice_destroy(f.lasso, f.common);
        lasso_scratch_free(f.lasso, f.scratch);
        lasso_app.close(f.lasso);
        design_fini(&f.design);
    }
}
