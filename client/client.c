/* One transfer after the other on one easy handle, driven by a multi handle: that gives us the clock
 * between two events, for patience and for interruptions, without a thread or a signal. */
#include "client/client.h"

#include "client/endpoint.h"
#include "client/refusal.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

enum { CONNECT_MS = 3000, TICK_MS = 200, ERROR_BODY_MAX = 64 << 10, DOWNLOAD_PATIENCE_S = 30 };
/* Of an answer as a whole, in patiences: who sends a byte now and then is given up, too. */
enum { PATIENCES = 15 };

static const double request_patience_s = 4;

struct client {
    struct endpoint endpoint;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    char *ca_file; /* owned; NULL: the system's */
    const volatile sig_atomic_t *interrupted;
    char problem[CURL_ERROR_SIZE];
};

/* One transfer.  A good answer's bytes go to `take`, another's are kept for its words. */
struct transfer {
    struct client *client;
    double patience_s;
    int (*take)(void *context, const char *bytes, size_t size);
    void *context;
    int code;               /* of take: not 0 ends the transfer */
    struct rondo_buf words; /* of an answer that is an error */
    int64_t heard_ns;
    curl_off_t sent, got;
    bool silent, stopped;
};

/* ---- opening ------------------------------------------------------------------------------------- */

static CURLcode global;

static void begin_curl(void)
{
    global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static const char *given(const char *option, const char *variable)
{
    const char *value = option ? option : getenv(variable);
    return value && (option || *value) ? value : NULL;
}

static int add_header(struct client *client, const char *line)
{
    struct curl_slist *longer = curl_slist_append(client->headers, line);
    if (!longer)
        return RONDO_ENOMEM;
    client->headers = longer;
    return RONDO_OK;
}

static int set_token(struct client *client, const char *path, struct rondo_error *err)
{
    char token[ENDPOINT_TOKEN_MAX], line[ENDPOINT_TOKEN_MAX + 32];
    int code = endpoint_token(path, token, err);
    if (code)
        return code;
    if (!client->endpoint.tls && !client->endpoint.loopback)
        log_line(LOG_WARNING, "%s: the token crosses the network where all can read it (https:// "
                 "hides it)", client->endpoint.url);
    snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    return add_header(client, line);
}

static int set_up(struct client *client, const struct client_options *options,
                  struct rondo_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *address = given(options->address, "RONDO_COORDINATOR");
    const char *token = given(options->token_file, "RONDO_TOKEN_FILE");
    const char *ca = given(options->ca_file, "RONDO_TLS_CA");
    int code = endpoint_parse(address ? address : "http://127.0.0.1:7420",
                              options->address ? "--coordinator" : "RONDO_COORDINATOR",
                              &client->endpoint, err);
    if (!code && ca && access(ca, R_OK) != 0)
        code = rondo_error_set(err, RONDO_EINPUT, ca, NULL, "cannot read the certificates: %s",
                               strerror(errno));
    if (!code && token)
        code = set_token(client, token, err);
    if (code)
        return code;
    client->interrupted = options->interrupted;
    pthread_once(&once, begin_curl);
    client->easy = global ? NULL : curl_easy_init();
    client->multi = global ? NULL : curl_multi_init();
    client->ca_file = ca ? mem_strdup(ca) : NULL;
    bool short_of = !client->easy || !client->multi || (ca && !client->ca_file)
                    || add_header(client, "Content-Type: application/json")
                    || add_header(client, "Expect:");
    return short_of ? RONDO_ENOMEM : RONDO_OK;
}

int client_open(const struct client_options *options, struct client **out, struct rondo_error *err)
{
    struct client *client = mem_calloc(1, sizeof *client);
    int code = client ? set_up(client, options, err) : RONDO_ENOMEM;
    if (!code) {
        *out = client;
        return RONDO_OK;
    }
    client_close(client);
    return rondo_error_set(err, code, NULL, NULL, "no memory");
}

void client_close(struct client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->easy);
    curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    mem_free(client->ca_file);
    mem_free(client);
}

const char *client_url(const struct client *client)
{
    return client->endpoint.url;
}

/* ---- one transfer -------------------------------------------------------------------------------- */

static int status_of(const struct client *client)
{
    long status = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static bool is_good(int status)
{
    return status >= 200 && status < 300;
}

/* Of an error's words so much is kept; the rest is not waited for. */
static int keep_words(struct transfer *transfer, const char *bytes, size_t size)
{
    if (transfer->words.size + size > ERROR_BODY_MAX)
        return 1;
    return buf_append(&transfer->words, bytes, size);
}

static size_t on_body(char *bytes, size_t one, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t size = one * count;
    transfer->heard_ns = clock_now_ns();
    if (is_good(status_of(transfer->client)))
        transfer->code = transfer->take(transfer->context, bytes, size);
    else
        transfer->stopped = keep_words(transfer, bytes, size) != 0;
    return transfer->code || transfer->stopped ? CURL_WRITEFUNC_ERROR : size;
}

/* Bytes that go out, and those of headers and chunks, count as heard. */
static int on_progress(void *context, curl_off_t total_got RONDO_UNUSED, curl_off_t got,
                       curl_off_t total_sent RONDO_UNUSED, curl_off_t sent)
{
    struct transfer *transfer = context;
    if (got != transfer->got || sent != transfer->sent)
        transfer->heard_ns = clock_now_ns();
    transfer->got = got;
    transfer->sent = sent;
    return 0;
}

static bool is_interrupted(const struct client *client)
{
    return client->interrupted && *client->interrupted;
}

/* Until the transfer is over, was silent for too long, or somebody interrupts. */
static CURLcode drive(struct transfer *transfer)
{
    struct client *client = transfer->client;
    CURLcode result = CURLE_OK;
    CURLMcode many = curl_multi_add_handle(client->multi, client->easy);
    for (bool over = false; !over && many == CURLM_OK;) {
        int running, left;
        many = curl_multi_perform(client->multi, &running);
        CURLMsg *done = curl_multi_info_read(client->multi, &left);
        int64_t silent_ns = clock_now_ns() - transfer->heard_ns;
        transfer->silent = !done && (double)silent_ns / 1e9 > transfer->patience_s;
        over = done || transfer->silent || is_interrupted(client);
        if (done)
            result = done->data.result;
        else if (!over && many == CURLM_OK)
            many = curl_multi_poll(client->multi, NULL, 0, TICK_MS, NULL);
    }
    curl_multi_remove_handle(client->multi, client->easy);
    return many == CURLM_OK ? result : CURLE_FAILED_INIT;
}

static int set_common(struct transfer *transfer, const char *path)
{
    struct client *client = transfer->client;
    CURL *easy = client->easy;
    char url[ENDPOINT_MAX + 1024];
    int length = snprintf(url, sizeof url, "%s%s", client->endpoint.url, path);
    curl_easy_reset(easy);
    client->problem[0] = 0;
    bool bad = length >= (int)sizeof url || curl_easy_setopt(easy, CURLOPT_URL, url)
               || curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")
               || curl_easy_setopt(easy, CURLOPT_NOPROXY, "*")
               || curl_easy_setopt(easy, CURLOPT_USERAGENT, "rondo/" RONDO_VERSION)
               || (client->ca_file && curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->problem);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    return bad ? RONDO_ENOMEM : RONDO_OK;
}

/* What became of a transfer: 0, 1 where it was silent after a good beginning, or an error. */
static int conclude(struct transfer *transfer, CURLcode result, struct rondo_error *err)
{
    struct client *client = transfer->client;
    int status = status_of(client);
    if (transfer->code == RONDO_EREFUSED)
        return rondo_error_set(err, RONDO_EREFUSED, client->endpoint.url, NULL,
                               "the answer is larger than any of a coordinator");
    if (transfer->code)
        return rondo_error_set(err, transfer->code, client->endpoint.url, NULL,
                               "the answer could not be kept: %s", rondo_strerror(transfer->code));
    if (is_interrupted(client))
        return rondo_error_set(err, RONDO_ECANCELED, client->endpoint.url, NULL, "interrupted");
    if (transfer->silent)
        return refusal_of_silence(client->endpoint.url, transfer->patience_s, err);
    if (result != CURLE_OK && !transfer->stopped) {
        long reason = 0;
        curl_easy_getinfo(client->easy, CURLINFO_OS_ERRNO, &reason);
        struct refusal_transfer failed = { client->endpoint.url, (int)result, (int)reason,
                                           client->problem };
        return refusal_of_transfer(&failed, err);
    }
    if (!is_good(status))
        return refusal_of_status(client->endpoint.url, status,
                                 transfer->words.data ? (char *)transfer->words.data : "",
                                 transfer->words.size, err);
    return RONDO_OK;
}

static int carry_out(struct transfer *transfer, struct rondo_error *err)
{
    transfer->heard_ns = clock_now_ns();
    int code = conclude(transfer, drive(transfer), err);
    buf_fini(&transfer->words);
    return code;
}

/* ---- a question and its answer ------------------------------------------------------------------- */

static int keep(void *context, const char *bytes, size_t size)
{
    struct rondo_buf *answer = context;
    if (answer->size + size > CLIENT_ANSWER_MAX)
        return RONDO_EREFUSED;
    return buf_append(answer, bytes, size);
}

static int set_method(struct client *client, const struct client_request *request)
{
    if (strcmp(request->method, "GET") == 0)
        return RONDO_OK;
    const char *body = request->body ? request->body : "";
    curl_off_t size = request->body ? (curl_off_t)request->size : 0;
    curl_easy_setopt(client->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE_LARGE, size);
    bool bad = curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, body)
               || curl_easy_setopt(client->easy, CURLOPT_CUSTOMREQUEST, request->method);
    return bad ? RONDO_ENOMEM : RONDO_OK;
}

int client_request(struct client *client, const struct client_request *request,
                   struct rondo_buf *answer, struct rondo_error *err)
{
    struct transfer transfer = {
        .client = client, .take = keep, .context = answer,
        .patience_s = request->patience_s > 0 ? request->patience_s : request_patience_s,
    };
    answer->size = 0;
    if (set_common(&transfer, request->path) || set_method(client, request))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS,
                     (long)(transfer.patience_s * 1000 * PATIENCES));
    int code = carry_out(&transfer, err);
    if (!code && buf_append(answer, "", 1))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    answer->size -= code ? 0 : 1;
    return code;
}

/* ---- streams ------------------------------------------------------------------------------------- */

struct lines {
    struct rondo_buf open; /* the line that has not ended */
    client_line *each;
    void *context;
};

static int end_line(struct lines *lines)
{
    if (buf_append(&lines->open, "", 1))
        return RONDO_ENOMEM;
    char *line = (char *)lines->open.data;
    size_t length = strlen(line);
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = 0;
    lines->open.size = 0;
    return *line ? lines->each(lines->context, line) : RONDO_OK;
}

static int split(void *context, const char *bytes, size_t size)
{
    struct lines *lines = context;
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end ? (size_t)(end - bytes) : size;
        if (lines->open.size + part > CLIENT_LINE_MAX)
            return RONDO_EREFUSED;
        int code = buf_append(&lines->open, bytes, part);
        if (!code && end)
            code = end_line(lines);
        if (code)
            return code;
        bytes += part + (end ? 1 : 0);
        size -= part + (end ? 1 : 0);
    }
    return RONDO_OK;
}

int client_stream(struct client *client, const char *path, double patience_s, client_line *each,
                  void *context, struct rondo_error *err)
{
    struct lines lines = { .each = each, .context = context };
    struct transfer transfer = { .client = client, .take = split, .context = &lines,
                                 .patience_s = patience_s };
    if (set_common(&transfer, path))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    struct rondo_error silence = { 0 };
    int code = carry_out(&transfer, &silence);
    buf_fini(&lines.open);
    if (transfer.silent && !is_interrupted(client))
        return 1;
    if (code)
        rondo_error_set(err, code, silence.where, silence.hint, "%s", silence.what);
    return code;
}

/* ---- downloads ----------------------------------------------------------------------------------- */

struct download {
    FILE *stream;
    int64_t left;
};

static int write_out(void *context, const char *bytes, size_t size)
{
    struct download *download = context;
    if ((int64_t)size > download->left)
        return RONDO_EAPP; /* told apart below: more than was said */
    download->left -= (int64_t)size;
    return fwrite(bytes, 1, size, download->stream) == size ? RONDO_OK : RONDO_EIO;
}

int client_download(struct client *client, const char *path, FILE *stream, int64_t size,
                    struct rondo_error *err)
{
    struct download download = { stream, size };
    struct transfer transfer = { .client = client, .take = write_out, .context = &download,
                                 .patience_s = DOWNLOAD_PATIENCE_S };
    if (set_common(&transfer, path))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    struct rondo_error why = { 0 };
    int code = carry_out(&transfer, &why);
    if (transfer.code == RONDO_EIO)
        return rondo_error_set(err, RONDO_EIO, NULL, NULL, "cannot write: %s", strerror(errno));
    if (transfer.code == RONDO_EAPP || (!code && download.left != 0))
        return rondo_error_set(err, RONDO_EIO, client->endpoint.url, "fetch again",
                               "%s has %s bytes than the coordinator said", path,
                               code ? "more" : "fewer");
    if (code)
        rondo_error_set(err, code, why.where, why.hint, "%s", why.what);
    return code;
}
