/* .rdm: what was loaded comes back to the bit, whatever it was; what is wrong with the file is told. */
#include "core/data/fingerprint.h"
#include "core/data/shelf.h"
#include "tests/support/brutal.h"
#include "tests/unit/core_data/scratch.h"

#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

TestSuite(rdm, .init = scratch_begin, .fini = scratch_end);

static const struct data_options ratings = { .index_base = 1, .ratings = true };
static const char text[] = "user,item,rating,time\nann,tea,3,10\nbob,a long name for pie,1,11\nann,tea,5,12\n"
                           "cat,jam,-0.5,9\ncat,tea,2,8\n";

static struct data_set *load(const char *name, const struct data_options *options)
{
    struct data_set *set = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(data_load(scratch_path(name), options, &set, &err), RONDO_OK, "%s: %s", err.where, err.what);
    return set;
}

static void save(const char *from, const struct data_options *options, const char *to)
{
    struct rondo_error err = { 0 };
    struct data_set *set = load(from, options);
    cr_assert_eq(data_save(scratch_path(to), set, &err), RONDO_OK, "%s: %s", err.where, err.what);
    data_free(set);
}

static void same_words(const struct rondo_words *a, const struct rondo_words *b)
{
    cr_assert_eq(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++)
        cr_expect_str_eq(a->word[i], b->word[i]);
}

static void same_ids(const struct rondo_ids *a, const struct rondo_ids *b)
{
    cr_assert(a && b);
    same_words(&a->user, &b->user);
    same_words(&a->item, &b->item);
    cr_expect(a->known_users == b->known_users && a->known_items == b->known_items
              && a->negative_line == b->negative_line);
}

/* The file and what it was made of say the same. */
static void comes_back(const char *from, const struct data_options *options, const char *to)
{
    save(from, options, to);
    int64_t live = mem_live();
    struct data_set *was = load(from, options), *is = scratch_load(scratch_path(to), options);
    cr_expect_eq(fingerprint_set(FINGERPRINT_BEGIN, was), fingerprint_set(FINGERPRINT_BEGIN, is));
    cr_assert_not_null(is->map);
    cr_expect(was->x.bytes == is->x.bytes && was->x.ld == is->x.ld && was->info.lines == is->info.lines
              && was->info.replaced == is->info.replaced && was->info.header == is->info.header
              && was->info.times == is->info.times && was->info.unsorted == is->info.unsorted);
    cr_expect_eq(is->info.format, DATA_RDM);
    if (was->ids)
        same_ids(was->ids, is->ids);
    data_free(was);
    data_free(is);
    cr_expect_eq(mem_live(), live);
}

Test(rdm, whatever_was_loaded_comes_back)
{
    scratch_text("r.csv", text);
    comes_back("r.csv", &ratings, "r.rdm");
    scratch_text("x.svm", "1 1:1.5 3:-2\n0 2:0\n-1 3:4\n");
    comes_back("x.svm", &scratch_one, "x.rdm");
    scratch_text("a.mtx", "%%MatrixMarket matrix array real general\n3 2\n1\n2\n3\n4\n5\n6\n");
    comes_back("a.mtx", &scratch_one, "a.rdm");
    scratch_text("docword.d.txt", "3\n2\n3\n3 1 1\n2 2 1\n3 1 1\n");
    comes_back("docword.d.txt", &scratch_one, "d.rdm");
    scratch_text("c.mtx", "%%MatrixMarket matrix coordinate real general\n3 2 2\n1 1 4\n3 2 5\n");
    comes_back("c.mtx", &ratings, "c.rdm");
    save("r.rdm", &ratings, "again.rdm");
    comes_back("again.rdm", &ratings, "r.rdm");
}

Test(rdm, known_ids_have_their_numbers)
{
    scratch_text("r.csv", text);
    scratch_text("t.txt", "eve jam 4\nbob tea 1\nann fig 2\n");
    struct data_set *train = load("r.csv", &ratings);
    const struct data_options options = { .index_base = 1, .ratings = true, .known = train->ids };
    save("t.txt", &ratings, "t.rdm");
    int64_t live = mem_live();
    struct data_set *was = load("t.txt", &options), *is = load("t.rdm", &options);
    cr_expect_eq(fingerprint_set(FINGERPRINT_BEGIN, was), fingerprint_set(FINGERPRINT_BEGIN, is));
    same_ids(was->ids, is->ids);
    cr_expect(is->ids->known_users == 3 && is->ids->user.count == 4 && is->info.lines == 3);
    cr_expect_str_eq(is->ids->user.word[3], "eve");
    data_free(was);
    data_free(is);
    cr_expect_eq(mem_live(), live);
    data_free(train);
}

Test(rdm, it_is_read_as_what_it_is)
{
    const struct data_options pairs = { .index_base = 1, .ratings = true, .pairs = true };
    const struct data_options counts = { .index_base = 1, .counts = true };
    scratch_text("r.csv", text);
    save("r.csv", &ratings, "r.rdm");
    struct data_set *set = load("r.rdm", &scratch_one);
    cr_expect(set->x.sparse && set->x.rows == 3 && set->x.cols == 3 && scratch_at(&set->x, 0, 0) == 5);
    data_free(set);
    scratch_refuses(scratch_path("r.rdm"), &pairs, 0, "pairs are read from lines", NULL);
    scratch_refuses(scratch_path("r.rdm"), &scratch_vector, 0, "a vector is wanted", NULL);
    scratch_refuses(scratch_path("r.rdm"), &counts, 0, "whole numbers", NULL);
    scratch_text("x.svm", "1 1:1 3:2\n0 2:0\n");
    save("x.svm", &scratch_one, "x.rdm");
    scratch_refuses(scratch_path("x.rdm"), &ratings, 0, "holds a matrix, and ratings are wanted", "--ratings");
    data_free(load("x.rdm", &counts));
    scratch_text("v.txt", "1\n2\n3\n");
    scratch_text("v.mtx", "%%MatrixMarket matrix array real general\n3 1\n1\n2\n3\n");
    save("v.mtx", &scratch_one, "v.rdm");
    data_free(load("v.rdm", &scratch_vector));
    scratch_refuses(scratch_path("v.rdm"), &counts, 0, "counts are read from sparse files", NULL);
}

Test(rdm, a_compressed_one_is_refused)
{
    gzFile file = gzopen(scratch_path("x.rdm.gz"), "wb");
    cr_assert(file != NULL && gzputs(file, "RONDOMTX and more") > 0 && gzclose(file) == Z_OK);
    scratch_refuses(scratch_path("x.rdm.gz"), &scratch_one, 0, "not compressed", NULL);
    scratch_refuses(scratch_path("x.rdm.gz"), &ratings, 0, "not compressed", NULL);
}

static size_t slurp(const char *name, unsigned char *bytes, size_t room)
{
    FILE *file = fopen(scratch_path(name), "rb");
    cr_assert_not_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

Test(rdm, what_is_wrong_with_the_file_is_told)
{
    static unsigned char bytes[8192];
    scratch_text("r.csv", text);
    save("r.csv", &ratings, "r.rdm");
    size_t size = slurp("r.rdm", bytes, sizeof bytes);
    cr_assert_lt(size, sizeof bytes);
    for (size_t cut = 8; cut < size; cut += 5) {
        scratch_bytes("bad.rdm", bytes, cut);
        scratch_refuses(scratch_path("bad.rdm"), &ratings, 0, "is cut short", "makes it anew");
    }
    bytes[8]++;
    scratch_bytes("bad.rdm", bytes, size);
    scratch_refuses(scratch_path("bad.rdm"), &ratings, 0, "is of version 4, and this build reads 3", "makes it anew");
    bytes[8]--;
    bytes[12]++;
    scratch_bytes("bad.rdm", bytes, size);
    scratch_refuses(scratch_path("bad.rdm"), &ratings, 0, "another byte order", NULL);
    bytes[12]--;
    scratch_bytes("bad.rdm", bytes, size);
    FILE *file = fopen(scratch_path("bad.rdm"), "ab");
    fputc(0, file);
    fclose(file);
    scratch_refuses(scratch_path("bad.rdm"), &ratings, 0, "is damaged", NULL);
}

/* Any byte of it; but a byte of the padding behind an array is nobody's, and one of KEY names nothing. */
Test(rdm, any_damaged_byte_is_found)
{
    static unsigned char bytes[8192];
    scratch_text("r.csv", text);
    save("r.csv", &ratings, "r.rdm");
    size_t size = slurp("r.rdm", bytes, sizeof bytes);
    struct data_set *good = load("r.rdm", &ratings);
    uint64_t digest = fingerprint_set(FINGERPRINT_BEGIN, good);
    int found = 0;
    for (size_t at = 0; at < size; at++) {
        struct data_set *set = NULL;
        struct rondo_error err = { 0 };
        bytes[at] ^= 0x40;
        scratch_bytes("bad.rdm", bytes, size);
        if (data_load(scratch_path("bad.rdm"), &ratings, &set, &err)) {
            cr_assert_eq(err.code, RONDO_EINPUT, "byte %zu", at);
            found++;
        } else {
            cr_assert_eq(fingerprint_set(FINGERPRINT_BEGIN, set), digest, "byte %zu", at);
            same_ids(good->ids, set->ids);
        }
        data_free(set);
        bytes[at] ^= 0x40;
    }
    cr_expect_gt(found, 350);
    data_free(good);
}

/* What has the right digest may still be no matrix: somebody made it so. */
Test(rdm, what_its_arrays_say_is_proven)
{
    struct rondo_error err = { 0 };
    const int64_t colptr[][3] = { { 0, 2, 3 }, { 0, 2, 3 }, { 0, 2, 3 }, { 0, 4, 3 }, { 1, 2, 3 }, { 0, 2, 3 } };
    const int32_t rows[][3] = { { 0, 1, 1 }, { 1, 1, 0 }, { 0, 3, 1 }, { 0, 1, 1 }, { 0, 1, 1 }, { 0, -1, 1 } };
    for (int i = 0; i < 7; i++) {
        const int at = i < 6 ? i : 0;
        const double values[] = { 1, i == 6 ? (double)INFINITY : 2, 3 };
        struct data_set set = { .x = { .rows = 2, .cols = 2, .nnz = 3, .sparse = true, .colptr = colptr[at],
                                       .rowidx = rows[at], .values = values } };
        set.info.format = DATA_MTX;
        set.info.compression = "none";
        cr_assert_eq(data_save(scratch_path("m.rdm"), &set, &err), RONDO_OK, "%s", err.what);
        if (i == 0)
            data_free(load("m.rdm", &scratch_one));
        else
            scratch_refuses(scratch_path("m.rdm"), &scratch_one, 0, "its matrix is damaged", NULL);
    }
}

static void refused_as_made(const struct data_set *made, const struct data_options *options, const char *what)
{
    struct rondo_error err = { 0 };
    struct data_set set = *made;
    set.info.format = DATA_RATINGS;
    set.info.compression = "none";
    cr_assert_eq(data_save(scratch_path("m.rdm"), &set, &err), RONDO_OK, "%s", err.what);
    scratch_refuses(scratch_path("m.rdm"), options, 0, what, NULL);
}

/* Each of its parts alone is one, and they do not go together. */
Test(rdm, what_its_parts_are_to_each_other_is_proven)
{
    static const double dense[64];
    static const int64_t colptr[] = { 0, 1, 1 };
    static const int32_t rows[] = { 1 };
    static const double one[] = { 1 };
    const char *user[] = { "ann", "bob" }, *item[] = { "tea", "pie" };
    struct rondo_ids ids = { .user = { 2, user }, .item = { 2, item } };
    const struct rondo_matrix x = { .rows = 2, .cols = 2, .nnz = 1, .sparse = true, .colptr = colptr, .rowidx = rows,
                                    .values = one };
    const struct rondo_matrix y = { .rows = 2, .cols = 1, .nnz = 2, .ld = 8, .dense = dense };
    const struct rondo_matrix full = { .rows = 2, .cols = 2, .nnz = 4, .ld = 8, .dense = dense };
    const struct rondo_matrix few = { .rows = 1, .cols = 1, .nnz = 1, .ld = 8, .dense = dense };
    const struct rondo_matrix none = { .rows = 2, .sparse = true, .colptr = colptr };
    const struct data_options known = { .index_base = 1, .ratings = true, .known = &ids };
    refused_as_made(&(struct data_set){ .x = x, .labels = few }, &scratch_one, "is damaged");
    refused_as_made(&(struct data_set){ .x = x, .labels = full }, &scratch_one, "is damaged");
    refused_as_made(&(struct data_set){ .x = x, .labels = x }, &scratch_one, "is damaged");
    refused_as_made(&(struct data_set){ .x = none }, &scratch_one, "is damaged");
    refused_as_made(&(struct data_set){ .labels = y }, &scratch_one, "is damaged");
    refused_as_made(&(struct data_set){ .x = x, .labels = y, .ids = &ids }, &known, "is damaged");
    refused_as_made(&(struct data_set){ .x = full, .ids = &ids }, &known, "is damaged");
    refused_as_made(&(struct data_set){ .x = full, .ids = &ids }, &ratings, "is damaged");
}

/* They go to files of one id a line, and a rating below 0 is told by its line. */
Test(rdm, what_its_ratings_say_is_proven)
{
    static const int64_t colptr[] = { 0, 1, 1 }, empty[] = { 0, 0, 0 };
    static const int32_t rows[] = { 1 };
    double value[] = { 1 };
    const char *user[] = { "ann", "bob" }, *item[] = { "tea", "pie" };
    struct rondo_ids ids = { .user = { 2, user }, .item = { 2, item } };
    struct data_set set = { .x = { .rows = 2, .cols = 2, .nnz = 1, .sparse = true, .colptr = colptr, .rowidx = rows,
                                   .values = value }, .ids = &ids };
    user[1] = "b\nob";
    refused_as_made(&set, &ratings, "a control character");
    user[1] = "b\177b";
    refused_as_made(&set, &ratings, "a control character");
    user[1] = "bob";
    value[0] = -1;
    refused_as_made(&set, &ratings, "its ratings are damaged");
    value[0] = 1;
    ids.known_users = 2;
    refused_as_made(&set, &ratings, "its ratings are damaged");
    ids.known_users = 0;
    set.x.nnz = 0;
    set.x.colptr = empty;
    refused_as_made(&set, &ratings, "its ratings are damaged");
}

/* Parsed once, mapped by whoever comes next, with who they are. */
Test(rdm, ratings_are_kept_on_the_shelf)
{
    char dir[600], line[64];
    static const struct timespec pause = { 0, 120000000L };
    snprintf(dir, sizeof dir, "%s", scratch_path(".shelf"));
    cr_assert_eq(mkdir(dir, 0700), 0);
    FILE *file = fopen(scratch_path("r.txt"), "w");
    for (int i = 0; i < 6000; i++)
        fprintf(file, "user%d item%d %d\n", i % 700, i * 7 % 400, i % 5);
    fclose(file);
    nanosleep(&pause, NULL);
    struct rondo_error err = { 0 };
    struct data_set *plain = load("r.txt", &ratings), *set = NULL, *known = NULL;
    for (int turn = 0; turn < 2; turn++) {
        cr_assert_eq(shelf_load(dir, scratch_path("r.txt"), &ratings, &set, &err), RONDO_OK, "%s", err.what);
        cr_assert_not_null(set->map);
        cr_expect_eq(fingerprint_set(FINGERPRINT_BEGIN, set), fingerprint_set(FINGERPRINT_BEGIN, plain));
        same_ids(set->ids, plain->ids);
        data_free(set);
    }
    const struct data_options behind = { .index_base = 1, .ratings = true, .known = plain->ids };
    cr_assert_eq(shelf_load(dir, scratch_path("r.txt"), &behind, &known, &err), RONDO_OK);
    cr_expect(!known->map && known->ids->known_users == 700);
    data_free(known);
    data_free(plain);
    snprintf(line, sizeof line, "rm -r .shelf");
    cr_assert_eq(chdir(scratch_dir), 0);
    cr_expect_eq(system(line), 0);
}

static int trial(void *options)
{
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    int code = data_load(scratch_path("r.rdm"), options, &set, &err);
    data_free(set);
    return code;
}

Test(rdm, any_allocation_may_fail)
{
    scratch_text("r.csv", text);
    save("r.csv", &ratings, "r.rdm");
    struct data_set *train = load("r.csv", &ratings);
    struct data_options options = { .index_base = 1, .ratings = true };
    cr_expect_gt(brutal_run(trial, &options), 3);
    options.known = train->ids;
    cr_expect_gt(brutal_run(trial, &options), 10);
    data_free(train);
}
