/* registry.h - which apps there are: those built in, and the plug-ins of RONDO_APP_PATH.
 *
 * Place:   apps, floor 2; with host.h and contract.h what others include of apps/.
 * Threads: safe.  The first call of any of these loads the plug-ins, once in a process; a program
 *          with threads calls registry_load before it starts them.  After that all is constant.
 * Memory:  plug-ins stay loaded until the process ends.
 *
 * A plug-in that is refused is not offered, and is in nobody's way: a word of warning, and the reason
 * again for a job that names it.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "core/job/job.h"

/* Loads the plug-ins, where that was not done yet.  A process with more rights than its user
 * (setuid) has none. */
void registry_load(void);

/* The app of that name, or NULL. */
const struct rondo_app *registry_find(const char *name);
/* The index-th app in the order of names, or NULL at the end. */
const struct rondo_app *registry_at(int index);

/* The shared object that an app came from; NULL: built in. */
const char *registry_file(const struct rondo_app *app);
/* Why an app of that name, or one from a file of that name, is refused: "FILE: WHAT (HINT)"; NULL:
 * nothing of that name was. */
const char *registry_refused(const char *name);
/* Warns of every refused file, once in a process, but of the one that is `asked` for: who asked
 * hears it as an error.  asked may be NULL. */
void registry_warn(const char *asked);

/* As core/job wants them; find warns. */
extern const struct job_apps registry_apps;

#endif
