/* rule.h - does a JSON value keep the rule of its key?  If so, it is the field's value.
 *
 * Place:   core/job, floor 1, inside.
 * Threads: one.
 * Memory:  the field owns the text that it gets.
 */
#ifndef RULE_H
#define RULE_H

#include "core/job/field.h"

#include <jansson.h>

/* Checks type and range, and sets the field's value.  `where` stands in the error. */
int rule_apply(struct field *field, const json_t *value, const char *where,
               struct rondo_error *err) RONDO_MUST_CHECK;

/* The field's fallback, where it has one. */
int rule_default(struct field *field, struct rondo_error *err) RONDO_MUST_CHECK;

/* What was found, in words: `the text "abc"`, `3.5`, `a list`. */
void rule_found(const json_t *value, char *out, size_t size);

/* "2GiB", "512 MiB", "1.5GB", "1000000" -> bytes; false where it is none of these or beyond
 * 2^63-1. */
bool rule_bytes(const char *text, int64_t *bytes);

#endif
