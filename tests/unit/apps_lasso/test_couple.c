/* A coupling has the same bits whatever is asked with it, and those of its pair turned round. */
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 90, P = 700, REQUESTS = 40, PAIRS_MOST = 400000 };

struct fixture {
    struct design design;
    struct lasso_spec spec;
    struct lasso *lasso;
    void *common, *scratch;
    double *known;   /* [P x P] by the first who asked */
    uint8_t *is_known;
};

enum kind { DENSE, MIXED, SPARSE, KINDS };

/* A column on two or three equidistant values, or one that differs from one before in a row. */
static void put_on_steps(double *x, int64_t j, struct dice *dice)
{
    double *column = x + j * N, step = 0.1 + dice_unit(dice), low = step * dice_normal(dice);
    int64_t before = j > 0 ? dice_below(dice, j) : 0;
    bool near = j > 0 && dice_unit(dice) < 0.3;
    for (int64_t i = 0; i < N; i++)
        column[i] = near ? x[before * N + i] : low + step * (double)dice_below(dice, 2 + j % 2);
    if (near)
        column[dice_below(dice, N)] += step;
}

static void setup(struct fixture *f, struct dice *dice, enum kind kind, const char *isa)
{
    bool sparse = kind == SPARSE;
    struct rondo_error err;
    struct design_options options = { .n = N, .p = P, .rho = 0.5, .noise = 1, .constants = 0.02,
                                      .zeros = sparse ? 0.8 : 0, .sparse = sparse };
    design_make(&f->design, dice, &options);
    for (int64_t j = 0; kind == MIXED && j < P; j++)
        if (dice_unit(dice) < 0.6)
            put_on_steps(f->design.x, j, dice);
    if (kind == MIXED) {
        mem_free(f->design.padded);
        design_bind(&f->design, false);
    }
    f->spec = lasso_spec_plain(&f->design);
    f->spec.isa = isa;
    f->spec.intercept = dice_unit(dice) < 0.5;
    f->lasso = lasso_drive_open(&f->spec, &err);
    cr_assert_not_null(f->lasso, "%s", err.what);
    cr_assert_eq(lasso_common_create(f->lasso, 0, &f->common, &err), RONDO_OK);
    cr_assert_eq(lasso_scratch_create(f->lasso, &f->scratch, &err), RONDO_OK);
    f->known = calloc((size_t)P * P, sizeof *f->known);
    f->is_known = calloc((size_t)P * P, 1);
}

static void teardown(struct fixture *f)
{
    lasso_slice_destroy(f->lasso, f->common);
    lasso_scratch_free(f->lasso, f->scratch);
    lasso_app.close(f->lasso);
    design_fini(&f->design);
    free(f->known);
    free(f->is_known);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

struct request {
    int64_t column[P], ptr[P + 1], row[PAIRS_MOST];
    struct rondo_pairs pairs;
};

static void shuffle(struct dice *dice, int64_t *list, int64_t count)
{
    for (int64_t i = count; i > 1; i--) {
        int64_t k = dice_below(dice, i), swap = list[i - 1];
        list[i - 1] = list[k];
        list[k] = swap;
    }
}

/* Some columns, each with some of the rows: all of the same (a panel), their own (one by one), a
 * triangle, or a single one. */
static void make_request(struct request *request, struct dice *dice)
{
    int64_t order[P], count = 0;
    int shape = (int)dice_below(dice, 4);
    int64_t columns = shape == 3 ? 1 : 1 + dice_below(dice, dice_unit(dice) < 0.2 ? P : 90);
    int64_t rows = 1 + dice_below(dice, dice_unit(dice) < 0.3 ? 5 : 300);
    double share = shape == 0 ? 1 : dice_unit(dice);
    for (int64_t j = 0; j < P; j++)
        order[j] = request->column[j] = j;
    shuffle(dice, order, P);
    shuffle(dice, request->column, P);
    for (int64_t c = 0; c < columns; c++) {
        request->ptr[c] = count;
        if (shape == 1)
            shuffle(dice, order, P);
        int64_t to = shape == 2 ? c + 1 : rows;
        for (int64_t i = 0; i < to && count < PAIRS_MOST; i++)
            if (share >= 1 || dice_unit(dice) < share)
                request->row[count++] = shape == 2 ? request->column[i] : order[i];
    }
    request->ptr[columns] = count;
    request->pairs = (struct rondo_pairs){ columns, request->column, request->ptr, request->row };
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void ask(struct fixture *f, const struct request *request, int64_t *again)
{
    static double out[PAIRS_MOST];
    const struct rondo_pairs *pairs = &request->pairs;
    memset(out, 0x5a, sizeof out);
    cr_assert_eq(lasso_couple(f->lasso, f->common, NULL, f->scratch, pairs, out), RONDO_OK);
    for (int64_t c = 0; c < pairs->columns; c++)
        for (int64_t i = pairs->ptr[c]; i < pairs->ptr[c + 1]; i++) {
            int64_t j = pairs->column[c], k = pairs->row[i], low = j < k ? j : k, high = j < k ? k : j;
            int64_t at = low * P + high;
            if (f->is_known[at])
                cr_assert(same(out[i], f->known[at]), "(%lld, %lld): %a, before %a", (long long)j,
                          (long long)k, out[i], f->known[at]);
            *again += f->is_known[at];
            f->known[at] = out[i];
            f->is_known[at] = 1;
        }
}

static void check_truth(const struct fixture *f)
{
    const struct lasso *lasso = f->lasso;
    for (int64_t j = 0; j < P; j += 17)
        for (int64_t k = j; k < P; k += 13) {
            long double dot = 0, scales = (long double)lasso->scale[j] * lasso->scale[k];
            if (!f->is_known[j * P + k])
                continue;
            for (int64_t i = 0; i < N; i++)
                dot += ((long double)f->design.x[j * N + i] - lasso->mean[j])
                       * ((long double)f->design.x[k * N + i] - lasso->mean[k]);
            long double truth = scales > 0 ? dot / scales : 0;
            cr_assert(fabsl(f->known[j * P + k] - truth) <= 1e-13L, "(%lld, %lld): %.17g, not %.17Lg",
                      (long long)j, (long long)k, f->known[j * P + k], truth);
        }
}

Test(couple, a_pair_has_its_bits_whatever_is_asked_with_it)
{
    struct request *request = malloc(sizeof *request);
    struct dice dice = { .seed = dice_seed(2718) };
    for (enum kind kind = DENSE; kind < KINDS; kind++)
        for (int level = 0; level < levels(); level++) {
            static const char *const names[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };
            struct fixture f = { .lasso = NULL };
            int64_t again = 0;
            setup(&f, &dice, kind, names[level]);
            struct lasso_held *held = &((struct lasso_scratch *)f.scratch)->held;
            for (int64_t i = 0; i < REQUESTS; i++) {
                held->most = i % 2 ? INT64_MAX : 1 + dice_below(&dice, N * P / 20); /* sparse ones in parts */
                make_request(request, &dice);
                ask(&f, request, &again);
            }
            cr_assert_gt(again, 1000, "%lld", (long long)again);
            check_truth(&f);
            teardown(&f);
        }
    free(request);
}

/* A pair within the window has its own bits, any other is 0: variants in no order, on three chromosomes. */
Test(couple, a_window_leaves_out_what_is_far)
{
    static double all[PAIRS_MOST], some[PAIRS_MOST];
    static int64_t position[P];
    enum { WINDOW = 5000 };
    struct request *request = malloc(sizeof *request);
    struct dice dice = { .seed = dice_seed(31) };
    struct fixture f = { .lasso = NULL };
    setup(&f, &dice, DENSE, "x86-64-v2");
    for (int64_t j = 0; j < P; j++)
        position[j] = (1 + dice_below(&dice, 3)) * RONDO_CHROMOSOME + dice_below(&dice, 4 * WINDOW);
    f.design.matrix.position = position;
    for (int64_t round = 0; round < REQUESTS; round++) {
        int64_t near = 0, far = 0;
        make_request(request, &dice);
        f.lasso->window = 0;
        cr_assert_eq(lasso_couple(f.lasso, f.common, NULL, f.scratch, &request->pairs, all), RONDO_OK);
        f.lasso->window = WINDOW;
        memset(some, 0x5a, sizeof some);
        cr_assert_eq(lasso_couple(f.lasso, f.common, NULL, f.scratch, &request->pairs, some), RONDO_OK);
        for (int64_t c = 0; c < request->pairs.columns; c++)
            for (int64_t i = request->ptr[c]; i < request->ptr[c + 1]; i++) {
                int64_t apart = llabs(position[request->column[c]] - position[request->row[i]]);
                cr_assert(same(some[i], apart <= WINDOW ? all[i] : 0));
                ++*(apart <= WINDOW ? &near : &far);
            }
        cr_assert(request->ptr[request->pairs.columns] < 1000 || (near && far));
    }
    teardown(&f);
    free(request);
}

static double coupling(const struct fixture *f, int64_t j, int64_t k)
{
    double out = NAN;
    struct rondo_pairs pairs = { 1, &j, (const int64_t[]){ 0, 1 }, &k };
    cr_assert_eq(lasso_couple(f->lasso, f->common, NULL, f->scratch, &pairs, &out), RONDO_OK);
    return out;
}

/* A column's codes are what its couplings come from where both columns are their shadows, and not else. */
Test(couple, of_columns_on_equidistant_values_are_made_of_codes)
{
    struct dice dice = { .seed = 31 };
    struct fixture f = { .lasso = NULL };
    int64_t steps[3], others[2], count[2] = { 0 };
    setup(&f, &dice, MIXED, "x86-64-v2");
    for (int64_t j = 0; j < P && (count[0] < 3 || count[1] < 2); j++) {
        bool on_steps = f.lasso->shadow[j].error < 1e-13 * f.lasso->shadow[j].norm;
        if (on_steps && f.lasso->scale[j] > 0 && count[0] < 3)
            steps[count[0]++] = j;
        else if (!on_steps && f.lasso->scale[j] > 0 && count[1] < 2)
            others[count[1]++] = j;
    }
    cr_assert(count[0] == 3 && count[1] == 2);
    double both = coupling(&f, steps[0], steps[1]), one = coupling(&f, steps[0], others[0]);
    memset(f.lasso->code + steps[0] * f.lasso->stride, 0, N);
    cr_assert(!same(coupling(&f, steps[0], steps[1]), both));
    cr_assert(!same(coupling(&f, steps[1], steps[0]), both));
    cr_assert(same(coupling(&f, steps[0], others[0]), one));
    cr_assert(fabs(coupling(&f, others[0], others[1])) <= 1 && isfinite(one));
    teardown(&f);
}
