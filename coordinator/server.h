/* server.h - the only loop: events from the transport to the engine, messages back.
 *
 * Place:   coordinator, floor 3.
 * Threads: the coordinator's.
 */
#ifndef SERVER_H
#define SERVER_H

#include "coordinator/engine.h"
#include "coordinator/recorder.h"
#include "core/net/net.h"

struct server_options {
    struct engine *engine;
    struct recorder *recorder;
    struct net_hub *hub;
    double seconds;            /* stop.seconds in all; 0: no limit */
    double checkpoint_seconds; /* between two checkpoints; 0: none */
    /* Asked now and then: why to stop, a constant string; NULL: go on. */
    const char *(*asked)(void *context);
    void *context;
};

/* Runs until the engine is done or has failed.  An error of the transport or of writing. */
int server_run(const struct server_options *options, struct rondo_error *err) RONDO_MUST_CHECK;

#endif
