#include "tests/support/remote_cluster.h"

#include "core/base/mem.h"
#include "tests/support/peer.h"
#include "workers/worker.h"

#include <pthread.h>

struct seat_thread {
    struct remote_link *link;
    struct worker *worker;
    pthread_t thread;
    bool started;
};

/* What would be a worker process. */
struct process {
    struct conn *conn;
    struct seat_thread *seat; /* [seats] */
    int32_t seats;
    uint32_t session;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool closed; /* guarded by lock */
};

struct remote_cluster {
    struct remote_hub *hub;
    struct gate *gate;
    struct process *process; /* [processes] */
    int32_t processes, seats;
};

/* ---- the coordinator's events ------------------------------------------------------------------ */

static void gate_arrived(void *context, struct conn *conn, const struct frame_who *who)
{
    (void)context;
    conn_tag(conn, (void *)(uintptr_t)who->threads);
}

static void gate_frame(void *context, struct conn *conn, const struct frame *frame,
                       struct rondo_buf *body)
{
    struct remote_cluster *cluster = context;
    if (frame->type == FRAME_MESSAGE) {
        remote_hub_frame(cluster->hub, frame, body);
        return;
    }
    buf_fini(body);
    int32_t seats = (int32_t)(uintptr_t)conn_tagged(conn);
    conn_tag(conn, (void *)(uintptr_t)frame->session);
    if (remote_hub_join(cluster->hub, conn, frame->session, seats))
        conn_close(conn);
}

static void gate_closed(void *context, struct conn *conn, const char *why)
{
    struct remote_cluster *cluster = context;
    (void)why;
    remote_hub_leave(cluster->hub, (uint32_t)(uintptr_t)conn_tagged(conn));
}

/* ---- a worker's events ------------------------------------------------------------------------- */

static void process_frame(void *context, struct conn *conn, const struct frame *frame,
                          struct rondo_buf *body)
{
    struct process *process = context;
    (void)conn;
    if (frame->type == FRAME_MESSAGE && frame->seat < process->seats)
        remote_link_frame(process->seat[frame->seat].link, body);
    else
        buf_fini(body);
}

static void process_closed(void *context, struct conn *conn, const char *why)
{
    struct process *process = context;
    (void)conn;
    (void)why;
    for (int32_t i = 0; i < process->seats; i++)
        if (process->seat[i].link)
            remote_link_cut(process->seat[i].link);
    pthread_mutex_lock(&process->lock);
    process->closed = true;
    pthread_cond_broadcast(&process->change);
    pthread_mutex_unlock(&process->lock);
}

static void *live(void *context)
{
    worker_loop(context);
    return NULL;
}

static int start_seat(struct process *process, uint16_t number,
                      const struct remote_cluster_options *options, struct rondo_error *err)
{
    struct seat_thread *seat = &process->seat[number];
    int code = remote_link_create(process->conn, process->session, number, options->app,
                                  options->problem, &seat->link, err);
    if (code)
        return code;
    struct worker_options worker = { .app = options->app, .problem = options->problem,
                                     .seed = options->seed, .link = remote_link_net(seat->link) };
    return worker_create(&worker, &seat->worker, err);
}

static int start_process(struct process *process, const char *url, int32_t seats,
                         const struct remote_cluster_options *options, struct rondo_error *err)
{
    struct conn_options dial = { .url = url, .token = "cluster",
                                 .events = { process, NULL, process_frame, process_closed } };
    struct frame_who who = peer_who();
    struct frame ready = { .type = FRAME_READY, .session = process->session };
    who.threads = (uint32_t)seats;
    process->seat = mem_calloc((size_t)seats, sizeof *process->seat);
    if (!process->seat)
        return RONDO_ENOMEM;
    process->seats = seats;
    int code = dial_open(&dial, &who, 60, &process->conn, err);
    for (uint16_t i = 0; i < seats && !code; i++)
        code = start_seat(process, i, options, err);
    for (int32_t i = 0; i < seats && !code; i++) {
        struct seat_thread *seat = &process->seat[i];
        seat->started = pthread_create(&seat->thread, NULL, live, seat->worker) == 0;
        code = seat->started ? RONDO_OK : RONDO_ENOMEM;
    }
    return code ? code : conn_send(process->conn, &ready, NULL, 0);
}

int remote_cluster_start(const struct remote_cluster_options *options,
                         struct remote_cluster **out, struct rondo_error *err)
{
    struct remote_cluster *cluster = mem_calloc(1, sizeof *cluster);
    if (!cluster)
        return RONDO_ENOMEM;
    struct conn_options gate = { .url = options->url, .token = "cluster", .lease_ms = 60000, /* it is not lost by itself */
                                 .events = { cluster, gate_arrived, gate_frame, gate_closed } };
    cluster->seats = options->seats ? options->seats : 1;
    cluster->processes = (options->workers + cluster->seats - 1) / cluster->seats;
    cluster->process = mem_calloc((size_t)cluster->processes, sizeof *cluster->process);
    for (int32_t i = 0; i < cluster->processes; i++) {
        pthread_mutex_init(&cluster->process[i].lock, NULL);
        pthread_cond_init(&cluster->process[i].change, NULL);
        cluster->process[i].session = (uint32_t)i + 1;
    }
    int code = remote_hub_create(options->app, options->problem, &cluster->hub, err);
    if (!code)
        code = gate_open(&gate, &cluster->gate, err);
    for (int32_t i = 0; i < cluster->processes && !code; i++) {
        int32_t left = options->workers - i * cluster->seats;
        code = start_process(&cluster->process[i], gate_url(cluster->gate),
                             left < cluster->seats ? left : cluster->seats, options, err);
    }
    *out = cluster;
    return code;
}

struct net_hub *remote_cluster_hub(struct remote_cluster *cluster)
{
    return remote_hub_net(cluster->hub);
}

void remote_cluster_take_away(struct remote_cluster *cluster, int32_t worker)
{
    uint32_t session = remote_hub_session(cluster->hub, worker);
    if (session)
        conn_close(cluster->process[session - 1].conn);
}

void remote_cluster_stop(struct remote_cluster *cluster)
{
    if (!cluster)
        return;
    gate_close(cluster->gate);
    for (int32_t i = 0; i < cluster->processes; i++) {
        struct process *process = &cluster->process[i];
        if (!process->conn)
            continue;
        pthread_mutex_lock(&process->lock);
        while (!process->closed)
            pthread_cond_wait(&process->change, &process->lock);
        pthread_mutex_unlock(&process->lock);
        for (int32_t s = 0; s < process->seats; s++)
            if (process->seat[s].started)
                pthread_join(process->seat[s].thread, NULL);
    }
}

void remote_cluster_destroy(struct remote_cluster *cluster)
{
    if (!cluster)
        return;
    for (int32_t i = 0; i < cluster->processes; i++) {
        struct process *process = &cluster->process[i];
        for (int32_t s = 0; s < process->seats; s++) {
            worker_destroy(process->seat[s].worker);
            remote_link_destroy(process->seat[s].link);
        }
        conn_drop(process->conn);
        mem_free(process->seat);
        pthread_mutex_destroy(&process->lock);
        pthread_cond_destroy(&process->change);
    }
    remote_hub_destroy(cluster->hub);
    mem_free(cluster->process);
    mem_free(cluster);
}
