/* board.h - what all jobs and workers are at, as events: one text a second, for all who follow.
 *
 * Place:   service, floor 4, inside; used by events.c.
 * Threads: safe; one mutex, held while a text is made.
 * Memory:  the last two texts.
 */
#ifndef BOARD_H
#define BOARD_H

#include "service/sheet.h"

#include <pthread.h>

struct http;

enum { BOARD_RUNNING = 256, BOARD_CHANGED = 200 }; /* the most rows of each kind in an event */

struct board {
    pthread_mutex_t mutex;
    struct sheet *jobs, *workers;         /* guarded by mutex, as all below; NULL: none yet */
    int64_t jobs_second, workers_second;  /* of which they are */
    int64_t since, until;                 /* the changes that jobs tells of */
};

void board_init(struct board *board);
void board_fini(struct board *board);

/* An event "jobs": counts, running jobs, and those that changed since the `*since`-th change; *since moves on.
 * -1: none did.  Cost: reads the rows that it tells of.  NULL: it cannot be had now. */
struct sheet *board_jobs(struct http *http, int64_t second, int64_t *since);
/* An event "workers". */
struct sheet *board_workers(struct http *http, int64_t second);

#endif
