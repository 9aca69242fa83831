/* draw_rows.c - exact draws where documents have rows, compiled once for each level (cmake/kernels.cmake).
 *
 * Topic k = 16 v + l stands in lane l of vector v.  A token's weights (n_dk + alpha_k) q_k, where
 *     q_k = (n_kw + beta) / (n_k + V beta),
 * are summed over v, then over lanes; a lane is drawn, then v in it (sixteen.h).
 *
 * A token need not wait for the one before it, drawn topic b, to weigh and sum its topics: b's gain only adds
 * to the weight of b, say d, so that with u uniform below S + d, S the sum without the gain, it draws by the
 * sums without the gain where u < S, and b where not.  What is left to wait for is d.  So a gain is settled
 * after the next token's weights are summed, and q, and 1 / (n_k + V beta), stand ready for one token less and
 * one more; what a move shifts out is computed anew while the next draw goes on.
 */
#include "draw.h"

#define UNROLL _Pragma("GCC unroll 8")

enum { BATCH = 64, MOST = 8, AHEAD = 6, WORDS_AHEAD = 3 };

struct uniforms {
    uint64_t item;
    uint32_t left;
    float u[BATCH];
};

/* In [0, 1), 24 bits; four of a pair of 64-bit numbers. */
static __attribute__((noinline)) void refill(const struct visit *visit, struct uniforms *uniforms)
{
    for (uint32_t i = 0; i < BATCH; i += 4) {
        struct rondo_rng_pair pair =
            rondo_rng_pair(visit->seed, visit->round, visit->stream, uniforms->item++);
        uniforms->u[i] = (float)((pair.a >> 8) & 0xffffff) * 0x1p-24f;
        uniforms->u[i + 1] = (float)(pair.a >> 40) * 0x1p-24f;
        uniforms->u[i + 2] = (float)((pair.b >> 8) & 0xffffff) * 0x1p-24f;
        uniforms->u[i + 3] = (float)(pair.b >> 40) * 0x1p-24f;
    }
    uniforms->left = BATCH;
}

INLINE float next(const struct visit *visit, struct uniforms *uniforms)
{
    if (uniforms->left == 0)
        refill(visit, uniforms);
    return uniforms->u[BATCH - uniforms->left--];
}

/* t[v] becomes t[0] + .. + t[v], by pairs (sixteen.h). */
INLINE void sum_up(reals *t, const int vectors)
{
    UNROLL
    for (int step = 1; step < MOST; step *= 2) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            if (v & step)
                t[v] += t[(v & ~(2 * step - 1)) | (step - 1)];
    }
}

/* One topic by weights t[0] .. t[vectors - 1], summed up, and of p, the running sums of the last, by which
 * `cut` is passed; `none` where it is by none. */
INLINE uint32_t choose(const reals *t, const int vectors, reals p, reals cut, uint32_t none)
{
    reals x = t[vectors - 1];
    uint32_t l = (uint32_t)__builtin_popcount(at_most(p, cut));
    reals rest = below(cut - shifted(p), x);
    uint64_t low = 0, high = 0; /* bit 16 v + l: the sum up to v is not above what is left */
    UNROLL
    for (int v = 0; v < vectors - 1; v++) {
        uint64_t mask = (uint64_t)at_most(t[v], rest) << 16 * (v % 4);
        if (v < 4)
            low |= mask;
        else
            high |= mask;
    }
    const uint64_t each = UINT64_C(0x0001000100010001);
    int passed = __builtin_popcountll((low >> l) & each) + __builtin_popcountll((high >> l) & each);
    return l < SIXTEEN ? SIXTEEN * (uint32_t)passed + l : none;
}

/* With one token of the topic less, as it is, with one more. */
struct three {
    float *less, *now, *more; /* [row] */
};

struct work {
    uint32_t *spare;       /* [row] see row_open */
    uint32_t *row;         /* n_kw of the word in hand */
    float *sum;            /* [row] */
    struct three q;        /* of the word in hand */
    struct three inverse;  /* `now` is the visit's */
    struct uniforms uniforms;
};

static void work_begin(const struct visit *visit, struct work *work)
{
    size_t row = (size_t)visit->row;
    float *at = visit->scratch;
    *work = (struct work){ .spare = visit->scratch, .sum = at + row, .uniforms.item = visit->item };
    work->q = (struct three){ at + 2 * row, at + 3 * row, at + 4 * row };
    work->inverse = (struct three){ at + 5 * row, visit->inverse, at + 6 * row };
    memset(at, 0, 7 * sizeof *at * row);
    for (int32_t k = 0; k < visit->topics; k++) {
        work->inverse.less[k] = inverse_of(visit, visit->total[k] - 1);
        work->inverse.more[k] = inverse_of(visit, visit->total[k] + 1);
    }
}

INLINE void word_begin(const struct visit *visit, struct work *work, const int vectors)
{
    for (int v = 0; v < vectors; v++) {
        int k = SIXTEEN * v;
        reals n = from_words(work->row + k), beta = all(visit->beta); /* n - 1 first: beta may be far below 1 */
        store_reals(work->q.less + k, (n - 1 + beta) * load_reals(work->inverse.less + k));
        store_reals(work->q.now + k, (n + beta) * load_reals(work->inverse.now + k));
        store_reals(work->q.more + k, (n + 1 + beta) * load_reals(work->inverse.more + k));
    }
}

/* The topic loses a token of the word, or gains one: q first, on which others wait. */
INLINE void lose(const struct visit *visit, struct work *work, uint32_t k)
{
    float q = work->q.now[k];
    put(work->q.now, k, work->q.less[k]);
    work->q.more[k] = q;
    work->inverse.more[k] = work->inverse.now[k];
    work->inverse.now[k] = work->inverse.less[k];
    uint32_t n = --work->row[k];
    int64_t total = --visit->total[k];
    work->inverse.less[k] = inverse_of(visit, total - 1);
    work->q.less[k] = ((float)((int32_t)n - 1) + visit->beta) * work->inverse.less[k];
}

INLINE void gain(const struct visit *visit, struct work *work, uint32_t k)
{
    float q = work->q.now[k];
    put(work->q.now, k, work->q.more[k]);
    work->q.less[k] = q;
    work->inverse.less[k] = work->inverse.now[k];
    work->inverse.now[k] = work->inverse.more[k];
    uint32_t n = ++work->row[k];
    int64_t total = ++visit->total[k];
    work->inverse.more[k] = inverse_of(visit, total + 1);
    work->q.more[k] = ((float)((int32_t)n + 1) + visit->beta) * work->inverse.more[k];
}

INLINE reals row_load(const void *row, const bool wide, int v)
{
    return wide ? from_words((const uint32_t *)row + SIXTEEN * v) : from_halves((const uint16_t *)row + SIXTEEN * v);
}

/* What a document has of a topic, or of it one more or less. */
INLINE uint32_t row_count(const void *row, const bool wide, uint32_t topic)
{
    return wide ? ((const uint32_t *)row)[topic] : ((const uint16_t *)row)[topic];
}

INLINE void row_add(void *row, const bool wide, uint32_t topic, int32_t by)
{
    if (wide)
        bump_word(row, topic, by);
    else
        bump_half(row, topic, by);
}

/* A token whose topic is drawn, but whose gain the counts do not have yet. */
struct drawn {
    uint32_t topic;
    void *row; /* of its document; NULL: there is none */
};

INLINE void settle(const struct visit *visit, struct work *work, const struct drawn *before, const bool wide)
{
    gain(visit, work, before->topic);
    row_add(before->row, wide, before->topic, 1);
}

/* What the gain of the token before adds to the weight of its topic in this document; it is settled. */
INLINE float settle_more(const struct visit *visit, struct work *work, const struct drawn *before, void *row,
                         const bool wide)
{
    uint32_t k = before->topic, count = row_count(row, wide, k);
    float alpha = visit->alpha[k], was = ((float)(int32_t)count + alpha) * work->q.now[k];
    float is = ((float)(int32_t)(count + (row == before->row)) + alpha) * work->q.more[k];
    settle(visit, work, before, wide);
    return is > was ? is - was : 0;
}

INLINE reals row_weights(const struct visit *visit, const struct work *work, const void *row, const bool wide, int v)
{
    return (row_load(row, wide, v) + load_reals(visit->alpha + SIXTEEN * v)) *
           load_reals(work->q.now + SIXTEEN * v);
}

INLINE int draw_token(const struct visit *visit, struct work *work, void *row, size_t token, const int vectors,
                      const bool wide, struct drawn *before)
{
    if (!visit->first) {
        uint32_t old = topic_of(visit, wide, token);
        if (old >= (uint32_t)visit->topics || row_count(row, wide, old) == 0 || work->row[old] == 0)
            return 1;
        lose(visit, work, old);
        row_add(row, wide, old, -1);
    }
    reals t[MOST], x = { 0 }, sum;
    if (vectors <= MOST) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            t[v] = row_weights(visit, work, row, wide, v);
        sum_up(t, vectors);
        x = t[vectors - 1];
    } else { /* more topics than registers hold */
        for (int v = 0; v < vectors; v++) {
            x += row_weights(visit, work, row, wide, v);
            store_reals(work->sum + SIXTEEN * v, x);
        }
    }
    reals p = running(x, &sum);
    float u = next(visit, &work->uniforms), more = 0;
    uint32_t topic = (uint32_t)(u * (float)visit->topics); /* where all weights are 0 */
    if (before->row != NULL)
        more = settle_more(visit, work, before, row, wide);
    if (__builtin_expect(sum[0] + more > 0, 1)) {
        reals cut = (sum + all(more)) * all(u);
        if (vectors <= MOST)
            topic = choose(t, vectors, p, cut, before->topic);
        else if (cut[0] < sum[0])
            topic = (uint32_t)pick(work->sum, vectors, x, p, cut[0]);
        else
            topic = before->topic;
    }
    *before = (struct drawn){ topic, row };
    topic_put(visit, wide, token, topic);
    return 0;
}

/* The row back into the list, sixteen topics at a time; not 0: it has no room for them. */
INLINE int row_close(const struct visit *visit, const struct owner *owner, uint32_t *row, const int vectors)
{
    if (owner->row)
        return 0;
    int32_t length = 0;
    for (int v = 0; v < vectors; v++) {
        words16 *at = (words16 *)(row + SIXTEEN * v), n = *at;
        uint32_t here = ~zeros((whole)n) & 0xffff;
        if (here == 0)
            continue;
        if (length + __builtin_popcount(here) > owner->room)
            return 1;
#ifdef __AVX512F__
        if (!visit->wide_words) {
            __m512i slots = _mm512_or_epi32((__m512i)n, _mm512_slli_epi32(_mm512_add_epi32(
                _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                _mm512_set1_epi32(SIXTEEN * v)), 16));
            int many = __builtin_popcount(here);
            _mm512_mask_storeu_epi32(owner->cells + length, (__mmask16)((1u << many) - 1),
                                     _mm512_maskz_compress_epi32((__mmask16)here, slots));
            length += many;
            *at = (words16){ 0 };
            continue;
        }
#endif
        for (; here != 0; here &= here - 1) {
            int32_t k = SIXTEEN * v + __builtin_ctz(here);
            slot_set(owner->cells, length++, visit->wide_words, (uint32_t)k, row[k]);
        }
        *at = (words16){ 0 };
    }
    *owner->length = length;
    return 0;
}

INLINE void *document_row(const struct visit *visit, const struct pair *pair)
{
    return visit->documents.cells + visit->documents.at[pair->document];
}

INLINE void prefetch_row(const struct visit *visit, uint32_t pair, const int vectors, const bool wide)
{
    const char *row = document_row(visit, &visit->pairs[pair]);
    int lines = (vectors + !wide) / (wide ? 1 : 2);
    UNROLL
    for (int l = 0; l < lines && l < MOST; l++)
        __builtin_prefetch(row + 64 * l, 1);
}

INLINE int visit_rows(const struct visit *visit, const int vectors, const bool wide)
{
    struct work work;
    work_begin(visit, &work);
    uint32_t end = visit->pair[visit->words];
    for (int32_t i = 0; i < visit->words; i++) {
        struct owner owner = owner_of(visit, i);
        if (i + WORDS_AHEAD < visit->words)
            prefetch_owner(visit, i + WORDS_AHEAD);
        work.row = row_open(visit, &owner, work.spare);
        word_begin(visit, &work, vectors);
        size_t token = visit->token[i];
        struct drawn before = { 0 };
        for (uint32_t p = visit->pair[i]; p < visit->pair[i + 1]; p++) {
            if (p + AHEAD < end)
                prefetch_row(visit, p + AHEAD, vectors, wide);
            void *row = document_row(visit, &visit->pairs[p]);
            for (uint32_t c = visit->pairs[p].count; c > 0; c--)
                if (draw_token(visit, &work, row, token++, vectors, wide, &before) != 0)
                    return 1;
        }
        if (before.row != NULL)
            settle(visit, &work, &before, wide);
        if (row_close(visit, &owner, work.row, vectors) != 0)
            return 1;
    }
    return 0;
}

#define VECTORS(n)                                                                                          \
    static __attribute__((noinline)) int narrow_##n(const struct visit *visit)                              \
    {                                                                                                       \
        return visit_rows(visit, n, false);                                                                 \
    }                                                                                                       \
    static __attribute__((noinline)) int wide_##n(const struct visit *visit)                                \
    {                                                                                                       \
        return visit_rows(visit, n, true);                                                                  \
    }
VECTORS(1)
VECTORS(2)
VECTORS(3)
VECTORS(4)
VECTORS(5)
VECTORS(6)
VECTORS(7)
VECTORS(8)

int PASTE(lda_draw_rows_, KERNEL_ISA)(const struct visit *visit)
{
    static int (*const table[2][MOST])(const struct visit *) = {
        { narrow_1, narrow_2, narrow_3, narrow_4, narrow_5, narrow_6, narrow_7, narrow_8 },
        { wide_1, wide_2, wide_3, wide_4, wide_5, wide_6, wide_7, wide_8 },
    };
    int32_t vectors = (visit->topics + SIXTEEN - 1) / SIXTEEN;
    if (vectors <= MOST)
        return table[visit->wide][vectors - 1](visit);
    return visit->wide ? visit_rows(visit, visit->row / SIXTEEN, true) : visit_rows(visit, visit->row / SIXTEEN, false);
}
