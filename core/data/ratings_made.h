/* ratings_made.h - made ratings whose factors are known.
 *
 * Place:   core/data, floor 1; used by tools/made_mf.c and tests.
 * Threads: a struct ratings_made belongs to one thread.
 * Memory:  the factors, and 40 bytes for each item; ratings are drawn user by user and never held.
 *
 * User u rates item i with
 *
 *     r = mean + b_u + c_i + p_u'q_i + noise e,    e, b_u / user_bias, c_i / item_bias ~ N(0, 1),
 *
 * the factors' values being normal (nonnegative: their magnitudes, and r no less than 0), of a size that makes
 * `spread` the standard deviation of p_u'q_i.
 * How much a user rates and how often an item is rated falls as (rank + shift)^-zipf, rank from 1 on in an
 * order at random (Zipf and Mandelbrot).  A user's number of ratings is its share of all, no more than there
 * are items; the items are drawn by their popularity one after the other, none twice.  Of implicit feedback
 * every rating is 1, and what is seen is by taste: an item's weight is its popularity / (1 + exp(-p_u'q_i)).
 */
#ifndef RATINGS_MADE_H
#define RATINGS_MADE_H

#include <rondo/err.h>

struct ratings_recipe {
    int64_t users, items;
    int64_t ratings;               /* in all, of distinct cells */
    int64_t rank;
    double mean, user_bias, item_bias, spread, noise;
    double user_zipf, user_shift, item_zipf, item_shift;
    double test;                   /* the share of ratings that is held out */
    bool implicit, nonnegative;
    uint64_t seed;
};

struct ratings_made {
    struct ratings_recipe recipe;
    double *user, *item;           /* [users x rank], [items x rank] row-major */
    double *user_bias, *item_bias; /* [users], [items] */
    int32_t *count;                /* [users]: ratings of each */

    /* ratings_made.c's own: */
    double *popularity;            /* [items] */
    double *keep;                  /* [items]: of the alias table */
    int32_t *other;                /* [items]: the same */
    uint64_t *taken;               /* bitset of items, empty between users */
    struct ratings_key *key;       /* [items] */
};

/* With noise a multiple of 0.0001, else a float. */
struct rating_made {
    double value;
    int32_t item;
    bool test;
};

/* A pure function of the recipe.  RONDO_EINPUT with the recipe's field, a hyphen for its underscore;
 * RONDO_ENOMEM. */
int ratings_made_create(const struct ratings_recipe *recipe, struct ratings_made **made,
                        struct rondo_error *err) RONDO_MUST_CHECK;
void ratings_made_destroy(struct ratings_made *made); /* NULL is allowed */

/* A user's ratings, items ascending, into out [items]; returns count[user].  Always the same, whoever was
 * asked for before.  About 0.2 us for each. */
int64_t ratings_made_row(struct ratings_made *made, int64_t user, struct rating_made *out);

#endif
