/* Expected digests: FIPS 180-2, appendix B, and the empty message of NIST's SHA-256 test vectors. */
#include "core/base/file.h"

#include "core/base/mem.h"
#include "tests/support/brutal.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/rondo-test-XXXXXX";

static void begin(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

/* Files and empty folders of the first level; what a test makes deeper it removes itself. */
static void end(void)
{
    DIR *stream = opendir(dir);
    for (struct dirent *entry; (entry = readdir(stream));) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(path);
    }
    closedir(stream);
    cr_assert_eq(rmdir(dir), 0);
}

TestSuite(file, .init = begin, .fini = end);

static int entries(void)
{
    int count = 0;
    DIR *stream = opendir(dir);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count - 2;
}

static const char *in_dir(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *text)
{
    struct file_atomic file;
    cr_assert_eq(file_begin(&file, dir, name, NULL), RONDO_OK);
    cr_assert_geq(fputs(text, file.stream), 0);
    cr_assert_eq(file_commit(&file, NULL), RONDO_OK);
    file_abandon(&file);
}

static void expect(const char *name, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    cr_assert_eq(file_read(in_dir(name), 1 << 20, &text, &size, NULL), RONDO_OK);
    cr_assert_eq(size, strlen(expected));
    cr_assert_str_eq(text, expected);
    mem_free(text);
}

Test(file, a_placed_file_is_whole_and_can_be_synced_later)
{
    struct rondo_error err = { 0 };
    struct file_atomic file;
    char *text, path[4096];
    size_t size;
    cr_assert_eq(file_begin(&file, dir, "placed", &err), RONDO_OK);
    fputs("all of it", file.stream);
    cr_assert_eq(entries(), 1);
    cr_assert_eq(file_place(&file, &err), RONDO_OK);
    cr_assert_eq(entries(), 1);
    snprintf(path, sizeof path, "%s/placed", dir);
    cr_assert_eq(file_sync(path, &err), RONDO_OK);
    cr_assert_eq(file_read(path, 100, &text, &size, &err), RONDO_OK);
    cr_assert_str_eq(text, "all of it");
    mem_free(text);
    cr_assert_eq(file_sync("/nowhere/at/all", &err), RONDO_EIO);
    cr_assert_str_eq(err.where, "/nowhere/at/all");
}

Test(file, appears_when_it_is_committed)
{
    put("a", "first");
    expect("a", "first");
    cr_assert_eq(entries(), 1);
}

Test(file, readers_see_the_old_one_until_the_commit)
{
    struct file_atomic file;
    put("a", "old");
    cr_assert_eq(file_begin(&file, dir, "a", NULL), RONDO_OK);
    fputs("new", file.stream);
    fflush(file.stream);
    expect("a", "old");
    cr_assert_eq(file_commit(&file, NULL), RONDO_OK);
    expect("a", "new");
    cr_assert_eq(entries(), 1);
}

Test(file, leaves_nothing_when_abandoned)
{
    struct file_atomic file;
    put("a", "old");
    cr_assert_eq(file_begin(&file, dir, "a", NULL), RONDO_OK);
    fputs("new", file.stream);
    file_abandon(&file);
    file_abandon(&file);
    expect("a", "old");
    cr_assert_eq(entries(), 1);
}

Test(file, a_folder_that_is_not_there_is_named)
{
    struct file_atomic file;
    struct rondo_error err = { 0 };
    cr_assert_eq(file_begin(&file, in_dir("none"), "a", &err), RONDO_EIO);
    cr_assert_null(file.stream);
    cr_assert_not_null(strstr(err.where, "none/a"));
    cr_assert_not_null(strstr(err.what, "No such file"));
}

Test(file, a_path_too_long_is_refused)
{
    struct file_atomic file;
    char name[4090];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    cr_assert_eq(file_begin(&file, dir, name, NULL), RONDO_EIO);
}

Test(file, a_commit_that_fails_takes_its_temporary_file_away)
{
    struct file_atomic file;
    struct rondo_error err = { 0 };
    cr_assert_eq(mkdir(in_dir("a"), 0777), 0);
    cr_assert_eq(file_begin(&file, dir, "a", NULL), RONDO_OK);
    fputs("new", file.stream);
    cr_assert_eq(file_commit(&file, &err), RONDO_EIO);
    cr_assert_neq(err.what[0], 0);
    cr_assert_eq(entries(), 1);
}

Test(file, is_read_to_its_limit_and_no_further)
{
    char *text = NULL;
    size_t size = 0;
    struct rondo_error err = { 0 };
    put("a", "12345");
    cr_assert_eq(file_read(in_dir("a"), 5, &text, &size, NULL), RONDO_OK);
    mem_free(text);
    int64_t live = mem_live();
    cr_assert_eq(file_read(in_dir("a"), 4, &text, &size, &err), RONDO_EINPUT);
    cr_assert_not_null(strstr(err.what, "4 bytes"));
    cr_assert_eq(mem_live(), live);
}

Test(file, larger_than_one_read_is_read_whole)
{
    enum { SIZE = 200001 };
    char *words = mem_alloc(SIZE + 1);
    cr_assert_not_null(words);
    for (int i = 0; i < SIZE; i++)
        words[i] = (char)('a' + i % 23);
    words[SIZE] = 0;
    put("a", words);
    expect("a", words);
    mem_free(words);
}

Test(file, that_is_missing_or_a_folder_is_bad_input)
{
    char *text = NULL;
    size_t size = 0;
    struct rondo_error err = { 0 };
    cr_assert_eq(file_read(in_dir("none"), 10, &text, &size, &err), RONDO_EINPUT);
    cr_assert_not_null(strstr(err.where, "none"));
    cr_assert_eq(file_read(dir, 10, &text, &size, NULL), RONDO_EINPUT);
}

static int read_once(void *path)
{
    char *text = NULL;
    size_t size = 0;
    int code = file_read(path, 1 << 20, &text, &size, NULL);
    if (!code)
        mem_free(text);
    return code;
}

Test(file, reading_survives_every_failing_allocation)
{
    char path[4096];
    put("a", "12345");
    snprintf(path, sizeof path, "%s", in_dir("a"));
    cr_assert_gt(brutal_run(read_once, path), 0);
}

Test(file, what_a_killed_process_left_is_swept_and_nothing_else)
{
    static const char *const left[] = { "a.tmp.1", "a.tmp.1234567" };
    static const char *const others[] = { "a", "a.tmp.", "a.tmp.1x", "b.tmp.1", "a.tmp", "xa.tmp.1" };
    for (size_t i = 0; i < 2; i++)
        put(left[i], "");
    for (size_t i = 0; i < 6; i++)
        put(others[i], "");
    file_sweep(in_dir("."), "a");
    for (size_t i = 0; i < 2; i++)
        cr_expect_neq(access(in_dir(left[i]), F_OK), 0, "%s", left[i]);
    for (size_t i = 0; i < 6; i++) {
        cr_expect_eq(access(in_dir(others[i]), F_OK), 0, "%s", others[i]);
        unlink(in_dir(others[i]));
    }
    file_sweep(in_dir("none"), "a");
}

Test(file, folders_are_made_with_their_parents)
{
    struct stat info;
    cr_assert_eq(file_make_dir(in_dir("x/y//z/"), NULL), RONDO_OK);
    cr_assert_eq(stat(in_dir("x/y/z"), &info), 0);
    cr_assert(S_ISDIR(info.st_mode));
    cr_assert_eq(file_make_dir(in_dir("x/y/z"), NULL), RONDO_OK);
    cr_assert_eq(rmdir(in_dir("x/y/z")), 0);
    cr_assert_eq(rmdir(in_dir("x/y")), 0);
}

Test(file, a_folder_is_not_made_where_a_file_stands)
{
    struct rondo_error err = { 0 };
    put("a", "");
    cr_assert_eq(file_make_dir(in_dir("a/b"), &err), RONDO_EIO);
    cr_assert_eq(file_make_dir(in_dir("a"), NULL), RONDO_EIO);
    cr_assert_eq(file_make_dir("", NULL), RONDO_EIO);
}

Test(file, sha256_is_that_of_the_standard)
{
    char hex[65];
    struct rondo_error err = { 0 };
    put("abc", "abc");
    put("empty", "");
    cr_assert_eq(file_sha256(in_dir("abc"), hex, NULL), RONDO_OK);
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_eq(file_sha256(in_dir("empty"), hex, NULL), RONDO_OK);
    cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cr_assert_eq(file_sha256(in_dir("none"), hex, &err), RONDO_EIO);
}

Test(file, what_is_under_way_can_be_forsaken)
{
    enum { MANY = 70 }; /* more than are remembered */
    static struct file_atomic file[MANY];
    put("whole", "kept");
    for (int turn = 0; turn < 3; turn++) { /* places are free again behind a commit, a failure and an end */
        for (int i = 0; i < MANY; i++) {
            char name[16];
            snprintf(name, sizeof name, "f%d", i);
            cr_assert_eq(file_begin(&file[i], dir, name, NULL), RONDO_OK);
        }
        cr_expect_neq(file_begin(&(struct file_atomic){ 0 }, in_dir("nowhere"), "x", NULL), RONDO_OK);
        cr_expect_eq(entries(), 1 + MANY);
        file_forsake();
        cr_expect_eq(entries(), 1 + MANY - 64);
        for (int i = 0; i < MANY; i++)
            file_abandon(&file[i]);
        cr_expect_eq(entries(), 1);
    }
}
