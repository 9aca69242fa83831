#include "core/data/stream.h"
#include "tests/unit/core_data/scratch.h"

TestSuite(stream, .init = scratch_begin, .fini = scratch_end);

/* "1 1:0.5 3:2\n-1 2:4\n" as gzip and as zstd make it. */
static const char text[] = "1 1:0.5 3:2\n-1 2:4\n";
static const unsigned char gz[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x33, 0x54, 0x30,
    0xb4, 0x32, 0xd0, 0x33, 0x55, 0x30, 0xb6, 0x32, 0xe2, 0xd2, 0x35, 0x54, 0x30,
    0xb2, 0x32, 0xe1, 0x02, 0x00, 0xfa, 0x08, 0x58, 0xc1, 0x13, 0x00, 0x00, 0x00 };
static const unsigned char zst[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x13, 0x99, 0x00, 0x00, 0x31,
                                     0x20, 0x31, 0x3a, 0x30, 0x2e, 0x35, 0x20, 0x33, 0x3a, 0x32,
                                     0x0a, 0x2d, 0x31, 0x20, 0x32, 0x3a, 0x34, 0x0a };

static void reads_twice(const char *path, const char *expected, enum stream_coding coding)
{
    struct stream s;
    struct rondo_error err = { 0 };
    char got[128];
    size_t size;
    cr_assert_eq(stream_open(&s, path, &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(s.coding, coding);
    for (int pass = 0; pass < 2; pass++) {
        cr_assert_eq(stream_read(&s, got, sizeof got, &size, &err), RONDO_OK, "%s", err.what);
        cr_expect_eq(size, strlen(expected));
        cr_expect(memcmp(got, expected, size) == 0);
        cr_assert_eq(stream_rewind(&s, &err), RONDO_OK);
    }
    stream_close(&s);
    cr_expect_eq(mem_live(), 0);
}

Test(stream, reads_a_plain_file_twice)
{
    reads_twice(scratch_text("a.svm", text), text, STREAM_PLAIN);
}

Test(stream, reads_gzip_by_its_first_bytes_whatever_the_name)
{
    reads_twice(scratch_bytes("a.svm", gz, sizeof gz), text, STREAM_GZIP);
}

Test(stream, reads_zstd_by_its_first_bytes_whatever_the_name)
{
    reads_twice(scratch_bytes("a.svm", zst, sizeof zst), text, STREAM_ZSTD);
}

Test(stream, reads_gzip_members_one_after_the_other_and_padding)
{
    unsigned char both[2 * sizeof gz + 8] = { 0 };
    char twice[2 * sizeof text];
    memcpy(both, gz, sizeof gz);
    memcpy(both + sizeof gz, gz, sizeof gz);
    snprintf(twice, sizeof twice, "%s%s", text, text);
    reads_twice(scratch_bytes("a.svm.gz", both, sizeof both), twice, STREAM_GZIP);
}

Test(stream, reads_zstd_frames_one_after_the_other)
{
    unsigned char both[2 * sizeof zst];
    char twice[2 * sizeof text];
    memcpy(both, zst, sizeof zst);
    memcpy(both + sizeof zst, zst, sizeof zst);
    snprintf(twice, sizeof twice, "%s%s", text, text);
    reads_twice(scratch_bytes("a.svm.zst", both, sizeof both), twice, STREAM_ZSTD);
}

Test(stream, every_truncation_of_a_gzip_file_is_told)
{
    for (size_t size = 2; size < sizeof gz; size++)
        scratch_refuses(scratch_bytes("a.svm.gz", gz, size), &scratch_one, 0,
                        "the gzip data are truncated", NULL);
}

Test(stream, every_truncation_of_a_zstd_file_is_told)
{
    for (size_t size = 4; size < sizeof zst; size++)
        scratch_refuses(scratch_bytes("a.svm.zst", zst, size), &scratch_one, 0,
                        "the zstd data are truncated", NULL);
}

Test(stream, damaged_gzip_and_zstd_are_told)
{
    unsigned char bad[sizeof gz];
    memcpy(bad, gz, sizeof gz);
    bad[sizeof gz - 6] ^= 0x40; /* within the checksum */
    scratch_refuses(scratch_bytes("a.svm.gz", bad, sizeof gz), &scratch_one, 0,
                    "the gzip data are damaged", NULL);
    memcpy(bad, zst, sizeof zst);
    bad[6] = 0xff;
    scratch_refuses(scratch_bytes("a.svm.zst", bad, sizeof zst), &scratch_one, 0,
                    "the zstd data are damaged", NULL);
}

Test(stream, a_missing_or_empty_file_or_a_folder_is_told)
{
    static const unsigned char empty_gz[] = { 0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03,
                                              0x03, 0,    0,    0, 0, 0, 0, 0, 0, 0 };
    scratch_refuses(scratch_path("none.npy"), &scratch_one, 0, "No such file", NULL);
    scratch_refuses(scratch_text("e.svm", ""), &scratch_one, 0, "the file is empty", NULL);
    scratch_refuses(scratch_bytes("e.svm.gz", empty_gz, sizeof empty_gz), &scratch_one, 0,
                    "the file is empty", NULL);
    scratch_refuses(scratch_dir, &scratch_one, 0, "is a folder", NULL);
}

Test(stream, lines_and_tokens_hold_across_the_ends_of_the_window)
{
    /* lines of many lengths over several windows: a token torn at an edge would show */
    struct rondo_buf buf = { 0 };
    enum { LINES = 40000 };
    for (int i = 0; i < LINES; i++) {
        char line[128];
        int size = snprintf(line, sizeof line, "%d %d:%d.5 %d:1e%d # %*d\n", i, i % 7 + 1, i, i % 11 + 8,
                            i % 9, i % 40 + 1, i);
        cr_assert_eq(buf_append(&buf, line, (size_t)size), RONDO_OK);
    }
    struct data_set *set = scratch_load(scratch_bytes("a.svm", buf.data, buf.size), &scratch_one);
    cr_assert_eq(set->x.rows, LINES);
    cr_assert_eq(set->x.nnz, 2 * LINES);
    for (int i = 0; i < LINES; i += 997) {
        cr_expect_eq(set->labels.dense[i], i);
        cr_expect_eq(scratch_at(&set->x, i, i % 7), i + 0.5);
    }
    data_free(set);
    buf_fini(&buf);
}

Test(stream, an_error_far_down_names_its_line)
{
    struct rondo_buf buf = { 0 };
    for (int i = 0; i < 100000; i++)
        cr_assert_eq(buf_append(&buf, i == 77776 ? "1 a:2\n" : "1 1:2\n", 6), RONDO_OK);
    scratch_refuses(scratch_bytes("a.svm", buf.data, buf.size), &scratch_one, 77777,
                    "expected index:value, found \"a:2\"", NULL);
    buf_fini(&buf);
}
