/* The steps of stochastic descent, of each instruction set of this machine, against their formulas in doubles. */
#include "apps/mf/kernel.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const ISA[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

enum { ROWS = 9, COLS = 11, STRIDE_MOST = 512, ENTRIES_MOST = ROWS * COLS, VISITS = 3 };

struct model {
    float row[ROWS * STRIDE_MOST], col[COLS * STRIDE_MOST] __attribute__((aligned(64)));
    struct pace row_pace[ROWS], col_pace[COLS];
};

/* The same in doubles, by the header's words alone. */
struct vector {
    double at[STRIDE_MOST], slow, fast, bias_sum, bias;
};

struct exact {
    struct vector row[ROWS], col[COLS];
};

struct fixture {
    struct model model __attribute__((aligned(64)));
    struct exact truth;
    struct sgd_rule rule;
    struct tile tile;
    struct run run[ROWS];
    struct entry entry[ENTRIES_MOST];
    struct side rows, cols;
    struct dice dice;
};

static struct fixture fixture __attribute__((aligned(64)));

static float small(struct dice *dice, bool nonnegative)
{
    double x = 2 * dice_unit(dice) - 1;
    return (float)(nonnegative ? fabs(x) : x);
}

static void side_begin(struct fixture *f, float *rows, struct pace *pace, struct vector *truth, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        pace[i] = (struct pace){ 1, 1, 1, f->rule.biases ? small(&f->dice, false) : 0 };
        truth[i] = (struct vector){ .slow = 1, .fast = 1, .bias_sum = 1, .bias = (double)pace[i].bias };
        for (int32_t k = 0; k < f->rule.rank; k++) {
            float x = small(&f->dice, f->rule.nonnegative) / sqrtf((float)f->rule.rank);
            rows[i * f->rule.stride + k] = x;
            truth[i].at[k] = (double)x;
        }
    }
}

/* Runs of all lengths from one rating on, the rows in no order, columns ascending in a run. */
static void tile_begin(struct fixture *f)
{
    int64_t runs = 0, entries = 0;
    for (int32_t i = 0; i < ROWS; i++) {
        int32_t row = (i * 4 + 2) % ROWS, before = (int32_t)entries;
        for (int32_t j = 0; j < COLS; j++)
            if (dice_unit(&f->dice) < 0.15 * (double)i || j == row)
                f->entry[entries++] = (struct entry){ j, 2 * small(&f->dice, f->rule.nonnegative) };
        f->run[runs++] = (struct run){ row, (int32_t)entries - before };
    }
    f->tile = (struct tile){ runs, entries, f->run, f->entry };
}

static struct fixture *begin(int32_t rank, bool biases, bool nonnegative, uint64_t seed)
{
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    f->dice.seed = seed;
    f->rule = (struct sgd_rule){ .rank = rank, .stride = (rank + 15) / 16 * 16, .rate = 0.3f, .lambda = 0.05f,
                                 .lambda_bias = 0.03f,
                                 .mean = biases ? 0.7f : 0, .biases = biases, .nonnegative = nonnegative };
    f->rows = (struct side){ f->model.row, f->model.row_pace };
    f->cols = (struct side){ f->model.col, f->model.col_pace };
    side_begin(f, f->model.row, f->model.row_pace, f->truth.row, ROWS);
    side_begin(f, f->model.col, f->model.col_pace, f->truth.col, COLS);
    tile_begin(f);
    return f;
}

static double error_of(const struct fixture *f, const struct vector *p, const struct vector *q, double value)
{
    double e = value - (f->rule.biases ? (double)f->rule.mean + p->bias + q->bias : 0);
    for (int32_t k = 0; k < f->rule.rank; k++)
        e -= p->at[k] * q->at[k];
    return e;
}

static double mean_square(const struct fixture *f, const struct vector *p)
{
    double sum = 0;
    int32_t rest = f->rule.rank < 16 ? f->rule.rank - 1 : 15;
    for (int32_t k = 1; k <= rest; k++)
        sum += p->at[k] * p->at[k];
    return rest > 0 ? sum / rest : 0;
}

/* What lambda takes of p as its run begins. */
static void shrink(const struct fixture *f, struct vector *p, int32_t count)
{
    for (int32_t k = 1; k < f->rule.rank; k++)
        p->at[k] /= 1 + count * (double)f->rule.rate / sqrt(p->fast) * (double)f->rule.lambda;
}

static void descend(const struct fixture *f, struct vector *p, const struct vector *q, double e, bool run)
{
    double rate = (double)f->rule.rate, lambda = (double)f->rule.lambda;
    for (int32_t k = 0; k < f->rule.rank; k++) {
        double pull = run && k > 0 ? 0 : lambda * p->at[k];
        p->at[k] += rate / sqrt(k == 0 ? p->slow : p->fast) * (e * q->at[k] - pull);
        if (f->rule.nonnegative && p->at[k] < 0)
            p->at[k] = 0;
    }
    if (f->rule.biases)
        p->bias += rate / sqrt(p->bias_sum) * (e - (double)f->rule.lambda_bias * p->bias);
}

static void gather(struct vector *p, double e, double slow, double fast)
{
    p->slow += e * e * slow;
    p->fast += e * e * fast;
    p->bias_sum += e * e;
}

struct hand {
    struct vector *row;
    double mean_square;
    const struct entry *entry;
    int32_t left;
};

static double truth_visit(struct fixture *f)
{
    struct hand hand[2] = { { .left = 0 }, { .left = 0 } };
    const struct entry *entry = f->entry;
    const struct run *run = f->run, *end = f->run + f->tile.runs;
    double sum = 0;
    do {
        for (int h = 0; h < 2; h++)
            if (hand[h].left == 0 && run < end) {
                struct vector *row = &f->truth.row[run->row];
                shrink(f, row, run->count);
                hand[h] = (struct hand){ row, mean_square(f, row), entry, run->count };
                entry += run++->count;
            }
        for (int h = 0; h < 2; h++) {
            struct hand *at = &hand[h];
            if (at->left == 0)
                continue;
            struct vector *p = at->row, *q = &f->truth.col[at->entry->col], was_p = *p, was_q = *q;
            double e = error_of(f, p, q, (double)at->entry->value);
            descend(f, p, &was_q, e, true);
            descend(f, q, &was_p, e, false);
            gather(p, e, was_q.at[0] * was_q.at[0], mean_square(f, &was_q));
            gather(q, e, was_p.at[0] * was_p.at[0], at->mean_square);
            sum += e * e;
            at->entry++;
            at->left--;
        }
    } while (hand[0].left > 0 || hand[1].left > 0 || run < end);
    return sum;
}

static void expect(const struct fixture *f, const char *isa, const char *what, double is, double should)
{
    cr_assert(fabs(is - should) <= 2e-5 * (1 + fabs(should)), "%s, rank %d%s%s, %s: %.9g, not %.9g", isa,
              (int)f->rule.rank, f->rule.biases ? ", biases" : "", f->rule.nonnegative ? ", nonnegative" : "", what, is,
              should);
}

static void side_expect(const struct fixture *f, const char *isa, const struct side *side, const struct vector *truth,
                      int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const float *row = side->row + i * f->rule.stride;
        for (int32_t k = 0; k < f->rule.rank; k++)
            expect(f, isa, "a coordinate", (double)row[k], truth[i].at[k]);
        for (int32_t k = f->rule.rank; k < f->rule.stride; k++)
            cr_assert(row[k] == 0, "%s: padding of rank %d", isa, (int)f->rule.rank);
        expect(f, isa, "slow", (double)side->pace[i].slow, truth[i].slow);
        expect(f, isa, "fast", (double)side->pace[i].fast, truth[i].fast);
        expect(f, isa, "the bias", (double)side->pace[i].bias, truth[i].bias);
        if (f->rule.biases)
            expect(f, isa, "the bias' sum", (double)side->pace[i].bias_sum, truth[i].bias_sum);
    }
}

static const int32_t RANKS[] = { 1, 2, 7, 16, 17, 32, 33, 48, 64, 80, 96, 100, 112, 128, 130, 500 };

Test(sgd_kernel, steps_are_those_of_the_formula)
{
    for (int level = 0; level < levels(); level++)
        for (size_t r = 0; r < sizeof RANKS / sizeof *RANKS; r++)
            for (int kind = 0; kind < 4; kind++) {
                struct fixture *f = begin(RANKS[r], kind & 1, kind & 2, 3 + r);
                const struct sgd_kernel *kernel = sgd_kernel_for(ISA[level]);
                for (int visit = 0; visit < VISITS; visit++)
                    expect(f, kernel->isa, "the sum of squares", kernel->visit(&f->rule, &f->tile, &f->rows, &f->cols),
                         truth_visit(f));
                side_expect(f, kernel->isa, &f->rows, f->truth.row, ROWS);
                side_expect(f, kernel->isa, &f->cols, f->truth.col, COLS);
            }
}

Test(sgd_kernel, squares_and_penalty_are_those_of_the_formula)
{
    static const float weight[COLS] = { 1, 0, 3, 2, 5, 1, 7, 0.5f, 1, 2, 4 };
    for (int level = 0; level < levels(); level++)
        for (size_t r = 0; r < sizeof RANKS / sizeof *RANKS; r++)
            for (int biases = 0; biases < 2; biases++) {
                struct fixture *f = begin(RANKS[r], biases, false, 30 + r);
                const struct sgd_kernel *kernel = sgd_kernel_for(ISA[level]);
                double squares = 0, penalty = 0, lambda = (double)f->rule.lambda;
                const struct entry *entry = f->entry;
                for (int64_t i = 0; i < f->tile.runs; i++)
                    for (int32_t j = 0; j < f->run[i].count; j++, entry++) {
                        double e = error_of(f, &f->truth.row[f->run[i].row], &f->truth.col[entry->col],
                                            (double)entry->value);
                        squares += e * e;
                    }
                for (int32_t i = 0; i < COLS; i++) {
                    const struct vector *q = &f->truth.col[i];
                    penalty += (double)weight[i] * (double)f->rule.lambda_bias * q->bias * q->bias;
                    for (int32_t k = 0; k < f->rule.rank; k++)
                        penalty += (double)weight[i] * lambda * q->at[k] * q->at[k];
                }
                expect(f, kernel->isa, "squares", kernel->squares(&f->rule, &f->tile, &f->rows, &f->cols), squares);
                expect(f, kernel->isa, "penalty", kernel->penalty(&f->rule, &f->cols, weight, COLS), penalty);
            }
}

/* F of one rating alone: row 2 and column 5. */
static double objective(struct fixture *f, const struct sgd_kernel *kernel)
{
    static const float one = 1;
    struct side p = { f->model.row + 2 * f->rule.stride, f->model.row_pace + 2 };
    struct side q = { f->model.col + 5 * f->rule.stride, f->model.col_pace + 5 };
    return kernel->squares(&f->rule, &f->tile, &f->rows, &f->cols) +
           kernel->penalty(&f->rule, &p, &one, 1) + kernel->penalty(&f->rule, &q, &one, 1);
}

/* F is of second degree in a coordinate: the slope between two points around it is exact. */
static double slope(struct fixture *f, const struct sgd_kernel *kernel, float *x)
{
    float was = *x, step = 0.25f;
    *x = was + step;
    double up = objective(f, kernel);
    *x = was - step;
    double down = objective(f, kernel);
    *x = was;
    return (up - down) / (2 * (double)step);
}

Test(sgd_kernel, a_step_goes_down_the_slope)
{
    for (int level = 0; level < levels(); level++)
        for (size_t r = 0; r < sizeof RANKS / sizeof *RANKS; r++) {
            struct fixture *f = begin(RANKS[r], true, false, 60 + r);
            const struct sgd_kernel *kernel = sgd_kernel_for(ISA[level]);
            f->rule.rate = 1e-3f;
            f->run[0] = (struct run){ 2, 1 };
            f->entry[0] = (struct entry){ 5, 1.5f };
            f->tile.runs = f->tile.entries = 1;
            float *p = f->model.row + 2 * f->rule.stride, *q = f->model.col + 5 * f->rule.stride;
            float *coordinate[6] = { p, p + f->rule.rank - 1, q + f->rule.rank / 2, q, &f->model.row_pace[2].bias,
                                     &f->model.col_pace[5].bias };
            double down[6], was[6];
            for (int i = 0; i < 6; i++) {
                down[i] = -slope(f, kernel, coordinate[i]) / 2;
                was[i] = (double)*coordinate[i];
            }
            kernel->visit(&f->rule, &f->tile, &f->rows, &f->cols);
            for (int i = 0; i < 6; i++) {
                double is = ((double)*coordinate[i] - was[i]) / (double)f->rule.rate;
                cr_assert(fabs(is - down[i]) < 1e-3, "%s, rank %d: slope %d is %g, not %g", kernel->isa,
                          (int)f->rule.rank, i, is, down[i]);
            }
        }
}

Test(sgd_kernel, the_sum_of_squares_shows_divergence)
{
    for (int level = 0; level < levels(); level++)
        for (int kind = 0; kind < 4; kind++) {
            struct fixture *f = begin(32, kind & 1, kind & 2, 90);
            f->rule.rate = 1e4f;
            double most = 0;
            for (int visit = 0; visit < 5; visit++) {
                double sum = sgd_kernel_for(ISA[level])->visit(&f->rule, &f->tile, &f->rows, &f->cols);
                most = isfinite(sum) && sum < most ? most : sum;
            }
            cr_assert(!isfinite(most) || most > 1e6, "%s: %g", ISA[level], most);
        }
}

Test(sgd_kernel, an_unknown_set_of_instructions_has_none)
{
    cr_assert_null(sgd_kernel_for("x86-64-v1"));
}
