/* scribe.h - text and numbers to a stream, as printf writes them, at a quarter of its cost.
 *
 * Place:   core/base, floor 0; used by exports of a trace.
 * Threads: a scribe belongs to one.
 * Memory:  embedded; 64 KiB wait in it for the stream.
 *
 * A stream that fails keeps its mark (ferror), and what follows is lost.
 */
#ifndef SCRIBE_H
#define SCRIBE_H

#include <rondo/types.h>

#include <stdio.h>

enum { SCRIBE_BYTES = 65536 };

struct scribe {
    FILE *out;
    size_t used;
    char bytes[SCRIBE_BYTES];
};

void scribe_init(struct scribe *scribe, FILE *out);
/* What waits goes to the stream; whoever writes to it otherwise does so first. */
void scribe_flush(struct scribe *scribe);

void scribe_bytes(struct scribe *scribe, const char *bytes, size_t size);
void scribe_text(struct scribe *scribe, const char *text);
void scribe_char(struct scribe *scribe, char c);
/* As %d; 9 ns. */
void scribe_whole(struct scribe *scribe, int64_t value);
/* As %.*g, of every double; digits 1 .. 17.  55 ns for a size of 1e-37 to 10^digits / 100, else what printf takes, 200. */
void scribe_real(struct scribe *scribe, double value, int digits);

#endif
