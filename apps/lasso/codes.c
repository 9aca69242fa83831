/* codes.c - compiled once for each x86-64 level (cmake/kernels.cmake).
 *
 * Instructions multiply bytes of which one is signed: with D = sum of a_i (b_j - 128),
 *
 *     n S - T_i T_j = n D + T_i (128 n - T_j).
 *
 * b's codes are laid out as signed ones, four columns side by side, and stream past columns of a that
 * stay in the first cache.  Sums are whole numbers, so tiles may be of any shape.
 */
#include "codes.h"

#include "lanes.h"
#include "shadow.h"

#include <immintrin.h>
#include <stdalign.h>

enum { LINE = SHADOW_LINE, BLOCK = 4096, CHUNK = 32, BREADTH = 4, HEIGHT_MOST = 4, OFFSET = 128 };

_Static_assert(BLOCK * CHUNK + 4096 <= CODES_STACK_BYTES, "the header says how much stack");

/* Whole numbers stand in the doubles' place until all rows are added. */
typedef int64_t whole __attribute__((may_alias));

struct engine {
    int height;     /* columns of a in a tile */
    int64_t block;  /* rows that are summed in 32 bits, a multiple of LINE */
    int64_t each;   /* bytes of a code of b, laid out */
    void (*pack)(const uint8_t *const b[BREADTH], int64_t bytes, int8_t *to);
    /* sum[r][c] of `height` columns of a, bytes of rows, a multiple of LINE. */
    void (*tile)(const uint8_t *const a[HEIGHT_MOST], const int8_t *b, int64_t bytes,
                 int32_t sum[HEIGHT_MOST][BREADTH]);
};

/* ---- 16 bits --------------------------------------------------------------------------------------------- */

#ifdef __AVX2__
enum { WIDE = 32 };
#else
enum { WIDE = 16 };
#endif

typedef uint16_t pairs __attribute__((vector_size(WIDE), aligned(1), may_alias));
typedef int16_t signed_pairs __attribute__((vector_size(WIDE), aligned(1), may_alias));
typedef int32_t quads __attribute__((vector_size(WIDE)));

static inline quads multiply_pairs(pairs a, signed_pairs b)
{
#ifdef __AVX2__
    return (quads)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
    return (quads)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
}

/* Of each column the even bytes of WIDE rows and then the odd, in 16 bits each. */
static void pack_widened(const uint8_t *const b[BREADTH], int64_t bytes, int8_t *to)
{
    for (int64_t i = 0; i < bytes; i += WIDE)
        for (int c = 0; c < BREADTH; c++, to += 2 * WIDE) {
            pairs x = *(const pairs *)(const void *)(b[c] + i);
            *(signed_pairs *)(void *)to = (signed_pairs)(x & 255) - OFFSET;
            *(signed_pairs *)(void *)(to + WIDE) = (signed_pairs)(x >> 8) - OFFSET;
        }
}

enum { HEIGHT_WIDENED = 2 };

/* A vector adds 4 * 254 * 128 at most to a lane. */
static void tile_widened(const uint8_t *const a[HEIGHT_MOST], const int8_t *b, int64_t bytes,
                         int32_t sum[HEIGHT_MOST][BREADTH])
{
    quads lane[HEIGHT_WIDENED][BREADTH] = { 0 };
    for (int64_t i = 0; i < bytes; i += WIDE, b += 2 * WIDE * BREADTH)
#pragma GCC unroll 2
        for (int r = 0; r < HEIGHT_WIDENED; r++) {
            pairs x = *(const pairs *)(const void *)(a[r] + i), even = x & 255, odd = x >> 8;
#pragma GCC unroll 4
            for (int c = 0; c < BREADTH; c++) {
                const int8_t *y = b + c * 2 * WIDE;
                lane[r][c] += multiply_pairs(even, *(const signed_pairs *)(const void *)y)
                              + multiply_pairs(odd, *(const signed_pairs *)(const void *)(y + WIDE));
            }
        }
    for (int r = 0; r < HEIGHT_WIDENED; r++)
        for (int c = 0; c < BREADTH; c++) {
            sum[r][c] = 0;
            for (int l = 0; l < WIDE / 4; l++)
                sum[r][c] += lane[r][c][l];
        }
}

static const struct engine widened = { HEIGHT_WIDENED, BLOCK / 2, 2, pack_widened, tile_widened };

/* ---- 8 bits ---------------------------------------------------------------------------------------------- */

#ifdef __AVX512BW__
static void pack_bytes(const uint8_t *const b[BREADTH], int64_t bytes, int8_t *to)
{
    const __m512i top = _mm512_set1_epi8((char)OFFSET);
    for (int64_t i = 0; i < bytes; i += LINE)
        for (int c = 0; c < BREADTH; c++, to += LINE)
            _mm512_storeu_si512(to, _mm512_xor_si512(_mm512_loadu_si512(b[c] + i), top));
}

/* The sums of four vectors of sixteen lanes. */
static inline __m128i fold_lanes(__m512i x0, __m512i x1, __m512i x2, __m512i x3)
{
    __m512i t0 = _mm512_add_epi32(_mm512_unpacklo_epi32(x0, x1), _mm512_unpackhi_epi32(x0, x1));
    __m512i t1 = _mm512_add_epi32(_mm512_unpacklo_epi32(x2, x3), _mm512_unpackhi_epi32(x2, x3));
    __m512i u = _mm512_add_epi32(_mm512_unpacklo_epi64(t0, t1), _mm512_unpackhi_epi64(t0, t1));
    __m256i v = _mm256_add_epi32(_mm512_castsi512_si256(u), _mm512_extracti64x4_epi64(u, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

/* A line adds 4 * 254 * 128 at most to a lane.  More columns of a in a tile, and compilers lose sight of
 * which registers hold the sums. */
__attribute__((target("avx512vnni"))) static void
tile_vnni(const uint8_t *const a[HEIGHT_MOST], const int8_t *b, int64_t bytes,
          int32_t sum[HEIGHT_MOST][BREADTH])
{
    __m512i lane[HEIGHT_MOST][BREADTH];
#pragma GCC unroll 4
    for (int r = 0; r < HEIGHT_MOST; r++)
#pragma GCC unroll 4
        for (int c = 0; c < BREADTH; c++)
            lane[r][c] = _mm512_setzero_si512();
    for (int64_t i = 0; i < bytes; i += LINE, b += LINE * BREADTH)
#pragma GCC unroll 4
        for (int r = 0; r < HEIGHT_MOST; r++) {
            __m512i x = _mm512_loadu_si512(a[r] + i);
#pragma GCC unroll 4
            for (int c = 0; c < BREADTH; c++)
                lane[r][c] = _mm512_dpbusd_epi32(lane[r][c], x, _mm512_loadu_si512(b + c * LINE));
        }
#pragma GCC unroll 4
    for (int r = 0; r < HEIGHT_MOST; r++)
        _mm_storeu_si128((__m128i *)sum[r], fold_lanes(lane[r][0], lane[r][1], lane[r][2], lane[r][3]));
}

static const struct engine vnni = { HEIGHT_MOST, BLOCK, 1, pack_bytes, tile_vnni };

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

/* ---- tiles ----------------------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* D of a block of rows, of all of a and at most CHUNK columns of b.  Columns that are not there are the
 * last one again. */
static void chunk(const struct engine *engine, const uint8_t *const *a, int64_t ka,
                  const uint8_t *const *b, int64_t kb, int64_t row, int64_t bytes, whole *out, int64_t ld)
{
    alignas(64) int8_t packed[BLOCK * CHUNK];
    int32_t sum[HEIGHT_MOST][BREADTH];
    const uint8_t *column[HEIGHT_MOST];
    for (int64_t j = 0; j < kb; j += BREADTH) {
        for (int64_t c = 0; c < BREADTH; c++)
            column[c] = b[least(j + c, kb - 1)] + row;
        engine->pack(column, bytes, packed + j * bytes * engine->each);
    }
    for (int64_t i = 0; i < ka; i += engine->height) {
        for (int64_t r = 0; r < engine->height; r++)
            column[r] = a[least(i + r, ka - 1)] + row;
        for (int64_t j = 0; j < kb; j += BREADTH) {
            engine->tile(column, packed + j * bytes * engine->each, bytes, sum);
            int64_t height = least(ka - i, engine->height), breadth = least(kb - j, BREADTH);
            for (int64_t r = 0; r < height; r++)
                for (int64_t c = 0; c < breadth; c++) {
                    whole *entry = out + (i + r) * ld + j + c;
                    *entry = (row ? *entry : 0) + sum[r][c];
                }
        }
    }
}

/* Multiply-add said outright: what is left to a compiler may differ from loop to loop. */
static void finish(const struct codes_side *a, int64_t ka, const struct codes_side *b, int64_t kb, int64_t n,
                   double *out, int64_t ld)
{
    for (int64_t i = 0; i < ka; i++) {
        const whole *sums = (const whole *)(out + i * ld);
        int64_t total = a->sum[i];
        double unit = a->unit[i], mean = a->mean[i];
        for (int64_t j = 0; j < kb; j++) {
            double exact = (double)(n * sums[j] + total * (OFFSET * n - b->sum[j]));
            out[i * ld + j] = multiply_add(exact, unit * b->unit[j], mean * b->mean[j]);
        }
    }
}

static void all_couplings(const struct engine *engine, const struct codes_side *a, int64_t ka,
                          const struct codes_side *b, int64_t kb, int64_t n, double *out, int64_t ld)
{
    int64_t rows = shadow_padded(n);
    for (int64_t row = 0; row < rows; row += engine->block)
        for (int64_t j = 0; j < kb; j += CHUNK)
            chunk(engine, a->code, ka, b->code + j, least(kb - j, CHUNK), row,
                  least(rows - row, engine->block), (whole *)(out + j), ld);
    finish(a, ka, b, kb, n, out, ld);
}

static void couplings(const struct codes_side *a, int64_t ka, const struct codes_side *b, int64_t kb, int64_t n,
                      double *out, int64_t ld)
{
    all_couplings(fastest(), a, ka, b, kb, n, out, ld);
}

static void couplings_widened(const struct codes_side *a, int64_t ka, const struct codes_side *b, int64_t kb,
                              int64_t n, double *out, int64_t ld)
{
    all_couplings(&widened, a, ka, b, kb, n, out, ld);
}

static int64_t sum(const uint8_t *code, int64_t n)
{
    __m128i sums = _mm_setzero_si128();
    for (int64_t i = 0; i < n; i += 16) /* zeros follow the last */
        sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(code + i)),
                                                _mm_setzero_si128()));
    return _mm_cvtsi128_si64(sums) + _mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums));
}

const struct codes_kernel PASTE(lasso_codes_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .sum = sum,
    .couplings = couplings,
    .couplings_widened = couplings_widened,
};
