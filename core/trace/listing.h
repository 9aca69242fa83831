/* listing.h - rows as a table for people or as JSON for programs.
 *
 * Place:   core/trace, floor 1; used by views.c and by tools.
 * Threads: a listing belongs to one thread.
 * Memory:  none; everything is borrowed.
 *
 * A row is a struct, its columns are a table of offsets into it.  Columns with a heading stand in
 * the table for people, in readable units; all stand in the JSON, under their key and as they are.
 */
#ifndef LISTING_H
#define LISTING_H

#include <rondo/err.h>

#include <stdio.h>

enum listing_cell {         /* the member, and what people see */
    LISTING_INT32,          /* int32_t */
    LISTING_INT64,          /* int64_t */
    LISTING_COUNT,          /* int64_t; below 0: null and "-" */
    LISTING_REAL,           /* double, 6 digits */
    LISTING_TIMES,          /* double, 2 places */
    LISTING_PERCENT,        /* double, a ratio; times 100, 1 place */
    LISTING_NS,             /* int64_t nanoseconds; milliseconds, in 8 characters below 27 hours */
    LISTING_FLAG,           /* bool */
    LISTING_TEXT,           /* const char *, not NULL */
    LISTING_VARIABLES,      /* struct listing_variables; the first few */
};

struct listing_variables {
    const int64_t *list; /* [count], or NULL: null and "-" */
    int64_t count;
};

struct listing_column {
    const char *key;        /* NULL ends the table; "": for people only */
    const char *heading;    /* NULL: in JSON only */
    enum listing_cell cell;
    int width;              /* of the heading and its cells; negative: to the left */
    size_t offset;          /* in the row's struct */
};

struct listing {
    FILE *out;
    const char *name;       /* of the JSON's list: "NAME":[{...}, ...] */
    bool json;
    const struct listing_column *columns;
    int64_t rows;           /* 0 at first; the head is written with the first row */
};

/* RONDO_EIO where the stream has failed. */
int listing_row(struct listing *listing, const void *row);
/* Ends the list; writes its head too, where there was no row. */
void listing_end(struct listing *listing);

/* The pieces.  A number that is not finite is null or "-"; bytes that are not UTF-8 become U+FFFD;
 * control characters are escaped, and "?" for people. */
void listing_json_text(FILE *out, const char *text);
/* The members of a row's object, without its braces, in the order of the columns. */
void listing_json_members(FILE *out, const struct listing_column *column, const void *row);
/* The same in the order of a list of numbers: [1,2,3]. */
void listing_json_counts(FILE *out, const int64_t *value, int64_t count);
void listing_json_reals(FILE *out, const double *value, int64_t count);
void listing_plain_text(char *out, size_t size, const char *text);
void listing_plain_real(char *out, size_t size, enum listing_cell cell, double value);

/* A word for people, as a value. */
struct listing_word {
    char text[32];
};
struct listing_word listing_grouped(int64_t value);                        /* 1234567 as "1,234,567" */
struct listing_word listing_shown(enum listing_cell cell, double value); /* as a cell; LISTING_PERCENT without its sign */

#endif
