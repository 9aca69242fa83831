#include "service/roster.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/job/jsonout.h"
#include "service/metrics.h"
#include "service/roster_i.h"

#include <string.h>
#include <time.h>

static const char *const state_names[] = { "idle", "opening", "ready", "working", "closing" };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void roster_move(struct member *member, enum member_state state)
{
    member->state = state;
    member->since = now();
    log_event(LOG_DEBUG, &(struct log_about){ .job = member->crew ? member->crew->options.id : 0,
                                              .worker = member->who.name },
              "worker %s is %s", member->who.name, state_names[state]);
    pthread_cond_broadcast(&member->roster->moved);
}

bool roster_noted(const struct member *member, int64_t note)
{
    for (int32_t i = 0; i < member->notes; i++)
        if (member->note[i] == note)
            return true;
    return false;
}

void roster_forget(struct member *member, int64_t job)
{
    for (int32_t i = member->notes - 1; i >= 0; i--)
        if (member->note[i] == job || member->note[i] == -job)
            member->note[i] = member->note[--member->notes];
}

void roster_note(struct member *member, int64_t note)
{
    roster_forget(member, note);
    if (member->notes < CREWS_MOST)
        member->note[member->notes++] = note;
}

bool roster_fits(const struct roster *roster, const struct crew *crew)
{
    for (const struct member *m = roster->members; m; m = m->next)
        if (!m->leaving && !roster_noted(m, -crew->options.id))
            return true;
    return false;
}

/* Another job may begin where a worker has none. */
static void unlock_and_tell(struct roster *roster)
{
    bool idle = false;
    for (struct member *m = roster->members; m && !idle; m = m->next)
        idle = m->state == MEMBER_IDLE && !m->leaving;
    pthread_mutex_unlock(&roster->mutex);
    if (idle && roster->options.changed)
        roster->options.changed(roster->options.context);
}

/* ---- events of the transport ---------------------------------------------------------------------- */

static void on_arrived(void *context, struct conn *conn, const struct frame_who *who)
{
    struct roster *roster = context;
    struct member *member = mem_calloc(1, sizeof *member);
    if (!member) {
        log_event(LOG_WARNING, &(struct log_about){ .peer = conn_peer(conn) },
                  "%s: no memory for another worker", conn_peer(conn));
        conn_close(conn);
        return;
    }
    pthread_mutex_lock(&roster->mutex);
    *member = (struct member){ .roster = roster, .conn = conn_hold(conn), .who = *who,
                               .number = ++roster->arrivals };
    conn_tag(conn, member);
    struct member **tail = &roster->members;
    while (*tail)
        tail = &(*tail)->next;
    *tail = member;
    roster_move(member, MEMBER_IDLE);
    log_event(LOG_INFO, &(struct log_about){ .worker = who->name, .peer = conn_peer(conn) },
              "worker %s has come from %s, %u thread%s", who->name, conn_peer(conn), who->threads,
              who->threads == 1 ? "" : "s");
    deal(roster);
    unlock_and_tell(roster);
}

static void on_closed(void *context, struct conn *conn, const char *why)
{
    struct roster *roster = context;
    pthread_mutex_lock(&roster->mutex);
    struct member *member = conn_tagged(conn);
    conn_tag(conn, NULL);
    if (!member) {
        pthread_mutex_unlock(&roster->mutex);
        return;
    }
    log_event(member->leaving ? LOG_INFO : LOG_WARNING,
              &(struct log_about){ .job = member->crew ? member->crew->options.id : 0,
                                   .worker = member->who.name, .peer = conn_peer(conn) },
              "worker %s is gone: %s", member->who.name, why);
    roster->lost += member->state == MEMBER_WORKING;
    crew_lost(member);
    struct member **at = &roster->members;
    while (*at != member)
        at = &(*at)->next;
    *at = member->next;
    pthread_cond_broadcast(&roster->moved);
    deal(roster);
    unlock_and_tell(roster);
    conn_drop(conn);
    mem_free(member);
}

static void on_ready(struct member *member, struct rondo_bytes body)
{
    struct session_ready ready;
    if (session_get_ready(body, &ready) || ready.seats > member->who.threads) {
        conn_reject(member->conn, "its READY cannot be");
        return;
    }
    member->fingerprint = ready.fingerprint;
    member->seats = (int32_t)ready.seats;
    roster_move(member, MEMBER_READY);
    crew_ready(member);
}

static void on_unready(struct member *member, struct rondo_bytes body)
{
    struct session_unready unready;
    char why[256]; /* for logs and clients */
    if (session_get_unready(body, &unready)) {
        conn_reject(member->conn, "its UNREADY cannot be read");
        return;
    }
    snprintf(why, sizeof why, "%s", (const char *)unready.why.data);
    log_plain(why);
    crew_unfit(member, unready.code, why);
}

static void on_get(struct member *member, struct rondo_bytes body)
{
    struct session_get get;
    const struct session_open *open = &member->crew->open;
    if (session_get_get(body, &get) || get.file >= (uint32_t)open->files) {
        conn_reject(member->conn, "it asks for a file that is none of its job's");
        return;
    }
    int code = supply_ask(member->roster->supply, member->conn, member->session, &get,
                          &open->file[get.file]);
    if (code == RONDO_ESTATE)
        conn_reject(member->conn, "it asks for more at once than it may");
    else if (code)
        conn_close(member->conn);
}

/* What a member says of its session; of an older one nothing counts any more. */
static void hear(struct member *member, const struct frame *frame, struct rondo_buf *body)
{
    struct rondo_bytes bytes = { body->data, body->size };
    struct crew *crew = member->crew;
    bool old = !frame->session || frame->session != member->session;
    if (frame->type == FRAME_LEAVING) {
        member->leaving = true;
        roster_move(member, member->state); /* it shows as another */
        deal(member->roster);
        return;
    }
    if (old && frame->type != FRAME_OPEN && frame->type != FRAME_CLOSE && frame->type != FRAME_PART)
        return;
    switch (frame->type) {
    case FRAME_READY:
        if (member->state == MEMBER_OPENING && crew)
            on_ready(member, bytes);
        break;
    case FRAME_UNREADY:
        if (member->state == MEMBER_OPENING && crew)
            on_unready(member, bytes);
        break;
    case FRAME_GET:
        if (member->state == MEMBER_OPENING && crew)
            on_get(member, bytes);
        break;
    case FRAME_CLOSED:
        crew_lost(member); /* where it ended by itself */
        member->session = 0;
        roster_move(member, MEMBER_IDLE);
        deal(member->roster);
        break;
    default: conn_reject(member->conn, "a frame that only coordinators send");
    }
}

static void on_frame(void *context, struct conn *conn, const struct frame *frame,
                     struct rondo_buf *body)
{
    struct roster *roster = context;
    pthread_mutex_lock(&roster->mutex);
    struct member *member = conn_tagged(conn);
    if (member && frame->type == FRAME_MESSAGE) {
        if (frame->session == member->session && member->crew && member->crew->hub
            && member->state == MEMBER_WORKING)
            remote_hub_frame(member->crew->hub, frame, body);
        pthread_mutex_unlock(&roster->mutex);
    } else {
        if (member)
            hear(member, frame, body);
        unlock_and_tell(roster);
    }
    buf_fini(body);
}

/* ---- life ------------------------------------------------------------------------------------------ */

int roster_open(const struct roster_options *options, struct roster **out, struct rondo_error *err)
{
    struct roster *roster = mem_calloc(1, sizeof *roster);
    if (!roster)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    roster->options = *options;
    pthread_mutex_init(&roster->mutex, NULL);
    clock_cond_init(&roster->moved);
    struct conn_options conn = {
        .url = options->url, .token = options->token, .tls = options->tls,
        .lease_ms = options->lease_ms,
        .events = { .context = roster, .arrived = on_arrived, .frame = on_frame,
                    .closed = on_closed },
    };
    int code = supply_create(&roster->supply, err);
    if (!code)
        code = gate_open(&conn, &roster->gate, err);
    if (code) {
        roster_close(roster);
        return code;
    }
    *out = roster;
    return RONDO_OK;
}

void roster_close(struct roster *roster)
{
    if (!roster)
        return;
    if (roster->gate)
        gate_close(roster->gate);
    supply_destroy(roster->supply);
    pthread_cond_destroy(&roster->moved);
    pthread_mutex_destroy(&roster->mutex);
    mem_free(roster);
}

const char *roster_url(const struct roster *roster)
{
    return gate_url(roster->gate);
}

struct roster_count roster_count(struct roster *roster)
{
    struct roster_count count = { 0 };
    pthread_mutex_lock(&roster->mutex);
    for (struct member *m = roster->members; m; m = m->next)
        count.workers += !m->leaving;
    for (struct crew *c = roster->crews; c; c = c->next, count.jobs++)
        count.over += c->over || !roster_fits(roster, c);
    pthread_mutex_unlock(&roster->mutex);
    return count;
}

/* ---- what it says ------------------------------------------------------------------------------------ */

static void put_number(struct jsonout *json, const char *key, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    jsonout_text_at(json, key, text);
}

static void put_member(struct jsonout *json, const struct member *member)
{
    jsonout_open(json, '{');
    put_number(json, "id", member->number);
    jsonout_text_at(json, "name", member->who.name);
    jsonout_text_at(json, "host", member->who.host);
    jsonout_integer_at(json, "pid", member->who.pid);
    jsonout_text_at(json, "address", conn_peer(member->conn));
    jsonout_integer_at(json, "threads", member->who.threads);
    jsonout_text_at(json, "device", member->who.device);
    jsonout_text_at(json, "isa", member->who.isa);
    jsonout_text_at(json, "state", member->leaving ? "leaving" : state_names[member->state]);
    if (member->crew)
        put_number(json, "job", member->crew->options.id);
    else
        jsonout_text_at(json, "job", NULL);
    jsonout_time_at(json, "since", member->since);
    jsonout_close(json, '}');
}

int roster_json(struct roster *roster, struct rondo_buf *out)
{
    struct jsonout json = jsonout_begin(out, false);
    jsonout_open(&json, '[');
    pthread_mutex_lock(&roster->mutex);
    for (const struct member *member = roster->members; member; member = member->next)
        put_member(&json, member);
    pthread_mutex_unlock(&roster->mutex);
    jsonout_close(&json, ']');
    return json.failed ? RONDO_ENOMEM : RONDO_OK;
}

int roster_live(struct roster *roster, int64_t job, struct rondo_buf *out)
{
    struct rondo_buf text = { 0 };
    struct jsonout json = jsonout_begin(&text, false);
    int32_t working = 0, opening = 0;
    int code = RONDO_OK;
    pthread_mutex_lock(&roster->mutex);
    const struct crew *crew = roster->crews;
    while (crew && crew->options.id != job)
        crew = crew->next;
    for (const struct member *m = roster->members; m && crew; m = m->next) {
        working += m->crew == crew && m->state == MEMBER_WORKING;
        opening += m->crew == crew && m->state < MEMBER_WORKING;
    }
    if (crew) {
        jsonout_open(&json, '{');
        jsonout_integer_at(&json, "workers", working);
        jsonout_integer_at(&json, "workers_opening", opening);
        if (!working)
            jsonout_text_at(&json, "waiting", crew->trouble[0] ? crew->trouble
                                              : opening        ? "for workers that read the data"
                                                               : "for a worker");
        jsonout_close(&json, '}');
    } else if (!roster->members) { /* it is queued, and not because of others */
        jsonout_open(&json, '{');
        jsonout_text_at(&json, "waiting", "for a worker");
        jsonout_close(&json, '}');
    }
    pthread_mutex_unlock(&roster->mutex);
    if (json.failed)
        code = RONDO_ENOMEM;
    if (!code && text.size > 2) { /* without its brackets */
        code = buf_append(out, ", ", 2);
        if (!code)
            code = buf_append(out, text.data + 1, text.size - 2);
    }
    buf_fini(&text);
    return code;
}

int roster_metrics(struct roster *roster, struct rondo_buf *out)
{
    struct gate_counts gate;
    struct metrics metrics = { .buf = out };
    int64_t state[MEMBER_CLOSING + 1] = { 0 }, seats = 0, lost;
    pthread_mutex_lock(&roster->mutex);
    for (const struct member *m = roster->members; m; m = m->next) {
        state[m->state]++;
        seats += m->who.threads;
    }
    lost = roster->lost;
    pthread_mutex_unlock(&roster->mutex);
    gate_count(roster->gate, &gate);
    metrics_family(&metrics, METRICS_GAUGE, "rondo_workers", "Worker processes by state.");
    for (int s = 0; s <= MEMBER_CLOSING; s++)
        metrics_whole(&metrics, "state", state_names[s], state[s]);
    metrics_family(&metrics, METRICS_GAUGE, "rondo_worker_seats", "Threads of all workers.");
    metrics_whole(&metrics, NULL, NULL, seats);
    const struct { const char *name, *help; int64_t value; } count[] = {
        { "rondo_rounds_total", "Rounds committed; those done again count again.",
          atomic_load_explicit(&roster->rounds, memory_order_relaxed) },
        { "rondo_workers_lost_total", "Workers cut off while they worked.", lost },
        { "rondo_connections_greeted_total", "Workers that came.", (int64_t)gate.arrived },
        { "rondo_connections_refused_total", "Workers refused: token, version, build, too many.",
          (int64_t)gate.refused },
        { "rondo_connections_malformed_total", "Connections of workers that were none, or too slow.",
          (int64_t)gate.malformed },
        { "rondo_wire_received_bytes_total", "From workers.", (int64_t)gate.bytes_in },
        { "rondo_wire_sent_bytes_total", "To workers.", (int64_t)gate.bytes_out },
        { "rondo_wire_received_frames_total", "From workers.", (int64_t)gate.frames_in },
        { "rondo_wire_sent_frames_total", "To workers.", (int64_t)gate.frames_out },
    };
    for (size_t i = 0; i < sizeof count / sizeof *count; i++) {
        metrics_family(&metrics, METRICS_COUNTER, count[i].name, count[i].help);
        metrics_whole(&metrics, NULL, NULL, count[i].value);
    }
    return metrics.failed ? RONDO_ENOMEM : RONDO_OK;
}
