#include "core/net/url.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <string.h>

enum { PEM_MOST = 1 << 20 };

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

const char *url_path(const char *url)
{
    return begins(url, "ipc://") ? url + strlen("ipc://") : NULL;
}

int url_check(const struct conn_options *options, struct rondo_error *err)
{
    const char *url = options->url, *path = url_path(url);
    bool secure = begins(url, "tls+tcp://");
    if (!secure && !begins(url, "tcp://") && !path)
        return rondo_error_set(err, RONDO_EINPUT, url, "tcp://HOST:PORT, tls+tcp://HOST:PORT or "
                               "ipc://PATH", "an address of another kind");
    if (strlen(url) >= NNG_MAXADDRLEN)
        return rondo_error_set(err, RONDO_EINPUT, url, NULL, "the address is too long, at most %d",
                               NNG_MAXADDRLEN - 1);
    if (path && !*path)
        return rondo_error_set(err, RONDO_EINPUT, url, "ipc://PATH", "the path is missing");
    if (secure && !options->tls)
        return rondo_error_set(err, RONDO_EINPUT, url, "give a certificate, its key and the CA's",
                               "tls+tcp needs certificates");
    if (!secure && options->tls)
        return rondo_error_set(err, RONDO_EINPUT, url, "use tls+tcp://",
                               "certificates are given, and would not be used");
    return RONDO_OK;
}

/* HOST of tls+tcp://HOST:PORT: the name that the coordinator's certificate must bear. */
static void host_of(const char *url, char *host, size_t room)
{
    const char *from = strstr(url, "://") + 3, *to = strrchr(from, ':');
    size_t size = to ? (size_t)(to - from) : strlen(from);
    if (size >= 2 && from[0] == '[' && from[size - 1] == ']') {
        from++;
        size -= 2;
    }
    if (size >= room)
        size = room - 1;
    memcpy(host, from, size);
    host[size] = 0;
}

static void forget(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    mem_free(text);
}

static int own_cert(const struct conn_tls *tls, nng_tls_config *config, struct rondo_error *err)
{
    char *cert = NULL, *key = NULL;
    size_t size;
    int code = file_read(tls->cert_file, PEM_MOST, &cert, &size, err);
    if (!code)
        code = file_read(tls->key_file, PEM_MOST, &key, &size, err);
    int failed = code ? 0 : nng_tls_config_own_cert(config, cert, key, NULL);
    if (failed)
        code = rondo_error_set(err, RONDO_EINPUT, tls->cert_file, NULL,
                               "not a certificate in PEM that fits its key: %s",
                               nng_strerror(failed));
    forget(key);
    mem_free(cert);
    return code;
}

static int peers_ca(const struct conn_tls *tls, nng_tls_config *config, struct rondo_error *err)
{
    char *ca = NULL;
    size_t size;
    int code = file_read(tls->ca_file, PEM_MOST, &ca, &size, err);
    int failed = code ? 0 : nng_tls_config_ca_chain(config, ca, NULL);
    if (failed)
        code = rondo_error_set(err, RONDO_EINPUT, tls->ca_file, NULL,
                               "not a certificate in PEM: %s", nng_strerror(failed));
    mem_free(ca);
    return code;
}

int url_tls(const struct conn_options *options, nng_tls_mode mode, nng_tls_config **out,
                 struct rondo_error *err)
{
    nng_tls_config *config = NULL;
    char host[NNG_MAXADDRLEN];
    *out = NULL;
    if (!options->tls)
        return RONDO_OK;
    if (nng_tls_config_alloc(&config, mode))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for TLS");
    int code = own_cert(options->tls, config, err);
    if (!code)
        code = peers_ca(options->tls, config, err);
    host_of(options->url, host, sizeof host);
    if (!code && (nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED)
                  || (mode == NNG_TLS_MODE_CLIENT && nng_tls_config_server_name(config, host))))
        code = rondo_error_set(err, RONDO_EIO, options->url, NULL, "TLS cannot be set up");
    if (code)
        nng_tls_config_free(config);
    else
        *out = config;
    return code;
}

/* ---- dialling ---------------------------------------------------------------------------------- */

static int begin(const struct conn_options *options, nng_stream_dialer **dialer,
                 struct rondo_error *err)
{
    nng_tls_config *config = NULL;
    int code = url_tls(options, NNG_TLS_MODE_CLIENT, &config, err);
    if (code)
        return code;
    int failed = nng_stream_dialer_alloc(dialer, options->url);
    if (!failed && config) {
        failed = nng_stream_dialer_set_ptr(*dialer, NNG_OPT_TLS_CONFIG, config);
        if (failed)
            nng_stream_dialer_free(*dialer);
    }
    if (config)
        nng_tls_config_free(config);
    if (failed)
        return rondo_error_set(err, failed == NNG_ENOMEM ? RONDO_ENOMEM : RONDO_EINPUT,
                               options->url, NULL, "not an address to dial: %s",
                               nng_strerror(failed));
    return RONDO_OK;
}

int url_dial(const struct conn_options *options, double seconds, nng_stream **stream,
                  struct rondo_error *err)
{
    nng_stream_dialer *dialer;
    nng_aio *aio;
    int code = begin(options, &dialer, err);
    if (code)
        return code;
    if (nng_aio_alloc(&aio, NULL, NULL)) {
        nng_stream_dialer_free(dialer);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory to dial");
    }
    nng_aio_set_timeout(aio, (nng_duration)(seconds * 1e3) + 1);
    nng_stream_dialer_dial(dialer, aio);
    nng_aio_wait(aio);
    int failed = nng_aio_result(aio);
    if (!failed)
        *stream = nng_aio_get_output(aio, 0);
    nng_aio_free(aio);
    nng_stream_dialer_free(dialer);
    if (failed)
        return rondo_error_set(err, RONDO_EIO, options->url, NULL, "nobody answers: %s",
                               nng_strerror(failed));
    return RONDO_OK;
}
