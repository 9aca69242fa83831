/* locate.h - where in a JSON text a value stands, by line and column.
 *
 * Place:   core/job, floor 1, inside: the JSON parser keeps no positions for values.
 * Threads: safe.
 * Memory:  none.
 */
#ifndef LOCATE_H
#define LOCATE_H

#include <stdbool.h>
#include <stddef.h>

struct locate_point {
    int line, column; /* from 1; columns count characters */
};

/* The value reached from the root object by `depth` member names; with `key` the last name itself
 * instead of its value.  The text must be valid JSON; false where there is no such member.
 * Cost: one pass over the text. */
bool locate_member(const char *text, size_t size, const char *const *names, int depth, bool key,
                   struct locate_point *point);

#endif
