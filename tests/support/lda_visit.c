#include "tests/support/lda_visit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OWN, HEAVY, DOCUMENTS };

/* Zeros, and one line that nobody has asked for, so that vectors may read to the end of theirs. */
static void *allot(struct lda_small *small, size_t bytes)
{
    void *at = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    if (!at || small->blocks == 24)
        abort();
    return small->block[small->blocks++] = memset(at, 0, (bytes + 63) / 64 * 64 + 64);
}

static int64_t lines(int64_t cells)
{
    return (cells + 15) / 16 * 16;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_first(const struct lda_small *small, int64_t word)
{
    return small->options.count > 0 && word == small->options.entries[0].word;
}

static void counts_begin(struct lda_small *small, int which, struct counts *counts, int64_t owners,
                         const int64_t *at)
{
    counts->at = at;
    counts->length = allot(small, 4 * (size_t)owners);
    small->cell_count[which] = at[owners];
    small->cells[which] = counts->cells = allot(small, 4 * (size_t)at[owners]);
}

static int64_t tokens_of_word(const struct lda_options *o, int64_t w)
{
    int64_t tokens = 0;
    for (int32_t i = 0; i < o->count; i++)
        tokens += o->entries[i].word == w ? o->entries[i].count : 0;
    return tokens;
}

/* A list of a word takes fewer cells than a row would, and whole lines, with room for counts that a test
 * adds.  Where its tokens may not fit, it is a row. */
static int64_t word_cells(const struct lda_small *small, int64_t w)
{
    const struct lda_options *o = &small->options;
    int64_t row = small->visit.row, width = o->wide_words ? 2 : 1;
    bool row_asked = o->kind == LDA_WORD_ROWS && is_first(small, w);
    if (row_asked || least(o->topics, tokens_of_word(o, w)) * width > row - 16)
        return row;
    return least(lines(o->topics * width), row - 16);
}

static void places(struct lda_small *small)
{
    const struct lda_options *o = &small->options;
    struct visit *v = &small->visit;
    int64_t *own = allot(small, 8 * ((size_t)o->words + 1)), *document = allot(small, 8 * ((size_t)o->documents + 1));
    int64_t *heavy = allot(small, 2 * 8);
    for (int64_t w = 0; w < o->words; w++)
        own[w + 1] = own[w] + word_cells(small, w);
    heavy[1] = v->row;
    for (int64_t d = 0; d < o->documents; d++) {
        int64_t cells = o->rows ? (o->wide ? v->row : v->row / 2) : o->topics * (o->wide ? 2 : 1);
        document[d + 1] = document[d] + cells;
    }
    counts_begin(small, OWN, &v->own, o->words, own);
    counts_begin(small, HEAVY, &v->heavy, 1, heavy);
    counts_begin(small, DOCUMENTS, &v->documents, o->documents, document);
}

static void tokens_begin(struct lda_small *small)
{
    const struct lda_options *o = &small->options;
    struct visit *v = &small->visit;
    int32_t *word = allot(small, 4 * (size_t)o->count);
    uint32_t *pair = allot(small, 4 * ((size_t)o->count + 1)), *token = allot(small, 4 * ((size_t)o->count + 1));
    struct pair *pairs = allot(small, sizeof *pairs * (size_t)o->count);
    for (int32_t i = 0; i < o->count; i++) {
        int32_t w = o->entries[i].word;
        if (i == 0 || w != o->entries[i - 1].word) {
            pair[v->words] = (uint32_t)i;
            token[v->words] = (uint32_t)small->tokens;
            word[v->words++] = o->kind == LDA_WORD_HEAVY && is_first(small, w) ? ~0 : w;
        }
        pairs[i] = (struct pair){ (uint16_t)o->entries[i].document, (uint16_t)o->entries[i].count };
        small->tokens += o->entries[i].count;
    }
    pair[v->words] = (uint32_t)o->count;
    token[v->words] = (uint32_t)small->tokens;
    v->word = word;
    v->pair = pair;
    v->token = token;
    v->pairs = pairs;
    v->z = allot(small, (o->wide ? 4 : 2) * (size_t)small->tokens);
}

void lda_small_init(struct lda_small *small, const struct lda_options *options)
{
    *small = (struct lda_small){ .options = *options };
    const struct lda_options *o = &small->options;
    struct visit *v = &small->visit;
    *v = (struct visit){ .topics = o->topics, .row = (o->topics + 31) / 32 * 32, .uniform = o->uniform,
                         .beta = o->beta, .beta_sum = o->beta * (float)o->words, .wide_words = o->wide_words,
                         .most = o->topics, .rows = o->rows, .wide = o->wide, .first = true, .steps = 2,
                         .seed = 1, .stream = 256 };
    float *alpha = allot(small, 4 * (size_t)v->row);
    memcpy(alpha, o->alpha, 4 * (size_t)o->topics);
    v->alpha = alpha;
    for (int32_t k = 0; k < o->topics; k++)
        v->alpha_mean += alpha[k] / (float)o->topics;
    v->inverse_mean = 0.01f;
    v->total = allot(small, 8 * (size_t)v->row);
    v->inverse = allot(small, 4 * (size_t)v->row);
    for (int32_t k = 0; k < o->topics; k++)
        v->inverse[k] = 1 / v->beta_sum;
    v->scratch = allot(small, lda_scratch_bytes(v->topics, v->row));
    memset(v->scratch, 0xa5, lda_scratch_bytes(v->topics, v->row));
    places(small);
    tokens_begin(small);
}

void lda_small_fini(struct lda_small *small)
{
    for (int i = 0; i < small->blocks; i++)
        free(small->block[i]);
}

/* ---- looking at it, and changing it ------------------------------------------------------------------- */

uint32_t lda_small_z(const struct lda_small *small, int64_t token)
{
    return small->options.wide ? ((uint32_t *)small->visit.z)[token] : ((uint16_t *)small->visit.z)[token];
}

void lda_small_z_put(struct lda_small *small, int64_t token, uint32_t topic)
{
    if (small->options.wide)
        ((uint32_t *)small->visit.z)[token] = topic;
    else
        ((uint16_t *)small->visit.z)[token] = (uint16_t)topic;
}

/* An owner of either kind, seen alike. */
struct view {
    uint32_t *cells;
    int32_t *length; /* NULL: a row */
    bool wide, half; /* slots of 64 bits; counts of 16 bits */
    int32_t row;
};

static struct view view_of(const struct counts *counts, int64_t i, bool row, bool wide, bool half, int32_t width)
{
    return (struct view){ counts->cells + counts->at[i], row ? NULL : counts->length + i, wide, half, width };
}

static struct view view_document(const struct lda_small *small, int64_t d)
{
    const struct lda_options *o = &small->options;
    return view_of(&small->visit.documents, d, o->rows, o->wide, !o->wide, small->visit.row);
}

static struct view view_word(const struct lda_small *small, int64_t w)
{
    const struct lda_options *o = &small->options;
    if (o->kind == LDA_WORD_HEAVY && is_first(small, w))
        return view_of(&small->visit.heavy, 0, true, false, false, small->visit.row);
    const int64_t *at = small->visit.own.at + w;
    return view_of(&small->visit.own, w, at[1] - at[0] >= small->visit.row, o->wide_words, false, small->visit.row);
}

static uint64_t slot(const struct view *view, int32_t i)
{
    uint64_t wide;
    if (!view->wide)
        return (uint64_t)(view->cells[i] >> 16) << 32 | (view->cells[i] & 0xffff);
    memcpy(&wide, view->cells + 2 * i, sizeof wide);
    return wide;
}

static void slot_put(const struct view *view, int32_t i, uint64_t topic, uint64_t count)
{
    uint64_t wide = topic << 32 | count;
    if (view->wide)
        memcpy(view->cells + 2 * i, &wide, sizeof wide);
    else
        view->cells[i] = (uint32_t)(topic << 16 | count);
}

static uint32_t view_count(const struct view *view, int32_t topic)
{
    if (!view->length)
        return view->half ? (view->cells[topic / 2] >> 16 * (topic % 2)) & 0xffff : view->cells[topic];
    uint32_t count = 0;
    for (int32_t i = 0; i < *view->length; i++)
        count += slot(view, i) >> 32 == (uint64_t)topic ? (uint32_t)slot(view, i) : 0;
    return count;
}

static void view_add(const struct view *view, int32_t topic, uint32_t n)
{
    if (!view->length) {
        if (view->half)
            view->cells[topic / 2] += n << 16 * (topic % 2);
        else
            view->cells[topic] += n;
        return;
    }
    int32_t i = 0;
    while (i < *view->length && slot(view, i) >> 32 != (uint64_t)topic)
        i++;
    slot_put(view, i, (uint64_t)topic, (i < *view->length ? (uint32_t)slot(view, i) : 0) + n);
    *view->length += i == *view->length;
}

uint32_t lda_small_document(const struct lda_small *small, int64_t document, int32_t topic)
{
    struct view view = view_document(small, document);
    return view_count(&view, topic);
}

uint32_t lda_small_word(const struct lda_small *small, int64_t word, int32_t topic)
{
    struct view view = view_word(small, word);
    return view_count(&view, topic);
}

void lda_small_document_add(struct lda_small *small, int64_t document, int32_t topic, uint32_t n)
{
    struct view view = view_document(small, document);
    view_add(&view, topic, n);
}

void lda_small_word_add(struct lda_small *small, int64_t word, int32_t topic, uint32_t n)
{
    struct view view = view_word(small, word);
    view_add(&view, topic, n);
}

void lda_small_total_add(struct lda_small *small, int32_t topic, int64_t n)
{
    small->visit.total[topic] += n;
    small->visit.inverse[topic] = 1 / ((float)small->visit.total[topic] + small->visit.beta_sum);
}

/* ---- what is true of it ------------------------------------------------------------------------------- */

static const char *view_wrong(const struct view *view, int32_t topics)
{
    if (!view->length) {
        for (int32_t k = topics; k < view->row; k++)
            if (view_count(view, k) != 0)
                return "a count beyond the topics";
        return NULL;
    }
    for (int32_t i = 0; i < *view->length; i++)
        if (slot(view, i) >> 32 >= (uint64_t)topics || (uint32_t)slot(view, i) == 0 ||
            (uint32_t)slot(view, i) != view_count(view, (int32_t)(slot(view, i) >> 32)))
            return "a slot that should not be";
    return NULL;
}

static const char *owners_wrong(const struct lda_small *small, int64_t owners, bool words)
{
    const struct lda_options *o = &small->options;
    int64_t *truth = calloc((size_t)(owners * o->topics + 1), sizeof *truth);
    const char *wrong = NULL;
    for (int64_t i = 0, t = 0; i < o->count; i++)
        for (int32_t c = 0; c < o->entries[i].count; c++, t++) {
            uint32_t k = lda_small_z(small, t);
            if (k >= (uint32_t)o->topics)
                wrong = "a topic beyond the last";
            else
                truth[(words ? o->entries[i].word : o->entries[i].document) * o->topics + (int64_t)k]++;
        }
    for (int64_t i = 0; i < owners && !wrong; i++) {
        struct view view = words ? view_word(small, i) : view_document(small, i);
        wrong = view_wrong(&view, o->topics);
        for (int32_t k = 0; k < o->topics && !wrong; k++)
            if (view_count(&view, k) != truth[i * o->topics + k])
                wrong = words ? "a word's count" : "a document's count";
    }
    free(truth);
    return wrong;
}

const char *lda_small_wrong(const struct lda_small *small)
{
    const struct visit *v = &small->visit;
    const char *wrong = owners_wrong(small, small->options.documents, false);
    if (!wrong)
        wrong = owners_wrong(small, small->options.words, true);
    for (int32_t k = 0; k < v->row && !wrong; k++) {
        int64_t n = 0;
        for (int64_t t = 0; t < small->tokens; t++)
            n += lda_small_z(small, t) == (uint32_t)k;
        if (n != v->total[k])
            wrong = "a total";
        float inverse = k < v->topics ? 1 / ((float)n + v->beta_sum) : 0;
        if (fabsf(inverse - v->inverse[k]) > 1e-6f * inverse)
            wrong = "an inverse";
    }
    return wrong;
}

double lda_chi_square(const double *p, const int64_t *drawn, int64_t cells, int64_t draws)
{
    double sum = 0, rest = 0, expected = 0;
    int64_t free = -1;
    for (int64_t i = 0; i < cells; i++) {
        double e = p[i] * (double)draws;
        if (!(p[i] > 0) && drawn[i] > 0)
            return 1000;
        if (e >= 5) {
            sum += ((double)drawn[i] - e) * ((double)drawn[i] - e) / e;
            free++;
        } else {
            rest += (double)drawn[i];
            expected += e;
        }
    }
    if (expected >= 5) {
        sum += (rest - expected) * (rest - expected) / expected;
        free++;
    }
    if (free < 1)
        return 0;
    double f = (double)free, spread = 2 / (9 * f);
    return (cbrt(sum / f) - (1 - spread)) / sqrt(spread);
}

/* ---- the posterior ------------------------------------------------------------------------------------ */

/* Up to a constant, the probability of the topics given the words. */
static double tiny_joint(uint32_t state, const struct lda_options *options)
{
    int document[LDA_TINY][2] = { { 0 } }, word[LDA_TINY][2] = { { 0 } }, total[2] = { 0 };
    for (int i = 0, t = 0; i < options->count; i++)
        for (int c = 0; c < options->entries[i].count; c++, t++) {
            int k = state >> t & 1;
            document[options->entries[i].document][k]++;
            word[options->entries[i].word][k]++;
            total[k]++;
        }
    double log = 0, beta = (double)options->beta;
    for (int k = 0; k < 2; k++) {
        for (int64_t d = 0; d < options->documents; d++)
            log += lgamma((double)options->alpha[k] + document[d][k]);
        for (int64_t w = 0; w < options->words; w++)
            log += lgamma(beta + word[w][k]);
        log -= lgamma((double)options->words * beta + total[k]);
    }
    return exp(log);
}

static uint32_t tiny_state(const struct lda_small *small)
{
    uint32_t state = 0;
    for (int64_t t = 0; t < small->tokens; t++)
        state |= lda_small_z(small, t) << t;
    return state;
}

double lda_tiny_off(const struct lda_options *options, int (*sampler)(const struct visit *), int32_t steps,
                    int draws)
{
    static double p[1 << LDA_TINY];
    static int64_t drawn[1 << LDA_TINY];
    enum { THINNED = 8 };
    struct lda_small small;
    lda_small_init(&small, options);
    uint32_t states = 1u << small.tokens;
    small.visit.steps = steps;
    double sum = 0;
    for (uint32_t s = 0; s < states; s++) {
        sum += p[s] = tiny_joint(s, options);
        drawn[s] = 0;
    }
    for (uint32_t s = 0; s < states; s++)
        p[s] /= sum;
    bool good = true;
    for (int i = 0; i < draws && good; i++) {
        for (int j = 0; j < THINNED && good; j++) {
            good = sampler(&small.visit) == 0;
            small.visit.item += (uint64_t)small.tokens;
            small.visit.first = false;
        }
        uint32_t state = tiny_state(&small);
        good = good && state < states; /* a third topic is none */
        drawn[good ? state : 0]++;
    }
    lda_small_fini(&small);
    return good ? lda_chi_square(p, drawn, states, draws) : -1;
}
