/* A file's pages under a cap, and what becomes of them when the file is cut short. */
#include "core/data/fingerprint.h"
#include "core/data/mapping.h"
#include "tests/unit/core_data/scratch.h"

#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <pthread.h>

enum { MIB = 1 << 20, BYTES = 64 * MIB, PIECE = 1 * MIB, CAP = 8 * MIB };

#define MAPPING_TEST(name) Test(mapping, name, .init = scratch_begin, .fini = scratch_end)

/* BYTES of numbers, each its place in the file, shifted. */
static int numbers(const char *name, uint64_t shift)
{
    static uint64_t part[PIECE / 8];
    int fd = open(scratch_path(name), O_RDWR | O_CREAT | O_TRUNC, 0600);
    cr_assert(fd >= 0);
    for (uint64_t at = 0; at < BYTES / 8; at += PIECE / 8) {
        for (uint64_t i = 0; i < PIECE / 8; i++)
            part[i] = at + i + shift;
        cr_assert_eq(write(fd, part, PIECE), PIECE);
    }
    return fd;
}

static struct mapping *mapped(int fd, int64_t resident)
{
    struct rondo_error err = { 0 };
    struct mapping *mapping = NULL;
    cr_assert_eq(mapping_create(fd, BYTES, resident, "file", &mapping, &err), RONDO_OK, "%s", err.what);
    return mapping;
}

/* What this process has in memory of a mapping of so many bytes. */
static long resident_of(const struct mapping *mapping, size_t bytes)
{
    char line[512];
    long kib = 0;
    bool here = false;
    FILE *file = fopen("/proc/self/smaps", "re");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file)) {
        unsigned long from, to, at = (unsigned long)(uintptr_t)mapping_at(mapping);
        long size;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            here = from >= at && from < at + bytes;
        else if (here && sscanf(line, "Rss: %ld", &size) == 1)
            kib += size;
    }
    fclose(file);
    return kib * 1024;
}

static long resident(const struct mapping *mapping)
{
    return resident_of(mapping, BYTES);
}

struct reading {
    struct mapping *mapping;
    size_t stride; /* from piece to piece */
    bool wrong;
    long most;
};

static void *read_pieces(void *context)
{
    struct reading *reading = context;
    const char *begin = mapping_at(reading->mapping);
    for (size_t at = 0; at + 24 < BYTES; at += reading->stride) {
        size_t bytes = reading->stride < PIECE ? 4096 + 16 : PIECE;
        bytes = bytes < BYTES - at ? bytes : BYTES - at;
        mapping_touch(reading->mapping, begin + at, bytes);
        for (size_t i = at; i + 8 <= at + bytes; i += 8)
            if (*(const uint64_t *)(const void *)(begin + i) != i / 8)
                reading->wrong = true;
        if (at / reading->stride % 16 == 0) {
            long now = resident(reading->mapping);
            reading->most = now > reading->most ? now : reading->most;
        }
    }
    return NULL;
}

MAPPING_TEST(no_more_than_the_cap_is_resident_beside_what_is_read)
{
    int fd = numbers("file", 0);
    static const size_t strides[] = { PIECE, 160 * 1024 };
    for (int way = 0; way < 2; way++) {
        struct mapping *mapping = mapped(fd, CAP);
        struct reading reading[2] = { { mapping, strides[way], false, 0 }, { mapping, strides[way], false, 0 } };
        pthread_t other;
        cr_assert_eq(pthread_create(&other, NULL, read_pieces, &reading[1]), 0);
        read_pieces(&reading[0]);
        pthread_join(other, NULL);
        for (int i = 0; i < 2; i++) {
            cr_expect(!reading[i].wrong);
            cr_expect_gt(reading[i].most, 0);
            cr_expect_leq(reading[i].most, CAP + 4 * PIECE + 4 * MIB, "%ld", reading[i].most);
        }
        cr_expect(mapping_intact(mapping));
        mapping_destroy(mapping);
    }
    close(fd);
}

MAPPING_TEST(without_a_cap_all_may_stay)
{
    int fd = numbers("file", 0);
    struct reading reading = { mapped(fd, 0), PIECE, false, 0 };
    read_pieces(&reading);
    cr_expect(!reading.wrong);
    cr_expect_gt(resident(reading.mapping), BYTES / 2);
    mapping_destroy(reading.mapping);
    close(fd);
}

MAPPING_TEST(a_file_that_is_cut_short_reads_as_zeros_and_is_no_longer_intact)
{
    int fd = numbers("file", 0), fd2 = numbers("other", 1);
    struct mapping *mapping = mapped(fd, 0), *other = mapped(fd2, 0);
    const uint64_t *at = mapping_at(mapping), *beside = mapping_at(other);
    cr_assert_eq(at[BYTES / 8 - 1], BYTES / 8 - 1);
    cr_assert_eq(ftruncate(fd, BYTES / 2), 0);
    cr_expect(mapping_intact(mapping));
    cr_expect_eq(at[0], 0);
    cr_expect_eq(at[BYTES / 16 - 1], BYTES / 16 - 1);
    cr_expect(mapping_intact(mapping));
    cr_expect_eq(at[BYTES / 8 - 1], 0);
    cr_expect(!mapping_intact(mapping));
    cr_expect_eq(beside[BYTES / 8 - 1], BYTES / 8);
    cr_expect(mapping_intact(other));
    mapping_destroy(mapping);
    mapping = mapped(fd2, 0);
    cr_expect(mapping_intact(mapping), "another is another");
    mapping_destroy(mapping);
    mapping_destroy(other);
    close(fd);
    close(fd2);
}

/* ---- a .npy ---------------------------------------------------------------------------------------------- */

enum { N = 1001, P = 200, MANY = 4000 };

static const char *npy(const char *name, bool fortran, int cols, const double *values)
{
    char dict[119];
    int length = snprintf(dict, sizeof dict, "{'descr': '<f8', 'fortran_order': %s, 'shape': (%d, %d), }",
                          fortran ? "True" : "False", N, cols);
    memset(dict + length, ' ', sizeof dict - (size_t)length);
    dict[117] = '\n';
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fwrite(dict, 1, 118, file);
    fwrite(values, sizeof *values, (size_t)(N * cols), file);
    cr_assert_eq(fclose(file), 0);
    return path;
}

static void fill(double *by_columns, double *by_rows)
{
    for (int j = 0; j < P; j++)
        for (int i = 0; i < N; i++)
            by_columns[j * N + i] = by_rows[i * P + j] = i - 3.5 * j;
}

MAPPING_TEST(a_large_matrix_by_columns_is_mapped_and_has_the_digest_of_the_copy)
{
    static double columns[N * P], rows[N * P];
    fill(columns, rows);
    struct data_set *mapped = scratch_load(npy("f.npy", true, P, columns), &scratch_one);
    struct data_set *copied = scratch_load(npy("c.npy", false, P, rows), &scratch_one);
    cr_expect(mapped->info.mapped && !copied->info.mapped);
    cr_expect_eq(mapped->x.ld, N);
    cr_expect_eq(mapped->info.bytes, sizeof columns);
    for (int j = 0; j < P; j++)
        for (int i = 0; i < N; i++)
            cr_assert_eq(mapped->x.dense[i + j * mapped->x.ld], copied->x.dense[i + j * copied->x.ld]);
    cr_assert_neq(mapped->digest, 0);
    cr_expect_eq(fingerprint_set(FINGERPRINT_BEGIN, mapped), fingerprint_set(FINGERPRINT_BEGIN, copied));
    cr_expect_eq(fingerprint_set(7, mapped), fingerprint_set(7, copied));
    data_free(mapped);
    data_free(copied);
    cr_expect_eq(mem_live(), 0);
}

MAPPING_TEST(loading_leaves_the_pages_for_the_first_who_reads_or_what_a_cap_allows)
{
    size_t bytes = sizeof(double) * N * MANY;
    double *zeros = calloc(N * MANY, sizeof *zeros);
    const char *path = npy("z.npy", true, MANY, zeros);
    struct data_options capped = scratch_one;
    capped.resident = CAP;
    struct data_set *all = scratch_load(path, &scratch_one), *few = scratch_load(path, &capped);
    cr_expect_geq(resident_of(all->map, bytes), (long)bytes);
    cr_expect_leq(resident_of(few->map, bytes), CAP + PIECE);
    data_free(all);
    data_free(few);
    free(zeros);
}

MAPPING_TEST(a_value_that_is_not_finite_is_named_where_a_matrix_is_mapped)
{
    static const double bad[] = { INFINITY, -INFINITY, NAN, -NAN };
    static double columns[N * P], rows[N * P];
    char says[128];
    for (int k = 0; k < 8; k++) { /* in the middle; in what a column has behind the last whole group */
        int row = k < 4 ? 77 + k : N - 1;
        fill(columns, rows);
        columns[0] = DBL_MAX, columns[1] = -DBL_MAX, columns[2] = DBL_TRUE_MIN, columns[3] = -0.0;
        columns[150 * N + row] = bad[k % 4];
        snprintf(says, sizeof says, "the value in row %d, column 150 (counted from 0) is %s", row,
                 k % 4 < 2 ? "infinite" : "not a number");
        scratch_refuses(npy("f.npy", true, P, columns), &scratch_one, 0, says, NULL);
    }
    cr_expect_eq(mem_live(), 0);
}
