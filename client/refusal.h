/* refusal.h - what went wrong between a client and a coordinator, in a person's words.
 *
 * Place:   client, floor 4, inside.
 * Threads: safe.
 * Memory:  none is kept.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <rondo/err.h>

/* How a transfer failed.  os_errno and problem ("" or libcurl's words) say more. */
struct refusal_transfer {
    const char *url; /* the coordinator's */
    int curl;        /* CURLcode */
    int os_errno;
    const char *problem;
};

/* No coordinator, or no answer: RONDO_EREFUSED; RONDO_ENOMEM; RONDO_EINPUT at a bad CA file. */
int refusal_of_transfer(const struct refusal_transfer *failed, struct rondo_error *err);
/* Nothing was heard for so long. */
int refusal_of_silence(const char *url, double seconds, struct rondo_error *err);

/* An answer that is not 2xx, in the service's own words where it is JSON:
 *     400, 404, 409, 413 and other 4xx: RONDO_EINPUT; 401, 403, 429, 503, 507: RONDO_EREFUSED;
 *     other 5xx: RONDO_EIO; anything else is no coordinator's: RONDO_EREFUSED.
 * outside_roots is a 403 and RONDO_EINPUT. */
int refusal_of_status(const char *url, int status, const char *body, size_t size,
                      struct rondo_error *err);

#endif
