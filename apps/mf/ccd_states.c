/* ccd_states.c - how CCD++ begins, and what of it goes through bytes. */
#include "ccd.h"

#include <rondo/flat.h>

#include <math.h>

/* ---- how it begins -------------------------------------------------------------------------------------------- */

/* A row's columns, `stride` apart.  Users without a start are 0, so that the first residuals are the ratings. */
static void begin(const struct problem *problem, bool users, int64_t row, float *room, float *column, int64_t stride)
{
    const struct factors *start = problem->start;
    int32_t biases = problem->biases ? 2 : 0;
    if (biases) {
        const float *bias = !start ? NULL : users ? start->user_bias : start->item_bias;
        float own = bias && isfinite(bias[row]) ? bias[row] : 0;
        column[0] = users ? own : 1;
        column[stride] = users ? 1 : own;
    }
    bool known = start && isfinite((users ? start->user : start->item)[row * problem->rank]);
    if (known || !users)
        mf_init_row(problem, users, row, room);
    for (int32_t k = 0; k < problem->rank; k++)
        column[(biases + k) * stride] = known || !users ? room[k] : 0;
}

/* item [columns x items] */
static int begin_items(const struct problem *problem, float *item)
{
    float *room = problem->host->alloc((size_t)problem->rank * sizeof *room);
    for (int64_t i = 0; room && i < problem->items; i++)
        begin(problem, false, i, room, item + i, problem->items);
    problem->host->free(room);
    return room ? RONDO_OK : RONDO_ENOMEM;
}

static float *make_items(const struct problem *problem)
{
    const struct ccd *ccd = problem->own;
    float *item = problem->host->alloc((size_t)ccd->columns * (size_t)problem->items * sizeof *item);
    if (item && begin_items(problem, item)) {
        problem->host->free(item);
        return NULL;
    }
    return item;
}

/* ---- the items' columns, the head's ----------------------------------------------------------------------------- */

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for ccd");
}

void ccd_model_destroy(const void *context, void *state)
{
    const struct problem *problem = context;
    struct ccd_model *model = state;
    problem->host->free(model->item);
    problem->host->free(model->sum);
    problem->host->free(model->commit);
    problem->host->free(model);
}

int ccd_model_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *problem = context;
    struct ccd_model *model = problem->host->zalloc(1, sizeof *model);
    (void)index;
    if (!model)
        return no_memory(err);
    model->item = make_items(problem);
    model->commit = problem->host->zalloc((size_t)problem->items, sizeof *model->commit);
    model->sum = problem->host->zalloc(2 * (size_t)problem->items, sizeof *model->sum);
    if (!model->item || !model->sum || !model->commit) {
        ccd_model_destroy(problem, model);
        return no_memory(err);
    }
    *state = model;
    return RONDO_OK;
}

static size_t model_bytes(const struct problem *problem)
{
    const struct ccd *ccd = problem->own;
    return (size_t)ccd->columns * (size_t)problem->items * sizeof(float);
}

int ccd_model_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *problem = context;
    return rondo_append(problem->host, out, ((const struct ccd_model *)state)->item, model_bytes(problem));
}

int ccd_model_unpack(const void *context, void *state, struct rondo_bytes in)
{
    size_t bytes = model_bytes(context);
    return in.size != bytes ? RONDO_ESTATE : rondo_take(&in, ((struct ccd_model *)state)->item, bytes);
}

/* ---- two columns of the items, common to all tasks: [items] pairs ------------------------------------------------ */

void ccd_common_destroy(const void *context, void *state)
{
    ((const struct problem *)context)->host->free(state);
}

int ccd_common_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *problem = context;
    struct ccd_pair *pair = problem->host->zalloc((size_t)problem->items, sizeof *pair);
    float *item = make_items(problem);
    (void)index;
    for (int64_t i = 0; pair && item && i < problem->items; i++)
        pair[i].next = item[i];
    problem->host->free(item);
    if (!pair || !item) {
        problem->host->free(pair);
        return no_memory(err);
    }
    *state = pair;
    return RONDO_OK;
}

static size_t common_bytes(const struct problem *problem)
{
    return (size_t)problem->items * sizeof(struct ccd_pair);
}

int ccd_common_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *problem = context;
    return rondo_append(problem->host, out, state, common_bytes(problem));
}

int ccd_common_unpack(const void *context, void *state, struct rondo_bytes in)
{
    size_t bytes = common_bytes(context);
    return in.size != bytes ? RONDO_ESTATE : rondo_take(&in, state, bytes);
}

/* ---- a shard: some users ------------------------------------------------------------------------------------------ */

/* A shard's own cells begin there; a problem without a test has no test.first. */
static int64_t cells_first(const struct problem *problem, int which, int64_t user)
{
    const struct cells *cells = ccd_cells(problem, which);
    return cells->count ? cells->first[user] : 0;
}

void ccd_shard_destroy(const void *context, void *state)
{
    const struct problem *problem = context;
    struct ccd_shard *shard = state;
    problem->host->free(shard->user);
    problem->host->free(shard->residual[0]);
    problem->host->free(shard->residual[1]);
    problem->host->free(shard);
}

/* r = value - mean - s; item: NULL where s is 0, without a start. */
static void begin_residuals(const struct problem *problem, struct ccd_shard *shard, int which, const float *item)
{
    const struct ccd *ccd = problem->own;
    const struct cells *cells = ccd_cells(problem, which);
    double mean = problem->biases ? problem->mean : 0;
    int64_t from = cells_first(problem, which, shard->first);
    for (int64_t u = 0; cells->count && u < shard->users; u++)
        for (int64_t j = cells->first[shard->first + u]; j < cells->first[shard->first + u + 1]; j++) {
            double r = (double)cells->value[j] - mean;
            for (int32_t t = 0; item && t < ccd->columns; t++)
                r -= (double)shard->user[t * shard->users + u] * (double)item[t * problem->items + cells->col[j]];
            shard->residual[which][j - from] = (float)r;
        }
}

static int shard_alloc(const struct problem *problem, struct ccd_shard *shard)
{
    const struct ccd *ccd = problem->own;
    const struct rondo_host *host = problem->host;
    shard->user = host->zalloc((size_t)ccd->columns * (size_t)shard->users + 1, sizeof(float));
    for (int which = 0; which < 2; which++) {
        shard->count[which] = cells_first(problem, which, shard->first + shard->users)
                              - cells_first(problem, which, shard->first);
        shard->residual[which] = host->alloc(((size_t)shard->count[which] + 1) * sizeof(float));
    }
    return shard->user && shard->residual[0] && shard->residual[1] ? RONDO_OK : RONDO_ENOMEM;
}

static int shard_begin(const struct problem *problem, struct ccd_shard *shard)
{
    float *item = problem->start ? make_items(problem) : NULL;
    float *room = problem->host->alloc((size_t)problem->rank * sizeof *room);
    int code = room && (item || !problem->start) ? RONDO_OK : RONDO_ENOMEM;
    for (int64_t u = 0; !code && u < shard->users; u++)
        begin(problem, true, shard->first + u, room, shard->user + u, shard->users);
    for (int which = 0; !code && which < 2; which++)
        begin_residuals(problem, shard, which, item);
    problem->host->free(item);
    problem->host->free(room);
    return code;
}

int ccd_shard_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *problem = context;
    const struct ccd *ccd = problem->own;
    struct ccd_shard *shard = problem->host->zalloc(1, sizeof *shard);
    if (!shard)
        return no_memory(err);
    shard->first = ccd->first[index];
    shard->users = ccd->first[index + 1] - shard->first;
    if (shard_alloc(problem, shard) || shard_begin(problem, shard)) {
        ccd_shard_destroy(problem, shard);
        return no_memory(err);
    }
    *state = shard;
    return RONDO_OK;
}

static size_t shard_bytes(const struct problem *problem, const struct ccd_shard *shard)
{
    const struct ccd *ccd = problem->own;
    return (size_t)ccd->columns * (size_t)shard->users * sizeof(float);
}

/* The residuals too: summed anew they would not have the same bits. */
int ccd_shard_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *problem = context;
    const struct ccd_shard *shard = state;
    int code = rondo_append(problem->host, out, shard->user, shard_bytes(problem, shard));
    for (int which = 0; which < 2 && !code; which++)
        code = rondo_append(problem->host, out, shard->residual[which], (size_t)shard->count[which] * sizeof(float));
    return code;
}

int ccd_shard_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *problem = context;
    struct ccd_shard *shard = state;
    int code = rondo_take(&in, shard->user, shard_bytes(problem, shard));
    for (int which = 0; which < 2 && !code; which++)
        code = rondo_take(&in, shard->residual[which], (size_t)shard->count[which] * sizeof(float));
    return code || in.size ? RONDO_ESTATE : RONDO_OK;
}

