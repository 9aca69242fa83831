/* genotype.c - compiled once for each x86-64 level (cmake/kernels.cmake).
 *
 * Doubles: a table of four is one register, and a permutation by the codes looks up a whole register.
 * Fixed point: a block of 256 rows is 64 bytes; shifted right by 0, 2, 4 and 6 bits they are the codes
 * of the rows 4 b + k.  The digits lie in that order, so that codes are never put in theirs.
 * Pairs: a set of rows for each code; what is in both is counted by and, popcount.
 * VNNI and VPOPCNTDQ are no part of x86-64-v4: asked for at run time, and no bit depends on them.
 */
#include "genotype.h"

#include "lanes.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

static const uint64_t even_bits = UINT64_C(0x5555555555555555);
enum { PLANES = 3, QUARTER = GENOTYPE_BLOCK / 4 };

static inline int64_t bytes_of(int64_t n)
{
    return (n + 3) / 4;
}

/* 32 rows from row i on, those behind row n - 1 zero. */
static inline uint64_t word_at(const uint8_t *x, int64_t n, int64_t i)
{
    uint64_t word = 0;
    int64_t left = n - i;
    if (left >= 32) {
        memcpy(&word, x + i / 4, sizeof word);
        return word;
    }
    memcpy(&word, x + i / 4, (size_t)bytes_of(left));
    return word & ((UINT64_C(1) << 2 * left) - 1);
}

static inline uint64_t spread(uint32_t bits)
{
#ifdef __BMI2__
    return _pdep_u64(bits, even_bits);
#else
    uint64_t w = bits;
    w = (w | w << 16) & UINT64_C(0x0000ffff0000ffff);
    w = (w | w << 8) & UINT64_C(0x00ff00ff00ff00ff);
    w = (w | w << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    w = (w | w << 2) & UINT64_C(0x3333333333333333);
    return (w | w << 1) & even_bits;
#endif
}

static inline uint64_t gather_even(uint64_t w)
{
#ifdef __BMI2__
    return _pext_u64(w, even_bits);
#else
    w &= even_bits;
    w = (w | w >> 1) & UINT64_C(0x3333333333333333);
    w = (w | w >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    w = (w | w >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    w = (w | w >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (w | w >> 16) & UINT64_C(0x00000000ffffffff);
#endif
}

/* ---- counts and sets ----------------------------------------------------------------------------- */

static void count(const uint8_t *x, int64_t n, const uint64_t *rows, int64_t counts[4])
{
    int64_t both = 0, low = 0, high = 0, all = 0;
    for (int64_t i = 0; i < n; i += 32) {
        uint64_t word = word_at(x, n, i), in = even_bits;
        if (rows)
            in = spread((uint32_t)(rows[i / 64] >> i % 64));
        if (n - i < 32)
            in &= (UINT64_C(1) << 2 * (n - i)) - 1;
        uint64_t lo = word & in, hi = word >> 1 & in;
        low += __builtin_popcountll(lo);
        high += __builtin_popcountll(hi);
        both += __builtin_popcountll(lo & hi);
        all += __builtin_popcountll(in);
    }
    counts[RONDO_MISSING] = low - both;
    counts[RONDO_HET] = high - both;
    counts[RONDO_HOM_A2] = both;
    counts[RONDO_HOM_A1] = all - low - high + both;
}

static void planes(const uint8_t *x, int64_t n, uint64_t *out, int64_t counts[4])
{
    int64_t words = genotype_words(n), sum[PLANES] = { 0 };
    for (int64_t w = 0, i = 0; w < words; w++, i += 64) {
        uint64_t first = i < n ? word_at(x, n, i) : 0;
        uint64_t second = i + 32 < n ? word_at(x, n, i + 32) : 0;
        uint64_t lo = gather_even(first) | gather_even(second) << 32;
        uint64_t hi = gather_even(first >> 1) | gather_even(second >> 1) << 32;
        uint64_t in = n - i >= 64 ? ~UINT64_C(0) : i < n ? (UINT64_C(1) << (n - i)) - 1 : 0;
        const uint64_t set[PLANES] = { [RONDO_HOM_A1] = ~lo & ~hi & in, [RONDO_MISSING] = lo & ~hi,
                                       [RONDO_HET] = hi & ~lo };
        for (int code = 0; code < PLANES; code++) {
            out[code * words + w] = set[code];
            sum[code] += __builtin_popcountll(set[code]);
        }
    }
    for (int code = 0; code < PLANES; code++)
        counts[code] = sum[code];
    counts[RONDO_HOM_A2] = n - sum[0] - sum[1] - sum[2];
}

/* ---- doubles ------------------------------------------------------------------------------------- */

/* Rows from i to n - 1, one by one. */
static inline double dot_tail(const uint8_t *x, int64_t n, int64_t i, const double table[4],
                              const double *v)
{
    double sum = 0;
    for (; i < n; i++)
        sum = multiply_add(table[rondo_genotype_at(x, i)], v[i], sum);
    return sum;
}

#if defined(__AVX512F__)

/* Lane l of the k-th register of 32 rows is row 8 k + l; its code is shifted down to bit 0, and what
 * stands above chooses between two halves of the table that are the same. */
struct lookup {
    __m512d table;
    __m512i shift[4];
};

INLINE struct lookup lookup_of(const double table[4])
{
    struct lookup l = { .table = _mm512_broadcast_f64x4(_mm256_loadu_pd(table)) };
    for (int k = 0; k < 4; k++)
        l.shift[k] = _mm512_add_epi64(_mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14),
                                      _mm512_set1_epi64(16 * k));
    return l;
}

INLINE __m512d look_up(const struct lookup *l, __m512i word, int k)
{
    return _mm512_permutexvar_pd(_mm512_srlv_epi64(word, l->shift[k]), l->table);
}

INLINE __m512i load_word(const uint8_t *x)
{
    int64_t word;
    memcpy(&word, x, sizeof word);
    return _mm512_set1_epi64(word);
}

INLINE double reduce4(const __m512d sum[4])
{
    return _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(sum[0], sum[1]),
                                              _mm512_add_pd(sum[2], sum[3])));
}

INLINE void dots_of(const uint8_t *x, int64_t n, const double table[4], const double *v,
                    int64_t ld, const int vectors, double *out)
{
    const struct lookup l = lookup_of(table);
    __m512d sum[GENOTYPE_VECTORS][4];
    for (int s = 0; s < vectors; s++)
        for (int k = 0; k < 4; k++)
            sum[s][k] = _mm512_setzero_pd();
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m512i word = load_word(x + i / 4);
        for (int k = 0; k < 4; k++) {
            __m512d value = look_up(&l, word, k);
            for (int s = 0; s < vectors; s++)
                sum[s][k] = _mm512_fmadd_pd(value, _mm512_loadu_pd(v + s * ld + i + 8 * k),
                                            sum[s][k]);
        }
    }
    for (int s = 0; s < vectors; s++)
        out[s] = reduce4(sum[s]) + dot_tail(x, n, i, table, v + s * ld);
}

/* Four columns share each load of v. */
static void columns4(const uint8_t *const *x, int64_t n, const double (*tables)[4], const double *v,
                     double *out)
{
    struct lookup l = lookup_of(tables[0]);
    __m512d sum[4][4], table[4];
    for (int c = 0; c < 4; c++) {
        table[c] = lookup_of(tables[c]).table;
        for (int k = 0; k < 4; k++)
            sum[c][k] = _mm512_setzero_pd();
    }
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m512i word[4];
        for (int c = 0; c < 4; c++)
            word[c] = load_word(x[c] + i / 4);
        for (int k = 0; k < 4; k++) {
            __m512d rows = _mm512_loadu_pd(v + i + 8 * k);
            for (int c = 0; c < 4; c++) {
                l.table = table[c];
                sum[c][k] = _mm512_fmadd_pd(look_up(&l, word[c], k), rows, sum[c][k]);
            }
        }
    }
    for (int c = 0; c < 4; c++)
        out[c] = reduce4(sum[c]) + dot_tail(x[c], n, i, tables[c], v);
}

static void axpy(const double table[4], const uint8_t *x, int64_t n, double *to)
{
    const struct lookup l = lookup_of(table);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m512i word = load_word(x + i / 4);
        for (int k = 0; k < 4; k++)
            _mm512_storeu_pd(to + i + 8 * k, _mm512_add_pd(_mm512_loadu_pd(to + i + 8 * k),
                                                           look_up(&l, word, k)));
    }
    for (; i < n; i++)
        to[i] += table[rondo_genotype_at(x, i)];
}

#elif defined(__AVX2__)

/* A double is a pair of floats to the permutation: code c is the pair 2 c, 2 c + 1. */
INLINE __m256d look_up(__m256d table, unsigned byte)
{
    __m256i pair = _mm256_srlv_epi32(_mm256_set1_epi32((int)(byte << 1)),
                                     _mm256_setr_epi32(0, 0, 2, 2, 4, 4, 6, 6));
    pair = _mm256_or_si256(_mm256_and_si256(pair, _mm256_set1_epi32(6)),
                           _mm256_setr_epi32(0, 1, 0, 1, 0, 1, 0, 1));
    return _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(table), pair));
}

INLINE void dots_of(const uint8_t *x, int64_t n, const double table[4], const double *v,
                    int64_t ld, const int vectors, double *out)
{
    const __m256d values = _mm256_loadu_pd(table);
    __m256d sum[GENOTYPE_VECTORS][2];
    for (int s = 0; s < vectors; s++)
        sum[s][0] = sum[s][1] = _mm256_setzero_pd();
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 2; k++) {
            __m256d value = look_up(values, x[i / 4 + k]);
            for (int s = 0; s < vectors; s++)
                sum[s][k] = _mm256_fmadd_pd(value, _mm256_loadu_pd(v + s * ld + i + 4 * k),
                                            sum[s][k]);
        }
    for (int s = 0; s < vectors; s++) {
        double lane[4];
        _mm256_storeu_pd(lane, _mm256_add_pd(sum[s][0], sum[s][1]));
        out[s] = ((lane[0] + lane[2]) + (lane[1] + lane[3]))
                 + dot_tail(x, n, i, table, v + s * ld);
    }
}

static void axpy(const double table[4], const uint8_t *x, int64_t n, double *to)
{
    const __m256d values = _mm256_loadu_pd(table);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        _mm256_storeu_pd(to + i, _mm256_add_pd(_mm256_loadu_pd(to + i),
                                               look_up(values, x[i / 4])));
    for (; i < n; i++)
        to[i] += table[rondo_genotype_at(x, i)];
}

#else

INLINE void dots_of(const uint8_t *x, int64_t n, const double table[4], const double *v,
                    int64_t ld, const int vectors, double *out)
{
    for (int s = 0; s < vectors; s++) {
        const double *y = v + s * ld;
        double sum[4] = { 0 };
        int64_t i = 0;
        for (; i + 4 <= n; i += 4)
            for (int k = 0; k < 4; k++)
                sum[k] += table[x[i / 4] >> 2 * k & 3] * y[i + k];
        out[s] = ((sum[0] + sum[2]) + (sum[1] + sum[3])) + dot_tail(x, n, i, table, y);
    }
}

static void axpy(const double table[4], const uint8_t *x, int64_t n, double *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += table[rondo_genotype_at(x, i)];
}

#endif

static void dots(const uint8_t *x, int64_t n, const double table[4], const double *v, int64_t ld,
                 int vectors, double *out)
{
    switch (vectors) {
    case 1: dots_of(x, n, table, v, ld, 1, out); break;
    case 2: dots_of(x, n, table, v, ld, 2, out); break;
    case 3: dots_of(x, n, table, v, ld, 3, out); break;
    default: dots_of(x, n, table, v, ld, GENOTYPE_VECTORS, out); break;
    }
}

static void columns(const uint8_t *const *x, int count, int64_t n, const double (*tables)[4],
                    const double *v, double *out)
{
    int c = 0;
#if defined(__AVX512F__)
    for (; c + 4 <= count; c += 4)
        columns4(x + c, n, tables + c, v, out + c);
#endif
    for (; c < count; c++)
        dots_of(x[c], n, tables[c], v, 0, 1, &out[c]);
}

static void sums(const uint8_t *x, int64_t n, const double *v, double out[3])
{
    for (int code = 0; code < 3; code++) {
        double table[4] = { 0 };
        table[code] = 1;
        dots_of(x, n, table, v, 0, 1, &out[code]);
    }
}

/* ---- fixed point --------------------------------------------------------------------------------- */

/* q_i = v_i / step to the nearest, |q_i| <= 2^(8 digits - 2), and q_i = sum_d digit_d 256^d.  Row 4 b + k
 * of a block has its d-th digit at d * GENOTYPE_BLOCK + k * QUARTER + b behind the block's first. */
static double fix(const double *v, int64_t n, int digits, int8_t *out)
{
    double most = 0;
    int exponent;
    for (int64_t i = 0; i < n; i++)
        most = fabs(v[i]) > most ? fabs(v[i]) : most;
    memset(out, 0, genotype_fixed_bytes(n, digits));
    if (most == 0)
        return 0;
    (void)frexp(most, &exponent); /* most <= 2^exponent */
    exponent -= 8 * digits - 2;
    exponent = exponent < -1000 ? -1000 : exponent; /* its inverse is finite, too */
    double step = ldexp(1, exponent), inverse = ldexp(1, -exponent);
    for (int64_t i = 0; i < n; i++) {
        int64_t block = i / GENOTYPE_BLOCK, row = i % GENOTYPE_BLOCK;
        int8_t *to = out + block * digits * GENOTYPE_BLOCK + row % 4 * QUARTER + row / 4;
        int64_t q = (int64_t)nearbyint(v[i] * inverse);
        for (int d = 0; d < digits; d++) {
            int8_t digit = (int8_t)(uint8_t)((uint64_t)q & 255);
            to[d * GENOTYPE_BLOCK] = digit;
            q = (q - digit) / 256;
        }
    }
    return step;
}

/* A digit's sum must not leave 32 bits, 2 x 128 x 256 for a block: so many, and it goes on in 64. */
enum { BLOCKS_AT_ONCE = 1 << 14 };

static void add_digits(struct genotype_total *to, const int32_t *dosage, const int32_t *missing,
                       int digits)
{
    for (int d = 0; d < digits; d++) {
        to->dosage += dosage[d] * (INT64_C(1) << 8 * d);
        to->missing += missing[d] * (INT64_C(1) << 8 * d);
    }
}

/* The last block's bytes, zeros behind them. */
static const uint8_t *last_block(const uint8_t *x, int64_t bytes, uint8_t room[QUARTER])
{
    memset(room, 0, QUARTER);
    memcpy(room, x, (size_t)bytes);
    return room;
}

#if defined(__AVX512F__)
#define VNNI __attribute__((target("avx512vnni")))

INLINE __m512i fold2(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

INLINE __m512i fold4(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/* out[i] = sum of the 16 lanes of a[i] */
INLINE void reduce8(const __m512i a[8], int32_t out[8])
{
    __m512i low = fold4(fold2(a[0], a[1]), fold2(a[2], a[3]));
    __m512i high = fold4(fold2(a[4], a[5]), fold2(a[6], a[7]));
    /* four lanes of 128 bits each hold a part of all four sums */
    __m512i both = _mm512_add_epi32(_mm512_shuffle_i64x2(low, high, 0x44),
                                    _mm512_shuffle_i64x2(low, high, 0xee));
    __m256i first = _mm512_castsi512_si256(both), second = _mm512_extracti64x4_epi64(both, 1);
    __m128i sum_low = _mm_add_epi32(_mm256_castsi256_si128(first),
                                    _mm256_extracti128_si256(first, 1));
    __m128i sum_high = _mm_add_epi32(_mm256_castsi256_si128(second),
                                     _mm256_extracti128_si256(second, 1));
    _mm_storeu_si128((__m128i_u *)out, sum_low);
    _mm_storeu_si128((__m128i_u *)(out + 4), sum_high);
}

/* out[c * digits + d] = the sum of the lanes of sum[c * GENOTYPE_DIGITS + d], which fits in 32 bits. */
INLINE void reduce_all(const __m512i *sum, const int columns, const int digits, int32_t out[16])
{
    __m512i flat[16];
    for (int i = 0; i < 16; i++)
        flat[i] = i < columns * digits ? sum[i / digits * GENOTYPE_DIGITS + i % digits]
                                       : _mm512_setzero_si512();
    reduce8(flat, out);
    if (columns * digits > 8)
        reduce8(flat + 8, out + 8);
}

/* Blocks of up to four columns, which share the digits. */
VNNI INLINE void vnni_blocks(const uint8_t *const *x, const int columns, int64_t blocks,
                             int64_t bytes, const int8_t *v, const int digits, const bool missing,
                             struct genotype_total *out)
{
    const __m512i dose = _mm512_set1_epi32(0x00010002), lone = _mm512_set1_epi32(0x00000100);
    const __m512i code = _mm512_set1_epi8(3);
    __m512i sum[4][GENOTYPE_DIGITS], gone[4][GENOTYPE_DIGITS];
    for (int c = 0; c < columns; c++)
        for (int d = 0; d < digits; d++)
            sum[c][d] = gone[c][d] = _mm512_setzero_si512();
    for (int64_t block = 0; block < blocks; block++, v += digits * GENOTYPE_BLOCK) {
        int64_t at = block * QUARTER, left = bytes - at;
        __mmask64 in = left >= QUARTER ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
        __m512i packed[4];
        for (int c = 0; c < columns; c++)
            packed[c] = _mm512_maskz_loadu_epi8(in, x[c] + at);
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < columns; c++) {
                __m512i codes = _mm512_and_si512(packed[c], code);
                packed[c] = _mm512_srli_epi16(packed[c], 2);
                __m512i doses = _mm512_shuffle_epi8(dose, codes);
                __m512i lacks = _mm512_shuffle_epi8(lone, codes);
                for (int d = 0; d < digits; d++) {
                    __m512i q = _mm512_load_si512(v + d * GENOTYPE_BLOCK + k * QUARTER);
                    sum[c][d] = _mm512_dpbusd_epi32(sum[c][d], doses, q);
                    if (missing)
                        gone[c][d] = _mm512_dpbusd_epi32(gone[c][d], lacks, q);
                }
            }
    }
    int32_t dosage[16], lacking[16] = { 0 };
    reduce_all(&sum[0][0], columns, digits, dosage);
    if (missing)
        reduce_all(&gone[0][0], columns, digits, lacking);
    for (int c = 0; c < columns; c++)
        add_digits(&out[c], dosage + c * digits, lacking + c * digits, digits);
}

/* Each number of columns, digits and either answer is a loop of its own, without a branch inside. */
VNNI INLINE void vnni_digits(const uint8_t *const *x, const int columns, int64_t blocks,
                             int64_t bytes, const int8_t *v, int digits, bool missing,
                             struct genotype_total *out)
{
    switch (digits * 2 + missing) {
    case 2: vnni_blocks(x, columns, blocks, bytes, v, 1, false, out); break;
    case 3: vnni_blocks(x, columns, blocks, bytes, v, 1, true, out); break;
    case 4: vnni_blocks(x, columns, blocks, bytes, v, 2, false, out); break;
    case 5: vnni_blocks(x, columns, blocks, bytes, v, 2, true, out); break;
    case 6: vnni_blocks(x, columns, blocks, bytes, v, 3, false, out); break;
    case 7: vnni_blocks(x, columns, blocks, bytes, v, 3, true, out); break;
    case 8: vnni_blocks(x, columns, blocks, bytes, v, 4, false, out); break;
    default: vnni_blocks(x, columns, blocks, bytes, v, 4, true, out); break;
    }
}

VNNI static void vnni_group(const uint8_t *const *x, int columns, int64_t blocks, int64_t bytes,
                            const int8_t *v, int digits, bool missing, struct genotype_total *out)
{
    int c = 0;
    if (columns == GENOTYPE_VECTORS && digits * (1 + missing) <= 6)
        vnni_digits(x, GENOTYPE_VECTORS, blocks, bytes, v, digits, missing, out);
    else
        for (; c < columns; c++)
            vnni_digits(x + c, 1, blocks, bytes, v, digits, missing, out + c);
}
#endif

#if defined(__AVX2__)
/* Products of 8 bits are summed in 16 for so many blocks: at most 8 x 2 x 2 x 128 each. */
enum { BLOCKS_IN_16 = 7 };

INLINE void widen(__m256i *sum32, __m256i *sum16)
{
    *sum32 = _mm256_add_epi32(*sum32, _mm256_madd_epi16(*sum16, _mm256_set1_epi16(1)));
    *sum16 = _mm256_setzero_si256();
}

INLINE int32_t reduce(__m256i sum)
{
    int32_t lane[8], all = 0;
    memcpy(lane, &sum, sizeof lane);
    for (int l = 0; l < 8; l++)
        all += lane[l];
    return all;
}

INLINE void avx_block(const uint8_t *x, const int8_t *v, const int digits, const bool missing,
                      __m256i *sum, __m256i *gone)
{
    const __m256i dose = _mm256_set1_epi32(0x00010002), lone = _mm256_set1_epi32(0x00000100);
    for (int half = 0; half < 2; half++) {
        __m256i packed = _mm256_loadu_si256((const __m256i_u *)(x + 32 * half));
        for (int k = 0; k < 4; k++) {
            __m256i codes = _mm256_and_si256(packed, _mm256_set1_epi8(3));
            packed = _mm256_srli_epi16(packed, 2);
            __m256i doses = _mm256_shuffle_epi8(dose, codes);
            __m256i lacks = _mm256_shuffle_epi8(lone, codes);
            for (int d = 0; d < digits; d++) {
                __m256i q = _mm256_load_si256(
                    (const __m256i *)(v + d * GENOTYPE_BLOCK + k * QUARTER + 32 * half));
                sum[d] = _mm256_add_epi16(sum[d], _mm256_maddubs_epi16(doses, q));
                if (missing)
                    gone[d] = _mm256_add_epi16(gone[d], _mm256_maddubs_epi16(lacks, q));
            }
        }
    }
}

INLINE void avx_column(const uint8_t *x, int64_t blocks, int64_t bytes, const int8_t *v,
                       const int digits, const bool missing, struct genotype_total *out)
{
    __m256i sum[GENOTYPE_DIGITS], gone[GENOTYPE_DIGITS];
    __m256i sum16[GENOTYPE_DIGITS], gone16[GENOTYPE_DIGITS];
    int32_t dosage[GENOTYPE_DIGITS], lacking[GENOTYPE_DIGITS];
    uint8_t room[QUARTER];
    for (int d = 0; d < digits; d++)
        sum[d] = gone[d] = sum16[d] = gone16[d] = _mm256_setzero_si256();
    for (int64_t block = 0; block < blocks; block++) {
        int64_t at = block * QUARTER;
        const uint8_t *from = bytes - at >= QUARTER ? x + at : last_block(x + at, bytes - at, room);
        avx_block(from, v + block * digits * GENOTYPE_BLOCK, digits, missing, sum16, gone16);
        if (block % BLOCKS_IN_16 == BLOCKS_IN_16 - 1 || block == blocks - 1)
            for (int d = 0; d < digits; d++) {
                widen(&sum[d], &sum16[d]);
                widen(&gone[d], &gone16[d]);
            }
    }
    for (int d = 0; d < digits; d++) {
        dosage[d] = reduce(sum[d]);
        lacking[d] = reduce(gone[d]);
    }
    add_digits(out, dosage, lacking, digits);
}

static void fixed_group(const uint8_t *const *x, int columns, int64_t blocks, int64_t bytes,
                        const int8_t *v, int digits, bool missing, struct genotype_total *out)
{
#if defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512vnni")) {
        vnni_group(x, columns, blocks, bytes, v, digits, missing, out);
        return;
    }
#endif
    for (int c = 0; c < columns; c++)
        switch (digits * 2 + missing) {
        case 2: avx_column(x[c], blocks, bytes, v, 1, false, &out[c]); break;
        case 3: avx_column(x[c], blocks, bytes, v, 1, true, &out[c]); break;
        case 4: avx_column(x[c], blocks, bytes, v, 2, false, &out[c]); break;
        case 5: avx_column(x[c], blocks, bytes, v, 2, true, &out[c]); break;
        case 6: avx_column(x[c], blocks, bytes, v, 3, false, &out[c]); break;
        case 7: avx_column(x[c], blocks, bytes, v, 3, true, &out[c]); break;
        case 8: avx_column(x[c], blocks, bytes, v, 4, false, &out[c]); break;
        default: avx_column(x[c], blocks, bytes, v, 4, true, &out[c]); break;
        }
}

#else

static void fixed_column(const uint8_t *x, int64_t blocks, int64_t bytes, const int8_t *v,
                         int digits, bool missing, struct genotype_total *out)
{
    static const int32_t dose[4] = { [RONDO_HOM_A1] = 2, [RONDO_HET] = 1 };
    static const int32_t lone[4] = { [RONDO_MISSING] = 1 };
    int32_t dosage[GENOTYPE_DIGITS] = { 0 }, lacking[GENOTYPE_DIGITS] = { 0 };
    uint8_t room[QUARTER];
    for (int64_t block = 0; block < blocks; block++, v += digits * GENOTYPE_BLOCK) {
        int64_t at = block * QUARTER;
        const uint8_t *from = bytes - at >= QUARTER ? x + at : last_block(x + at, bytes - at, room);
        for (int d = 0; d < digits; d++) {
            int32_t sum = 0, gone = 0;
            for (int k = 0; k < 4; k++)
                for (int b = 0; b < QUARTER; b++) {
                    int32_t q = v[d * GENOTYPE_BLOCK + k * QUARTER + b];
                    sum += dose[from[b] >> 2 * k & 3] * q;
                    gone += missing ? lone[from[b] >> 2 * k & 3] * q : 0;
                }
            dosage[d] += sum;
            lacking[d] += gone;
        }
    }
    add_digits(out, dosage, lacking, digits);
}

static void fixed_group(const uint8_t *const *x, int columns, int64_t blocks, int64_t bytes,
                        const int8_t *v, int digits, bool missing, struct genotype_total *out)
{
    for (int c = 0; c < columns; c++)
        fixed_column(x[c], blocks, bytes, v, digits, missing, &out[c]);
}
#endif

static void fixed(const uint8_t *const *x, int columns, int64_t n, const int8_t *v, int digits,
                  bool missing, struct genotype_total *out)
{
    int64_t bytes = bytes_of(n), blocks = (n + GENOTYPE_BLOCK - 1) / GENOTYPE_BLOCK;
    memset(out, 0, (size_t)columns * sizeof *out);
    for (int c = 0; c < columns; c += GENOTYPE_VECTORS) {
        int count = columns - c < GENOTYPE_VECTORS ? columns - c : GENOTYPE_VECTORS;
        for (int64_t block = 0; block < blocks; block += BLOCKS_AT_ONCE) {
            int64_t some = blocks - block < BLOCKS_AT_ONCE ? blocks - block : BLOCKS_AT_ONCE;
            const uint8_t *from[GENOTYPE_VECTORS];
            for (int i = 0; i < count; i++)
                from[i] = x[c + i] + block * QUARTER;
            fixed_group(from, count, some, bytes - block * QUARTER,
                        v + block * digits * GENOTYPE_BLOCK, digits, missing, out + c);
        }
    }
}

/* ---- pairs --------------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
enum { STRIP_WORDS = 3072 }; /* 24 KiB */
#define VPOPCNT __attribute__((target("avx512vpopcntdq")))

/* Without missing ones: codes 0 and 2 of two columns by two. */
VPOPCNT static void wide_square(const uint64_t *const *a, const uint64_t *const *b, int64_t words,
                                struct genotype_joint *out, int64_t next_row)
{
    __m512i sum[16];
    for (int s = 0; s < 16; s++)
        sum[s] = _mm512_setzero_si512();
    for (int64_t w = 0; w < words; w += 8) {
        __m512i left[4], right[4];
        for (int s = 0; s < 4; s++) {
            left[s] = _mm512_load_si512(a[s / 2] + s % 2 * RONDO_HET * words + w);
            right[s] = _mm512_load_si512(b[s / 2] + s % 2 * RONDO_HET * words + w);
        }
        for (int s = 0; s < 16; s++)
            sum[s] = _mm512_add_epi32(
                sum[s], _mm512_popcnt_epi32(_mm512_and_si512(left[s / 4], right[s % 4])));
    }
    int32_t count[16];
    reduce8(sum, count);
    reduce8(sum + 8, count + 8);
    for (int s = 0; s < 4; s++) {
        struct genotype_joint *to = out + s / 2 * next_row + s % 2;
        const int32_t *from = count + s / 2 * 8 + s % 2 * 2;
        *to = (struct genotype_joint){ { { from[0], 0, from[1] }, { 0 }, { from[4], 0, from[5] } } };
    }
}

VPOPCNT INLINE void wide_pair(const uint64_t *a, const uint64_t *b, int64_t words,
                              const bool missing, struct genotype_joint *out)
{
    __m512i sum[9];
    for (int s = 0; s < 9; s++)
        sum[s] = _mm512_setzero_si512();
    for (int64_t w = 0; w < words; w += 8) {
        __m512i left[PLANES], right[PLANES];
        for (int s = 0; s < PLANES; s++) {
            left[s] = _mm512_load_si512(a + s * words + w);
            right[s] = _mm512_load_si512(b + s * words + w);
        }
        for (int s = 0; s < 9; s++)
            if (missing || (s / 3 != RONDO_MISSING && s % 3 != RONDO_MISSING))
                sum[s] = _mm512_add_epi32(
                    sum[s], _mm512_popcnt_epi32(_mm512_and_si512(left[s / 3], right[s % 3])));
    }
    int32_t count[9];
    reduce8(sum, count);
    count[8] = _mm512_reduce_add_epi32(sum[8]);
    memcpy(out->count, count, sizeof count);
}

/* Rows of pairs with the columns from b on, as many as stay in the first cache; next_row: from one
 * row of out to the next. */
VPOPCNT static void wide_strip(const uint64_t *const *a, int columns_a, const uint64_t *const *b,
                               int columns_b, int64_t words, bool missing,
                               struct genotype_joint *out, int64_t next_row)
{
    int i = 0;
    for (; !missing && i + 2 <= columns_a; i += 2) {
        struct genotype_joint *to = out + i * next_row;
        int j = 0;
        for (; j + 2 <= columns_b; j += 2)
            wide_square(a + i, b + j, words, to + j, next_row);
        for (int row = 0; j < columns_b && row < 2; row++)
            wide_pair(a[i + row], b[j], words, false, to + row * next_row + j);
    }
    for (; i < columns_a; i++)
        for (int j = 0; j < columns_b; j++)
            if (missing)
                wide_pair(a[i], b[j], words, true, out + i * next_row + j);
            else
                wide_pair(a[i], b[j], words, false, out + i * next_row + j);
}

static void wide_pairs(const uint64_t *const *a, int columns_a, const uint64_t *const *b,
                       int columns_b, int64_t words, bool missing, struct genotype_joint *out)
{
    int64_t fit = STRIP_WORDS / (PLANES * words);
    int strip = fit < 2 ? 2 : (int)(fit / 2 * 2);
    for (int j = 0; j < columns_b; j += strip)
        wide_strip(a, columns_a, b + j, columns_b - j < strip ? columns_b - j : strip, words,
                   missing, out + j, columns_b);
}
#endif

/* Codes s / 3 of a and s % 3 of b, 64 rows at a time. */
static void narrow_pair(const uint64_t *a, const uint64_t *b, int64_t words, bool missing,
                        struct genotype_joint *out)
{
    *out = (struct genotype_joint){ 0 };
    for (int i = 0; i < PLANES; i += missing ? 1 : 2)
        for (int j = 0; j < PLANES; j += missing ? 1 : 2) {
            const uint64_t *left = a + i * words, *right = b + j * words;
            int64_t sum = 0;
            for (int64_t w = 0; w < words; w++)
                sum += __builtin_popcountll(left[w] & right[w]);
            out->count[i][j] = (int32_t)sum;
        }
}

static void pairs(const uint64_t *const *a, int columns_a, const uint64_t *const *b, int columns_b,
                  int64_t words, bool missing, struct genotype_joint *out)
{
#if defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512vpopcntdq")) {
        wide_pairs(a, columns_a, b, columns_b, words, missing, out);
        return;
    }
#endif
    for (int i = 0; i < columns_a; i++)
        for (int j = 0; j < columns_b; j++)
            narrow_pair(a[i], b[j], words, missing, out + (int64_t)i * columns_b + j);
}

const struct genotype_kernel PASTE(lasso_genotype_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .count = count,
    .dots = dots,
    .columns = columns,
    .sums = sums,
    .axpy = axpy,
    .fix = fix,
    .fixed = fixed,
    .planes = planes,
    .pairs = pairs,
};
