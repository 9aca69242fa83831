/* gallery.h - digests of jobs as JSON: of running ones from memory, of ended ones from what they left.
 *
 * Place:   service, floor 4; the service tells what runs, events.c shows it.
 * Threads: every function is safe; one mutex.  Digests of ended jobs are made one after the other on a
 *          thread of the gallery's own, which may block; it is started when the first is asked for.
 * Memory:  a digest for each running job (core/trace/digest.h), and the JSON of the last
 *          GALLERY_KEPT that ended or were asked for.
 */
#ifndef GALLERY_H
#define GALLERY_H

#include "core/trace/digest.h"
#include "service/sheet.h"

enum { GALLERY_KEPT = 32, GALLERY_QUEUE = 64 };

struct gallery;

struct gallery_options {
    const char *state_dir; /* a job's output: STATE/jobs/ID; borrowed for life */
    /* A digest that was not there is.  Called without the lock. */
    void (*made)(void *context, int64_t id);
    void *context;
};

int gallery_create(const struct gallery_options *options, struct gallery **gallery,
                   struct rondo_error *err) RONDO_MUST_CHECK;
/* Nothing is made any more, nobody told; before those go who are.  NULL allowed, as in gallery_destroy. */
void gallery_stop(struct gallery *gallery);
void gallery_destroy(struct gallery *gallery);

/* A job runs: its digest, to be fed; borrowed until gallery_end.  NULL: no memory, it goes without. */
struct digest *gallery_begin(struct gallery *gallery, int64_t id);
/* It runs no more; before its end is known.  whole: the digest had seen it from its first round. */
void gallery_end(struct gallery *gallery, int64_t id, bool whole);

/* Of a running job; false: there is none. */
bool gallery_glance(struct gallery *gallery, int64_t id, struct digest_glance *glance);
/* Of all jobs since the gallery was made.  None of them ever falls. */
struct gallery_totals {
    int64_t rounds, updates, dropped; /* dropped: of rounds, by recordings that could not keep up */
    double seconds;
};
struct gallery_totals gallery_totals(struct gallery *gallery);

enum gallery_answer { GALLERY_NONE, GALLERY_THERE, GALLERY_LATER };

/* The digest of a job: an event "digest", not older than `second`.  Somebody looks: details flow for a while.
 * GALLERY_LATER: the job has `ended` and its digest is being made; ask again when you are told. */
enum gallery_answer gallery_take(struct gallery *gallery, int64_t id, const char *app, bool ended,
                                 int64_t second, struct sheet **sheet);

#endif
