/* lasso.c - the app's table, its parameters, and the problem that all parts share. */
#include "lasso.h"

#include "foretell.h"

#include <math.h>
#include <string.h>

enum {
    SHARD_ROWS = 262144,  /* rows from which on the residual is cut into shards of about this size */
    SHARDS_MOST = 64,
    ROUND_DEFAULT = 8 * 1024, /* blocks x block_size as they are where the spec is silent */
    WHOLE_MOST = 262144,  /* variables in a working set that is solved on the residual */
    POINTS_DEFAULT = 100, /* of a path */
    FRESH_ROUNDS = 4096,  /* rounds between two fresh residuals */
};

static const double RATIO_DEFAULT = 0.1; /* of lambda_max */

static const struct rondo_param params[] = {
    { "loss", RONDO_CHOICE, "\"squared\"", NAN, NAN, false, "squared|logistic|huber|poisson", "",
      "of y and x's prediction: least squares; two classes; least squares with outliers; counts" },
    { "huber_delta", RONDO_REAL, "1.345", 0, NAN, true, NULL, "units of y",
      "huber: how far off a row may be until its loss grows but linearly" },
    { "lambda", RONDO_REAL, NULL, 0, NAN, true, NULL, "", "strength of the penalty" },
    { "lambda_ratio", RONDO_REAL, NULL, 0, NAN, true, NULL, "of lambda_max",
      "strength of the penalty as a share of lambda_max; 0.1 where neither is given" },
    { "path.count", RONDO_INTEGER, NULL, 2, 10000, false, NULL, "lambdas",
      "solve for so many lambdas from lambda_max down, evenly in logarithms; 100 with min_ratio or folds "
      "alone" },
    { "path.min_ratio", RONDO_REAL, NULL, 0, NAN, true, NULL, "of lambda_max",
      "the last of them, below 1; 0.01 where x has more columns than rows, else 0.0001" },
    { "l1_ratio", RONDO_REAL, "1", 0, 1, false, NULL, "", "share of the 1-norm in the penalty" },
    { "intercept", RONDO_BOOL, "true", NAN, NAN, false, NULL, "", "fit an unpenalised constant" },
    { "standardize", RONDO_BOOL, "false", NAN, NAN, false, NULL, "",
      "penalise each column as if its deviation were 1; coefficients stay on x's scale" },
    { "nonnegative", RONDO_BOOL, "false", NAN, NAN, false, NULL, "", "no coefficient below 0" },
    { "cv.folds", RONDO_INTEGER, NULL, 2, NAN, false, NULL, "folds",
      "cross-validate: so many folds, dealt by the seed, or the fold of each row, whole numbers from 0 on" },
    { "cv.rule", RONDO_CHOICE, NULL, NAN, NAN, false, "min|1se", "",
      "the lambda chosen: of the least error, or the largest within one standard error of it; min where "
      "folds alone are given" },
    { "row_shards", RONDO_INTEGER, NULL, 0, 1024, false, NULL, "shards",
      "cut the rows into so many shards; by default none below 524288 rows, nor of genotypes" },
    { "ld_window", RONDO_REAL, "0", 0, NAN, false, NULL, "base pairs",
      "genotypes: variants further apart, or on other chromosomes, are taken as uncoupled; 0: none are" },
    { "stop.gap", RONDO_REAL, "1e-6", 0, NAN, false, NULL, "of the objective at b = 0",
      "stop when the duality gap is at most this" },
    { .key = NULL },
};

static const struct rondo_role roles[] = {
    { "x", RONDO_ROLE_PACKED, true, NULL, "the design, n x p" },
    { "y", RONDO_ROLE_VECTOR, true, "x", "the response, n; not needed where x's file bears it" },
    { "covariates", RONDO_ROLE_MATRIX, false, "x",
      "genotypes: columns without a penalty, n x c, or a table of them by FID and IID" },
    { "params.weights", RONDO_ROLE_VECTOR, false, NULL, "the weight of each row, n; scaled to mean 1" },
    { "params.penalty_factor", RONDO_ROLE_VECTOR, false, NULL,
      "times lambda: the penalty of each column, p; 0: none" },
    { "params.cv.folds", RONDO_ROLE_VECTOR, false, NULL, "the fold of each row, n whole numbers from 0 on" },
    { .key = NULL },
};

/* ---- what the spec says ---------------------------------------------------------------------------- */

int lasso_refuse(const struct lasso *lasso, struct rondo_error *err, const char *key,
                 const char *what, const char *hint)
{
    char where[256];
    lasso->host->where(lasso->job, key, where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, hint, "%s", what);
}

/* One lambda, a path of them or folds, which go along a path.  The path's end follows from the shape of x. */
static void assume(const struct rondo_host *host, const struct rondo_job *job, const char *key,
                   struct rondo_value *value)
{
    bool folds = host->given(job, "params.cv.folds");
    bool path = folds || host->given(job, "params.path.count") || host->given(job, "params.path.min_ratio");
    if (strcmp(key, "params.lambda_ratio") == 0)
        *value = (struct rondo_value){ .given = !path && !host->given(job, "params.lambda")
                                                && host->real(job, "params.l1_ratio") > 0,
                                       .real = RATIO_DEFAULT };
    else if (strcmp(key, "params.path.count") == 0)
        *value = (struct rondo_value){ .given = path, .integer = POINTS_DEFAULT };
    else if (strcmp(key, "params.cv.rule") == 0)
        *value = (struct rondo_value){ .given = folds, .text = "min" };
}

int lasso_read_params(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    const struct rondo_job *job = lasso->job;
    bool absolute = host->given(job, "params.lambda"), ratio = host->given(job, "params.lambda_ratio");
    if (absolute && ratio)
        return lasso_refuse(lasso, err, "params.lambda_ratio", "lambda and lambda_ratio are both given",
                      "give one of them");
    bool folds = host->given(job, "params.cv.folds");
    if (!folds && host->given(job, "params.cv.rule"))
        return lasso_refuse(lasso, err, "params.cv.rule", "a rule is given and no folds to cross-validate by",
                      "give params.cv.folds, or leave it out");
    bool path = folds || host->given(job, "params.path.count") || host->given(job, "params.path.min_ratio");
    if (path && (absolute || ratio))
        return lasso_refuse(lasso, err, absolute ? "params.lambda" : "params.lambda_ratio",
                      folds ? "cross-validation is over a path of lambdas, and one lambda is given"
                            : "a path of lambdas is asked for, and one lambda", "give one of them");
    int64_t count = host->integer(job, "params.cv.folds"); /* 0: a file has them */
    lasso->folds = (int32_t)(count < INT32_MAX ? count : INT32_MAX);
    lasso->one_se = strcmp(host->text(job, "params.cv.rule"), "1se") == 0;
    lasso->standardize = host->flag(job, "params.standardize");
    lasso->nonnegative = host->flag(job, "params.nonnegative");
    lasso->points = path ? host->integer(job, "params.path.count") : 1;
    lasso->least_ratio = host->given(job, "params.path.min_ratio")
                             ? host->real(job, "params.path.min_ratio") : 0;
    if (lasso->least_ratio >= 1)
        return lasso_refuse(lasso, err, "params.path.min_ratio", "must be below 1", NULL);
    lasso->lambda = absolute ? host->real(job, "params.lambda") : -1;
    lasso->lambda_ratio = host->real(job, "params.lambda_ratio");
    lasso->l1_ratio = host->real(job, "params.l1_ratio");
    if (!absolute && lasso->l1_ratio == 0)
        return lasso_refuse(lasso, err, ratio ? "params.lambda_ratio" : "params.l1_ratio",
                      "lambda_max is infinite where l1_ratio is 0", ratio ? "give lambda instead" : "give lambda");
    lasso->intercept = host->flag(job, "params.intercept");
    lasso->gap = host->real(job, "stop.gap");
    const char *coupled = host->text(job, "schedule.dependency.coupled");
    lasso->couples = strcmp(host->text(job, "schedule.dependency.check"), "none") != 0;
    lasso->mode = !lasso->couples || strcmp(coupled, "drop") == 0 ? LASSO_ALONE
                  : strcmp(coupled, "group") == 0                 ? LASSO_GROUP
                                                                  : LASSO_SOLVE;
    lasso->window = host->real(job, "params.ld_window");
    lasso->by_violation = strcmp(host->text(job, "schedule.priority.rule"), "gradient") == 0;
    lasso->most = host->integer(job, "schedule.blocks") * host->integer(job, "schedule.block_size");
    /* What is solved on the residual needs no couplings, and may be as large as it must; a spec that
     * asks for other rounds than the default's gets them. */
    lasso->whole = lasso->most == ROUND_DEFAULT ? WHOLE_MOST : lasso->most;
    lasso->set = WHOLE_MOST;
    lasso->pipeline = host->integer(job, "schedule.pipeline");
    lasso->fresh_rounds = FRESH_ROUNDS;
    return RONDO_OK;
}

static int check_params(const struct rondo_host *host, const struct rondo_job *job,
                        struct rondo_error *err)
{
    struct lasso lasso = { .host = host, .job = job };
    return lasso_read_params(&lasso, err);
}

static int read_kernel(struct lasso *lasso)
{
    const char *isa = lasso->host->isa(lasso->job);
    int level = lasso->level = strcmp(isa, "x86-64-v4") == 0 ? 2 : strcmp(isa, "x86-64-v3") == 0;
    lasso->kernel = (const struct kernel *const[]){ &lasso_kernel_v2, &lasso_kernel_v3,
                                                    &lasso_kernel_v4 }[level];
    lasso->panel = (const struct panel *const[]){ &lasso_panel_v2, &lasso_panel_v3,
                                                  &lasso_panel_v4 }[level];
    lasso->factor = (const struct factor *const[]){ &lasso_factor_v2, &lasso_factor_v3,
                                                    &lasso_factor_v4 }[level];
    lasso->shadows = (const struct shadow_kernel *const[]){ &lasso_shadow_v2, &lasso_shadow_v3,
                                                            &lasso_shadow_v4 }[level];
    lasso->codes = (const struct codes_kernel *const[]){ &lasso_codes_v2, &lasso_codes_v3,
                                                         &lasso_codes_v4 }[level];
    lasso->genotypes = (const struct genotype_kernel *const[]){
        &lasso_genotype_v2, &lasso_genotype_v3, &lasso_genotype_v4 }[level];
    return RONDO_OK;
}

/* ---- what the data say ------------------------------------------------------------------------------- */

/* A packed column cannot be cut at any row, and has few bytes. */
static int cut_rows(struct lasso *lasso, bool packed, struct rondo_error *err)
{
    int64_t shards = 0;
    if (lasso->host->given(lasso->job, "params.row_shards"))
        shards = lasso->host->integer(lasso->job, "params.row_shards");
    else if (lasso->n >= 2 * SHARD_ROWS && !packed && !lasso->loss)
        shards = lasso->n / SHARD_ROWS > SHARDS_MOST ? SHARDS_MOST : lasso->n / SHARD_ROWS;
    if (shards && packed)
        return lasso_refuse(lasso, err, "params.row_shards", "packed genotypes are not cut into row shards",
                      "leave it out");
    if (shards && lasso->loss)
        return lasso_refuse(lasso, err, "params.row_shards",
                      "row shards are for the squared loss without weights, unpenalised columns and folds",
                      "leave it out");
    lasso->shards = (int32_t)(shards > lasso->n ? lasso->n : shards);
    return RONDO_OK;
}

/* A quadratic model is of all that moves, so that a round's variables are one block. */
static int check_rounds(struct lasso *lasso, struct rondo_error *err)
{
    const char *what = "other rounds are for the squared loss without weights, unpenalised columns and folds";
    lasso->whole = lasso->p;
    if (!lasso->by_violation)
        return lasso_refuse(lasso, err, "schedule.priority.rule", what, "use \"gradient\"");
    if (lasso->mode != LASSO_SOLVE)
        return lasso_refuse(lasso, err, lasso->couples ? "schedule.dependency.coupled" : "schedule.dependency.check",
                      what, lasso->couples ? "use \"solve\"" : "use \"correlation\"");
    if (lasso->pipeline > 1)
        return lasso_refuse(lasso, err, "schedule.pipeline", what, "use 1");
    return RONDO_OK;
}

int lasso_read_rounds(struct lasso *lasso, bool packed, struct rondo_error *err)
{
    int code = cut_rows(lasso, packed, err);
    return code || !lasso->loss ? code : check_rounds(lasso, err);
}

int lasso_check_window(const struct lasso *lasso, bool placed, struct rondo_error *err)
{
    if (lasso->window <= 0 || placed)
        return RONDO_OK;
    return lasso_refuse(lasso, err, "params.ld_window", "x has no positions", "a .bed has, in its .bim");
}

int lasso_read_shape(struct lasso *lasso, struct rondo_error *err)
{
    if (lasso->least_ratio <= 0)
        lasso->least_ratio = lasso->p > lasso->n ? 0.01 : 0.0001;
    if (lasso->n < 2)
        return lasso_refuse(lasso, err, "data.x", "x has fewer than 2 rows", NULL);
    if (lasso->p < 1)
        return lasso_refuse(lasso, err, "data.x", "x has no columns", NULL);
    return lasso_read_vectors(lasso, err);
}

/* Where x is numbers they can stand in it. */
int lasso_check_side(const struct lasso *lasso, bool packed, int64_t rows, struct rondo_error *err)
{
    char words[120];
    if (!packed)
        return lasso_refuse(lasso, err, "data.covariates", "covariates go with genotypes, and x is none",
                            "make them columns of x with a penalty_factor of 0");
    if (lasso->side && !lasso->side->dense)
        return lasso_refuse(lasso, err, "data.covariates", "covariates are a table or a dense matrix", NULL);
    snprintf(words, sizeof words, "there are %lld rows of covariates and x has %lld", (long long)rows,
             (long long)lasso->n);
    if (rows != lasso->n)
        return lasso_refuse(lasso, err, "data.covariates", words, NULL);
    return lasso->nonnegative ? lasso_refuse(lasso, err, "params.nonnegative",
                                             "covariates are free, and no coefficient may be below 0",
                                             "leave one of them out")
                              : RONDO_OK;
}

static int read_data(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    lasso->x = host->matrix(lasso->job, "x");
    if (lasso_check_window(lasso, lasso->x->position != NULL, err))
        return err->code;
    lasso->touches = !lasso->x->sparse && host->touch && host->given(lasso->job, "limits.resident");
    lasso->side = host->matrix(lasso->job, "covariates");
    lasso->sides = lasso->side ? lasso->side->cols : 0;
    lasso->n = lasso->x->rows;
    lasso->p = lasso->x->cols + lasso->sides;
    int code = lasso->side ? lasso_check_side(lasso, lasso->x->packed, lasso->side->rows, err) : RONDO_OK;
    if (!code)
        code = lasso_read_shape(lasso, err);
    if (!code)
        code = lasso_read_response(lasso, err);
    if (!code)
        code = lasso_read_rounds(lasso, lasso->x->packed, err);
    /* What the null model leaves of y is in the same pass as the columns' norms, if it needs no column. */
    bool late = lasso->frees > 0;
    if (!code && lasso->loss && !late)
        code = lasso_fit_null(lasso, err);
    if (!code)
        code = lasso_read_columns(lasso, err);
    if (!code && late)
        code = lasso_fit_null(lasso, err);
    if (!code)
        lasso_read_slopes(lasso, late);
    return code ? code : lasso_make_views(lasso, err);
}

void lasso_close(void *problem)
{
    struct lasso *lasso = problem;
    if (!lasso)
        return;
    lasso_free_views(lasso);
    void *own[] = {
        lasso->y, lasso->eta, lasso->target, lasso->weight, lasso->ones, lasso->offset, lasso->l1_factor,
        lasso->l2_factor, lasso->fold, lasso->held, lasso->frame.column, lasso->frame.z, lasso->frame.r,
        lasso->frame.b, lasso->frame.start, lasso->frame.unit,
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        lasso->host->free(own[i]);
    lasso->host->free(lasso->mean);
    lasso->host->free(lasso->scale);
    lasso->host->free(lasso->slope);
    lasso->host->free(lasso->code);
    lasso->host->free(lasso->shadow);
    lasso->host->free(lasso->imputed);
    lasso->host->free(lasso->lacks);
    lasso->host->free(lasso->cost);
    lasso->host->free(lasso->chunk);
    lasso->host->free(lasso);
}

static int open_problem(const struct rondo_host *host, const struct rondo_job *job, void **problem,
                        struct rondo_error *err)
{
    struct lasso *lasso = host->zalloc(1, sizeof *lasso);
    if (!lasso)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for lasso");
    lasso->host = host;
    lasso->job = job;
    int code = lasso_read_params(lasso, err);
    if (!code)
        code = read_kernel(lasso);
    if (!code)
        code = read_data(lasso, err);
    if (code) {
        lasso_close(lasso);
        return code;
    }
    *problem = lasso;
    return RONDO_OK;
}

static void layout(const void *problem, struct rondo_layout *out)
{
    const struct lasso *lasso = problem;
    *out = (struct rondo_layout){ .variables = lasso->p, .cost = lasso->cost,
                                  .shards = lasso->folds ? lasso->folds + 1 : lasso->shards,
                                  .chunks = lasso->chunks,
                                  .whole = lasso->whole };
}

static const char *const files[] = { "coef.mtx", "path.json", "classes.json", "cv.json", NULL };

const struct rondo_app lasso_app = {
    .abi = RONDO_APP_ABI,
    .size = sizeof(struct rondo_app),
    .name = "lasso",
    .summary = "linear, logistic, Huber or Poisson regression with a 1-norm or elastic net penalty, to a "
               "duality gap",
    .params = params,
    .roles = roles,
    .files = files,
    .check = check_params,
    .open = open_problem,
    .close = lasso_close,
    .layout = layout,
    .head = { lasso_head_create, lasso_head_destroy, lasso_head_pack, lasso_head_unpack },
    .common = { lasso_common_create, lasso_slice_destroy, lasso_slice_pack, lasso_slice_unpack },
    .shard = { lasso_shard_create, lasso_slice_destroy, lasso_slice_pack, lasso_slice_unpack },
    .scratch = lasso_scratch_create,
    .scratch_free = lasso_scratch_free,
    .schedule = lasso_schedule,
    .couple = lasso_couple,
    .brief = lasso_brief,
    .push = lasso_push,
    .pull = lasso_pull,
    .settle = lasso_settle,
    .apply = lasso_apply,
    .report = lasso_report,
    .save = lasso_save,
    .predict_options = lasso_predict_options,
    .predict = lasso_predict,
    .preview = lasso_preview,
    .coefficients = lasso_list,
    .assume = assume,
};
