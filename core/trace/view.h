/* view.h - what the views share: one answer to one question, for people or for programs.
 *
 * Place:   core/trace only, used by views.c and view_*.c.
 * Threads: the reader's.
 * Memory:  none beyond the reader's.
 */
#ifndef VIEW_H
#define VIEW_H

#include "core/trace/listing.h"
#include "core/trace/reader.h"

struct view {
    struct trace_reader *reader;
    struct reader_window window;
    bool json;
    FILE *out;
};

/* Each writes the members of the JSON's object, without its braces, or its tables. */
int view_blocks(struct view *view, struct rondo_error *err);
int view_priority(struct view *view, struct rondo_error *err);
int view_conflicts(struct view *view, struct rondo_error *err);
int view_workers(struct view *view, struct rondo_error *err);

struct listing view_listing(const struct view *view, const char *name, const struct listing_column *columns);
/* "NAME":{members} behind other members. */
void view_object(const struct view *view, const char *name, const struct listing_column *columns, const void *row);

#endif
