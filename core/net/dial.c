#include "core/net/conn_i.h"
#include "core/net/socket.h"
#include "core/net/url.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- greeting ---------------------------------------------------------------------------------- */

static void take_challenge(struct conn *conn, struct rondo_bytes body)
{
    struct rondo_buf hello = { 0 };
    int code = greet_answer(&conn->greet, conn->intake.version, body, &hello);
    conn->answered = true;
    if (code == RONDO_ESTATE)
        conn_reject(conn, conn->greet.why);
    else if (code
             || conn_post(conn, FRAME_HELLO, 0, (struct rondo_bytes){ hello.data, hello.size }))
        conn_fail(conn, "%s", rondo_strerror(code ? code : RONDO_ENOMEM));
    buf_fini(&hello);
}

static void take_welcome(struct conn *conn, struct rondo_bytes body)
{
    int code = greet_welcome(&conn->greet, conn->intake.version, body);
    if (code == RONDO_OK)
        code = intake_open(&conn->intake, conn->frame_limit);
    if (code == RONDO_ENOMEM) {
        conn_fail(conn, "no memory");
    } else if (code) {
        conn_refuse(conn, conn->greet.why);
    } else {
        pthread_mutex_lock(&conn->lock);
        conn->lease_ns = conn->greet.lease_ms * INT64_C(1000000);
        conn->beat_ns = conn->greet.beat_ms * INT64_C(1000000);
        if (!conn->closing) /* dial_open did not give up meanwhile */
            conn->stage = CONN_OPEN;
        pthread_cond_broadcast(&conn->change);
        pthread_mutex_unlock(&conn->lock);
    }
}

void dial_greet(struct conn *conn, const struct frame *frame, struct rondo_bytes body)
{
    if (frame->type == FRAME_CHALLENGE && !conn->answered) {
        take_challenge(conn, body);
    } else if (frame->type == FRAME_REFUSED) {
        greet_refused(&conn->greet, body);
        conn_refuse(conn, conn->greet.why);
    } else if (frame->type == FRAME_WELCOME && conn->answered) {
        take_welcome(conn, body);
    } else {
        conn_reject(conn, "it does not greet as a coordinator does");
    }
}

/* ---- dialling ---------------------------------------------------------------------------------- */

int dial_open(const struct conn_options *options, const struct frame_who *who, double seconds,
              struct conn **out, struct rondo_error *err)
{
    int64_t until = clock_now_ns() + (int64_t)(seconds * 1e9);
    struct line line = { NULL, -1 };
    int code = url_check(options, err);
    if (!code)
        code = socket_takes(options->url) ? socket_dial(options->url, seconds, &line.fd, err)
                                          : url_dial(options, seconds, &line.stream, err);
    if (code)
        return code;
    char *token = mem_strdup(options->token ? options->token : "");
    struct conn *conn = NULL;
    if (token)
        conn = conn_create(options, NULL, NULL, line);
    else
        line_drop(line);
    if (!conn) {
        mem_free(token);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a connection");
    }
    conn->greet.token = conn->token = token;
    conn->greet.who = *who;
    conn_start(conn);
    if (conn_await(conn, until)) {
        *out = conn;
        return RONDO_OK;
    }
    code = conn->refused ? RONDO_EREFUSED : RONDO_EIO; /* neither changes any more */
    rondo_error_set(err, code, options->url, NULL, "%s", conn->why);
    conn_drop(conn);
    return code;
}
