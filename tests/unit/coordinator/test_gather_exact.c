#include "patterns.h"

#include <math.h>

enum { RANK = 2 };

/* min |A x - r| by QR, Gram and Schmidt's modified; the app solves normal equations by Cramer. */
static void solve_by_qr(int32_t rows, const double *a, const double *r, double *x)
{
    double q[2][64], rest[64], r00 = 0, r01 = 0, r11 = 0, c0 = 0, c1 = 0;
    for (int32_t i = 0; i < rows; i++) {
        r00 += a[RANK * i] * a[RANK * i];
        rest[i] = r[i];
    }
    r00 = sqrt(r00);
    for (int32_t i = 0; i < rows; i++) {
        q[0][i] = a[RANK * i] / r00;
        r01 += q[0][i] * a[RANK * i + 1];
        c0 += q[0][i] * rest[i];
    }
    for (int32_t i = 0; i < rows; i++) {
        q[1][i] = a[RANK * i + 1] - r01 * q[0][i];
        rest[i] -= c0 * q[0][i];
        r11 += q[1][i] * q[1][i];
    }
    r11 = sqrt(r11);
    for (int32_t i = 0; i < rows; i++)
        c1 += q[1][i] / r11 * rest[i];
    x[1] = c1 / r11;
    x[0] = (c0 - r01 * x[1]) / r00;
}

static const double *factors_of(const struct drive_end *end)
{
    return (const double *)(const void *)end->head.data;
}

static double worst_entry(const double *factors)
{
    const struct app_gather_shape *shape = &app_gather_shape;
    double worst = 0;
    for (int32_t u = 0; u < shape->users; u++)
        for (int32_t i = 0; i < shape->items; i++) {
            const double *p = factors + RANK * u, *q = factors + RANK * (shape->users + i);
            worst = fmax(worst, fabs(app_gather_entry(u, i) - p[0] * q[0] - p[1] * q[1]));
        }
    return worst;
}

/* The matrix is planted with rank 2, so that two factors of rank 2 can hit every entry. */
Test(gather_exact, a_planted_matrix_is_found_again)
{
    struct drive_job job = { .app = &app_gather, .rounds = 40, .workers = 2 };
    struct drive_end end = patterns_good(&job);
    cr_expect_lt(worst_entry(factors_of(&end)), 1e-10);
    drive_job_fini(&end);
}

/* The users behind round 1 against least squares on the items of the beginning, which round 1 left. */
Test(gather_exact, half_a_sweep_solves_least_squares)
{
    const struct app_gather_shape *shape = &app_gather_shape;
    struct drive_job job = { .app = &app_gather, .rounds = 1, .workers = 3 };
    struct drive_end end = patterns_good(&job);
    const double *users = factors_of(&end), *items = users + RANK * shape->users;
    for (int32_t u = 0; u < shape->users; u++) {
        double r[64], x[RANK];
        for (int32_t i = 0; i < shape->items; i++)
            r[i] = app_gather_entry(u, i);
        solve_by_qr(shape->items, items, r, x);
        for (int k = 0; k < RANK; k++)
            cr_expect_leq(fabs(users[RANK * u + k] - x[k]), 1e-12 * (1 + fabs(x[k])), "user %d", u);
    }
    drive_job_fini(&end);
}
