/* fetch.h - a job's data files, as this machine sees them or as the coordinator sends them.
 *
 * Place:   workers, floor 3; used by stay.c.
 * Threads: fetch_files is the stay's thread's, fetch_part and fetch_give_up are safe from all.
 * Memory:  at most FETCH_AHEAD parts wait to be written.
 *
 * A file that is here under the same path with the same size is read here; whether it holds the same
 * data is seen from the fingerprint that READY brings.  Else its bytes are fetched into the cache,
 * under a name made of path, size and time, where the next job finds them.  Files that belong together
 * (a .bed, its .bim and its .fam) are fetched together, into one folder.  When the coordinator asks
 * that it be fetched, what is there was not right: it is fetched anew.
 */
#ifndef FETCH_H
#define FETCH_H

#include "core/net/conn.h"
#include "core/wire/session.h"

enum { FETCH_PATH = 4096, FETCH_AHEAD = 8 };

struct fetch;

struct fetch_options {
    struct conn *conn; /* borrowed, as is all here */
    uint32_t session;
    const struct session_open *open;
    const char *cache;
};

struct fetch_places {
    char path[SESSION_FILES][FETCH_PATH]; /* where each file of the job is, here */
};

int fetch_create(const struct fetch_options *options, struct fetch **fetch,
                 struct rondo_error *err) RONDO_MUST_CHECK;
void fetch_destroy(struct fetch *fetch); /* NULL allowed */
/* Returns when every file is here.  RONDO_EIO with the reason, RONDO_ECANCELED. */
int fetch_files(struct fetch *fetch, struct fetch_places *places,
                struct rondo_error *err) RONDO_MUST_CHECK;
/* A PART has come; its body is moved. */
void fetch_part(struct fetch *fetch, struct rondo_buf *body);
void fetch_give_up(struct fetch *fetch);

#endif
