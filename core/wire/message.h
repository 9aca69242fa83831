/* message.h - what coordinator and workers say to each other.
 *
 * Place:   core/wire, floor 1; docs/formats/wire.md is its normative description.
 * Threads: a message belongs to one thread at a time; sending moves it.
 * Memory:  a message holds one share of each parcel in it; message_fini drops them.
 *
 * In one process a message travels as this struct.  Between processes, and in tests that ask for
 * it, it is encoded; both ways the receiver sees the same message.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "core/wire/parcel.h"

#include <rondo/app.h>

enum message_type {
    /* coordinator -> worker */
    MESSAGE_STATE = 1, /* hold this state (shard, or -1 the common one): body packed, or fresh */
    MESSAGE_PUSH,
    MESSAGE_PULL,
    MESSAGE_COUPLE,
    MESSAGE_COMMIT,
    MESSAGE_SNAP,      /* pack a state that you hold (shard -1: the common one) and send it */
    /* worker -> coordinator */
    MESSAGE_DONE,      /* of PUSH, PULL, COUPLE: the body is the answer */
    MESSAGE_SNAPPED,   /* the body: the state as the app packs it */
    MESSAGE_FAILED,    /* code, and the error's words in the body */
};

enum {
    MESSAGE_FUSED = 1, /* PUSH: pull at once, the block has one partial */
    MESSAGE_FRESH = 2, /* STATE: create it, there is no body */
    MESSAGE_TIMED = 4, /* PUSH, PULL, COUPLE: say run_ns */
};

struct message {
    uint8_t type;   /* enum message_type */
    uint8_t flags;
    uint8_t kind;   /* enum rondo_kind */
    uint32_t epoch; /* of the job; a message of an older one is dropped */
    uint32_t tag;
    int32_t code;   /* FAILED: enum rondo_code */
    int32_t phase;
    int32_t block;
    int32_t shard;  /* -1: none, or the common state */
    int64_t round;
    int64_t ticket; /* names the work; comes back with its answer */
    int64_t count;  /* PUSH, PULL: variables; COUPLE: columns */
    int64_t run_ns; /* DONE of what is TIMED: what the worker computed, by its own clock; else 0 */
    struct parcel *variables; /* PUSH, PULL: int64 [count]; COUPLE: column, ptr, row */
    struct parcel *brief;
    struct parcel *couplings; /* double [count x count] */
    struct parcel *body;
    struct parcel *partials;  /* PULL: a chain in shard order */
    void *object;             /* PUSH, DONE: the block's state, moved; packed on the wire */
};

/* Drops what the message holds and zeroes it.  An object must have been taken before. */
void message_fini(struct message *message);

/* What encoding needs to know of the job. */
struct message_codec {
    const struct rondo_app *app;
    const void *problem;
    struct parcel_pool *pool; /* of the decoding thread */
};

/* As message_fini, with the block's state destroyed if the message holds one. */
void message_discard(struct message *message, const struct message_codec *codec);

/* Appends the message as bytes.  RONDO_ENOMEM, or the app's error from pack. */
int message_encode(const struct message *message, const struct message_codec *codec,
                   struct rondo_buf *out) RONDO_MUST_CHECK;

/* The same bytes in at most MESSAGE_PARTS pieces, one behind the other: large parcels are borrowed
 * from the message, all else goes to *scratch, whose content is replaced. */
enum { MESSAGE_PARTS = 7 };
int message_encode_parts(const struct message *message, const struct message_codec *codec,
                         struct rondo_buf *scratch, struct rondo_bytes parts[MESSAGE_PARTS],
                         int *count) RONDO_MUST_CHECK;

/* Reads one message that fills `in` exactly.  Anything else: RONDO_ESTATE, and *message is empty. */
int message_decode(struct rondo_bytes in, const struct message_codec *codec,
                   struct message *message) RONDO_MUST_CHECK;

#endif
