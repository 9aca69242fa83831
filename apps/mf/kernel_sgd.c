/* kernel_sgd.c - stochastic gradient descent, compiled once for each level (cmake/kernels.cmake).
 *
 * A step needs four sums over a row's coordinates: p'q for the error, and of the coordinates but the first the
 * squared gradients |e q - lambda p|^2 and |e p - lambda q|^2.  The latter two are, without a look at the gradients,
 *
 *     e^2 |q|^2 - 2 e lambda p'q + lambda^2 |p|^2      e^2 |p|^2 - 2 e lambda p'q + lambda^2 |q|^2
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

#include <immintrin.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

enum { SIXTEEN = 16, MOST = 8, AHEAD = 6 };

typedef float reals __attribute__((vector_size(64), may_alias));
typedef int32_t whole __attribute__((vector_size(64)));
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

INLINE reals all(float x)
{
    return (reals){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
}

/* First in lane 0, x in the others. */
INLINE reals lead(float first, float x)
{
    return (reals){ first, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
}

INLINE reals positive(reals x)
{
    return (reals)((x > 0) & (whole)x);
}

INLINE float fold(reals x)
{
#ifdef __AVX512F__
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256((__m512)x), _mm512_extractf32x8_ps((__m512)x, 1));
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#else
    union { reals all; __m128 quarter[4]; } part = { x };
    __m128 a = (part.quarter[0] + part.quarter[2]) + (part.quarter[1] + part.quarter[3]);
#endif
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}

/* A run in hand. */
struct slot {
    reals own[MOST]; /* the row, where it fits */
    float norm;      /* |p|^2 without p_0 */
    float *row;
    struct pace *pace, at;
    const struct entry *entry;
    int64_t left;
};

INLINE reals *slot_row(struct slot *slot, const int vectors)
{
    return vectors <= MOST ? slot->own : (reals *)slot->row;
}

INLINE float rest_norm(const reals *p, const int vectors)
{
    reals square = p[0] * p[0];
    square[0] = 0;
    UNROLL
    for (int v = 1; v < vectors; v++)
        square += p[v] * p[v];
    return fold(square);
}

INLINE void slot_open(struct slot *slot, const struct side *rows, const struct run *run, const struct entry *entry,
                      const int vectors)
{
    slot->row = rows->row + (int64_t)run->row * vectors * SIXTEEN;
    slot->pace = rows->pace + run->row;
    slot->at = *slot->pace;
    if (vectors <= MOST) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            slot->own[v] = ((reals *)slot->row)[v];
    }
    slot->norm = rest_norm(slot_row(slot, vectors), vectors);
    slot->entry = entry;
    slot->left = run->count;
}

INLINE void slot_close(struct slot *slot, const int vectors)
{
    *slot->pace = slot->at;
    if (vectors <= MOST) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            ((reals *)slot->row)[v] = slot->own[v];
    }
}

INLINE four rates(const struct pace *pace, float rate)
{
    __m128 sums = _mm_loadu_ps(&pace->slow);
    return (four)_mm_div_ps(_mm_set1_ps(rate), _mm_sqrt_ps(sums));
}

INLINE void bias_step(struct pace *pace, float eta, float lambda, float e)
{
    float g = e - lambda * pace->bias;
    pace->bias += eta * g;
    pace->bias_sum += g * g;
}

INLINE double step(const struct sgd_rule *rule, struct slot *slot, const struct side *cols, const int vectors,
                   const bool biases, const bool nonnegative)
{
    const struct entry *entry = slot->entry++;
    slot->left--;
    reals *p = slot_row(slot, vectors), *q = (reals *)(cols->row + (int64_t)entry->col * vectors * SIXTEEN);
    struct pace *a = &slot->at, *b = cols->pace + entry->col;
    reals dots = p[0] * q[0], squares = q[0] * q[0];
    squares[0] = 0;
    UNROLL
    for (int v = 1; v < vectors; v++) {
        dots += p[v] * q[v];
        squares += q[v] * q[v];
    }
    float p0 = p[0][0], q0 = q[0][0], dot = fold(dots), norm = fold(squares);
    float e = entry->value - dot - (biases ? rule->mean + a->bias + b->bias : 0), lambda = rule->lambda;
    four eta_p = rates(a, rule->rate), eta_q = rates(b, rule->rate);
    reals keep_p = lead(1 - eta_p[0] * lambda, 1 - eta_p[1] * lambda), take_q = lead(eta_p[0] * e, eta_p[1] * e);
    reals keep_q = lead(1 - eta_q[0] * lambda, 1 - eta_q[1] * lambda), take_p = lead(eta_q[0] * e, eta_q[1] * e);
    UNROLL
    for (int v = 0; v < vectors; v++) {
        reals was = p[v], to = keep_p * was + take_q * q[v], other = keep_q * q[v] + take_p * was;
        p[v] = nonnegative ? positive(to) : to;
        q[v] = nonnegative ? positive(other) : other;
        keep_p = all(keep_p[1]), take_q = all(take_q[1]), keep_q = all(keep_q[1]), take_p = all(take_p[1]);
    }
    float g0 = e * q0 - lambda * p0, h0 = e * p0 - lambda * q0, rest = dot - p0 * q0;
    float inverse = rule->rank > 1 ? 1 / (float)(rule->rank - 1) : 0;
    float g = e * e * norm - 2 * e * lambda * rest + lambda * lambda * slot->norm;
    float h = e * e * slot->norm - 2 * e * lambda * rest + lambda * lambda * norm;
    a->slow += g0 * g0;
    b->slow += h0 * h0;
    a->fast += (g > 0 ? g : 0) * inverse;
    b->fast += (h > 0 ? h : 0) * inverse;
    if (biases) {
        bias_step(a, eta_p[2], rule->lambda_bias, e);
        bias_step(b, eta_q[2], rule->lambda_bias, e);
    }
    slot->norm = nonnegative ? rest_norm(p, vectors)
                             : slot->norm + eta_p[1] * (2 * (e * rest - lambda * slot->norm) + eta_p[1] * g);
    return (double)e * (double)e;
}

INLINE double visit_tile(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                         const struct side *cols, const int vectors, const bool biases, const bool nonnegative)
{
    double sum = 0;
    const struct entry *entry = tile->entry;
    struct slot slot;
    for (int64_t r = 0; r < tile->runs; r++) {
        slot_open(&slot, rows, &tile->run[r], entry, vectors);
        entry += slot.left;
        while (slot.left > 0)
            sum += step(rule, &slot, cols, vectors, biases, nonnegative);
        slot_close(&slot, vectors);
    }
    return sum;
}

typedef double visit_function(const struct sgd_rule *, const struct tile *, const struct side *, const struct side *);

#define VISIT(name, vectors, biases, nonnegative)                                                              \
    static __attribute__((noinline)) double name(const struct sgd_rule *rule, const struct tile *tile,         \
                                                 const struct side *rows, const struct side *cols)             \
    {                                                                                                          \
        return visit_tile(rule, tile, rows, cols, vectors, biases, nonnegative);                               \
    }
#define VECTORS(n)                     \
    VISIT(plain_##n, n, false, false)  \
    VISIT(biased_##n, n, true, false)
VECTORS(1)
VECTORS(2)
VECTORS(3)
VECTORS(4)
VECTORS(5)
VECTORS(6)
VECTORS(7)
VECTORS(8)
VISIT(any, rule->stride / SIXTEEN, rule->biases, rule->nonnegative)

static double visit(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                    const struct side *cols)
{
    static visit_function *const table[2][MOST] = {
        { plain_1, plain_2, plain_3, plain_4, plain_5, plain_6, plain_7, plain_8 },
        { biased_1, biased_2, biased_3, biased_4, biased_5, biased_6, biased_7, biased_8 },
    };
    int32_t vectors = rule->stride / SIXTEEN;
    bool one = vectors <= MOST && !rule->nonnegative;
    return (one ? table[rule->biases][vectors - 1] : any)(rule, tile, rows, cols);
}

static double squares(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                      const struct side *cols)
{
    double sum = 0;
    int64_t vectors = rule->stride / SIXTEEN;
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
    int64_t vectors = rule->stride / SIXTEEN;
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
