/* histogram.c - small counts go to a table, large ones to the end of the list; the list is sorted at last. */
#include "histogram.h"

#include <rondo/flat.h>

#include <stdlib.h>

/* A table has a lane of cells for each topic, or a few for all: neighbours in memory go to different ones, as
 * one cell cannot be added to twice in a few cycles. */
enum { POOLED_LANES = 4, POOLED_WIDTH = 256 };

struct table {
    const struct rondo_host *host;
    struct rondo_buf *out;
    uint32_t group;  /* the first */
    uint32_t lanes;
    uint32_t mask;   /* a topic's lane is topic & mask */
    uint32_t width;  /* counts below it have a cell; a power of two */
    uint64_t *cells; /* [lanes x width]; those of count 0 are nobody's */
    bool pooled;     /* all topics are of the first group */
};

/* A megabyte where that gives every topic a few. */
static uint32_t width_by_topic(int32_t row)
{
    uint32_t width = 4;
    while (width < 32 && 2 * width * (uint32_t)row <= 1 << 17)
        width *= 2;
    return width;
}

static struct table table_of(const struct problem *problem, bool pooled, uint32_t group)
{
    struct table t = { .host = problem->host, .group = group, .pooled = pooled };
    t.lanes = pooled ? POOLED_LANES : (uint32_t)problem->row;
    t.mask = pooled ? POOLED_LANES - 1 : UINT32_MAX;
    t.width = pooled ? POOLED_WIDTH : width_by_topic(problem->row);
    return t;
}

static size_t table_bytes(const struct table *t)
{
    return (size_t)t->lanes * t->width * sizeof *t->cells;
}

/* One table at a time. */
size_t histogram_scratch_bytes(const struct problem *problem)
{
    struct table words = table_of(problem, true, 0), documents = table_of(problem, problem->uniform, 0);
    size_t a = table_bytes(&words), b = table_bytes(&documents);
    return a > b ? a : b;
}

static int put(struct table *t, uint32_t topic, uint64_t n, uint64_t number)
{
    const uint64_t group = t->pooled ? t->group : t->group + topic;
    const struct tally tally = { group << TALLY_BITS | n, number };
    return rondo_append(t->host, t->out, &tally, sizeof tally);
}

static inline int count(struct table *t, uint32_t topic, uint64_t n)
{
    if (n >= t->width)
        return put(t, topic, n, 1);
    t->cells[(size_t)(topic & t->mask) * t->width + n]++;
    return RONDO_OK;
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

/* Of four topics from a multiple of four on; many are 0. */
static inline int count_four(struct table *t, uint32_t topic, uint64_t n0, uint64_t n1, uint64_t n2, uint64_t n3)
{
    uint64_t *cell = t->cells + (size_t)(topic & t->mask) * t->width;
    if ((n0 | n1 | n2 | n3) < t->width) {
        cell[n0]++;
        cell[t->width + n1]++;
        cell[2 * t->width + n2]++;
        cell[3 * t->width + n3]++;
        return RONDO_OK;
    }
    int code = count(t, topic, n0);
    if (!code)
        code = count(t, topic + 1, n1);
    if (!code)
        code = count(t, topic + 2, n2);
    return code ? code : count(t, topic + 3, n3);
}

/* row: a multiple of 32. */
static int count_narrow_row(struct table *t, const uint16_t *n, int32_t row)
{
    int code = RONDO_OK;
    for (int32_t k = 0; k < row && !code; k += 4) {
        uint64_t four;
        memcpy(&four, n + k, sizeof four);
        if (four)
            code = count_four(t, (uint32_t)k, four & 0xffff, four >> 16 & 0xffff, four >> 32 & 0xffff, four >> 48);
    }
    return code;
}

static int count_wide_row(struct table *t, const uint32_t *n, int32_t row)
{
    int code = RONDO_OK;
    for (int32_t k = 0; k < row && !code; k += 4) {
        uint64_t two[2];
        memcpy(two, n + k, sizeof two);
        if (two[0] | two[1])
            code = count_four(t, (uint32_t)k, n[k], n[k + 1], n[k + 2], n[k + 3]);
    }
    return code;
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

static int count_list(struct table *t, const uint32_t *cell, int32_t length, bool wide)
{
    int code = RONDO_OK;
    for (int32_t i = 0; i < length && !code; i++) {
        uint32_t topic, times;
        slot_get(cell, i, wide, &topic, &times);
        code = count(t, topic, times);
    }
    return code;
}

/* ---- owners --------------------------------------------------------------------------------------------- */

static int count_tile(struct table *t, const struct problem *problem, const struct tile *tile,
                      const struct counts *counts)
{
    int code = RONDO_OK;
    lda_touch(problem, tile->at[tile->documents] * (int64_t)sizeof *counts->cells);
    for (int32_t i = 0; i < tile->documents && !code; i++) {
        const uint32_t *cell = counts->cells + counts->at[i];
        code = !problem->rows ? count_list(t, cell, counts->length[i], tile->wide)
               : tile->wide   ? count_wide_row(t, cell, problem->row)
                              : count_narrow_row(t, (const uint16_t *)(const void *)cell, problem->row);
    }
    return code;
}

static int count_documents(struct table *t, const struct histogram_source *source)
{
    const struct problem *problem = source->problem;
    int32_t first = problem->tile_first[source->shard_index];
    int code = RONDO_OK;
    for (int32_t i = first; i < problem->tile_first[source->shard_index + 1] && !code; i++)
        code = count_tile(t, problem, problem->tiles + i, source->shard->counts + (i - first));
    return code;
}

static int count_words(struct table *t, const struct histogram_source *source)
{
    const struct problem *problem = source->problem;
    const struct counts *counts = &source->block->counts;
    int64_t words = problem->block_first[source->block_index + 1] - problem->block_first[source->block_index];
    int code = RONDO_OK;
    for (int64_t i = 0; i < words && !code; i++) {
        const uint32_t *cell = counts->cells + counts->at[i];
        bool row = counts->at[i + 1] - counts->at[i] >= problem->row;
        code = row ? count_wide_row(t, cell, problem->row)
                   : count_list(t, cell, counts->length[i], problem->wide_words);
    }
    return code;
}

static int count_heavy(struct table *t, const struct histogram_source *source)
{
    const struct problem *problem = source->problem;
    int code = RONDO_OK;
    for (int32_t h = 0; h < problem->heavy && !code; h++)
        code = count_wide_row(t, source->heavy + (size_t)h * (size_t)problem->row, problem->row);
    return code;
}

/* ---- the list ------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct tally *)a)->key, y = ((const struct tally *)b)->key;
    return x < y ? -1 : x > y;
}

/* Sorts what stands in `out` from `at`, which is aligned, and adds up what has one key. */
static void tidy(struct rondo_buf *out, size_t at)
{
    struct tally *tally = (struct tally *)(void *)(out->data + at);
    size_t count = (out->size - at) / sizeof *tally, kept = 0;
    if (count)
        qsort(tally, count, sizeof *tally, by_key);
    for (size_t i = 0; i < count; i++)
        if (kept && tally[kept - 1].key == tally[i].key)
            tally[kept - 1].number += tally[i].number;
        else
            tally[kept++] = tally[i];
    out->size = at + kept * sizeof *tally;
}

static int put_cells(struct table *t)
{
    int code = RONDO_OK;
    for (uint32_t lane = 0; lane < t->lanes && !code; lane++)
        for (uint64_t n = 1; n < t->width && !code; n++)
            if (t->cells[(size_t)lane * t->width + n])
                code = put(t, lane, n, t->cells[(size_t)lane * t->width + n]);
    return code;
}

/* Appends what `counter` counts, sorted. */
static int append(struct table t, int (*counter)(struct table *table, const struct histogram_source *source),
                  const struct histogram_source *source, void *scratch, struct rondo_buf *out)
{
    const size_t before = out->size;
    t.cells = scratch;
    t.out = out;
    memset(scratch, 0, table_bytes(&t));
    int code = counter(&t, source);
    if (!code)
        code = put_cells(&t);
    if (!code)
        tidy(out, before);
    return code;
}

/* Words' rows and lists belong to one group, and heavy words to the same. */
static int count_all_words(struct table *t, const struct histogram_source *source)
{
    int code = source->block ? count_words(t, source) : RONDO_OK;
    return code || !source->heavy ? code : count_heavy(t, source);
}

int histogram_append(const struct histogram_source *source, void *scratch, struct rondo_buf *out)
{
    const struct problem *problem = source->problem;
    const size_t before = out->size;
    int code = append(table_of(problem, true, HISTOGRAM_WORDS), count_all_words, source, scratch, out);
    if (!code && source->shard)
        code = append(table_of(problem, problem->uniform, HISTOGRAM_DOCUMENTS), count_documents, source, scratch,
                      out);
    if (code)
        out->size = before;
    return code;
}

int histogram_lengths(const struct problem *problem, struct rondo_buf *out)
{
    const size_t before = out->size;
    int code = RONDO_OK;
    for (int64_t d = 0; d < problem->documents && !code; d++) {
        const struct tally tally = { (uint64_t)problem->document_tokens[d], 1 };
        if (tally_group(tally))
            code = RONDO_EINPUT;
        else if (tally.key)
            code = rondo_append(problem->host, out, &tally, sizeof tally);
    }
    if (code)
        out->size = before;
    else
        tidy(out, before);
    return code;
}

/* ---- lists from elsewhere ------------------------------------------------------------------------------- */

int histogram_check(const struct problem *problem, struct rondo_bytes bytes)
{
    const uint32_t last = HISTOGRAM_DOCUMENTS + (problem->uniform ? 0 : (uint32_t)problem->topics - 1);
    if (bytes.size % sizeof(struct tally))
        return RONDO_ESTATE;
    uint64_t before = 0;
    for (size_t i = 0; i < tally_count(bytes); i++) {
        struct tally tally = tally_at(bytes, i);
        if ((i && tally.key <= before) || tally_group(tally) > last || !tally_n(tally) || !tally.number ||
            tally.number > INT64_MAX)
            return RONDO_ESTATE;
        before = tally.key;
    }
    return RONDO_OK;
}

/* How many keys two lists have together.  RONDO_ESTATE: the numbers of one would pass 2^63. */
static int union_size(struct rondo_bytes a, struct rondo_bytes b, size_t *size)
{
    size_t i = 0, j = 0, m = tally_count(a), n = tally_count(b);
    for (*size = 0; i < m || j < n; ++*size) {
        uint64_t left = i < m ? tally_at(a, i).key : UINT64_MAX, right = j < n ? tally_at(b, j).key : UINT64_MAX;
        if (left == right && tally_at(a, i).number + tally_at(b, j).number > INT64_MAX)
            return RONDO_ESTATE;
        i += left <= right;
        j += right <= left;
    }
    return RONDO_OK;
}

int histogram_merge(const struct problem *problem, struct rondo_buf *sum, size_t at, struct rondo_bytes more)
{
    size_t size = 0, i, j = tally_count(more);
    struct rondo_bytes had = { sum->data + at, sum->size - at };
    int code = histogram_check(problem, more);
    if (!code)
        code = union_size(had, more, &size);
    if (!code)
        code = problem->host->reserve(sum, at + size * sizeof(struct tally));
    if (code)
        return code;
    had.data = sum->data + at;
    sum->size = at + size * sizeof(struct tally);
    /* From the end, so that nothing is written over before it is read. */
    for (i = tally_count(had); j;) {
        struct tally right = tally_at(more, j - 1), left = i ? tally_at(had, i - 1) : (struct tally){ 0, 0 };
        struct tally next = left.key > right.key ? left : right;
        if (left.key == right.key)
            next.number += left.number;
        i -= left.key >= right.key;
        j -= right.key >= left.key;
        memcpy(sum->data + at + --size * sizeof next, &next, sizeof next);
    }
    return RONDO_OK;
}

/* The first tally whose key is not below. */
static size_t lower_bound(struct rondo_bytes list, uint64_t key)
{
    size_t low = 0, high = tally_count(list);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tally_at(list, middle).key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct rondo_bytes histogram_group(struct rondo_bytes histogram, uint32_t group)
{
    size_t first = lower_bound(histogram, (uint64_t)group << TALLY_BITS);
    size_t end = lower_bound(histogram, ((uint64_t)group + 1) << TALLY_BITS);
    return (struct rondo_bytes){ (const unsigned char *)histogram.data + first * sizeof(struct tally),
                                 (end - first) * sizeof(struct tally) };
}
