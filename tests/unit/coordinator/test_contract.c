#include "patterns.h"

#include "apps/contract.h"

/* Each callback in turn fails: from its first call, and from a later one. */
static _Atomic int calls;
static int fail_from;

static int verdict(void)
{
    return ++calls >= fail_from ? RONDO_EINPUT : RONDO_OK;
}

static int bad_schedule(void *head, int64_t round, struct rondo_order *order)
{
    int code = verdict();
    return code ? code : app_reduce.schedule(head, round, order);
}

static int bad_couple(const void *problem, const void *common, const void *shard, void *scratch,
                      const struct rondo_pairs *pairs, double *out)
{
    int code = verdict();
    return code ? code : app_reduce.couple(problem, common, shard, scratch, pairs, out);
}

static int bad_brief(void *head, const struct rondo_task *task, struct rondo_buf *out)
{
    int code = verdict();
    return code ? code : app_reduce.brief(head, task, out);
}

static int bad_push(const void *problem, const void *common, void *shard, void *block,
                    void *scratch, const struct rondo_task *task, struct rondo_buf *partial)
{
    int code = verdict();
    return code ? code : app_reduce.push(problem, common, shard, block, scratch, task, partial);
}

static int bad_pull(const void *problem, const void *common, void *scratch,
                    const struct rondo_task *task, const struct rondo_bytes *partials,
                    int32_t count, struct rondo_buf *result)
{
    int code = verdict();
    return code ? code : app_reduce.pull(problem, common, scratch, task, partials, count, result);
}

static int bad_settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                      const struct rondo_task *tasks, const struct rondo_bytes *results,
                      int32_t count, struct rondo_order *order)
{
    int code = verdict();
    return code ? code
                : app_reduce.settle(head, link, round, phase, tasks, results, count, order);
}

static int bad_merge(const void *problem, struct rondo_buf *sum, struct rondo_bytes result)
{
    int code = verdict();
    return code ? code : app_rotate.merge(problem, sum, result);
}

static int bad_apply(const void *problem, void *common, void *shard, void *scratch, int64_t round,
                     struct rondo_bytes commit)
{
    int code = verdict();
    return code ? code : app_reduce.apply(problem, common, shard, scratch, round, commit);
}

static int bad_create(const void *problem, int32_t index, void **state, struct rondo_error *err)
{
    (void)problem, (void)index, (void)state, (void)err;
    return verdict();
}

static int bad_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    (void)problem, (void)state, (void)out;
    return verdict();
}

static int bad_scratch(const void *problem, void **scratch, struct rondo_error *err)
{
    (void)problem, (void)scratch, (void)err;
    return verdict();
}

static void expect_failure(const struct rondo_app *app, const char *what)
{
    for (int32_t workers = 1; workers <= 3; workers += 2)
        for (int encoded = 0; encoded < 2; encoded++) {
            struct drive_job job = { .app = app, .workers = workers, .pipeline = 2,
                                     .encoded = encoded, .checkpoint_round = 3 };
            struct drive_end end;
            int64_t live = mem_live();
            calls = 0;
            drive_job(&job, &end);
            cr_expect_lt(end.code, 0, "%s", what);
            cr_expect(end.error.what[0], "%s says nothing", what);
            drive_job_fini(&end);
            cr_expect_eq(mem_live(), live, "%s leaks", what);
        }
}

static void expect_said(const struct rondo_app *app, const char *word)
{
    struct drive_job job = { .app = app, .workers = 2 };
    struct drive_end end;
    calls = 0;
    drive_job(&job, &end);
    cr_expect_eq(end.state, ENGINE_FAILED);
    cr_expect_eq(end.code, RONDO_EAPP);
    cr_expect_str_eq(end.stop_reason, "error");
    cr_expect(strstr(end.error.what, word), "\"%s\" and not: %s", word, end.error.what);
    drive_job_fini(&end);
}

static void expect_both(const struct rondo_app *app, const char *word)
{
    for (fail_from = 1; fail_from <= 7; fail_from += 6) {
        expect_failure(app, word);
        expect_said(app, word);
    }
}

Test(contract, a_callback_of_a_round_that_fails_ends_the_job)
{
    struct rondo_app app = app_reduce;
    app.schedule = bad_schedule;
    expect_both(&app, "schedule");
    app = app_reduce, app.couple = bad_couple;
    expect_both(&app, "couple");
    app = app_reduce, app.brief = bad_brief;
    expect_both(&app, "brief");
    app = app_reduce, app.push = bad_push;
    expect_both(&app, "push");
    app = app_reduce, app.pull = bad_pull;
    expect_both(&app, "pull");
    app = app_reduce, app.settle = bad_settle;
    expect_both(&app, "settle");
    app = app_reduce, app.apply = bad_apply;
    expect_both(&app, "apply");
    app = app_rotate, app.merge = bad_merge;
    expect_both(&app, "merge");
}

Test(contract, a_state_that_cannot_be_made_or_packed_ends_the_job)
{
    fail_from = 1;
    for (int a = 0; a < 2; a++) {
        struct rondo_app app = *pattern[a];
        app.head.create = bad_create;
        expect_failure(&app, "head.create");
        app = *pattern[a], app.common.create = bad_create;
        expect_failure(&app, "common.create");
        app = *pattern[a], app.shard.create = bad_create;
        expect_failure(&app, "shard.create");
        app = *pattern[a], app.head.pack = bad_pack;
        expect_failure(&app, "head.pack");
        app = *pattern[a], app.common.pack = bad_pack;
        expect_failure(&app, "common.pack");
        app = *pattern[a], app.shard.pack = bad_pack;
        expect_failure(&app, "shard.pack");
    }
    struct rondo_app app = app_rotate;
    app.block.create = bad_create;
    expect_failure(&app, "block.create");
    app = app_rotate, app.block.pack = bad_pack;
    expect_failure(&app, "block.pack");
    app = app_rotate, app.scratch = bad_scratch;
    expect_failure(&app, "scratch");
}

/* ---- orders that break the contract ------------------------------------------------------------- */

static struct rondo_order bad;
static int64_t bad_round; /* where it comes */

static int order_schedule(void *head, int64_t round, struct rondo_order *order)
{
    if (round == bad_round)
        *order = bad;
    return round == bad_round ? RONDO_OK : app_rotate.schedule(head, round, order);
}

static int order_settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                        const struct rondo_task *tasks, const struct rondo_bytes *results,
                        int32_t count, struct rondo_order *order)
{
    if (round == bad_round)
        *order = bad;
    return round == bad_round
               ? RONDO_OK
               : app_rotate.settle(head, link, round, phase, tasks, results, count, order);
}

static void expect_refused(struct rondo_order order, bool schedule, bool settle)
{
    bad = order;
    for (bad_round = 1; bad_round <= 3; bad_round += 2)
        for (int which = 0; which < 2; which++) {
            struct rondo_app app = app_rotate;
            if (which ? !settle : !schedule)
                continue;
            if (which)
                app.settle = order_settle;
            else
                app.schedule = order_schedule;
            struct drive_job job = { .app = &app, .workers = 2, .pipeline = 2 };
            struct drive_end end;
            drive_job(&job, &end);
            cr_expect_eq(end.state, ENGINE_FAILED, "kind %d", order.kind);
            cr_expect_eq(end.code, RONDO_EAPP, "kind %d: %s", order.kind, end.error.what);
            cr_expect_gt(strlen(end.error.what), 10);
            drive_job_fini(&end);
        }
}

Test(contract, a_plan_names_what_there_is_and_once)
{
    static const struct rondo_pair pairs[][2] = {
        { { 7, 0 }, { 0, 1 } },  { { -1, 0 }, { 0, 1 } }, { { 0, 5 }, { 1, 1 } },
        { { 0, -2 }, { 1, 1 } }, { { 2, 0 }, { 2, 1 } },  { { 2, 1 }, { 3, 1 } },
        { { INT32_MAX, 0 }, { 1, 1 } },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        expect_refused((struct rondo_order){ .kind = RONDO_PLAN, .pairs = pairs[i], .count = 2 },
                       true, true);
    expect_refused((struct rondo_order){ .kind = RONDO_PLAN, .count = 2 }, true, true);
    expect_refused((struct rondo_order){ .kind = RONDO_PLAN, .pairs = pairs[0], .count = -1 }, true,
                   true);
}

Test(contract, an_order_is_one_that_its_callback_may_give)
{
    static const int64_t variables[] = { 0, 1 };
    expect_refused((struct rondo_order){ .kind = RONDO_SAMPLED }, true, true);
    expect_refused((struct rondo_order){ .kind = RONDO_JOIN }, true, true);
    expect_refused((struct rondo_order){ .kind = RONDO_JOIN, .variables = variables, .count = 2 },
                   true, true);
    expect_refused((struct rondo_order){ .kind = RONDO_REST }, true, false);
    expect_refused((struct rondo_order){ .kind = RONDO_REST, .updates = -1 }, false, true);
    expect_refused((struct rondo_order){ .kind = RONDO_REST, .updates = INT64_MAX }, false, true);
    expect_refused((struct rondo_order){ .kind = RONDO_AGAIN }, true, false);
    expect_refused((struct rondo_order){ .kind = (enum rondo_kind)99 }, true, true);
}

/* The app's sampled rounds as one block each, with couplings and without. */
enum { WHOLE_MOST = 16 }; /* blocks x block_size of drive_setup.c */
static int64_t whole_want, whole_free, whole_rounds; /* with couplings, without */

static int whole_schedule(void *head, int64_t round, struct rondo_order *order)
{
    int code = app_reduce.schedule(head, round, order);
    if (order->kind == RONDO_SAMPLED) {
        order->whole = true;
        order->want = order->couplings ? whole_want : whole_free;
    }
    return code;
}

static int whole_settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                        const struct rondo_task *tasks, const struct rondo_bytes *results,
                        int32_t count, struct rondo_order *order)
{
    if (phase == 0 && count && tasks[0].kind == RONDO_SAMPLED) {
        bool raw = round % 3 == 0; /* then the block's partials are its results */
        for (int32_t i = 0; i < count; i++)
            cr_assert(tasks[i].block == 0 && tasks[i].count == (raw ? whole_free : whole_want));
        cr_assert(raw || count == 1);
        cr_assert_eq(tasks[0].couplings != NULL, !raw);
        whole_rounds++;
    }
    return app_reduce.settle(head, link, round, phase, tasks, results, count, order);
}

enum { WHOLE_FREE = 40 };

static void whole_layout(const void *problem, struct rondo_layout *layout)
{
    app_reduce.layout(problem, layout);
    layout->whole = WHOLE_FREE;
}

Test(contract, a_whole_round_is_alone_and_has_room)
{
    struct rondo_app app = app_reduce;
    app.schedule = whole_schedule;
    app.settle = whole_settle;
    struct drive_job job = { .app = &app, .workers = 2 };
    whole_want = whole_free = WHOLE_MOST;
    struct drive_end end = patterns_good(&job);
    cr_assert_eq(whole_rounds, 8, "of 12, each third is a sweep");
    drive_job_fini(&end);
    app.layout = whole_layout; /* without couplings there may be more */
    whole_free = WHOLE_FREE;
    end = patterns_good(&job);
    cr_assert_eq(whole_rounds, 16);
    drive_job_fini(&end);
    whole_want = WHOLE_MOST + 1;
    expect_said(&app, "a whole round is wanted of more variables than couplings are kept for");
    whole_want = INT64_MAX;
    expect_said(&app, "than couplings are kept for");
    whole_want = 1;
    job.pipeline = 2;
    drive_job(&job, &end);
    cr_expect(end.state == ENGINE_FAILED && end.code == RONDO_EAPP);
    cr_expect(strstr(end.error.what, "a whole round is asked for beside others in flight"), "%s",
              end.error.what);
    drive_job_fini(&end);
}

/* The variables that a sampled round says it is drawn of. */
static struct rondo_order ahead;

static int ahead_schedule(void *head, int64_t round, struct rondo_order *order)
{
    int code = app_reduce.schedule(head, round, order);
    order->variables = ahead.variables;
    order->count = ahead.count;
    return code;
}

Test(contract, a_sampled_round_is_drawn_of_variables_that_there_are)
{
    static const int64_t right[] = { 47, 0, 11 }, wrong[] = { 0, 48 };
    struct rondo_app app = app_reduce;
    struct drive_job job = { .app = &app, .workers = 2 };
    app.schedule = ahead_schedule;
    ahead = (struct rondo_order){ .variables = right, .count = 3 };
    struct drive_end end = patterns_good(&job);
    drive_job_fini(&end);
    ahead = (struct rondo_order){ .variables = wrong, .count = 2 };
    expect_said(&app, "a sampled round names a variable that is not there");
    ahead = (struct rondo_order){ .count = 1 };
    expect_said(&app, "a sampled round names a variable that is not there");
    ahead = (struct rondo_order){ .variables = right, .count = -1 };
    expect_said(&app, "a sampled round names a variable that is not there");
}

static struct rondo_order bad_join;

static int join_settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                       const struct rondo_task *tasks, const struct rondo_bytes *results,
                       int32_t count, struct rondo_order *order)
{
    if (round == 2)
        *order = bad_join;
    return round == 2 ? RONDO_OK
                      : app_reduce.settle(head, link, round, phase, tasks, results, count, order);
}

Test(contract, a_join_is_of_variables_that_there_are)
{
    static int64_t many[48];
    static const int64_t wrong[][2] = { { 0, 48 }, { -1, 0 }, { INT64_MAX, 1 } };
    struct rondo_app app = app_reduce;
    app.settle = join_settle;
    for (int64_t j = 0; j < 48; j++)
        many[j] = j;
    for (int i = 0; i < 4; i++) {
        bad_join = (struct rondo_order){ .kind = RONDO_JOIN, .couplings = true,
                                         .variables = i < 3 ? wrong[i] : many,
                                         .count = i < 3 ? 2 : 48 };
        expect_said(&app, "settle joins");
    }
}

Test(contract, couplings_are_asked_of_an_app_that_has_them)
{
    struct rondo_app app = app_reduce;
    app.couple = NULL;
    expect_said(&app, "couplings");
}

Test(contract, without_workers_the_job_fails)
{
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t workers = 1; workers <= 3; workers++) {
            struct drive_job job = { .app = pattern[a], .workers = workers, .pipeline = 2 };
            struct drive_end end;
            int64_t live = mem_live();
            for (int32_t w = 0; w < workers; w++)
                job.loss[w] = (struct drive_loss){ w, 3 + w };
            drive_job(&job, &end);
            cr_expect_eq(end.state, ENGINE_FAILED);
            cr_expect_eq(end.code, RONDO_EWORKERS, "%s: %s", job.app->name, end.error.what);
            cr_expect(end.error.what[0]);
            drive_job_fini(&end);
            cr_expect_eq(mem_live(), live);
        }
}

/* ---- what an older header did not have --------------------------------------------------------- */

static int foretell(const struct rondo_host *host RONDO_UNUSED,
                    const struct rondo_predict *what RONDO_UNUSED,
                    struct rondo_report *report RONDO_UNUSED, struct rondo_error *err RONDO_UNUSED)
{
    return RONDO_OK;
}

/* What a toy has no need of, and a plug-in must have. */
static int save(const void *head RONDO_UNUSED, struct rondo_head_link *link RONDO_UNUSED,
                const struct rondo_host *host RONDO_UNUSED,
                struct rondo_output *output RONDO_UNUSED, struct rondo_error *err RONDO_UNUSED)
{
    return RONDO_OK;
}

static int preview(const struct rondo_host *host RONDO_UNUSED, const struct rondo_job *job RONDO_UNUSED,
                   struct rondo_error *err RONDO_UNUSED)
{
    return RONDO_OK;
}

Test(contract, an_app_ends_where_its_size_says)
{
    static const struct rondo_param none[] = { { .key = NULL } };
    struct rondo_error err = { 0 };
    struct rondo_app app = app_reduce;
    app.save = save;
    app.predict = foretell;
    app.predict_options = none;
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_OK, "%s", err.what);
    cr_expect(contract_predict(&app) == foretell && contract_predict_options(&app) == none);
    app.size = offsetof(struct rondo_app, predict_options);
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_OK, "%s", err.what);
    cr_expect(!contract_predict(&app) && !contract_predict_options(&app));
    app.preview = preview;
    app.coefficients = foretell;
    app.size = offsetof(struct rondo_app, preview);
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_OK, "%s", err.what);
    cr_expect(contract_predict(&app) && !contract_preview(&app) && !contract_coefficients(&app));
    app.size = sizeof app;
    cr_expect(contract_preview(&app) == preview && contract_coefficients(&app) == foretell);
    static const char *const ids[] = { "users.txt", "items.txt" };
    app.model_ids = ids;
    cr_expect_eq(contract_model_ids(&app), ids);
    app.size = offsetof(struct rondo_app, model_ids);
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_OK, "%s", err.what);
    cr_expect_null(contract_model_ids(&app));
    app.size = offsetof(struct rondo_app, parts);
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(contract_model_ids(&app), ids);
    app.size = offsetof(struct rondo_app, assume);
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_OK, "%s", err.what);
    static const int wrong[] = { -16, -8, 8, 24 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        app.size = (uint32_t)((int)offsetof(struct rondo_app, predict_options) + wrong[i]);
        err = (struct rondo_error){ 0 };
        cr_expect_eq(contract_check(&app, NULL, &err), RONDO_EAPP, "%d", wrong[i]);
    }
}

static int with_key(const char *key, enum rondo_role_kind kind, struct rondo_error *err)
{
    const struct rondo_role roles[] = { { key, kind, false, NULL, "a file" }, { .key = NULL } };
    struct rondo_app app = app_reduce;
    app.save = save;
    app.roles = roles;
    *err = (struct rondo_error){ 0 };
    return contract_check(&app, NULL, err);
}

Test(contract, a_role_in_a_directory_is_a_plain_file_there)
{
    static const char *const good[] = { "params.start/users.txt", "params.a.b/X_1.npy", "params.start/b.npz/user" };
    static const char *const odd[] = { "start/users.txt", "params.start/", "params.start/../x", "params.start/a/b",
                                       "params.start/.x", "params.start/b.npz/", "params.start/b.npz/.u",
                                       "params.Start/x", "params.start/a b", "params.start/b.npz/c/d", "/x" };
    struct rondo_error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect_eq(with_key(good[i], RONDO_ROLE_MATRIX, &err), RONDO_OK, "%s: %s", good[i], err.what);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        cr_expect_eq(with_key(odd[i], RONDO_ROLE_MATRIX, &err), RONDO_EAPP, "%s", odd[i]);
    cr_expect_eq(with_key(good[0], RONDO_ROLE_WORDS, &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(with_key(good[0], RONDO_ROLE_RATINGS, &err), RONDO_EAPP);
}

Test(contract, one_help_is_for_all_in_a_directory)
{
    struct rondo_role roles[] = { { "params.start/a", RONDO_ROLE_WORDS, true, NULL, "a directory" },
                                  { "params.start/b", RONDO_ROLE_WORDS, true, NULL, "" },
                                  { .key = NULL } };
    struct rondo_error err = { 0 };
    struct rondo_app app = app_reduce;
    app.save = save;
    app.roles = roles;
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_OK, "%s", err.what);
    roles[1].key = "params.other/b";
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_EAPP);
    roles[1] = roles[0];
    roles[1].key = "params.start/b";
    roles[0].help = "";
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_EAPP);
}

/* One role with `of`, beside ratings "r" and a matrix "x". */
static int with_role(enum rondo_role_kind kind, const char *of, struct rondo_error *err)
{
    const struct rondo_role roles[] = { { "r", RONDO_ROLE_RATINGS, true, NULL, "who rated what" },
                                        { "x", RONDO_ROLE_MATRIX, false, NULL, "anything" },
                                        { "z", kind, false, of, "what is asked about" }, { .key = NULL } };
    struct rondo_app app = app_reduce;
    app.save = save;
    app.roles = roles;
    *err = (struct rondo_error){ 0 };
    return contract_check(&app, NULL, err);
}

Test(contract, ratings_go_with_ratings)
{
    struct rondo_error err;
    cr_expect_eq(with_role(RONDO_ROLE_RATINGS, "r", &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(with_role(RONDO_ROLE_RATINGS, NULL, &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(with_role(RONDO_ROLE_RATINGS, "x", &err), RONDO_EAPP);
    cr_expect(strstr(err.what, "ratings go with ratings"), "%s", err.what);
    cr_expect_eq(with_role(RONDO_ROLE_VECTOR, "r", &err), RONDO_EAPP);
    cr_expect_eq(with_role(RONDO_ROLE_RATINGS + 1, NULL, &err), RONDO_EAPP);
    cr_expect(strstr(err.what, "no kind"), "%s", err.what);
}

Test(contract, options_are_a_table_like_any_other)
{
    static const struct rondo_param table[] = {
        { "Lambda", RONDO_REAL, NULL, 0, 1, false, NULL, "", "a key in capitals" }, { .key = NULL },
    };
    struct rondo_error err = { 0 };
    struct rondo_app app = app_reduce;
    app.save = save;
    app.predict_options = table;
    cr_expect_eq(contract_check(&app, NULL, &err), RONDO_EAPP);
    cr_expect(strstr(err.what, "the option \"Lambda\""), "%s", err.what);
}
