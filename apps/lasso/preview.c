/* preview.c - what a job comes to, told while x is but a shape: for rondo validate. */
#include "lasso.h"

#include <inttypes.h>
#include <string.h>

enum { LINE = 320 };

/* ", standardised columns" behind the words so far. */
static void add(char line[LINE], const char *words)
{
    size_t used = strlen(line);
    snprintf(line + used, LINE - used, ", %s", words);
}

static void say_model(const struct lasso *lasso)
{
    const struct rondo_host *host = lasso->host;
    const char *loss = host->text(lasso->job, "params.loss");
    char line[LINE], words[120];
    snprintf(line, sizeof line, "%s loss", loss);
    if (strcmp(loss, "huber") == 0) {
        snprintf(words, sizeof words, "linear from %g on", host->real(lasso->job, "params.huber_delta"));
        add(line, words);
    }
    if (lasso->label[0] < lasso->label[1]) {
        snprintf(words, sizeof words, "classes %g and %g, the latter is the positive one", lasso->label[0],
                 lasso->label[1]);
        add(line, words);
    }
    add(line, lasso->intercept ? "an intercept" : "no intercept");
    if (lasso->weight)
        add(line, "weights of rows");
    if (lasso->standardize)
        add(line, "columns standardised");
    if (lasso->nonnegative)
        add(line, "no coefficient below 0");
    if (lasso->frees > lasso->sides) {
        snprintf(words, sizeof words, "%" PRId64 " of %" PRId64 " columns without a penalty",
                 lasso->frees - lasso->sides, lasso->p - lasso->sides);
        add(line, words);
    }
    if (lasso->sides) {
        snprintf(words, sizeof words, "%" PRId64 " covariates", lasso->sides);
        add(line, words);
    }
    host->say(lasso->job, line);
}

static void say_penalty(const struct lasso *lasso)
{
    char line[LINE], words[80];
    if (lasso->points > 1)
        snprintf(line, sizeof line, "a path of %" PRId64 " lambdas, from lambda_max down to %g of it",
                 lasso->points, lasso->least_ratio);
    else if (lasso->lambda > 0)
        snprintf(line, sizeof line, "one lambda, %g", lasso->lambda);
    else
        snprintf(line, sizeof line, "one lambda, %g of lambda_max", lasso->lambda_ratio);
    if (lasso->l1_ratio < 1) {
        snprintf(words, sizeof words, "l1_ratio %g", lasso->l1_ratio);
        add(line, words);
    }
    lasso->host->say(lasso->job, line);
}

static void say_folds(const struct lasso *lasso)
{
    const struct rondo_host *host = lasso->host;
    char line[LINE] = "no cross-validation", words[80] = "as the file says";
    if (lasso->folds) {
        if (!host->matrix(lasso->job, "params.cv.folds"))
            snprintf(words, sizeof words, "dealt by seed %" PRId64, host->integer(lasso->job, "seed"));
        snprintf(line, sizeof line, "cross-validation by %" PRId32 " folds, %s", lasso->folds, words);
        add(line, lasso->one_se ? "chosen is the largest lambda within one standard error of the least error"
                                : "chosen is the lambda of the least error");
    }
    host->say(lasso->job, line);
}

static int look(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    int code = lasso_read_params(lasso, err);
    int64_t rows;
    bool packed, own;
    if (code || !host->shape(lasso->job, "x", &lasso->n, &lasso->p, &packed)
        || (code = lasso_check_window(lasso, packed, err)))
        return code;
    if (host->shape(lasso->job, "covariates", &rows, &lasso->sides, &own)) {
        lasso->p += lasso->sides;
        code = lasso_check_side(lasso, packed, rows, err);
    }
    if (!code)
        code = lasso_read_shape(lasso, err);
    if (!code && host->matrix(lasso->job, "y")) /* else it is in x's file */
        code = lasso_read_response(lasso, err);
    if (!code)
        code = lasso_read_rounds(lasso, packed, err);
    if (!code && lasso->folds)
        code = lasso_check_memory(lasso, err);
    if (code)
        return code;
    say_model(lasso);
    say_penalty(lasso);
    say_folds(lasso);
    return RONDO_OK;
}

int lasso_preview(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err)
{
    struct lasso *lasso = host->zalloc(1, sizeof *lasso);
    if (!lasso)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for lasso");
    lasso->host = host;
    lasso->job = job;
    int code = look(lasso, err);
    lasso_close(lasso);
    return code;
}
