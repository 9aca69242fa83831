/* A block under a loss: what it promises is what comes, and sparse, dense and packed columns lead to one
 * minimum. */
#include "tests/support/glm_truth.h"
#include "tests/support/levels.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 90, P = 40, M = 25, FORMS = 3, TRIES = 96 };

static const char *const losses[] = { "squared", "logistic", "huber", "poisson" };
static const char *const forms[FORMS] = { "dense", "sparse", "packed" };

struct fixture {
    struct dice dice;
    struct design design[FORMS]; /* the same x */
    double weights[N], factors[P];
    struct lasso_spec spec;
    struct lasso *lasso;
    void *common, *scratch;
    struct rondo_buf result;
    int64_t variables[M];
    double b[P], b0;             /* as committed */
    double l1, l2;
};

/* Genotypes of which some columns repeat and one is constant; y of the loss's kind. */
static void make_data(struct fixture *f, int loss)
{
    struct design *first = &f->design[0];
    for (int form = 0; form < FORMS; form++)
        design_init(&f->design[form], N, P);
    for (int64_t j = 0; j < P; j++) {
        double often = 0.1 + 0.5 * dice_unit(&f->dice);
        for (int64_t i = 0; i < N; i++)
            first->x[j * N + i] = (double)((dice_unit(&f->dice) < often) + (dice_unit(&f->dice) < often));
        if (j % 9 == 4)
            memcpy(first->x + j * N, first->x + (j - 1) * N, N * sizeof(double));
        for (int64_t i = 0; i < N && j == 7; i++)
            first->x[j * N + i] = 1;
    }
    for (int64_t i = 0; i < N; i++) {
        double z = first->x[i] - first->x[2 * N + i] + 0.5 * dice_normal(&f->dice);
        first->y[i] = loss == 1 ? z > 0.1 : loss == 3 ? floor(exp(z)) : z;
        f->weights[i] = dice_unit(&f->dice) < 0.1 ? 0 : 2 * dice_unit(&f->dice);
    }
    for (int form = 1; form < FORMS; form++) {
        memcpy(f->design[form].x, first->x, N * P * sizeof(double));
        memcpy(f->design[form].y, first->y, N * sizeof(double));
    }
    design_bind(&f->design[0], false);
    design_bind(&f->design[1], true);
    design_bind_packed(&f->design[2], &f->dice, 0);
}

static void begin(struct fixture *f, int try, const struct design *design)
{
    static const char *const isa[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };
    struct rondo_error err;
    f->spec = lasso_spec_plain(design);
    f->spec.loss = losses[try % 4];
    f->spec.huber_delta = 0.4;
    f->spec.isa = isa[try / 4 % levels()];
    f->spec.intercept = try & 8;
    f->spec.weights = lasso_vector_of(f->weights, try & 16 || try % 4 == 0 ? N : 0);
    f->spec.factors = lasso_vector_of(f->factors, try & 32 ? P : 0);
    f->spec.nonnegative = try % 5 == 4;
    f->spec.standardize = try % 7 == 6;
    f->lasso = lasso_drive_open(&f->spec, &err);
    cr_assert_not_null(f->lasso, "%s", err.what);
    cr_assert_eq(lasso_common_create(f->lasso, 0, &f->common, &err), RONDO_OK);
    cr_assert_eq(lasso_scratch_create(f->lasso, &f->scratch, &err), RONDO_OK);
    f->result = (struct rondo_buf){ 0 };
}

static void end(struct fixture *f)
{
    lasso_slice_destroy(f->lasso, f->common);
    lasso_scratch_free(f->lasso, f->scratch);
    lasso_app.close(f->lasso);
    buf_fini(&f->result);
}

/* The block's variables and where they stand: the same for all forms. */
static void choose(struct fixture *f, bool nonnegative)
{
    double free = dice_unit(&f->dice);
    for (int64_t j = 0; j < P; j++) {
        f->factors[j] = 0.3 + free * dice_unit(&f->dice);
        f->b[j] = j != 7 && dice_unit(&f->dice) < 0.2 ? 0.2 * dice_normal(&f->dice) : 0;
        f->b[j] = nonnegative ? fabs(f->b[j]) : f->b[j];
    }
    for (int64_t i = 0; i < M; i++) /* the rest stays where it is */
        f->variables[i] = i * P / M;
    f->b0 = 0.1 * dice_normal(&f->dice);
    f->l1 = 0.003 + 0.05 * dice_unit(&f->dice);
    f->l2 = dice_unit(&f->dice) < 0.5 ? 0 : 0.02;
}

static void commit(struct fixture *f, double b0)
{
    struct {
        struct lasso_commit head;
        int64_t variable[P];
        double value[P];
    } bytes = { .head = { .kind = LASSO_FRESH, .t = 1, .b0 = b0, .count = P } };
    for (int64_t j = 0; j < P; j++)
        bytes.variable[j] = j;
    memcpy(bytes.value, f->b, sizeof f->b);
    cr_assert_eq(lasso_apply(f->lasso, f->common, NULL, f->scratch, 1,
                             (struct rondo_bytes){ &bytes, sizeof bytes }), RONDO_OK);
}

/* The intercept of the model as people have it: eta = offset + b0 + (X - 1 m')b. */
static long double intercept_of(const struct fixture *f, double b0)
{
    long double sum = f->lasso->offset[0] + (long double)b0;
    for (int64_t j = 0; j < P; j++)
        sum -= (long double)f->lasso->mean[j] * f->b[j];
    return sum;
}

static long double objective(const struct fixture *f, double b0)
{
    struct glm glm;
    glm_init(&glm, &f->spec, NULL, 0);
    long double value = glm_objective(&glm, f->l1, f->l2, f->b, intercept_of(f, b0));
    glm_fini(&glm);
    return value;
}

/* Solves, takes the answer; what it promises. */
static double solve(struct fixture *f, double tolerance, double *b0)
{
    struct {
        struct lasso_brief head;
        double b[M];
    } brief = { .head = { .l1 = f->l1, .l2 = f->l2, .tolerance = tolerance, .mode = LASSO_SOLVE } };
    for (int i = 0; i < M; i++)
        brief.b[i] = f->b[f->variables[i]];
    struct rondo_task task = { .tag = LASSO_BLOCK, .count = M, .variables = f->variables,
                               .brief = { &brief, sizeof brief } };
    cr_assert_eq(lasso_outer_pull(f->lasso, f->common, f->scratch, &task, &f->result), RONDO_OK);
    const struct lasso_answer *answer = (const struct lasso_answer *)(const void *)f->result.data;
    const double *b = (const double *)(answer + 1);
    for (int i = 0; i < M; i++)
        f->b[f->variables[i]] = b[i];
    *b0 += answer->shift;
    return answer->descent;
}

static const double ROUGH = 1e-2, FINE = 1e-9;

/* From rough to fine; F at the end. */
static long double descend(struct fixture *f, const char *what)
{
    double b0 = f->spec.intercept ? f->b0 : 0;
    commit(f, b0);
    long double last = objective(f, b0), start = last;
    for (double tolerance = ROUGH; tolerance >= FINE; tolerance *= 0.1) {
        double promised = solve(f, tolerance, &b0);
        long double now = objective(f, b0);
        cr_expect(now <= last + 1e-15L * start, "%s: F rises by %Lg", what, now - last);
        cr_expect(fabsl(last - now - promised) <= 1e-13L * start, "%s: %Lg comes, and %g was promised", what,
                  last - now, promised);
        for (int64_t j = 0; j < P; j++)
            cr_expect(isfinite(f->b[j]) && !(f->spec.nonnegative && f->b[j] < 0), "%s: b[%d] is %g", what, (int)j,
                      f->b[j]);
        cr_expect(f->spec.intercept || !(b0 > 0 || b0 < 0), "%s", what);
        last = now;
        commit(f, b0);
    }
    cr_expect_eq(solve(f, 10 * FINE, &b0), 0.0, "%s: what is solved moves no more", what);
    return last;
}

Test(outer, what_is_promised_comes_and_columns_of_all_kinds_lead_to_one_minimum)
{
    static struct fixture f;
    f.dice.seed = 91;
    for (int try = 0; try < TRIES; try++) {
        long double value[FORMS];
        double from[P];
        make_data(&f, try % 4);
        choose(&f, try % 5 == 4);
        memcpy(from, f.b, sizeof from);
        for (int form = 0; form < FORMS; form++) {
            char what[80];
            snprintf(what, sizeof what, "try %d, %s, %s", try, losses[try % 4], forms[form]);
            memcpy(f.b, from, sizeof from);
            begin(&f, try, &f.design[form]);
            value[form] = descend(&f, what);
            end(&f);
        }
        for (int form = 1; form < FORMS; form++)
            cr_expect(fabsl(value[form] - value[0]) <= 1e-11L * (1 + value[0]), "try %d, %s, %s: %.15Lg, not %.15Lg",
                      try, losses[try % 4], forms[form], value[form], value[0]);
        for (int form = 0; form < FORMS; form++)
            design_fini(&f.design[form]);
    }
}

/* No block at all, the brief of another, and a column that says nothing. */
Test(outer, what_does_not_fit_is_an_error)
{
    static struct fixture f;
    f.dice.seed = 92;
    make_data(&f, 1);
    choose(&f, false);
    begin(&f, 9, &f.design[0]);
    commit(&f, 0);
    struct lasso_brief brief = { .l1 = 0.1, .tolerance = 1e-6 };
    struct rondo_task task = { .tag = LASSO_BLOCK, .count = 1, .variables = (int64_t[]){ 7 },
                               .brief = { &brief, sizeof brief } };
    cr_expect_eq(lasso_outer_pull(f.lasso, f.common, f.scratch, &task, &f.result), RONDO_EAPP);
    struct {
        struct lasso_brief head;
        double b;
    } one = { .head = brief };
    task.brief = (struct rondo_bytes){ &one, sizeof one };
    cr_expect_eq(lasso_outer_pull(f.lasso, f.common, f.scratch, &task, &f.result), RONDO_OK);
    const struct lasso_answer *answer = (const struct lasso_answer *)(const void *)f.result.data;
    cr_expect_eq(((const double *)(answer + 1))[0], 0.0, "a constant column moves");
    end(&f);
    for (int form = 0; form < FORMS; form++)
        design_fini(&f.design[form]);
}
