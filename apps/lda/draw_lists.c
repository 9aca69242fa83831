/* draw_lists.c - exact draws where documents have lists, compiled once for each level (cmake/kernels.cmake).
 *
 * A token's weights fall in three parts, each walked over what is not zero in it (Yao, Mimno, McCallum,
 * KDD 2009), with r_k = 1 / (n_k + V beta):
 *
 *     document  n_dk q_k           q_k = (n_kw + beta) r_k    topics of the document
 *     word      n_kw share_k       share_k = alpha_k r_k      topics of the word
 *     base      beta share_k                                  all; found by sums over groups of 64
 *
 * q is kept for all topics: beta r_k, and for those of the word in hand more.  The sums of the second and
 * third part follow the moves in double precision.
 */
#include "draw.h"

enum { BATCH = 32, AHEAD = 4, GROUP = 64 };

struct work {
    uint32_t *spare;    /* [row] see row_open */
    float *q, *share;   /* [row] */
    float *sum;         /* [row] running sums of what is drawn from */
    uint32_t *topic;    /* [many] topics of the word in hand */
    float *weight;      /* [many] n_kw share_k of those */
    int32_t *place;     /* [row] 1 + where in `topic`; 0: the word has none */
    double *group;      /* [groups] sums of share_k */
    double base, word;  /* sum of share_k; of weight */
    uint32_t *row;      /* n_kw of the word in hand */
    int32_t many, groups;
    uint64_t item;
    uint32_t left;
    double u[BATCH];
};

/* In [0, 1), 53 bits: the base part is small, and its topics many. */
static __attribute__((noinline)) void refill(const struct visit *visit, struct work *work)
{
    for (uint32_t i = 0; i < BATCH; i += 2) {
        struct rondo_rng_pair pair = rondo_rng_pair(visit->seed, visit->round, visit->stream, work->item++);
        work->u[i] = (double)(pair.a >> 11) * 0x1p-53;
        work->u[i + 1] = (double)(pair.b >> 11) * 0x1p-53;
    }
    work->left = BATCH;
}

static void work_begin(const struct visit *visit, struct work *work)
{
    size_t room = ((size_t)visit->row + GROUP - 1) / GROUP * GROUP;
    char *at = visit->scratch;
    memset(at, 0, 7 * 4 * room);
    work->spare = (uint32_t *)(void *)at;
    work->q = (float *)(void *)(at + 4 * room);
    work->share = work->q + room;
    work->sum = work->share + room;
    work->topic = (uint32_t *)(void *)(work->sum + room);
    work->weight = (float *)(void *)(work->topic + room);
    work->place = (int32_t *)(void *)(work->weight + room);
    work->group = (double *)(void *)(work->place + room);
    work->groups = (visit->topics + GROUP - 1) / GROUP;
    for (int32_t k = 0; k < visit->topics; k++) {
        work->q[k] = visit->beta * visit->inverse[k];
        work->share[k] = visit->alpha[k] * visit->inverse[k];
    }
    for (int32_t g = 0; g < work->groups; g++) {
        work->group[g] = 0;
        for (int32_t k = GROUP * g; k < GROUP * (g + 1) && k < visit->topics; k++)
            work->group[g] += (double)work->share[k];
        work->base += work->group[g];
    }
}

/* ---- the word in hand --------------------------------------------------------------------------------- */

static void word_open(const struct visit *visit, const struct owner *owner, struct work *work)
{
    work->row = row_open(visit, owner, work->spare);
    work->many = 0;
    work->word = 0;
    int32_t steps = owner->row ? visit->topics : *owner->length;
    for (int32_t i = 0; i < steps; i++) {
        uint32_t k = (uint32_t)i, count;
        if (!owner->row)
            slot_get(visit, owner->cells, i, &k, &count);
        if (k >= (uint32_t)visit->topics || work->row[k] == 0 || work->place[k] != 0)
            continue;
        work->topic[work->many] = k;
        work->weight[work->many] = (float)(int32_t)work->row[k] * work->share[k];
        work->word += (double)work->weight[work->many];
        work->q[k] = ((float)(int32_t)work->row[k] + visit->beta) * visit->inverse[k];
        work->place[k] = ++work->many;
    }
}

static void word_close(const struct visit *visit, const struct owner *owner, struct work *work)
{
    for (int32_t i = 0; i < work->many; i++) {
        uint32_t k = work->topic[i];
        work->q[k] = visit->beta * visit->inverse[k];
        work->place[k] = 0;
        if (!owner->row) {
            slot_set(visit, owner->cells, i, k, work->row[k]);
            work->row[k] = 0;
        }
    }
    if (!owner->row)
        *owner->length = work->many;
}

/* Topic k leaves the word's list; the last of it takes its place. */
INLINE void word_forget(struct work *work, uint32_t k)
{
    int32_t place = work->place[k] - 1, last = --work->many;
    work->topic[place] = work->topic[last];
    work->weight[place] = work->weight[last];
    work->place[work->topic[place]] = place + 1;
    work->place[k] = 0;
}

/* n_k and n_kw of topic k change by `by`. */
INLINE void change(const struct visit *visit, struct work *work, uint32_t k, int32_t by)
{
    uint32_t count = work->row[k] += (uint32_t)by;
    visit->total[k] += by;
    float inverse = inverse_of(visit, visit->total[k]);
    visit->inverse[k] = inverse;
    work->q[k] = ((float)(int32_t)count + visit->beta) * inverse;

    float share = visit->alpha[k] * inverse;
    double more = (double)share - (double)work->share[k];
    work->share[k] = share;
    work->group[k / GROUP] += more;
    work->base += more;

    if (work->place[k] == 0) {
        work->topic[work->many] = k;
        work->weight[work->many] = 0;
        work->place[k] = ++work->many;
    }
    float weight = (float)(int32_t)count * share, *at = &work->weight[work->place[k] - 1];
    work->word += (double)weight - (double)*at;
    *at = weight;
    if (count == 0)
        word_forget(work, k);
}

/* ---- the document ------------------------------------------------------------------------------------- */

struct list {
    void *slots; /* uint32_t; wide: uint64_t */
    int32_t length, room;
};

/* Topics and counts of slots i .. i + 15, 0 and 0 from `length` on. */
INLINE void list_load(const struct list *list, const bool wide, int32_t i, whole *topic, whole *count)
{
    int32_t left = list->length - i;
    if (!wide) {
        const uint32_t *slots = (const uint32_t *)list->slots + i;
#ifdef __AVX512F__
        __mmask16 here = (__mmask16)(left >= SIXTEEN ? 0xffff : (1u << left) - 1);
        __m512i s = _mm512_maskz_loadu_epi32(here, slots);
        *topic = (whole)_mm512_srli_epi32(s, 16);
        *count = (whole)_mm512_and_epi32(s, _mm512_set1_epi32(0xffff));
#else
        uint32_t s[SIXTEEN] = { 0 };
        words16 all;
        memcpy(s, slots, 4 * (size_t)(left < SIXTEEN ? left : SIXTEEN));
        memcpy(&all, s, sizeof all);
        *topic = (whole)(all >> 16);
        *count = (whole)(all & 0xffff);
#endif
        return;
    }
    int32_t t[SIXTEEN] = { 0 }, c[SIXTEEN] = { 0 };
    const uint64_t *slots = (const uint64_t *)list->slots + i;
    for (int32_t l = 0; l < SIXTEEN && l < left; l++) {
        t[l] = (int32_t)(slots[l] >> 32);
        c[l] = (int32_t)(uint32_t)slots[l];
    }
    memcpy(topic, t, sizeof t);
    memcpy(count, c, sizeof c);
}

INLINE reals gather(const float *x, whole index)
{
#ifdef __AVX512F__
    return (reals)_mm512_i32gather_ps((__m512i)index, x, 4);
#else
    float out[SIXTEEN];
    for (int l = 0; l < SIXTEEN; l++)
        out[l] = x[index[l]];
    return load_reals(out);
#endif
}

INLINE uint32_t zeros(whole x)
{
#ifdef __AVX512F__
    return _mm512_testn_epi32_mask((__m512i)x, (__m512i)x);
#else
    union { whole all; __m128i quarter[4]; } a = { x };
    uint32_t mask = 0;
    for (int i = 0; i < 4; i++)
        mask |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(
            _mm_cmpeq_epi32(a.quarter[i], _mm_setzero_si128()))) << 4 * i;
    return mask;
#endif
}

/* Where the document has topic k; below 0: nowhere. */
INLINE int32_t list_find(const struct list *list, const bool wide, uint32_t k)
{
    for (int32_t i = 0; i < list->length; i += SIXTEEN) {
        whole topic, count;
        list_load(list, wide, i, &topic, &count);
        uint32_t here = zeros(topic - all_whole((int32_t)k));
        if (list->length - i < SIXTEEN)
            here &= (1u << (list->length - i)) - 1;
        if (here)
            return i + __builtin_ctz(here);
    }
    return -1;
}

INLINE uint32_t list_topic(const struct list *list, const bool wide, int32_t i)
{
    return wide ? (uint32_t)(((const uint64_t *)list->slots)[i] >> 32) : ((const uint32_t *)list->slots)[i] >> 16;
}

/* Slot i counts one more, or one less. */
INLINE void list_more(struct list *list, const bool wide, int32_t i)
{
    if (wide)
        ((uint64_t *)list->slots)[i]++;
    else
        ((uint32_t *)list->slots)[i]++;
}

INLINE void list_less(struct list *list, const bool wide, int32_t i)
{
    if (wide) {
        uint64_t *slots = list->slots;
        if ((uint32_t)--slots[i] == 0)
            slots[i] = slots[--list->length];
    } else {
        uint32_t *slots = list->slots;
        if ((--slots[i] & 0xffff) == 0)
            slots[i] = slots[--list->length];
    }
}

INLINE int list_add(struct list *list, const bool wide, uint32_t k)
{
    int32_t i = list_find(list, wide, k);
    if (i >= 0) {
        list_more(list, wide, i);
        return 0;
    }
    if (list->length >= list->room)
        return 1;
    if (wide)
        ((uint64_t *)list->slots)[list->length++] = (uint64_t)k << 32 | 1;
    else
        ((uint32_t *)list->slots)[list->length++] = k << 16 | 1;
    return 0;
}

/* ---- drawing ------------------------------------------------------------------------------------------ */

/* The weights of the document's slots, summed lane by lane in `sum`; returns the last of the sums. */
INLINE reals document_sums(const struct work *work, const struct list *list, const bool wide)
{
    reals x = { 0 };
    for (int32_t i = 0; i < list->length; i += SIXTEEN) {
        whole topic, count;
        list_load(list, wide, i, &topic, &count);
        x += __builtin_convertvector(count, reals) * gather(work->q, topic);
        store_reals(work->sum + i, x);
    }
    return x;
}

/* One of `count` weights, `u` of their sum; below 0: all are 0. */
static int32_t pick_weight(const struct work *work, const float *weight, int32_t count, float u)
{
    reals x = { 0 };
    int32_t i = 0;
    for (; i + SIXTEEN <= count; i += SIXTEEN) {
        x += load_reals(weight + i);
        store_reals(work->sum + i, x);
    }
    if (i < count) {
        float tail[SIXTEEN] = { 0 };
        memcpy(tail, weight + i, sizeof(float) * (size_t)(count - i));
        x += load_reals(tail);
        store_reals(work->sum + i, x);
    }
    return pick(work->sum, (count + SIXTEEN - 1) / SIXTEEN, x, u);
}

/* A part of its sum, below 1 whatever was rounded. */
INLINE float part_of(double u, double sum)
{
    float part = (float)(u / sum);
    return part < 1 ? part : 0x1.fffffep-1f;
}

static __attribute__((noinline)) uint32_t draw_base(const struct visit *visit, const struct work *work, double u)
{
    int32_t g = 0;
    while (g + 1 < work->groups && u >= work->group[g])
        u -= work->group[g++];
    int32_t first = GROUP * g, many = visit->topics - first < GROUP ? visit->topics - first : GROUP;
    int32_t i = pick_weight(work, work->share + first, many, part_of(u, work->group[g]));
    return (uint32_t)(first + (i < 0 ? 0 : i));
}

/* One topic; *slot: that of the document where it is known. */
INLINE uint32_t draw(const struct visit *visit, const struct work *work, const struct list *list,
                     const bool wide, double unit, int32_t *slot)
{
    reals x = document_sums(work, list, wide), p = running(x);
    double document = (double)p[SIXTEEN - 1], word = work->many > 0 && work->word > 0 ? work->word : 0;
    double u = unit * (document + word + (double)visit->beta * work->base);
    *slot = -1;
    if (u < document) {
        *slot = pick(work->sum, (list->length + SIXTEEN - 1) / SIXTEEN, x, part_of(u, document));
        if (*slot >= 0)
            return list_topic(list, wide, *slot);
    }
    u -= document;
    if (u < word) {
        int32_t i = pick_weight(work, work->weight, work->many, part_of(u, word));
        if (i >= 0)
            return work->topic[i];
    }
    return draw_base(visit, work, (u - word) / (double)visit->beta);
}

INLINE int draw_token(const struct visit *visit, struct work *work, struct list *list, const bool wide, size_t token)
{
    if (!visit->first) {
        uint32_t old = topic_of(visit, wide, token);
        int32_t i = old < (uint32_t)visit->topics ? list_find(list, wide, old) : -1;
        if (i < 0 || work->row[old] == 0)
            return 1;
        list_less(list, wide, i);
        change(visit, work, old, -1);
    }
    if (work->left == 0)
        refill(visit, work);
    int32_t slot;
    uint32_t topic = draw(visit, work, list, wide, work->u[BATCH - work->left--], &slot);
    topic_put(visit, wide, token, topic);
    change(visit, work, topic, 1);
    if (slot < 0)
        return list_add(list, wide, topic);
    list_more(list, wide, slot);
    return 0;
}

/* ---- the visit ---------------------------------------------------------------------------------------- */

INLINE struct list list_of(const struct visit *visit, const bool wide, uint32_t document)
{
    const int64_t *at = visit->documents.at + document;
    return (struct list){ .slots = visit->documents.cells + at[0],
                          .length = visit->documents.length[document],
                          .room = (int32_t)((at[1] - at[0]) >> wide) };
}

INLINE void prefetch_list(const struct visit *visit, uint32_t document)
{
    const uint32_t *slots = visit->documents.cells + visit->documents.at[document];
    __builtin_prefetch(visit->documents.length + document, 1);
    __builtin_prefetch(slots, 1);
    __builtin_prefetch(slots + SIXTEEN, 1);
    __builtin_prefetch(slots + 2 * SIXTEEN, 1);
}

INLINE int visit_lists(const struct visit *visit, const bool wide)
{
    struct work work = { .item = visit->item };
    work_begin(visit, &work);
    uint32_t end = visit->pair[visit->words];
    int bad = 0;
    for (int32_t i = 0; i < visit->words && !bad; i++) {
        struct owner owner = owner_of(visit, i);
        word_open(visit, &owner, &work);
        size_t token = visit->token[i];
        for (uint32_t p = visit->pair[i]; p < visit->pair[i + 1] && !bad; p++) {
            if (p + AHEAD < end)
                prefetch_list(visit, visit->pairs[p + AHEAD].document);
            struct pair pair = visit->pairs[p];
            struct list list = list_of(visit, wide, pair.document);
            if (list.length < 0 || list.length > list.room || list.length > visit->row)
                return 1;
            for (uint32_t c = 0; c < pair.count && !bad; c++)
                bad = draw_token(visit, &work, &list, wide, token++);
            visit->documents.length[pair.document] = list.length;
        }
        word_close(visit, &owner, &work);
    }
    return bad;
}

int PASTE(lda_draw_lists_, KERNEL_ISA)(const struct visit *visit)
{
    return visit->wide ? visit_lists(visit, true) : visit_lists(visit, false);
}
