/* session.h - the words by which a job comes to stay with a worker process.
 *
 * Place:   core/wire, floor 1; between service/ and workers/agent.c; no sockets.
 *          docs/formats/wire.md is its normative description.
 * Threads: safe, nothing is kept.
 * Memory:  what is read is borrowed from the bytes.
 */
#ifndef SESSION_H
#define SESSION_H

#include <rondo/err.h>

enum { SESSION_FILES = 16, SESSION_PART = 262144 };

/* A data file of the job, as the coordinator sees it. */
struct session_file {
    struct rondo_bytes key, path; /* "data.x", or "" where it belongs to the file before and lies
                                     beside it; absolute.  Texts end with a NUL that size counts */
    uint64_t size, stamp;         /* bytes; time of the last change, ns: names a version of it */
};

/* OPEN: take this job in. */
struct session_open {
    struct rondo_bytes spec; /* canonical JSON */
    struct rondo_bytes isa;  /* of the kernels, as NUL-ended text: "x86-64-v3" */
    bool fetch;              /* do not look for the files yourself: they turned out others */
    int32_t files;
    struct session_file file[SESSION_FILES];
};

/* READY: the problem is open. */
struct session_ready { uint64_t fingerprint; uint32_t seats; };

/* UNREADY: it is not, and why. */
struct session_unready { int32_t code; struct rondo_bytes why; /* text with its NUL */ };

/* GET: so much of a file; PART: there it is, the last one cut short. */
struct session_get { uint32_t file; uint64_t offset; uint32_t size; };
struct session_part { uint32_t file; uint64_t offset; struct rondo_bytes bytes; };

/* put appends a body: RONDO_ENOMEM.  get refuses what does not fit exactly: RONDO_ESTATE. */
int session_put_open(const struct session_open *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int session_get_open(struct rondo_bytes in, struct session_open *body) RONDO_MUST_CHECK;
int session_put_ready(const struct session_ready *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int session_get_ready(struct rondo_bytes in, struct session_ready *body) RONDO_MUST_CHECK;
int session_put_unready(const struct session_unready *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int session_get_unready(struct rondo_bytes in, struct session_unready *body) RONDO_MUST_CHECK;
int session_put_get(const struct session_get *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int session_get_get(struct rondo_bytes in, struct session_get *body) RONDO_MUST_CHECK;
/* The head alone; the bytes go behind it as a part of their own. */
int session_put_part(const struct session_part *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int session_get_part(struct rondo_bytes in, struct session_part *body) RONDO_MUST_CHECK;

#endif
