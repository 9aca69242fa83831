/* States go through bytes and come back the same; bytes that are none are refused. */
#include "apps/lda/states.h"
#include "tests/support/brutal.h"
#include "tests/support/lda_drive.h"

#include <criterion/criterion.h>
#include <rondo/rng.h>
#include <string.h>

enum { DOCUMENTS = 9, WORDS = 7 };

static int32_t times[DOCUMENTS * WORDS];

/* The first word is heavy; the third document is empty, the last of `last` tokens and some. */
static struct lda_corpus corpus(int32_t last)
{
    for (int i = 0; i < DOCUMENTS * WORDS; i++)
        times[i] = i / WORDS == 2 ? 0 : (int32_t)(rondo_rng_unit(3, 0, 997, (uint64_t)i) * (i % WORDS ? 4 : 30));
    times[(DOCUMENTS - 1) * WORDS + 3] = last;
    return (struct lda_corpus){ DOCUMENTS, WORDS, times };
}

static const struct lda_form forms[] = {
    { .topics = 5, .beta = 0.1, .parts = 3, .seed = 1 },
    { .topics = 300, .beta = 0.1, .parts = 3, .seed = 1 },
    { .topics = 70000, .beta = 0.1, .parts = 2, .seed = 1 },
    { .topics = 40, .beta = 0.1, .parts = 1, .seed = 1, .mh = true },
};
enum { FORMS = sizeof forms / sizeof *forms };

/* With a document of more tokens than 16 bits hold, where that is not slow. */
static struct lda_corpus corpus_of(const struct lda_form *form)
{
    return corpus(form->topics > 1000 ? 60 : 65600);
}

struct kind {
    const char *name;
    int (*create)(const void *, int32_t, void **, struct rondo_error *);
    void (*destroy)(const void *, void *);
    int (*pack)(const void *, const void *, struct rondo_buf *);
    int (*unpack)(const void *, void *, struct rondo_bytes);
};
static const struct kind kinds[] = {
    { "shard", lda_shard_create, lda_shard_destroy, lda_shard_pack, lda_shard_unpack },
    { "block", lda_block_create, lda_block_destroy, lda_block_pack, lda_block_unpack },
    { "common", lda_common_create, lda_common_destroy, lda_common_pack, lda_common_unpack },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static struct rondo_buf packed(struct lda_drive *drive, int kind, int32_t index)
{
    void *state[] = { drive->shard[index], drive->block[index], drive->common };
    struct rondo_buf bytes = { 0 };
    cr_assert_eq(kinds[kind].pack(&drive->problem, state[kind], &bytes), RONDO_OK);
    return bytes;
}

/* Into a new state; the bytes stand at the end of their block, so that a sanitizer sees who reads on. */
static int unpacked(const struct lda_drive *drive, int kind, int32_t index, const void *data, size_t size)
{
    void *state = NULL, *copy = mem_alloc(size ? size : 1);
    cr_assert_eq(kinds[kind].create(&drive->problem, index, &state, NULL), RONDO_OK);
    if (size)
        memcpy(copy, data, size);
    int code = kinds[kind].unpack(&drive->problem, state, (struct rondo_bytes){ copy, size });
    kinds[kind].destroy(&drive->problem, state);
    mem_free(copy);
    return code;
}

Test(states, come_back_from_their_bytes_in_every_round)
{
    for (int f = 0; f < FORMS; f++) {
        struct lda_corpus made = corpus_of(&forms[f]);
        struct lda_drive here, there;
        struct rondo_buf one = { 0 }, other = { 0 };
        lda_drive_init(&here, &made, &forms[f]);
        lda_drive_init(&there, &made, &forms[f]);
        for (int round = 0; round < 9; round++) {
            lda_drive_move(&there);
            one.size = other.size = 0;
            lda_drive_pack(&here, &one);
            lda_drive_pack(&there, &other);
            cr_assert_eq(one.size, other.size);
            cr_assert_eq(memcmp(one.data, other.data, one.size), 0, "form %d, round %d", f, round);
            cr_assert_eq(lda_drive_round(&here, 0), RONDO_OK);
            cr_assert_eq(lda_drive_round(&there, 0), RONDO_OK);
            cr_assert_null(lda_drive_wrong(&there));
        }
        here.problem.host->free(one.data);
        here.problem.host->free(other.data);
        lda_drive_fini(&here);
        lda_drive_fini(&there);
    }
}

Test(states, refuse_bytes_that_are_cut_or_have_more)
{
    for (int f = 0; f < FORMS; f++) {
        struct lda_corpus made = corpus_of(&forms[f]);
        struct lda_drive drive;
        lda_drive_init(&drive, &made, &forms[f]);
        cr_assert_eq(lda_drive_sweep(&drive, 0), RONDO_OK);
        for (int kind = 0; kind < KINDS; kind++) {
            struct rondo_buf bytes = packed(&drive, kind, 0);
            cr_assert_eq(unpacked(&drive, kind, 0, bytes.data, bytes.size), RONDO_OK);
            for (size_t size = 0; size < bytes.size; size += 1 + bytes.size / 60)
                cr_expect_eq(unpacked(&drive, kind, 0, bytes.data, size), RONDO_ESTATE, "%s %d", kinds[kind].name, f);
            cr_assert_eq(drive.problem.host->reserve(&bytes, bytes.size + 1), RONDO_OK);
            bytes.data[bytes.size] = 0;
            cr_expect_eq(unpacked(&drive, kind, 0, bytes.data, bytes.size + 1), RONDO_ESTATE);
            drive.problem.host->free(bytes.data);
        }
        lda_drive_fini(&drive);
    }
}

/* Whatever stands there, it is refused or taken; what was taken is drawn from, and then either it goes well or
 * the push says that the counts do not fit.  Nothing is read or written out of bounds (asan). */
Test(states, damaged_bytes_do_no_harm)
{
    int refused = 0, taken = 0;
    for (int f = 0; f < FORMS; f++)
        for (uint64_t trial = 0; trial < 60; trial++) {
            struct lda_corpus made = corpus(trial % 20 ? 60 : forms[f].topics < 100 ? 65600 : 60);
            struct lda_drive drive;
            lda_drive_init(&drive, &made, &forms[f]);
            for (int round = 0; round < 6; round++)
                cr_assert_eq(lda_drive_round(&drive, 0), RONDO_OK);
            int kind = (int)(trial % 2);
            struct rondo_buf bytes = packed(&drive, kind, 0);
            for (uint64_t i = 0; i < 1 + trial % 3; i++) {
                size_t at = (size_t)(rondo_rng_unit(trial, i, 996, 0) * (double)bytes.size);
                bytes.data[at] = (unsigned char)(rondo_rng_unit(trial, i, 996, 1) * 256);
            }
            void *state = kind ? (void *)drive.block[0] : (void *)drive.shard[0];
            int code = kinds[kind].unpack(&drive.problem, state, (struct rondo_bytes){ bytes.data, bytes.size });
            cr_assert(code == RONDO_OK || code == RONDO_ESTATE);
            *(code ? &refused : &taken) += 1;
            for (int round = 0; round < 4 && !code; round++)
                code = lda_drive_round(&drive, 0);
            cr_assert(code == RONDO_OK || code == RONDO_ESTATE || code == RONDO_EAPP, "%d", code);
            drive.problem.host->free(bytes.data);
            lda_drive_fini(&drive);
        }
    cr_assert(refused > 5 && taken > 5, "%d refused, %d taken", refused, taken);
}

/* Of a list: a topic beyond the last, a count of 0, a length that is negative or has no room.  (A topic twice is
 * found by those who draw from it.) */
Test(states, lists_that_are_none_are_refused)
{
    struct lda_corpus made = { 1, 1, (const int32_t[]){ 7 } };
    struct lda_form form = { .topics = 300, .beta = 0.1, .parts = 1, .seed = 1 };
    struct lda_drive drive;
    lda_drive_init(&drive, &made, &form);
    static const struct {
        const char *what;
        int32_t length;
        uint32_t slot[8];
        int code;
    } cases[] = {
        { "seven tokens of two topics", 2, { 299 << 16 | 3, 0 << 16 | 4 }, RONDO_OK },
        { "a topic beyond the last", 2, { 300 << 16 | 3, 0 << 16 | 4 }, RONDO_ESTATE },
        { "a count of 0", 2, { 4 << 16 | 7, 5 << 16 | 0 }, RONDO_ESTATE },
        { "no room", 8, { 1 << 16 | 1, 2 << 16 | 1, 3 << 16 | 1, 4 << 16 | 1, 5 << 16 | 1, 6 << 16 | 1, 7 << 16 | 1,
                          8 << 16 | 1 }, RONDO_ESTATE },
        { "a negative length", -1, { 0 }, RONDO_ESTATE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char bytes[64] = { 0 };
        size_t slots = cases[i].length > 0 ? (size_t)cases[i].length : 0;
        memcpy(bytes, &cases[i].length, 4);
        memcpy(bytes + 4, cases[i].slot, 4 * slots);
        cr_expect_eq(unpacked(&drive, 1, 0, bytes, 4 + 4 * slots), cases[i].code, "%s", cases[i].what);
    }
    lda_drive_fini(&drive);
}

static int create_all(void *what)
{
    const struct lda_drive *drive = what;
    int code = RONDO_OK;
    for (int kind = 0; kind < KINDS && !code; kind++) {
        void *state = NULL;
        code = kinds[kind].create(&drive->problem, 0, &state, NULL);
        struct rondo_buf bytes = { 0 };
        if (!code) {
            code = kinds[kind].pack(&drive->problem, state, &bytes);
            kinds[kind].destroy(&drive->problem, state);
        }
        drive->problem.host->free(bytes.data);
    }
    return code;
}

Test(states, no_memory_is_said_and_nothing_is_left)
{
    struct lda_corpus made = corpus(60);
    struct lda_drive drive;
    lda_drive_init(&drive, &made, &forms[1]);
    cr_expect_gt(brutal_run(create_all, &drive), 10);
    lda_drive_fini(&drive);
}
