#include "coordinator/server.h"

#include <string.h>

enum { LOOK_EVERY = 64 }; /* turns between two looks at the clock and the signals */

static bool running(const struct engine *engine)
{
    enum engine_state state = engine_state(engine);
    return state == ENGINE_WAITING || state == ENGINE_RUNNING;
}

static int flush(const struct server_options *options)
{
    struct message message;
    int32_t worker;
    while (engine_outgoing(options->engine, &worker, &message)) {
        int code = options->hub->ops->send(options->hub, worker, &message);
        if (code)
            return code;
    }
    return RONDO_OK;
}

/* One event, if there is one; 1: there was. */
static int turn(const struct server_options *options)
{
    struct net_event event;
    int code = options->hub->ops->receive(options->hub, &event);
    if (code)
        return code;
    switch (event.type) {
    case NET_NOTHING: return 0;
    case NET_JOINED: engine_join(options->engine, event.worker); break;
    case NET_LEFT: engine_leave(options->engine, event.worker); break;
    case NET_RECALLED: engine_release(options->engine, event.worker); break;
    case NET_MESSAGE: engine_message(options->engine, event.worker, &event.message); break;
    }
    code = flush(options);
    return code ? code : 1;
}

/* What the clock and the person ask for; none of it can change a bit of a later round. */
static void look(const struct server_options *options, double *next_checkpoint)
{
    const char *asked = options->asked ? options->asked(options->context) : NULL;
    if (asked)
        engine_stop(options->engine, asked, strcmp(asked, "cancelled") != 0);
    double seconds = recorder_seconds(options->recorder);
    /* Before a first round there is nothing to say how far it came. */
    if (options->seconds > 0 && seconds >= options->seconds && engine_rounds(options->engine) > 0)
        engine_stop(options->engine, "seconds", true);
    if (options->checkpoint_seconds > 0 && seconds >= *next_checkpoint) {
        *next_checkpoint = seconds + options->checkpoint_seconds;
        engine_checkpoint(options->engine);
    }
}

int server_run(const struct server_options *options, struct rondo_error *err)
{
    double next_checkpoint = recorder_seconds(options->recorder) + options->checkpoint_seconds;
    for (uint32_t turns = 0; running(options->engine); turns++) {
        int did = turn(options);
        if (did < 0)
            return rondo_error_set(err, did, NULL, NULL, "a message could not pass: %s",
                                   rondo_strerror(did));
        if (recorder_error(options->recorder)->code) {
            *err = *recorder_error(options->recorder);
            return err->code;
        }
        if (turns % LOOK_EVERY == 0)
            look(options, &next_checkpoint);
        if (did == 0 && running(options->engine)) {
            look(options, &next_checkpoint);
            options->hub->ops->wait(options->hub, INT64_C(100000000));
        }
    }
    return RONDO_OK;
}
