/* top.h - the best items of all for users, sixteen users at a time: the inner loop, once for each instruction
 * set.
 *
 * Place:   apps/mf, private to it; evaluate.c and predict.c; top_find.c is compiled once a level.
 * Threads: each call with a struct top of its own.
 * Memory:  panel and best by host->alloc, freed by top_close; nothing that grows with the items.
 *
 * Scores of 256 items for sixteen users are one product, in which an item's row is loaded once for all of them;
 * of these only what is above a user's worst so far is looked at.  Of equal scores the lower item is the better.
 */
#ifndef MF_TOP_H
#define MF_TOP_H

#include "mf.h"

enum { TOP_USERS = 16 };

struct best {
    int32_t item;
    float score;
};

struct top {
    const struct factors *factors;   /* of them items and item biases are read */
    int32_t most;                    /* so many are wanted of each user; at least 1 */
    float *panel;                    /* [rank x TOP_USERS]: coordinate f of user u at f * TOP_USERS + u */
    float base[TOP_USERS];           /* a score is base + the item's bias + p'q */
    const int32_t *seen[TOP_USERS];  /* items that are not wanted, ascending */
    int64_t seens[TOP_USERS];
    int32_t users;                   /* that are in; the rest of their seats is empty */
    int32_t found[TOP_USERS];        /* min(most, items - seens) */
    struct best *best;               /* [TOP_USERS x most], best first, those of user u from u * most on */
};

/* false: no memory. */
bool top_open(struct top *top, const struct rondo_host *host, const struct factors *factors, int64_t most);
void top_close(struct top *top, const struct rondo_host *host);

/* The next seat is this user's; row [rank]; returns which seat it is. */
int32_t top_seat(struct top *top, const float *row, double base, const int32_t *seen, int64_t seens);

struct top_kernel {
    const char *isa;
    void (*find)(struct top *top); /* fills found and best */
};

/* "x86-64-v2", "-v3" or "-v4". */
const struct top_kernel *top_kernel_for(const char *isa);

#endif
