/* Inner products that are kept: those of the rows that a fold has, and the same bits whatever was asked for
 * before and whatever had to be forgotten. */
#include "tests/support/lasso_drive.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 70, P = 150, M = 90, FOLDS = 3, FORMS = 3 };

struct fixture {
    struct dice dice;
    struct design design;
    struct lasso_spec spec;
    struct lasso *lasso;
    struct rondo_host host; /* with a memory of its own */
    double weights[N], sum[M], unit[M], out[M * M];
    int64_t list[M];
};

static int64_t budget;

static int64_t memory(const struct rondo_job *job RONDO_UNUSED)
{
    return budget;
}

/* Dense, dense with weights, packed. */
static void begin(struct fixture *f, int form)
{
    struct rondo_error err;
    design_init(&f->design, N, P);
    for (int64_t i = 0; i < N * P; i++)
        f->design.x[i] = form == 2 ? floor(3 * dice_unit(&f->dice)) : 2 + dice_normal(&f->dice);
    for (int64_t i = 0; i < N; i++) {
        f->design.y[i] = f->design.x[i] + dice_normal(&f->dice);
        f->weights[i] = 0.1 + dice_unit(&f->dice);
    }
    if (form == 2)
        design_bind_packed(&f->design, &f->dice, 0);
    else
        design_bind(&f->design, false);
    f->spec = lasso_spec_plain(&f->design);
    f->spec.points = 3;
    f->spec.folds = FOLDS;
    f->spec.weights = lasso_vector_of(f->weights, form == 1 ? N : 0);
    f->lasso = lasso_drive_open(&f->spec, &err);
    cr_assert_not_null(f->lasso, "%s", err.what);
    f->host = *lasso_drive_host();
    f->host.memory = memory;
    for (int s = 0; s <= FOLDS; s++)
        f->lasso->view[s].host = &f->host;
    for (int k = 0; k < M; k++) {
        f->sum[k] = dice_normal(&f->dice);
        f->unit[k] = 0.5 + dice_unit(&f->dice);
    }
}

/* `count` of the variables, ascending. */
static int64_t choose(struct fixture *f, int64_t count)
{
    int64_t chosen = 0;
    for (int64_t j = 0; j < P && chosen < count; j++)
        if (dice_unit(&f->dice) * (double)(P - j) < (double)(count - chosen))
            f->list[chosen++] = j;
    return chosen;
}

static void ask(struct fixture *f, int stage, void *scratch, int64_t count)
{
    memset(f->out, 0, sizeof f->out);
    cr_assert_eq(lasso_products(&f->lasso->view[stage], scratch, count, f->list, f->sum, f->unit, f->out),
                 RONDO_OK);
}

static void *scratch_of(struct fixture *f)
{
    struct rondo_error err;
    void *scratch;
    cr_assert_eq(lasso_scratch_create(f->lasso, &scratch, &err), RONDO_OK);
    return scratch;
}

static void hold_to_truth(const struct fixture *f, int stage, int64_t count)
{
    const double *v = f->lasso->view[stage].rows.v, *x = f->design.x;
    for (int64_t a = 0; a < count; a++)
        for (int64_t b = 0; b < count; b++) {
            long double sum = 0;
            for (int64_t i = 0; i < N; i++)
                sum += (long double)v[i] * x[f->list[a] * N + i] * x[f->list[b] * N + i];
            sum = (sum - (long double)f->sum[a] * f->sum[b]) * f->unit[a] * f->unit[b];
            cr_assert(fabsl(sum - f->out[a * count + b]) <= 1e-12L * N * 10, "stage %d, %d and %d: %g, not %Lg",
                      stage, (int)a, (int)b, f->out[a * count + b], sum);
        }
}

/* Memory for 100 columns: of a row of many requests some are forgotten again and again. */
static int64_t scarce(const struct fixture *f, int form)
{
    int64_t numbers = 100 * 101 / 2 + (form ? 100 * N : 0);
    int64_t shadows = f->lasso->code ? P * f->lasso->stride : 0;
    return 2 * ((FOLDS + 1) * numbers * (int64_t)sizeof(double) + shadows);
}

Test(products, bits_are_those_of_the_pair_whatever_is_kept_beside_it)
{
    static struct fixture f;
    static double first[M * M];
    f.dice.seed = 17;
    for (int form = 0; form < FORMS; form++) {
        begin(&f, form);
        budget = scarce(&f, form);
        int64_t most = lasso_products_most(&f.lasso->view[0]);
        cr_assert(most >= 99 && most <= 101, "%d", (int)most);
        void *old = scratch_of(&f);
        for (int try = 0; try < 24; try++) {
            int stage = try % (FOLDS + 1);
            void *fresh = scratch_of(&f);
            int64_t count = choose(&f, 1 + (int64_t)(dice_unit(&f.dice) * M));
            ask(&f, stage, fresh, count);
            hold_to_truth(&f, stage, count);
            memcpy(first, f.out, sizeof first);
            ask(&f, stage, old, count);
            cr_assert_eq(memcmp(first, f.out, sizeof first), 0, "form %d, try %d", form, try);
            lasso_scratch_free(f.lasso, fresh);
        }
        lasso_scratch_free(f.lasso, old);
        lasso_app.close(f.lasso);
        design_fini(&f.design);
    }
}

Test(products, of_no_columns_there_are_none)
{
    static struct fixture f;
    f.dice.seed = 19;
    begin(&f, 0);
    budget = INT64_C(1) << 30;
    void *scratch = scratch_of(&f);
    ask(&f, 1, scratch, 0);
    cr_expect_eq(f.out[0], 0);
    lasso_scratch_free(f.lasso, scratch);
    lasso_app.close(f.lasso);
    design_fini(&f.design);
}

Test(products, without_memory_or_with_another_loss_there_are_none)
{
    static struct fixture f;
    f.dice.seed = 18;
    begin(&f, 0);
    budget = 0;
    cr_expect_eq(lasso_products_most(&f.lasso->view[1]), 0);
    budget = INT64_C(1) << 30;
    cr_expect_eq(lasso_products_most(&f.lasso->view[1]), P);
    f.lasso->view[1].loss = &lasso_logistic_v2;
    cr_expect_eq(lasso_products_most(&f.lasso->view[1]), 0);
    lasso_app.close(f.lasso);
    design_fini(&f.design);
}
