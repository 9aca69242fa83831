/* bag.h - documents as bags of words, piece by piece, from a matrix that comes by columns.
 *
 * Place:   apps/lda, private to it; for held-out documents and for those to predict.
 * Threads: a bag belongs to one thread.
 * Memory:  one piece: its pairs, and a finger on every column.
 *
 * Rows are documents, columns words; sparse, and every value a count, as RONDO_ROLE_COUNTS has them.
 */
#ifndef BAG_H
#define BAG_H

#include <rondo/app.h>

struct bag {
    const struct rondo_host *host;
    const struct rondo_matrix *matrix; /* borrowed */
    int64_t next;                      /* the first document that no piece has had */
    int64_t documents;                 /* of the piece */
    int64_t *first;                    /* [documents + 1] where a document's pairs begin */
    int32_t *word, *count;             /* [first[documents]] words ascending in a document, no count 0 */
    int64_t most;                      /* documents of a piece */
    int64_t room;                      /* pairs */
    int64_t *finger;                   /* [cols] first entry that no piece has had */
};

/* Pieces of at most so many documents; bag_close whatever this answers. */
int bag_open(struct bag *bag, const struct rondo_host *host, const struct rondo_matrix *matrix, int64_t most,
             struct rondo_error *err);
/* The next piece; bag->documents is 0 behind the last.  Cost: its entries, and the columns. */
int bag_next(struct bag *bag, struct rondo_error *err);
void bag_close(struct bag *bag);

#endif
