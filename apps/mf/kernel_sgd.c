/* kernel_sgd.c - stochastic gradient descent, compiled once for each level (cmake/kernels.cmake).
 *
 * What a step waits for is p'q, and p is what the step before made of it.  So two runs go on at once, one rating
 * of each in turn: while the sum of one is folded, the other's rows are updated.
 */
#include "kernel.h"

#include <string.h>

#include <immintrin.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

#if defined __AVX512F__
#define LANES 16
#elif defined __AVX2__
#define LANES 8
#else
#define LANES 4
#endif

/* PARTS vectors are sixteen coordinates; up to MOST vectors of a row stay in registers, or in the first cache. */
enum { SIXTEEN = 16, PARTS = SIXTEEN / LANES, MOST = 8 * PARTS, BIAS = 3, AHEAD = 2 };

typedef float reals __attribute__((vector_size(4 * LANES), may_alias));
typedef int32_t whole __attribute__((vector_size(4 * LANES)));
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

/* A visit: what is left of the tile, and the rule. */
struct work {
    const struct side *rows, *cols;
    const struct run *run, *end;
    const struct entry *entry;
    float rate, lambda, lambda_bias, mean;
    float part; /* 1 over how many coordinates from 1 to 15 there are */
    bool biases, nonnegative;
    double sum;
};

INLINE reals positive(reals x)
{
    return (reals)((x > 0) & (whole)x);
}

/* A row's two rates, coordinate by coordinate: its first vector, and any others. */
struct spread {
    reals first, rest;
};

INLINE struct spread spread(four rates)
{
    __m128 x = (__m128)rates;
#if LANES == 16
    const __m512i lanes = _mm512_setr_epi32(0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    __m512 wide = _mm512_castps128_ps512(x);
    return (struct spread){ (reals)_mm512_permutexvar_ps(lanes, wide),
                            (reals)_mm512_permutexvar_ps(_mm512_set1_epi32(1), wide) };
#elif LANES == 8
    __m256 rest = _mm256_broadcastss_ps(_mm_movehdup_ps(x));
    return (struct spread){ (reals)_mm256_blend_ps(rest, _mm256_castps128_ps256(x), 1), (reals)rest };
#else
    __m128 rest = _mm_shuffle_ps(x, x, 0x55);
    return (struct spread){ (reals)_mm_move_ss(rest, x), (reals)rest };
#endif
}

INLINE __m128 fold_to_four(reals x)
{
#if LANES == 16
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256((__m512)x), _mm512_extractf32x8_ps((__m512)x, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#elif LANES == 8
    return _mm_add_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
#else
    return (__m128)x;
#endif
}

/* The sums over the lanes of x and of y, in lanes 0 and 1. */
INLINE four fold_both(reals x, reals y)
{
    __m128 a = fold_to_four(x), b = fold_to_four(y);
    __m128 pairs = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
    return (four)_mm_add_ps(pairs, _mm_movehl_ps(pairs, pairs));
}

INLINE float fold(reals x)
{
    return fold_both(x, x)[0];
}

/* A run in hand. */
struct slot {
    reals own[MOST]; /* the row, where it fits */
    float *row;
    struct pace *pace;
    four at;         /* *pace, in its order */
    float square;    /* mean of those of p_1 to p_15 as the run begins */
    const struct entry *entry;
    int64_t left;
};

INLINE reals *slot_row(struct slot *slot, const int vectors)
{
    return vectors <= MOST ? slot->own : (reals *)slot->row;
}

INLINE four rates(four sums, float rate)
{
    return (four)_mm_div_ps(_mm_set1_ps(rate), _mm_sqrt_ps((__m128)sums));
}

INLINE reals but_first(reals x)
{
    const whole mask = ~(whole){ -1 };
    return (reals)((whole)x & mask);
}

/* Squares of coordinates 1 to 15, in some lane each. */
INLINE reals sample(const reals *row)
{
    reals rest = but_first(row[0]), sum = rest * rest;
    UNROLL
    for (int v = 1; v < PARTS; v++)
        sum += row[v] * row[v];
    return sum;
}

/* The row of the run after next, which neither slot has opened yet; short ones come in time by themselves. */
INLINE void prefetch_row(const struct work *work, const int vectors)
{
    if (vectors <= 2 * PARTS)
        return;
    const struct run *run = work->end - work->run > 1 ? work->run + 1 : work->end - 1;
    const int some = vectors < MOST ? vectors : MOST;
    UNROLL
    for (int v = 0; v < some; v += PARTS)
        __builtin_prefetch(work->rows->row + ((int64_t)run->row * vectors + v) * LANES, 1);
    __builtin_prefetch(work->rows->pace + run->row, 1);
}

/* The next run of those left, its row less what lambda takes; false: none is left. */
INLINE bool slot_open(struct slot *slot, struct work *work, const int vectors)
{
    if (work->run == work->end)
        return false;
    const struct run *run = work->run++;
    slot->row = work->rows->row + (int64_t)run->row * vectors * LANES;
    slot->pace = work->rows->pace + run->row;
    slot->at = *(const four *)slot->pace;
    slot->entry = work->entry;
    slot->left = run->count;
    work->entry += run->count;
    prefetch_row(work, vectors);
    float keep = 1 / (1 + (float)run->count * rates(slot->at, work->rate)[1] * work->lambda);
    reals *p = slot_row(slot, vectors), was = ((const reals *)slot->row)[0];
    p[0] = but_first(was) * keep + (was - but_first(was));
    UNROLL
    for (int v = 1; v < vectors; v++)
        p[v] = ((const reals *)slot->row)[v] * keep;
    slot->square = fold(sample(p)) * work->part;
    return true;
}

INLINE void slot_close(struct slot *slot, const int vectors)
{
    *(four *)slot->pace = slot->at;
    if (vectors <= MOST) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            ((reals *)slot->row)[v] = slot->own[v];
    }
}

/* The row of the entry some way ahead in the run, on its way to the first cache. */
INLINE void prefetch(const struct work *work, const struct slot *slot, const int vectors)
{
    int64_t col = slot->entry[slot->left > AHEAD ? AHEAD : 0].col;
    const int some = vectors < MOST ? vectors : MOST;
    UNROLL
    for (int v = 0; v < some; v += PARTS)
        __builtin_prefetch(work->cols->row + (col * vectors + v) * LANES, 1);
    __builtin_prefetch(work->cols->pace + col, 1);
}

INLINE void step(struct work *work, struct slot *slot, const int vectors)
{
    prefetch(work, slot, vectors);
    const struct entry *entry = slot->entry++;
    slot->left--;
    reals *p = slot_row(slot, vectors), *q = (reals *)(work->cols->row + (int64_t)entry->col * vectors * LANES);
    four *pace = (four *)(work->cols->pace + entry->col), at = *pace;
    reals dots = p[0] * q[0];
    UNROLL
    for (int v = 1; v < vectors; v++)
        dots += p[v] * q[v];
    four sums = fold_both(dots, sample(q)), eta_p = rates(slot->at, work->rate), eta_q = rates(at, work->rate);
    float e = entry->value - sums[0], p0 = p[0][0], q0 = q[0][0];
    if (work->biases)
        e -= work->mean + slot->at[BIAS] + at[BIAS];
    struct spread a = spread(eta_p), b = spread(eta_q);
    const float lambda = work->lambda;
    const reals lambda_first = { lambda }, first_keep = 1 - a.first * lambda_first;
    UNROLL
    for (int v = 0; v < vectors; v++) {
        reals x = p[v], y = q[v], eta = v == 0 ? b.first : b.rest;
        reals to = v == 0 ? first_keep * x + a.first * e * y : x + a.rest * e * y;
        reals other = (1 - eta * lambda) * y + eta * e * x;
        p[v] = work->nonnegative ? positive(to) : to;
        q[v] = work->nonnegative ? positive(other) : other;
    }
    if (work->biases) {
        slot->at[BIAS] += eta_p[2] * (e - work->lambda_bias * slot->at[BIAS]);
        at[BIAS] += eta_q[2] * (e - work->lambda_bias * at[BIAS]);
    }
    slot->at += e * e * (four){ q0 * q0, sums[1] * work->part, 1, 0 };
    *pace = at + e * e * (four){ p0 * p0, slot->square, 1, 0 };
    work->sum += (double)e * (double)e;
}

INLINE double visit_tile(struct work work, const int vectors)
{
    struct slot a = { .left = 0 }, b = { .left = 0 };
    bool one = slot_open(&a, &work, vectors), two = slot_open(&b, &work, vectors);
    while (two) {
        for (int64_t i = a.left < b.left ? a.left : b.left; i > 0; i--) {
            step(&work, &a, vectors);
            step(&work, &b, vectors);
        }
        if (a.left == 0) {
            slot_close(&a, vectors);
            one = slot_open(&a, &work, vectors);
        }
        if (b.left == 0) {
            slot_close(&b, vectors);
            two = slot_open(&b, &work, vectors);
        }
        if (!one && two) {
            a = b;
            one = true;
            two = false;
        }
    }
    while (a.left > 0)
        step(&work, &a, vectors);
    if (one)
        slot_close(&a, vectors);
    return work.sum;
}

#define VECTORS(n)                                                                                  \
    static __attribute__((noinline)) double plain_##n(struct work work)                             \
    {                                                                                               \
        work.biases = work.nonnegative = false;                                                     \
        return visit_tile(work, n * PARTS);                                                                 \
    }                                                                                               \
    static __attribute__((noinline)) double biased_##n(struct work work)                            \
    {                                                                                               \
        work.biases = true;                                                                         \
        work.nonnegative = false;                                                                   \
        return visit_tile(work, n * PARTS);                                                                 \
    }
VECTORS(1)
VECTORS(2)
VECTORS(3)
VECTORS(4)
VECTORS(5)
VECTORS(6)
VECTORS(7)
VECTORS(8)

static double visit(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                    const struct side *cols)
{
    static double (*const table[2][MOST / PARTS])(struct work) = {
        { plain_1, plain_2, plain_3, plain_4, plain_5, plain_6, plain_7, plain_8 },
        { biased_1, biased_2, biased_3, biased_4, biased_5, biased_6, biased_7, biased_8 },
    };
    int32_t rest = (rule->rank < SIXTEEN ? rule->rank : SIXTEEN) - 1;
    struct work work = { .rows = rows, .cols = cols, .run = tile->run, .end = tile->run + tile->runs,
                         .entry = tile->entry, .rate = rule->rate, .lambda = rule->lambda,
                         .lambda_bias = rule->lambda_bias, .mean = rule->mean,
                         .part = rest > 0 ? 1 / (float)rest : 0,
                         .biases = rule->biases, .nonnegative = rule->nonnegative };
    int32_t vectors = rule->stride / LANES;
    if (vectors > MOST || rule->nonnegative)
        return visit_tile(work, vectors);
    return table[rule->biases][vectors / PARTS - 1](work);
}

static double squares(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                      const struct side *cols)
{
    double sum = 0;
    int64_t vectors = rule->stride / LANES;
    const struct entry *entry = tile->entry;
    for (int64_t r = 0; r < tile->runs; r++) {
        const struct run *run = &tile->run[r];
        const reals *p = (const reals *)(rows->row + run->row * (int64_t)rule->stride);
        float base = rule->biases ? rule->mean + rows->pace[run->row].bias : 0;
        for (const struct entry *end = entry + run->count; entry < end; entry++) {
            const reals *q = (const reals *)(cols->row + entry->col * (int64_t)rule->stride);
            reals dots = p[0] * q[0];
            for (int64_t v = 1; v < vectors; v++)
                dots += p[v] * q[v];
            float e = entry->value - fold(dots) - base - (rule->biases ? cols->pace[entry->col].bias : 0);
            sum += (double)e * (double)e;
        }
    }
    return sum;
}

static double penalty(const struct sgd_rule *rule, const struct side *side, const float *weight, int64_t count)
{
    double sum = 0;
    int64_t vectors = rule->stride / LANES;
    for (int64_t i = 0; i < count; i++) {
        const reals *p = (const reals *)(side->row + i * (int64_t)rule->stride);
        reals square = p[0] * p[0];
        for (int64_t v = 1; v < vectors; v++)
            square += p[v] * p[v];
        float bias = rule->biases ? side->pace[i].bias : 0;
        sum += (double)weight[i] * ((double)rule->lambda * (double)fold(square)
                                    + (double)rule->lambda_bias * (double)bias * (double)bias);
    }
    return sum;
}

const struct sgd_kernel PASTE(mf_sgd_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .visit = visit,
    .squares = squares,
    .penalty = penalty,
};
