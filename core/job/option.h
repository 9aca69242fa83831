/* option.h - a word of the command line against a row of a table.
 *
 * Place:   core/job, floor 1; used by apps/model.c for what rondo predict is told.
 * Threads: one.
 * Memory:  a value's text is owned by the value: option_fini.
 */
#ifndef OPTION_H
#define OPTION_H

#include <rondo/app.h>

/* The row's default, or a value that is not given. */
int option_init(struct rondo_value *value, const struct rondo_param *rule,
                struct rondo_error *err) RONDO_MUST_CHECK;
void option_fini(struct rondo_value *value, const struct rondo_param *rule);

/* Takes the words for the value; RONDO_EINPUT at --KEY where the row does not have it so. */
int option_read(struct rondo_value *value, const struct rondo_param *rule, const char *words,
                struct rondo_error *err) RONDO_MUST_CHECK;

#endif
