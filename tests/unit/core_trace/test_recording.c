#include "core/trace/recording.h"

#include "core/base/clock.h"
#include "tests/support/disk.h"
#include "tests/unit/core_trace/sample.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

TestSuite(recording, .init = sample_setup, .fini = sample_teardown);

enum { ROOM_FOR_FEW = 32 * 1024 }; /* a whole sample takes 8 KiB of it, without its details 350 bytes */

static struct recording *opened(enum trace_level level, int64_t after, size_t bytes)
{
    static const char *const meta[] = { "name", "sample", NULL };
    const struct recording_options options = { .dir = sample_dir, .level = level, .after = after,
                                               .meta = meta, .bytes = bytes };
    struct recording *recording = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(recording_open(&options, &recording, &err), RONDO_OK, "%s: %s", err.where, err.what);
    return recording;
}

static void put(struct recording *recording, int64_t first, int64_t last)
{
    for (int64_t number = first; number <= last; number++)
        cr_assert_eq(recording_round(recording, sample_round(number), NULL), RONDO_OK);
}

static int threads(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    cr_assert_not_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static bool same_list(const void *a, const void *b, int64_t count, size_t each)
{
    return count == 0 || memcmp(a, b, (size_t)count * each) == 0;
}

/* Every list of every round is the sample's. */
static int check_whole(void *context, const struct trace_round *got)
{
    int64_t *number = context;
    const struct trace_round *want = sample_round(++*number);
    cr_assert_eq(got->round, want->round);
    cr_assert_str_eq(got->note, want->note);
    cr_assert_eq(got->blocks, want->blocks);
    for (int32_t b = 0; b < want->blocks; b++) {
        cr_assert_eq(got->block[b].count, want->block[b].count);
        cr_assert(same_list(got->block[b].variables, want->block[b].variables, want->block[b].count, 8));
    }
    cr_assert_eq(got->tasks, want->tasks);
    cr_assert(same_list(got->task, want->task, want->tasks, sizeof *want->task));
    cr_assert_eq(got->conflicts, want->conflicts);
    for (int32_t c = 0; c < want->conflicts; c++)
        cr_assert_eq(got->conflict[c].other, want->conflict[c].other);
    cr_assert_eq(got->draws, want->draws);
    cr_assert(same_list(got->draw, want->draw, want->draws, 8));
    cr_assert(same_list(got->weight, want->weight, want->draws, 8));
    cr_assert_eq(got->moves, want->moves);
    cr_assert(same_list(got->move, want->move, want->moves, 8));
    cr_assert(same_list(got->delta, want->delta, want->moves, 8));
    return 0;
}

static int64_t whole_rounds(void)
{
    int64_t number = 0;
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_scan(reader, sample_all, check_whole, &number, NULL), RONDO_OK);
    reader_close(reader);
    return number;
}

struct answer {
    const char *key;
    int64_t value;
};

static int find_answer(void *context, const char *key, const char *value)
{
    struct answer *answer = context;
    if (strcmp(key, answer->key) == 0)
        answer->value = strtoll(value, NULL, 10);
    return 0;
}

static int64_t meta_number(const char *key)
{
    struct answer answer = { key, -1 };
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_meta(reader, find_answer, &answer, NULL), RONDO_OK);
    reader_close(reader);
    return answer.value;
}

/* ---- what is put in comes out --------------------------------------------------------------------- */

Test(recording, a_ring_that_is_full_makes_the_putting_thread_wait_and_loses_nothing)
{
    struct recording *recording = opened(TRACE_ALL, -1, ROOM_FOR_FEW);
    put(recording, 1, 400);
    cr_assert_eq(recording_dropped(recording), 0);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    cr_assert_eq(whole_rounds(), 400);
    cr_assert_eq(meta_number("dropped"), 0);
}

Test(recording, a_record_larger_than_the_ring_is_written_behind_those_before_it)
{
    struct recording *recording = opened(TRACE_ALL, -1, 4096);
    put(recording, 1, 20);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    cr_assert_eq(whole_rounds(), 20);
}

Test(recording, a_record_of_every_size_finds_its_place)
{
    struct recording *recording = opened(TRACE_ALL, -1, ROOM_FOR_FEW);
    static const int64_t variables[4096];
    for (int64_t number = 1; number <= 700; number++) {
        struct trace_block block = { .count = number * 37 % 4096, .variables = variables };
        struct trace_round round = { .round = number, .kind = "sampled", .note = "", .blocks = 1, .block = &block };
        cr_assert_eq(recording_round(recording, &round, NULL), RONDO_OK);
    }
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    struct sample_counts seen = sample_seen();
    cr_assert_eq(seen.rounds, 700);
    cr_assert_eq(seen.blocks, 700);
}

Test(recording, rounds_are_dropped_and_counted_where_they_come_too_fast)
{
    struct recording *recording = opened(TRACE_ROUNDS, -1, 4096);
    put(recording, 1, 20000);
    int64_t dropped = recording_dropped(recording);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    cr_assert_gt(dropped, 0);
    cr_assert_eq(sample_seen().rounds, 20000 - dropped);
    cr_assert_eq(meta_number("dropped"), dropped);

    recording = opened(TRACE_ROUNDS, 20000, 4096); /* a resumed job adds to it */
    cr_assert_eq(recording_dropped(recording), dropped);
    put(recording, 20001, 40000);
    int64_t more = recording_dropped(recording);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    cr_assert_gt(more, dropped);
    cr_assert_eq(meta_number("dropped"), more);
    cr_assert_eq(sample_seen().rounds, 40000 - more);
}

Test(recording, a_round_that_was_rolled_back_is_replaced_whatever_is_dropped)
{
    struct recording *recording = opened(TRACE_ROUNDS, -1, 4096);
    put(recording, 1, 3000);
    put(recording, 10, 10);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    struct reader_summary summary;
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_summary(reader, sample_all, &summary, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_eq(summary.last_round, 10);
}

static int check_report(void *context, const struct trace_report *report)
{
    int64_t *number = context;
    ++*number;
    cr_assert_eq(report->round, *number);
    cr_assert_eq(report->at_ns, 10 * *number);
    cr_assert_eq(report->count, 2);
    cr_assert_str_eq(report->key[1], "gap");
    cr_assert_eq(report->value[1], 1.0 / (double)*number);
    return 0;
}

static int check_part(void *context, const struct trace_part *part)
{
    ++*(int *)context;
    cr_assert_eq(part->kind, TRACE_PART_SHARD);
    cr_assert_eq(part->count, 3);
    cr_assert_eq(part->members[2], 7);
    return 0;
}

static int check_cell(void *context, const struct trace_cell *cell)
{
    cr_assert_eq(cell->cost, 10 * cell->block + cell->shard);
    ++*(int *)context;
    return 0;
}

Test(recording, reports_parts_and_cells_come_out_too)
{
    static const int64_t members[] = { 5, 6, 7 };
    const struct trace_part part = { .kind = TRACE_PART_SHARD, .tag = -1, .count = 3, .members = members };
    const struct trace_cell cell[] = { { 0, 1, 1 }, { 1, 0, 10 } };
    char gap[] = "gap";
    const char *const key[] = { "objective", gap };
    struct recording *recording = opened(TRACE_BLOCKS, -1, 0);
    cr_assert_eq(recording_part(recording, &part, NULL), RONDO_OK);
    cr_assert_eq(recording_cells(recording, cell, 2, NULL), RONDO_OK);
    for (int64_t number = 1; number <= 5; number++) {
        const double value[] = { 2, 1.0 / (double)number };
        const struct trace_report report = { number, 10 * number, 2, key, value };
        cr_assert_eq(recording_report(recording, &report, NULL), RONDO_OK);
    }
    gap[0] = 0; /* keys are copied */
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    int64_t reports = 0;
    int parts = 0, cells = 0;
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_reports(reader, sample_all, check_report, &reports, NULL), RONDO_OK);
    cr_assert_eq(reader_parts(reader, check_part, &parts, NULL), RONDO_OK);
    cr_assert_eq(reader_cells(reader, check_cell, &cells, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_eq(reports, 5);
    cr_assert_eq(parts, 1);
    cr_assert_eq(cells, 2);
}

/* ---- a digest -------------------------------------------------------------------------------------- */

/* False: the machine took so long that details are wanted again, and nothing is known of whether it was shown some. */
static bool digest_once(const char *dir, enum trace_level level)
{
    struct digest *digest = NULL;
    struct recording *recording = NULL;
    cr_assert_eq(digest_create(&digest, NULL), RONDO_OK);
    const struct recording_options options = { .dir = dir, .level = level, .after = -1, .digest = digest };
    cr_assert_eq(recording_open(&options, &recording, NULL), RONDO_OK);
    cr_assert_eq(recording_wants_details(recording), level >= TRACE_BLOCKS);
    do
        digest_watch(digest); /* it lasts for seconds */
    while (!recording_wants_details(recording));
    int64_t began_ns = clock_now_ns();
    put(recording, 1, 100);
    cr_assert_eq(recording_flush(recording, NULL), RONDO_OK);
    bool wants = recording_wants_details(recording), in_time = clock_now_ns() - began_ns < DIGEST_PAUSE_NS;
    cr_assert(!in_time || wants == (level >= TRACE_BLOCKS)); /* it has just been shown some */
    cr_assert_eq(digest_glance(digest).rounds, 100);
    cr_assert_eq(digest_glance(digest).updates, 100 * 70 + 5050);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    digest_destroy(digest);
    return in_time;
}

/* A disk may always be too slow; memory is not, if one tries again. */
static void digest_of(const char *dir, enum trace_level level)
{
    bool in_time = false;
    for (int i = 0; i < (dir && level > TRACE_OFF ? 5 : 1000) && !in_time; i++)
        in_time = digest_once(dir, level);
    cr_assert(in_time || (dir && level > TRACE_OFF));
}

Test(recording, a_digest_is_fed_beside_the_file_and_alone)
{
    digest_of(sample_dir, TRACE_ALL);
    cr_assert_eq(whole_rounds(), 100);
    digest_of(sample_dir, TRACE_ROUNDS);
    struct sample_counts seen = sample_seen();
    cr_assert_eq(seen.rounds, 100);
    cr_assert_eq(seen.tasks, 0); /* details that the level does not keep are the digest's alone */
    unlink(sample_file);
    digest_of(NULL, TRACE_ALL);
    digest_of(sample_dir, TRACE_OFF);
    cr_assert_eq(sample_size(sample_file), -1);
}

/* ---- when ------------------------------------------------------------------------------------------ */

/* Whether the machine let it be short: a second later there is a thread. */
static bool short_job(void)
{
    int before = threads();
    int64_t began_ns = clock_now_ns();
    struct recording *recording = opened(TRACE_ROUNDS, -1, 0);
    put(recording, 1, 100);
    int now = threads();
    int64_t size = sample_size(sample_file);
    bool is_short = clock_now_ns() - began_ns < INT64_C(1000000000);
    cr_assert(!is_short || (now == before && size == -1), "%d threads, then %d, and %d bytes", before, now, (int)size);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    cr_assert_eq(sample_seen().rounds, 100);
    unlink(sample_file);
    return is_short;
}

Test(recording, a_short_job_has_no_thread_and_no_file_before_its_end)
{
    bool was_short = false;
    for (int i = 0; i < 20 && !was_short; i++)
        was_short = short_job();
    cr_assert(was_short);
}

Test(recording, what_was_put_is_visible_after_a_flush)
{
    for (enum trace_level level = TRACE_ROUNDS; level <= TRACE_ALL; level++) {
        struct recording *recording = opened(level, -1, ROOM_FOR_FEW);
        for (int64_t number = 1; number <= 50; number++) {
            put(recording, number, number);
            if (number % 10 == 0) {
                cr_assert_eq(recording_flush(recording, NULL), RONDO_OK);
                cr_assert_eq(sample_seen().rounds, number);
            }
        }
        cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    }
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

Test(recording, rows_are_committed_within_a_second_though_nothing_follows)
{
    int before = threads();
    struct recording *recording = opened(TRACE_ALL, -1, ROOM_FOR_FEW);
    put(recording, 1, 10); /* enough for the thread to be started */
    cr_assert_geq(threads(), before + 1);
    int64_t until_ns = clock_now_ns() + INT64_C(120000000000);
    while (sample_seen().rounds < 10 && clock_now_ns() < until_ns)
        pause_ms(50);
    cr_assert_eq(sample_seen().rounds, 10);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
}

/* ---- those who help -------------------------------------------------------------------------------- */

struct helper {
    struct chore chore;
    _Atomic bool over;
    _Atomic int64_t helped;
};

static void *help(void *context)
{
    struct helper *helper = context;
    while (!atomic_load(&helper->over))
        if (helper->chore.open(helper->chore.context) && helper->chore.some(helper->chore.context))
            atomic_fetch_add(&helper->helped, 1);
    return NULL;
}

/* Two, as long as rounds are put; how many those were. */
static int64_t put_with_help(enum trace_level level, size_t bytes)
{
    struct recording *recording = opened(level, -1, bytes);
    struct helper helper = { .chore = recording_chore(recording) };
    pthread_t thread[2];
    int64_t last = 0, until_ns = clock_now_ns() + INT64_C(120000000000);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, help, &helper), 0);
    while (last < 500 || (atomic_load(&helper.helped) < 100 && clock_now_ns() < until_ns)) {
        put(recording, last + 1, last + 10);
        last += 10;
        pause_ms(last % 100 == 0);
    }
    atomic_store(&helper.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    cr_expect_geq(atomic_load(&helper.helped), 100, "nobody helped");
    cr_expect(level == TRACE_ROUNDS || recording_dropped(recording) == 0);
    last -= recording_dropped(recording);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    return last;
}

Test(recording, whoever_helps_writes_what_the_thread_would_have_written)
{
    int64_t rounds = put_with_help(TRACE_ALL, 2 * ROOM_FOR_FEW);
    cr_expect_eq(whole_rounds(), rounds);
    sample_teardown();
    sample_setup();
    rounds = put_with_help(TRACE_ROUNDS, ROOM_FOR_FEW);
    cr_expect_eq(sample_seen().rounds, rounds);
}

Test(recording, a_chore_opens_no_file_and_no_transaction_and_commits_nothing)
{
    struct recording *recording = opened(TRACE_ALL, -1, 0); /* there is no thread yet */
    struct chore chore = recording_chore(recording);
    cr_expect(!chore.open(chore.context) && !chore.some(chore.context));
    put(recording, 1, 2);
    cr_expect(!chore.open(chore.context) && !chore.some(chore.context));
    cr_assert_eq(recording_flush(recording, NULL), RONDO_OK);
    put(recording, 3, 4);
    cr_expect(!chore.open(chore.context) && !chore.some(chore.context));
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    cr_expect_null(recording_chore(NULL).open);
}

Test(recording, meta_is_visible_at_once_and_replaces)
{
    static const char *const more[] = { "updates", "17", NULL }, *const again[] = { "updates", "18", NULL };
    struct recording *recording = opened(TRACE_ROUNDS, -1, 0);
    cr_assert_eq(recording_meta(recording, more, NULL), RONDO_OK);
    cr_assert_eq(meta_number("updates"), 17);
    cr_assert_eq(recording_meta(recording, again, NULL), RONDO_OK);
    cr_assert_eq(meta_number("updates"), 18);
    cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
}

Test(recording, a_killed_job_has_all_that_was_flushed)
{
    for (enum trace_level level = TRACE_ROUNDS; level <= TRACE_ALL; level++) {
        pid_t child = fork();
        if (child == 0) {
            struct recording *recording = opened(level, -1, 0);
            put(recording, 1, 200);
            recording_flush(recording, NULL);
            put(recording, 201, 900);
            raise(SIGKILL);
        }
        int status = 0;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFSIGNALED(status));
        struct sample_counts seen = sample_seen();
        cr_assert(seen.rounds >= 200 && seen.rounds <= 900);
        cr_assert_eq(seen.tasks, level < TRACE_BLOCKS ? 0 : seen.rounds * SAMPLE_TASKS);
        cr_assert_eq(seen.conflicts, level < TRACE_ALL ? 0 : seen.rounds * SAMPLE_CONFLICTS);
    }
}

/* ---- nothing, and failures ---------------------------------------------------------------------------- */

Test(recording, where_nobody_wants_to_know_there_is_none)
{
    cr_assert_null(opened(TRACE_OFF, -1, 0));
    cr_assert_eq(recording_round(NULL, sample_round(1), NULL), RONDO_OK);
    cr_assert_eq(recording_flush(NULL, NULL), RONDO_OK);
    cr_assert_not(recording_wants_details(NULL));
    cr_assert_eq(recording_dropped(NULL), 0);
    cr_assert_eq(recording_close(NULL, NULL), RONDO_OK);
}

Test(recording, details_are_wanted_where_the_level_keeps_them)
{
    for (enum trace_level level = TRACE_ROUNDS; level <= TRACE_ALL; level++) {
        struct recording *recording = opened(level, -1, 0);
        cr_assert_eq(recording_wants_details(recording), level >= TRACE_BLOCKS);
        cr_assert_eq(recording_close(recording, NULL), RONDO_OK);
    }
}

Test(recording, a_full_disk_is_found_by_a_later_call_and_stays)
{
    for (enum trace_level level = TRACE_ROUNDS; level <= TRACE_ALL; level++) {
        struct recording *recording = opened(level, -1, level > TRACE_ROUNDS ? ROOM_FOR_FEW : 0);
        struct rondo_error err = { 0 }, again = { 0 };
        put(recording, 1, 5);
        cr_assert_eq(recording_flush(recording, NULL), RONDO_OK);
        disk_limit(256 * 1024);
        int code = RONDO_OK;
        for (int64_t number = 6; number < 20000 && !code; number++)
            code = recording_round(recording, sample_round(number), &err);
        code = code ? code : recording_flush(recording, &err);
        cr_assert_eq(code, RONDO_EIO);
        cr_assert_str_eq(err.where, sample_file);
        cr_assert(strstr(err.what, "cannot write the trace: disk I/O error"), "%s", err.what);
        for (int64_t number = 0; number < 20; number++) /* nobody waits for a writer that writes no more */
            cr_assert_eq(recording_round(recording, sample_round(1), NULL), RONDO_EIO);
        cr_assert_eq(recording_flush(recording, &again), RONDO_EIO);
        cr_assert_str_eq(again.what, err.what);
        cr_assert_eq(recording_close(recording, NULL), RONDO_EIO);
        disk_limit(RLIM_INFINITY);
        cr_assert_geq(sample_seen().rounds, 5);
    }
}

Test(recording, what_cannot_be_made_is_said_at_once_above_rounds_and_else_when_it_is_written)
{
    struct recording_options options = { .dir = "/nowhere/at/all", .level = TRACE_ALL, .after = -1 };
    struct recording *recording = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(recording_open(&options, &recording, NULL), RONDO_EIO);
    cr_assert_null(recording);
    options.level = TRACE_ROUNDS;
    cr_assert_eq(recording_open(&options, &recording, NULL), RONDO_OK);
    cr_assert_eq(recording_round(recording, sample_round(1), NULL), RONDO_OK);
    cr_assert_eq(recording_close(recording, &err), RONDO_EIO);
    cr_assert_str_eq(err.where, "/nowhere/at/all/trace.db");
}

static int brutal_trial(size_t bytes)
{
    const struct recording_options options = { .dir = sample_dir, .level = TRACE_ALL, .after = -1, .bytes = bytes,
                                               .meta = (const char *const[]){ "name", "sample", NULL } };
    struct recording *recording = NULL;
    int code = recording_open(&options, &recording, NULL);
    for (int64_t number = 1; number <= 8 && recording; number++)
        (void)recording_round(recording, sample_round(number), NULL);
    int closed = recording_close(recording, NULL);
    return code ? code : closed;
}

Test(recording, any_allocation_may_fail_with_a_thread_and_without)
{
    static const size_t bytes[] = { 0, ROOM_FOR_FEW };
    for (int i = 0; i < 2; i++) {
        int failures = 0;
        for (uint64_t k = 1;; k++, failures++) {
            int64_t live = mem_live();
            mem_fail_at(k);
            int code = brutal_trial(bytes[i]);
            mem_fail_at(0);
            cr_assert_eq(mem_live(), live, "leaked when allocation %d failed", (int)k);
            if (code == RONDO_OK)
                break;
            cr_assert_eq(code, RONDO_ENOMEM);
        }
        cr_assert_geq(failures, 7);
    }
}
