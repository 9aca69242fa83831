/* assets.h - the files that a browser gets, as bytes in the binary.
 *
 * Place:   assets, floor 0; used by service (the dashboard) and core/trace (the page of an export).
 * Threads: safe; constants.
 * Memory:  none.
 *
 * Every .html, .css, .js and .svg of this folder is there by its name, and of dygraphs "dygraph.js",
 * "dygraph.css" and "dygraph.txt", its copyright and licence.  cmake/assets.cmake makes the bytes when Rondo
 * is built.
 */
#ifndef ASSETS_H
#define ASSETS_H

#include <stddef.h>

struct asset {
    const char *name, *type;    /* type: the media type, charset included */
    const unsigned char *bytes; /* [size], and a NUL behind them */
    size_t size;
};

/* NULL: there is none of that name. */
const struct asset *asset_find(const char *name);
/* One after the other, by name; NULL: no more. */
const struct asset *asset_at(size_t index);

#endif
