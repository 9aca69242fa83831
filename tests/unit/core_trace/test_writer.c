#include "core/base/clock.h"
#include "tests/unit/core_trace/sample.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

TestSuite(writer, .init = sample_setup, .fini = sample_teardown);

/* ---- what was written is read ---------------------------------------------------------------- */

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static int check_round(void *context, const struct trace_round *got)
{
    int64_t *number = context;
    const struct trace_round *want = sample_round(++*number);
    cr_assert_eq(got->round, want->round);
    cr_assert_str_eq(got->kind, want->kind);
    cr_assert_eq(got->phases, want->phases);
    cr_assert_eq(got->blocks, want->blocks);
    cr_assert_eq(got->staleness, want->staleness);
    cr_assert_eq(got->wanted, want->wanted);
    cr_assert_eq(got->drawn, want->drawn);
    cr_assert_eq(got->refused, want->refused);
    cr_assert_eq(got->taken, want->taken);
    cr_assert_eq(got->joined, want->joined);
    cr_assert_eq(got->updates, want->updates);
    cr_assert_eq(got->pairs_needed, want->pairs_needed);
    cr_assert_eq(got->pairs_computed, want->pairs_computed);
    cr_assert_eq(got->coupled_pairs, want->coupled_pairs);
    cr_assert(same(got->weight_sum, want->weight_sum));
    cr_assert(same(got->weight_taken, want->weight_taken));
    cr_assert(same(got->cost_max, want->cost_max));
    cr_assert(same(got->cost_mean, want->cost_mean));
    cr_assert(same(got->objective, want->objective));
    cr_assert_eq(got->plan_ns, want->plan_ns);
    cr_assert_eq(got->push_ns, want->push_ns);
    cr_assert_eq(got->commit_ns, want->commit_ns);
    cr_assert_eq(got->run_ns, want->run_ns);
    cr_assert_eq(got->pull_ns, want->pull_ns);
    cr_assert_eq(got->network_ns, want->network_ns);
    cr_assert_eq(got->couple_ns, want->couple_ns);
    cr_assert_eq(got->begin_ns, want->begin_ns);
    cr_assert_eq(got->end_ns, want->end_ns);
    cr_assert_str_eq(got->note, want->note);
    return 0;
}

static int check_block(void *context, const struct reader_block *got)
{
    int64_t at = (*(int64_t *)context)++;
    const struct trace_round *round = sample_round(at / SAMPLE_BLOCKS + 1);
    const struct trace_block *want = &round->block[at % SAMPLE_BLOCKS];
    cr_assert_eq(got->round, round->round);
    cr_assert_eq(got->block.block, want->block);
    cr_assert_eq(got->block.count, want->count);
    cr_assert(same(got->block.cost, want->cost));
    cr_assert(same(got->cost_mean, round->cost_mean));
    size_t bytes = (size_t)want->count * sizeof *want->variables;
    cr_assert_eq(memcmp(got->block.variables, want->variables, bytes), 0);
    return 0;
}

static int check_task(void *context, int64_t number, const struct trace_task *got)
{
    int64_t at = (*(int64_t *)context)++;
    const struct trace_round *round = sample_round(at / SAMPLE_TASKS + 1);
    cr_assert_eq(number, round->round);
    cr_assert_eq(memcmp(got, &round->task[at % SAMPLE_TASKS], sizeof *got), 0);
    return 0;
}

static int check_conflict(void *context, int64_t number, const struct trace_conflict *got)
{
    int64_t at = (*(int64_t *)context)++;
    const struct trace_round *round = sample_round(at / SAMPLE_CONFLICTS + 1);
    cr_assert_eq(number, round->round);
    const struct trace_conflict *want = &round->conflict[at % SAMPLE_CONFLICTS];
    cr_assert_eq(got->candidate, want->candidate);
    cr_assert_eq(got->other, want->other);
    cr_assert(same(got->coupling, want->coupling));
    cr_assert_eq(got->other_round, want->other_round);
    cr_assert_eq(got->joined, want->joined);
    return 0;
}

static void check_level(enum trace_level level, int64_t blocks, int64_t tasks, int64_t conflicts)
{
    int64_t seen[4] = { 0 };
    sample_trace(level, 12);
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_level(reader), level);
    cr_assert_eq(reader_rounds(reader, sample_all, check_round, &seen[0], NULL), RONDO_OK);
    cr_assert_eq(reader_blocks(reader, sample_all, check_block, &seen[1], NULL), RONDO_OK);
    cr_assert_eq(reader_tasks(reader, sample_all, check_task, &seen[2], NULL), RONDO_OK);
    cr_assert_eq(reader_conflicts(reader, sample_all, check_conflict, &seen[3], NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_eq(seen[0], 12);
    cr_assert_eq(seen[1], blocks);
    cr_assert_eq(seen[2], tasks);
    cr_assert_eq(seen[3], conflicts);
}

Test(writer, level_rounds_keeps_rounds_alone)
{
    check_level(TRACE_ROUNDS, 0, 0, 0);
}

Test(writer, level_blocks_keeps_blocks_and_tasks)
{
    check_level(TRACE_BLOCKS, 12 * SAMPLE_BLOCKS, 12 * SAMPLE_TASKS, 0);
}

Test(writer, level_all_keeps_conflicts_too)
{
    check_level(TRACE_ALL, 12 * SAMPLE_BLOCKS, 12 * SAMPLE_TASKS, 12 * SAMPLE_CONFLICTS);
}

Test(writer, level_off_touches_nothing)
{
    struct trace_writer *writer = sample_writer(TRACE_OFF, -1);
    cr_assert_null(writer);
    cr_assert_eq(trace_write(writer, sample_round(1), NULL), RONDO_OK);
    cr_assert_eq(trace_flush(writer, NULL), RONDO_OK);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    cr_assert_eq(sample_size(sample_file), -1);
}

static const int64_t wide[] = { 0, INT32_MAX, (int64_t)INT32_MAX + 1, INT64_MAX };

static int check_odd_block(void *context, const struct reader_block *got)
{
    int64_t at = (*(int64_t *)context)++;
    cr_assert_eq(got->block.count, at == 0 ? 4 : at == 1 ? 2 : at == 2 ? 0 : 5);
    cr_assert_eq(got->block.variables == NULL, at == 3);
    if (at < 2)
        cr_assert_eq(memcmp(got->block.variables, wide, (size_t)got->block.count * 8), 0);
    return 0;
}

Test(writer, large_indices_empty_blocks_and_chunks_are_kept)
{
    const struct trace_block block[] = {
        { 0, 4, 1.0, wide }, { 1, 2, 1.0, wide }, { 2, 0, 0.0, wide }, { 3, 5, 1.0, NULL }
    };
    struct trace_round round = *sample_round(1);
    round.block = block;
    round.blocks = 4;
    round.task = NULL;
    struct trace_writer *writer = sample_writer(TRACE_BLOCKS, -1);
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    int64_t seen = 0;
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_blocks(reader, sample_all, check_odd_block, &seen, NULL), RONDO_OK);
    cr_assert_eq(seen, 4);
    reader_close(reader);
}

/* ---- going on -------------------------------------------------------------------------------- */

static void check_counts(int64_t rounds)
{
    struct sample_counts seen = sample_seen();
    cr_assert_eq(seen.rounds, rounds, "%lld rounds", (long long)seen.rounds);
    cr_assert_eq(seen.blocks, rounds * SAMPLE_BLOCKS);
    cr_assert_eq(seen.tasks, rounds * SAMPLE_TASKS);
    cr_assert_eq(seen.conflicts, rounds * SAMPLE_CONFLICTS);
}

Test(writer, resume_drops_later_rounds_from_every_table)
{
    sample_trace(TRACE_ALL, 20);
    struct trace_writer *writer = sample_writer(TRACE_ALL, 8);
    check_counts(8);
    sample_put(writer, 9, 11);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    check_level(TRACE_ALL, 12 * SAMPLE_BLOCKS, 12 * SAMPLE_TASKS, 12 * SAMPLE_CONFLICTS);
}

Test(writer, resume_after_round_0_keeps_no_round)
{
    sample_trace(TRACE_ALL, 5);
    cr_assert_eq(trace_close(sample_writer(TRACE_ALL, 0), NULL), RONDO_OK);
    check_counts(0);
}

Test(writer, resume_without_a_trace_begins_one)
{
    struct trace_writer *writer = sample_writer(TRACE_ALL, 8);
    sample_put(writer, 9, 10);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    check_counts(2);
}

static void refuse_resume(const char *says)
{
    struct trace_writer *writer = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(trace_create(sample_dir, TRACE_ROUNDS, 3, NULL, &writer, &err), RONDO_ESTATE);
    cr_assert_null(writer);
    cr_assert_str_eq(err.where, sample_file);
    cr_assert(strstr(err.what, says), "%s", err.what);
    cr_assert_str_not_empty(err.hint);
}

Test(writer, resume_refuses_what_is_not_its_own)
{
    static const unsigned char one[] = { 0, 0, 0, 1 };
    sample_trace(TRACE_ALL, 5);
    sample_poke(60, one, 4); /* user_version, see the SQLite file format */
    refuse_resume("version 1");
    sample_poke(68, one, 4); /* application_id */
    refuse_resume("not a Rondo trace");
    sample_poke(0, "something else ", 16);
    refuse_resume("not a Rondo trace");
    sample_trace(TRACE_ALL, 5);
    cr_assert_eq(truncate(sample_file, 4096), 0);
    refuse_resume("truncated");
}

Test(writer, anew_forgets_the_old_trace)
{
    sample_trace(TRACE_ALL, 20);
    sample_poke(0, "something else ", 16);
    sample_trace(TRACE_ALL, 2);
    check_counts(2);
}

Test(writer, a_round_that_comes_again_replaces_what_follows)
{
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    sample_put(writer, 1, 10);
    sample_put(writer, 6, 7);
    cr_assert_eq(trace_flush(writer, NULL), RONDO_OK);
    check_counts(7);
    sample_put(writer, 7, 9);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    check_counts(9);
}

/* ---- when readers see it ----------------------------------------------------------------------- */

Test(writer, a_flush_shows_it_to_readers)
{
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    sample_put(writer, 1, 3);
    check_counts(0);
    cr_assert_eq(trace_flush(writer, NULL), RONDO_OK);
    check_counts(3);
    cr_assert_eq(trace_flush(writer, NULL), RONDO_OK);
    sample_put(writer, 4, 5);
    check_counts(3);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    check_counts(5);
}

Test(writer, four_thousand_rows_are_committed_unasked)
{
    struct trace_writer *writer = sample_writer(TRACE_ROUNDS, -1);
    sample_put(writer, 1, 5000);
    int64_t seen = sample_seen().rounds;
    cr_assert(seen >= 4096 && seen < 5000, "%lld", (long long)seen);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
}

/* So many rounds of `conflicts` each, which are a row's list of couplings and numbers: what readers see of them. */
static int64_t seen_of(int64_t rounds, int32_t conflicts)
{
    struct trace_conflict *conflict = mem_calloc((size_t)conflicts, sizeof *conflict);
    struct trace_writer *writer = NULL;
    cr_assert_eq(trace_create(sample_dir, TRACE_ALL, -1, NULL, &writer, NULL), RONDO_OK);
    for (int32_t i = 0; i < conflicts; i++)
        conflict[i] = (struct trace_conflict){ .candidate = i % 100, .coupling = i };
    for (int64_t number = 1; number <= rounds; number++) {
        struct trace_round round = { .round = number, .kind = "sampled", .note = "", .conflict = conflict,
                                     .conflicts = conflicts };
        cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    }
    int64_t seen = sample_seen().rounds;
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    mem_free(conflict);
    return seen;
}

Test(writer, lists_are_committed_by_their_bytes_not_by_their_numbers)
{
    int64_t begin_ns = clock_now_ns(), few = seen_of(300, 40);
    cr_expect(few == 0 || clock_now_ns() - begin_ns >= 1000000000, "of 600 rows %lld rounds", (long long)few);
    begin_ns = clock_now_ns();
    int64_t many = seen_of(40, 8000); /* 72 kB a round, of 2 MiB; all 40 where a second went by */
    cr_expect(many > 0 && (many < 40 || clock_now_ns() - begin_ns >= 1000000000), "%lld", (long long)many);
}

static void check_flow(enum trace_level level)
{
    struct trace_writer *writer = NULL;
    int64_t created_ns = clock_now_ns();
    cr_assert_eq(trace_create(sample_dir, level, -1, NULL, &writer, NULL), RONDO_OK);
    cr_expect(!trace_flows(writer));
    trace_hold(writer, true);
    int64_t number = 0;
    do
        cr_assert_eq(trace_write(writer, sample_round(++number), NULL), RONDO_OK);
    while (trace_flows(writer));
    bool second = clock_now_ns() - created_ns >= INT64_C(1000000000); /* then a commit was due for that */
    cr_expect((number > 100 || second) && number <= 4096, "%lld", (long long)number);
    cr_expect_eq(sample_seen().rounds, 0, "what is held was committed");
    trace_hold(writer, false);
    cr_assert_eq(trace_write(writer, sample_round(++number), NULL), RONDO_OK);
    cr_expect_eq(sample_seen().rounds, number);
    cr_expect(!trace_flows(writer));
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
}

Test(writer, rows_flow_from_the_first_of_a_transaction_until_a_commit_is_due_which_waits_where_it_is_held)
{
    check_flow(TRACE_ROUNDS);
    check_flow(TRACE_ALL); /* a round is many rows: it may pass the mark */
    trace_hold(NULL, true);
    cr_expect(trace_flows(NULL));
}

Test(writer, a_second_later_they_are_committed_unasked)
{
    struct timespec second = { 1, 50000000 };
    struct trace_writer *writer = sample_writer(TRACE_ROUNDS, -1);
    sample_put(writer, 1, 3);
    nanosleep(&second, NULL);
    sample_put(writer, 4, 4);
    sample_put(writer, 5, 5);
    cr_assert_geq(sample_seen().rounds, 4); /* and 5, where a second went by between them */
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
}

Test(writer, a_finished_trace_is_one_file)
{
    sample_trace(TRACE_ALL, 50);
    cr_assert(sample_size(sample_file) > 0);
    cr_assert_eq(sample_size(sample_beside("-wal")), -1);
    cr_assert_eq(sample_size(sample_beside("-shm")), -1);
    cr_assert_eq(sample_size(sample_beside("-journal")), -1);
}

Test(writer, a_reader_that_stays_open_does_not_hold_up_the_writer)
{
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    sample_put(writer, 1, 3);
    cr_assert_eq(trace_flush(writer, NULL), RONDO_OK);
    struct trace_reader *reader = sample_reader();
    sample_put(writer, 4, 400);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    struct sample_counts counts;
    cr_assert_eq(sample_count(reader, &counts, NULL), RONDO_OK);
    cr_assert_eq(counts.rounds, 3);
    reader_close(reader);
    check_counts(400);
}

static void killed_after(int64_t flushed, int64_t written)
{
    pid_t child = fork();
    if (child == 0) {
        struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
        sample_put(writer, 1, flushed);
        if (trace_flush(writer, NULL))
            _exit(1);
        sample_put(writer, flushed + 1, written);
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

Test(writer, a_killed_writer_leaves_all_to_its_last_flush)
{
    killed_after(300, 310);
    check_counts(300);
    struct trace_writer *writer = sample_writer(TRACE_ALL, 299);
    sample_put(writer, 300, 302);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    check_counts(302);
}

Test(writer, a_killed_writer_that_was_never_flushed_leaves_an_empty_trace)
{
    killed_after(0, 5);
    check_counts(0);
}
