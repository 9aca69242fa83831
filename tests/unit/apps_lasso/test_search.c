/* lasso_change against the objective itself in long double; lasso_search against a fine grid. */
#include "tests/support/lasso_drive.h"

#include <criterion/criterion.h>
#include <math.h>

enum { N = 12, M = 7, TRIES = 2000, GRID = 4000 };

struct problem {
    struct lasso_line line;
    double x[M][N], r[N], b[M], d[M];
};

static void make(struct problem *problem, struct dice *dice)
{
    struct lasso_line *line = &problem->line;
    *line = (struct lasso_line){ .count = 1 + dice_below(dice, M), .b = problem->b,
                                 .d = problem->d, .n = N, .l1 = dice_unit(dice),
                                 .l2 = dice_unit(dice) < 0.5 ? 0 : dice_unit(dice) };
    double u[N] = { 0 };
    for (int i = 0; i < N; i++)
        problem->r[i] = dice_normal(dice);
    for (int64_t j = 0; j < line->count; j++) {
        problem->b[j] = dice_unit(dice) < 0.3 ? 0 : dice_normal(dice);
        problem->d[j] = dice_unit(dice) < 0.2 ? -2 * problem->b[j] : dice_normal(dice);
        for (int i = 0; i < N; i++) {
            problem->x[j][i] = dice_normal(dice);
            u[i] += problem->x[j][i] * problem->d[j];
        }
    }
    for (int i = 0; i < N; i++) {
        line->uu += u[i] * u[i];
        line->ru += u[i] * problem->r[i];
    }
}

/* 1/2n |r - t X d|^2 + the penalty at b + t d. */
static long double objective(const struct problem *problem, long double t)
{
    const struct lasso_line *line = &problem->line;
    long double loss = 0, penalty = 0;
    for (int i = 0; i < N; i++) {
        long double r = problem->r[i];
        for (int64_t j = 0; j < line->count; j++)
            r -= t * problem->d[j] * (long double)problem->x[j][i];
        loss += r * r;
    }
    for (int64_t j = 0; j < line->count; j++) {
        long double b = problem->b[j] + t * problem->d[j];
        penalty += line->l1 * fabsl(b) + 0.5L * line->l2 * b * b;
    }
    return loss / (2 * N) + penalty;
}

Test(search, change_is_the_difference_of_objectives)
{
    struct dice dice = { .seed = 51 };
    for (int i = 0; i < TRIES; i++) {
        static const double ends[] = { 0, 1, 0.5, 1e-9 };
        struct problem problem;
        make(&problem, &dice);
        double t = i % 8 < 4 ? ends[i % 8] : dice_unit(&dice);
        long double truth = objective(&problem, t) - objective(&problem, 0);
        long double size = objective(&problem, 0) + objective(&problem, 1);
        cr_assert(fabsl(lasso_change(&problem.line, t) - truth) <= 1e-14L * size);
    }
}

Test(search, a_tiny_step_is_measured_in_its_own_digits)
{
    double b = 1, d = -1e-13;
    /* x'r/n = l1 - 1e-6: to go down pays 1e-6 a unit; the change of |b| alone has 4 digits. */
    struct lasso_line line = { .count = 1, .b = &b, .d = &d, .ru = (0.5 - 1e-6) * d,
                               .uu = d * d, .n = 1, .l1 = 0.5 };
    double truth = -0.5e-6 * 1e-13 * (1 - 0.5e-7 / 2);
    cr_assert_float_eq(lasso_change(&line, 0.5), truth, 1e-8 * fabs(truth));
}

Test(search, no_point_of_a_grid_is_better)
{
    struct dice dice = { .seed = 52 };
    for (int i = 0; i < TRIES / 10; i++) {
        struct problem problem;
        make(&problem, &dice);
        double t = lasso_search(&problem.line);
        cr_assert(t >= 0 && t <= 1);
        long double found = objective(&problem, t), best = found;
        for (int k = 0; k <= GRID; k++)
            best = fminl(best, objective(&problem, (long double)k / GRID));
        cr_assert(found <= best + 1e-14L * objective(&problem, 0), "t %g: %Lg above the grid", t,
                  found - best);
        cr_assert(lasso_change(&problem.line, t) <= 1e-14);
    }
}

Test(search, uphill_does_not_move)
{
    double b = 1, d = 1;
    struct lasso_line line = { .count = 1, .b = &b, .d = &d, .ru = -1, .uu = 1, .n = 1, .l1 = 1 };
    cr_assert_eq(lasso_search(&line), 0.0);
    line.ru = NAN;
    cr_assert_eq(lasso_search(&line), 0.0);
}
