/* sample.h - a folder for one test's traces, and rounds to fill them with.
 *
 * Place:   tests/unit/core_trace, header only.
 * Threads: one.
 * Memory:  static; one sample at a time.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "core/base/mem.h"
#include "core/trace/reader.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLE_BLOCKS = 3, SAMPLE_TASKS = 4, SAMPLE_CONFLICTS = 2, SAMPLE_VARIABLES = 300 };
enum { SAMPLE_DRAWS = 5, SAMPLE_MOVES = 4 };

static char sample_dir[256];
static char sample_file[300];

static inline const char *sample_beside(const char *end)
{
    static char path[320];
    snprintf(path, sizeof path, "%s%s", sample_file, end);
    return path;
}

static inline void sample_setup(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(sample_dir, sizeof sample_dir, "%.200s/rondo-trace-XXXXXX", base ? base : "/tmp");
    cr_assert(mkdtemp(sample_dir) != NULL);
    snprintf(sample_file, sizeof sample_file, "%s/trace.db", sample_dir);
}

static inline void sample_teardown(void)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        unlink(sample_beside(ends[i]));
    cr_assert_eq(rmdir(sample_dir), 0, "something was left in %s", sample_dir);
}

/* Every field differs from every other and from its neighbours' in the rounds around it. */
static inline const struct trace_round *sample_round(int64_t number)
{
    static int64_t variables[SAMPLE_BLOCKS][SAMPLE_VARIABLES];
    static struct trace_block block[SAMPLE_BLOCKS];
    static struct trace_task task[SAMPLE_TASKS];
    static struct trace_conflict conflict[SAMPLE_CONFLICTS];
    static int64_t draw[SAMPLE_DRAWS], move[SAMPLE_DRAWS];
    static double weight[SAMPLE_DRAWS], delta[SAMPLE_DRAWS];
    static struct trace_round round;
    for (int b = 0; b < SAMPLE_BLOCKS; b++) {
        for (int i = 0; i < SAMPLE_VARIABLES; i++)
            variables[b][i] = number * 1000 + b * 300 + i;
        block[b] = (struct trace_block){ b, SAMPLE_VARIABLES - b, (double)(10 + b), variables[b] };
    }
    for (int t = 0; t < SAMPLE_TASKS; t++)
        task[t] = (struct trace_task){
            .phase = t / 2, .block = t, .shard = t % 2 - 1, .worker = t % 2, .tag = (uint32_t)(3 + t),
            .work = (enum trace_work)t, .sent_ns = number * 1000 + t * 10,
            .done_ns = number * 1000 + t * 10 + 100, .run_ns = number + t,
        };
    for (int c = 0; c < SAMPLE_CONFLICTS; c++)
        conflict[c] = (struct trace_conflict){ number + c, number + c + 7, c ? -0.25 : 0.5,
                                               number - c, c == 1 };
    for (int i = 0; i < SAMPLE_DRAWS; i++) {
        draw[i] = number + 10 * i;
        weight[i] = (double)number / (1 + i);
        move[i] = number + 20 * i;
        delta[i] = -(double)i / (double)number;
    }
    round = (struct trace_round){
        .round = number, .kind = number % 4 ? "sampled" : "sweep", .phases = 2,
        .blocks = SAMPLE_BLOCKS, .staleness = (int32_t)(number % 5), .wanted = 1000 + number, .drawn = 2000 + number,
        .refused = 30 + number, .taken = 500 + number, .joined = 60 + number, .updates = 70 + number, .pairs_needed = 4000 + number,
        .pairs_computed = 400 + number, .coupled_pairs = 50 + number, .weight_sum = 6.5,
        .weight_taken = 1.0 / 3.0, .cost_max = 12.0, .cost_mean = 11.0,
        .objective = number % 3 ? 100.0 / (double)number : (double)NAN, .plan_ns = 10 * number,
        .push_ns = 20 * number, .commit_ns = 30 * number, .run_ns = 11 * number, .pull_ns = 5 * number,
        .network_ns = 4 * number, .couple_ns = 7 * number, .begin_ns = 1000 * number,
        .end_ns = 1000 * number + 900, .note = number % 2 ? "full" : "", .block = block,
        .conflict = conflict, .conflicts = SAMPLE_CONFLICTS, .task = task, .tasks = SAMPLE_TASKS,
        .draws = SAMPLE_DRAWS, .draw = draw, .weight = weight,
        .moves = SAMPLE_MOVES, .move = move, .delta = delta,
    };
    return &round;
}

static inline struct trace_writer *sample_writer(enum trace_level level, int64_t after)
{
    static const char *const meta[] = { "name", "sample", "seed", "1", NULL };
    struct trace_writer *writer = NULL;
    struct rondo_error err = { 0 };
    int code = trace_create(sample_dir, level, after, meta, &writer, &err);
    cr_assert_eq(code, RONDO_OK, "%s: %s", err.where, err.what);
    return writer;
}

static inline void sample_put(struct trace_writer *writer, int64_t first, int64_t last)
{
    struct rondo_error err = { 0 };
    for (int64_t number = first; number <= last; number++) {
        int code = trace_write(writer, sample_round(number), &err);
        cr_assert_eq(code, RONDO_OK, "%s: %s", err.where, err.what);
    }
}

/* A finished trace of the rounds 1 to `rounds`. */
static inline void sample_trace(enum trace_level level, int64_t rounds)
{
    struct trace_writer *writer = sample_writer(level, -1);
    sample_put(writer, 1, rounds);
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
}

/* What another program does to the file. */
static inline void sample_sql(const char *sql)
{
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(sample_file, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static inline struct trace_reader *sample_reader(void)
{
    struct trace_reader *reader = NULL;
    struct rondo_error err = { 0 };
    int code = reader_open(sample_dir, &reader, &err);
    cr_assert_eq(code, RONDO_OK, "%s: %s", err.where, err.what);
    return reader;
}

static const struct reader_window sample_all = { INT64_MIN, INT64_MAX };

static inline int sample_count_round(void *count, const struct trace_round *round)
{
    (void)round;
    ++*(int64_t *)count;
    return 0;
}

static inline int sample_count_block(void *count, const struct reader_block *block)
{
    (void)block;
    ++*(int64_t *)count;
    return 0;
}

static inline int sample_count_task(void *count, int64_t round, const struct trace_task *task)
{
    (void)round, (void)task;
    ++*(int64_t *)count;
    return 0;
}

static inline int sample_count_conflict(void *count, int64_t round,
                                        const struct trace_conflict *conflict)
{
    (void)round, (void)conflict;
    ++*(int64_t *)count;
    return 0;
}

struct sample_counts {
    int64_t rounds, blocks, tasks, conflicts;
};

/* The first failure, or 0. */
static inline int sample_count(struct trace_reader *reader, struct sample_counts *counts,
                               struct rondo_error *err)
{
    *counts = (struct sample_counts){ 0 };
    int code = reader_rounds(reader, sample_all, sample_count_round, &counts->rounds, err);
    if (!code)
        code = reader_blocks(reader, sample_all, sample_count_block, &counts->blocks, err);
    if (!code)
        code = reader_tasks(reader, sample_all, sample_count_task, &counts->tasks, err);
    if (!code)
        code = reader_conflicts(reader, sample_all, sample_count_conflict, &counts->conflicts, err);
    return code;
}

/* What a reader that comes now sees. */
static inline struct sample_counts sample_seen(void)
{
    struct sample_counts counts;
    struct rondo_error err = { 0 };
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(sample_count(reader, &counts, &err), RONDO_OK, "%s", err.what);
    reader_close(reader);
    return counts;
}

static inline off_t sample_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static inline void sample_poke(off_t at, const void *bytes, size_t size)
{
    int file = open(sample_file, O_WRONLY | O_CLOEXEC);
    cr_assert(file >= 0);
    cr_assert_eq(pwrite(file, bytes, size, at), (ssize_t)size);
    close(file);
}

#endif
