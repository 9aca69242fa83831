#include "core/base/spill.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, BLOCKS = 64, CAP = 8 * BLOCK, PAGE = 4096 };

static char dir[] = "/tmp/rondo-spill-XXXXXX";

static void begin(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void end(void)
{
    rmdir(dir);
}

TestSuite(spill, .init = begin, .fini = end);

static int64_t resident_of_files(void)
{
    long long all, here, shared;
    FILE *statm = fopen("/proc/self/statm", "re");
    cr_assert_not_null(statm);
    cr_assert_eq(fscanf(statm, "%lld %lld %lld", &all, &here, &shared), 3);
    fclose(statm);
    return (int64_t)shared * PAGE;
}

static int names(void)
{
    int count = 0;
    DIR *open = opendir(dir);
    while (readdir(open))
        count++;
    closedir(open);
    return count - 2;
}

static void start(int64_t cap)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(spill_begin(dir, cap, &err), RONDO_OK, "%s", err.what);
}

Test(spill, what_is_let_go_comes_again_and_no_more_than_the_cap_is_resident)
{
    unsigned char *block[BLOCKS];
    start(CAP);
    int64_t before = resident_of_files(), most = 0;
    for (int i = 0; i < BLOCKS; i++) {
        block[i] = i % 2 ? mem_alloc(BLOCK) : mem_calloc(1, BLOCK);
        cr_assert_not_null(block[i]);
    }
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; i < BLOCKS; i++) {
            spill_said(BLOCK);
            for (int at = 0; at < BLOCK; at += PAGE)
                cr_assert_eq(block[i][at], turn ? i + turn : i % 2 ? block[i][at] : 0);
            memset(block[i], i + turn + 1, BLOCK);
            int64_t now = resident_of_files() - before;
            most = now > most ? now : most;
        }
    cr_expect_gt(most, CAP / 2);
    cr_expect_leq(most, CAP + BLOCK);
    cr_expect_eq(names(), 0);
    for (int i = 0; i < BLOCKS; i++)
        mem_free(block[i]);
    spill_end();
}

Test(spill, small_blocks_and_those_of_others_are_ordinary_memory)
{
    bool full;
    cr_expect_null(spill_alloc(BLOCK, &full));
    cr_expect_not(full);
    start(CAP);
    cr_expect_null(spill_alloc(SPILL_LEAST - 1, &full));
    struct spill_block *block = spill_alloc(SPILL_LEAST, &full);
    cr_assert_not_null(block);
    spill_end();
    cr_expect_null(spill_alloc(BLOCK, &full));
    spill_said(SIZE_MAX / 4);
    memset(spill_at(block), 1, SPILL_LEAST); /* it outlives the job that asked */
    spill_free(block);
}

Test(spill, the_least_cap_of_several_jobs_holds)
{
    start(CAP);
    start(CAP / 2);
    cr_expect_eq(spill_cap(), CAP / 2);
    start(CAP);
    cr_expect_eq(spill_cap(), CAP / 2);
    for (int i = 0; i < 3; i++)
        spill_end();
    cr_expect_eq(spill_cap(), 0);
}

Test(spill, a_disk_without_room_is_no_memory)
{
    bool full;
    start(CAP);
    int64_t live = mem_live();
    cr_expect_null(spill_alloc((size_t)1 << 60, &full));
    cr_expect(full);
    cr_expect_null(mem_alloc((size_t)1 << 60));
    cr_expect_eq(mem_live(), live);
    cr_expect_eq(names(), 0);
    spill_end();
}

Test(spill, a_folder_that_is_not_there_is_an_error)
{
    struct rondo_error err = { 0 };
    cr_expect_eq(spill_begin("/nowhere/at/all", CAP, &err), RONDO_EIO);
    cr_expect_eq(spill_cap(), 0);
}

Test(spill, buffers_grow_there_too)
{
    struct rondo_buf buf = { 0 };
    start(CAP);
    for (int i = 0; i < 40000; i++)
        cr_assert_eq(buf_append(&buf, &(char[1000]){ (char)i }, 1000), RONDO_OK);
    for (int i = 0; i < 40000; i++)
        cr_assert_eq(((char *)buf.data)[i * 1000], (char)i);
    buf_fini(&buf);
    spill_end();
}
