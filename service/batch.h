/* batch.h - changes of the job store, those that come together in one transaction and one sync.
 *
 * Place:   service, floor 4, inside; jobs.c alone includes it.
 * Threads: batch_do and batch_tally are safe.  There is no thread of its own: who comes while nobody
 *          writes takes all that wait, commits them, and wakes their threads; who comes meanwhile
 *          waits, and is of the next batch.
 * Memory:  an item belongs to its caller, who waits; nothing is kept of it but, of the last
 *          JOBS_REMEMBERED, the job's id.
 */
#ifndef BATCH_H
#define BATCH_H

#include "service/jobfile.h"

enum batch_kind { BATCH_SUBMIT, BATCH_TAKE, BATCH_END, BATCH_CANCEL };

/* One change: what is asked, and what came of it. */
struct batch_item {
    enum batch_kind kind;
    const char *name, *app, *spec; /* SUBMIT */
    int32_t priority;              /* SUBMIT */
    const char *why;               /* END */
    int64_t id;                    /* END, CANCEL; out: SUBMIT */
    enum jobs_state state;         /* END; out: CANCEL, as it was before */
    struct jobs_row *row;          /* out: TAKE */
    bool found;                    /* out: TAKE, CANCEL */
    struct rondo_error *err;
    int code;
    bool done;
    struct batch_item *next;
};

/* What would cost a pass over the table, kept up with each commit. */
struct batch_tally {
    int64_t count[JOBS_CANCELLED + 1];
    int64_t commits, changes; /* since open, as the totals */
    struct jobs_totals totals;
    int64_t left;     /* jobs that were running at open and were not given out yet */
    int64_t given_to; /* of those: ids up to this one were */
};

struct batch;

int batch_open(const char *path, struct batch **batch, struct rondo_error *err) RONDO_MUST_CHECK;
void batch_close(struct batch *batch);
/* Returns the item's code when it is on the disk, or why it is not. */
int batch_do(struct batch *batch, struct batch_item *item) RONDO_MUST_CHECK;
struct batch_tally batch_tally(struct batch *batch);
/* As jobs_changed. */
int batch_changed(struct batch *batch, int64_t since, int64_t until, int64_t id[JOBS_REMEMBERED]);

#endif
