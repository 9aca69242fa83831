/* events.h - what goes on, as server-sent events, and a job's digest.
 *
 * Place:   service, floor 4, inside; docs/formats/http.md has the events.
 * Threads: an exchange belongs to one thread; followers are trail.h's.
 * Memory:  texts are shared by all who are sent them (sheet.h).
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "service/exchange.h"

/* GET /v1/events: of all jobs and workers. */
void events_serve(struct exchange *exchange);
/* GET /v1/jobs/ID/events; the job exists. */
void events_serve_job(struct exchange *exchange);
/* GET /v1/jobs/ID/digest, of the job of this row. */
void events_serve_digest(struct exchange *exchange, const struct jobs_row *row);

#endif
