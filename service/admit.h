/* admit.h - what may be submitted: a sound spec whose data lie where they may.
 *
 * Place:   service, floor 4, inside.
 * Threads: safe.
 * Memory:  what was admitted is owned by the caller: admit_fini.
 */
#ifndef ADMIT_H
#define ADMIT_H

#include "service/fault.h"

#include <rondo/err.h>

struct admit {
    char *spec; /* canonical; data by their resolved paths, so that no link can lead elsewhere later */
    char *name, *app;
    int32_t priority;
};

/* FAULT_NONE, or what is wrong; err says where (a JSON pointer) and why.  roots: resolved folders,
 * ends with NULL. */
enum fault admit_spec(const char *text, size_t size, const char *const *roots, struct admit *admit,
                      struct rondo_error *err) RONDO_MUST_CHECK;
void admit_fini(struct admit *admit);

/* Does the resolved path lie in one of the folders? */
bool admit_inside(const char *path, const char *const *roots);

#endif
