#include "tests/support/glm_truth.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static long double *need(int64_t count)
{
    long double *block = mem_calloc((size_t)count + 1, sizeof *block);
    cr_assert_not_null(block);
    return block;
}

/* ---- what is given -------------------------------------------------------------------------------- */

static void weigh_rows(struct glm *glm, const int32_t *fold, int64_t stage)
{
    const double *given = glm->spec->weights.matrix.dense;
    long double sum = 0;
    for (int64_t i = 0; i < glm->n; i++) {
        glm->v[i] = given ? given[i] : 1;
        if (stage && fold[i] == stage - 1)
            glm->v[i] = 0;
        sum += glm->v[i];
    }
    for (int64_t i = 0; i < glm->n; i++)
        glm->v[i] *= (long double)glm->n / sum;
}

/* A column's variance under the weights; a constant one's is such that it stays out. */
static long double variance_of(const struct glm *glm, int64_t j)
{
    const double *x = glm->spec->design->x + j * glm->n;
    long double mean = 0, square = 0, n = (long double)glm->n;
    double least = HUGE_VAL, most = -HUGE_VAL;
    for (int64_t i = 0; i < glm->n; i++) {
        mean += glm->v[i] * x[i] / n;
        least = glm->v[i] > 0 ? fmin(least, x[i]) : least;
        most = glm->v[i] > 0 ? fmax(most, x[i]) : most;
    }
    for (int64_t i = 0; i < glm->n; i++)
        square += glm->v[i] * (x[i] - mean) * (x[i] - mean);
    return most > least ? square / n : HUGE_VALL;
}

void glm_init(struct glm *glm, const struct lasso_spec *spec, const int32_t *fold, int64_t stage)
{
    const struct design *design = spec->design;
    const char *loss = spec->loss ? spec->loss : "squared";
    double most = -HUGE_VAL;
    *glm = (struct glm){ .spec = spec, .n = design->n, .p = design->p };
    glm->kind = strcmp(loss, "logistic") == 0  ? GLM_LOGISTIC
                : strcmp(loss, "huber") == 0   ? GLM_HUBER
                : strcmp(loss, "poisson") == 0 ? GLM_POISSON
                                               : GLM_SQUARED;
    glm->y = need(glm->n);
    glm->v = need(glm->n);
    glm->c = need(glm->p);
    glm->e = need(glm->p);
    for (int64_t i = 0; i < glm->n; i++)
        most = fmax(most, design->y[i]);
    for (int64_t i = 0; i < glm->n; i++)
        glm->y[i] = glm->kind != GLM_LOGISTIC ? design->y[i] : design->y[i] >= most ? 1 : -1;
    weigh_rows(glm, fold, stage);
    for (int64_t j = 0; j < glm->p; j++) {
        long double factor = spec->factors.matrix.dense ? spec->factors.matrix.dense[j] : 1;
        long double variance = spec->standardize ? variance_of(glm, j) : 1;
        glm->c[j] = variance < HUGE_VALL ? factor * sqrtl(variance) : variance;
        glm->e[j] = factor * variance;
    }
}

void glm_fini(struct glm *glm)
{
    mem_free(glm->y);
    mem_free(glm->v);
    mem_free(glm->c);
    mem_free(glm->e);
}

/* ---- a row ------------------------------------------------------------------------------------------- */

static long double y_log_y(long double y)
{
    return y > 0 ? y * logl(y) : 0;
}

long double glm_loss(const struct glm *glm, int64_t i, long double eta)
{
    long double y = glm->y[i], m = y * eta, e = fabsl(y - eta), delta = glm->spec->huber_delta;
    switch (glm->kind) {
    case GLM_SQUARED: return e * e / 2;
    case GLM_LOGISTIC: return m > 0 ? log1pl(expl(-m)) : log1pl(expl(m)) - m;
    case GLM_HUBER: return e <= delta ? e * e / 2 : delta * e - delta * delta / 2;
    default: return expl(eta) - y * eta - (y - y_log_y(y));
    }
}

long double glm_slope(const struct glm *glm, int64_t i, long double eta)
{
    long double y = glm->y[i], delta = glm->spec->huber_delta;
    switch (glm->kind) {
    case GLM_SQUARED: return eta - y;
    case GLM_LOGISTIC: return -y / (1 + expl(y * eta));
    case GLM_HUBER: return fminl(fmaxl(eta - y, -delta), delta);
    default: return expl(eta) - y;
    }
}

long double glm_curvature(const struct glm *glm, int64_t i, long double eta)
{
    long double y = glm->y[i], z = expl(-fabsl(eta)), e = fabsl(y - eta), delta = glm->spec->huber_delta;
    switch (glm->kind) {
    case GLM_SQUARED: return 1;
    case GLM_LOGISTIC: return z / ((1 + z) * (1 + z));
    case GLM_HUBER: return e <= delta ? 1 : delta / e;
    default: return expl(eta);
    }
}

/* ---- a model -------------------------------------------------------------------------------------------- */

void glm_eta(const struct glm *glm, const double *b, long double b0, long double *eta)
{
    const double *x = glm->spec->design->x;
    for (int64_t i = 0; i < glm->n; i++)
        eta[i] = b0;
    for (int64_t j = 0; j < glm->p; j++)
        for (int64_t i = 0; i < glm->n && b[j] != 0; i++)
            eta[i] += (long double)b[j] * x[j * glm->n + i];
}

static long double loss_of(const struct glm *glm, const long double *eta)
{
    long double sum = 0;
    for (int64_t i = 0; i < glm->n; i++)
        sum += glm->v[i] > 0 ? glm->v[i] * glm_loss(glm, i, eta[i]) : 0;
    return sum / (long double)glm->n;
}

static long double penalty_of(const struct glm *glm, double l1, double l2, int64_t j, long double b)
{
    return b != 0 ? l1 * glm->c[j] * fabsl(b) + 0.5L * l2 * glm->e[j] * b * b : 0;
}

long double glm_objective(const struct glm *glm, double l1, double l2, const double *b, long double b0)
{
    long double *eta = need(glm->n);
    glm_eta(glm, b, b0, eta);
    long double value = loss_of(glm, eta);
    for (int64_t j = 0; j < glm->p; j++)
        value += penalty_of(glm, l1, l2, j, b[j]);
    mem_free(eta);
    return value;
}

/* x_j'f'(eta) / n and x_j'f''(eta) x_j / n; j = -1: the column of ones. */
static void derive(const struct glm *glm, const long double *eta, int64_t j, long double *g, long double *h)
{
    *g = *h = 0;
    for (int64_t i = 0; i < glm->n; i++) {
        long double x = j < 0 ? 1 : glm->spec->design->x[j * glm->n + i];
        if (x == 0 || glm->v[i] == 0)
            continue;
        *g += glm->v[i] * glm_slope(glm, i, eta[i]) * x / (long double)glm->n;
        *h += glm->v[i] * glm_curvature(glm, i, eta[i]) * x * x / (long double)glm->n;
    }
}

/* One variable, to the minimum of a quadratic and back until F falls; what F changes by. */
static long double move(const struct glm *glm, double l1, double l2, long double *eta, int64_t j,
                        long double *b, long double now)
{
    long double g, h, c = j < 0 ? 0 : l1 * glm->c[j], e = j < 0 || !(l2 > 0) ? 0 : l2 * glm->e[j];
    derive(glm, eta, j, &g, &h);
    if (!(h > 0) || !(c < HUGE_VALL))
        return 0;
    long double to = *b - (g + e * *b) / (h + e), cut = c / (h + e);
    to = to > cut ? to - cut : to < -cut ? to + cut : 0;
    if (glm->spec->nonnegative && j >= 0 && to < 0)
        to = 0;
    long double step = to - *b, *tried = need(glm->n), change = 0;
    for (int halved = 0; halved < 30 && step != 0; halved++, step /= 2) {
        for (int64_t i = 0; i < glm->n; i++)
            tried[i] = eta[i] + step * (j < 0 ? 1 : glm->spec->design->x[j * glm->n + i]);
        change = loss_of(glm, tried) - now;
        if (j >= 0)
            change += penalty_of(glm, l1, l2, j, *b + step) - penalty_of(glm, l1, l2, j, *b);
        if (change < 0) {
            *b += step;
            memcpy(eta, tried, (size_t)glm->n * sizeof *eta);
            break;
        }
        change = 0;
    }
    mem_free(tried);
    return change;
}

long double glm_refined(const struct glm *glm, double l1, double l2, const double *b, long double b0,
                        int passes)
{
    long double *eta = need(glm->n), *at = need(glm->p), value = glm_objective(glm, l1, l2, b, b0);
    glm_eta(glm, b, b0, eta);
    for (int64_t j = 0; j < glm->p; j++)
        at[j] = b[j];
    for (int pass = 0; pass < passes; pass++) {
        if (glm->spec->intercept)
            value += move(glm, l1, l2, eta, -1, &b0, loss_of(glm, eta));
        for (int64_t j = 0; j < glm->p; j++)
            if (pass % 8 == 0 || at[j] != 0)
                value += move(glm, l1, l2, eta, j, &at[j], loss_of(glm, eta));
    }
    mem_free(at);
    mem_free(eta);
    return value;
}

long double glm_violation(const struct glm *glm, double l1, double l2, const double *b, long double b0)
{
    long double *eta = need(glm->n), worst = 0, n = (long double)glm->n;
    glm_eta(glm, b, b0, eta);
    for (int64_t j = glm->spec->intercept ? -1 : 0; j < glm->p; j++) {
        const double *x = glm->spec->design->x + (j < 0 ? 0 : j) * glm->n;
        long double g, h, off, square = j < 0 ? n : 0;
        derive(glm, eta, j, &g, &h);
        for (int64_t i = 0; i < glm->n && j >= 0; i++)
            square += (long double)x[i] * x[i];
        long double c = j < 0 ? 0 : l1 * glm->c[j];
        g += j < 0 || b[j] == 0 ? 0 : l2 * glm->e[j] * b[j];
        off = j < 0 || b[j] > 0 ? fabsl(g + c) : b[j] < 0 ? fabsl(g - c)
              : glm->spec->nonnegative ? fmaxl(-g - c, 0) : fmaxl(fabsl(g) - c, 0);
        worst = square > 0 ? fmaxl(worst, off * sqrtl(n / square)) : worst;
    }
    mem_free(eta);
    return worst;
}

/* ---- specs at random ------------------------------------------------------------------------------- */

/* Labels or counts that the design's y makes likely. */
static void make_target(struct dice *dice, struct design *design, const char *loss)
{
    long double mean = 0, square = 0;
    for (int64_t i = 0; i < design->n; i++)
        mean += design->y[i] / (long double)design->n;
    for (int64_t i = 0; i < design->n; i++)
        square += (design->y[i] - mean) * (design->y[i] - mean) / (long double)design->n;
    for (int64_t i = 0; i < design->n; i++) {
        double z = square > 0 ? (double)((design->y[i] - mean) / sqrtl(square)) : 0;
        if (strcmp(loss, "logistic") == 0)
            design->y[i] = z + dice_normal(dice) > 0.3 ? 7 : -2.5;
        else if (strcmp(loss, "poisson") == 0)
            design->y[i] = floor(exp(fmin(z + 0.7 * dice_normal(dice), 6)));
    }
}

static void draw_factors(struct dice *dice, const struct design *design, bool none, double *to)
{
    double free = none ? 0.05 * dice_unit(dice) : 0;
    for (int64_t j = 0; j < design->p; j++)
        to[j] = dice_unit(dice) < free && j > 0 ? 0 : dice_unit(dice) < 0.2 ? 5 : 0.2 + dice_unit(dice);
}

void glm_draw(struct dice *dice, struct design *design, struct lasso_spec *spec, bool paths,
              struct glm_room *room)
{
    static const char *const losses[] = { "squared", "logistic", "huber", "poisson" };
    int64_t n = design->n;
    room->weights = mem_calloc((size_t)n, sizeof(double));
    room->factors = mem_calloc((size_t)design->p, sizeof(double));
    room->folds = mem_calloc((size_t)n, sizeof(double));
    cr_assert(room->weights && room->factors && room->folds);
    spec->loss = losses[dice_below(dice, 4)];
    spec->huber_delta = pow(10, -1 + 1.5 * dice_unit(dice));
    make_target(dice, design, spec->loss);
    spec->nonnegative = dice_unit(dice) < 0.2;
    spec->standardize = dice_unit(dice) < 0.3;
    if (dice_unit(dice) < 0.4) {
        for (int64_t i = 0; i < n; i++)
            room->weights[i] = dice_unit(dice) < 0.1 ? 0 : dice_unit(dice) < 0.5 ? 1 : 3 * dice_unit(dice);
        spec->weights = lasso_vector_of(room->weights, n);
    }
    if (dice_unit(dice) < 0.4) {
        draw_factors(dice, design, dice_unit(dice) < 0.6, room->factors);
        spec->factors = lasso_vector_of(room->factors, design->p);
    }
    if (!paths)
        return;
    spec->points = 2 + dice_below(dice, 6);
    spec->min_ratio = spec->lambda_ratio < 0.9 ? spec->lambda_ratio : 0.5;
    spec->one_se = dice_unit(dice) < 0.5;
    int64_t folds = 2 + dice_below(dice, 4);
    if (dice_unit(dice) < 0.5)
        spec->folds = folds;
    else
        spec->fold_of = lasso_vector_of(room->folds, n);
    for (int64_t i = 0; i < n; i++)
        room->folds[i] = (double)((i * 7 + dice_below(dice, 2)) % folds) + 1;
}

void glm_room_fini(struct glm_room *room)
{
    mem_free(room->weights);
    mem_free(room->factors);
    mem_free(room->folds);
}
