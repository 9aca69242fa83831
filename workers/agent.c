#include "workers/agent.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "workers/stay.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

static const int64_t look_ns = 100000000;

enum { DIAL_FIRST_MS = 50, DIAL_MOST_MS = 2000 };
static const double dial_seconds = 10;

/* One thread waits for what the transport's threads and the stay's note down here. */
struct agent {
    const struct agent_options *options;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    struct conn *conn;     /* NULL: not connected */
    bool gone;             /* the connection has closed ... */
    char why[160];         /* ... because */
    struct stay *stay;     /* NULL: no job */
    bool over;             /* its thread has ended or is about to */
    struct rondo_buf open; /* a job that is to be taken in */
    uint32_t open_session; /* 0: none */
    bool withdrawn;        /* it was closed before it was taken in */
    bool said_leaving;
};

static void note(struct agent *agent)
{
    pthread_cond_signal(&agent->wake);
    pthread_mutex_unlock(&agent->mutex);
}

/* ---- events, on threads of the transport or a seat's -------------------------------------------- */

static void on_frame(void *context, struct conn *conn RONDO_UNUSED, const struct frame *frame,
                     struct rondo_buf *body)
{
    struct agent *agent = context;
    pthread_mutex_lock(&agent->mutex);
    bool ours = agent->stay && stay_session(agent->stay) == frame->session;
    switch (frame->type) {
    case FRAME_OPEN:
        buf_fini(&agent->open);
        agent->open = *body;
        agent->open_session = frame->session;
        agent->withdrawn = false;
        *body = (struct rondo_buf){ 0 };
        break;
    case FRAME_CLOSE:
        if (ours)
            stay_close(agent->stay);
        else if (agent->open_session == frame->session)
            agent->withdrawn = true;
        break;
    case FRAME_MESSAGE:
    case FRAME_PART:
        if (ours) {
            stay_frame(agent->stay, frame, body);
            pthread_mutex_unlock(&agent->mutex);
            return; /* nothing for the agent's thread */
        }
        break;
    default: break;
    }
    note(agent);
    buf_fini(body);
}

static void on_closed(void *context, struct conn *conn RONDO_UNUSED, const char *why)
{
    struct agent *agent = context;
    pthread_mutex_lock(&agent->mutex);
    agent->gone = true;
    snprintf(agent->why, sizeof agent->why, "%s", why);
    note(agent);
}

static void on_over(void *context)
{
    struct agent *agent = context;
    pthread_mutex_lock(&agent->mutex);
    agent->over = true;
    note(agent);
}

/* ---- one connection ------------------------------------------------------------------------------ */

static int say(struct agent *agent, enum frame_type type, uint32_t session)
{
    struct frame frame = { .type = (uint8_t)type, .session = session };
    return conn_tell(agent->conn, &frame, NULL, 0); /* events want the lock */
}

/* Waits for its threads, outside the lock. */
static void end_stay(struct agent *agent)
{
    struct stay *stay = agent->stay;
    if (!stay)
        return;
    agent->stay = NULL;
    pthread_mutex_unlock(&agent->mutex);
    stay_end(stay);
    pthread_mutex_lock(&agent->mutex);
    agent->over = false;
}

static void begin_stay(struct agent *agent)
{
    struct rondo_error err = { 0 };
    struct stay_options options = {
        .conn = agent->conn, .session = agent->open_session,
        .threads = (int32_t)agent->options->who.threads, .cache = agent->options->cache,
        .shelf = agent->options->shelf, .apps = agent->options->apps,
        .over = on_over, .context = agent,
    };
    agent->open_session = 0;
    if (stay_begin(&options, &agent->open, &agent->stay, &err)) {
        log_line(LOG_ERROR, "a job cannot be taken in: %s", err.what);
        conn_close(agent->conn); /* it may be better when dialled again */
    }
}

static void rest(struct agent *agent)
{
    clock_cond_wait(&agent->wake, &agent->mutex, clock_now_ns() + look_ns);
}

/* Every OPEN has its CLOSED: without it the coordinator would wait for ever. */
static void forgo(struct agent *agent)
{
    uint32_t session = agent->open_session;
    agent->open_session = 0;
    buf_fini(&agent->open);
    if (say(agent, FRAME_CLOSED, session))
        conn_close(agent->conn);
}

/* Does what was noted; false: nothing was. */
static bool act(struct agent *agent)
{
    if (agent->stay && agent->over) {
        uint32_t session = stay_session(agent->stay);
        end_stay(agent);
        if (!agent->gone && say(agent, FRAME_CLOSED, session))
            conn_close(agent->conn);
        return true;
    }
    if (agent->open_session && !agent->stay) {
        if (agent->withdrawn)
            forgo(agent);
        else
            begin_stay(agent);
        return true;
    }
    if (*agent->options->leave && !agent->said_leaving) {
        agent->said_leaving = true;
        log_line(LOG_INFO, "leaving as soon as nothing is lost by it");
        if (say(agent, FRAME_LEAVING, 0))
            conn_close(agent->conn);
        return true;
    }
    return false;
}

/* Until the connection is gone, or the process shall leave and holds no job. */
static void serve(struct agent *agent)
{
    pthread_mutex_lock(&agent->mutex);
    while (!agent->gone && *agent->options->leave < 2)
        if (!act(agent))
            rest(agent);
    if (agent->stay)
        stay_close(agent->stay);
    end_stay(agent);
    agent->open_session = 0;
    pthread_mutex_unlock(&agent->mutex);
}

static void hang_up(struct agent *agent)
{
    conn_close(agent->conn);
    pthread_mutex_lock(&agent->mutex);
    while (!agent->gone)
        rest(agent);
    pthread_mutex_unlock(&agent->mutex);
    conn_drop(agent->conn);
    agent->conn = NULL;
}

/* ---- dialling ------------------------------------------------------------------------------------ */

static void pause_ms(long ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&time, NULL);
}

/* Dials until somebody answers.  RONDO_EIO: nobody did for as long as patience lasts. */
static int dial(struct agent *agent, struct rondo_error *err)
{
    const struct agent_options *options = agent->options;
    struct conn_options conn = {
        .url = options->url, .token = options->token, .tls = options->tls,
        .events = { .context = agent, .frame = on_frame, .closed = on_closed },
    };
    int64_t began_ns = clock_now_ns();
    bool said = false;
    for (long ms = DIAL_FIRST_MS; !*options->leave; ms = 2 * ms < DIAL_MOST_MS ? 2 * ms : DIAL_MOST_MS) {
        *err = (struct rondo_error){ 0 };
        agent->gone = agent->said_leaving = false;
        int code = dial_open(&conn, &options->who, dial_seconds, &agent->conn, err);
        if (code != RONDO_EIO)
            return code;
        if ((double)(clock_now_ns() - began_ns) * 1e-9 > options->patience)
            return code;
        if (!said)
            log_line(LOG_INFO, "%s: %s; dialling again for %.0f s", err->where, err->what,
                     options->patience);
        said = true;
        for (long slept = 0; slept < ms && !*options->leave; slept += DIAL_FIRST_MS)
            pause_ms(DIAL_FIRST_MS);
    }
    return RONDO_OK;
}

int agent_run(const struct agent_options *options, struct rondo_error *err)
{
    struct agent agent = { .options = options };
    int code = RONDO_OK;
    pthread_mutex_init(&agent.mutex, NULL);
    clock_cond_init(&agent.wake);
    while (!code && !*options->leave) {
        code = dial(&agent, err);
        if (code || !agent.conn)
            break;
        log_event(LOG_INFO, &(struct log_about){ .peer = options->url }, "serving %s as %s", options->url,
                  options->who.name);
        int64_t began_ns = clock_now_ns();
        serve(&agent);
        bool lost = agent.gone && !*options->leave;
        hang_up(&agent);
        if (!lost)
            continue;
        log_line(LOG_WARNING, "the coordinator is lost: %s; dialling again", agent.why);
        if (clock_now_ns() - began_ns < INT64_C(1000000000))
            pause_ms(DIAL_MOST_MS / 2); /* it would be lost again at once */
    }
    if (code == RONDO_EIO) /* a worker without a coordinator is of no use */
        err->code = code = RONDO_EREFUSED;
    buf_fini(&agent.open);
    pthread_cond_destroy(&agent.wake);
    pthread_mutex_destroy(&agent.mutex);
    return code;
}
