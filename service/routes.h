/* routes.h - what can be asked for.
 *
 * Place:   service, floor 4, inside.
 * Threads: an exchange belongs to one thread.
 * Memory:  none.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "service/exchange.h"

struct route;

/* Looks at method and target before the body has come: sets exchange->route, id and name; or makes
 * the reply that refuses them. */
void routes_find(struct exchange *exchange, const char *method);
/* May it be asked for by anybody (no token)? */
bool routes_open(const struct route *route);
/* Does it read the body? */
bool routes_reads(const struct route *route);
/* Makes the reply. */
void routes_serve(struct exchange *exchange);

#endif
