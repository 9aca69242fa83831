#include "tests/unit/core_trace/sample.h"

#include "tests/support/disk.h"

TestSuite(writer_failures, .init = sample_setup, .fini = sample_teardown);

static int brutal_trial(void)
{
    struct trace_writer *writer = NULL;
    struct rondo_error err = { 0 };
    static int64_t many[20000]; /* more than the buffer that a writer begins with */
    const struct trace_block block = { 0, 20000, 1.0, many };
    struct trace_round round = *sample_round(1);
    round.block = &block;
    round.blocks = 1;
    int code = trace_create(sample_dir, TRACE_ALL, -1, NULL, &writer, &err);
    if (!code)
        code = trace_write(writer, &round, &err);
    int closed = trace_close(writer, NULL);
    cr_assert_eq(closed, writer ? code : RONDO_OK);
    cr_assert_eq(err.code, code);
    return code;
}

Test(writer_failures, any_allocation_may_fail)
{
    int failures = 0;
    for (uint64_t k = 1;; k++, failures++) {
        int64_t live = mem_live();
        mem_fail_at(k);
        int code = brutal_trial();
        mem_fail_at(0);
        cr_assert_eq(mem_live(), live, "leaked when allocation %d failed", (int)k);
        if (code == RONDO_OK)
            break;
        cr_assert_eq(code, RONDO_ENOMEM);
    }
    cr_assert_eq(failures, 4);
}

Test(writer_failures, a_missing_folder_is_an_io_error)
{
    struct trace_writer *writer = NULL;
    struct rondo_error err = { 0 };
    int code = trace_create("/nowhere/at/all", TRACE_ALL, -1, NULL, &writer, &err);
    cr_assert_eq(code, RONDO_EIO);
    cr_assert_str_eq(err.where, "/nowhere/at/all/trace.db");
    cr_assert(strstr(err.what, "No such file"), "%s", err.what);
}

Test(writer_failures, a_full_disk_is_said_once_and_costs_what_was_not_flushed)
{
    struct rondo_error err = { 0 };
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    sample_put(writer, 1, 5);
    cr_assert_eq(trace_flush(writer, NULL), RONDO_OK);
    disk_limit(256 * 1024);
    int code = RONDO_OK;
    for (int64_t number = 6; number < 5000 && !code; number++)
        code = trace_write(writer, sample_round(number), &err);
    cr_assert_eq(code, RONDO_EIO);
    cr_assert_str_eq(err.where, sample_file);
    cr_assert(strstr(err.what, "cannot write the trace: disk I/O error"), "%s", err.what);
    struct rondo_error again = { 0 };
    cr_assert_eq(trace_write(writer, sample_round(5000), &again), RONDO_EIO);
    cr_assert_str_eq(again.what, err.what);
    cr_assert_eq(trace_flush(writer, NULL), RONDO_EIO);
    cr_assert_eq(trace_close(writer, NULL), RONDO_EIO);
    disk_limit(RLIM_INFINITY);
    struct sample_counts seen = sample_seen();
    cr_assert(seen.rounds >= 5 && seen.rounds < 5000);
    cr_assert_eq(seen.blocks, seen.rounds * SAMPLE_BLOCKS);
    cr_assert_eq(seen.tasks, seen.rounds * SAMPLE_TASKS);
    cr_assert_eq(seen.conflicts, seen.rounds * SAMPLE_CONFLICTS);
}

Test(writer_failures, no_room_at_all_is_an_io_error)
{
    struct trace_writer *writer = NULL;
    struct rondo_error err = { 0 };
    disk_limit(0);
    cr_assert_eq(trace_create(sample_dir, TRACE_ALL, -1, NULL, &writer, &err), RONDO_EIO);
    disk_limit(RLIM_INFINITY);
    cr_assert_null(writer);
    cr_assert_str_eq(err.where, sample_file);
    cr_assert(strstr(err.what, "disk I/O error"), "%s", err.what);
}
