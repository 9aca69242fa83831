/* assume.h - the defaults that follow from other keys of the same spec.
 *
 * Place:   core/job, floor 1, inside.
 * Threads: one.
 * Memory:  the job owns what it gets.
 */
#ifndef ASSUME_H
#define ASSUME_H

#include "core/job/field.h"

/* Gives every key that is still absent, has no fallback and is settled by others its value: the host's own, then
 * what the app's assume answers.  Each is checked as a fallback is; what breaks its own rule is RONDO_EAPP. */
int assume_defaults(struct rondo_job *job, struct rondo_error *err) RONDO_MUST_CHECK;

#endif
