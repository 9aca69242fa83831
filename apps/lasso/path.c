/* path.c - the lambdas one after the other, each from the solution before, and the model's files.
 *
 *     lambda_k = lambda_max ratio^(k / (L - 1)),   k = 0 .. L - 1
 *
 * as glmnet has it (Friedman, Hastie and Tibshirani, J. Stat. Softw. 33 (2010), section 2.5).
 */
#include "head.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

double lasso_lambda_of(const struct lasso_head *head, int64_t point)
{
    const struct lasso *lasso = head->lasso;
    double share = (double)point / (double)(lasso->points - 1);
    return head->at.lambda_max * pow(lasso->least_ratio, share);
}

void lasso_set_lambda(struct lasso_head *head, double lambda)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    double l1 = lambda * lasso->l1_ratio, l2 = lambda * (1 - lasso->l1_ratio);
    for (int64_t i = 0; i < at->nnz; i++) {
        double b = head->b[head->support[i]];
        at->objective += (l1 - at->l1) * fabs(b) + (l2 > at->l2 || l2 < at->l2 ? 0.5 * (l2 - at->l2) * b * b : 0);
    }
    at->lambda = lambda;
    at->l1 = at->aim = l1;
    at->l2 = l2;
    at->mark_objective = at->objective;
    at->mark_gap = HUGE_VAL;
    at->dual = 0; /* of theta = 0 */
    at->stalls = at->tried = at->fresh_tried = 0;
}

static struct point point_of(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    double intercept = lasso->y_mean;
    for (int64_t i = 0; i < head->at.nnz; i++)
        intercept -= lasso->mean[head->support[i]] * head->b[head->support[i]];
    double gap = lasso_relative_gap(head);
    return (struct point){ head->at.lambda, head->at.objective, gap, intercept, head->at.nnz,
                           gap <= lasso->gap };
}

int lasso_next_point(struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    struct point point = point_of(head);
    int code = lasso_append(lasso, &head->path, &point, sizeof point);
    if (!code)
        code = lasso_append(lasso, &head->path, head->support,
                            (size_t)point.nnz * sizeof *head->support);
    for (int64_t i = 0; i < point.nnz && !code; i++)
        code = lasso_append(lasso, &head->path, &head->b[head->support[i]], sizeof(double));
    head->at.path_bytes = (int64_t)head->path.size;
    lasso_set_lambda(head, lasso_lambda_of(head, ++head->at.point));
    return code;
}

/* The points before the present one, in order; NULL: no more. */
static const struct point *walk(const struct lasso_head *head, size_t *at, const int64_t **column,
                                const double **b)
{
    if (*at == head->path.size)
        return NULL;
    const struct point *point = (const struct point *)(const void *)(head->path.data + *at);
    *column = (const int64_t *)(point + 1);
    *b = (const double *)(*column + point->nnz);
    *at += sizeof *point + (size_t)point->nnz * (sizeof **column + sizeof **b);
    return point;
}

void lasso_reopen_path(struct lasso_head *head)
{
    const int64_t *column;
    const double *b;
    const struct point *point;
    int64_t number = 0;
    for (size_t at = 0, from = 0; (point = walk(head, &at, &column, &b)) != NULL; from = at, number++) {
        if (!point->precise || point->gap <= head->lasso->gap)
            continue;
        head->path.size = from;
        head->at.path_bytes = (int64_t)from;
        head->at.point = number;
        lasso_set_lambda(head, lasso_lambda_of(head, number));
        return;
    }
}

bool lasso_path_fits(const struct lasso *lasso, const unsigned char *bytes, size_t size, int64_t points)
{
    const size_t each = sizeof(int64_t) + sizeof(double);
    for (; points > 0; points--) {
        struct point point;
        if (size < sizeof point)
            return false;
        memcpy(&point, bytes, sizeof point);
        bytes += sizeof point;
        size -= sizeof point;
        if (point.nnz < 0 || point.nnz > lasso->p || size < (size_t)point.nnz * each)
            return false;
        for (int64_t i = 0; i < point.nnz; i++) {
            int64_t j;
            memcpy(&j, bytes + (size_t)i * sizeof j, sizeof j);
            if (j < 0 || j >= lasso->p)
                return false;
        }
        bytes += (size_t)point.nnz * each;
        size -= (size_t)point.nnz * each;
    }
    return size == 0;
}

/* ---- files ----------------------------------------------------------------------------------------------- */

static int write_coefficients(const struct lasso_head *head, FILE *out)
{
    const int64_t *column;
    const double *b;
    const struct point *point;
    int64_t entries = head->at.nnz, number = 1;
    for (size_t at = 0; (point = walk(head, &at, &column, &b)) != NULL;)
        entries += point->nnz;
    fprintf(out, "%%%%MatrixMarket matrix coordinate real general\n");
    fprintf(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n", head->lasso->p, head->at.point + 1, entries);
    for (size_t at = 0; (point = walk(head, &at, &column, &b)) != NULL; number++)
        for (int64_t i = 0; i < point->nnz; i++)
            fprintf(out, "%" PRId64 " %" PRId64 " %.17g\n", column[i] + 1, number, b[i]);
    for (int64_t i = 0; i < head->at.nnz; i++)
        fprintf(out, "%" PRId64 " %" PRId64 " %.17g\n", head->support[i] + 1, number,
                head->b[head->support[i]]);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

static void write_point(const struct point *point, const char *before, FILE *out)
{
    fprintf(out, "%s{\"lambda\": %.17g, \"intercept\": %.17g, \"objective\": %.17g, "
                 "\"gap\": %.17g, \"nnz\": %" PRId64 "}",
            before, point->lambda, point->intercept, point->objective, point->gap, point->nnz);
}

static int write_points(const struct lasso_head *head, FILE *out)
{
    const int64_t *column;
    const double *b;
    const struct point *point;
    const char *before = "[";
    for (size_t at = 0; (point = walk(head, &at, &column, &b)) != NULL; before = ",\n ")
        write_point(point, before, out);
    struct point last = point_of(head);
    write_point(&last, before, out);
    fprintf(out, "]\n");
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

int lasso_write_path(const struct lasso_head *head, const struct rondo_host *host,
                     struct rondo_output *output, struct rondo_error *err)
{
    FILE *stream;
    int code = host->create(output, "coef.mtx", &stream, err);
    if (!code)
        code = write_coefficients(head, stream);
    if (!code)
        code = host->create(output, "path.json", &stream, err);
    if (!code)
        code = write_points(head, stream);
    return code;
}
