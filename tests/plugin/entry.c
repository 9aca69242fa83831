/* entry.c - an app of tests/apps as a plug-in, which saves its head too and fails where it is asked to.
 *
 *     BASE    app_reduce, app_rotate, app_gather or app_empty
 *     EDIT    statements that spoil the app before it is given, as `app.push = NULL`
 *
 * "params": {"fail": "push", "answer": 7} has push answer 7 from its second call on, or layout,
 * report, create and the like answer nonsense.  What shall fail is the process's, not the job's: only
 * jobs that agree on it may share one.
 */
#include "tests/apps/apps.h"

#ifndef EDIT
#define EDIT (void)0
#endif

static const struct rondo_host *_Atomic the_host;
static const void *_Atomic the_problem;
static char fail_name[64];
static int fail_answer = -4;
static _Atomic int calls;

static bool fails(const char *name)
{
    return strcmp(fail_name, name) == 0 && (calls++ > 0 || fail_answer < 0);
}

#define ANSWER(name, call) (fails(name) ? fail_answer : (call))

static int check(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err)
{
    const char *name = host->text(job, "params.fail");
    int answer = (int)host->integer(job, "params.answer");
    if (strcmp(fail_name, name) != 0)
        snprintf(fail_name, sizeof fail_name, "%s", name);
    if (fail_answer != answer)
        fail_answer = answer;
    calls = strcmp(fail_name, "check") == 0 || strcmp(fail_name, "open") == 0
            || strcmp(fail_name, "scratch") == 0 || strcmp(fail_name, "save") == 0
            || strcmp(fail_name, "conclude") == 0
            || strstr(fail_name, ".create") || strstr(fail_name, "pack");
    if (strcmp(fail_name, "check in words") == 0)
        return rondo_error_set(err, RONDO_EINPUT, "/params/answer", "try 1", "an answer of no use");
    return ANSWER("check", RONDO_OK);
}

static int open_(const struct rondo_host *host, const struct rondo_job *job, void **problem,
                 struct rondo_error *err)
{
    int code = ANSWER("open", BASE.open(host, job, problem, err));
    the_host = host;
    the_problem = *problem;
    return code;
}

static void layout(const void *problem, struct rondo_layout *layout)
{
    static const double cost[1 << 16] = { -1 };
    BASE.layout(problem, layout);
    if (strcmp(fail_name, "layout.shards") == 0)
        layout->shards = -1;
    if (strcmp(fail_name, "layout.chunks") == 0)
        layout->chunks = 0;
    if (strcmp(fail_name, "layout.blocks") == 0)
        layout->blocks = INT32_MAX;
    if (strcmp(fail_name, "layout.variables") == 0)
        layout->variables = INT64_MAX;
    if (strcmp(fail_name, "layout.cost") == 0)
        layout->cost = cost;
}

#define STATE(which) \
    static int which##_create(const void *problem, int32_t index, void **state, \
                              struct rondo_error *err) \
    { \
        if (strcmp(fail_name, #which ".create gives none") == 0) \
            return RONDO_OK; \
        return ANSWER(#which ".create", BASE.which.create(problem, index, state, err)); \
    } \
    static int which##_pack(const void *problem, const void *state, struct rondo_buf *out) \
    { \
        return ANSWER(#which ".pack", BASE.which.pack(problem, state, out)); \
    } \
    static int which##_unpack(const void *problem, void *state, struct rondo_bytes in) \
    { \
        return ANSWER(#which ".unpack", BASE.which.unpack(problem, state, in)); \
    }
STATE(head)
STATE(common)
STATE(shard)
STATE(block)

static int scratch(const void *problem, void **out, struct rondo_error *err)
{
    return ANSWER("scratch", BASE.scratch(problem, out, err));
}

static int schedule(void *head, int64_t round, struct rondo_order *order)
{
    return ANSWER("schedule", BASE.schedule(head, round, order));
}

static int couple(const void *problem, const void *common, const void *shard, void *room,
                  const struct rondo_pairs *pairs, double *out)
{
    return ANSWER("couple", BASE.couple(problem, common, shard, room, pairs, out));
}

static int brief(void *head, const struct rondo_task *task, struct rondo_buf *out)
{
    return ANSWER("brief", BASE.brief(head, task, out));
}

static int push(const void *problem, const void *common, void *shard, void *block, void *room,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    int code = ANSWER("push", BASE.push(problem, common, shard, block, room, task, partial));
    if (strcmp(fail_name, "push beyond its room") == 0)
        partial->size = partial->capacity + 1;
    return code;
}

static int pull(const void *problem, const void *common, void *room, const struct rondo_task *task,
                const struct rondo_bytes *partials, int32_t count, struct rondo_buf *result)
{
    return ANSWER("pull", BASE.pull(problem, common, room, task, partials, count, result));
}

static int settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order)
{
    int code = ANSWER("settle", BASE.settle(head, link, round, phase, tasks, results, count, order));
    if (strcmp(fail_name, "settle samples") == 0)
        order->kind = RONDO_SAMPLED;
    if (strcmp(fail_name, "settle commits nothing") == 0)
        *order = (struct rondo_order){ .kind = RONDO_REST, .commit = { NULL, 8 } };
    order->report = order->kind == RONDO_REST;
    return code;
}

static int merge(const void *problem, struct rondo_buf *sum, struct rondo_bytes result)
{
    return ANSWER("merge", BASE.merge(problem, sum, result));
}

static int apply(const void *problem, void *common, void *shard, void *room, int64_t round,
                 struct rondo_bytes commit)
{
    return ANSWER("apply", BASE.apply(problem, common, shard, room, round, commit));
}

static void report(const void *head, struct rondo_report *report)
{
    BASE.report(head, report);
    if (strcmp(fail_name, "report") == 0)
        report->count = fail_answer;
}

static int save(const void *head, struct rondo_head_link *link, const struct rondo_host *host,
                struct rondo_output *output, struct rondo_error *err)
{
    FILE *stream;
    struct rondo_buf buf = { 0 };
    int code = ANSWER("save", host->create(output, "state.bin", &stream, err));
    if (!code)
        code = BASE.head.pack(the_problem, head, &buf);
    if (!code && fwrite(buf.data, 1, buf.size, stream) != buf.size)
        code = RONDO_EIO;
    the_host->free(buf.data);
    return !code && BASE.save ? BASE.save(head, link, host, output, err) : code;
}

static int conclude(void *head, struct rondo_head_link *link, struct rondo_error *err)
{
    return ANSWER("conclude", BASE.conclude(head, link, err));
}

static const struct rondo_param params[] = {
    { "fail", RONDO_TEXT, "", 0, 0, false, NULL, "", "the callback that shall fail" },
    { "answer", RONDO_INTEGER, "-4", -100, 100, false, NULL, "", "what it answers" },
    { 0 },
};
static const char *const files[] = { "state.bin", "shards.bin", NULL };
static struct rondo_app app;

const struct rondo_app *rondo_app_entry(void)
{
    app = BASE;
    app.params = params;
    app.files = files;
    app.check = check;
    app.open = open_;
    app.layout = layout;
    app.head.create = head_create;
    app.head.pack = head_pack;
    app.head.unpack = head_unpack;
    app.common.unpack = BASE.common.unpack ? common_unpack : NULL;
    app.shard.unpack = BASE.shard.unpack ? shard_unpack : NULL;
    app.block.unpack = BASE.block.unpack ? block_unpack : NULL;
    app.common.create = BASE.common.create ? common_create : NULL;
    app.common.pack = BASE.common.pack ? common_pack : NULL;
    app.shard.create = BASE.shard.create ? shard_create : NULL;
    app.shard.pack = BASE.shard.pack ? shard_pack : NULL;
    app.block.create = BASE.block.create ? block_create : NULL;
    app.block.pack = BASE.block.pack ? block_pack : NULL;
    app.scratch = BASE.scratch ? scratch : NULL;
    app.schedule = schedule;
    app.couple = BASE.couple ? couple : NULL;
    app.brief = BASE.brief ? brief : NULL;
    app.push = push;
    app.pull = BASE.pull ? pull : NULL;
    app.settle = settle;
    app.merge = BASE.merge ? merge : NULL;
    app.apply = BASE.apply ? apply : NULL;
    app.report = report;
    app.save = save;
    app.conclude = BASE.conclude ? conclude : NULL;
    EDIT;
    return &app;
}
