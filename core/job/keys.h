/* keys.h - the host's own keys of a job spec, and how a key's rule reads in words.
 *
 * Place:   core/job, floor 1; used by core/job and by tools (help, apps).
 * Threads: safe, the tables are constant.
 * Memory:  none.
 */
#ifndef KEYS_H
#define KEYS_H

#include <rondo/app.h>

enum { KEYS_VERSION = 1 }; /* of the spec's format that this build reads */

/* What a row of struct rondo_param cannot say about a host key. */
struct keys_extra {
    const char *key;
    bool required;
    const char *later; /* words that a later version will know: "ssp|async"; NULL: none */
    bool zero_only;    /* values above 0 are for a later version */
    bool size;         /* a text such as "2GiB", or a JSON integer of bytes */
    bool path;         /* made absolute against the spec's folder */
};

/* The host's row of that name, or NULL. */
const struct rondo_param *keys_find(const char *key);
/* Never NULL: a row of nothing where there is nothing to say. */
const struct keys_extra *keys_extra(const char *key);

/* The dotted key of an app's parameter: "lambda" -> "params.lambda", "stop.gap" as it is,
 * "path.count" -> "params.path.count": only a group of the host's stands at the top.
 * false where it does not fit. */
bool keys_of_app(const char *key, char *out, size_t size);

/* The dotted key of an app's role: "x" -> "data.x", "params.weights" as it is. */
bool keys_of_role(const char *role, char *out, size_t size);

/* "1 to 65536", "above 0", "gradient, delta, uniform or cyclic", "true or false", "text". */
void keys_range(const struct rondo_param *rule, char *out, size_t size);
/* "whole number", "number", "word", "text", "true or false". */
const char *keys_type(enum rondo_type type);
/* The word-th choice of "a|b|c" into out; false behind the last. */
bool keys_choice(const char *choices, int word, char *out, size_t size);

#endif
