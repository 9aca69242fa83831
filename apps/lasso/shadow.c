/* shadow.c - compiled once for each x86-64 level (cmake/kernels.cmake).
 *
 * Doubles become codes in blocks of 64, eight vectors of eight lanes, and the last block is filled
 * up; codes are multiplied in strips of four columns, which share the loads of the digits.
 */
#include "shadow.h"

#include "lanes.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

typedef uint64_t words __attribute__((vector_size(64)));

#define ROUNDING 0x1p-53
/* u + WHOLE - WHOLE is u to the nearest integer, which stands in the low bits of u + WHOLE. */
#define WHOLE 0x1.8p52
#define WHOLE_BITS UINT64_C(0x4338000000000000)
#define TOP_BITS UINT64_C(0x8080808080808080)
#define LEAST_STEP 0x1p-960 /* the inverse of a smaller one is no number */

enum { BLOCK = SHADOW_LINE, VECTORS = BLOCK / 8, TOP_CODE = 254, TOP_DIGITS = 127 * 256 + 127 };
enum { LONGEST_AHEAD = 32768 }; /* doubles */

/* ---- moments ------------------------------------------------------------------------------------------- */

/* As wide as the level's registers: compilers make no least and greatest of wider vectors. */
#ifdef __AVX512F__
typedef __m512d native;
#define NATIVE(op) _mm512_##op
#elif defined __AVX__
typedef __m256d native;
#define NATIVE(op) _mm256_##op
#else
typedef __m128d native;
#define NATIVE(op) _mm_##op
#endif

enum { PIECES = 16 / WIDTH };

static inline double fold_native(native a)
{
    for (int half = WIDTH / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            a[l] += a[l + half];
    return a[0];
}

static inline double least_of(native a)
{
    for (int half = WIDTH / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            a[l] = a[l + half] < a[l] ? a[l + half] : a[l];
    return a[0];
}

/* A column that is asked of memory beside two long ones drives them out of the caches. */
static const double *worth_asking(const double *next, int64_t n)
{
    return n <= LONGEST_AHEAD ? next : NULL;
}

/* To the second level: in the first is the column that is read twice. */
static inline void ask(const double *line)
{
    __builtin_prefetch(line, 0, 2);
}

/* The sums of whole groups of sixteen rows; dot's lanes are those of kernel.c. */
struct moment_sums {
    double dot, sum, squares, least, most;
};

static struct moment_sums whole_groups(const double *x, const double *y, int64_t n,
                                       const double *next)
{
    const native first = NATIVE(set1_pd)(x[0]), zero = NATIVE(setzero_pd)();
    native dot[PIECES], sum[2] = { zero, zero }, squares[2] = { zero, zero };
    native low[2] = { first, first }, high[2] = { first, first };
    for (int k = 0; k < PIECES; k++)
        dot[k] = zero;
    for (int64_t i = 0; i + 16 <= n; i += 16) {
        if (next)
            ask(next + i / 2);
        for (int k = 0; k < PIECES; k++) {
            native v = NATIVE(loadu_pd)(x + i + k * WIDTH), d = v - first;
            dot[k] += v * NATIVE(loadu_pd)(y + i + k * WIDTH);
            sum[k % 2] += d;
            squares[k % 2] += d * d;
            low[k % 2] = NATIVE(min_pd)(v, low[k % 2]);
            high[k % 2] = NATIVE(max_pd)(v, high[k % 2]);
        }
    }
    lanes halves[2];
    memcpy(halves, dot, sizeof halves);
    return (struct moment_sums){
        .dot = fold(halves[0] + halves[1]),
        .sum = fold_native(sum[0] + sum[1]),
        .squares = fold_native(squares[0] + squares[1]),
        .least = least_of(NATIVE(min_pd)(low[0], low[1])),
        .most = -least_of(-NATIVE(max_pd)(high[0], high[1])),
    };
}

/* With d = x - x[0]: mean = x[0] + sum d/n, square = sum d^2 - (sum d)^2/n.  Over k terms in a
 * chain, here n/4 and what is folded, a sum is off by k roundings of the sum of sizes, and
 * (sum |d|)^2/n <= sum d^2; so square is off by at most 3 k + 6 roundings of sum d^2. */
static void moments(const double *x, const double *y, int64_t n, const double *next,
                    struct shadow_moments *out)
{
    struct moment_sums sums = whole_groups(x, y, n, worth_asking(next, n));
    double tail = 0, first = x[0];
    for (int64_t i = n / 16 * 16; i < n; i++) {
        double d = x[i] - first;
        tail = multiply_add(x[i], y[i], tail);
        sums.sum += d;
        sums.squares += d * d;
        sums.least = x[i] < sums.least ? x[i] : sums.least;
        sums.most = x[i] > sums.most ? x[i] : sums.most;
    }
    double count = (double)n, shift = sums.sum / count, mean = first + shift;
    double square = sums.squares - shift * shift * count;
    *out = (struct shadow_moments){
        .least = sums.least,
        .most = sums.most,
        .mean = mean < sums.least ? sums.least : mean > sums.most ? sums.most : mean,
        .square = square > 0 ? square : 0,
        .slack = (count + 128) * ROUNDING * sums.squares + count * DBL_MIN,
        .dot = sums.dot + tail,
    };
}

/* ---- doubles to bytes ------------------------------------------------------------------------------------ */

/* Byte 8 l + k goes to 8 k + l: first within 16 bytes, then pairs of bytes across all. */
#ifdef __AVX512BW__
struct line {
    __m512i all;
};

static inline struct line transpose(words rows)
{
    const __m512i by_turns = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
    const __m512i by_columns = _mm512_set_epi16(31, 23, 15, 7, 30, 22, 14, 6, 29, 21, 13, 5, 28, 20,
                                                12, 4, 27, 19, 11, 3, 26, 18, 10, 2, 25, 17, 9, 1,
                                                24, 16, 8, 0);
    __m512i turned = _mm512_shuffle_epi8((__m512i)rows, by_turns);
    return (struct line){ _mm512_permutexvar_epi16(by_columns, turned) };
}

static inline void store_line(struct line line, void *out)
{
    _mm512_storeu_si512(out, line.all);
}

static inline void stream_line(struct line line, void *out)
{
    _mm512_stream_si512(out, line.all);
}
#else
struct line {
    __m128i part[4];
};

static inline struct line transpose(words rows)
{
    const __m128i by_turns = _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    __m128i t[4];
    for (int k = 0; k < 4; k++) {
        __m128i two = _mm_set_epi64x((int64_t)rows[2 * k + 1], (int64_t)rows[2 * k]);
        t[k] = _mm_shuffle_epi8(two, by_turns);
    }
    __m128i a = _mm_unpacklo_epi16(t[0], t[1]), b = _mm_unpackhi_epi16(t[0], t[1]);
    __m128i c = _mm_unpacklo_epi16(t[2], t[3]), d = _mm_unpackhi_epi16(t[2], t[3]);
    return (struct line){ { _mm_unpacklo_epi32(a, c), _mm_unpackhi_epi32(a, c),
                            _mm_unpacklo_epi32(b, d), _mm_unpackhi_epi32(b, d) } };
}

static inline void store_line(struct line line, void *out)
{
    for (int k = 0; k < 4; k++)
        _mm_storeu_si128((__m128i *)out + k, line.part[k]);
}

static inline void stream_line(struct line line, void *out)
{
    for (int k = 0; k < 4; k++)
        _mm_stream_si128((__m128i *)out + k, line.part[k]);
}
#endif

/* Codes of 64 rows; returns the sum of squares of (x - least)/scale - code.  Byte k of each word is
 * that of vector k; what v has above its low byte is in the first two only, and is cleared.  Nobody reads the
 * codes soon: whole lines go to memory without being read from it. */
static inline lanes quantise_block(const double *x, double least, double inverse, uint8_t *code)
{
    words mixed = { 0 };
    lanes squares = { 0 };
    for (int k = 0; k < VECTORS; k++) {
        lanes u = (load(x + 8 * k) - least) * inverse, v = u + WHOLE, rest = u - (v - WHOLE);
        squares += rest * rest;
        mixed ^= (words)v << (8 * k);
    }
    struct line line = transpose(mixed ^ WHOLE_BITS ^ WHOLE_BITS << 8);
    if ((uintptr_t)code % SHADOW_LINE)
        store_line(line, code);
    else
        stream_line(line, code);
    return squares;
}

/* In steps of scale, u = (x - least)/scale takes three roundings and is at most 254, and low takes
 * one of the span: |x - X| is within 2^10 roundings of |u - code| for each row. */
static void quantise(const double *x, int64_t n, const struct shadow_moments *m,
                     const double *next, uint8_t *code, struct shadow_column *out)
{
    double least = m->least, span = m->most - least, step = span / TOP_CODE;
    bool flat = step < LEAST_STEP;
    double scale = flat ? 0 : step, inverse = flat ? 0 : 1 / step;
    const double *ahead = worth_asking(next, n);
    lanes squares = { 0 };
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        for (int k = 0; ahead && k < VECTORS / 2; k++)
            ask(ahead + n / 2 + i / 2 + 8 * k);
        squares += quantise_block(x + i, least, inverse, code + i);
    }
    if (i < n) {
        double last[BLOCK];
        for (int k = 0; k < BLOCK; k++)
            last[k] = i + k < n ? x[i + k] : least;
        squares += quantise_block(last, least, inverse, code + i);
    }

    double count = (double)n, root = sqrt(count);
    double rest = sqrt(fold(squares)) * (1 + (count + 64) * ROUNDING) + root * 0x1p-42;
    double error = (flat ? span * root : scale * rest) * (1 + 0x1p-48) + DBL_MIN;
    double spread = fmin(sqrt(m->square + m->slack), span * root) + root * fabs(m->mean) * 0x1p-52;
    *out = (struct shadow_column){
        .centre = m->mean,
        .low = least - m->mean,
        .scale = scale,
        .error = error,
        .norm = (spread + error) * (1 + 0x1p-48),
    };
}

/* ---- the vector ------------------------------------------------------------------------------------------ */

static double largest(const double *r, int64_t n)
{
    native low = NATIVE(setzero_pd)(), high = low;
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        native v = NATIVE(loadu_pd)(r + i);
        low = NATIVE(min_pd)(v, low);
        high = NATIVE(max_pd)(v, high);
    }
    double most = -fmin(least_of(low), least_of(-high));
    for (; i < n; i++)
        most = fmax(fabs(r[i]), most);
    return most;
}

struct vector_sums {
    lanes sum, squares, rests; /* of r, u^2, (u - v)^2 */
    words digits;
};

/* v + 0x8080 = 256 (hi + 128) + (lo + 128) is not negative, and its two bytes are the digits with
 * their top bits turned over. */
static inline void vector_block(const double *r, double inverse, int8_t *hi, int8_t *lo,
                                struct vector_sums *sums)
{
    words high = { 0 }, low = { 0 };
    for (int k = 0; k < VECTORS; k++) {
        lanes value = load(r + 8 * k), u = value * inverse, v = u + WHOLE, rest = u - (v - WHOLE);
        words digits = (words)v - WHOLE_BITS, both = digits + 0x8080;
        sums->sum += value;
        sums->squares += u * u;
        sums->rests += rest * rest;
        sums->digits += digits;
        high |= both >> 8 << (8 * k);
        low |= (both & 255) << (8 * k);
    }
    store_line(transpose(high ^ TOP_BITS), hi);
    store_line(transpose(low ^ TOP_BITS), lo);
}

/* In units, u = r/unit takes three roundings and is at most 32639: 2^17 roundings for each row. */
static void quantise_vector(const double *r, int64_t n, int8_t *hi, int8_t *lo,
                            struct shadow_vector *out)
{
    double most = largest(r, n), step = most / TOP_DIGITS;
    bool flat = step < LEAST_STEP;
    double unit = flat ? 0 : step, inverse = flat ? 0 : 1 / step;
    struct vector_sums sums = { 0 };
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK)
        vector_block(r + i, inverse, hi + i, lo + i, &sums);
    if (i < n) {
        double last[BLOCK] = { 0 };
        memcpy(last, r + i, (size_t)(n - i) * sizeof *r);
        vector_block(last, inverse, hi + i, lo + i, &sums);
    }

    double count = (double)n, root = sqrt(count), up = 1 + (count + 64) * ROUNDING;
    double rest = sqrt(fold(sums.rests)) * up + root * 0x1p-36;
    double whole = sqrt(fold(sums.squares)) * up;
    uint64_t digits = 0;
    for (int l = 0; l < 8; l++)
        digits += sums.digits[l];
    *out = (struct shadow_vector){
        .unit = unit,
        .error = (flat ? most * root : unit * rest) * (1 + 0x1p-48) + DBL_MIN,
        .norm = (flat ? most * root : unit * whole) * (1 + 0x1p-48) + DBL_MIN,
        .sum = fold(sums.sum),
        .digits = (int64_t)digits,
    };
    out->sum_error = (count / 8 + 16) * ROUNDING * root * out->norm;
}

/* ---- codes times digits ---------------------------------------------------------------------------------- */

enum { ABREAST = 4, REACH = 2048 };

/* Adds to sum what bytes rows give, a multiple of SHADOW_LINE and no more than its limit;
 * ahead[k][i] is asked of memory when code[k][i] is read. */
typedef void span_sums(const uint8_t *const code[ABREAST], const uint8_t *const ahead[ABREAST],
                       const int8_t *hi, const int8_t *lo, int64_t bytes, int64_t sum[ABREAST]);

struct engine {
    span_sums *span;
    int64_t limit; /* bytes until 32 bits could overflow */
};

#ifdef __AVX2__
enum { WIDE = 32 };
#else
enum { WIDE = 16 };
#endif

typedef uint16_t pairs __attribute__((vector_size(WIDE), aligned(1), may_alias));
typedef int16_t signed_pairs __attribute__((vector_size(WIDE)));
typedef int32_t quads __attribute__((vector_size(WIDE)));

static inline quads multiply_pairs(pairs a, pairs b)
{
#ifdef __AVX2__
    return (quads)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
    return (quads)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
}

/* Even and odd bytes, each widened to 16 bits.  A vector adds 4 * 254 * 32639 at most to a lane. */
static void span_widened(const uint8_t *const code[ABREAST], const uint8_t *const ahead[ABREAST],
                         const int8_t *hi, const int8_t *lo, int64_t bytes, int64_t sum[ABREAST])
{
    quads lane[ABREAST] = { 0 };
    for (int64_t i = 0; i < bytes; i += WIDE) {
        pairs h = *(const pairs *)(const void *)(hi + i);
        pairs l = *(const pairs *)(const void *)(lo + i);
        pairs even = (h << 8) + (pairs)((signed_pairs)(l << 8) >> 8);
        pairs odd = (h & 0xff00) + (pairs)((signed_pairs)l >> 8);
        for (int k = 0; k < ABREAST; k++) {
            pairs c = *(const pairs *)(const void *)(code[k] + i);
            if (i % SHADOW_LINE == 0)
                __builtin_prefetch(ahead[k] + i);
            lane[k] += multiply_pairs(c & 255, even) + multiply_pairs(c >> 8, odd);
        }
    }
    for (int k = 0; k < ABREAST; k++)
        for (int l = 0; l < WIDE / 4; l++)
            sum[k] += lane[k][l];
}

static const struct engine widened = { span_widened, 64 * WIDE };

#ifdef __AVX512BW__
/* A line adds 4 * 254 * 128 at most to a lane. */
__attribute__((target("avx512vnni"))) static void
span_vnni(const uint8_t *const code[ABREAST], const uint8_t *const ahead[ABREAST], const int8_t *hi,
          const int8_t *lo, int64_t bytes, int64_t sum[ABREAST])
{
    __m512i high[ABREAST], low[ABREAST];
    for (int k = 0; k < ABREAST; k++)
        high[k] = low[k] = _mm512_setzero_si512();
    for (int64_t i = 0; i < bytes; i += SHADOW_LINE) {
        __m512i h = _mm512_loadu_si512(hi + i), l = _mm512_loadu_si512(lo + i);
        for (int k = 0; k < ABREAST; k++) {
            __m512i c = _mm512_loadu_si512(code[k] + i);
            __builtin_prefetch(ahead[k] + i);
            high[k] = _mm512_dpbusd_epi32(high[k], c, h);
            low[k] = _mm512_dpbusd_epi32(low[k], c, l);
        }
    }
    for (int k = 0; k < ABREAST; k++) {
        /* Halves are folded in 64 bits: sixteen lanes of 32 would overflow. */
        __m512i all = _mm512_setzero_si512();
        for (int half = 0; half < 2; half++) {
            __m256i h = half ? _mm512_extracti64x4_epi64(high[k], 1)
                             : _mm512_castsi512_si256(high[k]);
            __m256i l = half ? _mm512_extracti64x4_epi64(low[k], 1)
                             : _mm512_castsi512_si256(low[k]);
            __m512i wide = _mm512_slli_epi64(_mm512_cvtepi32_epi64(h), 8);
            all = _mm512_add_epi64(all, _mm512_add_epi64(wide, _mm512_cvtepi32_epi64(l)));
        }
        sum[k] += _mm512_reduce_add_epi64(all);
    }
}

static const struct engine vnni = { span_vnni, 8192 * SHADOW_LINE };

/* The level x86-64-v4 does not imply it. */
static const struct engine *fastest(void)
{
    return __builtin_cpu_supports("avx512vnni") ? &vnni : &widened;
}
#else
static const struct engine *fastest(void)
{
    return &widened;
}
#endif

/* Rows from .. to - 1, in spans; row i asks for ahead[i - from]. */
static void strip_part(const struct engine *engine, const uint8_t *const code[ABREAST],
                       const uint8_t *const ahead[ABREAST], const int8_t *hi, const int8_t *lo,
                       int64_t from, int64_t to, int64_t sum[ABREAST])
{
    for (int64_t at = from; at < to; at += engine->limit) {
        const uint8_t *here[ABREAST], *there[ABREAST];
        int64_t left = to - at, bytes = left < engine->limit ? left : engine->limit;
        for (int k = 0; k < ABREAST; k++) {
            here[k] = code[k] + at;
            there[k] = ahead[k] + (at - from);
        }
        engine->span(here, there, hi + at, lo + at, bytes, sum);
    }
}

/* Each line is asked of memory REACH bytes before its use; near the end of a strip, the first of
 * the next. */
static void strip(const struct engine *engine, const uint8_t *const code[ABREAST],
                  const uint8_t *const next[ABREAST], const int8_t *hi, const int8_t *lo,
                  int64_t bytes, int64_t sum[ABREAST])
{
    const uint8_t *ahead[ABREAST];
    int64_t turn = bytes > REACH ? bytes - REACH : 0;
    for (int k = 0; k < ABREAST; k++) {
        ahead[k] = code[k] + (bytes - turn);
        sum[k] = 0;
    }
    strip_part(engine, code, ahead, hi, lo, 0, turn, sum);
    strip_part(engine, code, next, hi, lo, turn, bytes, sum);
}

struct columns {
    const uint8_t *code;
    int64_t stride, count;
    const int64_t *column; /* or NULL: 0 .. count - 1 */
};

/* Strip i takes column i of each quarter of them, so that four streams of memory are read, each
 * from end to end.  Where a quarter is short the last column is repeated. */
static int64_t quarter(const struct columns *columns)
{
    return (columns->count + ABREAST - 1) / ABREAST;
}

static void strip_at(const struct columns *columns, int64_t i, const uint8_t *code[ABREAST])
{
    for (int64_t k = 0; k < ABREAST; k++) {
        int64_t j = k * quarter(columns) + i, last = columns->count - 1;
        j = j < last ? j : last;
        code[k] = columns->code + (columns->column ? columns->column[j] : j) * columns->stride;
    }
}

static void all_dots(const struct engine *engine, const struct columns *columns, const int8_t *hi,
                     const int8_t *lo, int64_t n, int64_t *out)
{
    int64_t bytes = shadow_padded(n), strips = quarter(columns);
    for (int64_t i = 0; i < strips; i++) {
        const uint8_t *code[ABREAST], *next[ABREAST];
        int64_t sum[ABREAST];
        strip_at(columns, i, code);
        strip_at(columns, i + 1, next);
        strip(engine, code, next, hi, lo, bytes, sum);
        for (int64_t k = 0; k < ABREAST && k * strips + i < columns->count; k++)
            out[k * strips + i] = sum[k];
    }
}

static void dots(const uint8_t *code, int64_t stride, int64_t columns, const int8_t *hi,
                 const int8_t *lo, int64_t n, int64_t *out)
{
    struct columns all = { .code = code, .stride = stride, .count = columns };
    all_dots(fastest(), &all, hi, lo, n, out);
}

static void dots_of(const uint8_t *code, int64_t stride, const int64_t *column, int64_t count,
                    const int8_t *hi, const int8_t *lo, int64_t n, int64_t *out)
{
    struct columns some = { .code = code, .stride = stride, .count = count, .column = column };
    all_dots(fastest(), &some, hi, lo, n, out);
}

static void dots_widened(const uint8_t *code, int64_t stride, int64_t columns, const int8_t *hi,
                         const int8_t *lo, int64_t n, int64_t *out)
{
    struct columns all = { .code = code, .stride = stride, .count = columns };
    all_dots(&widened, &all, hi, lo, n, out);
}

const struct shadow_kernel PASTE(lasso_shadow_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .moments = moments,
    .quantise = quantise,
    .quantise_vector = quantise_vector,
    .dots = dots,
    .dots_of = dots_of,
    .dots_widened = dots_widened,
};
