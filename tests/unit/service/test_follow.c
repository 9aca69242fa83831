/* Those who follow, those who are slow, and those who come by TLS. */
#include "tests/unit/service/ask.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

enum { FOLLOWERS = 50 };

static const struct exchange_limits quick = { 4, 128, 2, 3, FOLLOWERS, 1000, 15 };

static void opened(void)
{
    ask_open("", &quick);
    int64_t id;
    cr_assert_eq(jobs_submit(ask_jobs, "followed", "lasso", 0, "{}", &id, NULL), 0);
    cr_assert_eq(id, 1);
    place_make("jobs/1");
}

TestSuite(follow, .init = opened, .fini = ask_close, .timeout = 600);

static void append(const char *text)
{
    FILE *stream = fopen(place_path("jobs/1/progress.jsonl"), "ae");
    cr_assert_not_null(stream);
    cr_assert(fputs(text, stream) >= 0);
    cr_assert_eq(fclose(stream), 0);
    http_progress(ask_http, 1);
}

static int follow(void)
{
    static const char request[] = "GET /v1/jobs/1/progress?follow=1 HTTP/1.1\r\n"
                                  "Host: localhost\r\nConnection: close\r\n\r\n";
    int line = ask_dial();
    cr_assert(ask_send(line, request, sizeof request - 1));
    return line;
}

static void end_job(void)
{
    struct jobs_row row;
    cr_assert_eq(jobs_take(ask_jobs, &row, NULL), 1);
    jobs_row_fini(&row);
    cr_assert_eq(jobs_end(ask_jobs, 1, JOBS_COMPLETED, "gap", NULL), 0);
    http_changed(ask_http, 1);
}

static int followers(void)
{
    pthread_mutex_lock(&ask_http->trails.mutex);
    int count = ask_http->trails.count;
    pthread_mutex_unlock(&ask_http->trails.mutex);
    return count;
}

static void await_followers(int count)
{
    const struct timespec pause = { 0, 20000000 };
    for (int i = 0; i < 6000 && followers() != count; i++)
        nanosleep(&pause, NULL);
    cr_assert_eq(followers(), count);
}

Test(follow, fifty_follow_one_job_to_its_end_with_four_threads)
{
    int line[FOLLOWERS];
    append("{\"round\": 1}\n{\"rou");
    for (int i = 0; i < FOLLOWERS; i++)
        line[i] = follow();
    await_followers(FOLLOWERS);
    cr_expect_eq(ask("GET", "/v1/jobs/1/progress?follow=1", "", NULL), 503, "%s", ask_reply);
    cr_expect(ask_says("too_many_followers"));
    cr_expect_eq(ask("GET", "/healthz", "", NULL), 200);
    append("nd\": 2}\n");
    const struct timespec pause = { 4, 0 }; /* longer than a connection on which nothing moves has */
    nanosleep(&pause, NULL);
    for (int i = 3; i < 100; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"round\": %d}\n", i);
        append(text);
    }
    end_job();
    for (int i = 0; i < FOLLOWERS; i++) {
        cr_expect(ask_read(line[i], 60000));
        cr_expect(ask_status() == 200 && ask_says("{\"round\": 1}\n") &&
                  ask_says("{\"round\": 2}\n") && ask_says("{\"round\": 99}\n") &&
                  ask_says("\r\n0\r\n\r\n"), "%s", ask_reply);
        close(line[i]);
    }
    await_followers(0);
}

Test(follow, each_line_is_news)
{
    append("{\"round\": 1}\n");
    int line = follow();
    ask_reply[0] = 0;
    cr_assert(ask_hears(line, "{\"round\": 1}\n", 60), "%s", ask_reply);
    int64_t before = ask_news();
    for (int i = 0; i < 100; i++)
        http_progress(ask_http, 1);
    cr_expect_eq(ask_news(), before + 100);
    close(line);
}

Test(follow, progress_is_given_as_it_is_and_from_a_byte_on)
{
    cr_expect_eq(ask("GET", "/v1/jobs/1/progress", "", NULL), 200);
    cr_expect(ask_says("Content-Length: 0\r\n"), "%s", ask_reply);
    append("{\"round\": 1}\n{\"round\": 2}\n");
    cr_expect_eq(ask("GET", "/v1/jobs/1/progress?from=13", "", NULL), 200);
    cr_expect(ask_says("\r\n\r\n{\"round\": 2}\n") && !ask_says("\"round\": 1"), "%s", ask_reply);
    cr_expect_eq(ask("GET", "/v1/jobs/1/progress?from=1000", "", NULL), 200);
    cr_expect(ask_says("Content-Length: 0\r\n"), "%s", ask_reply);
    cr_expect_eq(ask("GET", "/v1/jobs/2/progress?follow=1", "", NULL), 404);
    end_job();
    cr_expect_eq(ask("GET", "/v1/jobs/1/progress?follow=1&from=13", "", NULL), 200);
    cr_expect(ask_says("{\"round\": 2}\n") && !ask_says("\"round\": 1"), "%s", ask_reply);
}

Test(follow, who_does_not_listen_any_more_is_forgotten)
{
    for (int i = 0; i < 5; i++)
        close(follow());
    int line = follow();
    await_followers(1);
    close(line);
    await_followers(0);
    cr_expect_eq(ask_http->malformed, 0, "there is nothing wrong with going");
}

static _Atomic bool writing;

static void *write_lines(void *context)
{
    (void)context;
    while (writing) {
        append("{\"round\": 1}\n");
        poll(NULL, 0, 1);
    }
    return NULL;
}

Test(follow, they_come_and_go_while_lines_come_and_the_service_ends_among_them)
{
    pthread_t writer;
    int line[FOLLOWERS] = { 0 };
    char some[1000];
    writing = true;
    cr_assert_eq(pthread_create(&writer, NULL, write_lines, NULL), 0);
    for (int turn = 0; turn < 400; turn++) {
        int *one = &line[turn * 7 % 40];
        if (*one > 0 && turn % 3 == 0)
            cr_expect(recv(*one, some, sizeof some, MSG_DONTWAIT) != 0);
        if (*one > 0)
            close(*one);
        *one = follow();
    }
    cr_expect_eq(ask("GET", "/healthz", "", NULL), 200);
    writing = false;
    pthread_join(writer, NULL);
    http_close(ask_http);
    ask_http = NULL;
    for (int i = 0; i < FOLLOWERS; i++)
        if (line[i] > 0)
            close(line[i]);
}

Test(follow, a_service_that_ends_breaks_the_replies_off)
{
    append("{\"round\": 1}\n");
    int line = follow();
    ask_reply[0] = 0;
    cr_expect(ask_hears(line, "{\"round\": 1}\n", 60), "%s", ask_reply);
    http_close(ask_http);
    ask_http = NULL;
    cr_expect(ask_read(line, 60000) && !ask_says("\r\n0\r\n"), "%s", ask_reply);
    close(line);
}

/* ---- slow ones -------------------------------------------------------------------------------- */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Seconds until he is closed who sends part of a request, and then a byte now and then, or none. */
static double closed_after(bool bytes)
{
    const struct timespec pause = { 0, 500000000 };
    int line = ask_dial();
    double begin = now_s();
    bool open = ask_send(line, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", 43);
    while (bytes && open && now_s() - begin < 60) {
        nanosleep(&pause, NULL);
        open = ask_send(line, "x", 1);
    }
    cr_expect(bytes ? !open : ask_read(line, 60000));
    close(line);
    return now_s() - begin;
}

static void closed_soon(bool bytes)
{
    double seconds = closed_after(bytes);
    for (int i = 0; i < 4 && seconds >= 8; i++) /* more may be the machine's */
        seconds = closed_after(bytes);
    cr_expect(seconds < 8, "%.1f s", seconds);
}

Test(follow, who_sends_nothing_is_closed)
{
    closed_soon(false);
}

Test(follow, who_sends_a_byte_now_and_then_is_closed_too)
{
    closed_soon(true);
}

/* ---- TLS -------------------------------------------------------------------------------------- */

extern char **environ;

static int command(char *const argv[])
{
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, place_path("said"), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&quiet, 1, 2);
    bool begun = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&quiet);
    return begun && waitpid(pid, &status, 0) == pid ? status : -1;
}

static bool make_certificate(void)
{
    char cert[PATH_MAX], key[PATH_MAX];
    snprintf(cert, sizeof cert, "%s", place_path("cert.pem"));
    snprintf(key, sizeof key, "%s", place_path("key.pem"));
    char *argv[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                     "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                     "-out", cert, NULL };
    return command(argv) == 0;
}

Test(follow, it_speaks_tls_with_a_certificate)
{
    char cert[PATH_MAX], key[PATH_MAX], url[128], said[4096];
    struct rondo_error err = { 0 };
    if (!make_certificate())
        cr_skip("no openssl command");
    snprintf(cert, sizeof cert, "%s", place_path("cert.pem"));
    snprintf(key, sizeof key, "%s", place_path("key.pem"));
    http_close(ask_http);
    struct http_options options = ask_options("127.0.0.1:0", "");
    options.cert_file = cert, options.key_file = key;
    cr_assert_eq(http_open(&options, &ask_http, &err), 0, "%s: %s", err.where, err.what);
    cr_expect(strncmp(http_url(ask_http), "https://127.0.0.1:", 18) == 0);
    snprintf(url, sizeof url, "%s/healthz", http_url(ask_http));
    char *argv[] = { "curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", cert, url,
                     NULL };
    int status = command(argv);
    FILE *stream = fopen(place_path("said"), "re");
    size_t size = stream ? fread(said, 1, sizeof said - 1, stream) : 0;
    said[size] = 0;
    fclose(stream);
    cr_expect(status == 0 && strcmp(said, "{\"status\": \"ok\"}\n") == 0, "%d: %s", status, said);
    cr_expect_neq(ask("GET", "/healthz", "", NULL), 200, "plain words get no answer");
}

static int descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    cr_assert_not_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

Test(follow, a_key_that_is_none_is_refused)
{
    struct http *second;
    struct rondo_error err = { 0 }, missing = { 0 };
    char file[PATH_MAX];
    place_write("bad.pem", "no key");
    int before = descriptors();
    snprintf(file, sizeof file, "%s", place_path("bad.pem"));
    struct http_options options = ask_options("127.0.0.1:0", "");
    options.cert_file = options.key_file = file;
    cr_expect_eq(http_open(&options, &second, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "cannot serve HTTP: "), "%s", err.what);
    options.key_file = "/nowhere/key.pem";
    cr_expect_eq(http_open(&options, &second, &missing), RONDO_EINPUT);
    cr_expect_str_eq(missing.where, "/nowhere/key.pem");
    cr_expect_eq(descriptors(), before);
    options.cert_file = options.key_file = NULL;
    cr_assert_eq(http_open(&options, &second, NULL), 0);
    http_close(second);
    cr_expect_eq(descriptors(), before);
}
