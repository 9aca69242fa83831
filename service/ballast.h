/* ballast.h - a little room on the disk that is given up when there is none left, so that the end of
 * a job that filled it can still be stored.
 *
 * Place:   service, floor 4; used by service.c.
 * Threads: safe.
 * Memory:  none.
 */
#ifndef BALLAST_H
#define BALLAST_H

/* Makes STATE/ballast where it is missing and there is room; not while a job's end waits for the room
 * that was given up for it. */
void ballast_keep(const char *state);
void ballast_drop(const char *state);

#endif
