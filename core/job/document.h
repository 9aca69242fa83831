/* document.h - a spec's JSON text as a tree, with what --set changes in it.
 *
 * Place:   core/job, floor 1, inside; with rule.c, parse.c and jsonin.c the only users of jansson.
 * Threads: safe; the parser's allocator is set once.
 * Memory:  trees are jansson's, freed by json_decref; their blocks come from core/base/mem.h.
 */
#ifndef DOCUMENT_H
#define DOCUMENT_H

#include <rondo/err.h>

#include <jansson.h>

/* The tree of a text.  Errors: RONDO_EINPUT with "ORIGIN:LINE:COLUMN". */
int document_load(const char *text, size_t size, const char *origin, json_t **root,
                  struct rondo_error *err) RONDO_MUST_CHECK;

/* One JSON value from a table's or a person's words; words that are not JSON are a string.
 * RONDO_EINPUT where they are not UTF-8. */
int document_value(const char *words, json_t **value) RONDO_MUST_CHECK;

/* The words as a JSON text, whatever they look like; the same errors. */
int document_text(const char *words, json_t **value) RONDO_MUST_CHECK;

/* Applies "a.b.c=VALUE"; null takes the key away. */
int document_set(json_t *root, const char *override, struct rondo_error *err) RONDO_MUST_CHECK;

#endif
