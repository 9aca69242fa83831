/* larder.h - where a process that serves keeps what it would otherwise fetch or parse again.
 *
 * Place:   tools, floor 5; used by cmd_coordinator.c and cmd_worker.c.
 * Threads: the main thread.
 * Memory:  none.
 *
 * DIR/matrices: core/data/shelf.h.  DIR/files: workers/fetch.h.  DIR is what --cache says ("none":
 * nothing is kept), else $XDG_CACHE_HOME/rondo, else $HOME/.cache/rondo, where these can be had.
 */
#ifndef LARDER_H
#define LARDER_H

#include <rondo/err.h>

enum { LARDER_PATH = 4096 };

struct larder {
    char files[LARDER_PATH], matrices[LARDER_PATH]; /* "": nothing is kept */
};

/* word: the option's, or NULL.  Makes the folders; an error only for those that were asked for. */
int larder_open(const char *word, struct larder *larder, struct rondo_error *err) RONDO_MUST_CHECK;

#endif
