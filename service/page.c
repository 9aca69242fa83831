/* page.c - the policy: scripts, styles and connections are this server's own, and there is nothing else.  What
 * jobs bring (names, errors) becomes text in the page's scripts (assets/), never markup. */
#include "service/page.h"

#include "assets/assets.h"
#include "core/base/mem.h"
#include "service/reply.h"
#include "service/sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                             "img-src 'self' data:; base-uri 'none'; form-action 'none'; "
                             "frame-ancestors 'none'";

/* "*", or a list of tags in which it stands. */
static bool has_it(struct exchange *exchange, const char *tag)
{
    const char *known =
        MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    return known && (strcmp(known, "*") == 0 || strstr(known, tag));
}

void page_serve(struct exchange *exchange, const char *name)
{
    const struct asset *asset = asset_find(name);
    char tag[32];
    if (!asset) {
        reply_fault(exchange, FAULT_NOT_FOUND, exchange->uri, NULL, "there is nothing here");
        return;
    }
    snprintf(tag, sizeof tag, "\"%016" PRIx64 "\"", sheet_mark(asset->bytes, asset->size));
    reply_constant(exchange, asset->bytes, asset->size, asset->type, tag, has_it(exchange, tag));
    reply_header(exchange, "Content-Security-Policy", policy);
    reply_header(exchange, "Referrer-Policy", "no-referrer");
    reply_header(exchange, "Cross-Origin-Resource-Policy", "same-origin");
}
