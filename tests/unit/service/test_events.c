/* What goes on, as events, and digests of jobs: running, ended, traced or not. */
#define _GNU_SOURCE /* memmem */
#include "core/base/clock.h"
#include "tests/unit/service/ask.h"

#include "core/trace/trace.h"

#include <math.h>
#include <time.h>

enum { SLOW = 12 };

static const struct exchange_limits quick = { 4, 64, 2, 3, 40, 1000, 2 };

static void opened(void)
{
    ask_open("", &quick);
}

TestSuite(events, .init = opened, .fini = ask_close, .timeout = 600);

static int64_t submit(const char *name)
{
    int64_t id;
    char folder[64];
    cr_assert_eq(jobs_submit(ask_jobs, name, "lasso", 0, "{}", &id, NULL), 0);
    snprintf(folder, sizeof folder, "jobs/%lld", (long long)id);
    place_make(folder);
    return id;
}

static struct digest *begin(void)
{
    struct jobs_row row;
    cr_assert_eq(jobs_take(ask_jobs, &row, NULL), 1);
    struct digest *digest = gallery_begin(ask_gallery, row.id);
    cr_assert_not_null(digest);
    digest_job(digest, row.app, TRACE_ALL, 100);
    jobs_row_fini(&row);
    return digest;
}

static void end(int64_t id)
{
    gallery_end(ask_gallery, id, true);
    cr_assert_eq(jobs_end(ask_jobs, id, JOBS_COMPLETED, "gap", NULL), 0);
    http_changed(ask_http, id);
}

static void feed(struct digest *digest, int64_t round)
{
    const struct trace_round one = { .round = round, .kind = "sampled", .note = "", .updates = 10, .taken = 10,
                                     .wanted = 10, .objective = 1.0 / (double)round,
                                     .begin_ns = round * 1000, .end_ns = round * 1000 + 900 };
    digest_round(digest, &one);
}

static int follow(const char *target)
{
    char request[200];
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    int line = ask_dial();
    cr_assert(ask_send(line, request, (size_t)size));
    return line;
}

static int times(const char *words)
{
    int count = 0;
    for (const char *at = ask_reply; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

/* ---- all jobs ------------------------------------------------------------------------------------ */

Test(events, who_follows_all_jobs_hears_of_those_that_run_and_those_that_change)
{
    submit("first");
    ask_reply[0] = 0;
    int line = follow("/v1/events");
    cr_expect(ask_hears(line, "event: workers\ndata: {\"workers\": [{\"name\": \"w1\"}]}\n\n", 60), "%s", ask_reply);
    cr_expect(ask_says("Content-Type: text/event-stream\r\n"), "%s", ask_reply);
    cr_expect(ask_says("event: jobs\ndata: {\"counts\":{\"queued\":1,\"running\":0,\"completed\":0,"
                       "\"failed\":0,\"cancelled\":0},\"total\":1,\"jobs\":[],\"more\":false}\n\n"), "%s", ask_reply);
    feed(begin(), 7);
    submit("second");
    cr_expect(ask_hears(line, "\"name\":\"second\"", 60), "%s", ask_reply);
    cr_expect(ask_says("\"queued\":1,\"running\":1"), "%s", ask_reply);
    cr_expect(ask_says("\"state\":\"running\"") && ask_says("\"glance\":{\"seconds\":7.9e-06,\"rounds\":7,"
                       "\"updates\":10,\"objective\":0.14285714285714285,"), "%s", ask_reply);
    end(1);
    cr_expect(ask_hears(line, "\"stop_reason\":\"gap\"", 60), "%s", ask_reply);
    cr_expect(ask_hears(line, ": nothing new\n\n", 60), "%s", ask_reply);
    cr_expect_eq(times("event: workers"), 1);
    cr_expect_leq(times("event: jobs"), 4);
    close(line);
}

static bool says(const struct sheet *sheet, const char *words)
{
    return sheet && memmem(sheet->text.data, sheet->text.size, words, strlen(words));
}

/* Without a line: how many fall into a second is the disk's affair. */
Test(events, more_changes_than_are_told_are_said_to_be_more)
{
    int64_t id, since = -1, second = 1;
    sheet_drop(board_jobs(ask_http, second++, &since));
    for (int i = 1; i <= BOARD_CHANGED + 1; i++) {
        cr_assert_eq(jobs_submit(ask_jobs, "many", "lasso", 0, "{}", &id, NULL), 0);
        if (i < BOARD_CHANGED)
            continue;
        int64_t from = since;
        struct sheet *sheet = board_jobs(ask_http, second++, &from);
        cr_expect(says(sheet, i == BOARD_CHANGED ? "\"queued\":200," : "\"queued\":201,"));
        cr_expect(says(sheet, i == BOARD_CHANGED ? "\"more\":false" : "\"more\":true"));
        sheet_drop(sheet);
    }
}

/* ---- one job ------------------------------------------------------------------------------------- */

static bool gets_hungry(struct digest *digest)
{
    bool hungry = false;
    for (int i = 0; i < 6000 && !(hungry = digest_hungry(digest)); i++)
        poll(NULL, 0, 10);
    return hungry;
}

Test(events, who_follows_a_job_hears_of_it_to_its_end)
{
    submit("followed");
    ask_reply[0] = 0;
    int line = follow("/v1/jobs/1/events");
    cr_expect(ask_hears(line, "event: job\ndata: {\"id\":\"1\",\"name\":\"followed\"", 60), "%s", ask_reply);
    cr_expect(!ask_says("event: digest"), "%s", ask_reply);
    struct digest *digest = begin();
    place_write("jobs/1/progress.jsonl", "{\"t\": 1, \"round\": 1}\n");
    feed(digest, 1);
    http_changed(ask_http, 1);
    cr_expect(ask_hears(line, "event: digest\ndata: {\"version\":1,\"app\":\"lasso\",\"level\":\"all\"", 60), "%s", ask_reply);
    cr_expect(ask_hears(line, "\"progress\":{\"t\": 1, \"round\": 1}", 60), "%s", ask_reply);
    cr_expect(gets_hungry(digest), "details are wanted while somebody looks");
    int before = times("event: digest");
    int64_t begin_ns = clock_now_ns();
    for (int i = 2; i < 500; i++) { /* for a second, with more wakes than are events */
        feed(digest, i);
        http_changed(ask_http, 1);
        poll(NULL, 0, 2);
    }
    feed(digest, 500);
    end(1);
    cr_expect(ask_hears(line, "event: end\ndata: {}\n\n\r\n0\r\n\r\n", 60), "%s", ask_reply);
    int64_t seconds = (clock_now_ns() - begin_ns) / 1000000000; /* in each, one */
    cr_expect_leq(times("event: digest"), before + 2 + seconds);
    const char *last = strstr(ask_reply, "event: end");
    cr_assert_not_null(last);
    cr_expect(ask_says("\"rounds\":500,\"updates\":5000"), "the last digest has all");
    cr_expect(ask_says("\"stop_reason\":\"gap\""));
    close(line);
}

/* A job has thousands of them; each would take a processor from it for a moment. */
Test(events, a_line_of_progress_wakes_nobody)
{
    submit("followed");
    ask_reply[0] = 0;
    int line = follow("/v1/jobs/1/events");
    cr_assert(ask_hears(line, "event: job", 60), "%s", ask_reply);
    int64_t before = ask_news();
    for (int i = 0; i < 100; i++)
        http_progress(ask_http, 1);
    cr_expect_eq(ask_news(), before);
    http_changed(ask_http, 1);
    cr_expect_eq(ask_news(), before + 1);
    close(line);
}

Test(events, of_a_job_that_ended_all_comes_at_once)
{
    submit("ended");
    feed(begin(), 1);
    end(1);
    cr_expect_eq(ask("GET", "/v1/jobs/1/events", "", NULL), 200);
    cr_expect(ask_says("event: job\n") && ask_says("event: digest\n") && ask_says("event: end\n"), "%s", ask_reply);
}

static int64_t blocks_of_slow_ones(struct digest *digest, int64_t from)
{
    for (int64_t round = from; round < from + 1500; round++) {
        feed(digest, round);
        poll(NULL, 0, 1);
    }
    return mem_live();
}

Test(events, who_reads_slowly_costs_no_more_as_time_goes_by)
{
    int line[SLOW], small = 2048;
    submit("followed");
    struct digest *digest = begin();
    for (int64_t round = 1; round < 2000; round++)
        feed(digest, round);
    for (int i = 0; i < SLOW; i++) {
        line[i] = follow("/v1/jobs/1/events");
        setsockopt(line[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    for (int i = 0; i < SLOW; i++) { /* all are being answered */
        struct pollfd one = { .fd = line[i], .events = POLLIN };
        cr_expect_eq(poll(&one, 1, 60000), 1);
    }
    int64_t before = blocks_of_slow_ones(digest, 2000), after = blocks_of_slow_ones(digest, 4000);
    cr_expect_leq(after, before + SLOW, "%lld, then %lld", (long long)before, (long long)after);
    for (int i = 0; i < SLOW; i++)
        close(line[i]);
    end(1);
}

/* ---- digests ------------------------------------------------------------------------------------- */

static void refused_no_trace(int64_t id)
{
    char target[64];
    snprintf(target, sizeof target, "/v1/jobs/%lld/digest", (long long)id);
    cr_expect_eq(ask("GET", target, "", NULL), 404, "%s", ask_reply);
    cr_expect(ask_says("\"code\": \"no_trace\""), "%s", ask_reply);
}

/* As a coordinator before has left it. */
static int64_t ended_before(void)
{
    int64_t id = submit("old");
    struct jobs_row row;
    cr_assert_eq(jobs_take(ask_jobs, &row, NULL), 1);
    jobs_row_fini(&row);
    cr_assert_eq(jobs_end(ask_jobs, id, JOBS_COMPLETED, "gap", NULL), 0);
    return id;
}

Test(events, a_digest_is_had_while_the_job_runs_and_when_it_has_ended)
{
    submit("job");
    refused_no_trace(1);
    struct digest *digest = begin();
    feed(digest, 3);
    cr_expect(!digest_hungry(digest), "nobody looks yet");
    cr_expect_eq(ask("GET", "/v1/jobs/1/digest", "", NULL), 200);
    cr_expect(ask_says("Content-Type: application/json\r\n") && ask_says("\"rounds\":3,"), "%s", ask_reply);
    end(1);
    cr_expect_eq(ask("GET", "/v1/jobs/1/digest", "", NULL), 200);
    cr_expect(ask_says("\"rounds\":3,"), "%s", ask_reply);
    refused_no_trace(ended_before());
    place_write("jobs/2/progress.jsonl", "");
    refused_no_trace(2);
    cr_expect_eq(ask("GET", "/v1/jobs/9/digest", "", NULL), 404);
    cr_expect_eq(ask("GET", "/v1/jobs/1/digest?x=1", "", NULL), 400);
    cr_expect_eq(ask("HEAD", "/v1/jobs/1/digest", "", NULL), 200);
}

static void trace(const char *folder, int rounds)
{
    struct trace_writer *writer;
    struct rondo_error err = { 0 };
    const char *const keys[] = { "objective", "gap" };
    const double values[] = { 0.5, 0.25 };
    const char *const meta[] = { "variables", "300", NULL };
    cr_assert_eq(trace_create(place_path(folder), TRACE_ROUNDS, -1, meta, &writer, &err), 0, "%s", err.what);
    for (int64_t round = 1; round <= rounds; round++) {
        const struct trace_round one = { .round = round, .kind = "sampled", .note = "", .updates = 10,
                                         .objective = 0.5, .end_ns = round * 1000000 };
        cr_assert_eq(trace_write(writer, &one, &err), 0);
    }
    const struct trace_report report = { rounds, rounds * 1000000, 2, keys, values };
    cr_assert_eq(trace_report(writer, &report, &err), 0);
    cr_assert_eq(trace_close(writer, &err), 0);
}

Test(events, a_digest_is_made_of_what_an_ended_job_left)
{
    ended_before();
    trace("jobs/1", 20);
    cr_expect_eq(ask("GET", "/v1/jobs/1/digest", "", NULL), 200);
    cr_expect(ask_says("\"app\":\"lasso\",\"level\":\"rounds\",\"variables\":300,") && ask_says("\"rounds\":20,\"updates\":200")
              && ask_says("\"keys\":[\"seconds\",\"round\",\"updates\",\"objective\",\"gap\"]"), "%s", ask_reply);
    cr_expect_eq(truncate(place_path("jobs/1/trace.db"), 3000), 0);
    cr_expect_eq(ask("GET", "/v1/jobs/1/digest", "", NULL), 200, "it is kept");
    cr_expect(ask_says("\"rounds\":20,"), "%s", ask_reply);
    cr_expect_eq(ask("GET", "/v1/jobs/1/events", "", NULL), 200);
    cr_expect(ask_says("event: digest\n") && ask_says("event: end\n"), "%s", ask_reply);
}

Test(events, without_a_trace_lines_of_progress_are_what_there_is)
{
    ended_before();
    place_write("jobs/1/trace.db", "no database");
    FILE *stream = fopen(place_path("jobs/1/progress.jsonl"), "we");
    cr_assert_not_null(stream);
    for (int i = 1; i <= 5000; i++)
        fprintf(stream, "{\"t\": %d.5, \"round\": %d, \"updates\": %d, \"objective\": 0.25%s}\n", i, i, 10 * i,
                i % 2 ? "" : ", \"gap\": 0.125");
    fputs("{\"t\": 1", stream);
    fclose(stream);
    cr_expect_eq(ask("GET", "/v1/jobs/1/digest", "", NULL), 200);
    cr_expect(ask_says("\"level\":\"off\",\"variables\":null,\"rounds\":5000,\"updates\":50000,\"seconds\":5000.5,"
                       "\"objective\":0.25,\"dropped\":0,\"convergence\":{\"keys\":[\"seconds\",\"round\","
                       "\"updates\",\"objective\",\"gap\"],\"rows\":[[1.5,1,10,0.25,null],"), "%s", ask_reply);
    cr_expect(ask_says("],[5000.5,5000,50000,0.25,0.125]]},\"series\":{\"keys\":[],\"rows\":[]},\"shares\":null,"), "%s", ask_reply);
    cr_expect_leq(times("],["), DIGEST_POINTS);
    cr_expect_geq(times("],["), DIGEST_POINTS / 4);
}

Test(events, links_in_a_jobs_folder_lead_nowhere)
{
    ended_before();
    place_make("elsewhere");
    trace("elsewhere", 5);
    place_write("elsewhere/progress.jsonl", "{\"t\": 1, \"round\": 1}\n");
    cr_assert_eq(symlink(place_path("elsewhere/trace.db"), place_path("jobs/1/trace.db")), 0);
    cr_assert_eq(symlink(place_path("elsewhere/progress.jsonl"), place_path("jobs/1/progress.jsonl")), 0);
    refused_no_trace(1);
    place_remove(place_path("jobs/1"));
    cr_assert_eq(symlink(place_path("elsewhere"), place_path("jobs/1")), 0);
    refused_no_trace(1);
    cr_expect_eq(ask("GET", "/v1/jobs/1/events", "", NULL), 200);
    cr_expect(ask_says("event: end\n") && !ask_says("event: digest\n") && ask_says("\"progress\":null"), "%s", ask_reply);
}

Test(events, a_service_that_ends_breaks_the_streams_off)
{
    submit("job");
    ask_reply[0] = 0;
    int line = follow("/v1/jobs/1/events"), all = follow("/v1/events");
    cr_expect(ask_hears(line, "event: job\n", 60));
    gallery_stop(ask_gallery);
    http_close(ask_http);
    ask_http = NULL;
    cr_expect(ask_read(line, 60000) && !ask_says("event: end") && !ask_says("\r\n0\r\n"), "%s", ask_reply);
    cr_expect(ask_read(all, 60000));
    close(line);
    close(all);
}

Test(events, what_becomes_of_other_jobs_is_no_news_of_this_one)
{
    const struct timespec pause = { 0, 50000000 };
    int64_t id = submit("one");
    struct digest *digest = begin();
    ask_reply[0] = 0;
    int line = follow("/v1/jobs/1/events");
    cr_assert(ask_hears(line, "event: digest", 60));
    int64_t begin_ns = clock_now_ns();
    for (int round = 1; round <= 20; round++) { /* for a second */
        feed(digest, round);
        submit("another");
        http_changed(ask_http, id);
        nanosleep(&pause, NULL);
    }
    ask_hears(line, "nothing like it", 1);
    int64_t seconds = (clock_now_ns() - begin_ns) / 1000000000; /* in each, it may have been told how far its own job is */
    cr_expect_leq(times("event: job\n"), 2 + seconds, "%s", ask_reply);
    end(id);
    cr_expect(ask_hears(line, "event: end", 60));
    close(line);
}
