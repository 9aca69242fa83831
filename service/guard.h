/* guard.h - who may ask: the token, or this machine's own programs and pages.
 *
 * Place:   service, floor 4, inside.
 * Threads: constant once made.
 * Memory:  none.
 */
#ifndef GUARD_H
#define GUARD_H

#include "service/fault.h"

#include <rondo/types.h>

struct guard {
    bool asks;           /* a token is asked for */
    char digest[65];     /* its sha256 */
    const char *scheme;  /* "http" or "https" */
    char host[64];       /* the address that is bound, without port and brackets */
    bool anywhere;       /* bound to all addresses */
};

void guard_init(struct guard *guard, const char *token, bool tls, const char *host);
/* Is it the value of Authorization that is asked for?  In a time that does not depend on how much of
 * it is right. */
bool guard_token(const struct guard *guard, const char *authorization);
/* Is the value of Host a name of this machine that nobody else's page can bear (DNS rebinding)? */
bool guard_host(const struct guard *guard, const char *host);
/* Is the value of Origin the page of this very server? */
bool guard_origin(const struct guard *guard, const char *origin, const char *host);

#endif
