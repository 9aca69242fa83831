/* What workers compute on rows of the residual, against dense sums in long double. */
#include "tests/support/lasso_drive.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 37, P = 11, SHARDS = 3 };

/* A problem and its slices: one of all rows, or a few. */
struct fixture {
    struct design design;
    struct lasso_spec spec;
    struct lasso *lasso;
    void *common, *scratch;
    void *shard[SHARDS];
    int32_t slices;
    long double r[N]; /* what the residual should be */
};

static void setup(struct fixture *f, int kind)
{
    struct dice dice = { .seed = 71 + (uint64_t)kind };
    struct rondo_error err;
    bool packed = kind & 8;
    struct design_options options = { .n = N, .p = P, .rho = 0.5, .noise = 1, .constants = 0.1,
                                      .kind = packed ? DESIGN_GENOTYPE : DESIGN_AR,
                                      .zeros = kind & 1 ? 0.7 : 0, .sparse = kind & 1 && !packed,
                                      .packed = packed, .missing = kind & 1 ? 0.2 : 0 };
    design_make(&f->design, &dice, &options);
    f->spec = lasso_spec_plain(&f->design);
    f->spec.intercept = kind & 2;
    f->spec.row_shards = kind & 4 && !packed ? SHARDS : 0;
    f->lasso = lasso_drive_open(&f->spec, &err);
    cr_assert_not_null(f->lasso, "%s", err.what);
    f->slices = f->lasso->shards ? f->lasso->shards : 1;
    cr_assert_eq(lasso_common_create(f->lasso, 0, &f->common, &err), RONDO_OK);
    cr_assert_eq(lasso_scratch_create(f->lasso, &f->scratch, &err), RONDO_OK);
    for (int32_t s = 0; s < f->lasso->shards; s++)
        cr_assert_eq(lasso_shard_create(f->lasso, s, &f->shard[s], &err), RONDO_OK);
    for (int i = 0; i < N; i++)
        f->r[i] = f->lasso->y[i];
}

static void teardown(struct fixture *f)
{
    for (int32_t s = 0; s < f->lasso->shards; s++)
        lasso_slice_destroy(f->lasso, f->shard[s]);
    lasso_slice_destroy(f->lasso, f->common);
    lasso_scratch_free(f->lasso, f->scratch);
    lasso_app.close(f->lasso);
    design_fini(&f->design);
}

static void each(void (*check)(struct fixture *f))
{
    for (int kind = 0; kind < 12; kind++) {
        struct fixture f = { .slices = 0 };
        setup(&f, kind);
        check(&f);
        teardown(&f);
    }
}

static long double centred(const struct fixture *f, int64_t j, int64_t i)
{
    return f->design.x[j * N + i] - (long double)f->lasso->mean[j];
}

static void *shard_of(const struct fixture *f, int32_t s)
{
    return f->lasso->shards ? f->shard[s] : NULL;
}

/* The partials of all slices, summed. */
static void push(struct fixture *f, struct rondo_task task, double *sum, size_t count)
{
    memset(sum, 0, count * sizeof *sum);
    for (int32_t s = 0; s < f->slices; s++) {
        struct rondo_buf partial = { 0 };
        task.shard = f->lasso->shards ? s : -1;
        cr_assert_eq(lasso_push(f->lasso, f->common, shard_of(f, s), NULL, f->scratch, &task,
                                &partial), RONDO_OK);
        cr_assert_eq(partial.size, count * sizeof *sum);
        for (size_t i = 0; i < count; i++)
            sum[i] += ((const double *)(const void *)partial.data)[i];
        buf_fini(&partial);
    }
}

static void check_gradients(struct fixture *f)
{
    const int64_t variables[] = { 7, 2, 0, 10 };
    double all[2 * P + 3], some[4];
    const struct lasso_scan_brief brief = { .listed = -1 }; /* near 0: all from the data */
    cr_assert_eq(f->lasso->chunks, 1);
    push(f, (struct rondo_task){ .tag = LASSO_GRADIENT, .brief = { &brief, sizeof brief } }, all,
         f->lasso->bounds ? 2 * P + 3 : P + 3);
    push(f, (struct rondo_task){ .tag = LASSO_BLOCK, .count = 4, .variables = variables }, some, 4);
    long double rr = 0, ry = 0;
    for (int64_t j = 0; j < P; j++) {
        long double dot = 0;
        for (int64_t i = 0; i < N; i++)
            dot += centred(f, j, i) * f->r[i];
        cr_assert_float_eq(all[j], (double)dot, 1e-12);
        for (int k = 0; k < 4; k++)
            if (variables[k] == j)
                cr_assert_float_eq(some[k], (double)dot, 1e-12);
    }
    for (int64_t i = 0; i < N; i++) {
        rr += f->r[i] * f->r[i];
        ry += f->r[i] * f->lasso->y[i];
    }
    cr_assert_float_eq(all[P], (double)rr, 1e-12 * (double)rr);
    cr_assert_float_eq(all[P + 1], (double)ry, 1e-12 * (double)rr);
}

Test(slice, gradients)
{
    each(check_gradients);
}

static void check_couplings(struct fixture *f)
{
    const int64_t column[] = { 3, 5 }, ptr[] = { 0, 3, 5 }, row[] = { 3, 5, 0, 3, 9 };
    const struct rondo_pairs pairs = { 2, column, ptr, row };
    double sum[5] = { 0 }, part[5];
    for (int32_t s = 0; s < f->slices; s++) {
        cr_assert_eq(lasso_couple(f->lasso, f->common, shard_of(f, s), f->scratch, &pairs, part),
                     RONDO_OK);
        for (int i = 0; i < 5; i++)
            sum[i] += part[i];
    }
    for (int c = 0; c < 2; c++)
        for (int64_t k = ptr[c]; k < ptr[c + 1]; k++) {
            long double dot = 0, x = 0, y = 0;
            for (int64_t i = 0; i < N; i++) {
                long double a = centred(f, column[c], i), b = centred(f, row[k], i);
                dot += a * b;
                x += a * a;
                y += b * b;
            }
            bool idle = f->lasso->scale[column[c]] == 0 || f->lasso->scale[row[k]] == 0;
            cr_assert_float_eq(sum[k], idle ? 0 : (double)(dot / sqrtl(x * y)), 1e-13);
        }
    cr_assert_eq(memcmp(&sum[1], &sum[3], sizeof *sum), 0, "C(3,5) is not C(5,3)");
}

Test(slice, couplings)
{
    each(check_couplings);
}

/* The bytes of a commit. */
static struct rondo_bytes commit(struct rondo_buf *buf, enum lasso_commit_kind kind, double t,
                                 int64_t count, const int64_t *variables, const double *value)
{
    struct lasso_commit head = { .kind = (int32_t)kind, .phase = 1, .t = t, .count = count };
    buf->size = 0;
    cr_assert_eq(buf_append(buf, &head, sizeof head), RONDO_OK);
    cr_assert_eq(buf_append(buf, variables, (size_t)count * sizeof *variables), RONDO_OK);
    cr_assert_eq(buf_append(buf, value, (size_t)count * sizeof *value), RONDO_OK);
    return (struct rondo_bytes){ buf->data, buf->size };
}

static void apply(struct fixture *f, int64_t round, struct rondo_bytes bytes)
{
    cr_assert_eq(lasso_apply(f->lasso, f->common, NULL, f->scratch, round, bytes), RONDO_OK);
    for (int32_t s = 0; s < f->lasso->shards; s++)
        cr_assert_eq(lasso_apply(f->lasso, f->common, f->shard[s], f->scratch, round, bytes),
                     RONDO_OK);
}

static void check_step(struct fixture *f)
{
    const int64_t variables[] = { 7, 2, 10 };
    const double d[] = { 0.5, 0, -1.25 };
    double sums[2];
    long double u[N] = { 0 }, uu = 0, ur = 0;
    struct rondo_buf buf = { 0 };
    for (int64_t i = 0; i < N; i++) {
        for (int k = 0; k < 3; k++)
            u[i] += d[k] * centred(f, variables[k], i);
        uu += u[i] * u[i];
        ur += u[i] * f->r[i];
    }
    push(f, (struct rondo_task){ .round = 5, .phase = 1, .tag = LASSO_STEP, .count = 3,
                                 .variables = variables, .brief = { d, sizeof d } }, sums, 2);
    cr_assert_float_eq(sums[0], (double)uu, 1e-12);
    cr_assert_float_eq(sums[1], (double)ur, 1e-12);
    /* Once with X d at hand, once where another worker has it. */
    for (int64_t round = 5; round <= 6; round++) {
        apply(f, round, commit(&buf, LASSO_MOVE, 0.75, 3, variables, d));
        for (int64_t i = 0; i < N; i++)
            f->r[i] -= 0.75L * u[i];
        check_gradients(f);
    }
    apply(f, 7, commit(&buf, LASSO_NOTHING, 0, 0, variables, d));
    check_gradients(f);
    buf_fini(&buf);
}

Test(slice, a_step_and_its_commit)
{
    each(check_step);
}

static const struct lasso_slice *slice_of(const struct fixture *f, int32_t s)
{
    return f->lasso->shards ? f->shard[s] : f->common;
}

/* A way there and back of fresh residuals is as long as both together, where no sweep is between them. */
static void check_moved(struct fixture *f)
{
    const int64_t variables[] = { 1, 4 };
    const double there[] = { 0.3, 0.7 };
    struct rondo_buf buf = { 0 };
    double moved[SHARDS + 1] = { 0 };
    for (int32_t way = 0; way < 4; way++) {
        struct rondo_bytes bytes = commit(&buf, LASSO_FRESH, 1, way == 1 ? 2 : 0, variables, there);
        ((struct lasso_commit *)(void *)buf.data)->phase = way == 2;
        apply(f, 8 + way, bytes);
        for (int32_t s = 0; s < f->slices; s++) {
            double now = sqrt(slice_of(f, s)->moved);
            if (way == 1)
                moved[s] = now;
            cr_expect(way != 1 || now > 0.1);
            cr_expect(way != 2 || fabs(now - 2 * moved[s]) <= 1e-13 * now, "%g, %g", now, moved[s]);
            cr_expect(way != 3 || now <= 1e-13);
        }
    }
    buf_fini(&buf);
}

Test(slice, lengths_that_no_sweep_has_looked_at_add_up)
{
    each(check_moved);
}

static void check_hand(struct fixture *f)
{
    const int64_t variables[] = { 1, 4 };
    const double d[] = { 0.3, 0.7 };
    double sums[2], kept[SHARDS][N];
    struct rondo_buf before = { 0 }, buf = { 0 };
    for (int32_t s = 0; s < f->slices; s++)
        cr_assert_eq(lasso_slice_pack(f->lasso, slice_of(f, s), &before), RONDO_OK);
    for (int turn = 0; turn < 2; turn++) { /* with X d at hand, and without */
        if (turn == 0)
            push(f, (struct rondo_task){ .round = 5, .phase = 1, .tag = LASSO_STEP, .count = 2,
                                         .variables = variables, .brief = { d, sizeof d } }, sums, 2);
        apply(f, 5, commit(&buf, LASSO_MOVE, 1, 2, variables, d));
        size_t at = 0;
        for (int32_t s = 0; s < f->slices; s++) {
            const struct lasso_slice *slice = slice_of(f, s);
            size_t bytes = (size_t)(slice->hi - slice->lo) * sizeof(double);
            if (turn == 0)
                memcpy(kept[s], slice->r, bytes);
            cr_assert_eq(memcmp(kept[s], slice->r, bytes), 0, "the bits depend on who has X d");
            bytes += sizeof slice->moved;
            void *state = f->lasso->shards ? f->shard[s] : f->common;
            cr_assert_eq(lasso_slice_unpack(f->lasso, state,
                                            (struct rondo_bytes){ before.data + at, bytes }),
                         RONDO_OK);
            at += bytes;
        }
    }
    buf_fini(&before);
    buf_fini(&buf);
}

Test(slice, the_bits_do_not_depend_on_who_computed_the_product)
{
    each(check_hand);
}

static void check_pack(struct fixture *f)
{
    const int64_t variables[] = { 1, 4 };
    const double d[] = { 0.3, 0.7 };
    struct rondo_buf packed = { 0 }, buf = { 0 };
    apply(f, 1, commit(&buf, LASSO_MOVE, 1, 2, variables, d));
    struct lasso_slice *slice = f->lasso->shards ? f->shard[f->lasso->shards - 1] : f->common;
    cr_assert_eq(lasso_slice_pack(f->lasso, slice, &packed), RONDO_OK);
    double sums[3];
    memcpy(sums, slice->sums, sizeof sums);
    apply(f, 2, commit(&buf, LASSO_MOVE, 1, 2, variables, d));
    struct rondo_bytes in = { packed.data, packed.size };
    cr_assert_eq(lasso_slice_unpack(f->lasso, slice, in), RONDO_OK);
    cr_assert_eq(memcmp(slice->r, packed.data + sizeof slice->moved,
                        packed.size - sizeof slice->moved), 0);
    cr_assert_eq(memcmp(slice->sums, sums, sizeof sums), 0, "the sums have other bits");
    in.size--;
    cr_assert_eq(lasso_slice_unpack(f->lasso, slice, in), RONDO_ESTATE);
    buf_fini(&packed);
    buf_fini(&buf);
}

Test(slice, packed_and_unpacked_has_the_same_bits)
{
    each(check_pack);
}

static void check_fresh(struct fixture *f)
{
    const int64_t variables[] = { 1, 4, 6 };
    const double d[] = { 0.3, 0.7, -2 }, b[] = { 1, 0.1, -0.2 };
    struct rondo_buf buf = { 0 };
    apply(f, 1, commit(&buf, LASSO_MOVE, 0.9, 3, variables, d));
    apply(f, 2, commit(&buf, LASSO_FRESH, 1, 3, variables, b));
    for (int64_t i = 0; i < N; i++)
        for (int k = 0; k < 3; k++)
            f->r[i] -= b[k] * centred(f, variables[k], i);
    check_gradients(f);
    buf_fini(&buf);
}

Test(slice, a_fresh_residual_forgets_what_was)
{
    each(check_fresh);
}
