#include "core/base/tidy.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/rondo-test-XXXXXX";

static void begin(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static const char *in(const char *name)
{
    static char path[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", dir, name);
    return path[next];
}

/* Whatever is left is old enough to go. */
static void end(void)
{
    static const char *const names[] = { "a", "b", "c", "d", "folder/one", "folder/two", "folder" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(in(names[i]));
    cr_assert_eq(rmdir(dir), 0);
}

TestSuite(tidy, .init = begin, .fini = end);

static void age(const char *name, int minutes)
{
    struct timespec times[2] = { { .tv_sec = time(NULL) - 60 * minutes } };
    times[1] = times[0];
    cr_assert_eq(utimensat(AT_FDCWD, in(name), times, 0), 0);
}

static void put(const char *name, int bytes, int minutes)
{
    FILE *file = fopen(in(name), "wb");
    cr_assert_not_null(file);
    for (int i = 0; i < bytes; i++)
        fputc('x', file);
    cr_assert_eq(fclose(file), 0);
    age(name, minutes);
}

static bool is(const char *name)
{
    return access(in(name), F_OK) == 0;
}

Test(tidy, who_was_used_least_recently_goes_and_no_more_than_must)
{
    put("a", 100, 30);
    put("b", 100, 50);
    put("c", 100, 40);
    cr_assert(tidy_room(dir, 100, 400));
    cr_assert(is("a") && is("b") && is("c"), "there was room");
    cr_assert(tidy_room(dir, 100, 300));
    cr_assert(is("a") && !is("b") && is("c"));
    tidy_used(in("c"));
    cr_assert(tidy_room(dir, 200, 300));
    cr_assert(!is("a") && is("c"));
}

Test(tidy, what_was_used_a_moment_ago_stays_and_there_is_no_room)
{
    put("a", 100, 0);
    put("b", 100, 30);
    cr_assert_not(tidy_room(dir, 250, 300));
    cr_assert(is("a"));
    put("b", 100, 30);
    cr_assert_not(tidy_room(dir, 301, 300));
    cr_assert(is("b"), "it would not have helped");
}

Test(tidy, a_folder_counts_with_what_is_in_it_and_goes_as_a_whole)
{
    cr_assert_eq(mkdir(in("folder"), 0700), 0);
    put("folder/one", 100, 0);
    put("folder/two", 100, 0);
    age("folder", 30);
    put("a", 100, 20);
    cr_assert(tidy_room(dir, 100, 400));
    cr_assert(is("folder/two"));
    cr_assert(tidy_room(dir, 200, 400));
    cr_assert(!is("folder") && is("a"));
}

Test(tidy, it_never_asks_for_more_than_half_of_what_the_disk_has)
{
    cr_assert_not(tidy_room(dir, UINT64_C(1) << 60, UINT64_MAX));
    cr_assert(tidy_room(dir, 1, 0));
    cr_assert_not(tidy_room(in("missing"), 1, 0));
}

Test(tidy, without_memory_there_is_no_room)
{
    put("a", 100, 30);
    int64_t live = mem_live();
    mem_fail_at(1);
    cr_assert_not(tidy_room(dir, 100, 100));
    mem_fail_at(0);
    cr_assert_eq(mem_live(), live);
    cr_assert(is("a"));
}

Test(tidy, a_folder_is_made_for_its_owner_alone)
{
    struct rondo_error err = { 0 };
    struct stat info;
    cr_assert_eq(tidy_open(in("folder/one"), &err), RONDO_OK, "%s", err.what);
    cr_assert_eq(stat(in("folder/one"), &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0700);
    cr_assert_eq(tidy_open(in("folder/one"), &err), RONDO_OK);
}

static void refused(const char *name, const char *words)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(tidy_open(in(name), &err), RONDO_EIO);
    cr_assert(strstr(err.what, words), "\"%s\" lacks \"%s\"", err.what, words);
}

Test(tidy, a_folder_that_others_can_write_to_is_refused)
{
    cr_assert_eq(mkdir(in("a"), 0700), 0);
    cr_assert_eq(chmod(in("a"), 0770), 0);
    refused("a", "others");
    cr_assert_eq(chmod(in("a"), 0755), 0);
    if (geteuid() == 0 && chown(in("a"), 65534, 65534) == 0)
        refused("a", "somebody else's");
    put("b", 1, 0);
    refused("b", "not a folder");
    refused("b/c", "not a folder");
}
