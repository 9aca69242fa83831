/* apps.h - four small apps, one for each pattern of movement and one that does nothing.
 *
 * Place:   tests/apps; the apps themselves include <rondo/...> and this folder alone.
 * Threads: the shapes are written by a test before it opens an app, and only read after.
 * Memory:  an app makes its data when it opens, from the seed of its shape; no file is read.
 */
#ifndef APPS_H
#define APPS_H

#include <rondo/app.h>

#include <string.h>

/* reduce: least squares with a ridge, min 1/2 |y - X b|^2 + ridge/2 |b|^2, columns of unit length.
 * Round 1, 4, ...: a sweep for the gradient, then AGAIN for the length of each chunk's step.
 * Round 2, 5, ...: sampled with couplings, each block solved.
 * Round 3, 6, ...: sampled, partials unpulled, then JOIN of some of the variables with couplings. */
struct app_reduce_shape {
    int64_t rows, columns;
    int32_t shards, chunks;
    uint64_t seed;
    double ridge;
    int64_t stop_round; /* the app ends the job there; 0: never */
};
extern struct app_reduce_shape app_reduce_shape;
extern const struct rondo_app app_reduce;

/* rotate: a toy Gibbs sampler; words of a block's counts travel to the shards that hold the tokens.
 * Two plans a round, and the second once more (AGAIN) in odd rounds. */
struct app_rotate_shape {
    int32_t blocks, shards; /* shards <= blocks */
    int32_t topics, words, tokens; /* words of a block, tokens of a shard */
    uint64_t seed;
    bool no_shards; /* the blocks travel alone: no shard, no tokens kept */
};
extern struct app_rotate_shape app_rotate_shape;
extern const struct rondo_app app_rotate;

/* gather: alternating least squares of rank 2 on a planted matrix; users in odd rounds, items in
 * even ones.  The head's bytes begin with users [m x 2] and items [n x 2], doubles, row-major. */
struct app_gather_shape {
    int32_t users, items, chunks;
    uint64_t seed;
};
extern struct app_gather_shape app_gather_shape;
extern const struct rondo_app app_gather;
/* The planted entry (u, i). */
double app_gather_entry(int32_t user, int32_t item);

/* empty: so many tasks a round that do nothing. */
struct app_empty_shape {
    int32_t tasks;
    bool plan; /* a plan of pairs (i, -1); else a sweep */
    int32_t shards; /* with a sweep: so many more tasks for each chunk */
};
extern struct app_empty_shape app_empty_shape;
extern const struct rondo_app app_empty;

/* What all four need. */
static inline int apps_append(const struct rondo_host *host, struct rondo_buf *out,
                              const void *bytes, size_t size)
{
    int code = host->reserve(out, out->size + size);
    if (code)
        return code;
    if (size)
        memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return RONDO_OK;
}

/* A flat state is one block of bytes. */
static inline int apps_fill(void *state, size_t size, struct rondo_bytes in)
{
    if (in.size != size)
        return RONDO_ESTATE;
    memcpy(state, in.data, size);
    return RONDO_OK;
}

/* Folds bytes into a checksum (FNV-1a), so that a head remembers all that it was told. */
static inline uint64_t apps_fold(uint64_t sum, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ byte[i]) * UINT64_C(0x100000001b3);
    return sum;
}

#endif
