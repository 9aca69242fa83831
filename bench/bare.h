/* bare.h - NNG alone, doing a round's worth of messages: what Rondo's transport is measured by.
 *
 * Place: bench.   Threads: the caller's, and NNG's.   Memory: a process that measures, then ends.
 */
#ifndef BARE_H
#define BARE_H

#include <stdint.h>

enum { BARE_URL = 128 };

/* What passes between the coordinator and each worker in a round. */
struct bare_load {
    int32_t down;       /* messages to it; the last is answered */
    int32_t down_bytes; /* of each */
    int32_t up_bytes;   /* of the answer */
};

enum bare_kind {
    BARE_PAIR,   /* a pair0 socket for each worker, aio and nng_aio_wait */
    BARE_STREAM, /* a stream for each, likewise; a round's messages in one piece */
};

/* Listens at url, tells it to each worker's pipe, and returns rounds per second. */
double bare_rate(enum bare_kind kind, const char *url, const int *tell_url, int32_t workers,
                 int64_t rounds, const struct bare_load *load);
/* Answers until the coordinator goes. */
void bare_worker(enum bare_kind kind, const char *url, const struct bare_load *load);

#endif
