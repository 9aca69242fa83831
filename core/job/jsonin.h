/* jsonin.h - reads JSON text that another program wrote: an answer, a line of progress.
 *
 * Place:   core/job, floor 1 (jansson stays here); used by client, tools and apps/model.c.
 * Threads: a tree belongs to one thread.
 * Memory:  jsonin_parse's tree is owned by the caller (jsonin_free); all that is got from it is
 *          borrowed and lives as long.
 *
 * Liberal: a key that is not there, or is of another type, is NULL or false and never an error; so
 * every function takes a NULL value.
 */
#ifndef JSONIN_H
#define JSONIN_H

#include <rondo/err.h>

struct jsonin; /* a value */

/* RONDO_EINPUT where the text is not one JSON value, RONDO_ENOMEM. */
int jsonin_parse(const char *text, size_t size, struct jsonin **root) RONDO_MUST_CHECK;
void jsonin_free(struct jsonin *root);

bool jsonin_is_object(const struct jsonin *value);
bool jsonin_is_array(const struct jsonin *value);
bool jsonin_is(const struct jsonin *value, bool flag); /* true, or false, itself */
const char *jsonin_text_of(const struct jsonin *value);
/* The member called so; NULL where there is none, or it is null. */
const struct jsonin *jsonin_get(const struct jsonin *object, const char *key);
/* Elements of an array, 0 of anything else; the index-th, or NULL. */
int64_t jsonin_count(const struct jsonin *array);
const struct jsonin *jsonin_at(const struct jsonin *array, int64_t index);
/* Calls for every member of an object in the order of the text, until one call returns false. */
void jsonin_each(const struct jsonin *object,
                 bool (*each)(void *context, const char *key, const struct jsonin *value),
                 void *context);

/* The member's own value: NULL or false where it is of another type, *value is then unchanged. */
const char *jsonin_text(const struct jsonin *object, const char *key);
bool jsonin_number(const struct jsonin *object, const char *key, double *value);
bool jsonin_integer(const struct jsonin *object, const char *key, int64_t *value);

bool jsonin_real_of(const struct jsonin *value, double *real);
/* The value as compact JSON text, owned by the caller (mem_free); NULL where memory is short. */
char *jsonin_compact(const struct jsonin *value) RONDO_MUST_CHECK;
/* The value as a person reads it: a text as it is, with blanks for control characters; a number with
 * its digits; true, false; "-" for all else.  Cut where it is longer. */
void jsonin_show(const struct jsonin *value, char *out, size_t size);
/* The same of a text: a member's key. */
void jsonin_show_text(const char *text, char *out, size_t size);

#endif
