/* What a job names under /data, as its app sees it: counts and words. */
#include "apps/host.h"

#include "core/base/log.h"
#include "tests/apps/apps.h"
#include "tests/support/brutal.h"
#include "tests/unit/core_data/scratch.h"

static const struct rondo_role roles[] = {
    { "docs", RONDO_ROLE_COUNTS, false, NULL, "documents by words" },
    { "vocab", RONDO_ROLE_WORDS, false, NULL, "the words" },
    { "x", RONDO_ROLE_MATRIX, false, NULL, "anything" },
    { "test", RONDO_ROLE_RATINGS, false, "ratings", "what is held out" },
    { "ratings", RONDO_ROLE_RATINGS, false, NULL, "who rated what" },
    { "params.start/users.txt", RONDO_ROLE_WORDS, true, NULL, "an earlier job's output" },
    { "params.start/b.npz/user", RONDO_ROLE_VECTOR, false, NULL, "biases" },
    { 0 },
};
static struct rondo_app app;

static const struct rondo_app *at(int index)
{
    return index ? NULL : &app;
}

static const struct rondo_app *find(const char *name)
{
    return strcmp(name, app.name) ? NULL : &app;
}

static const struct job_apps apps = { find, at, NULL };
static struct rondo_host host;

static void begin(void)
{
    static const struct host_upcalls none;
    scratch_begin();
    log_set_level(LOG_WARNING);
    app = app_empty;
    app.roles = roles;
    host_init(&host, &none);
    scratch_text("v.txt", "one\ntwo\nthree\n");
    scratch_text("d.svm", "1 1:2 3:1\n1\n1 2:0 3:2147483647\n");
}

TestSuite(host, .init = begin, .fini = scratch_end);

static int open_job(const char *data, struct rondo_job **job, struct rondo_error *err)
{
    char text[256];
    snprintf(text, sizeof text, "{\"version\": 1, \"app\": \"empty\", \"data\": {%s}}", data);
    int code = job_parse(text, strlen(text), "job.json", scratch_dir, NULL, 0, &apps, job, err);
    if (code)
        return code;
    code = host_load(*job, NULL, scratch_dir, err);
    if (code)
        job_free(*job);
    return code;
}

static struct rondo_job *load(const char *data)
{
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    cr_assert_eq(open_job(data, &job, &err), RONDO_OK, "%s: %s", err.where, err.what);
    return job;
}

static void drop(struct rondo_job *job)
{
    host_unload(job);
    job_free(job);
}

static void refuses(const char *data, const char *where, const char *what)
{
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    int64_t live = mem_live();
    cr_assert_eq(open_job(data, &job, &err), RONDO_EINPUT, "%s", data);
    cr_expect(strstr(err.where, where) != NULL, "\"%s\" lacks \"%s\"", err.where, where);
    cr_expect(strstr(err.what, what) != NULL, "\"%s\" lacks \"%s\"", err.what, what);
    cr_expect_eq(mem_live(), live);
}

Test(host, counts_are_a_matrix_and_words_are_words)
{
    struct rondo_job *job = load("\"docs\": \"d.svm\", \"vocab\": \"v.txt\"");
    const struct rondo_matrix *docs = host.matrix(job, "docs");
    const struct rondo_words *words = host.words(job, "vocab");
    cr_assert(docs && docs->sparse && docs->rows == 3 && docs->cols == 3);
    cr_expect_eq(scratch_at(docs, 2, 2), 2147483647);
    cr_assert(words && words->count == 3);
    cr_expect_str_eq(words->word[2], "three");
    cr_expect_null(host.matrix(job, "vocab"));
    cr_expect_null(host.words(job, "docs"));
    cr_expect_null(host.words(job, "nothing"));
    drop(job);
    job = load("\"docs\": \"d.svm\"");
    cr_expect_null(host.words(job, "vocab"));
    drop(job);
}

Test(host, what_is_no_count_has_its_place)
{
    static const struct {
        const char *text, *found;
    } bad[] = { { "1 1:2\n1 1:1 2:-1\n", "found \"2:-1\"" }, { "1 1:2\n1 1:1 2:0.5\n", "found \"2:0.5\"" },
                { "1 1:2\n1 1:1 2:2147483648\n", "found \"2:2147483648\"" } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_text("bad.svm", bad[i].text);
        refuses("\"docs\": \"bad.svm\"", "bad.svm:2", bad[i].found);
        drop(load("\"docs\": \"d.svm\", \"x\": \"bad.svm\"")); /* a matrix may have it */
    }
    scratch_text("bad.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1.5\n");
    refuses("\"docs\": \"bad.mtx\"", "bad.mtx:3", "found \"1.5\"");
    scratch_text("bad.mtx", "%%MatrixMarket matrix array real general\n1 1\n1\n");
    refuses("\"docs\": \"bad.mtx\"", "/data/docs", "counts are read from sparse files");
    scratch_bytes("bad.npy", "\x93NUMPY", 6);
    refuses("\"docs\": \"bad.npy\"", "/data/docs", "counts are read from sparse files");
    scratch_text("bad.txt", "a\n\n");
    refuses("\"docs\": \"d.svm\", \"vocab\": \"bad.txt\"", "bad.txt:2", "the line is empty");
}

Test(host, what_was_accepted_of_counts_is_noted)
{
    static const char *const wanted[] = {
        "data.docs: documents are out of order in 1 places: sorted",
        "data.docs: 1 entries are of a document and word that were there before: summed",
        "data.docs: 2 of 4 documents are empty: kept",
    };
    scratch_text("docword.d.txt", "4\n2\n3\n3 1 1\n3 1 2\n2 2 1\n");
    struct rondo_job *job = load("\"docs\": \"docword.d.txt\", \"x\": \"docword.d.txt\"");
    const char *const *notes = host_notes(job);
    for (int i = 0; i < 3; i++)
        cr_assert(notes[i] && strcmp(notes[i], wanted[i]) == 0, "%s", notes[i] ? notes[i] : "nothing");
    cr_expect_null(notes[3], "of counts alone");
    cr_expect_eq(scratch_at(host.matrix(job, "docs"), 2, 0), 3);
    drop(job);
}

Test(host, a_fingerprint_is_of_the_words_too)
{
    struct rondo_job *with = load("\"docs\": \"d.svm\", \"vocab\": \"v.txt\"");
    uint64_t first = host_fingerprint(with);
    drop(with);
    with = load("\"docs\": \"d.svm\", \"vocab\": \"v.txt\"");
    cr_expect_eq(host_fingerprint(with), first);
    drop(with);
    scratch_text("v.txt", "one\ntwo\nfour\n");
    with = load("\"docs\": \"d.svm\", \"vocab\": \"v.txt\"");
    struct rondo_job *without = load("\"docs\": \"d.svm\"");
    cr_expect_neq(host_fingerprint(with), first);
    cr_expect_neq(host_fingerprint(without), first);
    cr_expect_neq(host_fingerprint(without), host_fingerprint(with));
    drop(with);
    drop(without);
}

Test(host, what_is_released_is_gone_and_leaves_its_fingerprint)
{
    static const char data[] = "\"docs\": \"d.svm\", \"vocab\": \"v.txt\", \"x\": \"d.svm\"";
    struct rondo_job *job = load(data);
    uint64_t whole = host_fingerprint(job);
    drop(job);
    job = load(data);
    int64_t live = mem_live();
    host.release(job, "docs");
    cr_expect_eq(mem_live(), live - 3, "three arrays");
    host.release(job, "docs");
    host.release(job, "vocab");
    host.release(job, "nothing");
    cr_expect_eq(mem_live(), live - 3);
    cr_expect_eq(host_fingerprint(job), whole);
    cr_expect_eq(scratch_at(host.matrix(job, "x"), 0, 0), 2);
    cr_expect_eq(host.words(job, "vocab")->count, 3);
    drop(job);
}

static void is_called(const struct rondo_words *words, int64_t at, const char *word)
{
    cr_assert(words->count > at);
    cr_expect_str_eq(words->word[at], word);
}

Test(host, ratings_come_with_who_they_are)
{
    scratch_text("r.txt", "ann tea 3\nbob tea 1\nann pie 5\n");
    scratch_text("t.txt", "cat pie 2\nbob jam 4\n");
    struct rondo_job *job = load("\"ratings\": \"r.txt\", \"test\": \"t.txt\"");
    const struct rondo_ids *ids = host.ids(job, "ratings"), *test = host.ids(job, "test");
    cr_assert(ids && test && ids != test);
    cr_expect(ids->user.count == 2 && ids->item.count == 2 && ids->known_users == 0 && ids->known_items == 0);
    is_called(&ids->user, 1, "bob");
    is_called(&ids->item, 1, "pie");
    cr_expect(test->user.count == 3 && test->item.count == 3 && test->known_users == 2 && test->known_items == 2);
    is_called(&test->user, 1, "bob");
    is_called(&test->user, 2, "cat");
    is_called(&test->item, 2, "jam");
    const struct rondo_matrix *r = host.matrix(job, "ratings"), *t = host.matrix(job, "test");
    cr_assert(r->sparse && r->rows == 2 && r->cols == 2 && t->rows == 3 && t->cols == 3);
    cr_expect(scratch_at(r, 0, 1) == 5 && scratch_at(t, 2, 1) == 2 && scratch_at(t, 1, 2) == 4);
    cr_expect_null(host.ids(job, "docs"));
    cr_expect_null(host.ids(job, "nothing"));
    uint64_t whole = host_fingerprint(job);
    host.release(job, "ratings");
    is_called(&host.ids(job, "ratings")->user, 0, "ann");
    cr_expect_eq(host_fingerprint(job), whole);
    drop(job);
    job = load("\"test\": \"t.txt\"");
    cr_expect(host.ids(job, "test")->known_users == 0 && !host.ids(job, "ratings"));
    drop(job);
}

Test(host, a_fingerprint_is_of_the_ids_too)
{
    static const char *const same[] = { "ann tea 3\nbob tea 1\n", "eve tea 3\nbob tea 1\n", "ann pie 3\nbob pie 1\n" };
    uint64_t found[3];
    for (int i = 0; i < 3; i++) {
        scratch_text("r.txt", same[i]);
        struct rondo_job *job = load("\"ratings\": \"r.txt\"");
        found[i] = host_fingerprint(job);
        drop(job);
    }
    cr_expect(found[0] != found[1] && found[0] != found[2] && found[1] != found[2]);
}

Test(host, what_was_accepted_of_ratings_is_noted)
{
    scratch_text("r.txt", "user item rating\nann tea 3\nann tea 1\n");
    struct rondo_job *job = load("\"ratings\": \"r.txt\"");
    const char *const *notes = host_notes(job);
    cr_assert(notes[0] && strncmp(notes[0], "data.ratings: ", 14) == 0, "%s", notes[0] ? notes[0] : "nothing");
    cr_assert(notes[1] && strstr(notes[1], "1 "), "%s", notes[1] ? notes[1] : "one note");
    cr_expect_null(notes[2]);
    drop(job);
}

static int open_start(struct rondo_job **job, struct rondo_error *err)
{
    static const char text[] = "{\"version\": 1, \"app\": \"empty\", \"data\": {},\n"
                               "\"params\": {\"start\": \".\"}}";
    int code = job_parse(text, strlen(text), "job.json", scratch_dir, NULL, 0, &apps, job, err);
    if (!code)
        code = host_load(*job, NULL, scratch_dir, err);
    if (code)
        job_free(*job);
    return code;
}

Test(host, a_directory_has_its_files)
{
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    cr_assert_eq(open_start(&job, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.where, "/params/start (job.json:2:21)");
    cr_expect(strstr(err.what, "users.txt: cannot read"), "%s", err.what);
    scratch_text("users.txt", "ann\nbob\n");
    err = (struct rondo_error){ 0 };
    cr_assert_eq(open_start(&job, &err), RONDO_OK, "%s: %s", err.where, err.what);
    cr_expect_eq(host.words(job, "params.start/users.txt")->count, 2);
    cr_expect_null(host.matrix(job, "params.start/b.npz/user"));
    cr_expect(host.given(job, "params.start") && !host.given(job, "params.start/b.npz/user"));
    drop(job);
    scratch_text("b.npz", "no archive, but there");
    cr_assert_eq(open_start(&job, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.where, "/params/start (job.json:2:21)");
    cr_expect(strstr(err.what, "b.npz/user: the .npz archive"), "%s", err.what);
}

static int trial(void *what RONDO_UNUSED)
{
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    int code = open_job("\"docs\": \"full.svm\", \"vocab\": \"v.txt\"", &job, &err);
    if (!code)
        drop(job);
    return code;
}

/* A remark for which there is no memory is not made: there is none here. */
Test(host, any_allocation_may_fail)
{
    scratch_text("full.svm", "1 1:2 3:1\n");
    cr_expect_gt(brutal_run(trial, NULL), 5);
}
