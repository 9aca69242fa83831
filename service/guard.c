#include "service/guard.h"

#include "core/base/file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void guard_init(struct guard *guard, const char *token, bool tls, const char *host)
{
    *guard = (struct guard){ .asks = token && *token, .scheme = tls ? "https" : "http" };
    if (guard->asks)
        file_sha256_of(token, strlen(token), guard->digest);
    snprintf(guard->host, sizeof guard->host, "%s", host);
    guard->anywhere = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

bool guard_token(const struct guard *guard, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    char digest[65];
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    file_sha256_of(token, strlen(token), digest);
    unsigned differs = 0;
    for (size_t i = 0; i < sizeof digest - 1; i++)
        differs |= (unsigned)(digest[i] ^ guard->digest[i]);
    return differs == 0;
}

/* "name:port", "[address]:port" without port and brackets; false where it is neither. */
static bool bare(const char *host, char *out, size_t size)
{
    bool bracket = *host == '[';
    const char *begin = host + bracket;
    size_t length = strcspn(begin, bracket ? "]" : ":");
    const char *rest = begin + length;
    if (bracket && *rest++ != ']')
        return false;
    if (*rest == ':')
        rest += 1 + strspn(rest + 1, "0123456789");
    return *rest == 0 && length > 0 && snprintf(out, size, "%.*s", (int)length, begin) < (int)size;
}

bool guard_host(const struct guard *guard, const char *host)
{
    char name[64];
    struct in_addr four;
    struct in6_addr six;
    if (!bare(host, name, sizeof name))
        return false;
    if (strcasecmp(name, "localhost") == 0 || strcasecmp(name, guard->host) == 0)
        return true;
    if (inet_pton(AF_INET, name, &four) == 1)
        return guard->anywhere || ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, name, &six) == 1)
        return guard->anywhere || memcmp(&six, &in6addr_loopback, sizeof six) == 0;
    return false;
}

bool guard_origin(const struct guard *guard, const char *origin, const char *host)
{
    size_t length = strlen(guard->scheme);
    return host && strncasecmp(origin, guard->scheme, length) == 0 &&
           strncmp(origin + length, "://", 3) == 0 && strcasecmp(origin + length + 3, host) == 0;
}
