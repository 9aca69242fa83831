/* CCD++ against its definition in doubles, all residuals summed anew; what it must never do; its states. */
#include "tests/unit/apps_mf/ccd_drive.h"

#include "apps/mf/evaluate.h"
#include "tests/support/brutal.h"
#include "tests/support/levels.h"

static const char *const level[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

/* ---- problems -------------------------------------------------------------------------------------------------- */

static double stars(int64_t user, int64_t item)
{
    return floor(1 + 5 * drive_unit(2, user * 1000 + item));
}

/* Of rank 3, without noise. */
static double planted(int64_t user, int64_t item)
{
    double sum = 0;
    for (int64_t k = 0; k < 3; k++)
        sum += (drive_unit(3, 3 * user + k) - 0.4) * (drive_unit(4, 3 * item + k) - 0.3);
    return 4 * sum;
}

static struct form plain(void)
{
    return (struct form){ .users = 67, .items = 41, .rank = 5, .steps = 1, .weighted = true, .lambda = 0.05,
                          .density = 0.5, .held = 0.1, .rating = stars };
}

/* Every way: biases, nonnegative, weighted, one step or three. */
enum { FORMS = 16 };

static struct form form_of(int bits)
{
    struct form form = plain();
    form.biases = bits & 1;
    form.nonnegative = bits & 2;
    form.weighted = bits & 4;
    form.steps = bits & 8 ? 3 : 1;
    form.lambda = form.weighted ? 0.05 : 1.5;
    return form;
}

/* ---- the two passes --------------------------------------------------------------------------------------------- */

/* Of the items every third or so has a rating. */
static void passes(const struct ccd_kernel *kernel, int64_t count)
{
    const int64_t items = 3 * count + 1;
    float *r = mem_calloc((size_t)count + 1, sizeof *r), *old = mem_calloc((size_t)count + 1, sizeof *old);
    int32_t *col = mem_calloc((size_t)count + 1, sizeof *col);
    struct ccd_pair *item = mem_calloc((size_t)items, sizeof *item);
    struct ccd_ratio *ratio = mem_calloc((size_t)items, sizeof *ratio);
    struct ccd_sums sums, told = { 0 };
    cr_assert(r && old && col && item && ratio);
    for (int64_t i = 0; i < items; i++)
        item[i] = (struct ccd_pair){ (float)drive_unit(6, i), (float)drive_unit(7, i) - 0.5f };
    for (int64_t j = 0; j < count; j++) {
        col[j] = (int32_t)(3 * j + (int64_t)(3 * drive_unit(8, j)));
        old[j] = r[j] = (float)drive_unit(9, j) - 0.3f;
    }
    kernel->carry(r, col, count, item, 0.7f, -1.3f, &sums);
    kernel->spread(r, col, count, 0.6f, ratio);
    double num = 0, den = 0;
    for (int64_t i = 0; i < items; i++) {
        num += (double)ratio[i].num;
        den += (double)ratio[i].den;
    }
    for (int64_t j = 0; j < count; j++) {
        double v = (double)item[col[j]].next, e = (double)old[j] - 0.7 * (double)item[col[j]].last - 1.3 * v;
        told.num += e * v;
        told.den += v * v;
        told.squares += e * e;
        cr_expect_float_eq((double)r[j], e, 1e-6);
        cr_expect_float_eq((double)ratio[col[j]].num, 0.6 * e, 1e-6);
        cr_expect_float_eq((double)ratio[col[j]].den, 0.36, 1e-6);
        num -= 0.6 * e;
        den -= 0.36;
    }
    cr_expect(fabs(num) < 1e-4 && fabs(den) < 1e-4, "an item without a rating has sums");
    double slack = 1e-6 * (double)(count + 1);
    cr_expect(fabs(sums.num - told.num) <= slack && fabs(sums.den - told.den) <= slack
              && fabs(sums.squares - told.squares) <= slack, "%s, %ld ratings", kernel->isa, (long)count);
    mem_free(r);
    mem_free(old);
    mem_free(col);
    mem_free(item);
    mem_free(ratio);
}

Test(ccd, passes_are_exact_for_any_number_of_ratings)
{
    static const int64_t many[] = { 1000, 1023, 1024, 1025, 1033, 2048, 2055, 5000 };
    for (int l = 0; l < levels(); l++) {
        const struct ccd_kernel *kernel = ccd_kernel_for(level[l]);
        cr_assert(kernel && strcmp(kernel->isa, level[l]) == 0);
        for (int64_t count = 0; count < 40; count++)
            passes(kernel, count);
        for (size_t i = 0; i < sizeof many / sizeof *many; i++)
            passes(kernel, many[i]);
    }
    cr_expect_null(ccd_kernel_for("x86-64-v9"));
}

/* ---- the definition ---------------------------------------------------------------------------------------------- */

struct truth {
    const struct problem *problem;
    int32_t columns, biases;
    double *user, *item; /* [rows x columns] */
};

static struct truth truth_make(const struct problem *problem)
{
    struct truth t = { .problem = problem, .biases = problem->biases ? 2 : 0 };
    float row[64];
    t.columns = problem->rank + t.biases;
    t.user = mem_calloc((size_t)(problem->users * t.columns), sizeof *t.user);
    t.item = mem_calloc((size_t)(problem->items * t.columns), sizeof *t.item);
    cr_assert(t.user && t.item);
    for (int64_t u = 0; u < problem->users && t.biases; u++)
        t.user[u * t.columns + 1] = 1;
    for (int64_t i = 0; i < problem->items; i++) {
        mf_init_row(problem, false, i, row);
        if (t.biases)
            t.item[i * t.columns] = 1;
        for (int32_t k = 0; k < problem->rank; k++)
            t.item[i * t.columns + t.biases + k] = (double)row[k];
    }
    return t;
}

static void truth_fini(struct truth *t)
{
    mem_free(t->user);
    mem_free(t->item);
}

/* Every row of one side along one coordinate. */
static void truth_side(struct truth *t, bool users, int32_t column)
{
    const struct problem *problem = t->problem;
    const struct cells *cells = users ? &problem->by_user : &problem->by_item;
    double *mine = users ? t->user : t->item, *other = users ? t->item : t->user;
    for (int64_t row = 0; row < cells->rows; row++) {
        double num = 0, den = problem->lambda * (problem->weighted ? (double)(cells->first[row + 1] - cells->first[row]) : 1);
        for (int64_t j = cells->first[row]; j < cells->first[row + 1]; j++) {
            const double *p = mine + row * t->columns, *q = other + cells->col[j] * t->columns;
            double r = (double)cells->value[j] - (problem->biases ? problem->mean : 0);
            for (int32_t k = 0; k < t->columns; k++)
                r -= k == column ? 0 : p[k] * q[k];
            num += r * q[column];
            den += q[column] * q[column];
        }
        double x = den > 0 ? num / den : 0;
        mine[row * t->columns + column] = problem->nonnegative && column >= t->biases && x < 0 ? 0 : x;
    }
}

static void truth_epoch(struct truth *t, int32_t steps)
{
    for (int32_t column = 0; column < t->columns; column++)
        for (int32_t s = 0; s < (column < t->biases ? 1 : steps); s++) {
            if (!(t->biases && column == 1))
                truth_side(t, true, column);
            if (!(t->biases && column == 0))
                truth_side(t, false, column);
        }
}

static double distance(const struct truth *t, const struct factors *f)
{
    double most = 0;
    for (int64_t row = 0; row < f->users + f->items; row++) {
        bool user = row < f->users;
        int64_t at = user ? row : row - f->users;
        const double *told = (user ? t->user : t->item) + at * t->columns;
        const float *have = (user ? f->user : f->item) + at * f->rank;
        for (int32_t k = 0; k < f->rank; k++)
            most = fmax(most, fabs(told[t->biases + k] - (double)have[k]));
        if (t->biases)
            most = fmax(most, fabs(told[user ? 0 : 1] - (double)(user ? f->user_bias : f->item_bias)[at]));
    }
    return most;
}

Test(ccd, epochs_are_those_of_the_definition)
{
    for (int l = 0; l < levels(); l++)
        for (int bits = 0; bits < FORMS; bits++) {
            struct form form = form_of(bits);
            struct drive drive;
            drive_level = level[l];
            drive_init(&drive, &form);
            struct truth truth = truth_make(&drive.problem);
            for (int32_t epoch = 1; epoch <= 3; epoch++) {
                truth_epoch(&truth, epoch == 1 && form.steps < 2 ? 2 : form.steps);
                drive_epochs(&drive, 1);
                struct factors factors = drive_collect(&drive);
                cr_expect_lt(distance(&truth, &factors), 3e-5, "%s, form %d, epoch %d: %g apart", level[l], bits,
                             epoch, distance(&truth, &factors));
                factors_free(&drive.host, &factors);
            }
            truth_fini(&truth);
            drive_fini(&drive);
        }
}

/* ---- what is told ------------------------------------------------------------------------------------------------- */

static double objective_of(const struct problem *problem, const struct factors *factors, double *rmse)
{
    struct figures figures = { 0 };
    cr_assert_eq(evaluate_train(problem, factors, &figures), RONDO_OK);
    *rmse = figures.rmse;
    return figures.objective;
}

static int each_in_turn(const struct rondo_job *job RONDO_UNUSED, int64_t parts, int (*part)(void *, int64_t),
                        void *context)
{
    int code = RONDO_OK;
    for (int64_t i = 0; i < parts && !code; i++)
        code = part(context, i);
    return code;
}

Test(ccd, the_objective_never_rises_and_is_told_exactly)
{
    for (int bits = 0; bits < FORMS; bits++) {
        struct form form = form_of(bits);
        struct drive drive;
        drive_init(&drive, &form);
        drive.host.each = each_in_turn;
        double before = INFINITY;
        for (int round = 0; round < 120; round++) {
            double rmse;
            cr_assert_eq(drive_round(&drive), RONDO_OK);
            struct factors factors = drive_collect(&drive);
            double now = objective_of(&drive.problem, &factors, &rmse);
            cr_expect_leq(now, before * (1 + 1e-6), "form %d, round %d: %.9g after %.9g", bits, round, now, before);
            before = now;
            if (drive.reports) {
                const struct figures *told = &drive.head->figures;
                double squares = 0;
                for (int64_t u = 0; u < form.users; u++)
                    for (int64_t j = drive.problem.test.first[u]; j < drive.problem.test.first[u + 1]; j++)
                        squares += pow((double)drive.problem.test.value[j]
                                       - factors_score(&factors, u, drive.problem.test.col[j]), 2);
                cr_expect_float_eq(told->objective, now, 1e-5 * now);
                cr_expect_float_eq(told->rmse, rmse, 1e-5);
                cr_expect_float_eq(told->test_rmse, sqrt(squares / (double)drive.problem.test.count), 1e-5);
            }
            factors_free(&drive.host, &factors);
        }
        drive_fini(&drive);
    }
}

Test(ccd, an_epoch_solves_every_number_of_both_sides_once_a_step)
{
    for (int bits = 0; bits < FORMS; bits++) {
        struct form form = form_of(bits);
        struct drive drive;
        drive_init(&drive, &form);
        drive_epochs(&drive, 1); /* whose steps are more */
        cr_expect_eq(drive_epochs(&drive, 1), (form.users + form.items) * (form.rank * form.steps + form.biases));
        drive_fini(&drive);
    }
}

Test(ccd, a_test_is_looked_at_when_it_is_due)
{
    struct form form = plain();
    struct drive drive;
    drive_init(&drive, &form);
    drive.problem.evaluate_every = 3;
    for (int epoch = 1; epoch <= 6; epoch++) {
        drive_epochs(&drive, 1);
        cr_expect_eq(isnan(drive.head->figures.test_rmse) != 0, epoch % 3 != 0);
    }
    drive_fini(&drive);
}

/* ---- what it finds ------------------------------------------------------------------------------------------------- */

Test(ccd, a_planted_matrix_without_noise_is_found)
{
    for (int weighted = 0; weighted < 2; weighted++) {
        struct form form = { .users = 200, .items = 150, .rank = 3, .steps = 1, .weighted = weighted, .lambda = 1e-7,
                             .density = 0.4, .held = 0.1, .rating = planted };
        struct drive drive;
        drive_init(&drive, &form);
        drive_epochs(&drive, 200);
        cr_expect_lt(drive.head->figures.test_rmse, 1e-3, "%g", drive.head->figures.test_rmse);
        drive_fini(&drive);
    }
}

Test(ccd, one_user_one_item_one_rank)
{
    static const struct { int64_t users, items; } shape[] = { { 1, 1 }, { 1, 30 }, { 30, 1 }, { 2, 2 } };
    for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
        for (int bits = 0; bits < FORMS; bits++) {
            struct form form = form_of(bits);
            struct drive drive;
            form.users = shape[s].users;
            form.items = shape[s].items;
            form.rank = 1;
            form.density = 1;
            drive_init(&drive, &form);
            drive_epochs(&drive, 5);
            cr_expect(isfinite(drive.head->figures.objective) && isnan(drive.head->figures.test_rmse));
            struct factors factors = drive_collect(&drive);
            for (int64_t i = 0; i < form.items; i++)
                cr_expect(isfinite(factors_score(&factors, 0, i)));
            factors_free(&drive.host, &factors);
            drive_fini(&drive);
        }
}

static double nothing(int64_t user RONDO_UNUSED, int64_t item RONDO_UNUSED)
{
    return 0;
}

Test(ccd, without_a_penalty_ratings_of_nothing_are_told_as_nothing)
{
    struct form form = plain();
    struct drive drive;
    form.lambda = 0;
    form.rating = nothing;
    drive_init(&drive, &form);
    drive_epochs(&drive, 3);
    cr_expect_eq(drive.head->figures.objective, 0);
    struct factors factors = drive_collect(&drive);
    for (int64_t i = 0; i < form.users * form.rank; i++)
        cr_expect_eq(factors.user[i], 0);
    factors_free(&drive.host, &factors);
    drive_fini(&drive);
}

/* ---- an earlier job's ----------------------------------------------------------------------------------------------- */

/* What it has is gone on from: one more epoch is the same but for residuals that are summed anew. */
Test(ccd, a_warm_start_goes_on)
{
    for (int bits = 0; bits < FORMS; bits++) {
        struct form form = form_of(bits);
        struct drive old, new;
        drive_init(&old, &form);
        drive_epochs(&old, 2);
        struct factors start = drive_collect(&old);
        drive_epochs(&old, 1);
        double wanted = old.head->figures.objective;

        drive_open(&new, &form);
        new.problem.start = &start;
        cr_assert_eq(drive_states(&new), RONDO_OK);
        drive_epochs(&new, 1);
        cr_expect_float_eq(new.head->figures.objective, wanted, 1e-5 * wanted, "form %d", bits);
        drive_drop(&new);

        for (int64_t u = 0; u < form.users; u += 3)
            start.user[u * form.rank] = NAN;
        start.item[7 * form.rank] = NAN;
        cr_assert_eq(drive_states(&new), RONDO_OK);
        new.round = 0;
        drive_epochs(&new, 1);
        cr_expect(isfinite(new.head->figures.objective));
        factors_free(&old.host, &start);
        drive_fini(&new);
        drive_fini(&old);
    }
}

/* ---- states ----------------------------------------------------------------------------------------------------------- */

struct kind {
    int (*create)(const void *, int32_t, void **, struct rondo_error *);
    void (*destroy)(const void *, void *);
    int (*pack)(const void *, const void *, struct rondo_buf *);
    int (*unpack)(const void *, void *, struct rondo_bytes);
};

/* A new state from the old one's bytes, at the end of their block; bytes too few or too many are refused. */
static void *moved(const struct problem *problem, const struct kind *kind, int32_t index, void *state)
{
    struct rondo_buf out = { 0 };
    void *new;
    cr_assert_eq(kind->pack(problem, state, &out), RONDO_OK);
    cr_assert_eq(kind->create(problem, index, &new, NULL), RONDO_OK);
    unsigned char *longer = mem_alloc(out.size + 1);
    cr_assert(longer);
    if (out.size) /* a shard may have no users */
        memcpy(longer, out.data, out.size);
    longer[out.size] = 0;
    cr_expect_eq(kind->unpack(problem, new, (struct rondo_bytes){ longer, out.size + 1 }), RONDO_ESTATE);
    if (out.size)
        cr_expect_eq(kind->unpack(problem, new, (struct rondo_bytes){ longer, out.size - 1 }), RONDO_ESTATE);
    cr_expect_eq(kind->unpack(problem, new, (struct rondo_bytes){ longer, out.size }), RONDO_OK);
    mem_free(longer);
    buf_fini(&out);
    kind->destroy(problem, state);
    return new;
}

Test(ccd, states_go_through_bytes_between_any_two_rounds)
{
    static const struct kind head = { mf_head_create, mf_head_destroy, mf_head_pack, mf_head_unpack },
                             common = { ccd_common_create, ccd_common_destroy, ccd_common_pack, ccd_common_unpack },
                             shard = { ccd_shard_create, ccd_shard_destroy, ccd_shard_pack, ccd_shard_unpack };
    for (int bits = 0; bits < FORMS; bits++) {
        struct form form = form_of(bits);
        struct drive a, b;
        drive_init(&a, &form);
        drive_init(&b, &form);
        for (int round = 0; round < 40; round++) {
            cr_assert_eq(drive_round(&a), RONDO_OK);
            cr_assert_eq(drive_round(&b), RONDO_OK);
            b.head = moved(&b.problem, &head, 0, b.head);
            b.common = moved(&b.problem, &common, 0, b.common);
            for (int32_t s = 0; s < DRIVE_SHARDS; s++)
                b.shard[s] = moved(&b.problem, &shard, s, b.shard[s]);
        }
        drive_now = &a;
        struct factors x = drive_collect(&a);
        drive_now = &b;
        struct factors y = drive_collect(&b);
        cr_expect_arr_eq(x.user, y.user, (size_t)(form.users * form.rank) * sizeof *x.user);
        cr_expect_arr_eq(x.item, y.item, (size_t)(form.items * form.rank) * sizeof *x.item);
        cr_expect_eq(memcmp(&a.head->figures.objective, &b.head->figures.objective, sizeof(double)), 0);
        factors_free(&a.host, &x);
        factors_free(&b.host, &y);
        drive_fini(&b);
        drive_fini(&a);
    }
}

static int states_trial(void *what)
{
    struct drive *drive = what;
    drive->round = 0;
    int code = drive_states(drive);
    for (int round = 0; round < 12 && !code; round++)
        code = drive_round(drive);
    drive_drop(drive);
    return code;
}

Test(ccd, without_memory_nothing_is_left_behind)
{
    struct form form = form_of(1);
    struct drive drive;
    struct factors start = { 0 };
    drive_init(&drive, &form);
    start = drive_collect(&drive);
    drive_drop(&drive);
    cr_expect_gt(brutal_run(states_trial, &drive), 20);
    drive.problem.start = &start;
    cr_expect_gt(brutal_run(states_trial, &drive), 20);
    factors_free(&drive.host, &start);
    drive_fini(&drive);
    cr_expect_eq(mem_live(), 0);
}

/* ---- the cut ----------------------------------------------------------------------------------------------------------- */

/* Shards of a problem of that shape, users' ratings given by count. */
static void cut(int64_t users, int64_t items, const int64_t *count, struct ccd *out)
{
    static const struct host_upcalls none;
    struct rondo_host host;
    int64_t *first = mem_calloc((size_t)users + 1, sizeof *first);
    cr_assert(first);
    for (int64_t u = 0; u < users; u++)
        first[u + 1] = first[u] + count[u];
    host_init(&host, &none);
    host.isa = drive_isa;
    struct problem problem = { .host = &host, .users = users, .items = items, .rank = 1,
                               .by_user = { .rows = users, .cols = items, .count = first[users], .first = first } };
    cr_assert_eq(mf_ccd.open(&problem, NULL), RONDO_OK);
    *out = *(const struct ccd *)problem.own;
    cr_expect_eq(out->first[0], 0);
    cr_expect_eq(out->first[out->shards], users);
    for (int32_t s = 0; s < out->shards; s++) {
        int64_t ratings = first[out->first[s + 1]] - first[out->first[s]];
        cr_expect(out->first[s] <= out->first[s + 1]);
        cr_expect(ratings <= first[users] / out->shards + 2000, "shard %d of %d: %ld", s, out->shards, (long)ratings);
    }
    struct drive drive = { .problem = { .kept = problem.kept } };
    drive_fini(&drive);
    mem_free(first);
}

Test(ccd, users_are_cut_by_ratings_and_no_finer_than_pays)
{
    enum { USERS = 3000 };
    static int64_t count[USERS];
    struct ccd ccd;
    for (int64_t u = 0; u < USERS; u++)
        count[u] = 1 + (int64_t)(2000 / (1 + drive_unit(5, u) * 20));
    cut(USERS, 2000, count, &ccd);
    cr_expect_eq(ccd.shards % 12, 0, "%d shards", ccd.shards);
    cut(USERS, 1000000, count, &ccd);
    cr_expect_eq(ccd.shards, 1);
    for (int64_t u = 0; u < USERS; u++)
        count[u] = 40;
    cut(USERS, 300, count, &ccd);
    cr_expect_eq(ccd.shards, 2);
    cut(3, 300, count, &ccd);
    cr_expect_eq(ccd.shards, 1);
}
