/* The exact samplers where a count is 1 and beta far below it, and where lists say what cannot be; states that
 * no job has packed. */
#include "apps/lda/states.h"
#include "core/base/mem.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/lda_visit.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const ISA[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

/* ---- a word's only token ---------------------------------------------------------------------------------- */

/* Without it the word has no topic at all: n_kw + beta is beta everywhere, where the token was too. */
static void check_only_token(const struct lda_kernel *kernel, int32_t topics, enum lda_words kind, bool rows)
{
    enum { DRAWS = 300 };
    static float alpha[40];
    static double p[40];
    static int64_t drawn[40];
    double sum = 0;
    for (int32_t k = 0; k < topics; k++)
        alpha[k] = 0.5f;
    struct lda_entry entry = { 1, 1, 1 };
    struct lda_options options = { .topics = topics, .kind = kind, .rows = rows, .alpha = alpha, .uniform = true,
                                   .beta = 1e-8f, .documents = 3, .words = 3, .entries = &entry, .count = 1 };
    memset(drawn, 0, sizeof drawn);
    for (int i = 0; i < DRAWS; i++) {
        struct lda_small small;
        lda_small_init(&small, &options);
        for (int32_t k = 0; k < topics; k++)
            lda_small_total_add(&small, k, 10 + k);
        for (int32_t k = 0; i == 0 && k < topics; k++)
            sum += p[k] = (double)alpha[k] / (10 + k);
        lda_small_document_add(&small, 1, 0, 1);
        lda_small_word_add(&small, 1, 0, 1);
        lda_small_total_add(&small, 0, 1);
        lda_small_z_put(&small, 0, 0);
        small.visit.first = false;
        small.visit.item = (uint64_t)i;
        cr_assert_eq(kernel->exact(&small.visit), 0);
        drawn[lda_small_z(&small, 0)]++;
        lda_small_fini(&small);
    }
    for (int32_t k = 0; k < topics; k++)
        p[k] /= sum;
    double off = lda_chi_square(p, drawn, topics, DRAWS);
    cr_assert_lt(off, 4, "%s, %d topics, kind %d, rows %d: %g standard deviations, topic 0 %lld times", kernel->isa,
                 topics, (int)kind, rows, off, (long long)drawn[0]);
}

Test(extremes, a_small_beta_does_not_drown_in_a_count)
{
    static const int32_t topics[] = { 4, 40 };
    for (int level = 0; level < levels(); level++)
        for (int t = 0; t < 2; t++)
            for (int kind = 0; kind < LDA_WORD_KINDS; kind++)
                for (int rows = 0; rows < 2; rows++)
                    check_only_token(lda_kernel_for(ISA[level]), topics[t], (enum lda_words)kind, rows);
}

/* ---- counts that lie ---------------------------------------------------------------------------------------- */

/* A list with room for 16 topics has all of them, though no token is drawn yet; then others are drawn. */
Test(extremes, a_list_is_not_written_beyond_its_room)
{
    enum { TOPICS = 20, ROOM = 16 };
    float alpha[TOPICS];
    for (int k = 0; k < TOPICS; k++)
        alpha[k] = k < ROOM ? 1e-3f : 100;
    struct lda_entry entry = { 1, 1, 8 };
    for (int level = 0; level < levels(); level++)
        for (int rows = 0; rows < 2; rows++) {
            struct lda_options options = { .topics = TOPICS, .kind = LDA_WORD_LISTS, .rows = rows, .alpha = alpha,
                                           .beta = 1, .documents = 3, .words = 3, .entries = &entry, .count = 1 };
            struct lda_small small;
            lda_small_init(&small, &options);
            for (int32_t k = 0; k < ROOM; k++)
                lda_small_word_add(&small, 1, k, 1);
            cr_assert_neq(lda_kernel_for(ISA[level])->exact(&small.visit), 0, "%s, rows %d", ISA[level], rows);
            cr_assert_eq(small.cells[0][small.visit.own.at[2]], 0, "%s, rows %d", ISA[level], rows);
            lda_small_fini(&small);
        }
}

/* The totals have no token of the topic that a token, its document and its word have: a sum of weights would
 * fall below 0, and so would what is drawn. */
Test(extremes, a_total_does_not_fall_below_0)
{
    float alpha[300];
    for (int k = 0; k < 300; k++)
        alpha[k] = 0.1f;
    struct lda_entry entry = { 1, 1, 3 };
    for (int level = 0; level < levels(); level++) {
        struct lda_options options = { .topics = 300, .alpha = alpha, .uniform = true, .beta = 0.1f, .documents = 3,
                                       .words = 3, .entries = &entry, .count = 1 };
        struct lda_small small;
        lda_small_init(&small, &options);
        small.visit.first = false;
        lda_small_document_add(&small, 1, 0, 3);
        lda_small_word_add(&small, 1, 0, 3);
        cr_assert_neq(lda_kernel_for(ISA[level])->exact(&small.visit), 0, "%s", ISA[level]);
        lda_small_fini(&small);
    }
}

/* ---- packed states that no job has packed ------------------------------------------------------------------- */

Test(extremes, lists_that_cannot_be_are_not_unpacked)
{
    const struct rondo_host host = { .alloc = mem_alloc, .zalloc = mem_calloc, .free = mem_free };
    const int64_t first[] = { 0, 2 }, at[] = { 0, 2, 4 }, *block_at[] = { at };
    const struct problem problem = { .host = &host, .topics = 100, .row = 128, .parts = 1, .block_first = first,
                                     .block_at = block_at };
    const struct {
        uint32_t bytes[5];
        size_t size;
        int code;
    } each[] = {
        { { 1, 2, 3u << 16 | 2, 4u << 16 | 1, 99u << 16 | 1 }, 20, RONDO_OK },
        { { 1, 2, 3u << 16 | 2, 4u << 16 | 1, 100u << 16 | 1 }, 20, RONDO_ESTATE }, /* no such topic */
        { { 1, 2, 3u << 16 | 2, 4u << 16 | 1, 5u << 16 }, 20, RONDO_ESTATE },       /* a count of 0 */
        { { 1, 2, 3u << 16 | 2, 4u << 16 | 65535, 5u << 16 | 1 }, 20, RONDO_ESTATE }, /* one token too many */
        { { 1, 3, 3u << 16 | 2, 4u << 16 | 1, 5u << 16 | 1 }, 20, RONDO_ESTATE },   /* longer than its room */
        { { 1, UINT32_MAX, 3u << 16 | 2 }, 12, RONDO_ESTATE },
        { { 1, 2, 3u << 16 | 2, 4u << 16 | 1 }, 16, RONDO_ESTATE },                 /* bytes are missing */
        { { 1, 1, 3u << 16 | 2, 4u << 16 | 1, 5u << 16 | 1 }, 20, RONDO_ESTATE },   /* there are too many */
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        void *block = NULL;
        cr_assert_eq(lda_block_create(&problem, 0, &block, NULL), RONDO_OK);
        int code = lda_block_unpack(&problem, block, (struct rondo_bytes){ each[i].bytes, each[i].size });
        cr_assert_eq(code, each[i].code, "%zu: %d", i, code);
        lda_block_destroy(&problem, block);
    }
}

Test(extremes, totals_and_priors_that_cannot_be_are_not_unpacked)
{
    const struct rondo_host host = { .alloc = mem_alloc, .zalloc = mem_calloc, .free = mem_free };
    const double alpha[] = { 0.5, 0.25 };
    const struct problem problem = { .host = &host, .topics = 2, .row = 32, .alpha = alpha, .beta = 0.1 };
    for (int what = 0; what < 4; what++) {
        struct { double alpha[2], beta; int64_t total[32]; } bytes = { { 0.5, 0.25 }, 0.1, { 3, 0 } };
        bytes.alpha[1] = what == 1 ? 0 : bytes.alpha[1];
        bytes.beta = what == 2 ? -1 : bytes.beta;
        bytes.total[1] = what == 3 ? -1 : bytes.total[1];
        void *common = NULL;
        cr_assert_eq(lda_common_create(&problem, 0, &common, NULL), RONDO_OK);
        int code = lda_common_unpack(&problem, common, (struct rondo_bytes){ &bytes, sizeof bytes });
        cr_assert_eq(code, what ? RONDO_ESTATE : RONDO_OK, "%d: %d", what, code);
        lda_common_destroy(&problem, common);
    }
}
