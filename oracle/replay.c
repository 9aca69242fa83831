#include "oracle/replay.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "oracle/objective.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double RISE = 1e-12; /* of F and of F(0): what rounding may do */
enum { PATH_MOST = 256 << 20 };

static const double SAID = 1e-9;  /* of F: how far what the trace says may be off */
static const double MOVED = 1e-11; /* of the largest b_j scale_j on the way: what adding up its moves may round */

struct replay_lambda {
    int64_t round;
    double lambda, most, points; /* most: lambda_max; points: lambdas so far, this one too.  NAN: not said */
};

/* ---- what the job was ---------------------------------------------------------------------------------- */

static const char *find_reason(const struct subject *subject)
{
    const struct rondo_host *host = &subject->host;
    const struct rondo_matrix *factor = host->matrix(subject->job, "params.penalty_factor");
    if (host->matrix(subject->job, "params.cv.folds") || host->integer(subject->job, "params.cv.folds") > 0)
        return "the folds of a cross-validation are solved side by side, and the trace has the moves of none";
    if (host->matrix(subject->job, "covariates"))
        return "covariates have no penalty, and the trace does not say where the null model begins";
    for (int64_t j = 0; factor && j < factor->rows; j++)
        if (!(factor->dense[j] > 0))
            return "some columns have no penalty, and the trace does not say where the null model begins";
    return reader_level(subject->reader) < TRACE_ALL ? "moves are kept at level \"all\" alone" : NULL;
}

static enum replay_loss loss_of(const char *name)
{
    return strcmp(name, "squared") == 0    ? REPLAY_SQUARED
           : strcmp(name, "logistic") == 0 ? REPLAY_LOGISTIC
           : strcmp(name, "huber") == 0    ? REPLAY_HUBER
                                           : REPLAY_POISSON;
}

static int read_lambda(void *context, const struct trace_report *report)
{
    struct replay *replay = context;
    struct replay_lambda said = { report->round, (double)NAN, (double)NAN, (double)NAN };
    for (int32_t i = 0; i < report->count; i++) {
        said.lambda = strcmp(report->key[i], "lambda") == 0 ? report->value[i] : said.lambda;
        said.most = strcmp(report->key[i], "lambda_max") == 0 ? report->value[i] : said.most;
        said.points = strcmp(report->key[i], "lambdas") == 0 ? report->value[i] : said.points;
    }
    return isnan(said.lambda) ? RONDO_OK : buf_append(&replay->lambdas, &said, sizeof said);
}

/* v, of mean 1. */
static void weigh(struct replay *replay, const double *weight)
{
    const int64_t n = replay->design->n;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += weight[i];
    for (int64_t i = 0; i < n; i++)
        replay->weight[i] = weight[i] * ((double)n / sum);
}

/* The response as the loss has it: of two labels the smaller is -1; of least squares with equal weights less
 * its mean, where there is an intercept. */
static void read_response(struct replay *replay, const double *y)
{
    const int64_t n = replay->design->n;
    double sum = 0, least = HUGE_VAL;
    for (int64_t i = 0; i < n; i++) {
        sum += y[i];
        least = fmin(least, y[i]);
    }
    replay->centre = replay->intercept && !replay->profiled ? sum / (double)n : 0;
    for (int64_t i = 0; i < n; i++)
        replay->y[i] = replay->loss == REPLAY_LOGISTIC ? (y[i] > least ? 1 : -1) : y[i] - replay->centre;
}

/* The deviation of column j under the weights, around their mean. */
static double deviation(struct replay *replay, int64_t j)
{
    double *x = replay->eta, mean = 0, square = 0;
    const int64_t n = replay->design->n;
    memset(x, 0, (size_t)n * sizeof *x);
    design_add(replay->design, 1, j, x);
    for (int64_t i = 0; i < n; i++)
        mean += (replay->weight ? replay->weight[i] : 1) * x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        square += (replay->weight ? replay->weight[i] : 1) * (x[i] - mean) * (x[i] - mean);
    memset(x, 0, (size_t)n * sizeof *x);
    return sqrt(square / (double)n);
}

static int allocate(struct replay *replay, bool weighted)
{
    const size_t n = (size_t)replay->design->n + 1, p = (size_t)replay->design->p + 1;
    replay->y = mem_calloc(n, sizeof(double));
    replay->eta = mem_calloc(n, sizeof(double));
    replay->weight = weighted ? mem_calloc(n, sizeof(double)) : NULL;
    replay->b = mem_calloc(p, sizeof(double));
    replay->l1 = mem_calloc(p, sizeof(double));
    replay->l2 = mem_calloc(p, sizeof(double));
    replay->is_touched = mem_calloc(p, 1);
    return replay->y && replay->eta && (replay->weight || !weighted) && replay->b && replay->l1 && replay->l2
                   && replay->is_touched
               ? RONDO_OK : RONDO_ENOMEM;
}

static void read_path(struct replay *replay, const struct subject *subject)
{
    char path[sizeof subject->dir + 16], *text = NULL;
    size_t size;
    snprintf(path, sizeof path, "%s/path.json", subject->dir);
    if (file_read(path, PATH_MOST, &text, &size, NULL) == 0 && jsonin_parse(text, size, &replay->path))
        replay->path = NULL;
    mem_free(text);
}

static int read_coef(struct replay *replay, const struct subject *subject, struct rondo_error *err)
{
    char path[sizeof subject->dir + 16];
    const struct data_options options = { 0 };
    read_path(replay, subject);
    snprintf(path, sizeof path, "%s/coef.mtx", subject->dir);
    if (access(path, R_OK) != 0)
        return RONDO_OK;
    int code = data_load(path, &options, &replay->coef, err);
    if (!code && replay->coef->x.rows != replay->design->p)
        code = rondo_error_set(err, RONDO_EINPUT, path, NULL, "it has %" PRId64 " rows, and x has %" PRId64 " columns",
                               replay->coef->x.rows, replay->design->p);
    return code;
}

static int read_problem(struct replay *replay, const struct subject *subject, struct rondo_error *err)
{
    const struct rondo_host *host = &subject->host;
    const struct rondo_job *job = subject->job;
    const struct rondo_matrix *y = host->matrix(job, "y"), *weight = host->matrix(job, "params.weights");
    const struct rondo_matrix *factor = host->matrix(job, "params.penalty_factor");
    const int64_t n = replay->design->n, p = replay->design->p;
    if (!y || y->rows != n || (weight && weight->rows != n) || (factor && factor->rows != p))
        return rondo_error_set(err, RONDO_EINPUT, "/data", NULL, "y, weights or penalty factors do not fit x");
    replay->loss = loss_of(host->text(job, "params.loss"));
    replay->intercept = host->flag(job, "params.intercept");
    replay->profiled = replay->intercept && (weight || replay->loss != REPLAY_SQUARED);
    replay->huber = host->real(job, "params.huber_delta");
    replay->l1_ratio = host->real(job, "params.l1_ratio");
    if (allocate(replay, weight))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory to replay the job");
    if (weight)
        weigh(replay, weight->dense);
    read_response(replay, y->dense);
    const bool standardize = host->flag(job, "params.standardize");
    for (int64_t j = 0; j < p; j++) {
        const double own = factor ? factor->dense[j] : 1, s = standardize ? deviation(replay, j) : 1;
        replay->l1[j] = own * s;
        replay->l2[j] = own * s * s;
    }
    replay->null_objective = objective_of(replay);
    return RONDO_OK;
}

/* A path begins at lambda_max, where b = 0 is the solution: it may be left before a line says it. */
static void begin(struct replay *replay, const struct subject *subject)
{
    const struct replay_lambda *said = (const struct replay_lambda *)(const void *)replay->lambdas.data;
    const struct rondo_host *host = &subject->host;
    const bool path = host->given(subject->job, "params.path.count") || host->given(subject->job, "params.path.min_ratio");
    replay->lambda = !replay->lambdas.size ? (double)NAN : path ? said->most : said->lambda;
    replay->least = objective_of(replay);
}

int replay_open(struct replay *replay, const struct subject *subject, struct design *design, struct verdict *verdict,
                struct rondo_error *err)
{
    const struct reader_window all = { INT64_MIN, INT64_MAX };
    *replay = (struct replay){ .design = design, .verdict = verdict, .why_not = find_reason(subject),
                               .said = (double)NAN };
    if (replay->why_not)
        return RONDO_OK;
    int code = read_problem(replay, subject, err);
    if (!code)
        code = reader_reports(subject->reader, all, read_lambda, replay, err);
    if (!code)
        begin(replay, subject);
    return code ? code : read_coef(replay, subject, err);
}

/* ---- a round ------------------------------------------------------------------------------------------- */

/* b, against a column of coef.mtx. */
static void compare_column(struct replay *replay, int64_t round, int64_t column)
{
    if (!replay->coef || column >= replay->coef->x.cols)
        return;
    const struct rondo_matrix *coef = &replay->coef->x;
    double most = 0, worst = 0;
    int64_t at = -1;
    int64_t e = coef->sparse ? coef->colptr[column] : 0, end = coef->sparse ? coef->colptr[column + 1] : 0;
    for (int64_t j = 0; j < replay->design->p; j++) {
        double saved = 0;
        if (coef->sparse && e < end && coef->rowidx[e] == j)
            saved = coef->values[e++];
        else if (!coef->sparse)
            saved = coef->dense[j + column * coef->ld];
        const double scale = replay->design->scale[j], off = fabs(replay->b[j] - saved) * scale;
        most = fmax(most, fabs(saved) * scale);
        if (!(off <= worst)) {
            worst = off;
            at = j;
        }
    }
    replay->columns++;
    if (worst <= MOVED * fmax(most, replay->most) || at < 0)
        return;
    struct finding finding = finding_of("coefficient", round);
    finding.first = at;
    finding.value = replay->b[at];
    verdict_find(replay->verdict, finding, "coef.mtx, column %" PRId64 ": variable %" PRId64 " is not what the moves come to, "
                 "%.12g", column + 1, at, replay->b[at]);
}

/* F at the intercept of path.json, which is of columns that are not centred, against the objective there. */
static void compare_point(struct replay *replay, int64_t round, int64_t number)
{
    const struct jsonin *point = jsonin_at(replay->path, number);
    double intercept, said, lambda;
    if (!jsonin_number(point, "intercept", &intercept) || !jsonin_number(point, "objective", &said)
        || !jsonin_number(point, "lambda", &lambda))
        return;
    const int64_t *touched = (const int64_t *)(const void *)replay->touched.data;
    double b0 = intercept - replay->centre;
    for (size_t i = 0; i < replay->touched.size / sizeof *touched; i++)
        b0 += replay->design->mean[touched[i]] * replay->b[touched[i]];
    const double f = objective_at(replay, b0);
    replay->ends++;
    if (fabs(f - said) <= SAID * fmax(fabs(f), 1e-3 * replay->null_objective)
        && fabs(lambda - replay->lambda) <= SAID * fabs(lambda))
        return;
    struct finding finding = finding_of("objective", round);
    finding.value = f;
    finding.bound = said;
    verdict_find(replay->verdict, finding, "path.json, number %" PRId64 ": the objective at lambda %.12g is %.15g, and is said "
                 "to be %.15g at %.12g", number + 1, replay->lambda, f, said, lambda);
}

/* A lambda is solved. */
static void end_point(struct replay *replay, int64_t round)
{
    compare_column(replay, round, replay->points);
    compare_point(replay, round, replay->points++);
}

/* The lambda that is in force behind this round. */
static void follow(struct replay *replay, int64_t round)
{
    const struct replay_lambda *said = (const struct replay_lambda *)(const void *)replay->lambdas.data;
    const size_t count = replay->lambdas.size / sizeof *said;
    double lambda = replay->lambda;
    for (; replay->next < count && said[replay->next].round <= round; replay->next++) {
        lambda = said[replay->next].lambda;
        if (said[replay->next].points > (double)replay->points + 1) /* one is solved: this is the next */
            end_point(replay, round);
    }
    if (!(lambda < replay->lambda) && !(lambda > replay->lambda))
        return;
    replay->lambda = lambda;
    replay->said = (double)NAN;
    replay->least = objective_of(replay);
}

static void add_up(struct replay *replay)
{
    const int64_t *touched = (const int64_t *)(const void *)replay->touched.data;
    replay->norm = replay->square = 0;
    for (size_t i = 0; i < replay->touched.size / sizeof *touched; i++) {
        const double b = replay->b[touched[i]];
        replay->norm += replay->l1[touched[i]] * fabs(b);
        replay->square += replay->l2[touched[i]] * b * b;
    }
}

/* b_j moves by d, and the penalty's sums with it. */
static void step(struct replay *replay, int64_t j, double d)
{
    const double from = replay->b[j], to = from + d;
    replay->b[j] = to;
    replay->norm += replay->l1[j] * (fabs(to) - fabs(from));
    replay->square += replay->l2[j] * (to * to - from * from);
    replay->most = fmax(replay->most, fabs(to) * replay->design->scale[j]);
    design_add(replay->design, d, j, replay->eta);
    if (++replay->steps % REPLAY_RENEW == 0)
        add_up(replay);
}

static int apply(struct replay *replay, const struct trace_round *round)
{
    const double root = sqrt((double)replay->design->n);
    for (int64_t i = 0; i < round->moves; i++) {
        const int64_t j = round->move[i];
        if (j < 0 || j >= replay->design->p || !(replay->design->scale[j] > 0)) {
            struct finding finding = finding_of("variable", round->round);
            finding.first = j;
            verdict_find(replay->verdict, finding, "round %" PRId64 ": variable %" PRId64 " moved, which the data do not have "
                         "or which says nothing", round->round, j);
            continue;
        }
        const double d = round->delta[i] * root / replay->design->scale[j];
        if (!replay->is_touched[j] && buf_append(&replay->touched, &j, sizeof j))
            return RONDO_ENOMEM;
        replay->is_touched[j] = 1;
        step(replay, j, d);
    }
    return RONDO_OK;
}

static void find_rise(struct replay *replay, int64_t round, double before, double after, const char *whose)
{
    struct finding finding = finding_of("objective", round);
    finding.value = after;
    finding.bound = before;
    verdict_find(replay->verdict, finding, "round %" PRId64 ": the commit raised the objective%s from %.15g to %.15g",
                 round, whose, before, after);
}

static void compare_objective(struct replay *replay, const struct trace_round *round)
{
    const double said = round->objective, f = replay->least;
    const double slack = SAID * fmax(fabs(f), 1e-3 * replay->null_objective);
    const bool below = said < f - slack, above = !replay->profiled && !(said <= f + slack);
    replay->compared++;
    if (below || above) {
        struct finding finding = finding_of("objective", round->round);
        finding.value = f;
        finding.bound = said;
        verdict_find(replay->verdict, finding, "round %" PRId64 ": the objective is %.15g%s, and the trace says %.15g",
                     round->round, f, replay->profiled ? " at least" : "", said);
    }
    if (replay->profiled && said > replay->said + RISE * (replay->null_objective + fabs(said)))
        find_rise(replay, round->round, replay->said, said, " that the trace says");
    replay->said = said;
}

int replay_round(struct replay *replay, const struct trace_round *round)
{
    if (replay->why_not)
        return RONDO_OK;
    if (replay->rounds++ + 1 != round->round)
        replay->why_not = "the rounds have a gap, and what moved there is not known";
    else if (round->blocks > 0 && round->tasks == 0) /* a job may go on at another level */
        replay->why_not = "some rounds were kept without their details, and what they moved is not known";
    if (replay->why_not || isnan(replay->lambda))
        return RONDO_OK;
    follow(replay, round->round);
    if (round->moves > 0) {
        const double before = replay->least;
        int code = apply(replay, round);
        if (code)
            return code;
        replay->least = objective_of(replay);
        replay->moved++;
        if (!replay->profiled && !(replay->least <= before + RISE * (replay->null_objective + fabs(before))))
            find_rise(replay, round->round, before, replay->least, "");
    }
    if (!isnan(round->objective))
        compare_objective(replay, round);
    return RONDO_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

void replay_end(struct replay *replay, bool completed)
{
    struct verdict *verdict = replay->verdict;
    if (replay->why_not) {
        verdict_say(verdict, &verdict->not_proved, "certificates were not replayed: %s", replay->why_not);
        return;
    }
    if (replay->rounds && isnan(replay->lambda)) {
        verdict_say(verdict, &verdict->lacks, "no line of progress says the lambda");
        return;
    }
    if (completed)
        end_point(replay, -1);
    if (completed && replay->coef && replay->points != replay->coef->x.cols)
        verdict_find(verdict, finding_of("coefficient", -1), "coef.mtx has %" PRId64 " columns, and the trace %" PRId64
                     " lambdas", replay->coef->x.cols, replay->points);
    if (replay->profiled)
        verdict_say(verdict, &verdict->proved, "the objective that the trace says never rose in %" PRId64 " commits that "
                    "moved, and is nowhere below what b allows, recomputed from the data: %" PRId64 " rounds",
                    replay->moved, replay->compared);
    else
        verdict_say(verdict, &verdict->proved, "no commit raised the objective, recomputed from the data: %" PRId64
                    " commits that moved; it is what the trace says in %" PRId64 " rounds", replay->moved, replay->compared);
    if (replay->ends)
        verdict_say(verdict, &verdict->proved, "with the intercept of path.json the objective is what is said there: %" PRId64
                    " lambda%s", replay->ends, replay->ends == 1 ? "" : "s");
    if (replay->profiled)
        verdict_say(verdict, &verdict->not_proved, "the intercept's moves are not in the trace: the objective is recomputed "
                    "at its best intercept until a lambda is solved");
    if (replay->columns)
        verdict_say(verdict, &verdict->proved, "the moves come to coef.mtx: %" PRId64 " column%s", replay->columns,
                    replay->columns == 1 ? "" : "s");
    else
        verdict_say(verdict, &verdict->not_proved, "no coef.mtx beside the trace was compared");
}

void replay_close(struct replay *replay)
{
    mem_free(replay->y);
    mem_free(replay->weight);
    mem_free(replay->eta);
    mem_free(replay->b);
    mem_free(replay->l1);
    mem_free(replay->l2);
    mem_free(replay->is_touched);
    buf_fini(&replay->lambdas);
    buf_fini(&replay->touched);
    data_free(replay->coef);
    jsonin_free(replay->path);
}
