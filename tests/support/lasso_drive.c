#include "tests/support/lasso_drive.h"

#include "apps/lasso/head.h"
#include "core/base/each.h"
#include "core/base/mem.h"
#include "embed/cluster.h"

#include <rondo/rng.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers ---------------------------------------------------------------------------- */

double dice_unit(struct dice *dice)
{
    return rondo_rng_unit(dice->seed, 0, 310, dice->draws++);
}

int64_t dice_below(struct dice *dice, int64_t limit)
{
    return (int64_t)(dice_unit(dice) * (double)limit);
}

double dice_normal(struct dice *dice)
{
    double radius = sqrt(-2 * log(1 - dice_unit(dice)));
    return radius * cos(6.283185307179586 * dice_unit(dice));
}

uint64_t dice_seed(uint64_t fallback)
{
    const char *text = getenv("RONDO_PROP_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : fallback;
    fprintf(stderr, "RONDO_PROP_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* ---- data ------------------------------------------------------------------------------------------ */

static void *need(size_t count, size_t size)
{
    void *block = mem_calloc(count ? count : 1, size);
    cr_assert_not_null(block);
    return block;
}

void design_init(struct design *design, int64_t n, int64_t p)
{
    *design = (struct design){ .n = n, .p = p };
    design->x = need((size_t)(n * p), sizeof *design->x);
    design->y = need((size_t)n, sizeof *design->y);
}

static void bind_sparse(struct design *design)
{
    int64_t n = design->n, p = design->p, count = 0;
    for (int64_t i = 0; i < n * p; i++)
        count += design->x[i] != 0;
    design->colptr = need((size_t)p + 1, sizeof *design->colptr);
    design->rowidx = need((size_t)count, sizeof *design->rowidx);
    design->values = need((size_t)count, sizeof *design->values);
    count = 0;
    for (int64_t j = 0; j < p; j++) {
        for (int64_t i = 0; i < n; i++) {
            if (design->x[j * n + i] == 0)
                continue;
            design->rowidx[count] = (int32_t)i;
            design->values[count++] = design->x[j * n + i];
        }
        design->colptr[j + 1] = count;
    }
    design->matrix = (struct rondo_matrix){
        .rows = n, .cols = p, .nnz = count, .sparse = true, .colptr = design->colptr,
        .rowidx = design->rowidx, .values = design->values,
    };
}

static void bind_response(struct design *design)
{
    design->response = (struct rondo_matrix){ .rows = design->n, .cols = 1, .nnz = design->n,
                                              .ld = design->n, .dense = design->y };
}

void design_bind(struct design *design, bool sparse)
{
    int64_t n = design->n, p = design->p, ld = (n + 7) / 8 * 8;
    bind_response(design);
    if (sparse) {
        bind_sparse(design);
        return;
    }
    design->padded = need((size_t)(ld * p), sizeof *design->padded);
    for (int64_t j = 0; j < p; j++)
        memcpy(design->padded + j * ld, design->x + j * n, (size_t)n * sizeof(double));
    design->matrix = (struct rondo_matrix){ .rows = n, .cols = p, .nnz = n * p, .ld = ld,
                                            .dense = design->padded };
}

/* A column loses entries to the code of a missing one, and x has the mean of what is left. */
static void pack_column(struct design *design, struct dice *dice, double missing, int64_t j)
{
    static const uint8_t codes[] = { RONDO_HOM_A2, RONDO_HET, RONDO_HOM_A1 };
    int64_t n = design->n, known = 0;
    double *x = design->x + j * n, sum = 0;
    uint8_t *to = design->packed + j * design->matrix.stride;
    for (int64_t i = 0; i < n; i++) {
        bool lost = dice_unit(dice) < missing;
        uint8_t code = lost ? RONDO_MISSING : codes[(int)x[i]];
        to[i / 4] = (uint8_t)(to[i / 4] | code << i % 4 * 2);
        known += !lost;
        sum += lost ? 0 : x[i];
    }
    for (int64_t i = 0; i < n; i++)
        if (rondo_genotype_at(to, i) == RONDO_MISSING)
            x[i] = known ? sum / (double)known : 0;
}

void design_bind_packed(struct design *design, struct dice *dice, double missing)
{
    int64_t n = design->n, p = design->p, stride = (n + 3) / 4;
    bind_response(design);
    design->packed = need((size_t)(stride * p), 1);
    design->matrix = (struct rondo_matrix){ .rows = n, .cols = p, .nnz = n * p, .stride = stride,
                                            .packed = design->packed };
    for (int64_t j = 0; j < p; j++)
        pack_column(design, dice, missing, j);
}

void design_fini(struct design *design)
{
    mem_free(design->packed);
    mem_free(design->x);
    mem_free(design->y);
    mem_free(design->padded);
    mem_free(design->values);
    mem_free(design->colptr);
    mem_free(design->rowidx);
}

/* One row of neighbours with correlation rho. */
static void make_row(struct design *design, struct dice *dice, const struct design_options *options,
                     int64_t i)
{
    double rest = sqrt(1 - options->rho * options->rho), last = dice_normal(dice);
    for (int64_t j = 0; j < design->p; j++) {
        double *x = design->x + j * design->n + i;
        last = options->rho * last + rest * dice_normal(dice);
        *x = options->kind == DESIGN_GENOTYPE ? (double)((last > 0.4) + (last > 1.2)) : last;
        if (dice_unit(dice) < options->zeros)
            *x = 0;
    }
}

static void make_y(struct design *design, struct dice *dice, double noise)
{
    int64_t n = design->n, causes = 1 + dice_below(dice, 10);
    for (int64_t c = 0; c < causes; c++) {
        int64_t j = dice_below(dice, design->p);
        double square = 0, size = dice_normal(dice);
        for (int64_t i = 0; i < n; i++)
            square += design->x[j * n + i] * design->x[j * n + i];
        for (int64_t i = 0; i < n && square > 0; i++)
            design->y[i] += size * design->x[j * n + i] * sqrt((double)n / square);
    }
    double at = dice_normal(dice);
    for (int64_t i = 0; i < n; i++)
        design->y[i] += at + noise * dice_normal(dice);
}

void design_options_pack(struct design_options *options, struct dice *dice)
{
    if (options->kind != DESIGN_GENOTYPE || dice_unit(dice) >= 0.5)
        return;
    options->packed = true;
    options->missing = dice_unit(dice) < 0.5 ? 0.2 * dice_unit(dice) : 0;
    options->sparse = false;
    options->decades = 0;
}

void design_make(struct design *design, struct dice *dice, const struct design_options *options)
{
    design_init(design, options->n, options->p);
    int64_t n = design->n;
    for (int64_t i = 0; i < n; i++)
        make_row(design, dice, options, i);
    for (int64_t j = 0; j < design->p; j++) {
        double *x = design->x + j * n;
        double scale = pow(10, options->decades * (dice_unit(dice) - 0.5));
        double kind = dice_unit(dice), sign = dice_unit(dice) < 0.5 && !options->packed ? -1 : 1;
        const double *other = design->x + dice_below(dice, j + 1) * n;
        for (int64_t i = 0; i < n; i++)
            x[i] = scale * (kind < options->constants                         ? 2.0
                            : kind < options->constants + options->duplicates ? sign * other[i]
                                                                              : x[i]);
    }
    make_y(design, dice, options->noise);
    if (options->packed)
        design_bind_packed(design, dice, options->missing);
    else
        design_bind(design, options->sparse);
}

/* ---- a host without files ------------------------------------------------------------------------ */

static const struct lasso_spec *spec_of(const struct rondo_job *job)
{
    return (const struct lasso_spec *)(const void *)job;
}

static bool host_given(const struct rondo_job *job, const char *key)
{
    const struct lasso_spec *spec = spec_of(job);
    bool folds = spec->folds > 0 || spec->fold_of.matrix.rows > 0, path = folds || spec->points > 0;
    return strcmp(key, "params.lambda") == 0           ? !path && spec->lambda > 0
           : strcmp(key, "params.lambda_ratio") == 0   ? !path && !(spec->lambda > 0)
           : strcmp(key, "params.path.count") == 0     ? path
           : strcmp(key, "params.path.min_ratio") == 0 ? spec->min_ratio > 0
           : strcmp(key, "params.cv.folds") == 0       ? folds
           : strcmp(key, "params.cv.rule") == 0        ? folds
                                                       : strcmp(key, "params.row_shards") == 0;
}

static double host_real(const struct rondo_job *job, const char *key)
{
    const struct lasso_spec *spec = spec_of(job);
    return strcmp(key, "params.lambda") == 0           ? spec->lambda
           : strcmp(key, "params.lambda_ratio") == 0   ? spec->lambda_ratio
           : strcmp(key, "params.l1_ratio") == 0       ? spec->l1_ratio
           : strcmp(key, "params.path.min_ratio") == 0 ? spec->min_ratio
           : strcmp(key, "params.huber_delta") == 0    ? spec->huber_delta
           : strcmp(key, "stop.gap") == 0              ? spec->gap
                                                       : 0;
}

static int64_t host_integer(const struct rondo_job *job, const char *key)
{
    const struct lasso_spec *spec = spec_of(job);
    return strcmp(key, "schedule.blocks") == 0       ? spec->blocks
           : strcmp(key, "schedule.block_size") == 0 ? spec->block_size
           : strcmp(key, "schedule.pipeline") == 0   ? spec->pipeline
           : strcmp(key, "params.row_shards") == 0   ? spec->row_shards
           : strcmp(key, "params.path.count") == 0   ? (spec->points > 0 ? spec->points : 100)
           : strcmp(key, "params.cv.folds") == 0     ? spec->folds
           : strcmp(key, "seed") == 0                ? (int64_t)spec->seed
                                                     : 0;
}

static bool host_flag(const struct rondo_job *job, const char *key)
{
    const struct lasso_spec *spec = spec_of(job);
    return strcmp(key, "params.intercept") == 0     ? spec->intercept
           : strcmp(key, "params.standardize") == 0 ? spec->standardize
                                                    : strcmp(key, "params.nonnegative") == 0
                                                          && spec->nonnegative;
}

static const char *host_text(const struct rondo_job *job, const char *key)
{
    static const char *const rules[] = { "gradient", "delta", "uniform", "cyclic" };
    static const char *const modes[] = { "solve", "group", "drop" };
    const struct lasso_spec *spec = spec_of(job);
    return strcmp(key, "params.loss") == 0                   ? (spec->loss ? spec->loss : "squared")
           : strcmp(key, "params.cv.rule") == 0              ? (spec->one_se ? "1se" : "min")
           : strcmp(key, "schedule.dependency.coupled") == 0 ? modes[spec->coupled]
           : strcmp(key, "schedule.priority.rule") == 0      ? rules[spec->rule]
           : spec->check == CHECK_NONE                       ? "none"
                                                             : "correlation";
}

static void host_where(const struct rondo_job *job RONDO_UNUSED, const char *key, char *out,
                       size_t size)
{
    snprintf(out, size, "%s", key);
}

static const struct rondo_matrix *host_matrix(const struct rondo_job *job, const char *role)
{
    const struct lasso_spec *spec = spec_of(job);
    const struct lasso_vector *vector = strcmp(role, "params.weights") == 0          ? &spec->weights
                                        : strcmp(role, "params.penalty_factor") == 0 ? &spec->factors
                                        : strcmp(role, "params.cv.folds") == 0       ? &spec->fold_of
                                                                                     : NULL;
    return strcmp(role, "x") == 0              ? &spec->design->matrix
           : strcmp(role, "y") == 0            ? &spec->design->response
           : vector && vector->matrix.rows > 0 ? &vector->matrix
                                               : NULL;
}

struct lasso_vector lasso_vector_of(const double *values, int64_t count)
{
    return (struct lasso_vector){ { .rows = count, .cols = 1, .nnz = count, .ld = count,
                                    .dense = count ? values : NULL } };
}

static const char *host_isa(const struct rondo_job *job)
{
    return spec_of(job)->isa ? spec_of(job)->isa : "x86-64-v2";
}

static void host_say(const struct rondo_job *job RONDO_UNUSED, const char *text RONDO_UNUSED)
{
}

static int host_each(const struct rondo_job *job RONDO_UNUSED, int64_t parts,
                     int (*part)(void *context, int64_t index), void *context)
{
    return each_part(2, parts, part, context);
}

/* Every other problem has shadows. */
static int64_t host_memory(const struct rondo_job *job)
{
    const struct lasso_spec *spec = spec_of(job);
    int64_t least = spec->folds || spec->fold_of.matrix.rows ? INT64_C(4) << 20 : 0; /* heads of folds */
    return spec->seed % 2 ? INT64_C(1) << 30 : least;
}

static int host_create(struct rondo_output *output RONDO_UNUSED, const char *name RONDO_UNUSED,
                       FILE **stream RONDO_UNUSED, struct rondo_error *err RONDO_UNUSED)
{
    return RONDO_EIO;
}

const struct rondo_host *lasso_drive_host(void)
{
    static const struct rondo_host host = {
        .abi = RONDO_APP_ABI, .size = sizeof host, .alloc = mem_alloc, .zalloc = mem_calloc,
        .free = mem_free, .reserve = buf_reserve, .given = host_given, .real = host_real,
        .integer = host_integer, .flag = host_flag, .text = host_text, .where = host_where,
        .matrix = host_matrix, .isa = host_isa, .say = host_say, .feed = engine_feed,
        .feed_all = engine_feed_all, .create = host_create, .each = host_each,
        .memory = host_memory,
    };
    lasso_shadow_values = 0;
    return &host;
}

const struct rondo_job *lasso_drive_job(const struct lasso_spec *spec)
{
    return (const struct rondo_job *)(const void *)spec;
}

struct lasso *lasso_drive_open(const struct lasso_spec *spec, struct rondo_error *err)
{
    void *problem = NULL;
    *err = (struct rondo_error){ 0 };
    int code = lasso_app.open(lasso_drive_host(), lasso_drive_job(spec), &problem, err);
    return code ? NULL : problem;
}

struct lasso_spec lasso_spec_plain(const struct design *design)
{
    return (struct lasso_spec){
        .design = design, .lambda_ratio = 0.1, .l1_ratio = 1, .gap = 1e-8, .intercept = true,
        .blocks = 2, .block_size = 32, .pipeline = 1, .candidates = 4096, .rule = RULE_GRADIENT,
        .check = CHECK_CORRELATION, .coupled = COUPLED_SOLVE, .threshold = 0.1, .seed = 1,
        .round_limit = 100000, .huber_delta = 1.345,
    };
}

double lasso_drive_model(const struct lasso *lasso, const struct lasso_head *head, double *b)
{
    const struct lasso_frame *frame = &lasso->frame;
    double intercept = lasso->y_mean + head->at.b0;
    memcpy(b, head->b, (size_t)lasso->p * sizeof *b);
    for (int64_t j = 0; j < lasso->p; j++)
        intercept -= lasso->mean[j] * head->b[j];
    for (int64_t a = 0; a < frame->count; a++)
        *(frame->column[a] < 0 ? &intercept : &b[frame->column[a]]) += frame->b[a];
    return intercept;
}

/* ---- a run ------------------------------------------------------------------------------------------- */

struct drive {
    const struct lasso *lasso;
    struct engine *engine;
    lasso_watch watch;
    lasso_look look;
    void *context;
    struct lasso_part *part;
};

static void on_round(void *context, const struct engine_round *round)
{
    const struct drive *drive = context;
    const struct lasso_head *head = engine_head(drive->engine);
    if (drive->watch)
        drive->watch(drive->context, drive->lasso, lasso_coefficients(head), round);
    if (drive->look)
        drive->look(drive->context, drive->lasso, head, round);
    if (drive->part && drive->part->stop == round->round)
        engine_stop(drive->engine, "interrupted", true);
}

static void on_checkpoint(void *context, int64_t round RONDO_UNUSED, const char *ended,
                          struct rondo_bytes cut)
{
    const struct drive *drive = context;
    if (!drive->part)
        return;
    drive->part->ended = ended;
    cr_assert_eq(buf_append(&drive->part->cut, cut.data, cut.size), RONDO_OK);
}

static struct scheduler_config schedule_of(const struct lasso_spec *spec)
{
    return (struct scheduler_config){
        .blocks = spec->blocks, .block_size = spec->block_size, .candidates = spec->candidates,
        .rule = spec->rule, .eta = spec->rule == RULE_DELTA ? 1e-6 : 0, .check = spec->check,
        .coupled = spec->coupled, .threshold = spec->threshold, .pipeline = spec->pipeline,
        .seed = spec->seed, .cache_bytes = (size_t)512 << 20,
    };
}

static void pump(struct engine *engine, struct net_hub *hub)
{
    while (engine_state(engine) == ENGINE_WAITING || engine_state(engine) == ENGINE_RUNNING) {
        struct net_event event;
        cr_assert_eq(hub->ops->receive(hub, &event), RONDO_OK);
        switch (event.type) {
        case NET_NOTHING: hub->ops->wait(hub, INT64_C(100000000)); break;
        case NET_JOINED: engine_join(engine, event.worker); break;
        case NET_LEFT: engine_leave(engine, event.worker); break;
        case NET_RECALLED: engine_release(engine, event.worker); break;
        case NET_MESSAGE: engine_message(engine, event.worker, &event.message); break;
        }
        struct message message;
        int32_t worker;
        while (engine_outgoing(engine, &worker, &message))
            cr_assert_eq(hub->ops->send(hub, worker, &message), RONDO_OK);
    }
}

static double metric(const struct rondo_report *report, const char *name)
{
    for (int32_t i = 0; i < report->count; i++)
        if (strcmp(report->metric[i].name, name) == 0)
            return report->metric[i].value;
    return NAN;
}

static void conclude(struct lasso_outcome *outcome, const struct drive *drive)
{
    struct rondo_report report;
    const struct lasso_head *head = engine_head(drive->engine);
    int64_t keep = sizeof outcome->b / sizeof *outcome->b;
    keep = keep < drive->lasso->p ? keep : drive->lasso->p;
    lasso_report(head, &report);
    outcome->stop = engine_stop_reason(drive->engine);
    outcome->objective = report.objective;
    outcome->gap = metric(&report, "gap");
    outcome->lambda = metric(&report, "lambda");
    outcome->sweeps = (int64_t)metric(&report, "sweeps");
    outcome->rounds = engine_rounds(drive->engine);
    outcome->updates = engine_updates(drive->engine);
    memcpy(outcome->b, lasso_coefficients(head), (size_t)keep * sizeof(double));
    if (drive->part)
        cr_assert_eq(lasso_head_pack(drive->lasso, head, &drive->part->head), RONDO_OK);
}

/* Creates the engine, from the checkpoint where there is one. */
static int begin(struct drive *drive, const struct engine_options *options, struct rondo_error *err)
{
    struct engine_observer observer = { .context = drive, .round = on_round,
                                        .checkpoint = on_checkpoint };
    const struct lasso_part *from = drive->part ? drive->part->from : NULL;
    int code = engine_create(options, &observer, &drive->engine, err);
    if (code || !from)
        return code;
    return engine_restore(drive->engine, (struct rondo_bytes){ from->cut.data, from->cut.size },
                          from->ended, err);
}

static void run(struct drive drive, const struct lasso_spec *spec, struct lasso_outcome *outcome)
{
    *outcome = (struct lasso_outcome){ .stop = "" };
    struct lasso *lasso = lasso_drive_open(spec, &outcome->err);
    if (!lasso) {
        outcome->code = outcome->err.code;
        return;
    }
    drive.lasso = lasso;
    struct engine_options options = {
        .app = &lasso_app, .host = lasso_drive_host(), .problem = lasso,
        .schedule = schedule_of(spec), .workers = 1, .round_limit = spec->round_limit,
        .snapshot_rounds = 64,
    };
    struct cluster_options members = { .app = &lasso_app, .problem = lasso, .workers = 1,
                                       .seed = spec->seed };
    struct cluster *cluster;
    outcome->code = begin(&drive, &options, &outcome->err);
    cr_assert_eq(outcome->code, RONDO_OK, "%s", outcome->err.what);
    outcome->code = cluster_start(&members, &cluster, &outcome->err);
    cr_assert_eq(outcome->code, RONDO_OK, "%s", outcome->err.what);
    pump(drive.engine, cluster_hub(cluster));
    cluster_stop(cluster);
    if (engine_state(drive.engine) == ENGINE_FAILED) {
        outcome->err = *engine_error(drive.engine);
        outcome->code = outcome->err.code;
    } else {
        conclude(outcome, &drive);
    }
    engine_destroy(drive.engine);
    cluster_destroy(cluster);
    lasso_app.close(lasso);
}

void lasso_drive_run(const struct lasso_spec *spec, lasso_watch watch, void *context,
                     struct lasso_outcome *outcome)
{
    run((struct drive){ .watch = watch, .context = context }, spec, outcome);
}

void lasso_drive_look(const struct lasso_spec *spec, lasso_look look, void *context,
                      struct lasso_outcome *outcome)
{
    run((struct drive){ .look = look, .context = context }, spec, outcome);
}

void lasso_drive_part(const struct lasso_spec *spec, struct lasso_part *part, lasso_look look,
                      void *context, struct lasso_outcome *outcome)
{
    run((struct drive){ .look = look, .context = context, .part = part }, spec, outcome);
}

/* ---- the oracle ---------------------------------------------------------------------------------------- */

/* r = y - X b - b0, with the best b0. */
static void residual(const struct lasso_spec *spec, const double *b, long double *r)
{
    const struct design *design = spec->design;
    int64_t n = design->n;
    long double mean = 0;
    for (int64_t i = 0; i < n; i++)
        r[i] = design->y[i];
    for (int64_t j = 0; j < design->p; j++)
        for (int64_t i = 0; i < n && b[j] != 0; i++)
            r[i] -= (long double)b[j] * design->x[j * n + i];
    for (int64_t i = 0; i < n; i++)
        mean += r[i];
    for (int64_t i = 0; i < n && spec->intercept; i++)
        r[i] -= mean / (long double)n;
}

static long double objective(const struct lasso_spec *spec, double lambda, const double *b,
                             const long double *r)
{
    const struct design *design = spec->design;
    long double l1 = (long double)lambda * spec->l1_ratio, l2 = lambda - l1, loss = 0, penalty = 0;
    for (int64_t i = 0; i < design->n; i++)
        loss += r[i] * r[i];
    for (int64_t j = 0; j < design->p; j++)
        penalty += l1 * fabsl((long double)b[j]) + 0.5L * l2 * b[j] * b[j];
    return loss / (2 * (long double)design->n) + penalty;
}

long double truth_objective(const struct lasso_spec *spec, double lambda, const double *b)
{
    long double *r = need((size_t)spec->design->n, sizeof *r);
    residual(spec, b, r);
    long double value = objective(spec, lambda, b, r);
    mem_free(r);
    return value;
}

/* What D needs of r: r'r/n, r'y/n and x_j'r/n. */
struct dual {
    long double square, cross, l1, l2, most;
    long double *g; /* [p] */
    int64_t p;
};

static struct dual dual_of(const struct lasso_spec *spec, double lambda, const long double *r)
{
    const struct design *design = spec->design;
    long double n = (long double)design->n;
    struct dual dual = { .p = design->p, .l1 = (long double)lambda * spec->l1_ratio };
    dual.g = need((size_t)design->p, sizeof *dual.g);
    dual.l2 = spec->l1_ratio < 1 ? lambda - dual.l1 : 0;
    for (int64_t i = 0; i < design->n; i++) {
        dual.square += r[i] * r[i] / n;
        dual.cross += r[i] * design->y[i] / n;
    }
    for (int64_t j = 0; j < design->p; j++) {
        for (int64_t i = 0; i < design->n; i++)
            dual.g[j] += r[i] * design->x[j * design->n + i] / n;
        dual.most = fmaxl(dual.most, fabsl(dual.g[j]));
    }
    return dual;
}

/* Fenchel at theta = s r / n: D = y'theta - n/2 theta'theta - sum of the conjugate at x_j'theta, which
 * is 0 within l1, else infinite or, with l2, (|v| - l1)^2 / 2 l2. */
static long double dual_at(const struct dual *dual, long double s)
{
    long double value = s * dual->cross - 0.5L * s * s * dual->square;
    for (int64_t j = 0; j < dual->p && dual->l2 > 0; j++) {
        long double over = fmaxl(fabsl(s * dual->g[j]) - dual->l1, 0);
        value -= over * over / (2 * dual->l2);
    }
    return value;
}

/* The largest D(s r): closed where the dual set is a box, else by ternary search, D being concave. */
static long double best_dual(const struct dual *dual)
{
    long double s = dual->square > 0 ? dual->cross / dual->square : 0;
    if (!(dual->l2 > 0))
        return dual_at(dual, dual->most * fabsl(s) > dual->l1 ? dual->l1 / dual->most : s);
    long double low = 0, high = fmaxl(2, s);
    for (int i = 0; i < 80; i++) {
        long double third = (high - low) / 3;
        if (dual_at(dual, low + third) < dual_at(dual, high - third))
            low += third;
        else
            high -= third;
    }
    return fmaxl(dual_at(dual, 1), dual_at(dual, low));
}

struct truth truth_of(const struct lasso_spec *spec, double lambda, const double *b)
{
    long double *r = need((size_t)spec->design->n, sizeof *r);
    residual(spec, b, r);
    struct dual dual = dual_of(spec, lambda, r);
    struct truth truth = { objective(spec, lambda, b, r), fmaxl(0, best_dual(&dual)) };
    mem_free(dual.g);
    mem_free(r);
    return truth;
}
