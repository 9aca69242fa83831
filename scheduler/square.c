#include "scheduler/square.h"

#include <rondo/err.h>

#include <assert.h>
#include <math.h>

enum { SQUARE = 32, PART_PAIRS = 1 << 16 }; /* pairs of a part: about 0.1 ms */

struct square {
    const struct cache *cache;
    const struct lineup *block;
    double *out;
    int64_t parts;
};

/* Where a part of a triangle's rows begins, which have about as many pairs as any other. */
static int64_t begin_of(const struct square *square, int64_t part)
{
    double share = sqrt((double)part / (double)square->parts);
    return (int64_t)(share * (double)square->block->count) / SQUARE * SQUARE;
}

static int64_t end_of(const struct square *square, int64_t part)
{
    return part + 1 < square->parts ? begin_of(square, part + 1) : square->block->count;
}

/* The lower triangle, along the cache's rows: no pair stands in two of them. */
static int fill(void *context, int64_t part)
{
    const struct square *square = context;
    const struct lineup *block = square->block;
    double *out = square->out;
    int64_t count = block->count;
    for (int64_t a = begin_of(square, part); a < end_of(square, part); a++) {
        const double *row = cache_row(square->cache, block->slot[a]);
        int64_t i = block->item[a].value;
        out[i * count + i] = 1;
        for (int64_t b = 0; b < a; b++) {
            int64_t j = block->item[b].value, low = i > j ? i : j, high = i > j ? j : i;
            out[low * count + high] = row[block->slot[b]];
        }
    }
    return RONDO_OK;
}

/* The upper triangle from the lower, by squares that stay near. */
static int mirror(void *context, int64_t part)
{
    const struct square *square = context;
    double *out = square->out;
    int64_t count = square->block->count, end = end_of(square, part);
    for (int64_t i0 = begin_of(square, part); i0 < end; i0 += SQUARE)
        for (int64_t j0 = 0; j0 <= i0; j0 += SQUARE)
            for (int64_t i = i0; i < end && i < i0 + SQUARE; i++)
                for (int64_t j = j0; j < i && j < j0 + SQUARE; j++)
                    out[j * count + i] = out[i * count + j];
    return RONDO_OK;
}

void square_fill(struct team *team, const struct cache *cache, const struct lineup *block, double *out)
{
    struct square square = { cache, block, out, 1 + block->count * block->count / 2 / PART_PAIRS };
    int code = team_each(team, square.parts, fill, &square);
    if (!code)
        code = team_each(team, square.parts, mirror, &square);
    assert(!code); /* no part of theirs fails */
    (void)code;
}
