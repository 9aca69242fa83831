/* The model's own arithmetic: lambda_max, objective and gap of a sweep, its bytes and its report. */
#include "tests/support/lasso_drive.h"

#include "apps/lasso/head.h"
#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 30, P = 12 };

static void make(struct design *design, uint64_t seed)
{
    struct dice dice = { .seed = seed };
    struct design_options options = { .n = N, .p = P, .rho = 0.6, .noise = 1, .constants = 0.1,
                                      .decades = 2 };
    design_make(design, &dice, &options);
}

static double metric(const struct rondo_report *report, const char *name)
{
    for (int32_t i = 0; i < report->count; i++)
        if (strcmp(report->metric[i].name, name) == 0)
            return report->metric[i].value;
    cr_assert(false, "no %s in the report", name);
    return 0;
}

/* max_j |(x_j - m_j)'y| / n l1_ratio in long double. */
static long double lambda_max(const struct lasso_spec *spec)
{
    const struct design *design = spec->design;
    long double most = 0, mean = 0;
    for (int i = 0; i < N; i++)
        mean += spec->intercept ? (long double)design->y[i] / N : 0;
    for (int j = 0; j < P; j++) {
        long double dot = 0;
        for (int i = 0; i < N; i++)
            dot += design->x[j * N + i] * (design->y[i] - mean);
        most = fmaxl(most, fabsl(dot) / N);
    }
    return most / spec->l1_ratio;
}

/* What the report says after each commit of a run, beside the truth. */
struct watch {
    const struct lasso_spec *spec;
    double lambda;
    long double null, dual;
    int64_t sweeps;
    double before[P];
};

static void on_round(void *context, const struct lasso *lasso RONDO_UNUSED, const double *b,
                     const struct engine_round *round)
{
    struct watch *watch = context;
    long double dual = truth_of(watch->spec, watch->lambda, watch->before).dual;
    memcpy(watch->before, b, sizeof watch->before);
    if (round->kind != RONDO_SWEEP)
        return;
    cr_assert_not_null(round->report);
    struct truth truth = truth_of(watch->spec, watch->lambda, b);
    if (watch->sweeps++ == 0)
        watch->null = truth.objective;
    watch->dual = fmaxl(watch->dual, dual); /* of what the sweep saw; a worst variable moves later */
    double gap = metric(round->report, "gap");
    long double least = (truth.objective - watch->dual) / watch->null;
    int64_t nnz = 0;
    for (int j = 0; j < P; j++)
        nnz += b[j] != 0;
    cr_expect(fabsl(round->report->objective - truth.objective) <= 1e-13L * watch->null);
    /* Never less than the gap of the best dual value; for the lasso exactly that. */
    cr_expect(gap >= least - 1e-13L, "sweep %lld: %g < %Lg", (long long)watch->sweeps, gap, least);
    cr_expect(watch->spec->l1_ratio < 1 || gap <= least + 1e-13L, "sweep %lld: %g > %Lg",
              (long long)watch->sweeps, gap, least);
    cr_expect_eq(metric(round->report, "nnz"), (double)nnz);
    cr_expect_eq(metric(round->report, "sweeps"), (double)watch->sweeps);
    cr_expect_str_eq(round->report->goal, "gap");
}

Test(head, what_a_sweep_says_is_true)
{
    static struct lasso_outcome outcome;
    for (int kind = 0; kind < 16; kind++) {
        struct design design;
        make(&design, 80 + (uint64_t)kind);
        struct lasso_spec spec = lasso_spec_plain(&design);
        spec.intercept = kind & 1;
        spec.l1_ratio = kind & 2 ? 0.4 : 1;
        spec.row_shards = kind & 4 ? 2 : 0;
        spec.blocks = 1;
        spec.block_size = 3;
        spec.lambda_ratio = kind & 8 ? 0.3 : 0.01;
        struct watch watch = { .spec = &spec,
                               .lambda = (double)(spec.lambda_ratio * lambda_max(&spec)) };
        lasso_drive_run(&spec, on_round, &watch, &outcome);
        cr_assert_str_eq(outcome.stop, "gap");
        cr_assert_float_eq(outcome.lambda, watch.lambda, 1e-13 * watch.lambda);
        cr_assert_eq(outcome.sweeps, watch.sweeps);
        cr_assert_geq(watch.sweeps, 2);
        design_fini(&design);
    }
}

Test(head, at_lambda_max_all_is_zero_and_just_below_it_is_not)
{
    static struct lasso_outcome outcome;
    struct design design;
    make(&design, 90);
    struct lasso_spec spec = lasso_spec_plain(&design);
    double most = (double)lambda_max(&spec);
    for (int k = 0; k < 2; k++) {
        int64_t nnz = 0;
        spec.lambda = most * (k ? 1 - 1e-6 : 1 + 1e-12);
        spec.gap = 1e-14;
        lasso_drive_run(&spec, NULL, NULL, &outcome);
        for (int j = 0; j < P; j++)
            nnz += outcome.b[j] != 0;
        cr_assert_eq(nnz, k, "%lld", (long long)nnz);
    }
    design_fini(&design);
}

/* Blocks that overshoot together leave r'y < 0, and both columns below what binds b >= 0: -r is then no
 * dual point, good as its value would be. */
Test(head, an_overshoot_of_nonnegative_columns_proves_nothing)
{
    static struct lasso_outcome outcome;
    struct design design;
    design_init(&design, 4, 2);
    const double x[8] = { 1, -1, 0, 0, 0.45, -0.45, 0.893028554975, -0.893028554975 };
    memcpy(design.x, x, sizeof x);
    for (int i = 0; i < 4; i++)
        design.y[i] = 3 * (x[i] + x[4 + i]);
    design_bind(&design, false);
    for (int intercept = 0; intercept < 2; intercept++) {
        struct lasso_spec spec = lasso_spec_plain(&design);
        spec.intercept = intercept;
        spec.nonnegative = true;
        spec.lambda_ratio = 0.01;
        spec.check = CHECK_NONE;
        spec.blocks = 8;
        lasso_drive_run(&spec, NULL, NULL, &outcome);
        cr_assert_str_eq(outcome.stop, "gap");
        struct truth truth = truth_of(&spec, outcome.lambda, outcome.b);
        cr_expect_leq(outcome.gap, spec.gap);
        long double zero = truth_objective(&spec, outcome.lambda, (double[2]){ 0 });
        cr_expect(truth.objective - truth.dual <= spec.gap * zero, "%Lg, and %Lg is sure",
                  truth.objective, truth.dual);
    }
    design_fini(&design);
}

/* ---- the way to a penalty ----------------------------------------------------------------------- */

struct descent_of_aim {
    double last;
    int64_t steps, near;
};

static void look(void *context, const struct lasso *lasso RONDO_UNUSED, const struct lasso_head *head,
                 const struct engine_round *round)
{
    struct descent_of_aim *it = context;
    cr_assert_geq(head->at.aim, head->at.l1);
    if (round->kind != RONDO_SWEEP)
        return;
    cr_assert_leq(head->at.aim, it->last);
    it->steps += head->at.aim < it->last;
    it->near += head->sweep.notice < head->at.aim;
    cr_assert(head->at.aim <= head->at.l1 || head->sweep.notice >= head->at.aim);
    it->last = head->at.aim;
}

/* Dense columns and a penalty far down: sets are solved for penalties between, the last for it. */
Test(head, a_far_penalty_is_come_to_in_steps)
{
    static struct lasso_outcome outcome;
    for (int kind = 0; kind < 3; kind++) {
        struct dice dice = { .seed = 95 };
        struct design design;
        struct design_options options = { .n = 40, .p = 300, .rho = 0.5, .noise = 1,
                                          .sparse = kind == 1, .zeros = kind == 1 ? 0.7 : 0 };
        design_make(&design, &dice, &options);
        struct lasso_spec spec = lasso_spec_plain(&design);
        struct descent_of_aim it = { .last = HUGE_VAL };
        spec.lambda_ratio = kind == 2 ? 0.7 : 0.01;
        spec.gap = 1e-9;
        lasso_drive_look(&spec, look, &it, &outcome);
        cr_assert_str_eq(outcome.stop, "gap");
        cr_assert_float_eq(it.last, outcome.lambda, 1e-13 * outcome.lambda);
        cr_assert(kind == 1 ? it.near == 0 : it.near > 0); /* dense: sets have what may violate soon */
        cr_assert(kind == 0 ? it.steps >= 3 : it.steps == 1, "kind %d: %lld", kind,
                  (long long)it.steps);
        struct truth truth = truth_of(&spec, outcome.lambda, outcome.b);
        cr_assert_leq(fabs(outcome.objective - (double)truth.objective), 1e-12 * outcome.objective);
        design_fini(&design);
    }
}

/* Sets on couplings, and on the residual. */
struct ways {
    int64_t couplings, residual;
};

static void look_at_ways(void *context, const struct lasso *lasso RONDO_UNUSED,
                         const struct lasso_head *head, const struct engine_round *round)
{
    struct ways *ways = context;
    if (round->kind != RONDO_SWEEP || head->at.chosen == 0)
        return;
    cr_assert_eq(head->at.gram, head->at.chosen <= 2 * head->at.nnz);
    ways->couplings += head->at.gram;
    ways->residual += !head->at.gram;
}

Test(head, a_sparse_set_most_of_which_is_new_is_solved_on_the_residual)
{
    static struct lasso_outcome outcome;
    struct dice dice = { .seed = 96 };
    struct design design;
    struct design_options options = { .n = 60, .p = 300, .noise = 1, .sparse = true, .zeros = 0.6 };
    design_make(&design, &dice, &options);
    struct lasso_spec spec = lasso_spec_plain(&design);
    struct ways ways = { 0 };
    spec.lambda_ratio = 0.05;
    spec.gap = 1e-9;
    lasso_drive_look(&spec, look_at_ways, &ways, &outcome);
    cr_assert_str_eq(outcome.stop, "gap");
    cr_assert(ways.residual > 0 && ways.couplings > 0, "%lld, %lld", (long long)ways.residual,
              (long long)ways.couplings);
    design_fini(&design);
}

static void set(struct lasso_head *head, int64_t j, double b)
{
    head->b[j] = b;
    lasso_renew_support(head, &j, 1);
}

Test(head, packed_and_unpacked_is_the_same)
{
    struct design design;
    make(&design, 91);
    struct lasso_spec spec = lasso_spec_plain(&design);
    struct rondo_error err;
    struct lasso *lasso = lasso_drive_open(&spec, &err);
    struct rondo_buf first = { 0 }, second = { 0 };
    struct rondo_order order = { .want = 64 };
    void *head, *other;
    cr_assert_eq(lasso_head_create(lasso, 0, &head, &err), RONDO_OK);
    cr_assert_eq(lasso_head_create(lasso, 0, &other, &err), RONDO_OK);
    cr_assert_eq(lasso_schedule(head, 1, &order), RONDO_OK);
    cr_assert_eq(order.kind, RONDO_SWEEP, "the first round is a sweep");
    set(head, 2, 0x1.23456789abcdp-3);
    set(head, 11, -1e-300);
    cr_assert_eq(lasso_head_pack(lasso, head, &first), RONDO_OK);
    struct rondo_bytes in = { first.data, first.size };
    cr_assert_eq(lasso_head_unpack(lasso, other, in), RONDO_OK);
    cr_assert_eq(lasso_coefficients(other)[2], 0x1.23456789abcdp-3);
    cr_assert_eq(lasso_coefficients(other)[11], -1e-300);
    cr_assert_eq(lasso_head_pack(lasso, other, &second), RONDO_OK);
    cr_assert_eq(first.size, second.size);
    cr_assert_eq(memcmp(first.data, second.data, first.size), 0);
    /* What does not fit is refused. */
    in.size--;
    cr_assert_eq(lasso_head_unpack(lasso, other, in), RONDO_ESTATE);
    in.size = 8;
    cr_assert_eq(lasso_head_unpack(lasso, other, in), RONDO_ESTATE);
    int64_t far = P;
    in.size = first.size;
    memcpy(first.data + sizeof(struct numbers) + sizeof far, &far, sizeof far);
    cr_assert_eq(lasso_head_unpack(lasso, other, in), RONDO_ESTATE);
    buf_fini(&first);
    buf_fini(&second);
    lasso_head_destroy(lasso, head);
    lasso_head_destroy(lasso, other);
    lasso_app.close(lasso);
    design_fini(&design);
}
