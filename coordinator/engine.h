/* engine.h - a job's life as a pure function of events.
 *
 * Place:   coordinator, floor 3; driven by server.c, and by the simulator.  Reads no clock and no
 *          socket, and knows no app by name.
 * Threads: one.
 * Memory:  the engine owns the head, the scheduler and the blocks' states; steady rounds allocate
 *          nothing.
 *
 * Events come in by engine_join, _leave, _message, _stop, _checkpoint; messages go out by
 * engine_outgoing; what happened is told to an observer.  The order of planning, settling and
 * commits depends on round numbers alone, never on which worker was faster:
 *
 *     plan(1) .. plan(d)   commit(1)   plan(d+1)   commit(2)   plan(d+2)   ...      d = pipeline
 *
 * Round t is settled only when plan(t + d - 1) is made, so the head and the scheduler see the same
 * calls in the same order in every run.  A cut is the whole state at the boundary behind a commit;
 * a lost shard rolls the job back to the last one, a checkpoint writes one down.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "core/wire/message.h"
#include "scheduler/scheduler.h"

#include <rondo/app.h>

struct engine;

struct engine_options {
    const struct rondo_app *app;
    const struct rondo_host *host;
    const void *problem;              /* borrowed, outlives the engine */
    /* variables and cost are filled in from the app's layout; cache_bytes is the whole budget, of
     * which the cache gets half where that suffices: the rest is for what is under way */
    struct scheduler_config schedule;
    int32_t workers;                  /* the first round begins when so many have joined */
    bool patient;                     /* workers may come again: without one the job waits, and a
                                       * worker that fails is let go; else the job fails */
    bool together;                    /* workers are threads of one process and share the shards: what a
                                       * plan lists goes to NET_ANYONE, in its order */
    int64_t round_limit;              /* stop.rounds */
    int64_t snapshot_rounds;          /* a cut every so many rounds, where there are shards */
};

enum engine_what {
    ENGINE_PLAN_BEGIN, ENGINE_PLAN_END, ENGINE_PUSH_BEGIN, ENGINE_PUSH_END, ENGINE_TASK_SENT,
    ENGINE_TASK_DONE, ENGINE_COUPLE_BEGIN, ENGINE_COUPLE_END,
};

enum engine_work { ENGINE_PUSH, ENGINE_PULL, ENGINE_FUSED, ENGINE_COUPLE };

/* Something that happened within a round.  Where a job goes back to a cut its rounds begin anew, those that it
 * had planned with a PLAN_BEGIN and _END that take no time; of rounds that the observer has heard of nothing is
 * told again. */
struct engine_moment {
    enum engine_what what;
    int64_t round;
    /* TASK_SENT, TASK_DONE; the ticket is the task's own, of couplings `block` counts the pieces of a question */
    int64_t ticket;
    int32_t phase, block, shard, worker;
    uint32_t tag;
    enum engine_work work;
    int64_t run_ns; /* DONE: what the worker computed, by its own clock */
};

/* A committed round; borrowed. */
struct engine_round {
    int64_t round;
    enum rondo_kind kind;
    int32_t phases;
    int64_t updates;                   /* so far */
    int64_t own_updates;               /* of this round */
    int32_t staleness;                 /* commits that the state it was planned from lacked */
    int64_t moves;                     /* what host->feed said moved; where observer.details, else 0 */
    const int64_t *move;               /* [moves] */
    const double *delta;               /* [moves] */
    const char *note;                  /* the app's, or "" */
    const struct scheduler_plan *plan; /* sampled rounds; else NULL */
    int32_t blocks;
    const struct rondo_pair *pairs;    /* [blocks] of a plan; else NULL */
    const struct rondo_layout *layout;
    int64_t pairs_computed;            /* in all phases */
    const struct rondo_report *report; /* NULL unless asked for */
    bool progress;                     /* the app wants a line of progress */
};

/* Every member may be NULL. */
struct engine_observer {
    void *context;
    bool reports; /* fill engine_round.report on every commit, not only where progress is asked */
    bool details; /* keep what moved for engine_round */
    bool done_only; /* of tasks tell TASK_DONE alone */
    void (*round)(void *context, const struct engine_round *round);
    void (*moment)(void *context, const struct engine_moment *moment);
    /* A cut that was asked for by engine_checkpoint or a stop that keeps one.  ended: why the job has
     * ended where a round said so ("gap", "rounds"); else NULL, there is more to do. */
    void (*checkpoint)(void *context, int64_t round, const char *ended, struct rondo_bytes cut);
    /* The engine needs that worker no more: it was released, or it failed and why says how. */
    void (*released)(void *context, int32_t worker, const char *why);
};

enum engine_state { ENGINE_WAITING, ENGINE_RUNNING, ENGINE_DONE, ENGINE_FAILED };

int engine_create(const struct engine_options *options, const struct engine_observer *observer,
                  struct engine **engine, struct rondo_error *err) RONDO_MUST_CHECK;
/* When nobody holds a parcel that it made. */
void engine_destroy(struct engine *engine);

/* Goes on from a checkpoint instead of round 1; before any other event.  ended: a constant string,
 * why the job had ended then, and it ends again at once; NULL: there is more to do. */
int engine_restore(struct engine *engine, struct rondo_bytes cut, const char *ended,
                   struct rondo_error *err) RONDO_MUST_CHECK;

/* ---- events ------------------------------------------------------------------------------- */

/* How many shall join before the first round, where that is known late; before any joins. */
void engine_expect(struct engine *engine, int32_t workers);
/* Workers are numbered from 0 by the transport; a number is not used again. */
void engine_join(struct engine *engine, int32_t worker);
/* Also of one that was counted on, and is lost before it has joined. */
void engine_leave(struct engine *engine, int32_t worker);
/* That worker shall go: behind the next commit its states move to the others, and nothing is done
 * twice.  The observer hears of it. */
void engine_release(struct engine *engine, int32_t worker);
/* The message is moved. */
void engine_message(struct engine *engine, int32_t worker, struct message *message);
/* Ends the job at the next boundary behind a commit.  keep: hand a checkpoint to the observer, and where
 * that round ends the job anyway it has ended by the round's word. */
void engine_stop(struct engine *engine, const char *reason, bool keep);
/* Hands a checkpoint of the next boundary to the observer; the job goes on. */
void engine_checkpoint(struct engine *engine);

/* ---- upcalls: what host->feed and host->feed_all do ---------------------------------------- */

void engine_feed(struct rondo_head_link *link, int64_t count, const int64_t *variables,
                 const double *delta, const double *violation);
void engine_feed_all(struct rondo_head_link *link, const double *violation);
const void *engine_block(const struct rondo_head_link *link, int32_t index);
const void *engine_shard(const struct rondo_head_link *link, int32_t index);
/* The link that save gets. */
struct rondo_head_link *engine_link(struct engine *engine);

/* ---- what it wants ------------------------------------------------------------------------- */

/* The next message to send, to a worker or NET_ANYONE; false: none.  The caller moves it on. */
bool engine_outgoing(struct engine *engine, int32_t *worker, struct message *message);

/* Of an engine that is DONE and has a head, once: where the layout is with_shards, shows the shards' states
 * from now on; then has the app conclude.  Nothing of it is in a cut. */
int engine_conclude(struct engine *engine, struct rondo_error *err) RONDO_MUST_CHECK;

enum engine_state engine_state(const struct engine *engine);
const char *engine_stop_reason(const struct engine *engine); /* "gap", ...; "error" where it failed */
const struct rondo_error *engine_error(const struct engine *engine);
const void *engine_head(const struct engine *engine);
int64_t engine_rounds(const struct engine *engine);    /* committed */
int64_t engine_updates(const struct engine *engine);
int64_t engine_pair_dots(const struct engine *engine); /* couplings computed */
const struct rondo_layout *engine_layout(const struct engine *engine);
/* What fixed blocks, shards and chunks own, each once, as the app's parts has it; what tell answers but 0 is
 * passed on.  From engine_create on. */
int engine_parts(const struct engine *engine, int (*tell)(void *context, const struct rondo_part *part),
                 void *context) RONDO_MUST_CHECK;

#endif
