#include "tests/unit/core_trace/sample.h"

#include <rondo/rng.h>

TestSuite(reader, .init = sample_setup, .fini = sample_teardown);

/* ---- what is no trace ---------------------------------------------------------------------- */

static void refuse(const char *path, const char *where, const char *says)
{
    struct trace_reader *reader = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(reader_open(path, &reader, &err), RONDO_EINPUT);
    cr_assert_null(reader);
    cr_assert_str_eq(err.where, where);
    cr_assert(strstr(err.what, says), "\"%s\" does not say \"%s\"", err.what, says);
    cr_assert_null(strchr(err.what, '\n'));
}

static void write_file(const void *bytes, size_t size)
{
    FILE *file = fopen(sample_file, "wbe");
    cr_assert(file != NULL);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

Test(reader, a_missing_file_is_refused)
{
    refuse(sample_file, sample_file, "No such file");
    refuse(sample_dir, sample_file, "No such file");
    refuse("", "", "No such file");
    refuse("/dev/null", "/dev/null", "is not a file");
}

Test(reader, a_file_that_is_not_sqlite_is_refused)
{
    static char text[5000];
    memset(text, 'x', sizeof text);
    write_file(text, sizeof text);
    refuse(sample_dir, sample_file, "is not a Rondo trace");
    write_file("short", 5);
    refuse(sample_file, sample_file, "is not a Rondo trace");
    write_file("", 0);
    refuse(sample_file, sample_file, "is not a Rondo trace");
}

Test(reader, another_version_and_another_program_are_refused)
{
    static const unsigned char seven[] = { 0, 0, 0, 7 };
    sample_trace(TRACE_ROUNDS, 3);
    sample_poke(60, seven, 4); /* user_version, see the SQLite file format */
    refuse(sample_dir, sample_file, "version 7");
    sample_poke(68, seven, 4); /* application_id */
    refuse(sample_dir, sample_file, "another program");
}

/* Opens and reads all; whatever is wrong must be said as RONDO_EINPUT. */
static int read_all(struct rondo_error *err)
{
    struct trace_reader *reader = NULL;
    struct sample_counts counts;
    int code = reader_open(sample_dir, &reader, err);
    if (!code)
        code = sample_count(reader, &counts, err);
    reader_close(reader);
    cr_assert(code == RONDO_OK || code == RONDO_EINPUT);
    return code;
}

Test(reader, a_truncated_file_is_refused_wherever_it_was_cut)
{
    sample_trace(TRACE_ALL, 100);
    off_t size = sample_size(sample_file);
    for (off_t length = size - 1; length > 0; length -= length > 8192 ? 4097 : 255) {
        struct rondo_error err = { 0 };
        cr_assert_eq(truncate(sample_file, length), 0);
        cr_assert_eq(read_all(&err), RONDO_EINPUT, "cut to %ld bytes", (long)length);
        cr_assert_str_eq(err.where, sample_file);
    }
}

Test(reader, flipped_bytes_are_survived)
{
    enum { TRIALS = 400 };
    static unsigned char good[1 << 20];
    sample_trace(TRACE_ALL, 40);
    off_t size = sample_size(sample_file);
    cr_assert(size < (off_t)sizeof good);
    FILE *file = fopen(sample_file, "rbe");
    cr_assert_eq(fread(good, 1, sizeof good, file), (size_t)size);
    fclose(file);
    int refused = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        struct rondo_error err = { 0 };
        for (uint64_t flip = 0; flip < 20; flip++) {
            struct rondo_rng_pair draw = rondo_rng_pair(1, trial, 1, flip);
            unsigned char byte = (unsigned char)draw.b;
            sample_poke((off_t)(draw.a % (uint64_t)size), &byte, 1);
        }
        refused += read_all(&err) != RONDO_OK;
        write_file(good, (size_t)size);
    }
    cr_assert(refused > 0 && refused < TRIALS, "%d of %d were refused", refused, TRIALS);
}

/* ---- what a trace says ----------------------------------------------------------------------- */

static void check_window(struct trace_reader *reader, struct reader_window window, int64_t rounds)
{
    int64_t seen = 0;
    cr_assert_eq(reader_rounds(reader, window, sample_count_round, &seen, NULL), RONDO_OK);
    cr_assert_eq(seen, rounds);
}

Test(reader, the_first_and_the_last_rounds)
{
    sample_trace(TRACE_ALL, 30);
    struct reader_window window;
    struct trace_reader *reader = sample_reader();
    cr_assert_str_eq(reader_path(reader), sample_file);
    cr_assert_eq(reader_first(reader, 7, &window, NULL), RONDO_OK);
    cr_assert_eq(window.to, 7);
    check_window(reader, window, 7);
    cr_assert_eq(reader_last(reader, 7, &window, NULL), RONDO_OK);
    cr_assert_eq(window.from, 24);
    check_window(reader, window, 7);
    cr_assert_eq(reader_last(reader, 31, &window, NULL), RONDO_OK);
    check_window(reader, window, 30);
    cr_assert_eq(reader_first(reader, 0, &window, NULL), RONDO_OK);
    check_window(reader, window, 30);
    reader_close(reader);
}

static int stop_at_3(void *context, const struct trace_round *round)
{
    (void)context;
    return round->round == 3 ? 42 : 0;
}

Test(reader, a_callback_may_end_a_query)
{
    sample_trace(TRACE_ROUNDS, 10);
    struct rondo_error err = { 0 };
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_rounds(reader, sample_all, stop_at_3, NULL, &err), 42);
    cr_assert_eq(err.code, 0);
    reader_close(reader);
}

/* Two rounds with numbers to sum in one's head, and one in between that samples nothing. */
static void write_three(void)
{
    struct trace_round round = {
        .round = 1, .kind = "sampled", .blocks = 2, .wanted = 100, .drawn = 120, .refused = 10,
        .taken = 80, .joined = 3, .updates = 90, .staleness = 1, .pairs_needed = 1000, .pairs_computed = 1000, .coupled_pairs = 5,
        .cost_max = 30, .cost_mean = 20, .objective = 8, .plan_ns = 10, .push_ns = 60,
        .commit_ns = 5, .run_ns = 40, .pull_ns = 12, .network_ns = 8, .couple_ns = 4, .begin_ns = 100,
        .end_ns = 200, .note = "full",
    };
    struct trace_writer *writer = sample_writer(TRACE_ROUNDS, -1);
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    cr_assert_eq(trace_write(writer, &(struct trace_round){ .round = 2, .kind = "sweep",
                                                            .taken = 7, .updates = 7, .objective = (double)NAN,
                                                            .begin_ns = 200, .end_ns = 300,
                                                            .note = "" }, NULL), RONDO_OK);
    round.round = 3;
    round.taken = 40;
    round.pairs_computed = 500;
    round.cost_max = 20;
    round.objective = 2;
    round.begin_ns = 300;
    round.end_ns = 1100;
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
}

Test(reader, a_summary_adds_up)
{
    struct reader_summary sum;
    write_three();
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_summary(reader, sample_all, &sum, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_eq(sum.rounds, 3);
    cr_assert_eq(sum.first_round, 1);
    cr_assert_eq(sum.last_round, 3);
    cr_assert_eq(sum.updates, 90 + 7 + 90);
    cr_assert_eq(sum.taken, 120);
    cr_assert_eq(sum.joined, 6);
    cr_assert_eq(sum.staleness_max, 1);
    cr_assert_eq(sum.run_ns, 80);
    cr_assert_eq(sum.pull_ns, 24);
    cr_assert_eq(sum.network_ns, 16);
    cr_assert_eq(sum.wanted, 200);
    cr_assert_eq(sum.drawn, 240);
    cr_assert_eq(sum.refused, 20);
    cr_assert_eq(sum.pairs_needed, 2000);
    cr_assert_eq(sum.pairs_computed, 1500);
    cr_assert_eq(sum.coupled_pairs, 10);
    cr_assert_eq(sum.plan_ns + sum.push_ns + sum.commit_ns, 150);
    cr_assert_eq(sum.couple_ns, 8);
    cr_assert_eq(sum.elapsed_ns, 1000);
    cr_assert_float_eq(sum.fill_ratio, 0.6, 1e-12);
    cr_assert_float_eq(sum.hit_ratio, 0.25, 1e-12);
    cr_assert_float_eq(sum.imbalance_mean, 1.25, 1e-12);
    cr_assert_float_eq(sum.imbalance_max, 1.5, 1e-12);
    cr_assert_float_eq(sum.objective_first, 8.0, 1e-12);
    cr_assert_float_eq(sum.objective_last, 2.0, 1e-12);
}

Test(reader, a_summary_of_nothing_has_no_ratios)
{
    struct reader_summary sum;
    sample_trace(TRACE_ROUNDS, 0);
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_summary(reader, sample_all, &sum, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_eq(sum.rounds, 0);
    cr_assert_eq(sum.updates, 0);
    cr_assert(isnan(sum.fill_ratio) && isnan(sum.hit_ratio) && isnan(sum.imbalance_mean));
    cr_assert(isnan(sum.objective_first) && isnan(sum.objective_last));
}

static void join_words(char line[200], const struct reader_word *word, int count)
{
    for (int i = 0; i < count; i++)
        snprintf(line + strlen(line), 200 - strlen(line), "%s %d;", word[i].word, (int)word[i].rounds);
}

static int join_meta(void *context, const char *key, const char *value)
{
    char *line = context;
    size_t used = strlen(line);
    snprintf(line + used, 200 - used, "%s=%s;", key, value);
    return 0;
}

Test(reader, kinds_notes_and_meta_are_listed)
{
    char kinds[200] = "", notes[200] = "", meta[200] = "";
    struct reader_summary sum;
    write_three();
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_summary(reader, sample_all, &sum, NULL), RONDO_OK);
    join_words(kinds, sum.kind, sum.kinds);
    join_words(notes, sum.note, sum.notes);
    cr_assert_eq(reader_meta(reader, join_meta, meta, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_str_eq(kinds, "sampled 2;sweep 1;");
    cr_assert_str_eq(notes, "full 2;");
    cr_assert_str_eq(meta, "level=rounds;name=sample;seed=1;");
}

Test(reader, words_beyond_a_full_list_are_counted_together)
{
    char note[80];
    struct trace_writer *writer = sample_writer(TRACE_ROUNDS, -1);
    for (int i = 0; i < READER_NOTES + 10; i++) {
        struct trace_round round = { .round = i + 1, .kind = "sampled", .note = note };
        snprintf(note, sizeof note, "a note that is longer than what is kept of it, or is it? %d", i);
        memcpy(note, (const char[]){ (char)('a' + i % 26), (char)('a' + i / 26) }, 2);
        cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    }
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    struct reader_summary sum;
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_summary(reader, sample_all, &sum, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_eq(sum.notes, READER_NOTES);
    cr_assert_str_eq(sum.note[0].word, "others");
    cr_assert_eq(sum.note[0].rounds, 11);
    cr_assert_eq(sum.note[1].rounds, 1);
    cr_assert_eq(strlen(sum.note[1].word), sizeof sum.note[1].word - 1);
}

static int keep_worker(void *context, const struct reader_worker *worker)
{
    struct reader_worker *workers = context;
    cr_assert(worker->worker == 0 || worker->worker == 1);
    workers[worker->worker] = *worker;
    return 0;
}

Test(reader, a_worker_is_busy_while_it_has_a_task)
{
    /* worker 0: [0,100] and [50,80] overlap, [100,130] follows, [200,250] stands apart */
    const struct trace_task task[] = {
        { .block = 0, .sent_ns = 0, .done_ns = 100 },
        { .block = 1, .sent_ns = 50, .done_ns = 80 },
        { .phase = 1, .sent_ns = 200, .done_ns = 250 },
        { .block = 2, .sent_ns = 100, .done_ns = 130 },
        { .block = 3, .shard = -1, .worker = 1, .sent_ns = 10, .done_ns = 1010 },
    };
    struct trace_round round = *sample_round(1);
    round.block = NULL;
    round.task = task;
    round.tasks = 5;
    struct trace_writer *writer = sample_writer(TRACE_BLOCKS, -1);
    cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    struct reader_worker workers[2] = { 0 };
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_workers(reader, sample_all, keep_worker, workers, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_eq(workers[0].tasks, 4);
    cr_assert_eq(workers[0].rounds, 1);
    cr_assert_eq(workers[0].busy_ns, 180);
    cr_assert_eq(workers[0].longest_ns, 100);
    cr_assert_float_eq(workers[0].mean_ns, 52.5, 1e-9);
    cr_assert_eq(workers[0].first_ns, 0);
    cr_assert_eq(workers[0].last_ns, 250);
    cr_assert_eq(workers[1].busy_ns, 1000);
}

Test(reader, any_allocation_may_fail)
{
    struct rondo_error err;
    struct sample_counts counts;
    int failures = 0;
    sample_trace(TRACE_ALL, 3);
    for (uint64_t k = 1;; k++, failures++) {
        int64_t live = mem_live();
        struct trace_reader *reader = NULL;
        err = (struct rondo_error){ 0 };
        mem_fail_at(k);
        int code = reader_open(sample_dir, &reader, &err);
        if (!code)
            code = sample_count(reader, &counts, &err);
        mem_fail_at(0);
        reader_close(reader);
        cr_assert_eq(mem_live(), live, "leaked when allocation %d failed", (int)k);
        cr_assert_eq(err.code, code);
        if (code == RONDO_OK)
            break;
        cr_assert_eq(code, RONDO_ENOMEM);
    }
    cr_assert_eq(failures, 14);
}
