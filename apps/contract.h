/* contract.h - does an app keep <rondo/app.h>?  What it declares, and what its callbacks answer.
 *
 * Place:   apps, floor 2; used by apps/, coordinator/, workers/ and embed/.
 * Threads: pure functions of their arguments.
 * Memory:  none is kept.
 *
 * A callback answers 0 or a code.  What it said in its struct rondo_error stands; where it said
 * nothing, or answered a number that is no code, the line here says which callback of which app it
 * was: RONDO_ENOMEM where it was that, else RONDO_EAPP.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <rondo/app.h>

/* Everything that can be seen without calling the app: ABI, size, name, parameters, options, roles,
 * files and the callbacks that these need.  Nothing behind `abi` is read where that is not ours.  `where`
 * stands in the error; RONDO_EAPP. */
int contract_check(const struct rondo_app *app, const char *where,
                   struct rondo_error *err) RONDO_MUST_CHECK;

/* What an app that was built against an older header does not have, and others may not: NULL. */
typedef int contract_predict_function(const struct rondo_host *host,
                                      const struct rondo_predict *what,
                                      struct rondo_report *report, struct rondo_error *err);
const struct rondo_param *contract_predict_options(const struct rondo_app *app);
contract_predict_function *contract_predict(const struct rondo_app *app);
contract_predict_function *contract_coefficients(const struct rondo_app *app);
typedef int contract_preview_function(const struct rondo_host *host, const struct rondo_job *job,
                                      struct rondo_error *err);
contract_preview_function *contract_preview(const struct rondo_app *app);
typedef int contract_conclude_function(void *head, struct rondo_head_link *link, struct rondo_error *err);
contract_conclude_function *contract_conclude(const struct rondo_app *app);
const char *const *contract_model_ids(const struct rondo_app *app);
/* Calls parts; an app without it has none to tell. */
int contract_parts(const struct rondo_app *app, const void *problem,
                   int (*tell)(void *context, const struct rondo_part *part), void *context) RONDO_MUST_CHECK;

/* Is that a cut which can be worked with?  One pass over the costs. */
int contract_layout(const struct rondo_app *app, const struct rondo_layout *layout,
                    struct rondo_error *err) RONDO_MUST_CHECK;

/* Are its rounds plans of blocks that travel?  Then shards may be any worker's of a process. */
bool contract_rotates(const struct rondo_app *app, const struct rondo_layout *layout);

/* Judges a callback's answer: 0 where it is 0, else the code, with words in err. */
int contract_answer(const struct rondo_app *app, const char *callback, int code,
                    struct rondo_error *err) RONDO_MUST_CHECK;

/* The same of a callback that appends to a buffer, which must hold what it says. */
int contract_wrote(const struct rondo_app *app, const char *callback, int code,
                   const struct rondo_buf *out, struct rondo_error *err) RONDO_MUST_CHECK;

/* Calls head.create, shard.create, ...: `which` is "head", "common", "shard" or "block". */
int contract_create(const struct rondo_app *app, const char *which, const void *problem,
                    int32_t index, void **state, struct rondo_error *err) RONDO_MUST_CHECK;
/* Calls head.pack, ... */
int contract_pack(const struct rondo_app *app, const char *which, const void *problem,
                  const void *state, struct rondo_buf *out,
                  struct rondo_error *err) RONDO_MUST_CHECK;

/* Calls head.unpack, ...; that it refuses the bytes stays RONDO_ESTATE, with words. */
int contract_unpack(const struct rondo_app *app, const char *which, const void *problem, void *state,
                    struct rondo_bytes in, struct rondo_error *err) RONDO_MUST_CHECK;

/* Calls report on a zeroed *report; metrics beyond what there may be, or without a name, are an
 * error, and then there are none.  An app may have no report. */
int contract_report(const struct rondo_app *app, const void *head, struct rondo_report *report,
                    struct rondo_error *err);

#endif
