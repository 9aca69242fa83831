/* mf.c - the app's table, its parameters, and the problem that all parts share. */
#include "mf.h"

#include "cells.h"
#include "head.h"
#include "predict.h"
#include "start.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { RANK_MOST = 4096, RECALL_MOST = 10000 };

static const struct rondo_param params[] = {
    { "rank", RONDO_INTEGER, "32", 1, RANK_MOST, false, NULL, "factors", "k, how many numbers a user and an item have" },
    { "lambda", RONDO_REAL, NULL, 0, 1e12, false, NULL, "",
      "penalty on the squares of the factors and biases; where it is not given 0.05 with sgd, 0.07 with als and ccd, 0.2 of implicit feedback" },
    { "weighted_lambda", RONDO_BOOL, "true", NAN, NAN, false, NULL, "",
      "the penalty of a user or item counts once for each of its ratings" },
    { "solver", RONDO_CHOICE, NULL, NAN, NAN, false, "sgd|als|ccd", "",
      "sgd: stochastic gradient descent; als: alternating least squares; ccd: CCD++, rank by rank; sgd where it is "
      "not given, of implicit feedback als" },
    { "biases", RONDO_BOOL, "false", NAN, NAN, false, NULL, "", "a mean, and an offset for each user and item" },
    { "nonnegative", RONDO_BOOL, "false", NAN, NAN, false, NULL, "", "no factor is below 0 (NMF)" },
    { "implicit", RONDO_BOOL, "false", NAN, NAN, false, NULL, "",
      "ratings are counts of what was chosen: all cells are modelled, 0 or 1, with confidence 1 + alpha rating" },
    { "alpha", RONDO_REAL, "0.5", 0, 1e12, true, NULL, "", "implicit: confidence that a rating of 1 adds" },
    { "learning_rate", RONDO_REAL, "0.1", 0, 1e6, true, NULL, "", "sgd: step; halved, and begun again, where it diverges" },
    { "tile_bytes", RONDO_INTEGER, "1048576", 4096, INT64_C(1) << 40, false, NULL, "bytes",
      "sgd: factors of a tile's columns, which are to stay in the second cache" },
    { "method", RONDO_CHOICE, "\"cholesky\"", NAN, NAN, false, "cholesky|cg", "",
      "als: each row exactly, or by a few steps of conjugate gradient, which know no nonnegative" },
    { "cg_steps", RONDO_INTEGER, "3", 1, 1000, false, NULL, "steps", "als: of conjugate gradient" },
    { "inner_iterations", RONDO_INTEGER, "1", 1, 100, false, NULL, "", "ccd: how often a rank is solved before the next" },
    { "holdout", RONDO_REAL, "0", 0, 0.9, false, NULL, "", "share of the training ratings that is held out as test" },
    { "evaluate_every", RONDO_INTEGER, "1", 1, NAN, false, NULL, "epochs",
      "between two evaluations on test ratings; the last epoch always has them" },
    { "recall_at", RONDO_INTEGER, "20", 1, RECALL_MOST, false, NULL, "items", "implicit: k of recall@k and NDCG@k" },
    { "stop.epochs", RONDO_INTEGER, "20", 1, NAN, false, NULL, "epochs", "stop after so many passes over the ratings" },
    { "stop.tolerance", RONDO_REAL, NULL, 0, NAN, false, NULL, "",
      "stop when an evaluation improves the test RMSE by no more than this" },
    { .key = NULL },
};

static const struct rondo_role roles[] = {
    { "train", RONDO_ROLE_RATINGS, true, NULL, "ratings to train on" },
    { "test", RONDO_ROLE_RATINGS, false, "train", "ratings to measure by" },
    { "params.warm_start/user_factors.npy", RONDO_ROLE_MATRIX, true, NULL,
      "an earlier job's output directory, to begin with what it found of the same users and items" },
    { "params.warm_start/item_factors.npy", RONDO_ROLE_MATRIX, true, NULL, "" },
    { "params.warm_start/users.txt", RONDO_ROLE_WORDS, true, NULL, "" },
    { "params.warm_start/items.txt", RONDO_ROLE_WORDS, true, NULL, "" },
    { "params.warm_start/biases.npz/user", RONDO_ROLE_VECTOR, false, NULL, "" },
    { "params.warm_start/biases.npz/item", RONDO_ROLE_VECTOR, false, NULL, "" },
    { .key = NULL },
};

static const char *const files[] = { "user_factors.npy", "item_factors.npy", "biases.npz", "users.txt", "items.txt",
                                     "model.json", NULL };
static const char *const model_ids[] = { "users.txt", "items.txt" };

/* ---- what the spec says ---------------------------------------------------------------------------------- */

int mf_refuse(const struct problem *p, struct rondo_error *err, const char *key, const char *what, const char *hint)
{
    char where[256];
    p->host->where(p->job, key, where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, hint, "%s", what);
}

/* "": the default, which follows from the kind of feedback. */
static const struct solver *solver_of(const char *name, bool implicit)
{
    static const struct solver *const all[] = { &mf_sgd, &mf_als, &mf_ccd };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return implicit ? &mf_als : &mf_sgd;
}

static void assume(const struct rondo_host *host, const struct rondo_job *job, const char *key,
                   struct rondo_value *value)
{
    bool implicit = host->flag(job, "params.implicit");
    const struct solver *solver = solver_of(host->text(job, "params.solver"), implicit);
    if (strcmp(key, "params.solver") == 0)
        *value = (struct rondo_value){ .given = true, .text = solver->name };
    else if (strcmp(key, "params.lambda") == 0)
        *value = (struct rondo_value){ .given = true,
                                       .real = implicit ? 0.2 : solver == &mf_sgd ? 0.05 : 0.07 };
}

static int check_params(const struct problem *p, struct rondo_error *err)
{
    if (p->implicit && p->solver != &mf_als)
        return mf_refuse(p, err, "params.solver", "implicit feedback is solved by als alone", "leave it out, or use \"als\"");
    if (p->implicit && p->biases)
        return mf_refuse(p, err, "params.biases", "a model of implicit feedback has no biases", NULL);
    if (p->cg && p->solver != &mf_als)
        return mf_refuse(p, err, "params.method", "conjugate gradient is a method of als", "give \"solver\": \"als\" too");
    if (p->nonnegative && p->cg)
        return mf_refuse(p, err, "params.method",
                         "steps of conjugate gradient end below 0 too, and the model is to be nonnegative",
                         "leave it out: each row is then solved exactly");
    if (p->holdout > 0 && p->host->given(p->job, "data.test"))
        return mf_refuse(p, err, "params.holdout", "test ratings are given, and some are to be held out too", "give one of them");
    if (p->tolerance >= 0 && p->implicit)
        return mf_refuse(p, err, "stop.tolerance", "implicit feedback has no test RMSE", NULL);
    if (p->tolerance >= 0 && p->holdout <= 0 && !p->host->given(p->job, "data.test"))
        return mf_refuse(p, err, "stop.tolerance", "there are no test ratings whose RMSE could be looked at",
                         "give data.test or params.holdout");
    return p->solver->check ? p->solver->check(p, err) : RONDO_OK;
}

static int read_params(struct problem *p, struct rondo_error *err)
{
    const struct rondo_host *host = p->host;
    const struct rondo_job *job = p->job;
    p->implicit = host->flag(job, "params.implicit");
    p->solver = solver_of(host->text(job, "params.solver"), p->implicit);
    p->rank = (int32_t)host->integer(job, "params.rank");
    p->lambda = host->real(job, "params.lambda");
    p->weighted = host->flag(job, "params.weighted_lambda");
    p->biases = host->flag(job, "params.biases");
    p->nonnegative = host->flag(job, "params.nonnegative");
    p->alpha = host->real(job, "params.alpha");
    p->rate = host->real(job, "params.learning_rate");
    p->tile_bytes = host->integer(job, "params.tile_bytes");
    p->cg = strcmp(host->text(job, "params.method"), "cg") == 0;
    p->steps = (int32_t)host->integer(job, p->solver == &mf_ccd ? "params.inner_iterations" : "params.cg_steps");
    p->holdout = host->real(job, "params.holdout");
    p->evaluate_every = host->integer(job, "params.evaluate_every");
    p->recall_at = (int32_t)host->integer(job, "params.recall_at");
    p->epochs = host->integer(job, "stop.epochs");
    p->tolerance = host->given(job, "stop.tolerance") ? host->real(job, "stop.tolerance") : -1;
    p->seed = (uint64_t)host->integer(job, "seed");
    return check_params(p, err);
}

static int check(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err)
{
    struct problem problem = { .host = host, .job = job };
    return read_params(&problem, err);
}

/* ---- the problem ------------------------------------------------------------------------------------------- */

struct kept {
    struct kept *next;
};

void *mf_keep(struct problem *problem, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 64)
        return NULL;
    unsigned char *memory = problem->host->zalloc(1, bytes + 64);
    if (!memory)
        return NULL;
    struct kept *kept = (struct kept *)(void *)memory;
    do /* several threads may, while the problem is opened */
        kept->next = atomic_load(&problem->kept);
    while (!atomic_compare_exchange_weak(&problem->kept, &kept->next, kept));
    return memory + 64;
}

void mf_release(struct problem *problem)
{
    while (problem->kept) {
        struct kept *next = problem->kept->next;
        problem->host->free(problem->kept);
        problem->kept = next;
    }
}

static void forget_training(struct problem *p)
{
    cells_free(p, &p->by_user);
    cells_free(p, &p->by_item);
}

static void close_problem(void *context)
{
    struct problem *p = context;
    forget_training(p);
    cells_free(p, &p->test);
    mf_release(p);
    p->host->free(p);
}

static int open_problem(const struct rondo_host *host, const struct rondo_job *job, void **problem,
                        struct rondo_error *err)
{
    struct problem *p = host->zalloc(1, sizeof *p);
    if (!p)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for mf");
    p->host = host;
    p->job = job;
    int code = read_params(p, err);
    if (!code)
        code = cells_read(p, err);
    if (!code)
        code = start_read(p, err);
    if (!code)
        code = p->solver->open(p, err);
    if (!code) {
        host->release(job, "train");
        if (!p->solver->keeps)
            forget_training(p);
        *problem = p;
    } else
        close_problem(p);
    return code;
}

static void layout(const void *problem, struct rondo_layout *out)
{
    const struct problem *p = problem;
    *out = (struct rondo_layout){ .chunks = 1 };
    p->solver->layout(p, out);
}

static int parts(const void *problem, mf_tell *say, void *context)
{
    const struct problem *p = problem;
    return p->solver->parts(p, say, context);
}

int mf_tell_parts(const struct problem *p, struct rondo_part part, int32_t parts, const int64_t *first,
                  const int32_t *at, mf_tell *say, void *context)
{
    int64_t *member = p->host->alloc((size_t)first[parts] * sizeof *member + 1);
    int code = member ? RONDO_OK : RONDO_ENOMEM;
    for (int64_t i = 0; i < first[parts] && !code; i++)
        member[i] = at ? at[i] : i;
    for (int32_t i = 0; i < parts && !code; i++) {
        part.part = i;
        part.count = first[i + 1] - first[i];
        part.members = member + first[i];
        code = say(context, &part);
    }
    p->host->free(member);
    return code;
}

/* ---- one solver's callbacks or another's ------------------------------------------------------------------- */

#define SOLVER(problem) (((const struct problem *)(problem))->solver)

static int create(const void *problem, const struct rondo_state_ops *ops, int32_t index, void **state,
                  struct rondo_error *err)
{
    static char nothing;
    *state = &nothing;
    return ops->create ? ops->create(problem, index, state, err) : RONDO_OK;
}

#define STATE(name)                                                                                          \
    static int name##_create(const void *problem, int32_t index, void **state, struct rondo_error *err)      \
    {                                                                                                        \
        return create(problem, &SOLVER(problem)->name, index, state, err);                                   \
    }                                                                                                        \
    static void name##_destroy(const void *problem, void *state)                                             \
    {                                                                                                        \
        if (SOLVER(problem)->name.create)                                                                    \
            SOLVER(problem)->name.destroy(problem, state);                                                   \
    }                                                                                                        \
    static int name##_pack(const void *problem, const void *state, struct rondo_buf *out)                    \
    {                                                                                                        \
        return SOLVER(problem)->name.create ? SOLVER(problem)->name.pack(problem, state, out) : RONDO_OK;    \
    }                                                                                                        \
    static int name##_unpack(const void *problem, void *state, struct rondo_bytes in)                        \
    {                                                                                                        \
        if (SOLVER(problem)->name.create)                                                                    \
            return SOLVER(problem)->name.unpack(problem, state, in);                                         \
        return in.size ? RONDO_ESTATE : RONDO_OK;                                                            \
    }

STATE(common)
STATE(shard)
STATE(block)

static int scratch(const void *problem, void **out, struct rondo_error *err)
{
    *out = NULL;
    return SOLVER(problem)->scratch ? SOLVER(problem)->scratch(problem, out, err) : RONDO_OK;
}

static void scratch_free(const void *problem, void *state)
{
    if (SOLVER(problem)->scratch)
        SOLVER(problem)->scratch_free(problem, state);
}

static int push(const void *problem, const void *common, void *shard, void *block, void *own,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    return SOLVER(problem)->push(problem, common, shard, block, own, task, partial);
}

static int pull(const void *problem, const void *common, void *own, const struct rondo_task *task,
                const struct rondo_bytes *partials, int32_t count, struct rondo_buf *result)
{
    return SOLVER(problem)->pull ? SOLVER(problem)->pull(problem, common, own, task, partials, count, result)
                                 : RONDO_EAPP;
}

static int apply(const void *problem, void *common, void *shard, void *own, int64_t round, struct rondo_bytes commit)
{
    return SOLVER(problem)->apply ? SOLVER(problem)->apply(problem, common, shard, own, round, commit) : RONDO_OK;
}

/* ---- what a spec comes to ---------------------------------------------------------------------------------- */

static int preview(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err)
{
    struct problem p = { .host = host, .job = job };
    int64_t users = 0, items = 0, rank = 0;
    bool packed;
    char line[256];
    int code = read_params(&p, err);
    if (!code && host->shape(job, "params.warm_start/user_factors.npy", &users, &rank, &packed) && rank != p.rank)
        return mf_refuse(&p, err, "params.warm_start", "its factors are of another rank", "give the same params.rank");
    if (code || !host->shape(job, "train", &users, &items, &packed))
        return code;
    snprintf(line, sizeof line, "rank %" PRId32 " for %" PRId64 " users and %" PRId64 " items by %s%s%s, lambda %g%s",
             p.rank, users, items, p.solver->name, p.implicit ? ", implicit feedback" : "",
             p.biases ? ", with biases" : "", p.lambda, p.weighted ? " for each rating" : "");
    host->say(job, line);
    return RONDO_OK;
}

const struct rondo_app mf_app = {
    .abi = RONDO_APP_ABI,
    .size = sizeof(struct rondo_app),
    .name = "mf",
    .summary = "factors of users and items from ratings: matrix factorisation by sgd, als or ccd++",
    .params = params,
    .roles = roles,
    .files = files,
    .check = check,
    .open = open_problem,
    .close = close_problem,
    .layout = layout,
    .head = { mf_head_create, mf_head_destroy, mf_head_pack, mf_head_unpack },
    .common = { common_create, common_destroy, common_pack, common_unpack },
    .shard = { shard_create, shard_destroy, shard_pack, shard_unpack },
    .block = { block_create, block_destroy, block_pack, block_unpack },
    .scratch = scratch,
    .scratch_free = scratch_free,
    .schedule = mf_schedule,
    .push = push,
    .pull = pull,
    .settle = mf_settle,
    .apply = apply,
    .report = mf_report,
    .save = mf_save,
    .predict_options = mf_predict_options,
    .predict = mf_predict,
    .preview = preview,
    .conclude = mf_conclude,
    .model_ids = model_ids,
    .parts = parts,
    .assume = assume,
};
