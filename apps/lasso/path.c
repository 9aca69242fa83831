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
        int64_t j = head->support[i];
        double b = head->b[j];
        at->objective += lasso_l1(lasso, l1 - at->l1, j) * fabs(b);
        at->objective += l2 > at->l2 || l2 < at->l2 ? 0.5 * lasso_l2(lasso, l2 - at->l2, j) * b * b : 0;
    }
    at->lambda = lambda;
    at->l1 = at->aim = l1;
    at->l2 = l2;
    at->mark_objective = at->objective;
    at->mark_gap = HUGE_VAL;
    at->dual = 0; /* of theta = 0 */
    at->stalls = at->tried = at->fresh_tried = 0;
}

/* The next column of the support or the frame, in order, and its coefficient; -1: no more. */
static int64_t next_entry(const struct lasso_head *head, int64_t *i, int64_t *a, double *b)
{
    const struct lasso_frame *frame = &head->lasso->frame;
    while (*a < frame->count && frame->column[*a] < 0)
        ++*a;
    int64_t of_support = *i < head->at.nnz ? head->support[*i] : INT64_MAX;
    int64_t of_frame = *a < frame->count ? frame->column[*a] : INT64_MAX;
    int64_t j = of_support < of_frame ? of_support : of_frame;
    if (j == INT64_MAX)
        return -1;
    *b = head->b[j];
    if (of_frame == j)
        *b += frame->b[(*a)++];
    *i += of_support == j;
    return j;
}

int64_t lasso_nonzero(const struct lasso_head *head)
{
    int64_t count = 0;
    double b;
    if (head->lasso->frame.count == 0) /* asked for every round of a trace */
        return head->at.nnz;
    for (int64_t i = 0, a = 0; next_entry(head, &i, &a, &b) >= 0;)
        count += b != 0;
    return count;
}

struct point lasso_standing(const struct lasso_head *head)
{
    double gap = lasso_relative_gap(head);
    return (struct point){ head->at.lambda, head->at.objective, gap, NAN, lasso_nonzero(head),
                           gap <= head->lasso->gap };
}

/* b0 = that of the null model + what has moved - m'b */
struct point lasso_point(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    struct point point = lasso_standing(head);
    const struct lasso_frame *frame = &lasso->frame;
    double intercept = lasso->y_mean + head->at.b0;
    if (frame->count && frame->column[0] < 0)
        intercept += frame->b[0];
    for (int64_t i = 0; i < head->at.nnz; i++)
        intercept -= lasso->mean[head->support[i]] * head->b[head->support[i]];
    point.intercept = intercept;
    return point;
}

int lasso_put_point(const struct lasso_head *head, struct rondo_buf *out)
{
    const struct lasso *lasso = head->lasso;
    struct point point = lasso_point(head);
    double b;
    int64_t j;
    int code = lasso_append(lasso, out, &point, sizeof point);
    for (int64_t i = 0, a = 0; !code && (j = next_entry(head, &i, &a, &b)) >= 0;)
        code = b != 0 ? lasso_append(lasso, out, &j, sizeof j) : RONDO_OK;
    for (int64_t i = 0, a = 0; !code && (j = next_entry(head, &i, &a, &b)) >= 0;)
        code = b != 0 ? lasso_append(lasso, out, &b, sizeof b) : RONDO_OK;
    return code;
}

int lasso_next_point(struct lasso_head *head)
{
    int code = head->lasso->stage ? RONDO_OK : lasso_put_point(head, &head->path);
    head->solved = lasso_point(head);
    head->at.path_bytes = (int64_t)head->path.size;
    lasso_set_lambda(head, lasso_lambda_of(head, ++head->at.point));
    return code;
}

const struct point *lasso_walk(const struct rondo_buf *path, size_t *at, const int64_t **column,
                               const double **b)
{
    if (*at == path->size)
        return NULL;
    const struct point *point = (const struct point *)(const void *)(path->data + *at);
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
    for (size_t at = 0, from = 0; (point = lasso_walk(&head->path, &at, &column, &b)) != NULL;
         from = at, number++) {
        if (!point->precise || point->gap <= head->lasso->gap) {
            head->solved = *point;
            continue;
        }
        head->path.size = from;
        head->at.path_bytes = (int64_t)from;
        head->at.point = number;
        head->at.done = 0;
        lasso_set_lambda(head, lasso_lambda_of(head, number));
        return;
    }
    if (!head->lasso->stage && !head->at.imprecise && lasso_relative_gap(head) > head->lasso->gap) /* the last */
        head->at.done = 0;
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

static int write_coefficients(const struct lasso_head *head, const struct rondo_buf *path, FILE *out)
{
    const int64_t *column;
    const double *b;
    const struct point *point;
    int64_t entries = 0, points = 0, number = 1;
    for (size_t at = 0; (point = lasso_walk(path, &at, &column, &b)) != NULL; points++)
        entries += point->nnz;
    fprintf(out, "%%%%MatrixMarket matrix coordinate real general\n");
    fprintf(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n", head->lasso->p, points, entries);
    for (size_t at = 0; (point = lasso_walk(path, &at, &column, &b)) != NULL; number++)
        for (int64_t i = 0; i < point->nnz; i++)
            fprintf(out, "%" PRId64 " %" PRId64 " %.17g\n", column[i] + 1, number, b[i]);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

static int write_points(const struct rondo_buf *path, FILE *out)
{
    const int64_t *column;
    const double *b;
    const struct point *point;
    const char *before = "[";
    for (size_t at = 0; (point = lasso_walk(path, &at, &column, &b)) != NULL; before = ",\n ")
        fprintf(out, "%s{\"lambda\": %.17g, \"intercept\": %.17g, \"objective\": %.17g, "
                     "\"gap\": %.17g, \"nnz\": %" PRId64 "}",
                before, point->lambda, point->intercept, point->objective, point->gap, point->nnz);
    fprintf(out, "]\n");
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

static int write_labels(const struct lasso *lasso, FILE *out)
{
    fprintf(out, "{\"labels\": [%.17g, %.17g]}\n", lasso->label[0], lasso->label[1]);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

/* A path that a limit has cut short is no whole answer, whatever the gaps of its lambdas. */
static void tell_rest(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    char text[256];
    if (head->at.point + 1 == lasso->points)
        return;
    snprintf(text, sizeof text, "stopped at lambda %" PRId64 " of %" PRId64 ": coef.mtx and path.json have "
             "these alone; --resume with a larger limit goes on", head->at.point + 1, lasso->points);
    lasso->host->say(lasso->job, text);
}

/* The points that are behind, and the present one. */
int lasso_write_path(const struct lasso_head *head, const struct rondo_host *host,
                     struct rondo_output *output, struct rondo_error *err)
{
    const struct lasso *lasso = head->lasso;
    struct rondo_buf path = { 0 };
    FILE *stream;
    int code = lasso_append(lasso, &path, head->path.data, head->path.size);
    if (!code)
        code = lasso_put_point(head, &path);
    if (!code)
        code = host->create(output, "coef.mtx", &stream, err);
    if (!code)
        code = write_coefficients(head, &path, stream);
    if (!code)
        code = host->create(output, "path.json", &stream, err);
    if (!code)
        code = write_points(&path, stream);
    host->free(path.data);
    bool classes = lasso->label[0] < lasso->label[1];
    if (!code && classes)
        code = host->create(output, "classes.json", &stream, err);
    if (!code && classes)
        code = write_labels(lasso, stream);
    bool folds = lasso->folds && lasso_folds_done(head);
    if (!code && folds)
        code = host->create(output, "cv.json", &stream, err);
    if (!code && folds)
        code = lasso_write_folds(head, stream);
    if (!code)
        folds ? lasso_tell_choice(head) : lasso->folds ? lasso_tell_left(head) : tell_rest(head);
    return code;
}
