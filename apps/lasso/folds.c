/* folds.c - cross-validation: the path once more for each fold, with the fold's rows left out.
 *
 *     e_kl = sum over fold k of v 2 f(y, eta of the model without it) / V_k,   V_k the sum of its weights
 *     mean_l = sum_k V_k e_kl / V,   se_l = sqrt(sum_k V_k (e_kl - mean_l)^2 / V / (K - 1))
 *
 * at the lambdas that all data give (Friedman, Hastie and Tibshirani, J. Stat. Softw. 33 (2010); se as in
 * glmnet).  Rows are left out by their weights: X is not copied.  2 f is the deviance: for the squared
 * loss the squared error.
 */
#include "bundle.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

int lasso_keep_error(struct lasso_head *head, double sum)
{
    double error = sum / head->lasso->held[head->lasso->stage - 1];
    error = error < LASSO_LARGEST ? error : LASSO_LARGEST; /* of counts far off: its square is a number still */
    head->at.errors++;
    head->at.gap_most = fmax(head->at.gap_most, lasso_relative_gap(head));
    return lasso_append(head->lasso, &head->errors, &error, sizeof error);
}

/* ---- what the errors say -------------------------------------------------------------------------- */

struct verdict {
    int64_t least, simplest; /* points: of the least mean, the first within one se of it */
};

static double error_of(const struct lasso_head *head, int64_t fold, int64_t point)
{
    return ((const double *)(const void *)head->bundle->head[fold + 1]->errors.data)[point];
}

bool lasso_folds_done(const struct lasso_head *head)
{
    for (int32_t f = 0; f <= head->lasso->folds; f++)
        if (!head->bundle->head[f]->at.done)
            return false;
    return true;
}

static void sum_up(const struct lasso_head *head, int64_t point, double *mean, double *se)
{
    const struct lasso *lasso = head->lasso;
    double weight = 0, square = 0;
    *mean = 0;
    for (int32_t f = 0; f < lasso->folds; f++) {
        *mean += lasso->held[f] * error_of(head, f, point);
        weight += lasso->held[f];
    }
    *mean /= weight;
    for (int32_t f = 0; f < lasso->folds; f++) {
        double off = error_of(head, f, point) - *mean;
        square += lasso->held[f] * off * off;
    }
    *se = sqrt(square / weight / (lasso->folds - 1));
}

static struct verdict decide(const struct lasso_head *head)
{
    struct verdict verdict = { 0, 0 };
    double least = HUGE_VAL, bound = HUGE_VAL, mean, se;
    for (int64_t l = 0; l < head->lasso->points; l++) {
        sum_up(head, l, &mean, &se);
        if (mean < least) {
            verdict.least = l;
            least = mean;
            bound = mean + se;
        }
    }
    do
        sum_up(head, verdict.simplest, &mean, &se);
    while (mean > bound && ++verdict.simplest < verdict.least);
    return verdict;
}

struct point lasso_chosen(const struct lasso_head *head)
{
    struct verdict verdict = decide(head);
    const int64_t *column;
    const double *b;
    const struct point *point = NULL;
    int64_t chosen = head->lasso->one_se ? verdict.simplest : verdict.least;
    size_t at = 0;
    if (chosen == head->at.point)
        return lasso_point(head);
    for (int64_t l = chosen; l >= 0; l--)
        point = lasso_walk(&head->path, &at, &column, &b);
    return *point;
}

static const char *measure(const struct lasso_head *head)
{
    return strcmp(head->lasso->loss->name, "squared") == 0 ? "mean squared error" : "mean deviance";
}

void lasso_tell_choice(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    struct verdict verdict = decide(head);
    struct point point = lasso_chosen(head);
    double mean, se;
    char text[256];
    sum_up(head, lasso->one_se ? verdict.simplest : verdict.least, &mean, &se);
    snprintf(text, sizeof text,
             "%" PRId32 " folds chose lambda %.6g (%s; min %.6g, 1se %.6g): %s %.5g +- %.2g, %" PRId64
             " coefficients", lasso->folds, point.lambda, lasso->one_se ? "1se" : "min",
             lasso_lambda_of(head, verdict.least), lasso_lambda_of(head, verdict.simplest), measure(head),
             mean, se, point.nnz);
    lasso->host->say(lasso->job, text);
}

void lasso_tell_left(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    int64_t done = 0, least = lasso->points;
    char text[256];
    for (int32_t f = 1; f <= lasso->folds; f++) {
        const struct numbers *at = &head->bundle->head[f]->at;
        done += at->done;
        least = at->errors < least ? at->errors : least;
    }
    snprintf(text, sizeof text,
             "stopped amid the cross-validation: all data are at lambda %" PRId64 " of %" PRId64 ", %" PRId64
             " of %" PRId32 " folds are done, each has %" PRId64 " lambdas or more; there is no cv.json; --resume "
             "with a larger limit goes on", head->at.point + 1, lasso->points, done, lasso->folds, least);
    lasso->host->say(lasso->job, text);
}

int lasso_write_folds(const struct lasso_head *head, FILE *out)
{
    const struct lasso *lasso = head->lasso;
    struct verdict verdict = decide(head);
    double least = lasso_lambda_of(head, verdict.least), simplest = lasso_lambda_of(head, verdict.simplest);
    double gap = 0;
    for (int32_t f = 1; f <= lasso->folds; f++)
        gap = fmax(gap, head->bundle->head[f]->at.gap_most);
    fprintf(out, "{\"folds\": %" PRId32 ", \"rule\": \"%s\", \"measure\": \"%s\",\n \"chosen\": %.17g, "
                 "\"lambda_min\": %.17g, \"lambda_1se\": %.17g, \"gap\": %.17g,\n \"points\": [",
            lasso->folds, lasso->one_se ? "1se" : "min",
            measure(head),
            lasso->one_se ? simplest : least, least, simplest, gap);
    for (int64_t l = 0; l < lasso->points; l++) {
        double mean, se;
        sum_up(head, l, &mean, &se);
        fprintf(out, "%s{\"lambda\": %.17g, \"mean\": %.17g, \"se\": %.17g, \"folds\": [", l ? ",\n  " : "",
                lasso_lambda_of(head, l), mean, se);
        for (int32_t f = 0; f < lasso->folds; f++)
            fprintf(out, "%s%.17g", f ? ", " : "", error_of(head, f, l));
        fprintf(out, "]}");
    }
    fprintf(out, "]}\n");
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}
