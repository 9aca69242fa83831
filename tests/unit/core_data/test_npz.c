/* Arrays in NumPy's .npz archives: stored, deflated, zip64, damaged. */
#include "core/base/file.h"
#include "tests/unit/core_data/scratch.h"

#include <zlib.h>

TestSuite(npz, .init = scratch_begin, .fini = scratch_end);

enum { ROOM = 1 << 16, SMALL = 300 };

struct archive {
    unsigned char bytes[ROOM], directory[ROOM];
    size_t size, listed;
    int count;
    bool zip64; /* numbers in the directory go to its extra field */
};

static struct archive zip;

static void put(unsigned char *at, uint64_t value, int bytes)
{
    for (; bytes-- > 0; value >>= 8)
        *at++ = (unsigned char)value;
}

/* A .npy of one column, 0, 1, 2, ... */
static size_t column(unsigned char *out, int rows)
{
    int length = snprintf((char *)out + 10, 120, "{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }\n", rows);
    memcpy(out, "\x93NUMPY\1", 8);
    put(out + 8, (uint64_t)length, 2);
    for (int i = 0; i < rows; i++)
        memcpy(out + 10 + length + 8 * i, &(double){ i }, sizeof(double));
    return 10 + (size_t)length + 8 * (size_t)rows;
}

static size_t deflated(const unsigned char *from, size_t size, unsigned char *to)
{
    z_stream z = { 0 };
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)from;
    z.avail_in = (uInt)size;
    z.next_out = to;
    z.avail_out = ROOM;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static void add_entry(const char *name, int method, uint32_t crc, size_t packed, size_t size, size_t offset)
{
    unsigned char *at = zip.directory + zip.listed;
    size_t length = strlen(name), extra = zip.zip64 ? 28 : 0;
    memcpy(at, "PK\1\2", 4);
    put(at + 10, (uint64_t)method, 2);
    put(at + 16, crc, 4);
    put(at + 20, zip.zip64 ? UINT32_MAX : packed, 4);
    put(at + 24, zip.zip64 ? UINT32_MAX : size, 4);
    put(at + 28, length, 2);
    put(at + 30, extra, 2);
    put(at + 42, zip.zip64 ? UINT32_MAX : offset, 4);
    memcpy(at + 46, name, length);
    if (zip.zip64) {
        put(at + 46 + length, 1, 2);
        put(at + 48 + length, 24, 2);
        put(at + 50 + length, size, 8);
        put(at + 58 + length, packed, 8);
        put(at + 66 + length, offset, 8);
    }
    zip.listed += 46 + length + extra;
    zip.count++;
}

static void add(const char *name, const unsigned char *content, size_t size, bool deflate)
{
    static unsigned char small[ROOM];
    unsigned char *at = zip.bytes + zip.size;
    size_t length = strlen(name), packed = deflate ? deflated(content, size, small) : size;
    uint32_t crc = (uint32_t)crc32(0, content, (uInt)size);
    memcpy(at, "PK\3\4", 4);
    put(at + 26, length, 2);
    put(at + 28, 4, 2); /* an extra field of its own */
    memcpy(at + 30, name, length);
    memcpy(at + 34 + length, deflate ? small : content, packed);
    add_entry(name, deflate ? 8 : 0, crc, packed, size, zip.size);
    zip.size += 34 + length + packed;
}

static void end(const char *comment)
{
    unsigned char *at = zip.bytes + zip.size;
    size_t length = strlen(comment);
    memcpy(at, zip.directory, zip.listed);
    at += zip.listed;
    size_t directory = zip.size, end = zip.size + zip.listed;
    if (zip.zip64) {
        memcpy(at, "PK\6\6", 4);
        put(at + 32, (uint64_t)zip.count, 8);
        put(at + 40, zip.listed, 8);
        put(at + 48, directory, 8);
        memcpy(at + 56, "PK\6\7", 4);
        put(at + 64, end, 8);
        at += 76;
    }
    memcpy(at, "PK\5\6", 4);
    put(at + 10, zip.zip64 ? UINT16_MAX : (uint64_t)zip.count, 2);
    put(at + 12, zip.zip64 ? UINT32_MAX : zip.listed, 4);
    put(at + 16, zip.zip64 ? UINT32_MAX : directory, 4);
    put(at + 20, length, 2);
    memcpy(at + 22, comment, length);
    zip.size = (size_t)(at - zip.bytes) + 22 + length;
}

/* "user" of 5 rows, "item" of 300, "note.txt" which is no array. */
static const char *make(bool deflate, bool zip64, const char *comment)
{
    static unsigned char content[ROOM];
    memset(&zip, 0, sizeof zip);
    zip.zip64 = zip64;
    add("user.npy", content, column(content, 5), deflate);
    add("note.txt", (const unsigned char *)"1 1:1\n", 6, deflate);
    add("item.npy", content, column(content, SMALL), deflate);
    end(comment);
    return scratch_bytes("a.npz", zip.bytes, zip.size);
}

static void reads(const char *name, int rows)
{
    struct data_set *set = scratch_load(scratch_path(name), &scratch_one);
    cr_assert_eq(set->x.rows, rows);
    cr_assert_eq(set->x.cols, 1);
    for (int i = 0; i < rows; i++)
        cr_assert_eq(set->x.dense[i], i);
    data_free(set);
}

Test(npz, members_are_data_whichever_way_they_lie)
{
    for (int way = 0; way < 4; way++) {
        make(way & 1, way & 2, way ? "a comment" : "");
        reads("a.npz/user", 5);
        reads("a.npz/item", SMALL);
        reads("a.npz/item.npy", SMALL);
    }
}

/* All of it may have been taken in while its last bytes are still to come out: the window is full between them. */
Test(npz, the_end_may_come_out_behind_the_end)
{
    static unsigned char content[128 + 8 * 32800];
    for (int rows = 32740; rows < 32800; rows++) {
        memset(&zip, 0, sizeof zip);
        size_t size = column(content, rows);
        memset(content + size - 8 * (size_t)rows, 0, 8 * (size_t)rows);
        add("user.npy", content, size, true);
        end("");
        scratch_bytes("a.npz", zip.bytes, zip.size);
        data_free(scratch_load(scratch_path("a.npz/user"), &scratch_one));
    }
}

Test(npz, what_is_no_array_is_refused)
{
    make(false, false, "");
    scratch_refuses(scratch_path("a.npz/mean"), &scratch_one, 0, "no array \"mean\"", NULL);
    scratch_refuses(scratch_path("a.npz/use"), &scratch_one, 0, "no array \"use\"", NULL);
    scratch_refuses(scratch_path("a.npz/note.txt"), &scratch_one, 0, "is no array", NULL);
    scratch_refuses(scratch_path("b.npz/user"), &scratch_one, 0, "No such file", NULL);
    scratch_text("c.npz", "1 1:1\n");
    scratch_refuses(scratch_path("c.npz/user"), &scratch_one, 0, "no zip archive", NULL);
    scratch_text("c.txt", "1 1:1\n");
    scratch_refuses(scratch_path("c.txt/user"), &scratch_one, 0, "Not a directory", NULL);
}

static void patched(size_t at, unsigned value, int bytes, const char *words)
{
    unsigned char kept[8];
    memcpy(kept, zip.bytes + at, 8);
    put(zip.bytes + at, value, bytes);
    scratch_bytes("a.npz", zip.bytes, zip.size);
    scratch_refuses(scratch_path("a.npz/user"), &scratch_one, 0, words, NULL);
    memcpy(zip.bytes + at, kept, 8);
}

Test(npz, what_is_damaged_is_told)
{
    for (int deflate = 0; deflate < 2; deflate++) {
        make(deflate, false, "");
        size_t first = zip.size - 22 - zip.listed, end = zip.size - 22;
        patched(first + 8, 1, 2, "is encrypted");
        patched(first + 10, 12, 2, "compressed in a way");
        patched(first + 16, 1, 4, "checksum");
        patched(first + 42, 7, 4, "not where the directory says");
        patched(first + 42, UINT32_MAX, 4, "not where the directory says");
        patched(first + 20, (unsigned)zip.size, 4, "lies outside");
        patched(first, 0, 1, "its directory is");
        patched(first + 28, 60000, 2, "its directory is");
        patched(end + 12, (unsigned)zip.size, 4, "lies outside");
        patched(end + 12, UINT32_MAX, 4, "lies outside");
        patched(end, 0, 1, "no directory");
        patched(34 + 8 + 70, 99, 1, deflate ? "damaged" : "checksum");
    }
}

/* Cut anywhere it is refused; nothing is read that is not there. */
Test(npz, any_cut_is_refused)
{
    make(true, true, "");
    struct rondo_error err = { 0 };
    for (size_t size = 0; size < zip.size; size += 7) {
        struct data_set *set = NULL;
        scratch_bytes("a.npz", zip.bytes, size);
        cr_assert_eq(data_load(scratch_path("a.npz/item"), &scratch_one, &set, &err), RONDO_EINPUT, "%zu", size);
    }
}

Test(npz, a_name_is_behind_an_archive)
{
    cr_expect_str_eq(file_member("/a/b.npz/user"), "user");
    cr_expect_str_eq(file_member("b.NPZ/user.npy"), "user.npy");
    cr_expect_null(file_member("/a/b.npz"));
    cr_expect_null(file_member("/a/b.npz/"));
    cr_expect_null(file_member("/a.npz/b/c"));
    cr_expect_null(file_member("user"));
}
