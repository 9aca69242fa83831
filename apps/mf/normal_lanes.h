/* normal_lanes.h - vectors as wide as the level's registers, and square tiles of as many rows.
 *
 * Place:   apps/mf, private to it; what cmake/kernels.cmake compiles once for each level.
 * Threads: pure functions.
 * Memory:  borrowed, aligned to 64.
 *
 * A symmetric matrix is kept by the tiles of its upper half, tile (I, J >= I) row-major, the tiles of a row of
 * tiles one behind the other.  Each of its numbers is summed in one register over the products in their order,
 * whatever the tiles are.
 */
#ifndef MF_NORMAL_LANES_H
#define MF_NORMAL_LANES_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
enum { TILE = LANES * LANES };

typedef float lanes __attribute__((vector_size(4 * LANES), may_alias));

INLINE lanes load(const float *x)
{
    return *(const lanes *)(const void *)x;
}

INLINE void store(float *x, lanes a)
{
    *(lanes *)(void *)x = a;
}

INLINE lanes all(float x)
{
    return x - (lanes){ 0 };
}

/* a where x > 0, else 0. */
INLINE lanes above(lanes x, lanes a)
{
    typedef int32_t whole __attribute__((vector_size(4 * LANES)));
    return (lanes)((whole)a & (x > 0));
}

/* a's and b's lanes, those of a where `first` has them, added in pairs. */
#define FOLD(a, b, first, second) (__builtin_shufflevector(a, b, first) + __builtin_shufflevector(a, b, second))
#define LIST(...) __VA_ARGS__

/* Lane l: the sum of the lanes of part[l]. */
INLINE lanes sums(lanes part[LANES])
{
#if defined(__AVX512F__)
    UNROLL
    for (int i = 0; i < 8; i++)
        part[i] = FOLD(part[2 * i], part[2 * i + 1], LIST(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
                       LIST(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31));
    UNROLL
    for (int i = 0; i < 4; i++)
        part[i] = FOLD(part[2 * i], part[2 * i + 1], LIST(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
                       LIST(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31));
    UNROLL
    for (int i = 0; i < 2; i++)
        part[i] = FOLD(part[2 * i], part[2 * i + 1], LIST(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
                       LIST(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31));
    return FOLD(part[0], part[1], LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
                LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
#elif defined(__AVX2__)
    UNROLL
    for (int i = 0; i < 4; i++)
        part[i] = FOLD(part[2 * i], part[2 * i + 1], LIST(0, 8, 2, 10, 4, 12, 6, 14), LIST(1, 9, 3, 11, 5, 13, 7, 15));
    UNROLL
    for (int i = 0; i < 2; i++)
        part[i] = FOLD(part[2 * i], part[2 * i + 1], LIST(0, 1, 8, 9, 4, 5, 12, 13), LIST(2, 3, 10, 11, 6, 7, 14, 15));
    return FOLD(part[0], part[1], LIST(0, 1, 2, 3, 8, 9, 10, 11), LIST(4, 5, 6, 7, 12, 13, 14, 15));
#else
    UNROLL
    for (int i = 0; i < 2; i++)
        part[i] = FOLD(part[2 * i], part[2 * i + 1], LIST(0, 4, 2, 6), LIST(1, 5, 3, 7));
    return FOLD(part[0], part[1], LIST(0, 1, 4, 5), LIST(2, 3, 6, 7));
#endif
}

/* ---- tiles ------------------------------------------------------------------------------------------------ */

INLINE int64_t tile_count(int64_t blocks)
{
    return blocks * (blocks + 1) / 2;
}

/* Tile (I, I) of `blocks` rows of tiles; (I, J) is J - I behind. */
INLINE float *tile_row(float *tiles, int64_t blocks, int64_t i)
{
    return tiles + TILE * (tile_count(blocks) - tile_count(blocks - i));
}

INLINE void tile_load(const float *tile, lanes t[LANES])
{
    UNROLL
    for (int i = 0; i < LANES; i++)
        t[i] = load(tile + LANES * i);
}

INLINE void tile_store(float *tile, const lanes t[LANES])
{
    UNROLL
    for (int i = 0; i < LANES; i++)
        store(tile + LANES * i, t[i]);
}

/* T -= X'Y, all three tiles. */
INLINE void tile_less(float *tile, const float *x, const float *y)
{
    lanes t[LANES];
    tile_load(tile, t);
    for (int r = 0; r < LANES; r++) {
        lanes v = -load(y + LANES * r);
        UNROLL
        for (int i = 0; i < LANES; i++)
            t[i] += v * all(x[LANES * r + i]);
    }
    tile_store(tile, t);
}

/* T += sum_r weight_r x_r y_r', x_r and y_r LANES numbers of row r, from x and from y on. */
INLINE void tile_add(float *tile, const float *const *row, int64_t x, int64_t y, const float *weight, int64_t count,
                     bool weighted)
{
    lanes t[LANES];
    tile_load(tile, t);
    for (int64_t r = 0; r < count; r++) {
        lanes v = load(row[r] + y);
        if (weighted)
            v *= all(weight[r]);
        UNROLL
        for (int i = 0; i < LANES; i++)
            t[i] += v * all(row[r][x + i]);
    }
    tile_store(tile, t);
}

/* The same of a tile (I, I), its upper half alone, and b += sum_r right_r x_r. */
#if defined(__AVX512F__)
INLINE void tile_add_corner(float *tile, float *b, const float *const *row, int64_t x, const float *weight,
                            const float *right, int64_t count, bool weighted)
{
    enum { HALF = LANES / 2 };
    typedef float halves __attribute__((vector_size(4 * HALF), may_alias));
    lanes upper[HALF], sum = load(b);
    halves lower[HALF];
    UNROLL
    for (int i = 0; i < HALF; i++) {
        upper[i] = load(tile + LANES * i);
        lower[i] = *(halves *)(void *)(tile + LANES * (HALF + i) + HALF);
    }
    for (int64_t r = 0; r < count; r++) {
        const float *q = row[r] + x;
        lanes v = load(q);
        halves h = *(const halves *)(const void *)(q + HALF);
        sum += v * all(right[r]);
        if (weighted) {
            v *= all(weight[r]);
            h *= weight[r] - (halves){ 0 };
        }
        UNROLL
        for (int i = 0; i < HALF; i++) {
            upper[i] += v * all(q[i]);
            lower[i] += h * (q[HALF + i] - (halves){ 0 });
        }
    }
    UNROLL
    for (int i = 0; i < HALF; i++) {
        store(tile + LANES * i, upper[i]);
        *(halves *)(void *)(tile + LANES * (HALF + i) + HALF) = lower[i];
    }
    store(b, sum);
}
#else
INLINE void tile_add_corner(float *tile, float *b, const float *const *row, int64_t x, const float *weight,
                            const float *right, int64_t count, bool weighted)
{
    lanes sum = load(b);
    tile_add(tile, row, x, x, weight, count, weighted);
    for (int64_t r = 0; r < count; r++)
        sum += load(row[r] + x) * all(right[r]);
    store(b, sum);
}
#endif

/* T = U^-T T, U the upper half of a tile, inverse [LANES] one over its diagonal. */
INLINE void tile_divide(float *tile, const float *u, const float *inverse)
{
    lanes t[LANES];
    tile_load(tile, t);
    UNROLL
    for (int i = 0; i < LANES; i++) {
        t[i] *= all(inverse[i]);
        UNROLL
        for (int r = i + 1; r < LANES; r++)
            t[r] -= t[i] * all(u[LANES * i + r]);
    }
    tile_store(tile, t);
}

/* T = U'U, inverse as above.  false: a pivot is not above its limit. */
INLINE bool tile_factor(float *tile, const float *limit, float *inverse)
{
    lanes t[LANES];
    bool good = true;
    tile_load(tile, t);
    UNROLL
    for (int i = 0; i < LANES; i++) {
        float *raw = tile + LANES * i; /* behind the pivot nothing waits for the root */
        store(raw, t[i]);
        float pivot = raw[i], over = 1 / pivot;
        lanes scaled = t[i] * all(over);
        UNROLL
        for (int r = i + 1; r < LANES; r++)
            t[r] -= scaled * all(raw[r]);
        good &= pivot > limit[i];
        inverse[i] = sqrtf(over);
        t[i] *= all(inverse[i]);
    }
    tile_store(tile, t);
    return good;
}

/* T v */
INLINE lanes tile_times(const float *tile, lanes v)
{
    lanes t[LANES];
    UNROLL
    for (int i = 0; i < LANES; i++)
        t[i] = load(tile + LANES * i) * v;
    return sums(t);
}

/* T'v */
INLINE lanes tile_across(const float *tile, const float *v)
{
    lanes sum = { 0 };
    UNROLL
    for (int i = 0; i < LANES; i++)
        sum += load(tile + LANES * i) * all(v[i]);
    return sum;
}

#endif
