/* table.h - aligned columns for people, on stdout.
 *
 * Place:   tools, floor 5.
 * Threads: the main thread.
 * Memory:  a table owns its cells; table_fini.
 *
 * The same text on a terminal and off it.  A cell is cut at TABLE_CELL_MAX bytes; the last column is
 * not padded.
 */
#ifndef TABLE_H
#define TABLE_H

#include "core/job/jsonin.h"

enum { TABLE_CELL_MAX = 256 };

struct table_column {
    const char *head; /* "STATE" */
    const char *key;  /* of the row's JSON object */
    bool time;        /* shown as local time */
};

struct table {
    const struct table_column *columns; /* ends with a NULL head */
    struct rondo_buf cells;             /* char [rows][columns][TABLE_CELL_MAX] */
    int64_t rows;
    int width;
};

void table_init(struct table *table, const struct table_column *columns);
/* The head alone counts as no row.  RONDO_ENOMEM. */
int table_add(struct table *table, const struct jsonin *object) RONDO_MUST_CHECK;
void table_print(const struct table *table);
void table_fini(struct table *table);

/* "2026-11-20 14:03:07", local time, of the member: RFC 3339 in UTC, or seconds since 1970; anything
 * else as jsonin_show has it. */
void table_time(const struct jsonin *object, const char *key, char *out, size_t size);

#endif
