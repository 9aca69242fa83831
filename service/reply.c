#include "service/reply.h"

#include "core/base/mem.h"
#include "core/job/jsonout.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A later reply takes the place of an earlier one. */
static void drop(struct exchange *exchange)
{
    if (exchange->response)
        MHD_destroy_response(exchange->response);
    exchange->response = NULL;
}

void reply_header(struct exchange *exchange, const char *name, const char *value)
{
    if (exchange->response && MHD_add_response_header(exchange->response, name, value) != MHD_YES)
        drop(exchange);
}

static void finish(struct exchange *exchange, unsigned status, const char *type, const char *cache)
{
    exchange->status = status;
    reply_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    reply_header(exchange, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
    reply_header(exchange, "X-Content-Type-Options", "nosniff");
}

void reply_finish(struct exchange *exchange, unsigned status, const char *type)
{
    finish(exchange, status, type, "no-store");
}

void reply_constant(struct exchange *exchange, const void *bytes, size_t size, const char *type,
                    const char *tag, bool known)
{
    union { const void *constant; void *bytes; } same = { .constant = bytes }; /* it is not written to */
    drop(exchange);
    exchange->response = MHD_create_response_from_buffer(known ? 0 : size, same.bytes, MHD_RESPMEM_PERSISTENT);
    finish(exchange, known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, type, "no-cache");
    reply_header(exchange, MHD_HTTP_HEADER_ETAG, tag);
}

void reply_bytes(struct exchange *exchange, unsigned status, const char *type,
                 struct rondo_buf *buf, bool failed)
{
    drop(exchange);
    if (!failed)
        exchange->response =
            MHD_create_response_from_buffer_with_free_callback(buf->size, buf->data, mem_free);
    if (!exchange->response)
        buf_fini(buf);
    *buf = (struct rondo_buf){ 0 };
    reply_finish(exchange, status, type);
}

void reply_file(struct exchange *exchange, int file, int64_t from, int64_t size, const char *type)
{
    static char nothing[1];
    drop(exchange);
    if (file < 0)
        exchange->response = MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    else
        exchange->response =
            MHD_create_response_from_fd_at_offset64((uint64_t)size, file, (uint64_t)from);
    if (file >= 0 && !exchange->response)
        close(file);
    reply_finish(exchange, MHD_HTTP_OK, type);
}

static void fault_body(struct exchange *exchange, enum fault fault, const char *where,
                       const char *hint, const char *message)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    out.spaced = true;
    jsonout_open(&out, '{');
    jsonout_key(&out, "error");
    jsonout_open(&out, '{');
    jsonout_text_at(&out, "code", fault_code(fault));
    jsonout_text_at(&out, "where", where ? where : "");
    jsonout_text_at(&out, "message", message);
    if (hint && *hint)
        jsonout_text_at(&out, "hint", hint);
    jsonout_close(&out, '}');
    jsonout_close(&out, '}');
    jsonout_bytes(&out, "\n");
    reply_bytes(exchange, fault_status(fault), "application/json", &buf, out.failed);
    if (fault == FAULT_UNAUTHORIZED)
        reply_header(exchange, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"rondo\"");
    if (fault_status(fault) == MHD_HTTP_SERVICE_UNAVAILABLE)
        reply_header(exchange, MHD_HTTP_HEADER_RETRY_AFTER, "10");
}

void reply_fault(struct exchange *exchange, enum fault fault, const char *where, const char *hint,
                 const char *message, ...)
{
    char words[512];
    va_list values;
    va_start(values, message);
    vsnprintf(words, sizeof words, message, values);
    va_end(values);
    fault_body(exchange, fault, where, hint, words);
}

void reply_error(struct exchange *exchange, enum fault fault, const struct rondo_error *err)
{
    char where[256];
    snprintf(where, sizeof where, "%s", err->where);
    char *place = *where == '/' ? strstr(where, " (body") : NULL;
    if (place)
        *place = 0;
    fault_body(exchange, fault, where, err->hint, *err->what ? err->what : rondo_strerror(err->code));
}
