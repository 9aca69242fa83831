/* empty_app.h - an app whose rounds do nothing, so that only Rondo's own time is left.
 *
 * Place: bench, <rondo/...> only.   Threads: as app.h says.   Memory: 2 numbers.
 */
#ifndef EMPTY_APP_H
#define EMPTY_APP_H

#include <rondo/app.h>

/* The problem that the app would open: how many tasks a round has, one for each worker. */
struct empty_problem {
    int32_t tasks;
};

/* Every round is a sweep: a task pushes one number, pull hands it on, settle commits. */
extern const struct rondo_app empty_app;

#endif
