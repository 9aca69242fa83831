/* metrics.h - GET /metrics: Prometheus text, version 0.0.4.
 *
 * Place:   service, floor 4, inside.  Names and units: https://prometheus.io/docs/practices/naming.
 * Threads: a struct metrics belongs to one thread.
 * Memory:  appends to a buffer that the caller owns.
 *
 * Errors stick: when the buffer cannot grow `failed` is true, and the rest is a no-op.
 */
#ifndef METRICS_H
#define METRICS_H

#include <rondo/types.h>

struct exchange;

struct metrics {
    struct rondo_buf *buf;
    const char *name; /* of the family that was begun */
    bool failed;
};

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

/* A family: what follows are its values.  name and help are constant words. */
void metrics_family(struct metrics *metrics, enum metrics_type type, const char *name, const char *help);
/* Of the family; label NULL: the only one. */
void metrics_whole(struct metrics *metrics, const char *label, const char *is, int64_t value);
void metrics_real(struct metrics *metrics, const char *label, const char *is, double value);

/* Makes the reply: the process, HTTP, jobs, and what the desk adds. */
void metrics_serve(struct exchange *exchange);

#endif
