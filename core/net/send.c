/* send.c - frames out of a connection: from the sender's memory to the system, or by way of its outbox. */
#include "core/net/conn_i.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <string.h>

enum {
    SMALL = 1024,        /* a frame up to this size may go ... */
    OVERSHOOT = 1 << 20, /* ... so far over the queue's limit, so that an event seldom waits */
    GATHER = 1 << 14,    /* and may wait for others, which go with it, to so many bytes */
};

static size_t size_of(const struct rondo_bytes *parts, int parts_count)
{
    size_t size = 0;
    for (int i = 0; i < parts_count; i++)
        size += parts[i].size;
    return size;
}

static void set_pieces(nng_aio *aio, const struct rondo_bytes *pieces, int pieces_count)
{
    nng_iov iov[CONN_PIECES];
    unsigned used = 0;
    for (int i = 0; i < pieces_count; i++) {
        if (pieces[i].size == 0)
            continue;
        /* NNG's type is for both directions; it does not write here. */
        memcpy(&iov[used].iov_buf, &pieces[i].data, sizeof iov[used].iov_buf);
        iov[used++].iov_len = pieces[i].size;
    }
    nng_aio_set_iov(aio, used, iov);
}

/* Sends what the system takes at once, in this thread, and returns how much that was; *result: 0, or
 * what is wrong with the stream.  TLS takes nothing at once. */
static size_t attempt(struct conn *conn, const struct rondo_bytes *pieces, int pieces_count, int *result)
{
    *result = 0;
    if (conn->stream)
        return 0;
    size_t sent = plain_send(conn, pieces, pieces_count, result);
    conn_count(&conn->ledger->bytes_out, sent);
    return sent;
}

/* False: the stream is shut, nothing will come back. */
static bool begin_send(struct conn *conn, const struct rondo_bytes *pieces, int pieces_count)
{
    if (!conn->stream)
        return plain_await(conn, false, true);
    pthread_mutex_lock(&conn->io);
    bool may = !conn->shut;
    if (may) {
        set_pieces(conn->send, pieces, pieces_count);
        nng_stream_send(conn->stream, conn->send);
    }
    pthread_mutex_unlock(&conn->io);
    return may;
}

/* Under the lock: so many bytes of the outbox went. */
static void note_sent(struct conn *conn, size_t size)
{
    outbox_sent(&conn->outbox, size);
    if (!conn->outbox.bytes)
        conn->alone = 0;
    if (size)
        conn->moved_ns = clock_now_ns();
    if (conn->waiting)
        pthread_cond_broadcast(&conn->change);
}

/* Called with the lock, returns without: sends the outbox, here as far as the system takes it at
 * once, the rest by an operation.  The caller has set `sending`, which says that no one else does. */
static void pump(struct conn *conn)
{
    struct rondo_bytes pieces[CONN_PIECES];
    while (!conn->closing && conn->outbox.bytes) {
        int pieces_count = outbox_look(&conn->outbox, pieces, CONN_PIECES);
        size_t size = size_of(pieces, pieces_count);
        int result;
        pthread_mutex_unlock(&conn->lock);
        size_t sent = attempt(conn, pieces, pieces_count, &result);
        if (result)
            conn_broken(conn, result);
        pthread_mutex_lock(&conn->lock);
        note_sent(conn, sent);
        if (sent == size || result)
            continue;
        pieces_count = outbox_look(&conn->outbox, pieces, CONN_PIECES);
        pthread_mutex_unlock(&conn->lock);
        if (begin_send(conn, pieces, pieces_count))
            return;
        pthread_mutex_lock(&conn->lock);
        break;
    }
    conn->sending = false;
    conn_settle(conn);
    pthread_mutex_unlock(&conn->lock);
}

void conn_writable(struct conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    pump(conn);
}

void conn_sent(void *context)
{
    struct conn *conn = context;
    int result = nng_aio_result(conn->send);
    size_t size = result ? 0 : nng_aio_count(conn->send);
    conn_count(&conn->ledger->bytes_out, size);
    if (result)
        conn_broken(conn, result);
    pthread_mutex_lock(&conn->lock);
    note_sent(conn, size);
    pump(conn);
}

/* Under the lock: the next frame, its header first; pieces [parts_count + 1]. */
static void lay_out(const struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
                    int parts_count, size_t size, unsigned char header[FRAME_HEADER],
                    struct rondo_bytes *pieces)
{
    struct frame full = *frame;
    full.sequence = conn->sequence;
    full.size = (uint32_t)size;
    frame_put(&full, header);
    pieces[0] = (struct rondo_bytes){ header, FRAME_HEADER };
    for (int i = 0; i < parts_count; i++)
        pieces[i + 1] = parts[i];
}

/* Under the lock: behind what is in the outbox; nobody is told to send it. */
static int enqueue(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
                   int parts_count, size_t size)
{
    unsigned char header[FRAME_HEADER];
    struct rondo_bytes pieces[CONN_PIECES];
    lay_out(conn, frame, parts, parts_count, size, header, pieces);
    if (!conn->outbox.bytes)
        conn->said_ns = conn->moved_ns = clock_now_ns();
    if (outbox_put(&conn->outbox, pieces, parts_count + 1))
        return RONDO_ENOMEM;
    conn->sequence++;
    conn_count(&conn->ledger->frames_out, 1);
    return RONDO_OK;
}

/* Called with the lock, returns without.  Straight from the caller's memory where nothing else is
 * on its way; what the system does not take is copied. */
static int speak(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
                 int parts_count, size_t size)
{
    unsigned char header[FRAME_HEADER];
    struct rondo_bytes pieces[CONN_PIECES];
    lay_out(conn, frame, parts, parts_count, size, header, pieces);
    bool first = !conn->sending, memory = true;
    size_t sent = 0;
    int result;
    if (first && !conn->stream && !conn->outbox.bytes) {
        conn->sending = true;
        conn->sequence++;
        pthread_mutex_unlock(&conn->lock);
        sent = attempt(conn, pieces, parts_count + 1, &result); /* pump comes upon it too */
        pthread_mutex_lock(&conn->lock);
        if (sent)
            conn->moved_ns = clock_now_ns();
        if (sent < size + sizeof header) /* frames behind it may have come meanwhile */
            memory = outbox_put_first(&conn->outbox, pieces, parts_count + 1, sent) == RONDO_OK;
    } else {
        if (outbox_put(&conn->outbox, pieces, parts_count + 1)) {
            pthread_mutex_unlock(&conn->lock);
            return RONDO_ENOMEM;
        }
        conn->sequence++;
        conn->sending = true;
        if (first)
            conn->moved_ns = clock_now_ns();
    }
    conn->said_ns = conn->moved_ns;
    conn_count(&conn->ledger->frames_out, 1);
    if (!memory) { /* half a frame has gone: nothing can follow it */
        pthread_mutex_unlock(&conn->lock);
        conn_fail(conn, "no memory");
        pthread_mutex_lock(&conn->lock);
    }
    if (first)
        pump(conn);
    else
        pthread_mutex_unlock(&conn->lock);
    return memory ? RONDO_OK : RONDO_ENOMEM;
}

/* Several parts more than NNG takes are made one. */
static int speak_whole(struct conn *conn, const struct frame *frame,
                       const struct rondo_bytes *parts, int parts_count, size_t size)
{
    if (parts_count < CONN_PIECES)
        return speak(conn, frame, parts, parts_count, size);
    pthread_mutex_unlock(&conn->lock);
    struct rondo_buf whole = { 0 };
    int code = buf_reserve(&whole, size);
    for (int i = 0; i < parts_count && !code; i++)
        code = buf_append(&whole, parts[i].data, parts[i].size);
    pthread_mutex_lock(&conn->lock);
    struct rondo_bytes one = { whole.data, whole.size };
    if (!code && (conn->closing || conn->leaving)) /* it may have come to its end meanwhile, and its gate with it */
        code = RONDO_EIO;
    if (code)
        pthread_mutex_unlock(&conn->lock);
    else
        code = speak(conn, frame, &one, 1, size);
    buf_fini(&whole);
    return code;
}

/* Under the lock. */
static void await_room(struct conn *conn, size_t size)
{
    size_t limit = conn->queue_limit + (size <= SMALL ? OVERSHOOT : 0);
    conn->waiting++;
    while (!conn->closing && conn->outbox.bytes && conn->outbox.bytes + size > limit)
        pthread_cond_wait(&conn->change, &conn->lock);
    conn->waiting--;
}

size_t conn_backlog(struct conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    size_t bytes = conn->outbox.bytes;
    pthread_mutex_unlock(&conn->lock);
    return bytes;
}

int conn_tell(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
              int parts_count)
{
    size_t size = size_of(parts, parts_count);
    if (size > conn->frame_limit)
        return RONDO_ESTATE;
    pthread_mutex_lock(&conn->lock);
    size_t most = conn->queue_limit + conn->alone + 2 * (size_t)OVERSHOOT;
    bool full = size && conn->outbox.bytes > most;
    if (full || conn->closing || conn->leaving || conn->stage != CONN_OPEN) {
        pthread_mutex_unlock(&conn->lock);
        if (full)
            conn_fail(conn, "it does not read what it is sent");
        return RONDO_EIO;
    }
    return speak_whole(conn, frame, parts, parts_count, size);
}

/* Called with the lock, returns with it. */
static void send_gathered(struct conn *conn)
{
    if (conn->sending || !conn->outbox.bytes)
        return;
    conn->sending = true;
    pump(conn);
    pthread_mutex_lock(&conn->lock);
}

void conn_flush(struct conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    send_gathered(conn);
    pthread_mutex_unlock(&conn->lock);
}

/* Under the lock: may it wait? */
static bool gathers(const struct conn *conn, size_t size)
{
    return size <= SMALL && conn->stage == CONN_OPEN && !conn->sending && !conn->closing && !conn->leaving
           && conn->outbox.bytes < GATHER;
}

int conn_gather(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
                int parts_count)
{
    size_t size = size_of(parts, parts_count);
    pthread_mutex_lock(&conn->lock);
    if (parts_count >= CONN_PIECES || !gathers(conn, size)) {
        pthread_mutex_unlock(&conn->lock);
        return conn_send(conn, frame, parts, parts_count);
    }
    int code = enqueue(conn, frame, parts, parts_count, size);
    pthread_mutex_unlock(&conn->lock);
    return code;
}

int conn_send(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
              int parts_count)
{
    size_t size = size_of(parts, parts_count);
    if (size > conn->frame_limit)
        return RONDO_ESTATE;
    pthread_mutex_lock(&conn->lock);
    if (size > SMALL)
        send_gathered(conn); /* else it would wait for what waits for it */
    if (conn->outbox.bytes)
        await_room(conn, size);
    if (conn->closing || conn->leaving || conn->stage != CONN_OPEN) {
        pthread_mutex_unlock(&conn->lock);
        return RONDO_EIO;
    }
    if (size > conn->queue_limit)
        conn->alone = size;
    return speak_whole(conn, frame, parts, parts_count, size);
}

int conn_post(struct conn *conn, enum frame_type type, uint16_t seat, struct rondo_bytes body)
{
    struct frame frame = { .type = (uint8_t)type, .seat = seat };
    pthread_mutex_lock(&conn->lock);
    if (conn->closing) { /* as in speak_whole: conn_close has let go of the lock */
        pthread_mutex_unlock(&conn->lock);
        return RONDO_EIO;
    }
    return speak(conn, &frame, &body, 1, body.size);
}
