/* stage.h - engine and workers in one thread, every message delivered when the test says so.
 *
 * Place:   tests/support; what drive_job leaves to the machine (who is faster, who comes late, who
 *          is lost when) is chosen here, so that a failure comes again from its seed.
 * Threads: one.
 * Memory:  stage_destroy frees all.
 */
#ifndef STAGE_H
#define STAGE_H

#include "tests/support/drive_job.h"

enum { STAGE_SEATS = 12 };

struct stage;

struct stage *stage_create(const struct drive_job *job);
void stage_destroy(struct stage *stage);
struct engine *stage_engine(struct stage *stage);
/* A worker joins; its number. */
int32_t stage_join(struct stage *stage);
/* It is lost with all that is on its way to and from it. */
void stage_leave(struct stage *stage, int32_t worker);
/* It is asked back, and is gone when the engine lets it go. */
void stage_release(struct stage *stage, int32_t worker);
int stage_released(const struct stage *stage); /* how many were let go */
bool stage_present(const struct stage *stage, int32_t worker);
/* One step of those that are possible (a worker does its next message, the engine hears one), chosen
 * by `draw`; false where there is none. */
bool stage_step(struct stage *stage, uint64_t draw);
/* Gives the engine a message from a worker. */
void stage_say(struct stage *stage, int32_t worker, struct message message);
/* The job waits for workers or runs. */
bool stage_playing(const struct stage *stage);
/* Steps until the job has ended or nothing is left to do. */
void stage_finish(struct stage *stage);
/* Looks at the head; the stage goes on. */
void stage_look(struct stage *stage, struct drive_end *end);
/* Checkpoints so far; the first is kept by stage_look. */
int stage_cuts(const struct stage *stage);

#endif
