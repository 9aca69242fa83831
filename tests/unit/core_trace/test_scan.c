/* reader_scan and the lists that are told once: what was written comes back, each detail at its round. */
#include "tests/unit/core_trace/sample.h"

TestSuite(scan, .init = sample_setup, .fini = sample_teardown);

struct seen {
    int64_t next;        /* the round that must come */
    enum trace_level level;
};

/* Numbers of 8 bytes; of none there may be no list. */
static bool same(const void *a, const void *b, int64_t count)
{
    return count == 0 || memcmp(a, b, (size_t)count * 8) == 0;
}

static void check_lists(const struct trace_round *got, const struct trace_round *put, enum trace_level level)
{
    int32_t tasks = level >= TRACE_BLOCKS ? put->tasks : 0;
    bool all = level >= TRACE_ALL;
    cr_assert_eq(got->tasks, tasks);
    for (int32_t i = 0; i < tasks; i++) {
        const struct trace_task *a = &got->task[i], *b = &put->task[i];
        cr_assert(a->phase == b->phase && a->block == b->block && a->shard == b->shard && a->worker == b->worker
                  && a->tag == b->tag && a->work == b->work && a->sent_ns == b->sent_ns
                  && a->done_ns == b->done_ns && a->run_ns == b->run_ns);
    }
    cr_assert_eq(got->conflicts, all ? put->conflicts : 0);
    for (int32_t i = 0; i < got->conflicts; i++) {
        const struct trace_conflict *a = &got->conflict[i], *b = &put->conflict[i];
        cr_assert(a->candidate == b->candidate && a->other == b->other && a->other_round == b->other_round
                  && a->joined == b->joined);
        cr_assert_float_eq(a->coupling, b->coupling, 0);
    }
    cr_assert_eq(got->draws, all ? put->draws : 0);
    cr_assert_eq(got->moves, all ? put->moves : 0);
    cr_assert(same(got->draw, put->draw, got->draws));
    cr_assert(same(got->weight, put->weight, got->draws));
    cr_assert(same(got->move, put->move, got->moves));
    cr_assert(same(got->delta, put->delta, got->moves));
}

static int check_round(void *context, const struct trace_round *got)
{
    struct seen *seen = context;
    const struct trace_round *put = sample_round(seen->next);
    cr_assert_eq(got->round, seen->next++);
    cr_assert_eq(got->blocks, put->blocks);
    cr_assert_eq(got->updates, put->updates);
    cr_assert_eq(got->network_ns, put->network_ns);
    cr_assert_eq(got->block != NULL, seen->level >= TRACE_BLOCKS);
    for (int32_t b = 0; got->block && b < got->blocks; b++) {
        cr_assert_eq(got->block[b].block, put->block[b].block);
        cr_assert_eq(got->block[b].count, put->block[b].count);
        cr_assert_eq(memcmp(got->block[b].variables, put->block[b].variables, (size_t)put->block[b].count * 8), 0);
    }
    check_lists(got, put, seen->level);
    return 0;
}

Test(scan, rounds_come_back_with_the_details_that_the_level_keeps)
{
    for (int level = TRACE_ROUNDS; level <= TRACE_ALL; level++) {
        struct seen seen = { 1, (enum trace_level)level };
        sample_trace(seen.level, 50);
        struct trace_reader *reader = sample_reader();
        cr_assert_eq(reader_scan(reader, sample_all, check_round, &seen, NULL), RONDO_OK);
        cr_assert_eq(seen.next, 51);
        seen.next = 20;
        cr_assert_eq(reader_scan(reader, (struct reader_window){ 20, 29 }, check_round, &seen, NULL), RONDO_OK);
        cr_assert_eq(seen.next, 30);
        reader_close(reader);
    }
}

static int check_bare(void *context, const struct trace_round *got)
{
    int64_t *number = context;
    const struct trace_round *put = sample_round(++*number);
    cr_assert_eq(got->round, *number);
    cr_assert_str_eq(got->kind, put->kind);
    cr_assert_str_eq(got->note, put->note);
    cr_assert(got->taken == put->taken && got->updates == put->updates && got->coupled_pairs == put->coupled_pairs);
    cr_assert_float_eq(got->weight_taken, put->weight_taken, 0);
    cr_assert(got->end_ns == 0 && got->push_ns == 0 && got->cost_max <= 0);
    check_lists(got, put, TRACE_ALL);
    return 0;
}

Test(scan, bare_rounds_lack_what_was_measured_alone)
{
    int64_t number = 0;
    sample_trace(TRACE_ALL, 20);
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_scan_bare(reader, sample_all, check_bare, &number, NULL), RONDO_OK);
    cr_assert_eq(number, 20);
    reader_close(reader);
}

static int check_gap(void *context, const struct trace_round *got)
{
    struct seen *seen = context;
    seen->next += seen->next == 4;
    return check_round(context, got);
}

Test(scan, details_of_a_round_that_is_not_there_are_passed)
{
    struct seen seen = { 1, TRACE_ALL };
    sample_trace(TRACE_ALL, 10);
    sample_sql("DELETE FROM rounds WHERE round = 4");
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_scan(reader, sample_all, check_gap, &seen, NULL), RONDO_OK);
    cr_assert_eq(seen.next, 11);
    reader_close(reader);
}

Test(scan, a_list_of_another_length_or_type_is_damage)
{
    static const char *const wrongs[] = {
        "draws = draws + 1", "draw_weight = x'00'", "draw_variable = 5", "moves = -1", "move_delta = 'text'",
        "moves = 9223372036854775807", "variable = x'0000'", "variable = NULL", "variables = 9223372036854775807",
        "block_count = 9223372036854775807", "block_count = -1", "block_first = 0", "block_number = 0",
        "blocks = 2147483647", "blocks = -1", "tasks = 1099511627776", "tasks = 7", "task_sent = 0",
        "task_sent = x'000000'", "task_worker = 1.5", "task_phase = NULL", "task_tag = 'text'",
        "conflicts = 2147483647", "conflict_candidate = zeroblob(6)", "conflict_coupling = zeroblob(4)",
        "conflict_joined = zeroblob(100)",
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        char sql[160];
        int64_t rounds = 0;
        struct rondo_error err = { 0 };
        sample_trace(TRACE_ALL, 5);
        snprintf(sql, sizeof sql, "UPDATE details SET %s WHERE round = 3", wrongs[i]);
        sample_sql(sql);
        struct trace_reader *reader = sample_reader();
        cr_assert_eq(reader_scan(reader, sample_all, sample_count_round, &rounds, &err), RONDO_EINPUT, "%s", wrongs[i]);
        cr_assert(strstr(err.what, "damaged"), "%s", err.what);
        cr_assert_eq(rounds, 2);
        reader_close(reader);
    }
}

/* SQLite sorts them, and takes all of them before it gives one. */
Test(scan, rows_without_their_key_are_damage)
{
    static const char *const tables[] = { "rounds", "details" };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[160];
        int64_t rounds = 0;
        struct rondo_error err = { 0 };
        sample_trace(TRACE_ALL, 5);
        snprintf(sql, sizeof sql, "CREATE TABLE other AS SELECT * FROM %s; DROP TABLE %s; CREATE TABLE %s AS SELECT * FROM other",
                 tables[i], tables[i], tables[i]);
        sample_sql(sql);
        struct trace_reader *reader = sample_reader();
        cr_assert_eq(reader_scan(reader, sample_all, sample_count_round, &rounds, &err), RONDO_EINPUT, "%s", tables[i]);
        cr_assert(strstr(err.what, "damaged"), "%s", err.what);
        cr_assert_eq(rounds, 0);
        reader_close(reader);
    }
}

/* The function that takes rows is ours alone: a file's views may not call it. */
Test(scan, a_file_that_calls_take_is_refused)
{
    struct trace_reader *reader = NULL;
    struct rondo_error err = { 0 };
    sample_trace(TRACE_ALL, 5);
    sample_sql("ALTER TABLE details RENAME TO other; CREATE VIEW details AS SELECT * FROM other WHERE take(1, round) IS NULL");
    cr_assert_eq(reader_open(sample_dir, &reader, &err), RONDO_EINPUT);
    cr_assert(strstr(err.what, "unsafe use of take()"), "%s", err.what);
}

static int stop_at_two(void *context, const struct trace_round *round)
{
    (void)context;
    return round->round == 2 ? 7 : 0;
}

Test(scan, a_callback_ends_it)
{
    sample_trace(TRACE_ALL, 5);
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_scan(reader, sample_all, stop_at_two, NULL, NULL), 7);
    reader_close(reader);
}

/* ---- told once ------------------------------------------------------------------------------------- */

static int check_part(void *context, const struct trace_part *part)
{
    int64_t *sum = context;
    cr_assert(part->columns == (part->kind == TRACE_PART_BLOCK));
    cr_assert_eq(part->count, part->part + 1);
    cr_assert_eq(part->tag, part->kind == TRACE_PART_CHUNK ? 5 : -1);
    for (int64_t i = 0; i < part->count; i++)
        *sum += part->members[i];
    return 0;
}

static int check_cell(void *context, const struct trace_cell *cell)
{
    *(double *)context += cell->cost * (cell->block * 10 + cell->shard);
    return 0;
}

static int check_report(void *context, const struct trace_report *report)
{
    int64_t *lines = context;
    static const char *const keys[] = { "objective", "gap" };
    cr_assert_eq(report->round, 10 * ++*lines);
    cr_assert_eq(report->at_ns, 1000 * *lines);
    cr_assert_eq(report->count, 2);
    for (int i = 0; i < 2; i++)
        cr_assert_str_eq(report->key[i], keys[i]);
    cr_assert_float_eq(report->value[0], (double)*lines / 3, 0);
    cr_assert(isnan(report->value[1]));
    return 0;
}

Test(scan, parts_cells_and_reports_come_back)
{
    static const int64_t members[] = { 7, INT64_C(1) << 40, 9 };
    static const struct trace_cell cells[] = { { 0, 1, 2.5 }, { 1, 0, 4 } };
    struct trace_writer *writer = sample_writer(TRACE_BLOCKS, -1);
    for (int kind = 0; kind < 3; kind++)
        for (int32_t p = 0; p < 3; p++) {
            struct trace_part part = { (enum trace_part_kind)kind, p, kind == TRACE_PART_CHUNK ? 5 : -1,
                                       kind == TRACE_PART_BLOCK, p + 1, members };
            cr_assert_eq(trace_part(writer, &part, NULL), RONDO_OK);
            cr_assert_eq(trace_part(writer, &part, NULL), RONDO_OK, "a resumed job tells it again");
        }
    cr_assert_eq(trace_cells(writer, cells, 2, NULL), RONDO_OK);
    for (int64_t line = 1; line <= 3; line++) {
        const char *const keys[] = { "objective", "gap" };
        const double values[] = { (double)line / 3, (double)NAN };
        struct trace_report report = { 10 * line, 1000 * line, 2, keys, values };
        cr_assert_eq(trace_report(writer, &report, NULL), RONDO_OK);
    }
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    struct trace_reader *reader = sample_reader();
    int64_t sum = 0, lines = 0;
    double costs = 0;
    cr_assert_eq(reader_parts(reader, check_part, &sum, NULL), RONDO_OK);
    cr_assert_eq(sum, 3 * (3 * 7 + 2 * (INT64_C(1) << 40) + 9));
    cr_assert_eq(reader_cells(reader, check_cell, &costs, NULL), RONDO_OK);
    cr_assert_float_eq(costs, 2.5 * 1 + 4 * 10, 0);
    cr_assert_eq(reader_reports(reader, sample_all, check_report, &lines, NULL), RONDO_OK);
    cr_assert_eq(lines, 3);
    reader_close(reader);
}
