/* mh.c - collapsed Gibbs by Metropolis-Hastings, in time that does not grow with the topics.
 *
 * Wanted is a draw from p; proposed is a topic from q, which is as near as can be without looking at all
 * topics (counts without the token itself, v those of the word's other tokens in this visit, r the rest):
 *
 *     p(k) = (n_dk + alpha_k) (n_kw + beta) / (n_k + V beta)                   n_kw = r_k + v_k
 *     q(k) =  n_dk (n_kw + beta) / (n_k + V beta)                              document: its list, exactly
 *           + a (r_k s_k + v_k e + beta c)                                     word: a table, z, any topic
 *
 * a, c the means of alpha_k and 1 / (n_k + V beta), s_k the latter without all of the visit's tokens of the
 * word, e the mean of s_k over the rest.  From k to l with probability min(1, p(l) q(k) / p(k) q(l)), `steps`
 * times.  Where a document has the topic p / q is nearly 1, and one proposal nearly a draw from p.
 *
 * In the line of AliasLDA (Li, Ahmed, Ravi, Smola, KDD 2014), LightLDA (Yuan et al., WWW 2015) and WarpLDA
 * (Chen et al., VLDB 2016).  They propose from a word's counts of some time ago, in which the token itself
 * has a part: then the ratio is not that of the move back, and the chain leans towards staying.  Here r and
 * s do not change while the word is visited, v is looked up in z, where the word's tokens stand together,
 * and the token itself is passed over: the chain keeps p.
 */
#include "lists.h"

enum { AHEAD = 6 };

static const uint32_t NONE = UINT32_MAX; /* the topic of a token that has none yet */

struct word {
    const struct visit *visit;
    uint32_t *count; /* [topics] n_kw, without the token while it is drawn; 0 between words */
    uint32_t *topic; /* [topics] those with tokens in the rest, and behind them those that have come since */
    int32_t rests, topics;
    /* Where a topic is in `topic`, if it is (Briggs, Torczon, ACM LOPLAS 2, 1993: never cleared). */
    uint32_t *place;
    float *rest;   /* [rests] r_k */
    float *weight; /* [rests] r_k s_k */
    /* To draw from weights: end[i] is their sum up to i, and step[(int)(x pace)] where to begin to look for
     * x (the index table of Chen, Asau, AIIE Transactions 6, 1974: sooner made than an alias table). */
    double *end, pace;
    uint32_t *step; /* [2 rests] */
    double rest_mass, mass; /* of the table; of all that the word proposes */
    float other;            /* e */
    uint32_t begin, others; /* in z; tokens of the visit with a topic, less the one that is drawn */
    float *sum;             /* [topics, up to whole vectors] running sums of the document's weights */
};

struct choice {
    uint32_t topic;
    float ratio; /* p / q */
};

/* ---- random numbers: splitmix64 (Steele, Lea, Flood, OOPSLA 2014), begun at the token's own ------------- */

INLINE uint64_t next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

INLINE double unit(uint64_t *state)
{
    return (double)(int64_t)(next(state) >> 11) * 0x1.0p-53;
}

/* ---- a word: its counts ----------------------------------------------------------------------------------- */

INLINE int32_t word_find(const struct word *word, uint32_t topic)
{
    uint32_t at = word->place[topic];
    return at < (uint32_t)word->topics && word->topic[at] == topic ? (int32_t)at : -1;
}

/* A topic of the visit comes behind those of the rest. */
INLINE void word_list(struct word *word, uint32_t topic)
{
    if (word_find(word, topic) >= 0)
        return;
    word->place[topic] = (uint32_t)word->topics;
    word->topic[word->topics++] = topic;
}

INLINE int word_read(struct word *word, const struct owner *owner)
{
    const struct visit *visit = word->visit;
    int32_t n = 0, steps = owner->row ? visit->topics : *owner->length;
    if (steps < 0 || (!owner->row && steps > owner->room))
        return -1;
    for (int32_t i = 0; i < steps; i++) {
        uint32_t topic = (uint32_t)i, count = owner->cells[i];
        if (!owner->row)
            slot_get(owner->cells, i, visit->wide_words, &topic, &count);
        if (!owner->row && (topic >= (uint32_t)visit->topics || count == 0 || word->count[topic] != 0))
            return -1;
        word->topic[n] = topic;
        word->count[topic] = count;
        n += count != 0;
    }
    word->topics = n;
    return 0;
}

INLINE int word_write(struct word *word, const struct owner *owner)
{
    const struct visit *visit = word->visit;
    int32_t n = 0;
    for (int32_t i = 0; i < word->topics; i++) {
        uint32_t topic = word->topic[i], count = word->count[topic];
        word->count[topic] = 0;
        if (owner->row) {
            owner->cells[topic] = count;
        } else if (count > 0) {
            if (n >= owner->room || (!visit->wide_words && count > UINT16_MAX))
                return -1;
            slot_set(owner->cells, n++, visit->wide_words, topic, count);
        }
    }
    if (!owner->row)
        *owner->length = n;
    return 0;
}

/* ---- a word: what it proposes ----------------------------------------------------------------------------- */

/* Every topic writes its number from its first step on; the next one writes over what is too much. */
INLINE void word_index(struct word *word)
{
    enum { RUN = 8 };
    word->pace = word->rests ? (2 * word->rests - 1) / word->rest_mass : 0;
    uint32_t at = 0;
    for (int32_t i = 0; i < word->rests; i++) {
        uint32_t end = (uint32_t)(int32_t)(word->end[i] * word->pace) + 1;
        do {
            for (uint32_t j = 0; j < RUN; j++)
                word->step[at + j] = (uint32_t)i;
            at += RUN;
        } while (at < end);
        at = end;
    }
}

/* Takes the visit's tokens away, makes the table of the rest, and puts them back. */
INLINE int word_table(struct word *word, uint32_t tokens, const bool wide)
{
    const struct visit *visit = word->visit;
    int32_t n = 0;
    double tokens_of_rest = 0;
    for (int32_t i = 0; i < word->topics; i++) /* n_k without the visit's tokens, step one */
        word->rest[i] = (float)visit->total[word->topic[i]] - (float)(int32_t)word->count[word->topic[i]];
    for (uint32_t i = word->begin; i < word->begin + tokens; i++) {
        uint32_t topic = topic_of(visit, wide, i);
        if (topic >= (uint32_t)visit->topics || word->count[topic]-- == 0)
            return -1;
    }
    word->rest_mass = 0;
    for (int32_t i = 0; i < word->topics; i++) {
        uint32_t topic = word->topic[i];
        float rest = (float)(int32_t)word->count[topic];
        float weight = rest / (word->rest[i] + rest + visit->beta_sum);
        word->topic[n] = topic;
        word->place[topic] = (uint32_t)n;
        word->rest[n] = rest;
        word->weight[n] = weight;
        word->end[n] = word->rest_mass += (double)weight;
        tokens_of_rest += (double)rest;
        n += rest > 0;
    }
    word->topics = word->rests = n;
    word->other = n ? (float)(word->rest_mass / tokens_of_rest) : visit->inverse_mean;
    for (uint32_t i = word->begin; i < word->begin + tokens; i++) {
        uint32_t topic = topic_of(visit, wide, i);
        word->count[topic]++;
        word_list(word, topic);
    }
    word_index(word);
    return 0;
}

INLINE uint32_t word_propose(const struct word *word, double x, size_t i, const bool wide)
{
    const struct visit *visit = word->visit;
    if (x < word->rest_mass) {
        uint32_t at = word->step[(int32_t)(x * word->pace)], last = (uint32_t)word->rests - 1;
        while (at < last && word->end[at] <= x)
            at++;
        return word->topic[at];
    }
    x = (x - word->rest_mass) / (double)word->other;
    if (x < word->others) {
        size_t j = word->begin + (size_t)(int64_t)x;
        return topic_of(visit, wide, j + (j >= i));
    }
    x = (x - word->others) * (double)word->other / ((double)visit->beta * (double)visit->inverse_mean);
    return x < visit->topics ? (uint32_t)(int64_t)x : (uint32_t)visit->topics - 1;
}

/* q's second line without a. */
INLINE float word_weight(const struct word *word, uint32_t topic)
{
    int32_t at = word_find(word, topic);
    float others = (float)(int32_t)word->count[topic], weight = 0;
    if (at >= 0 && at < word->rests) {
        weight = word->weight[at];
        others -= word->rest[at];
    }
    return weight + others * word->other + word->visit->beta * word->visit->inverse_mean;
}

/* ---- a document ------------------------------------------------------------------------------------------ */

/* q's first line, slot by slot in `sum`; *last: the last of the sums, *slot: where `old` is, which has one
 * token too many; below 0: nowhere.  Not 0: there is a topic that cannot be. */
INLINE int document_weigh(const struct word *word, const struct list *list, uint32_t old, reals *last,
                          int32_t *slot, const bool wide)
{
    const struct visit *visit = word->visit;
    reals x = { 0 };
    whole fits = all_whole(-1);
    *slot = -1;
    for (int32_t i = 0; i < list->length; i += SIXTEEN) {
        whole topic, count;
        list_load(list, wide, i, &topic, &count);
        whole here = (topic >= 0) & (topic < all_whole(visit->topics));
        fits &= here;
        topic &= here;
        uint32_t own = take(topic, &count, (int32_t)old);
        *slot = own ? i + __builtin_ctz(own) : *slot;
        reals of_word = __builtin_convertvector(gather_whole(word->count, topic), reals) + all(visit->beta);
        x += __builtin_convertvector(count, reals) * gather(visit->inverse, topic) * of_word;
        store_reals(word->sum + i, x);
    }
    *last = x;
    return zeros(fits) ? -1 : 0;
}

/* n_dk without the token */
INLINE float document_count(const struct list *list, uint32_t topic, uint32_t old, int32_t slot, const bool wide)
{
    return slot < 0 ? 0 : (float)(int32_t)(list_count(list, wide, slot) - (topic == old));
}

/* ---- a token --------------------------------------------------------------------------------------------- */

INLINE struct choice choice_of(const struct word *word, float a, uint32_t topic, float in_document)
{
    const struct visit *visit = word->visit;
    float of_word = ((float)(int32_t)word->count[topic] + visit->beta) * visit->inverse[topic];
    float q = in_document * of_word + a * word_weight(word, topic);
    return (struct choice){ topic, (in_document + visit->alpha[topic]) * of_word / q };
}

/* Token i's new topic.  Its old one, at that slot, or none, still has it in the document and nowhere else. */
INLINE uint32_t token_draw(const struct word *word, const struct list *list, reals last, size_t i, uint32_t old,
                           int32_t slot, float a, const bool wide)
{
    const struct visit *visit = word->visit;
    uint64_t state = rondo_rng_u64(visit->seed, visit->round, visit->stream, visit->item + i - visit->token[0]);
    struct choice now = { old, 0 };
    if (old != NONE)
        now = choice_of(word, a, old, document_count(list, old, old, slot, wide));
    reals sum, running_sums = running(last, &sum);
    double document = (double)sum[0], all_mass = document + (double)a * word->mass;
    for (int32_t step = old == NONE ? -1 : 0; step < visit->steps; step++) {
        double u = unit(&state) * all_mass;
        uint32_t topic;
        if (u < document) {
            slot = pick(word->sum, (list->length + SIXTEEN - 1) / SIXTEEN, last, running_sums, (float)u);
            if (slot < 0)
                continue;
            topic = list_topic(list, wide, slot);
            if (topic == now.topic)
                continue;
        } else {
            topic = word_propose(word, (u - document) / (double)a, i, wide);
            if (topic == now.topic)
                continue;
            slot = list_find(list, wide, topic);
        }
        struct choice next = choice_of(word, a, topic, document_count(list, topic, old, slot, wide));
        if (now.topic == NONE || (float)unit(&state) * now.ratio < next.ratio)
            now = next;
    }
    return now.topic;
}

INLINE int visit_token(struct word *word, struct list *list, size_t i, float a, const bool wide)
{
    const struct visit *visit = word->visit;
    uint32_t old = NONE;
    int32_t slot;
    float inverse = 0;
    reals last;
    if (!visit->first) {
        old = topic_of(visit, wide, i);
        if (visit->total[old] < 1)
            return -1;
        inverse = visit->inverse[old];
        visit->inverse[old] = inverse_of(visit, visit->total[old] - 1);
        word->count[old]--;
    }
    if (document_weigh(word, list, old, &last, &slot, wide) || (slot < 0) != visit->first)
        return -1;
    uint32_t topic = token_draw(word, list, last, i, old, slot, a, wide);
    word->count[topic]++;
    if (topic == old) {
        visit->inverse[old] = inverse;
        return 0;
    }
    word_list(word, topic);
    if (old != NONE) {
        visit->total[old]--;
        list_close(list, wide, slot, list_less(list, wide, slot));
    }
    visit->inverse[topic] = inverse_of(visit, ++visit->total[topic]);
    topic_put(visit, wide, i, topic);
    return list_add(list, wide, topic);
}

/* ---- the visit ------------------------------------------------------------------------------------------- */

INLINE int visit_pairs(struct word *word, int32_t number, float a, const bool wide)
{
    const struct visit *visit = word->visit;
    uint32_t end = visit->pair[visit->words];
    double mass = word->rest_mass + visit->topics * (double)visit->beta * (double)visit->inverse_mean;
    size_t i = word->begin;
    for (uint32_t p = visit->pair[number]; p < visit->pair[number + 1]; p++) {
        if (p + AHEAD < end)
            prefetch_list(visit, visit->pairs[p + AHEAD].document);
        struct pair pair = visit->pairs[p];
        struct list list = list_of(visit, wide, pair.document);
        if (list.length < 0 || list.length > list.room || list.length > visit->topics)
            return -1;
        for (int c = 0; c < pair.count; c++, i++) {
            word->mass = mass + word->others * (double)word->other;
            if (visit_token(word, &list, i, a, wide))
                return -1;
            word->others += visit->first;
        }
        visit->documents.length[pair.document] = list.length;
    }
    return 0;
}

INLINE int visit_word(struct word *word, int32_t number, float a, const bool wide)
{
    const struct visit *visit = word->visit;
    struct owner owner = owner_of(visit, number);
    uint32_t tokens = visit->first ? 0 : visit->token[number + 1] - visit->token[number];
    word->begin = visit->token[number];
    word->others = tokens - (tokens > 0);
    if (word_read(word, &owner) || word_table(word, tokens, wide) || visit_pairs(word, number, a, wide))
        return -1;
    return word_write(word, &owner);
}

INLINE int visit_words(const struct visit *visit, const bool wide)
{
    size_t topics = (size_t)visit->topics + SIXTEEN;
    struct word word = { .visit = visit, .end = visit->scratch };
    word.count = (uint32_t *)(void *)(word.end + topics);
    word.topic = word.count + topics;
    word.place = word.topic + topics;
    word.step = word.place + topics;
    word.rest = (float *)(void *)(word.step + 2 * topics);
    word.weight = word.rest + topics;
    word.sum = word.weight + topics;
    memset(word.count, 0, sizeof *word.count * topics);
    float a = visit->uniform ? visit->alpha[0] : visit->alpha_mean;
    for (int32_t number = 0; number < visit->words; number++)
        if (visit_word(&word, number, a, wide))
            return -1;
    return 0;
}

int PASTE(lda_mh_, KERNEL_ISA)(const struct visit *visit)
{
    return visit->wide ? visit_words(visit, true) : visit_words(visit, false);
}
