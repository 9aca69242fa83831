/* cursor.h - reads and writes little-endian bytes, every step checked.
 *
 * Place:   core/base, floor 0; the one way by which structs become bytes and bytes structs.
 * Threads: a cursor belongs to one thread.
 * Memory:  a reader borrows its bytes; a writer appends to a buffer that the caller owns.
 *
 * Errors stick: after the first short read or failed growth every call is a no-op that yields
 * zeros, and `failed` is true.  The caller checks once, at the end.
 */
#ifndef CURSOR_H
#define CURSOR_H

#include <rondo/types.h>

struct cursor_reader {
    const unsigned char *at, *end;
    bool failed;
};

struct cursor_writer {
    struct rondo_buf *buf;
    bool failed;
};

struct cursor_reader cursor_reader(const void *bytes, size_t size);
uint8_t cursor_get_u8(struct cursor_reader *in);
uint32_t cursor_get_u32(struct cursor_reader *in);
uint64_t cursor_get_u64(struct cursor_reader *in);
int64_t cursor_get_i64(struct cursor_reader *in);
double cursor_get_f64(struct cursor_reader *in);
/* `size` raw bytes, borrowed from the reader's own; NULL on failure. */
const void *cursor_get_bytes(struct cursor_reader *in, size_t size);
/* A u64 length, then as many bytes. */
struct rondo_bytes cursor_get_block(struct cursor_reader *in);
/* Copies count elements of `size` bytes each into `into`. */
void cursor_get_array(struct cursor_reader *in, void *into, size_t count, size_t size);
bool cursor_at_end(const struct cursor_reader *in);

struct cursor_writer cursor_writer(struct rondo_buf *buf);
void cursor_put_u8(struct cursor_writer *out, uint8_t value);
void cursor_put_u32(struct cursor_writer *out, uint32_t value);
void cursor_put_u64(struct cursor_writer *out, uint64_t value);
void cursor_put_i64(struct cursor_writer *out, int64_t value);
void cursor_put_f64(struct cursor_writer *out, double value);
void cursor_put_bytes(struct cursor_writer *out, const void *bytes, size_t size);
void cursor_put_block(struct cursor_writer *out, const void *bytes, size_t size);

#endif
