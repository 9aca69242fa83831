/* lda_kernel.c - the kernels of apps/lda alone, on one thread: no cut in blocks, no rounds.
 *
 *     zcat docword.NAME.txt.gz | bench/lda_kernel TOPICS SWEEPS [ISA [TILE_BYTES [STEPS]]]
 *
 * alpha = 50/TOPICS, beta = 0.01; STEPS above 0: Metropolis-Hastings.  Says tokens/s and the joint
 * log-likelihood per token, sweep by sweep, and beside the last ten, and the best after the first, the rate
 * at which this machine reads lines at random, four for a token, from as many bytes as the counts have.
 * SWEEPS 0: only the bytes of the counts, that rate of one thread and of two, and so multiply-adds a second. */
#include "apps/lda/kernel.h"
#include "bench/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LATE = 10, LINE = 64, LINES_A_TOKEN = 4 };

struct entry {
    int32_t document, word, count;
};

struct corpus {
    int64_t documents, words, entries, tokens;
    struct entry *entry;
    int64_t *length; /* [documents] tokens */
    int64_t *often;  /* [words] tokens */
};

struct tile {
    struct visit visit;
    int64_t first, tokens; /* document; tokens */
};

struct bench {
    struct corpus corpus;
    int32_t topics, row;
    bool rows, mh;
    size_t tile_bytes, count_bytes;
    struct counts own;
    int64_t *total;
    float *alpha, *inverse;
    struct tile *tile;
    int tiles;
};

static void *room(size_t bytes)
{
    size_t whole = (bytes + 2 * LINE) / LINE * LINE; /* counts.h: a line behind the last cell may be read */
    void *at = aligned_alloc(LINE, whole);
    if (at == NULL)
        abort();
    return memset(at, 0, whole);
}

static struct corpus corpus_read(FILE *in)
{
    struct corpus corpus = { 0 };
    long long d, w, n;
    if (fscanf(in, "%lld %lld %lld", &d, &w, &n) != 3)
        abort();
    corpus.documents = d;
    corpus.words = w;
    corpus.entry = room(sizeof *corpus.entry * (size_t)n);
    corpus.length = room(8 * (size_t)d);
    corpus.often = room(8 * (size_t)w);
    for (; corpus.entries < n; corpus.entries++) {
        struct entry *e = &corpus.entry[corpus.entries];
        if (fscanf(in, "%d %d %d", &e->document, &e->word, &e->count) != 3 || --e->document >= d ||
            --e->word >= w || e->document < 0 || e->word < 0 || e->count < 1 || e->count > UINT16_MAX)
            abort();
        corpus.length[e->document] += e->count;
        corpus.often[e->word] += e->count;
        corpus.tokens += e->count;
    }
    return corpus;
}

/* ---- the counts, and the tiles ------------------------------------------------------------------------ */

static int64_t document_cells(const struct bench *bench, int64_t d)
{
    int64_t length = bench->corpus.length[d];
    if (bench->rows)
        return bench->row / 2;
    return length < bench->topics ? length : bench->topics;
}

static void words_begin(struct bench *bench)
{
    const struct corpus *corpus = &bench->corpus;
    int64_t *at = room(8 * ((size_t)corpus->words + 1));
    for (int64_t w = 0; w < corpus->words; w++)
        at[w + 1] = at[w] + (corpus->often[w] < bench->topics ? (corpus->often[w] + 15) / 16 * 16 : bench->row);
    bench->own = (struct counts){ .at = at, .length = room(4 * (size_t)corpus->words),
                                  .cells = room(4 * (size_t)at[corpus->words]) };
    bench->count_bytes += 4 * (size_t)at[corpus->words];
}

static int by_word(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->word != y->word ? (x->word < y->word ? -1 : 1) : (x->document > y->document) - (x->document < y->document);
}

/* Documents first .. last - 1, whose entries are e[0] .. e[many - 1]. */
static void tile_make(struct bench *bench, int64_t first, int64_t last, struct entry *e, int64_t many)
{
    qsort(e, (size_t)many, sizeof *e, by_word);
    int32_t *word = room(4 * (size_t)many);
    uint32_t *pair = room(4 * ((size_t)many + 1)), *token = room(4 * ((size_t)many + 1));
    struct pair *pairs = room(sizeof *pairs * (size_t)many);
    int64_t *at = room(8 * ((size_t)(last - first) + 1));
    struct tile *tile = &bench->tile[bench->tiles++];
    int32_t words = 0, most = 0;
    uint32_t tokens = 0;
    for (int64_t i = 0; i < many; i++) {
        if (i == 0 || e[i].word != e[i - 1].word) {
            pair[words] = (uint32_t)i;
            token[words] = tokens;
            word[words++] = e[i].word;
        }
        pairs[i] = (struct pair){ (uint16_t)(e[i].document - first), (uint16_t)e[i].count };
        tokens += (uint32_t)e[i].count;
    }
    pair[words] = (uint32_t)many;
    token[words] = tokens;
    for (int64_t d = first; d < last; d++) {
        int64_t cells = document_cells(bench, d);
        at[d - first + 1] = at[d - first] + cells;
        most = cells > most ? (int32_t)cells : most;
    }
    *tile = (struct tile){ .first = first, .tokens = tokens };
    tile->visit = (struct visit){
        .topics = bench->topics, .row = bench->row, .alpha = bench->alpha, .uniform = true, .beta = 0.01f,
        .beta_sum = 0.01f * (float)bench->corpus.words, .alpha_mean = bench->alpha[0],
        .inverse_mean = (float)bench->topics / ((float)bench->corpus.tokens +
                                                0.01f * (float)bench->topics * (float)bench->corpus.words),
        .total = bench->total, .inverse = bench->inverse,
        .words = words, .word = word, .pair = pair, .token = token, .pairs = pairs, .z = room(2 * tokens),
        .own = bench->own, .most = most, .rows = bench->rows, .seed = 1, .stream = 256,
        .documents = { .at = at, .length = room(4 * (size_t)(last - first)),
                       .cells = room(4 * (size_t)at[last - first]) },
    };
    bench->count_bytes += 4 * (size_t)at[last - first];
}

static void tiles_begin(struct bench *bench)
{
    const struct corpus *corpus = &bench->corpus;
    bench->tile = room(sizeof *bench->tile * (size_t)corpus->documents);
    for (int64_t d = 0, e = 0; d < corpus->documents;) {
        int64_t first = d, begin = e;
        size_t bytes = 0;
        while (d < corpus->documents && d - first < UINT16_MAX && (d == first || bytes < bench->tile_bytes))
            bytes += 4 * (size_t)document_cells(bench, d++);
        while (e < corpus->entries && corpus->entry[e].document < d)
            e++;
        tile_make(bench, first, d, corpus->entry + begin, e - begin);
    }
}

/* ---- a sweep ------------------------------------------------------------------------------------------ */

/* Of this thread alone: machines are shared. */
static double seconds(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static double sweep(struct bench *bench, const struct lda_kernel *kernel, void *scratch, int at, int32_t steps)
{
    double begin = seconds();
    uint64_t item = 0;
    for (int i = 0; i < bench->tiles; i++) {
        struct visit *visit = &bench->tile[i].visit;
        visit->first = at == 0;
        visit->round = (uint64_t)at;
        visit->item = item;
        visit->scratch = scratch;
        visit->steps = steps;
        item += (uint64_t)bench->tile[i].tokens;
        if ((steps > 0 ? kernel->mh : kernel->exact)(visit) != 0)
            abort();
    }
    return seconds() - begin;
}

/* lgamma(x + n) - lgamma(x) over the counts of an owner. */
static double owner_part(const struct counts *counts, int64_t i, int32_t topics, bool row, bool half, double x)
{
    double sum = 0, zero = lgamma(x);
    const uint32_t *cells = counts->cells + counts->at[i];
    for (int32_t k = 0; k < (row ? topics : counts->length[i]); k++) {
        uint32_t n = !row ? cells[k] & 0xffff : half ? (cells[k / 2] >> 16 * (k % 2)) & 0xffff : cells[k];
        sum += n > 0 ? lgamma(x + n) - zero : 0;
    }
    return sum;
}

static double likelihood(const struct bench *bench)
{
    const struct corpus *corpus = &bench->corpus;
    double alpha = (double)bench->alpha[0], sum_alpha = alpha * bench->topics, beta = 0.01, sum = 0;
    for (int i = 0; i < bench->tiles; i++) {
        const struct visit *visit = &bench->tile[i].visit;
        int64_t last = i + 1 < bench->tiles ? bench->tile[i + 1].first : corpus->documents;
        for (int64_t d = bench->tile[i].first; d < last; d++)
            sum += lgamma(sum_alpha) - lgamma(sum_alpha + (double)corpus->length[d]) +
                   owner_part(&visit->documents, d - bench->tile[i].first, bench->topics, bench->rows, true, alpha);
    }
    for (int64_t w = 0; w < corpus->words; w++)
        sum += owner_part(&bench->own, w, bench->topics, bench->own.at[w + 1] - bench->own.at[w] >= bench->row,
                          false, beta);
    double mass = beta * (double)corpus->words;
    for (int32_t k = 0; k < bench->topics; k++)
        sum += lgamma(mass) - lgamma(mass + (double)bench->total[k]);
    return sum / (double)corpus->tokens;
}

/* Tokens a second, were a token four reads of lines at random. */
static double line_rate(const struct bench *bench, int threads)
{
    return limits_lines(threads, bench->count_bytes) / LINES_A_TOKEN;
}

/* For a script. */
static void print_limits(const struct bench *bench)
{
    printf("%zu %.0f %.0f %.0f %.0f\n", bench->count_bytes, line_rate(bench, 1), line_rate(bench, 2),
           limits_sums(1), limits_sums(2));
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: lda_kernel TOPICS SWEEPS [ISA [TILE_BYTES [STEPS]]] < docword\n");
        return 2;
    }
    struct bench bench = { .topics = atoi(argv[1]) };
    int sweeps = atoi(argv[2]), steps = argc > 5 ? atoi(argv[5]) : 0;
    const struct lda_kernel *kernel = lda_kernel_for(argc > 3 ? argv[3] : "x86-64-v4");
    bench.tile_bytes = argc > 4 ? (size_t)atoll(argv[4]) : 1 << 20;
    bench.corpus = corpus_read(stdin);
    const struct corpus *corpus = &bench.corpus;
    bench.row = (bench.topics + 31) / 32 * 32;
    bench.rows = lda_rows_for_documents(bench.topics, (double)corpus->tokens / (double)corpus->documents);
    bench.alpha = room(4 * (size_t)bench.row);
    bench.inverse = room(4 * (size_t)bench.row);
    bench.total = room(8 * (size_t)bench.row);
    for (int32_t k = 0; k < bench.topics; k++) {
        bench.alpha[k] = 50.0f / (float)bench.topics;
        bench.inverse[k] = 1 / (0.01f * (float)corpus->words);
    }
    words_begin(&bench);
    tiles_begin(&bench);
    if (sweeps == 0) {
        print_limits(&bench);
        return 0;
    }
    void *scratch = room(lda_scratch_bytes(bench.topics, bench.row));
    double sum = 0, late = 0, least = INFINITY;
    for (int i = 0; i < sweeps; i++) {
        double took = sweep(&bench, kernel, scratch, i, steps);
        sum += took;
        late = i < sweeps - LATE ? 0 : late + took;
        least = i > 0 && took < least ? took : least;
        if (i < 5 || i % 5 == 4)
            printf("sweep %3d  %6.1f M tokens/s  %7.2f s in all  %.4f per token\n", i + 1,
                   (double)corpus->tokens / took / 1e6, sum, likelihood(&bench));
    }
    double rate = (double)corpus->tokens * (sweeps < LATE ? sweeps : LATE) / late;
    double lines = line_rate(&bench, 1);
    int64_t visits = 0;
    for (int i = 0; i < bench.tiles; i++)
        visits += bench.tile[i].visit.words;
    printf("%s, %d tiles of %zu bytes, %.1f tokens a visit, %s: last %d sweeps %.2f M tokens/s, best %.2f; random lines, 4 a token in %.1f MB: "
           "%.2f M/s; ratio %.2f\n", kernel->isa, bench.tiles, bench.tile_bytes,
           (double)corpus->tokens / (double)visits, bench.rows ? "rows" : "lists",
           LATE, rate / 1e6, (double)corpus->tokens / least / 1e6, (double)bench.count_bytes / 1e6, lines / 1e6, rate / lines);
    return 0;
}
