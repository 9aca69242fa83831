/* page.h - the page for people at /: jobs and workers.
 *
 * Place:   service, floor 4, inside.
 * Threads: an exchange belongs to one thread.
 * Memory:  a copy for each reply, since each has its own nonce.
 */
#ifndef PAGE_H
#define PAGE_H

#include "service/exchange.h"

void page_serve(struct exchange *exchange);

#endif
