/* draw_rows.c - exact draws where documents have rows, compiled once for each level (cmake/kernels.cmake).
 *
 * Topic k = 16 v + l stands in lane l of vector v.  A token's weights (n_dk + alpha_k) q_k, where
 *     q_k = (n_kw + beta) / (n_k + V beta),
 * are summed over v, then over lanes; a lane is drawn, then v in it (sixteen.h).  q stays in registers
 * from token to token of a word, for 128 topics and fewer: a store of one number that the next token
 * loads with fifteen others would stall it.
 */
#include "draw.h"

#define UNROLL _Pragma("GCC unroll 8")

enum { BATCH = 64, MOST = 8, AHEAD = 6 };

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

/* One topic by weights t[0] .. t[vectors - 1], which it overwrites; below 0: all are 0. */
INLINE int32_t choose(reals *t, const int vectors, float u)
{
    sum_up(t, vectors);
    reals x = t[vectors - 1], p = running(x), cut = lane(p, 15) * all(u);
    uint32_t l = (uint32_t)__builtin_popcount(at_most(p, cut));
    if (__builtin_expect(l >= SIXTEEN, 0))
        return -1;
    reals rest = below(cut - lane(shifted(p), l), x);
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
    return SIXTEEN * passed + (int32_t)l;
}

struct word {
    uint32_t *row;  /* n_kw */
    reals q[MOST];
};

/* n_k and n_kw of a topic have changed by `by`: its q. */
INLINE float change(const struct visit *visit, uint32_t *row, uint32_t topic, int32_t by)
{
    row[topic] += (uint32_t)by;
    visit->total[topic] += by;
    float inverse = inverse_of(visit, visit->total[topic]);
    visit->inverse[topic] = inverse;
    return ((float)(int32_t)row[topic] + visit->beta) * inverse;
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
        ((uint32_t *)row)[topic] += (uint32_t)by;
    else
        ((uint16_t *)row)[topic] = (uint16_t)(((uint16_t *)row)[topic] + by);
}

/* The tokens of a pair, one after the other. */
INLINE int draw_pair(const struct visit *visit, struct word *word, struct uniforms *uniforms, void *row,
                     size_t token, uint32_t count, const int vectors, const bool wide)
{
    reals n[MOST];
    UNROLL
    for (int v = 0; v < vectors; v++)
        n[v] = row_load(row, wide, v);
    for (uint32_t c = 0; c < count; c++) {
        if (!visit->first) {
            uint32_t old = topic_of(visit, wide, token + c);
            if (old >= (uint32_t)visit->topics || row_count(row, wide, old) == 0 || word->row[old] == 0)
                return 1;
            reals q = all(change(visit, word->row, old, -1));
            row_add(row, wide, old, -1);
            UNROLL
            for (int v = 0; v < vectors; v++) {
                whole less = less_topic(SIXTEEN * v, (int32_t)old);
                word->q[v] = put(word->q[v], less, q);
                n[v] = put(n[v], less, n[v] - 1);
            }
        }
        reals t[MOST];
        UNROLL
        for (int v = 0; v < vectors; v++)
            t[v] = (n[v] + load_reals(visit->alpha + SIXTEEN * v)) * word->q[v];
        float u = next(visit, uniforms);
        int32_t drawn = choose(t, vectors, u);
        uint32_t topic = drawn >= 0 ? (uint32_t)drawn : (uint32_t)(u * (float)visit->topics);
        reals q = all(change(visit, word->row, topic, 1));
        row_add(row, wide, topic, 1);
        topic_put(visit, wide, token + c, topic);
        UNROLL
        for (int v = 0; v < vectors; v++) {
            whole less = less_topic(SIXTEEN * v, (int32_t)topic);
            word->q[v] = put(word->q[v], less, q);
            n[v] = put(n[v], less, n[v] + 1);
        }
    }
    return 0;
}

/* The row back into the list. */
static void row_close(const struct visit *visit, const struct owner *owner, uint32_t *row)
{
    if (owner->row)
        return;
    int32_t length = 0;
    for (int32_t k = 0; k < visit->topics; k++)
        if (row[k] != 0) {
            slot_set(visit, owner->cells, length++, (uint32_t)k, row[k]);
            row[k] = 0;
        }
    *owner->length = length;
}

INLINE void *document_row(const struct visit *visit, const struct pair *pair)
{
    return visit->documents.cells + visit->documents.at[pair->document];
}

INLINE void prefetch_row(const struct visit *visit, uint32_t pair, const int vectors, const bool wide)
{
    const char *row = document_row(visit, &visit->pairs[pair]);
    int bytes = vectors * SIXTEEN * (wide ? 4 : 2);
    UNROLL
    for (int b = 0; b < bytes; b += 64)
        __builtin_prefetch(row + b, 1);
}

INLINE int visit_rows(const struct visit *visit, const int vectors, const bool wide)
{
    struct uniforms uniforms = { .item = visit->item };
    uint32_t *spare = visit->scratch;
    memset(spare, 0, 4 * (size_t)visit->row);
    uint32_t end = visit->pair[visit->words];
    int bad = 0;
    for (int32_t i = 0; i < visit->words && !bad; i++) {
        struct owner owner = owner_of(visit, i);
        struct word word = { .row = row_open(visit, &owner, spare) };
        UNROLL
        for (int v = 0; v < vectors; v++)
            word.q[v] = (from_words(word.row + SIXTEEN * v) + all(visit->beta)) *
                        load_reals(visit->inverse + SIXTEEN * v);
        size_t token = visit->token[i];
        for (uint32_t p = visit->pair[i]; p < visit->pair[i + 1] && !bad; p++) {
            if (p + AHEAD < end)
                prefetch_row(visit, p + AHEAD, vectors, wide);
            struct pair pair = visit->pairs[p];
            bad = draw_pair(visit, &word, &uniforms, document_row(visit, &pair), token, pair.count, vectors,
                            wide);
            token += pair.count;
        }
        row_close(visit, &owner, word.row);
    }
    return bad;
}

/* ---- more topics than registers hold ------------------------------------------------------------------ */

struct long_work {
    uint32_t *spare;
    float *q, *sum; /* [row] */
};

static int32_t choose_long(const struct visit *visit, const struct long_work *work, const void *row,
                           bool wide, float u)
{
    reals x = { 0 };
    int32_t vectors = visit->row / SIXTEEN;
    for (int32_t v = 0; v < vectors; v++) {
        x += (row_load(row, wide, v) + load_reals(visit->alpha + SIXTEEN * v)) *
             load_reals(work->q + SIXTEEN * v);
        store_reals(work->sum + SIXTEEN * v, x);
    }
    return pick(work->sum, vectors, x, u);
}

static int draw_long(const struct visit *visit, const struct long_work *work, struct uniforms *uniforms,
                     uint32_t *counts, void *row, size_t token, bool wide)
{
    if (!visit->first) {
        uint32_t old = topic_of(visit, wide, token);
        if (old >= (uint32_t)visit->topics || row_count(row, wide, old) == 0 || counts[old] == 0)
            return 1;
        work->q[old] = change(visit, counts, old, -1);
        row_add(row, wide, old, -1);
    }
    float u = next(visit, uniforms);
    int32_t drawn = choose_long(visit, work, row, wide, u);
    uint32_t topic = drawn >= 0 ? (uint32_t)drawn : (uint32_t)(u * (float)visit->topics);
    work->q[topic] = change(visit, counts, topic, 1);
    row_add(row, wide, topic, 1);
    topic_put(visit, wide, token, topic);
    return 0;
}

static int visit_long(const struct visit *visit, bool wide)
{
    struct uniforms uniforms = { .item = visit->item };
    struct long_work work = { .spare = visit->scratch };
    work.q = (float *)(work.spare + visit->row);
    work.sum = work.q + visit->row;
    memset(work.spare, 0, 4 * (size_t)visit->row);
    int bad = 0;
    for (int32_t i = 0; i < visit->words && !bad; i++) {
        struct owner owner = owner_of(visit, i);
        uint32_t *counts = row_open(visit, &owner, work.spare);
        for (int32_t k = 0; k < visit->row; k += SIXTEEN)
            store_reals(work.q + k, (from_words(counts + k) + all(visit->beta)) * load_reals(visit->inverse + k));
        size_t token = visit->token[i];
        for (uint32_t p = visit->pair[i]; p < visit->pair[i + 1] && !bad; p++)
            for (uint32_t c = 0; c < visit->pairs[p].count && !bad; c++)
                bad = draw_long(visit, &work, &uniforms, counts, document_row(visit, &visit->pairs[p]),
                                token++, wide);
        row_close(visit, &owner, counts);
    }
    return bad;
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
    return vectors <= MOST ? table[visit->wide][vectors - 1](visit) : visit_long(visit, visit->wide);
}
