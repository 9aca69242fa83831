/* The routes: every status, and nothing beyond what is there to be asked for. */
#include "tests/unit/service/ask.h"

#include "core/base/file.h"
#include "tests/support/disk.h"

static void opened(void)
{
    ask_open("", NULL);
}

TestSuite(http, .init = opened, .fini = ask_close, .timeout = 600);

static void refused(int status, const char *code)
{
    char word[64];
    snprintf(word, sizeof word, "{\"error\": {\"code\": \"%s\", \"where\": ", code);
    cr_expect_eq(ask_status(), status, "%s", ask_reply);
    cr_expect(ask_says(word), "%s", ask_reply);
    cr_expect(ask_says("Content-Type: application/json\r\n"), "%s", ask_reply);
}

static int64_t submit(void)
{
    cr_assert_eq(ask("POST", "/v1/jobs", "", ask_spec("")), 201, "%s", ask_reply);
    return atoll(strstr(ask_reply, "{\"id\": \"") + 8);
}

static void run_and_end(int64_t id)
{
    struct jobs_row row;
    cr_assert_eq(jobs_take(ask_jobs, &row, NULL), 1);
    cr_assert_eq(row.id, id);
    jobs_row_fini(&row);
    cr_assert_eq(jobs_end(ask_jobs, id, JOBS_COMPLETED, "gap", NULL), 0);
}

Test(http, a_job_is_submitted_listed_shown_and_cancelled)
{
    cr_assert_eq(ask("POST", "/v1/jobs", "", ask_spec(", \"queue\": { \"priority\": 5 }")), 201);
    cr_expect(ask_says("Location: /v1/jobs/1\r\n") && ask_says("{\"id\": \"1\", "), "%s", ask_reply);
    cr_expect(ask_says("\"state\": \"queued\", \"priority\": 5"), "%s", ask_reply);
    cr_expect_eq(ask_submitted, 1);
    submit();
    cr_assert_eq(ask("GET", "/v1/jobs", "", NULL), 200);
    cr_expect(ask_says("{\"jobs\": [{\"id\": \"2\", \"name\": \"test\", "), "%s", ask_reply);
    cr_expect(ask_says("}], \"next\": null}\n") && !ask_says("\"spec\""), "%s", ask_reply);
    cr_assert_eq(ask("GET", "/v1/jobs?limit=1&state=queued", "", NULL), 200);
    cr_expect(ask_says("\"next\": \"2\""), "%s", ask_reply);
    cr_assert_eq(ask("GET", "/v1/jobs?before=2", "", NULL), 200);
    cr_expect(ask_says("{\"jobs\": [{\"id\": \"1\""), "%s", ask_reply);
    cr_assert_eq(ask("GET", "/v1/jobs/2", "", NULL), 200);
    cr_expect(ask_says("\"started\": null") && ask_says("\"spec\": {\"app\":\"lasso\""), "%s",
              ask_reply);
    cr_expect(ask_says(", \"workers\": 2}\n"), "%s", ask_reply);
    cr_assert_eq(ask("POST", "/v1/jobs/2/cancel", "", NULL), 200);
    cr_expect(ask_says("\"state\": \"cancelled\"") && ask_says("\"stop_reason\": \"cancelled\""));
    cr_expect_eq(ask_cancelled, 0);
    ask("POST", "/v1/jobs/2/cancel", "", "");
    refused(409, "already_ended");
    struct jobs_row row;
    cr_assert_eq(jobs_take(ask_jobs, &row, NULL), 1);
    jobs_row_fini(&row);
    cr_assert_eq(ask("POST", "/v1/jobs/1/cancel", "", NULL), 200);
    cr_expect(ask_says("\"state\": \"running\"") && ask_says("\"cancel_asked\": true"));
    cr_expect_eq(ask_cancelled, 1);
}

Test(http, what_is_no_spec_is_refused_with_its_place)
{
    ask("POST", "/v1/jobs", "", "{ nonsense");
    refused(400, "bad_json");
    ask("POST", "/v1/jobs", "", "");
    refused(400, "bad_json");
    ask("POST", "/v1/jobs", "", ask_spec(", \"params\": { \"lambda\": \"much\" }"));
    refused(400, "bad_spec");
    cr_expect(ask_says("\"where\": \"/params/lambda\""), "%s", ask_reply);
    ask("POST", "/v1/jobs", "", ask_spec(", \"queue\": { \"priority\": 101 }"));
    refused(400, "bad_spec");
    ask("POST", "/v1/jobs", "", "{\"version\":1,\"app\":\"lasso\",\"data\":{\"x\":\"data/x.svm\"}}");
    refused(400, "relative_path");
    cr_expect(ask_says("\"where\": \"/data/x\""), "%s", ask_reply);
    ask("POST", "/v1/jobs", "", "{\"version\":1,\"app\":\"lasso\",\"data\":{\"x\":\"/etc/passwd\"}}");
    refused(403, "outside_roots");
    cr_expect_eq(jobs_waiting(ask_jobs), 0);
}

Test(http, odd_requests_have_their_statuses)
{
    char target[1200];
    ask("GET", "/v1/jobs/99", "", NULL);
    refused(404, "not_found");
    ask("GET", "/v1/nothing", "", NULL);
    refused(404, "not_found");
    ask("GET", "/v2/jobs", "", NULL);
    refused(404, "other_version");
    ask("DELETE", "/v1/jobs", "", NULL);
    refused(405, "method_not_allowed");
    cr_expect(ask_says("Allow: POST, GET, HEAD\r\n"), "%s", ask_reply);
    ask("POST", "/v1/jobs", "", NULL);
    refused(411, "length_required");
    memset(target, 'a', sizeof target - 1);
    target[0] = '/', target[sizeof target - 1] = 0;
    ask("GET", target, "", NULL);
    refused(414, "uri_too_long");
    static const char *const queries[] = { "limit=0", "limit=1001", "limit=x", "limit=1&limit=2",
                                           "state=odd", "before=0", "more=1", "limit", "limit=%31",
                                           "before=99999999999999999999" };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        snprintf(target, sizeof target, "/v1/jobs?%s", queries[i]);
        ask("GET", target, "", NULL);
        refused(400, "bad_query");
    }
    cr_expect_eq(ask("HEAD", "/healthz", "", NULL), 200);
}

Test(http, the_service_says_how_it_is)
{
    cr_expect_eq(ask("GET", "/healthz", "", NULL), 200);
    cr_expect(ask_says("\r\n\r\n{\"status\": \"ok\"}\n"), "%s", ask_reply);
    cr_expect_eq(ask("GET", "/v1/workers", "", NULL), 200);
    cr_expect(ask_says("\r\n\r\n{\"workers\": [{\"name\": \"w1\"}]}\n"), "%s", ask_reply);
    cr_expect_eq(ask("GET", "/metrics", "", NULL), 200);
    cr_expect(ask_says("rondo_http_requests_total{code=\"200\"} 2\n"), "%s", ask_reply);
    cr_expect(ask_says("rondo_test 1\n"), "%s", ask_reply);
    cr_expect_eq(ask("GET", "/", "", NULL), 200);
    cr_expect(ask_says("</html>") && !ask_says("http://") && !ask_says("<style") && !ask_says(" style="));
}

static int ask_file(const char *name)
{
    char target[128];
    snprintf(target, sizeof target, "/v1/jobs/1/files/%s", name);
    return ask("GET", target, "", NULL);
}

Test(http, files_of_the_job_alone_are_given)
{
    int64_t id = submit();
    cr_assert_eq(id, 1);
    place_make("jobs/1");
    place_write("jobs/1/progress.jsonl", "{\"t\": 1}\n{\"t\": 2, \"gap\": 0.5}\n{\"t\":");
    place_write("jobs/1/trace.db", "trace");
    place_write("jobs/1/secret.txt", "secret");
    cr_assert_eq(symlink("/etc/passwd", place_path("jobs/1/result.json")), 0);
    cr_assert_eq(mkfifo(place_path("jobs/1/coef.mtx"), 0600), 0);
    cr_assert_eq(ask("GET", "/v1/jobs/1", "", NULL), 200);
    cr_expect(ask_says("\"progress\": {\"t\": 2, \"gap\": 0.5}, \"spec\""), "%s", ask_reply);
    static const char *const later[] = { "trace.db", "result.json", "coef.mtx", "path.json" };
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        ask_file(later[i]);
        refused(409, "not_ended");
    }
    ask_file("secret.txt");
    refused(404, "not_found");
    cr_expect_eq(ask_file("progress.jsonl"), 200);
    run_and_end(1);
    cr_expect_eq(ask("GET", "/v1/jobs/1/files/trace.db", "", NULL), 200);
    cr_expect(ask_says("\r\n\r\ntrace"), "%s", ask_reply);
    cr_assert_eq(ask("GET", "/v1/jobs/1", "", NULL), 200);
    cr_expect(ask_says("\"files\": [{\"name\": \"progress.jsonl\", \"size\": 35}, "
                       "{\"name\": \"trace.db\", \"size\": 5}]"), "%s", ask_reply);
    static const char *const names[] = { "secret.txt", "result.json", "coef.mtx", "path.json",
                                         "checkpoint.rondo", ".", "jobs.db" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ask_file(names[i]);
        refused(404, "not_found");
    }
}

Test(http, path_tricks_reach_nothing)
{
    submit();
    place_make("jobs/1");
    place_write("jobs/1/result.json", "{}");
    static const char *const tricks[] = {
        "/v1/jobs/1/files/../../2", "/v1/jobs/1/files/%2e%2e", "/v1/jobs/1/files/..%2fx",
        "/v1/jobs/1/files/result%2ejson", "/v1/jobs/1/files/result.jso%6e",
        "/v1/jobs/1/files/result.json%00", "/v1/jobs/1/files//result.json",
        "/v1/jobs//1", "//v1/jobs", "/v1/jobs/%31", "/v1/jobs/1/files/\\result.json",
        "/v1/jobs/1/files/", "/v1/jobs/1/files/result.json/", "/v1/jobs/01", "/v1/jobs/-1",
        "/v1/jobs/1.0", "/v1/jobs/0", "/v1/jobs/1/", "/v1/jobs/9999999999999999999",
        "/./v1/jobs", "http://localhost/v1/jobs", "v1/jobs", "*",
    };
    for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++) {
        int status = ask("GET", tricks[i], "", NULL);
        cr_expect(status == 400 || status == 404, "%s: %s", tricks[i], ask_reply);
    }
    cr_expect_eq(ask("GET", "/v1/jobs/1/files/result.json", "", NULL), 200);
}

Test(http, other_servers_pages_and_other_names_are_refused)
{
    static const char *const ours[] = { "localhost", "127.0.0.1:1", "127.3.2.1", "[::1]:7420",
                                        "LOCALHOST:80" };
    static const char *const foreign[] = { "evil.example", "localhost.evil.example", "127.0.0.1.x",
                                           "192.0.2.1", "[::2]", "", "localhost:80@evil", "[::1" };
    char headers[200];
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\nOrigin: http://%s\r\n", ours[i], ours[i]);
        cr_expect_eq(ask("GET", "/v1/jobs", headers, NULL), 200, "%s", headers);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\n", foreign[i]);
        ask("GET", "/v1/jobs", headers, NULL);
        refused(403, "foreign_host");
    }
    static const char *const origins[] = { "http://evil.example", "null", "https://localhost",
                                           "http://localhost:1", "http://localhost.evil" };
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        snprintf(headers, sizeof headers, "Host: localhost\r\nOrigin: %s\r\n", origins[i]);
        ask("POST", "/v1/jobs", headers, ask_spec(""));
        refused(403, "foreign_origin");
    }
    cr_expect_eq(jobs_waiting(ask_jobs), 0);
}

Test(http, a_body_that_is_too_large_is_refused_early_or_when_it_has_grown)
{
    static const char early[] = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                                "Content-Length: 1048577\r\n\r\n";
    ask_raw(early, sizeof early - 1);
    refused(413, "too_large");
    static char chunk[65536 + 20];
    int line = ask_dial();
    static const char head[] = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    cr_assert(ask_send(line, head, sizeof head - 1));
    int length = snprintf(chunk, sizeof chunk, "10000\r\n%065536d\r\n", 0);
    for (int i = 0; i < 20; i++)
        cr_assert(ask_send(line, chunk, (size_t)length));
    cr_assert(ask_send(line, "0\r\n\r\n", 5));
    ask_read(line, 60000);
    refused(413, "too_large");
    close(line);
    line = ask_dial();
    ask_send(line, head, sizeof head - 1);
    bool open = true;
    for (int i = 0; i < 2000 && open; i++)
        open = ask_send(line, chunk, (size_t)length);
    cr_expect(!open, "an endless body is cut off");
    close(line);
    char *large = mem_calloc(1048577, 1);
    cr_assert_not_null(large);
    memset(large, ' ', 1048576);
    ask("POST", "/v1/jobs", "", large);
    refused(400, "bad_json");
    mem_free(large);
}

Test(http, a_full_disk_is_said_and_goes_by)
{
    submit();
    disk_limit(1);
    ask("POST", "/v1/jobs", "", ask_spec(""));
    refused(507, "disk");
    cr_expect(ask_says("cannot keep the job: "), "%s", ask_reply);
    ask("POST", "/v1/jobs/1/cancel", "", NULL);
    refused(507, "disk");
    cr_expect_eq(ask("GET", "/v1/jobs/1", "", NULL), 200);
    disk_limit(RLIM_INFINITY);
    cr_expect_eq(submit(), 2);
}

Test(http, a_full_queue_has_its_status)
{
    static const struct exchange_limits few = { 2, 16, 10, 30, 4, 2, 15 };
    http_close(ask_http);
    struct http_options options = ask_options("127.0.0.1:0", "");
    cr_assert_eq(exchange_open(&options, &few, &ask_http, NULL), 0);
    submit();
    submit();
    ask("POST", "/v1/jobs", "", ask_spec(""));
    refused(503, "too_many_jobs");
    cr_expect(ask_says("Retry-After: 10\r\n"), "%s", ask_reply);
}

Test(http, every_refusal_is_documented)
{
    char *page, path[PATH_MAX], row[64];
    size_t size;
    const char *source = getenv("RONDO_SOURCE");
    if (!source)
        cr_skip("RONDO_SOURCE names no source tree");
    snprintf(path, sizeof path, "%s/docs/formats/http.md", source);
    cr_assert_eq(file_read(path, 1 << 20, &page, &size, NULL), 0);
    for (int i = FAULT_NONE + 1; i < FAULTS; i++) {
        enum fault fault = (enum fault)i;
        snprintf(row, sizeof row, "| %u | ", fault_status(fault));
        const char *line = strstr(page, row);
        snprintf(path, sizeof path, "`%s`", fault_code(fault));
        const char *code = line ? strstr(line, path) : NULL;
        cr_expect(code, "%s", fault_code(fault));
    }
    mem_free(page);
}

/* Every allocation of one request fails once: the connection may end without a reply, the service
 * goes on, and nothing is lost. */
static void survives(const char *method, const char *target, const char *body, int good,
                     uint64_t most)
{
    int failures = 0;
    for (uint64_t k = 1; k < most; k++) {
        mem_fail_at(k);
        int status = ask(method, target, "", body);
        mem_fail_at(0);
        cr_expect(status == -1 || status == 500 || status == good, "%d: %s", (int)k, ask_reply);
        failures += status != good;
        cr_assert_eq(ask("GET", "/healthz", "", NULL), 200);
    }
    cr_expect(failures >= 2 && failures < (int)most - 1, "%s %s: %d", method, target, failures);
}

Test(http, any_allocation_may_fail)
{
    submit();
    int64_t live = mem_live();
    survives("GET", "/v1/jobs", NULL, 200, 60);
    survives("GET", "/v1/jobs/1", NULL, 200, 60);
    survives("GET", "/v1/nothing", NULL, 404, 60);
    survives("GET", "/metrics", NULL, 200, 60);
    survives("GET", "/v1/jobs/1/digest", NULL, 404, 60);
    survives("POST", "/v1/jobs", ask_spec(""), 201, 400);
    for (int i = 0; i < 6000 && mem_live() > live; i++)
        poll(NULL, 0, 10); /* the last connection is being put away */
    cr_expect_leq(mem_live(), live);
}

Test(http, two_never_share_an_address)
{
    struct http *second;
    struct rondo_error err = { 0 };
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", ask_port());
    struct http_options options = ask_options(address, "");
    cr_expect_eq(http_open(&options, &second, &err), RONDO_EREFUSED);
    cr_expect_str_eq(err.where, address);
    cr_expect_str_eq(err.what, "cannot listen: Address already in use");
    static const char *const wrong[] = { "", "7420", "127.0.0.1", "127.0.0.1:", "::1:7420", "[::1]",
                                         "127.0.0.1:70000", "example.org:80", "[127.0.0.1]:1",
                                         "127.0.0.1:8x" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        options.address = wrong[i];
        cr_expect_eq(http_open(&options, &second, NULL), RONDO_EINPUT, "%s", wrong[i]);
    }
}

Test(http, it_listens_on_the_other_internet_too)
{
    struct http *six;
    struct rondo_error err = { 0 };
    struct http_options options = ask_options("[::1]:0", "");
    int code = http_open(&options, &six, &err);
    if (code == RONDO_EREFUSED)
        cr_skip("no IPv6 here");
    cr_assert_eq(code, 0, "%s", err.what);
    cr_expect(strncmp(http_url(six), "http://[::1]:", 13) == 0, "%s", http_url(six));
    http_close(six);
}

/* ---- with a token ------------------------------------------------------------------------------ */

static void opened_with_token(void)
{
    ask_open("s3cret", NULL);
}

TestSuite(token, .init = opened_with_token, .fini = ask_close, .timeout = 600);

Test(token, all_but_the_health_and_the_page_asks_for_it)
{
    static const char *const wrong[] = { "", "Authorization: Bearer wrong\r\n",
                                         "Authorization: Bearer s3cre\r\n",
                                         "Authorization: Bearer s3cret2\r\n",
                                         "Authorization: Basic s3cret\r\n",
                                         "Authorization: Bearer\r\n", "Authorization: s3cret\r\n" };
    static const char *const targets[] = { "/v1/jobs", "/v1/jobs/1", "/metrics", "/v1/workers",
                                           "/v1/events", "/v1/jobs/1/events", "/v1/jobs/1/digest",
                                           "/nothing", "/v1/jobs/%31", "/assets/", "/assets/%2e" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
            ask("GET", targets[k], wrong[i], NULL);
            refused(401, "unauthorized");
            cr_expect(ask_says("WWW-Authenticate: Bearer realm=\"rondo\"\r\n"), "%s", ask_reply);
        }
    cr_expect_eq(ask("GET", "/healthz", "", NULL), 200);
    ask("POST", "/v1/jobs", "", ask_spec(""));
    refused(401, "unauthorized");
    cr_expect_eq(ask("GET", "/v1/jobs", "Authorization: Bearer s3cret\r\n", NULL), 200);
    const char *headers = "Host: far.example\r\nOrigin: http://x\r\nAuthorization: bearer s3cret\r\n";
    cr_expect_eq(ask("POST", "/v1/jobs", headers, ask_spec("")), 201, "%s", ask_reply);
}
