/* patterns.h - the apps of tests/apps as a table, and a run that must end like another.
 *
 * Place:   tests/unit/coordinator; header only.
 * Threads: those of support/drive_job.h.
 * Memory:  none is kept.
 */
#ifndef PATTERNS_H
#define PATTERNS_H

#include "core/base/mem.h"
#include "tests/apps/apps.h"
#include "tests/support/stage.h"

#include <criterion/criterion.h>

/* Every test runs in a process of its own, so shapes may be left changed. */
static const struct rondo_app *const pattern[] = { &app_reduce, &app_rotate, &app_gather, &app_empty };
enum { PATTERNS = 4 };

static inline struct drive_end patterns_good(const struct drive_job *job)
{
    struct drive_end end;
    int64_t before = mem_live();
    drive_job(job, &end);
    cr_assert_eq(end.code, RONDO_OK, "%s with %d workers: %s", job->app->name, job->workers,
                 end.error.what);
    cr_assert_eq(end.state, ENGINE_DONE);
    drive_job_fini(&(struct drive_end){ 0 });
    cr_assert_leq(mem_live() - before, (end.head.data != NULL) + (end.cut.data != NULL));
    return end;
}

/* Runs the job and compares; what is a word for the message. */
static inline void patterns_expect(const struct drive_end *want, const struct drive_job *job,
                                   const char *what)
{
    struct drive_end end = patterns_good(job);
    cr_expect(drive_job_same(want, &end),
              "%s, %s: %d workers, pipeline %d, lost %d after %lld: other bits (%lld rounds)",
              job->app->name, what, job->workers, job->pipeline, job->loss[0].worker,
              (long long)job->loss[0].round, (long long)end.rounds);
    drive_job_fini(&end);
}

/* Compares with what a stage has come to; the seed goes into the message. */
static inline void patterns_expect_stage(const struct drive_end *want, const struct drive_job *job,
                                         struct stage *stage, int64_t seed)
{
    struct drive_end end;
    stage_look(stage, &end);
    cr_expect(drive_job_same(want, &end), "%s, seed %lld: %s, state %d, round %lld",
              job->app->name, (long long)seed, end.code ? end.error.what : "other bits", end.state,
              (long long)end.rounds);
    drive_job_fini(&end);
}

#endif
