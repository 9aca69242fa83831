/* types.h - the words that every public header shares.
 *
 * Place:   include/rondo, visible to apps, plug-ins and embedding programs.
 * Memory:  nothing here allocates.
 */
#ifndef RONDO_TYPES_H
#define RONDO_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define RONDO_PUBLIC __attribute__((visibility("default")))
#define RONDO_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RONDO_UNUSED __attribute__((unused))
#define RONDO_MUST_CHECK __attribute__((warn_unused_result))
#else
#define RONDO_PUBLIC
#define RONDO_PRINTF(fmt, args)
#define RONDO_UNUSED
#define RONDO_MUST_CHECK
#endif

/* Around the declarations of every public header, which a C++ compiler may read too. */
#if defined(__cplusplus)
#define RONDO_C_BEGIN extern "C" {
#define RONDO_C_END }
#else
#define RONDO_C_BEGIN
#define RONDO_C_END
#endif

RONDO_C_BEGIN

/* A growable run of bytes.  `data` is aligned to 64 bytes and belongs to the host that lent the
 * buffer; an app grows it by host->reserve alone and sets `size` to what it wrote. */
struct rondo_buf {
    unsigned char *data;
    size_t size;
    size_t capacity;
};

/* A borrowed run of bytes, valid until the callback that received it returns. */
struct rondo_bytes {
    const void *data;
    size_t size;
};

RONDO_C_END

#endif
