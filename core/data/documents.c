#include "core/data/documents.h"

#include "core/base/mem.h"
#include "core/data/matrix.h"
#include "core/data/normals.h"
#include "core/data/readers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Streams of rng.h.  Rounds are topics in the first, documents in the others. */
enum { TOPICS = 107, SHARES, LENGTHS, TOKENS };
enum { WORDS_MOST = 1 << 24, TOPICS_MOST = 1 << 20 };

/* Draws of one place, one after the other. */
struct draws {
    uint64_t seed;
    int64_t place, item;
    uint32_t stream;
};

struct making {
    const struct documents_recipe *recipe;
    int64_t topics;
    double *truth;    /* [topics x words] column-major */
    double *phi;      /* [topics x words] row-major: sums of a topic's shares up to each word */
    double *theta;    /* [topics] the sums of a document's */
    int32_t *count;   /* [words] of a document; 0 between documents */
    int64_t *touched; /* [words] */
};

/* Above 0, at most 1. */
static double unit(struct draws *draws)
{
    return normals_unit(rondo_rng_u64(draws->seed, (uint64_t)draws->place, draws->stream, (uint64_t)draws->item++));
}

static double normal(struct draws *draws)
{
    return normals_at(draws->seed, draws->place, draws->stream, draws->item++).a;
}

/* The logarithm of a Gamma(shape, 1) (Marsaglia, Tsang, ACM TOMS 26, 2000).  Below 1 by
 * Gamma(a) = Gamma(a + 1) U^(1/a), which as a number may be 0 for every topic. */
static double log_gamma(struct draws *draws, double shape)
{
    double more = shape < 1 ? log(unit(draws)) / shape : 0;
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(draws), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(unit(draws)) < 0.5 * x * x + d - d * v + d * log(v))
            return log(d * v) + more;
    }
}

/* Shares of one, from log_gammas of a Dirichlet's shapes. */
static void to_shares(double *share, int64_t count)
{
    double most = share[0], sum = 0;
    for (int64_t i = 1; i < count; i++)
        most = share[i] > most ? share[i] : most;
    for (int64_t i = 0; i < count; i++)
        sum += share[i] = exp(share[i] - most);
    for (int64_t i = 0; i < count; i++)
        share[i] /= sum;
}

/* The sums of shares up to each, the last one 1. */
static void to_sums(double *share, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        share[i] = sum += share[i];
    for (int64_t i = 0; i < count; i++)
        share[i] /= sum;
}

/* The first whose sum is u or more, 0 < u <= 1. */
static int64_t pick(const double *sum, int64_t count, double u)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sum[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- topics ------------------------------------------------------------------------------------- */

static int64_t side_of(const struct documents_recipe *recipe)
{
    return (int64_t)llround(sqrt((double)recipe->words));
}

int64_t documents_topics(const struct documents_recipe *recipe)
{
    return recipe->design == DOCUMENTS_BARS ? 2 * side_of(recipe) : recipe->topics;
}

void documents_name(const struct documents_recipe *recipe, int64_t word, char out[DOCUMENTS_NAME])
{
    int64_t side = side_of(recipe);
    if (recipe->design == DOCUMENTS_BARS)
        snprintf(out, DOCUMENTS_NAME, "r%" PRId64 "c%" PRId64, word / side, word % side);
    else
        snprintf(out, DOCUMENTS_NAME, "w%06" PRId64, word);
}

/* Row k, or column k - side. */
static void make_bar(const struct documents_recipe *r, int64_t k, double *phi)
{
    int64_t side = side_of(r);
    for (int64_t w = 0; w < r->words; w++)
        phi[w] = (k < side ? w / side == k : w % side == k - side) ? 1 / (double)side : 0;
}

static void make_zipf(const struct documents_recipe *r, int64_t k, double *phi)
{
    struct draws draws = { .seed = r->seed, .place = k, .stream = TOPICS };
    double harmonic = 0;
    for (int64_t w = r->words; w > 0; w--)
        harmonic += 1 / (double)w;
    for (int64_t w = 0; w < r->words; w++)
        phi[w] = log_gamma(&draws, r->beta * (double)r->words / ((double)(w + 1) * harmonic));
    to_shares(phi, r->words);
}

static void make_topic(const struct making *m, int64_t k)
{
    const struct documents_recipe *r = m->recipe;
    double *phi = m->phi + k * r->words;
    (r->design == DOCUMENTS_BARS ? make_bar : make_zipf)(r, k, phi);
    for (int64_t w = 0; w < r->words; w++)
        m->truth[k + w * m->topics] = phi[w];
    to_sums(phi, r->words);
}

/* ---- documents ---------------------------------------------------------------------------------- */

/* Poisson: the arrivals within `mean`, one after an exponential wait. */
static int64_t draw_length(const struct documents_recipe *r, int64_t document)
{
    struct draws draws = { .seed = r->seed, .place = document, .stream = LENGTHS };
    int64_t length = 0;
    for (double at = -log(unit(&draws)); at <= r->tokens; at -= log(unit(&draws)))
        length++;
    return length;
}

/* Counts the document's words; returns how many of them are in m->touched. */
static int64_t draw_document(struct making *m, int64_t document)
{
    const struct documents_recipe *r = m->recipe;
    struct draws shares = { .seed = r->seed, .place = document, .stream = SHARES };
    struct draws draws = { .seed = r->seed, .place = document, .stream = TOKENS };
    for (int64_t k = 0; k < m->topics; k++)
        m->theta[k] = log_gamma(&shares, r->alpha);
    to_shares(m->theta, m->topics);
    to_sums(m->theta, m->topics);
    int64_t distinct = 0;
    for (int64_t left = draw_length(r, document); left > 0; left--) {
        int64_t topic = pick(m->theta, m->topics, unit(&draws));
        int64_t word = pick(m->phi + topic * r->words, r->words, unit(&draws));
        if (m->count[word]++ == 0)
            m->touched[distinct++] = word;
    }
    return distinct;
}

static int count(struct making *m, struct matrix_counts *counts)
{
    int code = matrix_counts_init(counts);
    for (int64_t i = 0; i < m->recipe->documents && !code; i++)
        for (int64_t left = draw_document(m, i); left-- > 0 && !code;) {
            m->count[m->touched[left]] = 0;
            code = matrix_count(counts, m->touched[left]);
        }
    return code;
}

static void fill(struct making *m, struct matrix_sparse *x)
{
    for (int64_t i = 0; i < m->recipe->documents; i++)
        for (int64_t left = draw_document(m, i); left-- > 0; m->count[m->touched[left]] = 0)
            (void)matrix_put(x, i, m->touched[left], m->count[m->touched[left]]);
}

/* A document is drawn twice rather than held. */
static int make_documents(struct making *m, struct data_set *set, struct rondo_error *err)
{
    struct matrix_counts counts = { 0 };
    struct matrix_sparse x = { 0 };
    int code = count(m, &counts);
    if (code)
        rondo_error_set(err, code, NULL, NULL, "out of memory");
    else
        code = matrix_counts_settle(&counts, m->recipe->words, "", err);
    if (!code)
        code = matrix_sparse_begin(&x, &counts, m->recipe->documents, m->recipe->words, "", err);
    if (!code) {
        fill(m, &x);
        code = matrix_sparse_end(&x, &set->x, "", err);
    }
    matrix_counts_fini(&counts);
    matrix_sparse_fini(&x);
    return code;
}

/* ---- the door ------------------------------------------------------------------------------------ */

static int check(const struct documents_recipe *r, struct rondo_error *err)
{
    bool bars = r->design == DOCUMENTS_BARS;
    int64_t side = r->words >= 4 && r->words <= WORDS_MOST ? side_of(r) : 0;
    const struct {
        const char *name, *range;
        bool good;
    } rules[] = {
        { "documents", "from 1 to 2147483647", r->documents >= 1 && r->documents <= MATRIX_ROWS_MAX },
        { "words", bars ? "a square from 4 to 16777216" : "from 1 to 16777216",
          bars ? side > 0 && side * side == r->words : r->words >= 1 && r->words <= WORDS_MOST },
        { "topics", "from 1 to 1048576", bars || (r->topics >= 1 && r->topics <= TOPICS_MOST) },
        { "tokens", "above 0, at most 1e9", r->tokens > 0 && r->tokens <= 1e9 },
        { "alpha", "above 0, at most 1e6", r->alpha > 0 && r->alpha <= 1e6 },
        { "beta", "above 0, at most 1e6", bars || (r->beta > 0 && r->beta <= 1e6) },
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (!rules[i].good)
            return rondo_error_set(err, RONDO_EINPUT, rules[i].name, NULL, "must be %s", rules[i].range);
    return matrix_enough_memory(2 * (size_t)documents_topics(r) * (size_t)r->words * sizeof(double), "", err);
}

int documents_generate(const struct documents_recipe *recipe, struct data_set **set, double **topics,
                       struct rondo_error *err)
{
    int code = check(recipe, err);
    if (code)
        return code;
    size_t words = (size_t)recipe->words, many = (size_t)documents_topics(recipe);
    struct making m = { .recipe = recipe, .topics = (int64_t)many,
                        .truth = mem_alloc(many * words * sizeof *m.truth),
                        .phi = mem_alloc(many * words * sizeof *m.phi),
                        .theta = mem_alloc(many * sizeof *m.theta),
                        .count = mem_calloc(words, sizeof *m.count),
                        .touched = mem_alloc(words * sizeof *m.touched) };
    struct data_set *made = mem_calloc(1, sizeof *made);
    if (!m.truth || !m.phi || !m.theta || !m.count || !m.touched || !made)
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
    for (int64_t k = 0; k < m.topics && !code; k++)
        make_topic(&m, k);
    if (!code)
        code = make_documents(&m, made, err);
    if (!code) {
        made->info.compression = stream_coding_name(STREAM_PLAIN);
        data_describe(made);
        *set = made;
        *topics = m.truth;
        made = NULL;
        m.truth = NULL;
    }
    data_free(made);
    mem_free(m.truth);
    mem_free(m.phi);
    mem_free(m.theta);
    mem_free(m.count);
    mem_free(m.touched);
    return code;
}
