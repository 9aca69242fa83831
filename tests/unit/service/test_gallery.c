/* Digests by job: what is counted of them, what is kept. */
#include "tests/unit/service/place.h"

#include "core/base/clock.h"
#include "core/trace/database.h"
#include "service/archive.h"
#include "service/gallery.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static struct gallery *gallery;
static _Atomic int times_made;

static void made(void *context, int64_t id)
{
    (void)context, (void)id;
    atomic_fetch_add(&times_made, 1);
}

static void opened(void)
{
    place_setup();
    place_make("jobs");
    const struct gallery_options options = { place_dir, made, NULL };
    cr_assert_eq(gallery_create(&options, &gallery, NULL), 0);
}

static void closed(void)
{
    gallery_destroy(gallery);
    place_teardown();
}

TestSuite(gallery, .init = opened, .fini = closed, .timeout = 600);

static void feed(struct digest *digest, int64_t round)
{
    const struct trace_round one = { .round = round, .kind = "sampled", .note = "", .updates = 10,
                                     .objective = 1, .end_ns = round * 1000000000 };
    digest_round(digest, &one);
}

static bool has(int64_t id)
{
    struct sheet *sheet;
    enum gallery_answer answer = gallery_take(gallery, id, "lasso", true, 1, &sheet);
    cr_expect_eq(sheet != NULL, answer == GALLERY_THERE);
    sheet_drop(sheet);
    return answer == GALLERY_THERE;
}

Test(gallery, totals_never_fall)
{
    struct digest *digest = gallery_begin(gallery, 1);
    for (int round = 1; round <= 8; round++)
        feed(digest, round);
    cr_expect_eq(gallery_totals(gallery).updates, 80);
    feed(digest, 5); /* rolled back */
    cr_expect_eq(gallery_totals(gallery).updates, 80);
    cr_expect_eq(gallery_totals(gallery).rounds, 8);
    struct digest *second = gallery_begin(gallery, 2);
    feed(second, 1);
    cr_expect_eq(gallery_totals(gallery).updates, 90);
    feed(second, 5);
    cr_expect_eq(gallery_totals(gallery).dropped, 3);
    gallery_end(gallery, 1, true);
    cr_expect_eq(gallery_totals(gallery).updates, 100);
    gallery_end(gallery, 2, false);
    gallery_end(gallery, 2, false);
    cr_expect_eq(gallery_totals(gallery).updates, 100);
    cr_expect_eq(gallery_totals(gallery).dropped, 3);
    cr_expect_float_eq(gallery_totals(gallery).seconds, 13, 1e-9);
}

Test(gallery, one_text_a_second_is_made_for_all_who_look)
{
    struct sheet *first, *second, *third;
    struct digest *digest = gallery_begin(gallery, 1);
    feed(digest, 1);
    cr_expect_eq(gallery_take(gallery, 1, "lasso", false, 1, &first), GALLERY_THERE);
    feed(digest, 2);
    cr_expect_eq(gallery_take(gallery, 1, "lasso", false, 1, &second), GALLERY_THERE);
    cr_expect_eq(gallery_take(gallery, 1, "lasso", false, 2, &third), GALLERY_THERE);
    cr_expect(first == second && third != first && third->mark != first->mark);
    gallery_end(gallery, 1, true);
    sheet_drop(first);
    sheet_drop(second);
    cr_expect(strncmp((const char *)third->text.data, "event: digest\ndata: {", 21) == 0);
    cr_expect_eq(third->text.data[third->begin], '{');
    cr_expect_eq(third->text.data[third->end - 1], '}');
    sheet_drop(third);
}

Test(gallery, what_was_looked_at_last_is_kept)
{
    for (int64_t id = 1; id <= GALLERY_KEPT; id++) {
        feed(gallery_begin(gallery, id), 1);
        gallery_end(gallery, id, true);
    }
    cr_expect(has(1));
    feed(gallery_begin(gallery, 100), 1);
    gallery_end(gallery, 100, true);
    cr_expect(has(100) && has(1) && !has(2) && has(3));
    gallery_begin(gallery, 101);
    gallery_end(gallery, 101, false);
    cr_expect(!has(101), "of a job that was resumed the trace knows more");
}

Test(gallery, a_job_without_rounds_left_nothing)
{
    gallery_begin(gallery, 1);
    gallery_end(gallery, 1, true);
    cr_expect(!has(1));
}

Test(gallery, seconds_are_counted_from_where_a_job_was_resumed)
{
    const struct trace_round one = { .round = 51, .kind = "sampled", .note = "", .updates = 10, .objective = 1,
                                     .begin_ns = INT64_C(50000000000), .end_ns = INT64_C(51500000000) };
    digest_round(gallery_begin(gallery, 1), &one);
    struct digest_glance glance = { 0 };
    cr_expect(gallery_glance(gallery, 1, &glance));
    cr_expect_float_eq(glance.seconds, 51.5, 1e-9);
    cr_expect_float_eq(gallery_totals(gallery).seconds, 1.5, 1e-9);
}

static void *look(void *context)
{
    int64_t id = *(int64_t *)context;
    for (int i = 0; i < 300; i++) {
        struct sheet *sheet;
        (void)gallery_take(gallery, id, "lasso", i % 2, i / 4, &sheet);
        sheet_drop(sheet);
        (void)gallery_totals(gallery);
    }
    return NULL;
}

Test(gallery, jobs_come_and_go_while_others_look)
{
    pthread_t thread[3];
    int64_t id[3] = { 1, 2, 3 };
    place_make("jobs/2");
    place_write("jobs/2/progress.jsonl", "{\"t\": 1, \"round\": 1, \"updates\": 1, \"objective\": 1}\n");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, look, &id[i]), 0);
    for (int64_t i = 0; i < 100; i++) {
        struct digest *digest = gallery_begin(gallery, 1 + i % 3);
        feed(digest, 1);
        gallery_end(gallery, 1 + i % 3, i % 2);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    cr_expect_eq(gallery_totals(gallery).updates, 1000);
}

static enum gallery_answer take_ended(int64_t id)
{
    struct sheet *sheet;
    enum gallery_answer answer = gallery_take(gallery, id, "lasso", true, 1, &sheet);
    sheet_drop(sheet);
    return answer;
}

/* What is said once it has been made, the first of all. */
static enum gallery_answer take_made(int64_t id)
{
    const struct timespec pause = { 0, 10000000 };
    cr_expect_eq(take_ended(id), GALLERY_LATER);
    for (int i = 0; i < 12000 && atomic_load(&times_made) < 1; i++)
        nanosleep(&pause, NULL);
    cr_assert_geq(atomic_load(&times_made), 1);
    return take_ended(id);
}

Test(gallery, what_cannot_be_made_is_not_tried_for_ever)
{
    place_make("jobs/1");
    place_write("jobs/1/trace.db", "no database");
    cr_expect_eq(take_made(1), GALLERY_NONE);
    cr_expect_eq(take_ended(1), GALLERY_NONE);
    cr_expect_eq(atomic_load(&times_made), 1);
}

static void make_trace(const char *name, const char *more)
{
    sqlite3 *db;
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", place_dir, name);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, database_schema, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_exec(db, more, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

Test(gallery, a_trace_without_end_holds_up_no_shutdown)
{
    place_make("jobs/1");
    make_trace("jobs/1/trace.db",
               "CREATE TABLE old AS SELECT * FROM details; DROP TABLE details; CREATE VIEW details AS WITH RECURSIVE"
               " n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT old.* FROM n LEFT JOIN old");
    cr_expect_eq(take_ended(1), GALLERY_LATER);
    const struct timespec pause = { 0, 200000000 };
    nanosleep(&pause, NULL);
    cr_expect_eq(atomic_load(&times_made), 0);
    int64_t begin = clock_now_ns();
    gallery_stop(gallery);
    cr_expect_lt(clock_now_ns() - begin, (ARCHIVE_MOST_SECONDS - 5) * INT64_C(1000000000)); /* when it ends of its own */
}

/* The sanitizers see an overflow. */
Test(gallery, a_round_may_say_that_it_is_the_last_there_can_be)
{
    place_make("jobs/1");
    make_trace("jobs/1/trace.db",
               "INSERT INTO rounds (round, kind) VALUES (1, 'sampled'), (9223372036854775807, 'plan')");
    cr_expect_eq(take_made(1), GALLERY_THERE);
}

Test(gallery, a_trace_elsewhere_is_not_followed)
{
    char path[4200];
    place_make("jobs/1");
    place_make("jobs/2");
    make_trace("trace.db", "");
    snprintf(path, sizeof path, "%s/jobs/1/trace.db", place_dir);
    cr_assert_eq(symlink("../../trace.db", path), 0);
    cr_expect_eq(take_ended(1), GALLERY_NONE);
    make_trace("jobs/2/trace.db", "");
    cr_expect_eq(take_made(2), GALLERY_THERE);
}
