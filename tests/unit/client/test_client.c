#include "client/client.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tests/unit/client/fake_server.h"

#include <stdlib.h>
#include <time.h>

static const double hasty_s = 0.5, patient_s = 60; /* where there will be silence, and where there must be none */

struct talk {
    struct fake fake;
    struct client *client;
    struct rondo_buf answer;
    struct rondo_error err;
};

static struct client *open_at(int port)
{
    char address[64];
    struct client *client = NULL;
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    struct client_options options = { .address = address };
    cr_assert_eq(client_open(&options, &client, NULL), RONDO_OK);
    return client;
}

static void talk_init(struct talk *talk, struct fake fake)
{
    memset(talk, 0, sizeof *talk);
    unsetenv("RONDO_COORDINATOR");
    unsetenv("RONDO_TOKEN_FILE");
    unsetenv("RONDO_TLS_CA");
    talk->fake.reply = fake.reply;
    talk->fake.size = fake.size;
    talk->fake.more = fake.more;
    talk->fake.hold = fake.hold;
    talk->fake.drip = fake.drip;
    fake_start(&talk->fake);
    talk->client = open_at(talk->fake.port);
}

static void talk_fini(struct talk *talk)
{
    client_close(talk->client);
    buf_fini(&talk->answer);
    fake_stop(&talk->fake);
}

static int get(struct talk *talk)
{
    struct client_request request = { .method = "GET", .path = "/x",
                                      .patience_s = talk->fake.hold ? hasty_s : patient_s };
    memset(&talk->err, 0, sizeof talk->err);
    return client_request(talk->client, &request, &talk->answer, &talk->err);
}

/* One request to a server that sends `fake`; the error's code, and a word in what it says.  Only who is silent
 * behind it is given up: the machine may keep the others back. */
static void expect_refused(struct fake fake, int code, const char *says)
{
    struct talk talk;
    talk_init(&talk, fake);
    cr_expect_eq(get(&talk), code, "%s: %s", fake.reply, talk.err.what);
    cr_expect_eq(talk.err.code, code);
    cr_expect_not_null(strstr(talk.err.what, says), "%s: %s", fake.reply, talk.err.what);
    talk_fini(&talk);
}

Test(client, an_answer_comes_whole_with_a_nul_behind_it)
{
    struct talk talk;
    talk_init(&talk, (struct fake){ .reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" });
    cr_assert_eq(get(&talk), RONDO_OK, "%s", talk.err.what);
    cr_expect_eq(talk.answer.size, 5);
    cr_expect_str_eq((char *)talk.answer.data, "hello");
    cr_expect_not_null(strstr(talk.fake.asked, "GET /x HTTP/1.1\r\n"));
    cr_expect_null(strstr(talk.fake.asked, "Authorization"));
    cr_assert_eq(get(&talk), RONDO_OK, "%s", talk.err.what); /* on a new connection */
    cr_expect_str_eq((char *)talk.answer.data, "hello");
    talk_fini(&talk);
}

Test(client, a_post_carries_its_body)
{
    struct talk talk;
    talk_init(&talk, (struct fake){ .reply = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}" });
    struct client_request request = { .method = "POST", .path = "/v1/jobs", .body = "{\"a\":1}",
                                      .size = 7 };
    cr_assert_eq(client_request(talk.client, &request, &talk.answer, &talk.err), RONDO_OK);
    cr_expect_not_null(strstr(talk.fake.asked, "POST /v1/jobs HTTP/1.1\r\n"));
    cr_expect_not_null(strstr(talk.fake.asked, "Content-Type: application/json\r\n"));
    cr_expect_not_null(strstr(talk.fake.asked, "\r\n\r\n{\"a\":1}"));
    request.body = NULL;
    cr_assert_eq(client_request(talk.client, &request, &talk.answer, &talk.err), RONDO_OK);
    cr_expect_not_null(strstr(talk.fake.asked, "Content-Length: 0\r\n"));
    talk_fini(&talk);
}

Test(client, nobody_there_is_told_at_once_with_the_address)
{
    struct talk talk;
    char url[64];
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    union { struct sockaddr_in in; struct sockaddr any; } at = { .in = address };
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* it listens not, and nobody else can */
    cr_assert(bind(taken, &at.any, size) == 0 && getsockname(taken, &at.any, &size) == 0);
    memset(&talk, 0, sizeof talk);
    talk.client = open_at(ntohs(at.in.sin_port));
    bool soon = false;
    for (int i = 0; i < 5 && !soon; i++) { /* more may be the machine's */
        int64_t before = clock_now_ns();
        cr_expect_eq(get(&talk), RONDO_EREFUSED);
        soon = clock_now_ns() - before < 1000000000;
    }
    cr_expect(soon);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(at.in.sin_port));
    cr_expect_str_eq(talk.err.where, url);
    cr_expect_str_eq(talk.err.what, "no coordinator answers: connection refused");
    close(taken);
    client_close(talk.client);
    buf_fini(&talk.answer);
}

Test(client, who_falls_silent_is_given_up)
{
    expect_refused((struct fake){ .reply = "", .hold = true }, RONDO_EREFUSED, "nothing was heard");
    expect_refused((struct fake){ .reply = "HTTP/1.1 200 OK\r\nContent-Le", .hold = true },
                   RONDO_EREFUSED, "nothing was heard");
    expect_refused((struct fake){ .reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
                                  .hold = true }, RONDO_EREFUSED, "nothing was heard");
}

Test(client, who_sends_a_byte_now_and_then_is_given_up)
{
    struct talk talk;
    static char reply[1024] = "HTTP/1.1 200 OK\r\nX: ";
    memset(reply + strlen(reply), 'x', sizeof reply - 1 - strlen(reply));
    talk_init(&talk, (struct fake){ .reply = reply, .drip = true });
    struct client_request request = { .method = "GET", .path = "/x", .patience_s = 0.2 };
    cr_expect_eq(client_request(talk.client, &request, &talk.answer, &talk.err), RONDO_EREFUSED);
    cr_expect_not_null(strstr(talk.err.what, "nothing was heard"), "%s", talk.err.what); /* and not that it is cut */
    talk_fini(&talk);
}

Test(client, half_an_answer_is_none)
{
    expect_refused((struct fake){ .reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" },
                   RONDO_EREFUSED, "cut");
    expect_refused((struct fake){ .reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                           "9\r\nhalf" }, RONDO_EREFUSED, "cut");
    expect_refused((struct fake){ .reply = "" }, RONDO_EREFUSED, "cut");
}

Test(client, garbage_is_no_coordinator)
{
    static const char binary[] = "\0\1\2\3\377\376 SSH-2.0";
    expect_refused((struct fake){ .reply = "SSH-2.0-OpenSSH_9.2\r\n" }, RONDO_EREFUSED,
                   "not a coordinator");
    expect_refused((struct fake){ .reply = binary, .size = sizeof binary }, RONDO_EREFUSED,
                   "not a coordinator");
    expect_refused((struct fake){ .reply = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx" },
                   RONDO_EREFUSED, "");
    expect_refused((struct fake){ .reply = "HTTP/1.1 200 OK\r\nX: ", .more = 4 << 20 },
                   RONDO_EREFUSED, "");
    expect_refused((struct fake){ .reply = "HTTP/1.1 301 Go\r\nLocation: http://127.0.0.1:1/\r\n"
                                           "Content-Length: 0\r\n\r\n" },
                   RONDO_EREFUSED, "HTTP 301");
}

Test(client, a_huge_answer_is_not_kept)
{
    expect_refused((struct fake){ .reply = "HTTP/1.1 200 OK\r\n\r\n",
                                  .more = (int64_t)CLIENT_ANSWER_MAX + 1 },
                   RONDO_EREFUSED, "larger");
    expect_refused((struct fake){ .reply = "HTTP/1.1 404 Not Found\r\n\r\n", .more = 8 << 20 },
                   RONDO_EINPUT, "HTTP 404");
}

Test(client, the_services_own_words_are_the_error)
{
    struct talk talk;
    talk_init(&talk, (struct fake){
        .reply = "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":{\"code\":\"input\",\"where\":"
                 "\"/params/lambda\",\"message\":\"is\\u001bbad\",\"hint\":\"make it good\"}}" });
    cr_expect_eq(get(&talk), RONDO_EINPUT);
    cr_expect_str_eq(talk.err.where, "/params/lambda");
    cr_expect_str_eq(talk.err.what, "is bad");
    cr_expect_str_eq(talk.err.hint, "make it good");
    talk_fini(&talk);
}

Test(client, statuses_have_their_codes)
{
    static const struct { const char *status; int code; } cases[] = {
        { "400", RONDO_EINPUT },   { "404", RONDO_EINPUT },   { "409", RONDO_EINPUT },
        { "401", RONDO_EREFUSED }, { "403", RONDO_EREFUSED }, { "503", RONDO_EREFUSED },
        { "507", RONDO_EREFUSED }, { "500", RONDO_EIO },      { "599", RONDO_EIO },
        { "304", RONDO_EREFUSED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reply[128];
        snprintf(reply, sizeof reply, "HTTP/1.1 %s So\r\nContent-Length: 0\r\n\r\n",
                 cases[i].status);
        expect_refused((struct fake){ .reply = reply }, cases[i].code, cases[i].status);
    }
}

/* ---- streams ------------------------------------------------------------------------------------- */

struct heard {
    char text[256];
    int lines, code;
};

static int hear(void *context, const char *line)
{
    struct heard *heard = context;
    heard->lines++;
    if (strlen(heard->text) + strlen(line) + 2 < sizeof heard->text)
        strcat(strcat(heard->text, line), "|");
    return heard->code;
}

static int stream_for(double seconds, struct fake fake, struct heard *heard, struct rondo_error *err)
{
    struct talk talk;
    talk_init(&talk, fake);
    int code = client_stream(talk.client, "/x", seconds, hear, heard, err);
    talk_fini(&talk);
    return code;
}

static int stream(struct fake fake, struct heard *heard, struct rondo_error *err)
{
    return stream_for(patient_s, fake, heard, err);
}

Test(client, a_stream_is_cut_into_lines)
{
    struct heard heard = { .lines = 0 };
    struct rondo_error err = { 0 };
    cr_expect_eq(stream((struct fake){ .reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                                                "\r\n3\r\none\r\n6\r\n\ntwo\r\n\r\n6\r\n\n\nhalf\r\n"
                                                "0\r\n\r\n" }, &heard, &err), 0, "%s", err.what);
    cr_expect_str_eq(heard.text, "one|two|");
}

Test(client, a_stream_that_is_silent_says_so_and_is_no_error)
{
    struct heard heard = { .lines = 0 };
    struct rondo_error err = { 0 };
    double seconds = hasty_s; /* the machine may be silent before anybody has spoken */
    for (int i = 0; i < 8 && !heard.lines; i++, seconds *= 2)
        cr_expect_eq(stream_for(seconds, (struct fake){ .reply = "HTTP/1.1 200 OK\r\n\r\none\n", .hold = true },
                                &heard, &err), 1);
    cr_expect_str_eq(heard.text, "one|");
    cr_expect_eq(err.code, 0);
}

Test(client, a_stream_that_is_cut_or_refused_is_an_error)
{
    struct heard heard = { .lines = 0 };
    struct rondo_error err = { 0 };
    cr_expect_eq(stream((struct fake){ .reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                                                "\r\n4\r\none\n\r\n" }, &heard, &err),
                 RONDO_EREFUSED);
    cr_expect_str_eq(heard.text, "one|");
    memset(&err, 0, sizeof err);
    cr_expect_eq(stream((struct fake){ .reply = "HTTP/1.1 404 No\r\n\r\none\ntwo\n" }, &heard, &err),
                 RONDO_EINPUT);
    cr_expect_str_eq(heard.text, "one|");
}

Test(client, a_line_without_end_is_bounded)
{
    struct heard heard = { .lines = 0 };
    struct rondo_error err = { 0 };
    cr_expect_eq(stream((struct fake){ .reply = "HTTP/1.1 200 OK\r\n\r\n",
                                       .more = (int64_t)CLIENT_LINE_MAX + 1 }, &heard, &err),
                 RONDO_EREFUSED);
    cr_expect_eq(heard.lines, 0);
}

Test(client, who_has_heard_enough_ends_the_stream)
{
    struct heard heard = { .code = RONDO_ECANCELED };
    struct rondo_error err = { 0 };
    cr_expect_eq(stream((struct fake){ .reply = "HTTP/1.1 200 OK\r\n\r\none\ntwo\n", .hold = true },
                        &heard, &err), RONDO_ECANCELED);
    cr_expect_str_eq(heard.text, "one|");
}

/* ---- downloads, interruptions, words ------------------------------------------------------------- */

static int download(struct fake fake, int64_t size, struct rondo_error *err)
{
    struct talk talk;
    FILE *stream = tmpfile();
    talk_init(&talk, fake);
    memset(err, 0, sizeof *err);
    int code = client_download(talk.client, "/x", stream, size, err);
    cr_expect_leq(ftell(stream), size);
    fclose(stream);
    talk_fini(&talk);
    return code;
}

Test(client, a_download_has_the_size_that_was_said)
{
    struct rondo_error err;
    struct fake five = { .reply = "HTTP/1.1 200 OK\r\n\r\nhello" };
    cr_expect_eq(download(five, 5, &err), RONDO_OK);
    cr_expect_eq(download(five, 6, &err), RONDO_EIO);
    cr_expect_not_null(strstr(err.what, "fewer"));
    cr_expect_eq(download(five, 4, &err), RONDO_EIO);
    cr_expect_not_null(strstr(err.what, "more"));
    struct fake large = { .reply = "HTTP/1.1 200 OK\r\n\r\n", .more = 3 << 20 };
    cr_expect_eq(download(large, 3 << 20, &err), RONDO_OK);
    struct fake none = { .reply = "HTTP/1.1 404 No\r\n\r\nhello" };
    cr_expect_eq(download(none, 5, &err), RONDO_EINPUT);
    struct fake cut = { .reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello" };
    cr_expect_eq(download(cut, 9, &err), RONDO_EREFUSED);
}

static volatile sig_atomic_t interrupted;

static void *interrupt_soon(void *context)
{
    struct timespec soon = { 0, 100000000 };
    nanosleep(&soon, NULL);
    kill(getpid(), SIGUSR1);
    return context;
}

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* Else it goes on for an hour. */
Test(client, an_interruption_ends_what_is_under_way, .timeout = 600)
{
    struct fake fake = { .reply = "", .hold = true };
    struct rondo_error err = { 0 };
    struct rondo_buf answer = { 0 };
    struct client *client;
    char address[64];
    pthread_t thread;
    signal(SIGUSR1, on_signal);
    fake_start(&fake);
    snprintf(address, sizeof address, "http://127.0.0.1:%d", fake.port);
    struct client_options options = { .address = address, .interrupted = &interrupted };
    cr_assert_eq(client_open(&options, &client, &err), RONDO_OK);
    cr_assert_eq(pthread_create(&thread, NULL, interrupt_soon, NULL), 0);
    struct client_request request = { .method = "GET", .path = "/x", .patience_s = 3600 };
    cr_expect_eq(client_request(client, &request, &answer, &err), RONDO_ECANCELED);
    pthread_join(thread, NULL);
    client_close(client);
    buf_fini(&answer);
    fake_stop(&fake);
}

Test(client, words_that_are_wrong_are_refused_and_leave_nothing)
{
    struct client *client = NULL;
    int64_t before = mem_live();
    const struct client_options wrong[] = {
        { .address = "tcp://127.0.0.1:1" },
        { .address = "" },
        { .address = "127.0.0.1:1", .token_file = "/nonexistent/token" },
        { .address = "https://127.0.0.1:1", .ca_file = "/nonexistent/ca.pem" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rondo_error err = { 0 };
        cr_expect_eq(client_open(&wrong[i], &client, &err), RONDO_EINPUT);
        cr_expect(err.what[0]);
    }
    cr_expect_eq(mem_live(), before);
}

Test(client, the_address_may_come_from_the_environment)
{
    struct client *client = NULL;
    struct client_options options = { 0 };
    setenv("RONDO_COORDINATOR", "https://[::1]:99/", 1);
    cr_assert_eq(client_open(&options, &client, NULL), RONDO_OK);
    cr_expect_str_eq(client_url(client), "https://[::1]:99");
    client_close(client);
    setenv("RONDO_COORDINATOR", "", 1);
    cr_assert_eq(client_open(&options, &client, NULL), RONDO_OK);
    cr_expect_str_eq(client_url(client), "http://127.0.0.1:7420");
    client_close(client);
}

Test(client, every_failed_allocation_of_ours_is_told_and_leaves_nothing)
{
    struct talk talk;
    talk_init(&talk, (struct fake){ .reply = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" });
    int64_t before = mem_live();
    for (uint64_t k = 1;; k++) {
        struct rondo_buf answer = { 0 };
        struct rondo_error err = { 0 };
        struct client_request request = { .method = "GET", .path = "/x" };
        mem_fail_at(k);
        int code = client_request(talk.client, &request, &answer, &err);
        mem_fail_at(0);
        buf_fini(&answer);
        cr_assert_eq(mem_live(), before);
        if (!code)
            break;
        cr_assert_eq(code, RONDO_ENOMEM);
        cr_assert_eq(err.code, RONDO_ENOMEM);
    }
    talk_fini(&talk);
}
