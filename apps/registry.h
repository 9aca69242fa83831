/* registry.h - which apps there are.
 *
 * Place:   apps, floor 2; the only header of apps/ that others include.
 * Threads: safe, the table is constant.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "core/job/job.h"

/* The app of that name, or NULL. */
const struct rondo_app *registry_find(const char *name);
/* The index-th app in the order of names, or NULL at the end. */
const struct rondo_app *registry_at(int index);

/* Both, as core/job wants them. */
extern const struct job_apps registry_apps;

#endif
