/* ridge.c - ridge regression as an app of Rondo:  F(b) = 1/2 |y - X b|^2 + lambda/2 |b|^2.
 *
 * The rows are cut into shards, each of which holds its slice of the residual r = y - X b; every
 * worker knows b.  With g = -F'(b) = X'r - lambda b there are two kinds of round:
 *
 *   sweep     g and |r|^2, exactly.  F is lambda-strongly convex, so F(b) - min F <= |g|^2 / 2 lambda:
 *             that bound, over F(0), is the gap that ends the job.  |g_j| is how much j is worth.
 *   sampled   blocks of the columns worth most, hardly coupled between blocks.  Each is solved
 *             jointly, (X_B'X_B + lambda) d_B = g_B, all at once; then the whole step d is made as
 *             long as is best, t = g'd / (|X d|^2 + lambda |d|^2), so that F never rises.
 *
 * Every sum over rows is made shard by shard, and pull adds the shards in their order: that is why
 * the result has the same bits for any number of workers.
 */
#include <rondo/flat.h>

#include <math.h>

enum { GRADIENT, SOLVE, SEARCH };               /* what a task is for: its tag */
enum { SWEEP_EVERY = 10, CHUNK = 256 };         /* rounds; columns in a task of a sweep */

struct problem {
    const struct rondo_host *host;
    const struct rondo_matrix *x;
    const double *y;
    double *norm; /* [p] |x_j| */
    double lambda, goal, null_objective;
    int64_t block_most; /* variables of a block */
    int32_t shards;
};

struct shard {
    int64_t from, to; /* its rows */
    double r[];       /* [to - from] */
};

struct move {
    int64_t variable;
    double by;
};

struct head {
    const struct problem *problem;
    double *kept;       /* b [p], objective, gap: what is packed */
    double *g, *d;      /* [p] of this round's variables, by their place in `variable` */
    int64_t *variable;  /* [p] those that move */
    struct move *moves; /* [p] */
    int64_t count;
};

/* ---- the problem ---------------------------------------------------------------------------- */

/* Column j in the rows from .. to-1: values, and their rows, or NULL where all are there. */
static int64_t column(const struct rondo_matrix *x, int64_t j, int64_t from, int64_t to,
                      const double **values, const int32_t **rows)
{
    *rows = NULL;
    *values = x->sparse ? NULL : x->dense + j * x->ld + from;
    if (!x->sparse)
        return to - from;
    int64_t a = x->colptr[j], end = x->colptr[j + 1], b;
    while (a < end && x->rowidx[a] < from)
        a++;
    for (b = a; b < end && x->rowidx[b] < to;)
        b++;
    *values = x->values + a;
    *rows = x->rowidx + a;
    return b - a;
}

/* x_j'v over the rows from .. to-1; v[0] is row `from`. */
static double dot(const struct rondo_matrix *x, int64_t j, int64_t from, int64_t to, const double *v)
{
    const double *values;
    const int32_t *rows;
    int64_t count = column(x, j, from, to, &values, &rows);
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += values[k] * v[rows ? rows[k] - from : k];
    return sum;
}

/* v += a x_j */
static void add(const struct rondo_matrix *x, int64_t j, int64_t from, int64_t to, double a, double *v)
{
    const double *values;
    const int32_t *rows;
    int64_t count = column(x, j, from, to, &values, &rows);
    for (int64_t k = 0; k < count; k++)
        v[rows ? rows[k] - from : k] += a * values[k];
}

static void close_problem(void *context)
{
    struct problem *problem = context;
    problem->host->free(problem->norm);
    problem->host->free(problem);
}

static int open_problem(const struct rondo_host *host, const struct rondo_job *job, void **out,
                        struct rondo_error *err)
{
    const struct rondo_matrix *x = host->matrix(job, "x"), *y = host->matrix(job, "y");
    char where[256];
    host->where(job, "data.x", where, sizeof where);
    if (!y || y->rows != x->rows || x->rows < 1 || x->cols < 1)
        return rondo_error_set(err, RONDO_EINPUT, where, "give data.y", "x and y do not fit");
    struct problem *problem = host->zalloc(1, sizeof *problem);
    double *norm = host->zalloc((size_t)x->cols, sizeof *norm);
    if (!problem || !norm) {
        host->free(problem);
        host->free(norm);
        return RONDO_ENOMEM;
    }
    *problem = (struct problem){
        .host = host, .x = x, .y = y->dense, .norm = norm,
        .lambda = host->real(job, "params.lambda"), .goal = host->real(job, "stop.gap"),
        .block_most = host->integer(job, "schedule.block_size"),
        .shards = (int32_t)host->integer(job, "params.shards"),
    };
    if (problem->block_most > x->cols)
        problem->block_most = x->cols;
    for (int64_t i = 0; i < x->rows; i++)
        problem->null_objective += problem->y[i] * problem->y[i] / 2;
    for (int64_t j = 0; j < x->cols; j++) {
        const double *values;
        const int32_t *rows;
        int64_t count = column(x, j, 0, x->rows, &values, &rows);
        for (int64_t k = 0; k < count; k++)
            norm[j] += values[k] * values[k];
        norm[j] = sqrt(norm[j]);
    }
    *out = problem;
    return RONDO_OK;
}

/* The cut comes from the data and the spec, never from the workers. */
static void layout(const void *context, struct rondo_layout *layout)
{
    const struct problem *problem = context;
    layout->variables = problem->x->cols;
    layout->shards = problem->shards;
    layout->chunks = (int32_t)((problem->x->cols + CHUNK - 1) / CHUNK);
}

/* ---- states: Rondo moves, saves and restores them; most are flat ---------------------------------- */

static int shard_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *problem = context;
    int64_t n = problem->x->rows, from = n * index / problem->shards;
    int64_t to = n * (index + 1) / problem->shards;
    size_t bytes = (size_t)(to - from) * sizeof(double);
    struct shard *shard = rondo_flat_create(problem->host, sizeof *shard + bytes);
    (void)err;
    if (!shard)
        return RONDO_ENOMEM;
    shard->from = from;
    shard->to = to;
    memcpy(shard->r, problem->y + from, bytes);
    *state = shard;
    return RONDO_OK;
}

static int common_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *problem = context;
    (void)index, (void)err;
    *state = rondo_flat_create(problem->host, (size_t)problem->x->cols * sizeof(double));
    return *state ? RONDO_OK : RONDO_ENOMEM;
}

static void head_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct head *head = state;
    if (head->kept)
        rondo_flat_destroy(context, head->kept);
    host->free(head->g);
    host->free(head->d);
    host->free(head->variable);
    host->free(head->moves);
    host->free(head);
}

static int head_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *problem = context;
    const struct rondo_host *host = problem->host;
    size_t p = (size_t)problem->x->cols;
    struct head *head = host->zalloc(1, sizeof *head);
    (void)index, (void)err;
    if (!head)
        return RONDO_ENOMEM;
    head->problem = problem;
    head->kept = rondo_flat_create(host, (p + 2) * sizeof *head->kept);
    head->g = host->zalloc(p, sizeof *head->g);
    head->d = host->zalloc(p, sizeof *head->d);
    head->variable = host->zalloc(p, sizeof *head->variable);
    head->moves = host->zalloc(p, sizeof *head->moves);
    if (!head->kept || !head->g || !head->d || !head->variable || !head->moves) {
        head_destroy(problem, head);
        return RONDO_ENOMEM;
    }
    head->kept[p] = problem->null_objective;
    head->kept[p + 1] = 1; /* min F >= 0 */
    *state = head;
    return RONDO_OK;
}

/* What a round leaves behind; the rest of a head is made anew in each. */
static int head_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    return rondo_flat_pack(problem, ((const struct head *)state)->kept, out);
}

static int head_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    return rondo_flat_unpack(problem, ((struct head *)state)->kept, in);
}

/* A worker's own room: a slice of rows, and a block's matrix. */
static int scratch_create(const void *context, void **scratch, struct rondo_error *err)
{
    const struct problem *problem = context;
    size_t rows = (size_t)(problem->x->rows / problem->shards + 1), k = (size_t)problem->block_most;
    (void)err;
    *scratch = problem->host->zalloc(rows > k * k ? rows : k * k, sizeof(double));
    return *scratch ? RONDO_OK : RONDO_ENOMEM;
}

static void scratch_free(const void *context, void *scratch)
{
    ((const struct problem *)context)->host->free(scratch);
}

/* ---- a round ---------------------------------------------------------------------------------- */

static int schedule(void *head, int64_t round, struct rondo_order *order)
{
    (void)head;
    bool sweep = round % SWEEP_EVERY == 1;
    order->kind = sweep ? RONDO_SWEEP : RONDO_SAMPLED;
    order->tag = sweep ? GRADIENT : SOLVE;
    order->couplings = !sweep;
    return RONDO_OK;
}

/* One shard's part of x_a'x_b / |x_a| |x_b|. */
static int couple(const void *context, const void *common, const void *state, void *scratch,
                  const struct rondo_pairs *pairs, double *out)
{
    const struct problem *problem = context;
    const struct shard *s = state;
    double *v = scratch;
    (void)common;
    for (int64_t c = 0; c < pairs->columns; c++) {
        int64_t a = pairs->column[c];
        memset(v, 0, (size_t)(s->to - s->from) * sizeof *v);
        add(problem->x, a, s->from, s->to, 1, v);
        for (int64_t i = pairs->ptr[c]; i < pairs->ptr[c + 1]; i++) {
            double size = problem->norm[a] * problem->norm[pairs->row[i]];
            out[i] = size > 0 ? dot(problem->x, pairs->row[i], s->from, s->to, v) / size : 0;
        }
    }
    return RONDO_OK;
}

/* The step whose length is looked for. */
static int brief(void *state, const struct rondo_task *task, struct rondo_buf *out)
{
    const struct head *head = state;
    size_t bytes = task->tag == SEARCH ? (size_t)head->count * sizeof *head->d : 0;
    return rondo_append(head->problem->host, out, head->d, bytes);
}

/* One shard's part: X'r of the block's columns (a sweep: and |r|^2), or |X d|^2. */
static int push(const void *context, const void *common, void *state, void *block, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *problem = context;
    const struct shard *s = state;
    int64_t rows = s->to - s->from, first = (int64_t)task->block * CHUNK, count = task->count;
    double *v = scratch, sum = 0;
    (void)common, (void)block;
    if (task->tag == GRADIENT)
        count = problem->x->cols - first < CHUNK ? problem->x->cols - first : CHUNK;
    double *out = rondo_append_room(problem->host, partial, (size_t)(count + 1) * sizeof *out);
    if (!out)
        return RONDO_ENOMEM;
    if (task->tag == SEARCH) {
        memset(v, 0, (size_t)rows * sizeof *v);
        for (int64_t k = 0; k < count; k++)
            add(problem->x, task->variables[k], s->from, s->to, ((const double *)task->brief.data)[k], v);
        count = 0;
    }
    for (int64_t k = 0; k < count; k++)
        out[k] = dot(problem->x, task->variables ? task->variables[k] : first + k, s->from, s->to, s->r);
    for (int64_t i = 0; i < rows && task->tag != SOLVE; i++)
        sum += task->tag == SEARCH ? v[i] * v[i] : s->r[i] * s->r[i];
    out[count] = sum;
    partial->size = (size_t)(count + 1) * sizeof *out;
    return RONDO_OK;
}

/* (X_B'X_B + lambda) d = g by Cholesky; couplings are X_B'X_B with columns of length 1. */
static void solve(const struct problem *problem, const struct rondo_task *task, const double *g,
                  double *l, double *d)
{
    int64_t k = task->count;
    for (int64_t i = 0; i < k; i++) {
        double ni = problem->norm[task->variables[i]], left = g[i];
        for (int64_t j = 0; j <= i; j++) {
            double sum = task->couplings[i * k + j] * ni * problem->norm[task->variables[j]];
            sum += i == j ? problem->lambda : 0;
            for (int64_t m = 0; m < j; m++)
                sum -= l[i * k + m] * l[j * k + m];
            l[i * k + j] = i > j ? sum / l[j * k + j] : sqrt(fmax(sum, problem->lambda * 1e-8));
        }
        for (int64_t m = 0; m < i; m++)
            left -= l[i * k + m] * d[m];
        d[i] = left / l[i * k + i];
    }
    for (int64_t i = k - 1; i >= 0; i--) {
        for (int64_t m = i + 1; m < k; m++)
            d[i] -= l[m * k + i] * d[m];
        d[i] /= l[i * k + i];
    }
}

/* The shards' parts in their order; g is then whole, and a block's step can be solved for. */
static int pull(const void *context, const void *common, void *scratch,
                const struct rondo_task *task, const struct rondo_bytes *partials, int32_t count,
                struct rondo_buf *result)
{
    const struct problem *problem = context;
    const double *b = common;
    int64_t values = (int64_t)(partials[0].size / sizeof(double)), first = (int64_t)task->block * CHUNK;
    double *g = rondo_append_room(problem->host, result, 2 * partials[0].size);
    if (!g)
        return RONDO_ENOMEM;
    for (int32_t s = 0; s < count; s++)
        for (int64_t k = 0; k < values; k++)
            g[k] += ((const double *)partials[s].data)[k];
    for (int64_t k = 0; k < values - 1; k++)
        g[k] -= problem->lambda * b[task->variables ? task->variables[k] : first + k];
    if (task->tag == SOLVE)
        solve(problem, task, g, scratch, g + task->count);
    result->size = (task->tag == SOLVE ? 2 * (size_t)task->count : (size_t)values) * sizeof *g;
    return RONDO_OK;
}

/* ---- the end of a phase ------------------------------------------------------------------------- */

static void settle_sweep(struct head *head, struct rondo_head_link *link,
                         const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    const struct problem *problem = head->problem;
    int64_t p = problem->x->cols, j = 0;
    double gg = 0, bb = 0, rr = 0;
    for (int32_t c = 0; c < count; c++) {
        const double *g = results[c].data;
        int64_t k = 0, last = (int64_t)(results[c].size / sizeof *g) - 1;
        for (; k < last; k++, j++) {
            head->g[j] = fabs(g[k]);
            gg += g[k] * g[k];
            bb += head->kept[j] * head->kept[j];
        }
        rr = g[last];
    }
    head->kept[p] = rr / 2 + problem->lambda / 2 * bb;
    head->kept[p + 1] = gg > 0 ? gg / (2 * problem->lambda) / problem->null_objective : 0;
    problem->host->feed_all(link, head->g);
    order->report = true;
    order->stop = head->kept[p + 1] <= problem->goal ? "gap" : NULL;
}

/* All blocks' steps become one, whose length is looked for in another phase. */
static void settle_solve(struct head *head, const struct rondo_task *tasks,
                         const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    head->count = 0;
    for (int32_t i = 0; i < count; i++)
        for (int64_t k = 0; k < tasks[i].count; k++, head->count++) {
            const double *g = results[i].data, *d = g + tasks[i].count;
            head->variable[head->count] = tasks[i].variables[k];
            head->g[head->count] = g[k];
            head->d[head->count] = d[k];
        }
    order->kind = RONDO_JOIN;
    order->tag = SEARCH;
    order->variables = head->variable;
    order->count = head->count;
}

static void settle_search(struct head *head, struct rondo_head_link *link, double xd_square,
                          struct rondo_order *order)
{
    double gd = 0, dd = 0;
    for (int64_t k = 0; k < head->count; k++) {
        gd += head->g[k] * head->d[k];
        dd += head->d[k] * head->d[k];
    }
    double t = dd > 0 ? gd / (xd_square + head->problem->lambda * dd) : 0;
    for (int64_t k = 0; k < head->count; k++) {
        double by = t * head->d[k], left = fabs((1 - t) * head->g[k]);
        head->kept[head->variable[k]] += by;
        head->moves[k] = (struct move){ head->variable[k], by };
        head->problem->host->feed(link, 1, &head->variable[k], &by, &left);
    }
    order->commit = (struct rondo_bytes){ head->moves, (size_t)head->count * sizeof *head->moves };
    order->updates = head->count;
}

static int settle(void *state, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order)
{
    struct head *head = state;
    (void)round, (void)phase;
    order->kind = RONDO_REST;
    if (count == 0) /* nothing was worth a move */
        return RONDO_OK;
    switch (tasks[0].tag) {
    case GRADIENT: settle_sweep(head, link, results, count, order); break;
    case SOLVE: settle_solve(head, tasks, results, count, order); break;
    case SEARCH: settle_search(head, link, *(const double *)results[0].data, order); break;
    default: return RONDO_EAPP;
    }
    return RONDO_OK;
}

/* The commit, to b (shard NULL) and to each shard's residual. */
static int apply(const void *context, void *common, void *state, void *scratch, int64_t round,
                 struct rondo_bytes commit)
{
    const struct problem *problem = context;
    const struct move *moves = commit.data;
    struct shard *s = state;
    double *b = common;
    (void)scratch, (void)round;
    for (size_t k = 0; k < commit.size / sizeof *moves; k++)
        if (s)
            add(problem->x, moves[k].variable, s->from, s->to, -moves[k].by, s->r);
        else
            b[moves[k].variable] += moves[k].by;
    return RONDO_OK;
}

/* ---- what it says ---------------------------------------------------------------------------------- */

static void report(const void *state, struct rondo_report *report)
{
    const struct head *head = state;
    int64_t p = head->problem->x->cols;
    report->objective = head->kept[p];
    report->goal = "gap";
    report->metric[report->count++] = (struct rondo_metric){ "gap", head->kept[p + 1], false };
}

static int save(const void *state, struct rondo_head_link *link, const struct rondo_host *host,
                struct rondo_output *output, struct rondo_error *err)
{
    const struct head *head = state;
    FILE *stream;
    int code = host->create(output, "coef.txt", &stream, err);
    (void)link;
    for (int64_t j = 0; j < head->problem->x->cols && !code; j++)
        fprintf(stream, "%.17g\n", head->kept[j]);
    return code;
}

static const struct rondo_param params[] = {
    { "lambda", RONDO_REAL, "1", 0, NAN, true, NULL, "", "weight of the penalty" },
    { "shards", RONDO_INTEGER, "4", 1, 1024, false, NULL, "", "parts of the rows; changes last bits" },
    { "stop.gap", RONDO_REAL, "1e-8", 0, 1, false, NULL, "F(0)", "stop where F is so near to its minimum" },
    { 0 },
};

static const struct rondo_role roles[] = {
    { "x", RONDO_ROLE_MATRIX, true, NULL, "the columns, n x p" },
    { "y", RONDO_ROLE_VECTOR, true, "x", "what they shall explain, n" },
    { 0 },
};

static const char *const files[] = { "coef.txt", NULL };

static const struct rondo_app app = {
    .abi = RONDO_APP_ABI, .size = sizeof app, .name = "ridge",
    .summary = "linear regression with a squared penalty, to a bound on the gap",
    .params = params, .roles = roles, .files = files,
    .open = open_problem, .close = close_problem, .layout = layout,
    .head = { head_create, head_destroy, head_pack, head_unpack },
    .common = { common_create, rondo_flat_destroy, rondo_flat_pack, rondo_flat_unpack },
    .shard = { shard_create, rondo_flat_destroy, rondo_flat_pack, rondo_flat_unpack },
    .scratch = scratch_create, .scratch_free = scratch_free,
    .schedule = schedule, .couple = couple, .brief = brief, .push = push, .pull = pull,
    .settle = settle, .apply = apply, .report = report, .save = save,
};

const struct rondo_app *rondo_app_entry(void)
{
    return &app;
}
