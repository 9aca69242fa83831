/* engine_i.h - the engine's parts, seen by its own files alone.
 *
 * Place:   coordinator, floor 3, private: engine.c, flight.c, plan.c, phase.c, order.c,
 *          couple.c, dispatch.c, snapshot.c, conclude.c.
 * Threads: one.
 */
#ifndef ENGINE_I_H
#define ENGINE_I_H

#include "coordinator/engine.h"
#include "core/net/net.h"

enum {
    WINDOW = 3,     /* pieces of work that a worker may have at once */
    ANYONES_MOST = 128, /* pieces that NET_ANYONE may have at once: one worker may do them all, and a transport
                         * has room for as many answers */
    DROPS_MOST = 3, /* workers let go in one round because they failed; then it is the job */
};

enum work_state { WORK_IDLE, WORK_QUEUED, WORK_SENT, WORK_DONE };
enum work_set { SET_PUSH, SET_PULL, SET_COUPLE };

/* One message's worth of work. */
struct work {
    enum work_state state;
    int32_t worker;  /* SENT: who has it; NET_ANYONE: not known */
    int32_t owner;   /* who must have it; -1: any */
    bool anyones;    /* the transport finds a worker for it */
    int32_t block;   /* index into phase.block; COUPLE: tile */
    int32_t shard;
    struct parcel *answer;
};

struct works {
    struct work *item; /* [count] */
    int64_t count, capacity, open; /* open: not yet done */
};

/* A block of the phase under way. */
struct block {
    int32_t id; /* number of the block or chunk */
    int32_t shard; /* PLAN: its one shard, or -1 */
    int64_t count;
    struct parcel *variables, *brief, *couplings;
    int64_t first, pieces; /* in the works of SET_PUSH */
    int64_t open;          /* pushes not done */
};

/* The phase under way: every block's pushes, then its pull. */
struct phase {
    bool active;
    int32_t number;
    enum rondo_kind kind; /* SAMPLED, SWEEP, PLAN, JOIN */
    uint32_t tag;
    bool no_pull, fused;
    struct block *block; /* [blocks] */
    int32_t blocks, capacity;
    struct works push, pull;
    struct rondo_task *task;   /* [results], for settle */
    struct rondo_bytes *result;
    int64_t results_capacity;
};

/* A set of couplings under way. */
struct couple {
    bool active, answered;
    int64_t round; /* that they are for */
    struct rondo_pairs need;
    int64_t *tile; /* [tiles + 1]: first column of each */
    int64_t tiles, tiles_capacity;
    double *value;
    int64_t value_capacity;
    struct works works;
};

/* What host->feed said moved since the last commit, where the observer wants it. */
struct moves {
    int64_t *variable; /* [count] */
    double *delta;     /* [count] */
    int64_t count, capacity;
    bool lost;         /* there was no memory for some */
};

/* A round that is planned and not committed. */
struct flight {
    struct rondo_order order;  /* its pairs point into `pairs` */
    struct rondo_pair *pairs;
    int64_t pairs_capacity;
    struct parcel **couplings; /* [blocks of the plan], where the order asks for them */
    int32_t couplings_count, couplings_capacity;
    int64_t pairs_computed;
};

struct worker_seat {
    bool joined, left, holds; /* holds: has its states, takes part */
    bool leaving;             /* to be released at the next boundary */
    int32_t outstanding;
    bool spoke;               /* has answered in this epoch, and so has the states that it was sent */
    bool snap_due;            /* a SNAP was sent and not answered, */
    int32_t snap;             /* for this state; -1: the common one */
    int64_t *queue;           /* tickets that only this worker can do: a ring */
    int64_t queue_head, queue_count, queue_capacity;
};

/* The whole state at the boundary behind a round's commit. */
struct snapshot {
    bool complete;
    int64_t round;
    struct rondo_buf core;     /* head, scheduler, blocks, planned rounds, counts */
    struct rondo_buf *state;   /* [1 + shards], the common state first; empty: fresh */
    bool *have;                /* [1 + shards] */
    int32_t missing;           /* workers that have not sent all of theirs */
};

struct outbox_item {
    int32_t worker;
    struct message message;
};

struct engine {
    struct engine_options options;
    const struct rondo_app *app;
    const void *problem;
    struct engine_observer observer;
    struct rondo_layout layout;
    struct parcel_pool pool;

    enum engine_state state;
    struct rondo_error error;
    const char *stop_reason; /* a constant string */
    const char *stop_asked;  /* by engine_stop; NULL: not */
    bool stop_keeps;
    const char *stop_of_round; /* a round is the job's last, and why; forgotten where it is rolled back */
    const char *ended;  /* a restored job had ended already, and why; NULL: it goes on */

    void *head;
    struct scheduler *scheduler; /* NULL where nothing is sampled */
    void **block_state;          /* [layout.blocks] */
    void **shard_state;          /* [layout.shards], of a job that has concluded; else NULL */
    int64_t committed, planned;  /* last round of each kind */
    int64_t updates, pair_dots;
    int64_t refetch; /* first restored plan whose couplings are to be fetched; beyond planned: none */
    int64_t told; /* the last round that the observer heard of */

    bool planning;        /* round planned + 1 is being planned */
    bool plan_made;       /* its blocks are cut, their couplings are being fetched */
    struct flight *flight; /* [pipeline], by round modulo pipeline */
    struct phase phase;
    struct couple couple;
    struct moves moves;
    bool join_waits;      /* the phase waits for the couplings of its one block */

    uint32_t epoch;
    struct worker_seat *seat; /* [seats] */
    int32_t seats, joined;    /* joined: here and not left */
    int32_t drops;            /* workers let go since the last commit because they failed */
    int32_t *owner;           /* [shards]: which worker holds it */
    int64_t *queue;           /* tickets that any worker can do: a ring */
    int64_t queue_head, queue_count, queue_capacity;
    int32_t turn;             /* who is offered work first */
    int32_t anyones;          /* pieces that NET_ANYONE has */

    struct snapshot safe, making;
    bool making_cut, cut_wanted, cut_told, rebalance;

    struct outbox_item *outbox; /* a ring */
    int64_t outbox_head, outbox_count, outbox_capacity;
    struct rondo_buf packed;    /* room for packing */
    int64_t *seen, seen_stamp;  /* [blocks + shards] when a plan last named each */
};

/* ---- engine.c */
int engine_fail(struct engine *engine, int code, const char *what);
/* Fails for a callback of the app that did. */
int engine_app_failed(struct engine *engine, int code, const char *callback);
/* The worker is gone, and the observer is told why. */
void engine_let_go(struct engine *engine, int32_t worker, const char *why);
/* Fails for an order that the app may not give. */
int engine_app_wrong(struct engine *engine, const char *what);
int engine_post(struct engine *engine, int32_t worker, const struct message *message);
/* A round ends the job.  That goes before what was asked meanwhile: where a job is at its end there is
 * nothing to go on with, and a resumed one would do what none that was let alone does.  Not before a
 * cancellation, which keeps nothing. */
void engine_stop_here(struct engine *engine, const char *reason);
void engine_told(struct engine *engine, const struct engine_moment *moment);
void engine_told_of(struct engine *engine, enum engine_what what, int64_t round);
/* Of a task that is out or has just come back. */
void engine_told_task(struct engine *engine, enum engine_what what, int32_t worker, int64_t ticket,
                      int64_t run_ns);

/* ---- dispatch.c: who does what */
int works_resize(struct works *works, int64_t count);
void works_clear(struct works *works); /* drops answers */
int dispatch_queue(struct engine *engine, enum work_set set, int64_t index);
int dispatch_offer(struct engine *engine);           /* hands queued work to workers with room */
int dispatch_requeue(struct engine *engine, int32_t worker); /* takes back what it had */
void dispatch_reset(struct engine *engine);          /* forgets all queues */
struct work *dispatch_find(struct engine *engine, int64_t ticket);

/* No job gets there, and counting on cannot overflow. */
#define COUNT_MOST (INT64_MAX / 2)

/* ---- order.c: what an app may ask for; NULL, or what is wrong with it */
const char *order_wrong(struct engine *engine, const struct rondo_order *order);
const char *order_wrong_next(struct engine *engine, const struct rondo_order *order);
const char *order_wrong_plan(struct engine *engine, const struct rondo_order *order);
int order_keep_pairs(struct flight *flight); /* the order's pairs outlive the app's call */

/* ---- couple.c: couplings from workers */
int couple_open(struct engine *engine, const struct rondo_pairs *need);
/* A tile as a message: column, ptr, row; made when it is sent, NULL where memory is short. */
struct parcel *couple_tile(struct engine *engine, int32_t tile, int64_t *columns);
int couple_keep(struct engine *engine, struct work *work); /* one is answered */
int couple_close(struct engine *engine); /* all are answered: tells the scheduler */
void couple_clear(struct couple *couple);
/* The couplings of `count` variables into a new parcel; *parcel stays NULL while some are missing. */
int couple_fetch(struct engine *engine, int64_t count, const int64_t *variables,
                 struct parcel **parcel);

/* ---- plan.c: the round after the last planned */
int plan_begin(struct engine *engine);
int plan_continue(struct engine *engine);
int plan_refetch(struct engine *engine); /* couplings of restored plans */

/* ---- phase.c: blocks and tasks of the round under way */
int phase_first(struct engine *engine);
int phase_next(struct engine *engine, const struct rondo_order *order);
int phase_join(struct engine *engine); /* goes on when a join's couplings have come */
struct rondo_task phase_task(const struct engine *engine, const struct block *block);
void phase_drop_blocks(struct phase *phase);
void phase_drop_answers(struct phase *phase);

/* ---- flight.c: one round */
int flight_advance(struct engine *engine);  /* as far as it goes without an answer */
/* Has a DONE what its ticket asks for? */
bool flight_fits(const struct engine *engine, const struct message *message);
int flight_answer(struct engine *engine, int64_t ticket, struct message *message);
void flight_reset(struct engine *engine);   /* forgets rounds in flight */
struct flight *flight_of(struct engine *engine, int64_t round);
void moves_keep(struct engine *engine, int64_t count, const int64_t *variables, const double *delta);

/* ---- snapshot.c: boundaries, rollback */
int snapshot_boundary(struct engine *engine);    /* behind a commit, before the next plan */
/* RONDO_ESTATE: the worker's words are wrong, the cut still waits for it. */
int snapshot_snapped(struct engine *engine, int32_t worker, const struct message *message);
int snapshot_lost(struct engine *engine, int32_t worker); /* a worker left */
int snapshot_rollback(struct engine *engine);    /* to the safe cut, with the workers that there are */
int snapshot_idle(struct engine *engine);        /* no worker is left: wait at the safe cut, or end */
int snapshot_parse(struct engine *engine, struct rondo_bytes in);
void snapshot_fini(struct snapshot *cut, int32_t shards);
int snapshot_init(struct snapshot *cut, int32_t shards);

/* ---- conclude.c: when it has stopped for good */
void conclude_fini(struct engine *engine);

#endif
