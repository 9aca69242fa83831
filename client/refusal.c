#include "client/refusal.h"

#include "core/job/jsonin.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static const char start_one[] =
    "start one with rondo coordinator, or name it with --coordinator";

/* "Connection refused" -> "connection refused"; "TLS ..." stays. */
static void lower_head(char *text)
{
    if (text[0] && text[1] && !isupper((unsigned char)text[1]))
        text[0] = (char)tolower((unsigned char)text[0]);
}

static int gone(const struct refusal_transfer *failed, const char *why, struct rondo_error *err)
{
    char words[256];
    snprintf(words, sizeof words, "%s", why);
    lower_head(words);
    return rondo_error_set(err, RONDO_EREFUSED, failed->url, start_one,
                           "no coordinator answers: %s", words);
}

static const char *words_of(const struct refusal_transfer *failed)
{
    return *failed->problem ? failed->problem : curl_easy_strerror((CURLcode)failed->curl);
}

int refusal_of_transfer(const struct refusal_transfer *failed, struct rondo_error *err)
{
    bool tls = strncmp(failed->url, "https:", 6) == 0;
    switch ((CURLcode)failed->curl) {
    case CURLE_FAILED_INIT: return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    case CURLE_OUT_OF_MEMORY: /* libcurl's word for a header beyond its bound, too */
        return rondo_error_set(err, RONDO_EREFUSED, failed->url, NULL,
                               "what answers is not a coordinator, or memory is short");
    case CURLE_COULDNT_CONNECT:
        return gone(failed, failed->os_errno ? strerror(failed->os_errno) : words_of(failed), err);
    case CURLE_COULDNT_RESOLVE_HOST: return gone(failed, "the host's name is not known", err);
    case CURLE_OPERATION_TIMEDOUT: return gone(failed, "timed out", err);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return rondo_error_set(err, RONDO_EREFUSED, failed->url,
                               tls ? NULL : "one with certificates is at https://",
                               "the connection was cut before the whole answer was there");
    case CURLE_PEER_FAILED_VERIFICATION:
        return rondo_error_set(err, RONDO_EREFUSED, failed->url,
                               "--tls-ca FILE names the certificate of who signed it",
                               "the coordinator's certificate is not trusted: %s", words_of(failed));
    case CURLE_SSL_CACERT_BADFILE:
        return rondo_error_set(err, RONDO_EINPUT, "--tls-ca", NULL,
                               "cannot use the certificates: %s", words_of(failed));
    case CURLE_SSL_CONNECT_ERROR:
        return rondo_error_set(err, RONDO_EREFUSED, failed->url,
                               "a coordinator without certificates is at http://", "no TLS: %s",
                               words_of(failed));
    default:
        return rondo_error_set(err, RONDO_EREFUSED, failed->url,
                               tls ? NULL : "one with certificates is at https://",
                               "what answers is not a coordinator: %s", words_of(failed));
    }
}

int refusal_of_silence(const char *url, double seconds, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EREFUSED, url, start_one,
                           "no coordinator answers: nothing was heard for %g s", seconds);
}

/* Data that lie where they may not are an input's fault, and not a stranger's. */
static int code_of(int status, const char *word)
{
    if (status == 403 && word && strcmp(word, "outside_roots") == 0)
        return RONDO_EINPUT;
    if (word && strcmp(word, "other_version") == 0)
        return RONDO_EREFUSED;
    if (status == 401 || status == 403 || status == 429 || status == 503 || status == 507)
        return RONDO_EREFUSED;
    if (status >= 400 && status < 500)
        return RONDO_EINPUT;
    return status >= 500 && status < 600 ? RONDO_EIO : RONDO_EREFUSED;
}

/* The service's own words: true where there were some. */
static bool say(const char *url, int status, const struct jsonin *answer, struct rondo_error *err)
{
    const struct jsonin *error = jsonin_get(answer, "error");
    char where[256] = "-", what[384] = "-", hint[256] = "-";
    jsonin_show(jsonin_get(error, "where"), where, sizeof where);
    jsonin_show(jsonin_get(error, "message"), what, sizeof what);
    jsonin_show(jsonin_get(error, "hint"), hint, sizeof hint);
    if (!jsonin_text(error, "message") || !*what)
        return false;
    const char *own = status == 401 ? "--token-file FILE names the token" : NULL;
    bool hinted = jsonin_text(error, "hint") && *hint;
    rondo_error_set(err, code_of(status, jsonin_text(error, "code")),
                    jsonin_text(error, "where") && *where ? where : url, hinted ? hint : own, "%s",
                    what);
    return true;
}

int refusal_of_status(const char *url, int status, const char *body, size_t size,
                      struct rondo_error *err)
{
    struct jsonin *answer = NULL;
    struct rondo_error why = { 0 };
    bool said = false;
    if (jsonin_parse(body, size, &answer) == RONDO_OK)
        said = say(url, status, answer, &why);
    jsonin_free(answer);
    if (!said)
        rondo_error_set(&why, code_of(status, NULL), url,
                        status >= 400 ? "is this a coordinator?" : "this is no coordinator",
                        "answered HTTP %d", status);
    return rondo_error_set(err, why.code, why.where, why.hint, "%s", why.what);
}
