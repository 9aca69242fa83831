/* recording.c - records from one thread, rows by another.
 *
 * The ring is bytes.  A record (record.h) is never cut in two; where one does not fit before the ring's end,
 * what is left there is a gap.
 *
 * The writer's thread naps between two looks, so that a round costs the job's thread a copy and a lock that
 * nobody else holds; it is woken early where the ring is half full.  It has the least priority, for what it
 * takes of a core is taken from a worker that others wait for; so nobody waits for more of it than the piece
 * that it is about: who wants room, or all written, writes the rest.
 *
 * Workers that spin until there is work keep their cores, and the thread gets its turn where it hurts: when they
 * have some.  So they write themselves (recording_chore), a record between two looks for work; the thread then
 * opens the file, opens and commits transactions, and takes over where nobody helps or the ring fills all the same.
 */
#include "core/trace/recording.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/trace/record.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    PIECE_BYTES = 65536,    /* written, at most one record beyond it, before others may write */
    CHORE_BYTES = 16384,    /* a record up to this is a matter of microseconds */
    LEAST_PRIORITY = 19,
    NAP_NS = 40000000,      /* between two looks at the ring */
    QUIET_NS = 1000000000,  /* a job that is over by then has no thread; rows wait as long for their commit */
};

struct recording {
    struct recording_options options;
    char **meta;             /* our copy; NULL-ended, or NULL */
    unsigned char *ring;     /* [options.bytes] */
    int64_t opened_ns;
    int64_t last;            /* the latest round that was put in; these are the putting thread's */
    bool threaded;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t wake;     /* the writer's thread: there is something to do */
    pthread_cond_t room;     /* whoever puts: something was written */
    /* guarded by lock: */
    uint64_t from, to;       /* what is in the ring, in bytes since the beginning */
    bool writing;            /* somebody writes, without the lock */
    bool hurry, closing;     /* whoever puts writes; it puts no more */
    bool idle;               /* the thread sleeps until something is put */
    bool alone;              /* nobody helped while it napped */
    uint64_t helps;          /* records that others wrote */
    struct rondo_error failure; /* the first */
    int64_t dropped, dropped_told;
    int64_t committed_ns;
    bool uncommitted;

    /* Of whoever holds the lock, or is `writing`. */
    struct trace_writer *writer;
    bool made;               /* writer was opened, or there is none to open */
    bool flows;              /* trace_flows, as of the last write */

    _Atomic bool open;       /* recording_some would find something; written under lock */
};

/* ---- writing: by the thread, or by whoever puts where there is none ------------------------- */

static int make_writer(struct recording *recording, struct rondo_error *err)
{
    const struct recording_options *options = &recording->options;
    if (recording->made)
        return RONDO_OK;
    recording->made = true;
    return trace_create(options->dir, options->level, options->after,
                        (const char *const *)recording->meta, &recording->writer, err);
}

static void feed_digest(struct digest *digest, enum record_kind kind, const void *record)
{
    if (digest && kind == RECORD_ROUND)
        digest_round(digest, record);
    else if (digest && kind == RECORD_REPORT)
        digest_report(digest, record);
}

/* One record to the file and to the digest. */
static int write_one(struct recording *recording, enum record_kind kind, const void *record, struct rondo_error *err)
{
    struct trace_writer *writer = recording->writer;
    const struct record_cells *cells = record;
    feed_digest(recording->options.digest, kind, record);
    switch (kind) {
    case RECORD_ROUND: return trace_write(writer, record, err);
    case RECORD_REPORT: return trace_report(writer, record, err);
    case RECORD_PART: return trace_part(writer, record, err);
    case RECORD_CELLS: return trace_cells(writer, cells->cell, cells->count, err);
    case RECORD_GAP: break;
    }
    return RONDO_OK;
}

static void keep_failure(struct recording *recording, const struct rondo_error *err)
{
    if (err->code && !recording->failure.code)
        recording->failure = *err;
}

static int repeat(const struct recording *recording, struct rondo_error *err)
{
    const struct rondo_error *failure = &recording->failure;
    if (!failure->code)
        return RONDO_OK;
    return rondo_error_set(err, failure->code, failure->where, NULL, "%s", failure->what);
}

static struct record *head_at(const struct recording *recording, uint64_t at)
{
    return (struct record *)(void *)(recording->ring + at % recording->options.bytes);
}

/* Behind each change to what there is to write, or to who writes; holds the lock. */
static void show_open(struct recording *recording)
{
    bool free = recording->made && !recording->writing && !recording->hurry && !recording->closing;
    bool open = free && recording->from != recording->to && recording->flows
                && head_at(recording, recording->from)->bytes <= CHORE_BYTES;
    atomic_store_explicit(&recording->open, open, memory_order_relaxed);
}

/* Writes `enough` bytes of the ring, and what is cut there, without the lock, which is held before and after. */
static void write_some(struct recording *recording, size_t enough)
{
    uint64_t begin = recording->from, at = begin, end = recording->to;
    struct rondo_error err = { 0 };
    recording->writing = recording->uncommitted = true;
    show_open(recording);
    pthread_mutex_unlock(&recording->lock);
    int code = make_writer(recording, &err);
    while (at < end && at - begin < enough) {
        struct record *head = head_at(recording, at);
        int failed = write_one(recording, (enum record_kind)head->kind, head + 1, code ? NULL : &err);
        code = code ? code : failed;
        at += head->bytes;
    }
    pthread_mutex_lock(&recording->lock);
    recording->writing = false;
    recording->from = at;
    recording->flows = trace_flows(recording->writer);
    keep_failure(recording, &err);
    show_open(recording);
    pthread_cond_broadcast(&recording->room);
}

/* Commits what is written, and what has been dropped since it was last said. */
static void commit(struct recording *recording)
{
    struct rondo_error err = { 0 };
    int64_t dropped = recording->dropped;
    bool tell = dropped != recording->dropped_told;
    recording->writing = true;
    show_open(recording);
    pthread_mutex_unlock(&recording->lock);
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)dropped);
    const char *const meta[] = { "dropped", text, NULL };
    int code = tell ? trace_meta(recording->writer, meta, &err) : RONDO_OK;
    if (!code)
        code = trace_flush(recording->writer, &err);
    pthread_mutex_lock(&recording->lock);
    recording->writing = recording->uncommitted = recording->flows = false;
    recording->dropped_told = code ? recording->dropped_told : dropped;
    recording->committed_ns = clock_now_ns();
    keep_failure(recording, &err);
    pthread_cond_broadcast(&recording->room);
}

/* By the thread: much waits, or nobody helps. */
static bool presses(const struct recording *recording)
{
    uint64_t waits = recording->to - recording->from;
    return waits > 0 && (recording->alone || waits >= recording->options.bytes / 4 * 3);
}

/* Until it is time to look again, or much waits, or there is something after there was nothing. */
static void nap(struct recording *recording, int64_t now_ns)
{
    uint64_t helps = recording->helps;
    int64_t until_ns = now_ns + NAP_NS, due_ns = recording->committed_ns + QUIET_NS;
    bool uncommitted = recording->uncommitted;
    recording->idle = recording->from == recording->to && !uncommitted;
    if (recording->idle)
        pthread_cond_wait(&recording->wake, &recording->lock);
    else
        clock_cond_wait(&recording->wake, &recording->lock, uncommitted && due_ns < until_ns ? due_ns : until_ns);
    recording->alone = !recording->idle && recording->helps == helps;
    recording->idle = false;
}

/* Holds the lock, except while it sleeps or writes. */
static void write_on(struct recording *recording)
{
    while (!recording->closing) {
        int64_t now_ns = clock_now_ns();
        bool stands = recording->from != recording->to && !recording->flows; /* a commit or a transaction first */
        if (recording->writing || recording->hurry)
            pthread_cond_wait(&recording->room, &recording->lock);
        else if (recording->uncommitted && now_ns - recording->committed_ns >= QUIET_NS)
            commit(recording);
        else if (presses(recording))
            write_some(recording, PIECE_BYTES);
        else if (stands && recording->uncommitted)
            commit(recording);
        else if (stands)
            write_some(recording, 1);
        else
            nap(recording, now_ns);
    }
}

static void *writer_life(void *context)
{
    struct recording *recording = context;
    (void)setpriority(PRIO_PROCESS, 0, LEAST_PRIORITY); /* of this thread alone */
    pthread_mutex_lock(&recording->lock);
    write_on(recording);
    pthread_mutex_unlock(&recording->lock);
    return NULL;
}

static void start_thread(struct recording *recording)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    recording->committed_ns = clock_now_ns();
    recording->threaded = pthread_create(&recording->thread, NULL, writer_life, recording) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* ---- putting in: the lock is held ------------------------------------------------------------ */

static enum trace_level kept(const struct recording *recording)
{
    return recording->options.digest ? TRACE_ALL : recording->options.level;
}

/* A piece is written: by the thread where it is about one, else here. */
static void write_piece(struct recording *recording)
{
    recording->hurry = true;
    if (recording->writing)
        pthread_cond_wait(&recording->room, &recording->lock);
    else
        write_some(recording, PIECE_BYTES);
    recording->hurry = false;
    show_open(recording);
    pthread_cond_broadcast(&recording->room);
}

/* Until all that was put is written, and nobody writes. */
static void drain(struct recording *recording)
{
    while (recording->from != recording->to || recording->writing)
        write_piece(recording);
}

/* How many bytes a record takes at the ring's end, with the gap before it where it does not fit there. */
static size_t gap_before(const struct recording *recording, size_t bytes)
{
    size_t left = recording->options.bytes - recording->to % recording->options.bytes;
    return left < bytes ? left : 0;
}

static bool fits(const struct recording *recording, size_t bytes)
{
    return recording->to - recording->from + gap_before(recording, bytes) + bytes
           <= recording->options.bytes;
}

/* Whether there is room now; `waits`: there will be.  Nobody reads a ring that is empty. */
static bool find_room(struct recording *recording, size_t bytes, bool waits)
{
    if (recording->from == recording->to)
        recording->from = recording->to += recording->options.bytes - recording->to % recording->options.bytes;
    if (fits(recording, bytes) || !waits)
        return fits(recording, bytes);
    while (!fits(recording, bytes) && recording->from != recording->to)
        write_piece(recording);
    return find_room(recording, bytes, false);
}

static bool crosses(uint64_t had, size_t bytes, uint64_t mark)
{
    return had < mark && had + bytes >= mark;
}

static void put_in(struct recording *recording, enum record_kind kind, const void *record, size_t bytes)
{
    size_t gap = gap_before(recording, bytes), size = recording->options.bytes;
    uint64_t had = recording->to - recording->from;
    if (gap)
        *(struct record *)(void *)(recording->ring + recording->to % size) = (struct record){ gap, RECORD_GAP };
    record_pack(recording->ring + (recording->to + gap) % size, kind, record, kept(recording));
    recording->to += gap + bytes;
    bool half = crosses(had, gap + bytes, size / 2), much = crosses(had, gap + bytes, size / 4 * 3);
    if (had == 0)
        show_open(recording);
    if (recording->threaded && (recording->idle || half || much))
        pthread_cond_signal(&recording->wake);
    if (!recording->threaded && (half || clock_now_ns() - recording->opened_ns >= QUIET_NS))
        start_thread(recording);
    if (!recording->threaded && half) /* there can be none */
        drain(recording);
}

/* Larger than the ring: behind all that was before it, from where it is. */
static void write_through(struct recording *recording, enum record_kind kind, const void *record)
{
    struct rondo_error err = { 0 };
    drain(recording);
    int code = make_writer(recording, &err);
    if (!code && write_one(recording, kind, record, &err) == RONDO_OK)
        recording->uncommitted = true;
    keep_failure(recording, &err);
}

static int put(struct recording *recording, enum record_kind kind, const void *record, struct rondo_error *err)
{
    if (!recording)
        return RONDO_OK;
    const struct trace_round *round = kind == RECORD_ROUND ? record : NULL;
    size_t bytes = record_pack(NULL, kind, record, kept(recording));
    pthread_mutex_lock(&recording->lock);
    /* A round that replaces others is waited for: it is what makes them go. */
    bool waits = recording->options.level >= TRACE_BLOCKS || !round || round->round <= recording->last;
    if (bytes > recording->options.bytes)
        write_through(recording, kind, record);
    else if (find_room(recording, bytes, waits))
        put_in(recording, kind, record, bytes);
    else
        recording->dropped++;
    if (round)
        recording->last = round->round;
    int code = repeat(recording, err);
    pthread_mutex_unlock(&recording->lock);
    return code;
}

int recording_round(struct recording *recording, const struct trace_round *round, struct rondo_error *err)
{
    return put(recording, RECORD_ROUND, round, err);
}

int recording_report(struct recording *recording, const struct trace_report *report, struct rondo_error *err)
{
    return put(recording, RECORD_REPORT, report, err);
}

int recording_part(struct recording *recording, const struct trace_part *part, struct rondo_error *err)
{
    return put(recording, RECORD_PART, part, err);
}

int recording_cells(struct recording *recording, const struct trace_cell *cell, int64_t count,
                    struct rondo_error *err)
{
    struct record_cells cells = { count, cell };
    return put(recording, RECORD_CELLS, &cells, err);
}

/* ---- what is asked now and then --------------------------------------------------------------- */

/* Writes all that was put, then cuts behind round `last` and adds `meta`, where it is not NULL. */
static int bring_up_to_date(struct recording *recording, int64_t last, const char *const *meta,
                            struct rondo_error *err)
{
    struct rondo_error first = { 0 };
    if (!recording)
        return RONDO_OK;
    pthread_mutex_lock(&recording->lock);
    drain(recording);
    int code = make_writer(recording, &first);
    if (!code && last < INT64_MAX)
        code = trace_cut(recording->writer, last, &first);
    if (!code && meta)
        code = trace_meta(recording->writer, meta, &first);
    keep_failure(recording, &first);
    if (!code)
        commit(recording);
    code = repeat(recording, err);
    pthread_mutex_unlock(&recording->lock);
    return code;
}

int recording_flush(struct recording *recording, struct rondo_error *err)
{
    return bring_up_to_date(recording, INT64_MAX, NULL, err);
}

int recording_meta(struct recording *recording, const char *const *meta, struct rondo_error *err)
{
    return bring_up_to_date(recording, INT64_MAX, meta, err);
}

int recording_cut(struct recording *recording, int64_t last, struct rondo_error *err)
{
    return bring_up_to_date(recording, last, NULL, err);
}

static bool chore_open(void *context)
{
    struct recording *recording = context;
    return atomic_load_explicit(&recording->open, memory_order_relaxed);
}

/* Whoever helps waits for nobody: not for the lock either. */
static bool chore_some(void *context)
{
    struct recording *recording = context;
    if (!chore_open(context) || pthread_mutex_trylock(&recording->lock))
        return false;
    bool flowed = recording->flows, open = chore_open(context);
    recording->flows = open ? trace_flows(recording->writer) : flowed; /* a transaction may have grown old */
    show_open(recording);
    open = chore_open(context);
    if (open) {
        recording->helps++;
        trace_hold(recording->writer, true);
        write_some(recording, 1);
        trace_hold(recording->writer, false);
    }
    if (recording->threaded && flowed && !recording->flows)
        pthread_cond_signal(&recording->wake);
    pthread_mutex_unlock(&recording->lock);
    return open;
}

struct chore recording_chore(struct recording *recording)
{
    return recording ? (struct chore){ chore_open, chore_some, recording } : (struct chore){ 0 };
}

bool recording_wants_details(struct recording *recording)
{
    return recording && (recording->options.level >= TRACE_BLOCKS
                         || (recording->options.digest && digest_hungry(recording->options.digest)));
}

int64_t recording_dropped(const struct recording *recording)
{
    return recording ? recording->dropped : 0; /* the thread that counts asks */
}

/* ---- life --------------------------------------------------------------------------------------- */

static void destroy(struct recording *recording)
{
    for (char **text = recording->meta; text && *text; text++)
        mem_free(*text);
    mem_free(recording->meta);
    mem_free(recording->ring);
    pthread_mutex_destroy(&recording->lock);
    pthread_cond_destroy(&recording->wake);
    pthread_cond_destroy(&recording->room);
    mem_free(recording);
}

/* A new trace begins with nothing dropped. */
static int copy_meta(struct recording *recording, const char *const *meta)
{
    static const char *const dropped[] = { "dropped", "0" };
    size_t count = 0, more = recording->options.after < 0 ? 2 : 0;
    while (meta && meta[count])
        count++;
    recording->meta = mem_calloc(count + more + 1, sizeof *recording->meta);
    for (size_t i = 0; recording->meta && i < count + more; i++)
        if (!(recording->meta[i] = mem_strdup(i < count ? meta[i] : dropped[i - count])))
            return RONDO_ENOMEM;
    return recording->meta ? RONDO_OK : RONDO_ENOMEM;
}

static int set_up(struct recording *recording, struct rondo_error *err)
{
    struct recording_options *options = &recording->options;
    /* At TRACE_ROUNDS what does not fit is lost. */
    size_t usual = options->level == TRACE_ROUNDS ? 4 * RECORDING_BYTES : RECORDING_BYTES;
    size_t bytes = options->bytes ? options->bytes : usual;
    options->bytes = (bytes + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
    recording->ring = mem_calloc(options->bytes, 1); /* untouched where it is not used */
    if (!recording->ring || copy_meta(recording, options->meta))
        return rondo_error_set(err, RONDO_ENOMEM, options->dir, NULL,
                               "cannot record a trace: out of memory");
    recording->made = !options->dir;
    bool now = options->dir && (options->level > TRACE_ROUNDS || options->after >= 0);
    int code = now ? make_writer(recording, err) : RONDO_OK;
    if (!code && options->after >= 0) {
        recording->dropped_told = trace_meta_number(recording->writer, "dropped");
        recording->dropped = recording->dropped_told < 0 ? 0 : recording->dropped_told;
    }
    return code;
}

int recording_open(const struct recording_options *options, struct recording **out,
                   struct rondo_error *err)
{
    *out = NULL;
    if (!options->digest && (!options->dir || options->level == TRACE_OFF))
        return RONDO_OK;
    struct recording *recording = mem_calloc(1, sizeof *recording);
    if (!recording)
        return rondo_error_set(err, RONDO_ENOMEM, options->dir, NULL,
                               "cannot record a trace: out of memory");
    recording->options = *options;
    if (options->level == TRACE_OFF)
        recording->options.dir = NULL;
    recording->opened_ns = recording->committed_ns = clock_now_ns();
    recording->last = INT64_MIN;
    pthread_mutex_init(&recording->lock, NULL);
    clock_cond_init(&recording->wake);
    pthread_cond_init(&recording->room, NULL);
    int code = set_up(recording, err);
    if (!code) {
        *out = recording;
        return RONDO_OK;
    }
    trace_close(recording->writer, NULL);
    destroy(recording);
    return code;
}

static void end_thread(struct recording *recording)
{
    if (!recording->threaded)
        return;
    pthread_mutex_lock(&recording->lock);
    recording->closing = true;
    pthread_cond_signal(&recording->wake);
    pthread_mutex_unlock(&recording->lock);
    pthread_join(recording->thread, NULL);
    recording->threaded = false;
}

int recording_close(struct recording *recording, struct rondo_error *err)
{
    struct rondo_error last = { 0 };
    if (!recording)
        return RONDO_OK;
    end_thread(recording);
    recording_flush(recording, &last);
    struct rondo_error closed = { 0 };
    trace_close(recording->writer, &closed);
    keep_failure(recording, &closed);
    int code = repeat(recording, err);
    destroy(recording);
    return code;
}
