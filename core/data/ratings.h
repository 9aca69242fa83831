/* ratings.h - what ratings.c, ratings_line.c and ratings_fill.c share.
 *
 * Place:   core/data, private to these three and to tests.
 * Threads: a piece belongs to the thread that reads it; the ids that it looks up do not change meanwhile.
 * Memory:  12 bytes a rating, 16 where there are times, 20 where those are no whole numbers of 32 bits, of which
 *          the arrays go one by one as the matrix, or the lines, come.
 *
 * The text is read in batches, a batch is cut at ends of lines into as many pieces as there are threads.  A
 * piece looks its ids up among those of the batches before; those that are new get numbers of the piece's own,
 * marked by RATINGS_NEW, and behind the batch, piece by piece, the number that they keep.  So numbers go by
 * first appearance, whatever the threads.
 */
#ifndef RATINGS_H
#define RATINGS_H

#include "core/data/ids.h"
#include "core/data/readers.h"

#define RATINGS_NEW (UINT32_C(1) << 31)
enum { RATINGS_PAD = 16 }; /* bytes behind a batch that may be read: zeros */

/* How lines are written. */
struct ratings_form {
    char delimiter; /* ' ': runs of blanks and tabs; ':': two of them; else itself */
    int fields;     /* 2 (pairs alone), 3, or 4 with a time; 0: not known yet */
    bool pairs;
    char divides; /* of pairs: makes two fields of every line looked at, so that blanks are of ids; 0: none does */
};

struct ratings_records {
    int64_t count;
    uint32_t *user, *item; /* [count] */
    float *value;          /* [count]; NULL where lines have 2 fields */
    uint32_t *second;      /* [count]: times that are whole numbers of 32 bits, all of them; else NULL, */
    double *time;          /* [count], or where there are none NULL */
};

struct ratings_piece {
    const char *at, *end; /* whole lines; behind the last RATINGS_PAD bytes, or another piece */
    const struct ratings_form *form;
    const struct ids *user, *item; /* those that are known */
    struct ratings_records records;
    size_t room;                   /* of each array of them */
    struct ids new_user, new_item;
    int64_t lines;                 /* passed: behind an error, those before it */
    int64_t negative;              /* the first line whose rating is below 0, from 1; 0: none */
    char wrong[256];               /* what is wrong with the line */
};

/* All lines of the piece.  RONDO_EINPUT: wrong and lines say it; RONDO_ENOMEM. */
int ratings_read_piece(struct ratings_piece *piece) RONDO_MUST_CHECK;

/* Does the line [at, end) say nothing, being blank or a comment? */
bool ratings_is_mute(const char *at, const char *end);
/* Of pairs, first, from the lines [at, end), of which the last is whole where the text has ended: divides. */
void ratings_tell_pairs(struct ratings_form *form, const char *at, const char *end, bool ended);
/* From the first line that says something: the delimiter; true: it is a header, and form->fields is open. */
bool ratings_tell(struct ratings_form *form, const char *at, const char *end);
/* From the first one that is none: the number of fields.  false: too few or too many; wrong says so. */
bool ratings_tell_fields(struct ratings_form *form, const char *at, const char *end, char wrong[256]);

/* Three or four fields, the third and fourth of them numbers? */
bool ratings_look_like(const struct ratings_form *form, const char *at, const char *end);

/* Compressed columns of the records of `pieces` pieces, which are gone; rows ascend, of equal cells the latest
 * is kept, else the last.  RONDO_ENOMEM. */
int ratings_fill(struct ratings_records *piece, int64_t pieces, int64_t users, int64_t items, int32_t threads,
                 struct rondo_matrix *x, int64_t *replaced, const char *name,
                 struct rondo_error *err) RONDO_MUST_CHECK;
void ratings_records_fini(struct ratings_records *records);

/* ratings_load by so many threads and batches of so many bytes. */
int ratings_load_by(struct stream *s, const struct data_options *options, int32_t threads, size_t batch,
                    struct data_set *set, struct rondo_error *err) RONDO_MUST_CHECK;

#endif
