/* reach.h - what the commands that talk to a coordinator share: their options and how they ask.
 *
 * Place:   tools, floor 5; used by tools/cmd_*.c and follow.c.
 * Threads: the main thread.
 * Memory:  words are borrowed from argv; an answer is owned by the caller (reach_answer_fini).
 */
#ifndef REACH_H
#define REACH_H

#include "client/client.h"
#include "core/job/jsonin.h"
#include "tools/words.h"

enum { REACH_PATH_MAX = 512 };

struct reach {
    const char *command; /* for errors about its words */
    struct client_options options;
    const char *coordinator; /* as given by --coordinator; NULL: not given */
    bool json, quiet;
    struct client *client;
};

/* Reads --coordinator, --token-file, --tls-ca, --json, --quiet, the command's own options (own NULL:
 * none), and the one word that it takes (word NULL: none; `what` asks for it: "which job? give its
 * id").  0, or 2 when something was said. */
int reach_parse(struct reach *reach, int argc, char **argv, const struct words_option *own,
                const char **word, const char *what);
/* Is this a job's id?  0, or 2 when it was said that it is not. */
int reach_check_id(const struct reach *reach, const char *id);
/* A whole number from 1 to most; 0, or 2 when it was said that it is not. */
int reach_check_number(const struct reach *reach, const char *option, const char *text, int64_t most,
                       int64_t *number);

int reach_open(struct reach *reach, struct rondo_error *err) RONDO_MUST_CHECK;
void reach_close(struct reach *reach);

struct reach_answer {
    struct rondo_buf text; /* as it came */
    struct jsonin *json;   /* an object */
};

/* Asks; an answer that is no JSON object is no coordinator's.  body NULL: a GET. */
int reach_get(struct reach *reach, const char *path, struct reach_answer *answer,
              struct rondo_error *err) RONDO_MUST_CHECK;
int reach_post(struct reach *reach, const char *path, const char *body, double patience_s,
               struct reach_answer *answer, struct rondo_error *err) RONDO_MUST_CHECK;
void reach_answer_fini(struct reach_answer *answer);
/* Prints the answer as it came, one newline behind it. */
void reach_print(const struct reach_answer *answer);

/* All of a command that asks one question about one job: reads its words, and then GETs /v1/jobs/ID,
 * or, where `action` is not "", POSTs to it with that behind ("/cancel").  With --json the answer is
 * printed as it came, else `show` is given it.  The exit status. */
int reach_job(const char *command, const char *action, int argc, char **argv,
              void (*show)(const char *id, const struct jsonin *job));

/* completed, failed and cancelled are ends: the exit status, else -1. */
int reach_ended(const char *state);
/* The last line that a stopped watch leaves: how to watch again. */
void reach_put_again(const struct reach *reach, const char *id);

#endif
