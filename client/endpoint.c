#include "client/endpoint.h"

#include "core/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char example[] = "as in http://127.0.0.1:7420";

static int refuse(const char *source, const char *text, const char *what, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, source, example, "\"%.200s\" %s", text, what);
}

/* The part behind "SCHEME://", or an error where it is not one of ours. */
static int skip_scheme(const char **text, const char *source, bool *tls, struct rondo_error *err)
{
    static const char *const dialled[] = { "tcp", "tls+tcp", "ipc", "inproc", "ws", "wss" };
    const char *mark = strstr(*text, "://");
    *tls = false;
    if (!mark)
        return RONDO_OK;
    size_t length = (size_t)(mark - *text);
    for (size_t i = 0; i < sizeof dialled / sizeof *dialled; i++)
        if (strlen(dialled[i]) == length && strncasecmp(*text, dialled[i], length) == 0)
            return rondo_error_set(err, RONDO_EINPUT, source,
                                   "the coordinator says both when it starts",
                                   "\"%.200s\" is an address that workers dial; clients want the "
                                   "HTTP address, %s",
                                   *text, example);
    *tls = length == 5 && strncasecmp(*text, "https", 5) == 0;
    if (!*tls && !(length == 4 && strncasecmp(*text, "http", 4) == 0))
        return refuse(source, *text, "begins with an unknown scheme", err);
    *text = mark + 3;
    return RONDO_OK;
}

/* Length of the host at the head of text, 0 where there is none. */
static size_t host_length(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char name[80], address[40] = "0123456789abcdefABCDEF:.";
    if (*text == '[') {
        size_t inner = strspn(text + 1, address);
        return inner > 0 && text[1 + inner] == ']' ? inner + 2 : 0;
    }
    snprintf(name, sizeof name, "%s0123456789-._", letters);
    return strspn(text, name);
}

static bool is_loopback(const char *host, size_t length)
{
    return (length == 9 && strncasecmp(host, "localhost", 9) == 0)
           || (length > 4 && strncmp(host, "127.", 4) == 0
               && strspn(host, "0123456789.") >= length)
           || (length == 5 && strncmp(host, "[::1]", 5) == 0);
}

int endpoint_parse(const char *text, const char *source, struct endpoint *endpoint,
                   struct rondo_error *err)
{
    const char *host = text;
    int code = skip_scheme(&host, source, &endpoint->tls, err);
    if (code)
        return code;
    size_t length = host_length(host);
    if (length == 0)
        return refuse(source, text, "names no host", err);
    if (host[length] != ':')
        return refuse(source, text, "has no port behind the host", err);
    const char *port = host + length + 1;
    size_t digits = strspn(port, "0123456789");
    long number = digits > 0 && digits <= 5 ? strtol(port, NULL, 10) : 0;
    if (number < 1 || number > 65535)
        return refuse(source, text, "has no port from 1 to 65535", err);
    if (port[digits] && strcmp(port + digits, "/") != 0)
        return refuse(source, text, "has something behind the port", err);
    if (length + 20 > sizeof endpoint->url)
        return refuse(source, text, "is too long", err);
    snprintf(endpoint->url, sizeof endpoint->url, "%s://%.*s:%ld", endpoint->tls ? "https" : "http",
             (int)length, host, number);
    endpoint->loopback = is_loopback(host, length);
    return RONDO_OK;
}

/* The token goes into a header, so that nothing but visible ASCII may be in it. */
static bool trim(char *token)
{
    char *begin = token + strspn(token, " \t");
    size_t length = strcspn(begin, "\r\n");
    while (length > 0 && strchr(" \t", begin[length - 1]))
        length--;
    memmove(token, begin, length);
    token[length] = 0;
    for (const char *at = token; *at; at++)
        if (*at <= 0x20 || *at >= 0x7f)
            return false;
    return length > 0;
}

int endpoint_token(const char *path, char token[ENDPOINT_TOKEN_MAX], struct rondo_error *err)
{
    struct stat info;
    FILE *stream = fopen(path, "re");
    if (!stream || fstat(fileno(stream), &info) != 0) {
        int reason = errno;
        if (stream)
            fclose(stream);
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot read the token: %s",
                               strerror(reason));
    }
    bool read = fgets(token, ENDPOINT_TOKEN_MAX, stream) != NULL;
    bool whole = read && (strchr(token, '\n') || feof(stream));
    fclose(stream);
    if (whole && (info.st_mode & S_IROTH))
        log_line(LOG_WARNING, "%.300s: everyone may read this token (chmod 600 keeps it)", path);
    if (whole && trim(token))
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, path,
                           "one line of visible ASCII characters, without blanks",
                           "there is no token in the file's first line");
}
