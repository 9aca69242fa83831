/* canonical.h - a job's canonical JSON as part of a larger text (result.json).
 *
 * Place:   core/job, floor 1, inside.
 * Threads: one a writer.   Memory: appends to the writer's buffer.
 */
#ifndef CANONICAL_H
#define CANONICAL_H

#include "core/job/field.h"
#include "core/job/jsonout.h"

/* The whole spec as one JSON object, keys sorted, defaults filled in, absent keys left out. */
void canonical_put(struct jsonout *out, const struct rondo_job *job);

/* One value, as JSON. */
void canonical_value(struct jsonout *out, const struct field *field);

/* Parts that two dotted keys have in common at their head, the last part never counted:
 * "a.b.c" and "a.b.d" share 2. */
int canonical_shared(const char *a, const char *b);
/* The part-th name of a dotted key, counted from 0, into out; false behind the last. */
bool canonical_part(const char *key, int part, char out[FIELD_KEY_MAX]);

#endif
