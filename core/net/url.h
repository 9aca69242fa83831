/* url.h - URLs and certificates, checked and read before a socket is opened.
 *
 * Place:   core/net, floor 2; used by gate.c and dial.c.
 * Threads: safe, nothing is kept.
 * Memory:  an url_tls is freed by nng_tls_config_free.
 */
#ifndef URL_H
#define URL_H

#include "core/net/conn.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

/* RONDO_EINPUT at the URL: a scheme that is not one of ours, or certificates missing or in vain. */
int url_check(const struct conn_options *options, struct rondo_error *err) RONDO_MUST_CHECK;

/* Both sides show a certificate and check the other's.  *config is NULL where there is no TLS.
 * RONDO_EINPUT at the file that cannot be read or used. */
int url_tls(const struct conn_options *options, nng_tls_mode mode, nng_tls_config **config,
                 struct rondo_error *err) RONDO_MUST_CHECK;

/* A stream to whoever listens there, within so many seconds.  RONDO_EINPUT: not an address to dial;
 * RONDO_EIO: nobody answers. */
int url_dial(const struct conn_options *options, double seconds, nng_stream **stream,
                  struct rondo_error *err) RONDO_MUST_CHECK;

/* The path of ipc://PATH; NULL: another scheme. */
const char *url_path(const char *url);

#endif
