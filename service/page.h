/* page.h - the dashboard: files that are compiled in (assets/assets.h), named by a table and never looked for
 * on the disk.
 *
 * Place:   service, floor 4, inside.
 * Threads: an exchange belongs to one thread.
 * Memory:  none; the bytes are constants.
 */
#ifndef PAGE_H
#define PAGE_H

#include "service/exchange.h"

/* Replies with the asset of that name, or that there is none; 304 where the browser has it already. */
void page_serve(struct exchange *exchange, const char *name);

#endif
