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
#include "lists.h"

enum { BATCH = 32, AHEAD = 4, GROUP = 64 };

struct work {
    uint32_t *spare;    /* [row] see row_open */
    float *q, *share;   /* [row] */
    float *less, *more; /* [row] r_k with one token less, one more: ready when the topic is known */
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
    memset(at, 0, 9 * 4 * room);
    work->spare = (uint32_t *)(void *)at;
    work->q = (float *)(void *)(at + 4 * room);
    work->share = work->q + room;
    work->less = work->share + room;
    work->more = work->less + room;
    work->sum = work->more + room;
    work->topic = (uint32_t *)(void *)(work->sum + room);
    work->weight = (float *)(void *)(work->topic + room);
    work->place = (int32_t *)(void *)(work->weight + room);
    work->group = (double *)(void *)(work->place + room);
    work->groups = (visit->topics + GROUP - 1) / GROUP;
    for (int32_t k = 0; k < visit->topics; k++) {
        work->q[k] = visit->beta * visit->inverse[k];
        work->share[k] = visit->alpha[k] * visit->inverse[k];
        work->less[k] = inverse_of(visit, visit->total[k] - 1);
        work->more[k] = inverse_of(visit, visit->total[k] + 1);
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
            slot_get(owner->cells, i, visit->wide_words, &k, &count);
        if (k >= (uint32_t)visit->topics || work->row[k] == 0 || work->place[k] != 0)
            continue;
        work->topic[work->many] = k;
        work->weight[work->many] = (float)(int32_t)work->row[k] * work->share[k];
        work->word += (double)work->weight[work->many];
        work->q[k] = ((float)(int32_t)work->row[k] + visit->beta) * visit->inverse[k];
        work->place[k] = ++work->many;
    }
}

/* Not 0: the word's list has no room for its topics. */
static int word_close(const struct visit *visit, const struct owner *owner, struct work *work)
{
    if (!owner->row && work->many > owner->room)
        return 1;
    for (int32_t i = 0; i < work->many; i++) {
        uint32_t k = work->topic[i];
        work->q[k] = visit->beta * visit->inverse[k];
        work->place[k] = 0;
        if (!owner->row) {
            slot_set(owner->cells, i, visit->wide_words, k, work->row[k]);
            work->row[k] = 0;
        }
    }
    if (!owner->row)
        *owner->length = work->many;
    return 0;
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

/* n_k and n_kw of topic k change by `by`, 1 or -1; q first, for which the next token waits. */
INLINE void change(const struct visit *visit, struct work *work, uint32_t k, int32_t by)
{
    uint32_t count = work->row[k] += (uint32_t)by;
    float *before = by > 0 ? work->less : work->more, *after = by > 0 ? work->more : work->less;
    float inverse = after[k];
    work->q[k] = ((float)(int32_t)count + visit->beta) * inverse;
    before[k] = visit->inverse[k];
    visit->inverse[k] = inverse;
    visit->total[k] += by;
    after[k] = inverse_of(visit, visit->total[k] + by);

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

/* q of the topics of slots i .. i + 15; not looked at where the count is 0.  Sixteen loads are faster than
 * a gather instruction (Zen 4: by a tenth of all that is done here).  Slots from `length` on hold what
 * they like: 64 bytes behind the last cell may be read, q has room for every topic of 16 bits. */
INLINE reals list_q(const float *q, const struct list *list, const bool wide, int32_t i, whole topic)
{
    if (wide)
        return gather(q, topic);
    const uint32_t *s = (const uint32_t *)list->slots + i;
    return (reals){ q[s[0] >> 16],  q[s[1] >> 16],  q[s[2] >> 16],  q[s[3] >> 16],
                    q[s[4] >> 16],  q[s[5] >> 16],  q[s[6] >> 16],  q[s[7] >> 16],
                    q[s[8] >> 16],  q[s[9] >> 16],  q[s[10] >> 16], q[s[11] >> 16],
                    q[s[12] >> 16], q[s[13] >> 16], q[s[14] >> 16], q[s[15] >> 16] };
}

/* A token moves from slot `old`, below 0: from nowhere, to topic k, in `slot` where that is known; 0, or
 * not 0 where a list would have to be longer than its room. */
INLINE int list_move(struct list *list, const bool wide, int32_t old, int32_t slot, uint32_t k)
{
    slot = slot < 0 ? list_find(list, wide, k) : slot;
    if (slot == old && slot >= 0)
        return 0;
    bool empty = old >= 0 && list_less(list, wide, old);
    if (slot < 0) {
        if (!empty && list->length >= list->room)
            return 1;
        list_set(list, wide, empty ? old : list->length, k);
        list->length += !empty;
        return 0;
    }
    list_more(list, wide, slot);
    if (old >= 0)
        list_close(list, wide, old, empty);
    return 0;
}

/* ---- drawing ------------------------------------------------------------------------------------------ */

/* count q, and 0 where the count is 0 whatever q. */
INLINE reals weights(whole count, reals q)
{
#ifdef __AVX512F__
    __mmask16 some = _mm512_test_epi32_mask((__m512i)count, (__m512i)count);
    return (reals)_mm512_maskz_mul_ps(some, _mm512_cvtepi32_ps((__m512i)count), (__m512)q);
#else
    return (reals)((count != 0) & (whole)(__builtin_convertvector(count, reals) * q));
#endif
}

/* The weights of the document's slots, one taken off topic `old`, summed lane by lane in `sum`; returns
 * the last of the sums.  *at: the slot of `old`; below 0: there is none. */
INLINE reals document_sums(const struct work *work, const struct list *list, const bool wide, int32_t old,
                           int32_t *at)
{
    reals x = { 0 };
    *at = -1;
    for (int32_t i = 0; i < list->length; i += SIXTEEN) {
        whole topic, count;
        list_load(list, wide, i, &topic, &count);
        uint32_t here = take(topic, &count, old);
        *at = here ? i + __builtin_ctz(here) : *at;
        x += weights(count, list_q(work->q, list, wide, i, topic));
        store_reals(work->sum + i, x);
    }
    return x;
}

/* One of `count` weights, where their running sum passes `cut`; below 0: all are 0. */
static int32_t pick_weight(const struct work *work, const float *weight, int32_t count, float cut)
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
    reals sum, p = running(x, &sum);
    return pick(work->sum, (count + SIXTEEN - 1) / SIXTEEN, x, p, cut);
}

static __attribute__((noinline)) uint32_t draw_base(const struct visit *visit, const struct work *work, double u)
{
    int32_t g = 0;
    while (g + 1 < work->groups && u >= work->group[g])
        u -= work->group[g++];
    int32_t first = GROUP * g, many = visit->topics - first < GROUP ? visit->topics - first : GROUP;
    int32_t i = pick_weight(work, work->share + first, many, (float)u);
    return (uint32_t)(first + (i < 0 ? 0 : i));
}

/* One topic by the three parts, x the last of document_sums; *slot: that of the document where it is known. */
INLINE uint32_t draw(const struct visit *visit, const struct work *work, const struct list *list,
                     const bool wide, reals x, double unit, int32_t *slot)
{
    reals sum, p = running(x, &sum);
    double document = (double)sum[0], word = work->many > 0 && work->word > 0 ? work->word : 0;
    double u = unit * (document + word + (double)visit->beta * work->base);
    *slot = -1;
    if (u < document) {
        *slot = pick(work->sum, (list->length + SIXTEEN - 1) / SIXTEEN, x, p, (float)u);
        return list_topic(list, wide, *slot);
    }
    u -= document;
    if (u < word) {
        int32_t i = pick_weight(work, work->weight, work->many, (float)u);
        if (i >= 0)
            return work->topic[i];
    }
    u -= word;
    return draw_base(visit, work, u > 0 ? u / (double)visit->beta : 0);
}

INLINE int draw_token(const struct visit *visit, struct work *work, struct list *list, const bool wide, size_t token)
{
    int32_t old = -1, at, slot;
    if (!visit->first) {
        uint32_t k = topic_of(visit, wide, token);
        if (k >= (uint32_t)visit->topics || work->row[k] == 0 || visit->total[k] < 1)
            return 1;
        old = (int32_t)k;
        change(visit, work, k, -1);
    }
    if (work->left == 0)
        refill(visit, work);
    reals x = document_sums(work, list, wide, old, &at);
    if ((at < 0) != visit->first)
        return 1;
    uint32_t topic = draw(visit, work, list, wide, x, work->u[BATCH - work->left--], &slot);
    change(visit, work, topic, 1);
    topic_put(visit, wide, token, topic);
    return list_move(list, wide, at, slot, topic);
}

/* ---- the visit ---------------------------------------------------------------------------------------- */

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
        bad |= word_close(visit, &owner, &work);
    }
    return bad;
}

int PASTE(lda_draw_lists_, KERNEL_ISA)(const struct visit *visit)
{
    return visit->wide ? visit_lists(visit, true) : visit_lists(visit, false);
}
