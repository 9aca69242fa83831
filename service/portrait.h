/* portrait.h - a job as the service shows it: JSON.
 *
 * Place:   service, floor 4, inside; docs/formats/http.md has the keys.
 * Threads: safe.
 * Memory:  appends to the writer's buffer.
 */
#ifndef PORTRAIT_H
#define PORTRAIT_H

#include "core/job/jsonout.h"
#include "service/exchange.h"

/* The keys that a list shows, as one object. */
void portrait_row(struct jsonout *out, const struct jobs_row *row);
/* The same, and of a running job at a glance how far it is. */
void portrait_live(struct jsonout *out, const struct http *http, const struct jobs_row *row);
/* The same, the last progress, and what the desk adds. */
void portrait_now(struct jsonout *out, const struct http *http, const struct jobs_row *row);
/* All workers: {"workers": [...]}. */
void portrait_workers(struct jsonout *out, const struct http *http);
/* All that is known: the spec, the last progress, the files, and what the desk adds. */
void portrait_whole(struct jsonout *out, const struct http *http, const struct jobs_row *row);

#endif
