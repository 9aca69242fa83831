/* Histograms of counts in every layout, against plain loops over dense tables. */
#include "tests/support/brutal.h"
#include "tests/support/lda_counts.h"

#include <criterion/criterion.h>
#include <rondo/flat.h>
#include <rondo/rng.h>
#include <stdlib.h>

enum { DOCUMENTS = 37, WORDS = 29, TOPICS = 45, SEED = 7 };

static const double alpha[TOPICS];

struct fixture {
    int32_t n_dk[DOCUMENTS * TOPICS], n_kw[WORDS * TOPICS];
    struct lda_counts counts;
};

/* Most counts are 0, many small, some beyond the tables' widths, where `wide` some beyond 16 bits. */
static int32_t draw(uint32_t stream, uint64_t item, bool wide)
{
    double u = rondo_rng_unit(SEED, 0, stream, 2 * item), v = rondo_rng_unit(SEED, 0, stream, 2 * item + 1);
    return u < 0.6 ? 0 : u < 0.9 ? 1 + (int32_t)(6 * v) : u < 0.97 ? (int32_t)(300 * v)
           : wide                ? 65500 + (int32_t)(1000 * v) : (int32_t)(1400 * v);
}

static void make(struct fixture *f, const struct lda_counts_form *form)
{
    const int64_t half = DOCUMENTS / 2;
    for (int64_t i = 0; i < DOCUMENTS * TOPICS; i++) {
        int64_t d = i / TOPICS, first = d < half ? 0 : half, end = d < half ? half : DOCUMENTS;
        f->n_dk[i] = draw(300, (uint64_t)i, form->wide && d >= (first + end) / 2);
    }
    for (int64_t i = 0; i < WORDS * TOPICS; i++)
        f->n_kw[i] = i / TOPICS % 3 == 2 && i % TOPICS > 3 ? 0 : draw(301, (uint64_t)i, i / TOPICS % 5 == 0);
    memset(f->n_dk + 5 * TOPICS, 0, TOPICS * sizeof *f->n_dk); /* an empty document */
    memset(f->n_kw + 6 * TOPICS, 0, TOPICS * sizeof *f->n_kw);
    lda_counts_make(&f->counts, form, DOCUMENTS, WORDS, TOPICS, f->n_dk, f->n_kw, alpha, 0.1);
}

static uint64_t number_of(const int32_t *n, int64_t first, int64_t stride, int64_t count, uint64_t wanted)
{
    uint64_t number = 0;
    for (int64_t i = 0; i < count; i++)
        number += (uint64_t)n[first + i * stride] == wanted;
    return number;
}

/* Every tally is right, and together they are all that there are. */
static void check_group(struct rondo_bytes group, uint32_t name, const int32_t *n, int64_t first, int64_t stride,
                        int64_t count)
{
    uint64_t pairs = 0, before = 0;
    for (size_t i = 0; i < tally_count(group); i++) {
        struct tally tally = tally_at(group, i);
        cr_assert_eq(tally_group(tally), name);
        cr_assert(tally_n(tally) > before, "counts ascend");
        cr_assert_eq(tally.number, number_of(n, first, stride, count, tally_n(tally)));
        pairs += tally.number;
        before = tally_n(tally);
    }
    cr_assert_eq(pairs, (uint64_t)count - number_of(n, first, stride, count, 0));
}

static void check_all(struct fixture *f)
{
    const struct statistics s = lda_counts_statistics(&f->counts);
    cr_assert_eq(histogram_check(&f->counts.problem, s.histogram), RONDO_OK);
    check_group(histogram_group(s.histogram, HISTOGRAM_WORDS), HISTOGRAM_WORDS, f->n_kw, 0, 1, WORDS * TOPICS);
    for (uint32_t k = 0; k < TOPICS && s.by_topic; k++)
        check_group(histogram_group(s.histogram, HISTOGRAM_DOCUMENTS + k), HISTOGRAM_DOCUMENTS + k, f->n_dk, k,
                    TOPICS, DOCUMENTS);
    if (!s.by_topic)
        check_group(histogram_group(s.histogram, HISTOGRAM_DOCUMENTS), HISTOGRAM_DOCUMENTS, f->n_dk, 0, 1,
                    DOCUMENTS * TOPICS);
}

Test(histogram, every_layout_is_counted_as_plain_loops_count)
{
    struct fixture *f = calloc(1, sizeof *f);
    for (int bits = 0; bits < 16; bits++) {
        const struct lda_counts_form form = { .rows = bits & 1, .wide = bits & 2, .wide_words = bits & 4,
                                              .uniform = bits & 8, .heavy = bits % 3 };
        make(f, &form);
        check_all(f);
        lda_counts_free(&f->counts);
    }
    free(f);
}

Test(histogram, documents_are_counted_by_their_tokens)
{
    struct fixture *f = calloc(1, sizeof *f);
    int32_t tokens[DOCUMENTS] = { 0 };
    make(f, &(struct lda_counts_form){ .uniform = true });
    for (int d = 0; d < DOCUMENTS * TOPICS; d++)
        tokens[d / TOPICS] += f->n_dk[d];
    cr_assert_eq(tokens[5], 0);
    check_group(lda_counts_statistics(&f->counts).lengths, 0, tokens, 0, 1, DOCUMENTS);
    *(int64_t *)(uintptr_t)f->counts.problem.document_tokens = INT64_C(1) << TALLY_BITS;
    f->counts.lengths.size = 16;
    cr_assert_eq(histogram_lengths(&f->counts.problem, &f->counts.lengths), RONDO_EINPUT);
    cr_assert_eq(f->counts.lengths.size, 16);
    lda_counts_free(&f->counts);
    free(f);
}

/* ---- merging ------------------------------------------------------------------------------------------------ */

static void append_part(struct fixture *f, int part, struct rondo_buf *out)
{
    struct histogram_source source = { .problem = &f->counts.problem, .heavy = f->counts.heavy };
    void *scratch = malloc(histogram_scratch_bytes(source.problem));
    if (part < LDA_COUNTS_PARTS)
        source = (struct histogram_source){ .problem = source.problem, .shard = f->counts.shards[part],
                                            .block = f->counts.blocks[1 - part], .shard_index = part,
                                            .block_index = 1 - part };
    cr_assert_eq(histogram_append(&source, scratch, out), RONDO_OK);
    free(scratch);
}

Test(histogram, any_order_of_merging_gives_the_same_bytes)
{
    static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    struct fixture *f = calloc(1, sizeof *f);
    make(f, &(struct lda_counts_form){ .rows = true, .wide = true, .heavy = 2 });
    struct rondo_bytes whole = lda_counts_statistics(&f->counts).histogram;
    for (int i = 0; i < 6; i++) {
        struct rondo_buf sum = { .data = NULL }, part = { .data = NULL };
        cr_assert_eq(rondo_append(&f->counts.host, &sum, "a word ", 8), RONDO_OK); /* of somebody else */
        for (int j = 0; j < 3; j++) {
            part.size = 0;
            cr_assert_eq(rondo_append(&f->counts.host, &part, "a word ", 8), RONDO_OK);
            append_part(f, orders[i][j], &part);
            struct rondo_bytes more = { part.data + 8, part.size - 8 };
            cr_assert_eq(histogram_merge(&f->counts.problem, &sum, 8, more), RONDO_OK);
        }
        cr_assert_eq(sum.size, whole.size + 8);
        cr_assert_eq(memcmp(sum.data + 8, whole.data, whole.size), 0);
        cr_assert_str_eq((const char *)sum.data, "a word ");
        f->counts.host.free(sum.data);
        f->counts.host.free(part.data);
    }
    lda_counts_free(&f->counts);
    free(f);
}

static struct tally tally(uint32_t group, uint64_t n, uint64_t number)
{
    return (struct tally){ (uint64_t)group << TALLY_BITS | n, number };
}

static void expect_refusal(struct fixture *f, const void *bytes, size_t size)
{
    struct rondo_buf sum = { .data = NULL };
    const struct tally had[] = { { 3, 4 }, tally(1, 2, INT64_MAX - 1) };
    cr_assert_eq(rondo_append(&f->counts.host, &sum, had, sizeof had), RONDO_OK);
    cr_assert_eq(histogram_merge(&f->counts.problem, &sum, 0, (struct rondo_bytes){ bytes, size }), RONDO_ESTATE);
    cr_assert_eq(sum.size, sizeof had);
    cr_assert_eq(memcmp(sum.data, had, sizeof had), 0);
    f->counts.host.free(sum.data);
}

Test(histogram, bytes_that_are_no_histogram_are_refused)
{
    struct fixture *f = calloc(1, sizeof *f);
    for (int uniform = 0; uniform < 2; uniform++) {
        make(f, &(struct lda_counts_form){ .uniform = uniform });
        const uint32_t last = uniform ? HISTOGRAM_DOCUMENTS : HISTOGRAM_DOCUMENTS + TOPICS - 1;
        const struct tally bad[][2] = {
            { tally(0, 5, 1), tally(0, 5, 1) }, { tally(0, 6, 1), tally(0, 5, 1) },
            { tally(1, 1, 1), tally(0, 5, 1) }, { tally(0, 0, 1), tally(0, 5, 1) },
            { tally(0, 5, 1), tally(1, 0, 1) }, { tally(0, 5, 0), tally(0, 6, 1) },
            { tally(0, 5, 1), tally(0, 6, UINT64_C(1) << 63) }, { tally(0, 5, 1), tally(last + 1, 1, 1) },
            { tally(0, 5, 1), tally(1, 2, 2) }, { tally(0, 5, 1), { UINT64_MAX, 1 } },
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            expect_refusal(f, bad[i], sizeof bad[i]);
        const struct tally good[2] = { tally(0, 5, 1), tally(last, 1, 1) };
        cr_assert_eq(histogram_check(&f->counts.problem, (struct rondo_bytes){ good, sizeof good }), RONDO_OK);
        for (size_t size = 1; size < sizeof good; size++)
            if (size != sizeof *good)
                expect_refusal(f, good, size);
        lda_counts_free(&f->counts);
    }
    free(f);
}

Test(histogram, bytes_may_stand_anywhere)
{
    struct fixture *f = calloc(1, sizeof *f);
    make(f, &(struct lda_counts_form){ .rows = true });
    struct rondo_bytes whole = lda_counts_statistics(&f->counts).histogram;
    unsigned char *moved = malloc(whole.size + 3);
    memcpy(moved + 3, whole.data, whole.size);
    struct rondo_buf sum = { .data = NULL };
    cr_assert_eq(rondo_append(&f->counts.host, &sum, "odd", 3), RONDO_OK);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(histogram_merge(&f->counts.problem, &sum, 3, (struct rondo_bytes){ moved + 3, whole.size }),
                     RONDO_OK);
    struct rondo_bytes twice = { sum.data + 3, sum.size - 3 };
    cr_assert_eq(twice.size, whole.size);
    for (size_t i = 0; i < tally_count(whole); i++)
        cr_assert_eq(tally_at(twice, i).number, 2 * tally_at(whole, i).number);
    free(moved);
    f->counts.host.free(sum.data);
    lda_counts_free(&f->counts);
    free(f);
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static int trial(void *what)
{
    struct fixture *f = what;
    const struct problem *p = &f->counts.problem;
    struct histogram_source source = { .problem = p, .shard = f->counts.shards[0], .block = f->counts.blocks[1],
                                       .block_index = 1, .heavy = f->counts.heavy };
    struct rondo_buf sum = { .data = NULL }, part = { .data = NULL };
    void *scratch = malloc(histogram_scratch_bytes(p));
    int code = histogram_lengths(p, &sum);
    sum.size = 0;
    for (int i = 0; i < 2 && !code; i++) {
        part.size = 0;
        code = histogram_append(&source, scratch, &part);
        cr_assert(!code || !part.size);
        if (!code)
            code = histogram_merge(p, &sum, 0, (struct rondo_bytes){ part.data, part.size });
    }
    p->host->free(sum.data);
    p->host->free(part.data);
    free(scratch);
    return code;
}

Test(histogram, without_memory_it_says_so)
{
    struct fixture *f = calloc(1, sizeof *f);
    make(f, &(struct lda_counts_form){ .rows = true, .heavy = 1 });
    cr_assert(brutal_run(trial, f) > 3);
    lda_counts_free(&f->counts);
    free(f);
}
