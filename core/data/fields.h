/* fields.h - a text by lines, a line by its words between blanks.
 *
 * Place:   core/data, floor 1; used by plink.c, people.c and phenotype.c.
 * Threads: one.
 * Memory:  none; words are borrowed from the stream's window until the next call.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "core/data/stream.h"

#include <string.h>

enum { FIELDS_MOST = 1024 };

struct field {
    const char *at; /* ends with a blank, a line's end or NUL */
    size_t size;
};

struct fields {
    int count; /* of this line; at most FIELDS_MOST */
    struct field field[FIELDS_MOST];
    const char *next; /* where the line behind begins; NULL before the first */
};

/* The next line that is not blank; s->line is then its number.  1, 0 at the end of the file, or an
 * error: RONDO_EINPUT where a line is longer than the window or has too many words. */
int fields_line(struct stream *s, struct fields *fields, struct rondo_error *err) RONDO_MUST_CHECK;

static inline bool field_is(const struct field *field, const char *word)
{
    return strlen(word) == field->size && memcmp(field->at, word, field->size) == 0;
}

/* The whole word as a number; false where it is none. */
bool field_real(const struct field *field, double *value);
/* Nothing is known: -9, NA or nan, as PLINK has it. */
bool field_missing(const struct field *field);
/* A word in printable form, shortened, for an error; out is [STREAM_TOKEN]. */
const char *field_word(const struct field *field, char *out);

#endif
