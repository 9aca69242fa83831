/* record.h - what is put into a recording's ring: a head, the struct that was put in, and behind it its lists.
 *
 * Place:   core/trace only, used by recording.c.
 * Threads: pure functions.
 * Memory:  the caller's.  A record's pointers point into it: what comes out of the ring is used where it lies.
 */
#ifndef RECORD_H
#define RECORD_H

#include "core/trace/trace.h"

enum { RECORD_ALIGNMENT = 16 }; /* of where a record begins, and of its size */

enum record_kind { RECORD_GAP, RECORD_ROUND, RECORD_REPORT, RECORD_PART, RECORD_CELLS };

struct record {
    size_t bytes; /* with this head */
    int64_t kind;
};

struct record_cells {
    int64_t count;
    const struct trace_cell *cell;
};

/* Copies a trace_round, trace_report, trace_part or record_cells to base, of a round no more than the level keeps;
 * base NULL: nothing.  Returns the record's bytes. */
size_t record_pack(unsigned char *base, enum record_kind kind, const void *what, enum trace_level keep);

#endif
