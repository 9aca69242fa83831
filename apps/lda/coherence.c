/* coherence.c - top words, and in how many documents two of them meet.
 *
 * For a topic, every document of a tile has a mask with a bit for each top word that it has; the masks are
 * set, counted and cleared by going through the words' pairs twice, so that the cost is theirs alone.
 */
#include "coherence.h"

#include <math.h>
#include <string.h>

enum { PARTS_MOST = 64, RUN = 8192 /* bytes that one run of pairs brings with it */ };

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the topics' top words");
}

/* ---- top words ----------------------------------------------------------------------------------------- */

/* Words come ascending, so that an equal count goes behind. */
static void rank(int32_t n, int32_t *top, int32_t *most, int32_t word, int32_t count)
{
    if (count <= most[n - 1])
        return;
    int32_t i = n - 1;
    for (; i > 0 && most[i - 1] < count; i--) {
        most[i] = most[i - 1];
        top[i] = top[i - 1];
    }
    most[i] = count;
    top[i] = word;
}

int top_words(const struct view *view, int32_t n, int32_t *top, struct rondo_error *err)
{
    const struct problem *problem = view->problem;
    const struct rondo_host *host = problem->host;
    size_t topics = (size_t)problem->topics, all = topics * (size_t)n;
    int32_t *most = host->zalloc(all, sizeof *most);
    int32_t *topic = host->alloc(topics * sizeof *topic), *count = host->alloc(topics * sizeof *count);
    int code = most && topic && count ? RONDO_OK : no_memory(err);
    for (size_t i = 0; i < all; i++)
        top[i] = -1;
    for (int64_t w = 0; !code && w < problem->words; w++) {
        int32_t slots = view_word(view, w, topic, count);
        for (int32_t i = 0; i < slots; i++) {
            int64_t at = (int64_t)topic[i] * n;
            rank(n, top + at, most + at, (int32_t)w, count[i]);
        }
    }
    host->free(most);
    host->free(topic);
    host->free(count);
    return code;
}

/* ---- where they are in the corpus ---------------------------------------------------------------------- */

struct entry {
    int32_t tile, at; /* in tile->word */
};

struct places {
    const struct problem *problem;
    const int32_t *top; /* [topics x n] */
    int32_t n;
    int32_t tiles, widest; /* documents of the widest tile */
    int64_t needed;
    int32_t *number;      /* [words] of a word that is needed, from 0; else -1 */
    int64_t *first;       /* [needed + 1] */
    struct entry *entry;  /* [first[needed]] tiles ascending */
    int64_t parts;
    uint16_t *mask;       /* [parts x widest] all 0 */
    double *of_topic;     /* [topics] */
};

static int64_t number_words(struct places *places)
{
    const struct problem *problem = places->problem;
    int64_t all = (int64_t)problem->topics * places->n, needed = 0;
    for (int64_t w = 0; w < problem->words; w++)
        places->number[w] = -1;
    for (int64_t i = 0; i < all; i++)
        if (places->top[i] >= 0 && places->number[places->top[i]] < 0)
            places->number[places->top[i]] = (int32_t)needed++;
    return needed;
}

/* first[i + 1] counts word i's entries, or, the second time, they are written from first[i] on. */
static void visit_entries(struct places *places, struct entry *entry)
{
    const struct problem *problem = places->problem;
    for (int32_t t = 0; t < places->tiles; t++) {
        const struct tile *tile = problem->tiles + t;
        lda_touch(problem, tile->words * (int64_t)sizeof *tile->word);
        for (int32_t b = 0; b < problem->parts; b++) {
            const int32_t *block = problem->order + problem->block_first[b];
            for (int32_t e = tile->first[b]; e < tile->first[b + 1]; e++) {
                int32_t w = tile->word[e];
                int32_t number = places->number[w >= 0 ? block[w] : problem->heavy_word[~w]];
                if (number < 0)
                    continue;
                if (entry)
                    entry[places->first[number]++] = (struct entry){ t, e };
                else
                    places->first[number + 1]++;
            }
        }
    }
}

static int find_words(struct places *places, struct rondo_error *err)
{
    const struct problem *problem = places->problem;
    const struct rondo_host *host = problem->host;
    places->tiles = problem->tile_first[problem->parts];
    for (int32_t t = 0; t < places->tiles; t++)
        if (problem->tiles[t].documents > places->widest)
            places->widest = problem->tiles[t].documents;
    places->parts = problem->topics < PARTS_MOST ? problem->topics : PARTS_MOST;
    places->number = host->alloc((size_t)(problem->words + 1) * sizeof *places->number);
    places->mask = host->zalloc((size_t)(places->parts * places->widest) + 1, sizeof *places->mask);
    if (!places->number || !places->mask)
        return no_memory(err);
    places->needed = number_words(places);
    places->first = host->zalloc((size_t)places->needed + 1, sizeof *places->first);
    if (!places->first)
        return no_memory(err);
    visit_entries(places, NULL);
    for (int64_t i = 0; i < places->needed; i++)
        places->first[i + 1] += places->first[i];
    places->entry = host->alloc((size_t)(places->first[places->needed] + 1) * sizeof *places->entry);
    if (!places->entry)
        return no_memory(err);
    visit_entries(places, places->entry);
    memmove(places->first + 1, places->first, (size_t)places->needed * sizeof *places->first);
    places->first[0] = 0; /* each stood where the next begins */
    return RONDO_OK;
}

/* ---- a topic --------------------------------------------------------------------------------------------- */

typedef int64_t meetings[COHERENCE_MOST][COHERENCE_MOST]; /* [i][j], j <= i: documents with both */

/* Every set bit with itself and those below. */
static void tally(uint32_t mask, meetings both)
{
    for (uint32_t high = mask; high; high &= high - 1)
        for (uint32_t low = mask & (high ^ (high - 1)); low; low &= low - 1)
            both[__builtin_ctz(high)][__builtin_ctz(low)]++;
}

/* The pairs of a topic's m words, tile by tile. */
static void meet(const struct places *places, const int32_t *top, int32_t m, uint16_t *mask, meetings both)
{
    int64_t next[COHERENCE_MOST], end[COHERENCE_MOST];
    for (int32_t i = 0; i < m; i++) {
        next[i] = places->first[places->number[top[i]]];
        end[i] = places->first[places->number[top[i]] + 1];
    }
    for (int32_t t = 0; t < places->tiles; t++) {
        const struct tile *tile = places->problem->tiles + t;
        for (int32_t i = 0; i < m; i++) {
            if (next[i] == end[i] || places->entry[next[i]].tile != t)
                continue;
            int32_t e = places->entry[next[i]].at;
            lda_touch(places->problem, RUN + (int64_t)(tile->pair[e + 1] - tile->pair[e]) * (int64_t)sizeof *tile->pairs);
            for (uint32_t p = tile->pair[e]; p < tile->pair[e + 1]; p++)
                mask[tile->pairs[p].document] |= (uint16_t)(1u << i);
        }
        for (int32_t i = 0; i < m; i++) {
            if (next[i] == end[i] || places->entry[next[i]].tile != t)
                continue;
            int32_t e = places->entry[next[i]++].at;
            for (uint32_t p = tile->pair[e]; p < tile->pair[e + 1]; p++) {
                uint16_t *of = mask + tile->pairs[p].document;
                tally(*of, both);
                *of = 0;
            }
        }
    }
}

static double npmi(double both, double one, double other, double documents)
{
    if (both == 0)
        return -1;
    return both == documents ? 1 : log(both * documents / (one * other)) / log(documents / both);
}

static int judge_part(void *context, int64_t part)
{
    const struct places *places = context;
    const struct problem *problem = places->problem;
    int64_t lo = problem->topics * part / places->parts, hi = problem->topics * (part + 1) / places->parts;
    for (int64_t k = lo; k < hi; k++) {
        const int32_t *top = places->top + k * places->n;
        meetings both = { { 0 } };
        double sum = 0;
        int32_t m = 0;
        while (m < places->n && top[m] >= 0)
            m++;
        meet(places, top, m, places->mask + part * places->widest, both);
        for (int32_t i = 0; i < m; i++)
            for (int32_t j = 0; j < i; j++)
                sum += npmi((double)both[i][j], (double)both[i][i], (double)both[j][j], (double)problem->documents);
        places->of_topic[k] = m > 1 ? 2 * sum / (m * (m - 1)) : 0;
    }
    return RONDO_OK;
}

int coherence(const struct view *view, const int32_t *top, int32_t n, double *of_topic, double *mean,
              struct rondo_error *err)
{
    const struct problem *problem = view->problem;
    const struct rondo_host *host = problem->host;
    struct places places = { .problem = problem, .top = top, .n = n };
    double sum = 0, judged = 0;
    int code = find_words(&places, err);
    double *own = of_topic ? NULL : host->alloc((size_t)problem->topics * sizeof *own);
    places.of_topic = of_topic ? of_topic : own;
    if (!code && !places.of_topic)
        code = no_memory(err);
    if (!code)
        code = host->each(problem->job, places.parts, judge_part, &places);
    for (int32_t k = 0; !code && k < problem->topics; k++)
        if (n > 1 && top[(int64_t)k * n + 1] >= 0) {
            sum += places.of_topic[k];
            judged++;
        }
    *mean = judged > 0 ? sum / judged : 0;
    void *owned[] = { places.number, places.first, places.entry, places.mask, own };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        host->free(owned[i]);
    return code;
}
