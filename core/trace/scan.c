/* scan.c - whole rounds: one walk over the rounds, and beside it one over each table of details, all in the
 * order of rounds, so that a trace of any length is read once and in bounded memory. */
#include "core/trace/query.h"

#include "core/base/mem.h"

#include <stdio.h>

/* The rows that one table may have of a round: a damaged one can have them without end. */
enum { ROUND_MOST = 1 << 22 };

enum walk_name { WALK_BLOCKS, WALK_TASKS, WALK_CONFLICTS, WALK_DRAWS, WALK_MOVES, WALKS };

static const char *const walk_sql[WALKS] = {
    [WALK_BLOCKS] = "SELECT round, block, count, cost, variables FROM blocks"
                    " WHERE round BETWEEN ?1 AND ?2 ORDER BY round, block",
    [WALK_TASKS] = "SELECT round, phase, block, shard, worker, sent_ns, done_ns, tag, work, run_ns"
                   " FROM tasks WHERE round BETWEEN ?1 AND ?2 ORDER BY round, place",
    [WALK_CONFLICTS] = "SELECT round, candidate, other, coupling, other_round, joined FROM conflicts"
                       " WHERE round BETWEEN ?1 AND ?2 ORDER BY round, place",
    [WALK_DRAWS] = "SELECT round, count, variables, weights FROM draws"
                   " WHERE round BETWEEN ?1 AND ?2 ORDER BY round",
    [WALK_MOVES] = "SELECT round, count, variables, deltas FROM moves"
                   " WHERE round BETWEEN ?1 AND ?2 ORDER BY round",
};

/* A table of details, at its next row. */
struct walk {
    struct query query;
    bool there;
};

struct scan {
    struct walk walk[WALKS];
    /* one round's, grown to the largest */
    struct rondo_buf blocks, variables, tasks, conflicts, draw, weight, move, delta;
};

static int step(struct walk *walk, struct rondo_error *err)
{
    int code = RONDO_OK;
    walk->there = query_next(&walk->query, &code, err);
    return code;
}

/* Whether the walk stands at a row of that round; rows of rounds that are not there are passed. */
static bool at_round(struct walk *walk, int64_t round, int *code, struct rondo_error *err)
{
    while (!*code && walk->there && query_whole(&walk->query, 0) < round)
        *code = step(walk, err);
    return !*code && walk->there && query_whole(&walk->query, 0) == round;
}

static int keep(struct scan *scan, struct rondo_buf *buf, const void *item, size_t size,
                struct rondo_error *err)
{
    if (buf->size / size >= ROUND_MOST)
        return query_refuse(scan->walk[0].query.reader, SQLITE_CORRUPT, err);
    int code = buf_append(buf, item, size);
    return code ? query_refuse(scan->walk[0].query.reader, SQLITE_NOMEM, err) : RONDO_OK;
}

static int take_blocks(struct scan *scan, int64_t round, struct rondo_error *err)
{
    struct walk *walk = &scan->walk[WALK_BLOCKS];
    int code = RONDO_OK;
    while (at_round(walk, round, &code, err)) {
        struct trace_block block = { .block = query_small(&walk->query, 1),
                                     .count = query_whole(&walk->query, 2),
                                     .cost = query_real(&walk->query, 3) };
        /* the list may move while it grows: a mark now, its address when all are there */
        static const int64_t mark = 0;
        if (!query_is_null(&walk->query, 4)) {
            block.variables = &mark;
            code = query_integers(&walk->query, 4, block.count, &scan->variables, err);
        }
        if (!code)
            code = keep(scan, &scan->blocks, &block, sizeof block, err);
        if (!code)
            code = step(walk, err);
    }
    struct trace_block *list = (void *)scan->blocks.data;
    const int64_t *next = (const void *)scan->variables.data;
    for (size_t i = 0; i < scan->blocks.size / sizeof *list; i++)
        if (list[i].variables) {
            list[i].variables = next;
            next += list[i].count;
        }
    return code;
}

static int take_tasks(struct scan *scan, int64_t round, struct rondo_error *err)
{
    struct walk *walk = &scan->walk[WALK_TASKS];
    int code = RONDO_OK;
    while (at_round(walk, round, &code, err)) {
        struct trace_task task = query_task(&walk->query);
        code = keep(scan, &scan->tasks, &task, sizeof task, err);
        if (!code)
            code = step(walk, err);
    }
    return code;
}

static int take_conflicts(struct scan *scan, int64_t round, struct rondo_error *err)
{
    struct walk *walk = &scan->walk[WALK_CONFLICTS];
    int code = RONDO_OK;
    while (at_round(walk, round, &code, err)) {
        struct trace_conflict conflict = query_conflict(&walk->query);
        code = keep(scan, &scan->conflicts, &conflict, sizeof conflict, err);
        if (!code)
            code = step(walk, err);
    }
    return code;
}

/* A row of variables and a number for each. */
static int take_numbers(struct scan *scan, enum walk_name which, int64_t round, struct rondo_buf *variables,
                        struct rondo_buf *numbers, struct rondo_error *err)
{
    struct walk *walk = &scan->walk[which];
    int code = RONDO_OK;
    if (!at_round(walk, round, &code, err))
        return code;
    int64_t count = query_whole(&walk->query, 1);
    code = query_integers(&walk->query, 2, count, variables, err);
    if (!code)
        code = query_reals(&walk->query, 3, count, numbers, err);
    return code ? code : step(walk, err);
}

static int take_details(struct scan *scan, struct trace_round *round, struct rondo_error *err)
{
    struct rondo_buf *const lists[] = { &scan->blocks, &scan->variables, &scan->tasks, &scan->conflicts,
                                        &scan->draw, &scan->weight, &scan->move, &scan->delta };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        lists[i]->size = 0;
    int code = take_blocks(scan, round->round, err);
    if (!code)
        code = take_tasks(scan, round->round, err);
    if (!code)
        code = take_conflicts(scan, round->round, err);
    if (!code)
        code = take_numbers(scan, WALK_DRAWS, round->round, &scan->draw, &scan->weight, err);
    if (!code)
        code = take_numbers(scan, WALK_MOVES, round->round, &scan->move, &scan->delta, err);
    return code;
}

static void point(const struct scan *scan, struct trace_round *round)
{
    if (scan->blocks.size) {
        round->block = (const void *)scan->blocks.data;
        round->blocks = (int32_t)(scan->blocks.size / sizeof *round->block);
    }
    round->task = (const void *)scan->tasks.data;
    round->tasks = (int32_t)(scan->tasks.size / sizeof *round->task);
    round->conflict = (const void *)scan->conflicts.data;
    round->conflicts = (int32_t)(scan->conflicts.size / sizeof *round->conflict);
    round->draw = (const void *)scan->draw.data;
    round->weight = (const void *)scan->weight.data;
    round->draws = (int64_t)(scan->draw.size / sizeof *round->draw);
    round->move = (const void *)scan->move.data;
    round->delta = (const void *)scan->delta.data;
    round->moves = (int64_t)(scan->move.size / sizeof *round->move);
}

static int begin(struct scan *scan, struct trace_reader *reader, struct reader_window window,
                 struct rondo_error *err)
{
    int code = RONDO_OK;
    for (int i = 0; i < WALKS && !code; i++) {
        code = query_ask(&scan->walk[i].query, reader, walk_sql[i], window, err);
        if (!code)
            code = step(&scan->walk[i], err);
    }
    return code;
}

static void end(struct scan *scan)
{
    for (int i = 0; i < WALKS; i++)
        query_done(&scan->walk[i].query);
    buf_fini(&scan->blocks);
    buf_fini(&scan->variables);
    buf_fini(&scan->tasks);
    buf_fini(&scan->conflicts);
    buf_fini(&scan->draw);
    buf_fini(&scan->weight);
    buf_fini(&scan->move);
    buf_fini(&scan->delta);
}

int reader_scan(struct trace_reader *reader, struct reader_window window,
                int (*each)(void *context, const struct trace_round *round), void *context,
                struct rondo_error *err)
{
    struct scan scan = { 0 };
    struct query query = { 0 };
    int code = begin(&scan, reader, window, err);
    if (!code)
        code = query_ask(&query, reader, query_rounds, window, err);
    while (query_next(&query, &code, err)) {
        struct trace_round round = query_round(&query);
        code = take_details(&scan, &round, err);
        point(&scan, &round);
        if (!code)
            code = each(context, &round);
    }
    query_done(&query);
    end(&scan);
    return code;
}

/* ---- what is told once, and the lines of progress ---------------------------------------------------- */

int reader_parts(struct trace_reader *reader,
                 int (*each)(void *context, const struct trace_part *part), void *context,
                 struct rondo_error *err)
{
    struct query query;
    struct rondo_buf members = { 0 };
    const char *sql = "SELECT CASE kind WHEN 'block' THEN 0 WHEN 'shard' THEN 1 ELSE 2 END, part, tag,"
                      " axis = 'column', count, members FROM parts ORDER BY kind, tag, part";
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    while (query_next(&query, &code, err)) {
        struct trace_part part = { .kind = (enum trace_part_kind)query_small(&query, 0),
                                   .part = query_small(&query, 1), .tag = query_whole(&query, 2),
                                   .columns = query_whole(&query, 3) != 0, .count = query_whole(&query, 4) };
        members.size = 0;
        code = query_integers(&query, 5, part.count, &members, err);
        part.members = (const void *)members.data;
        if (!code)
            code = each(context, &part);
    }
    query_done(&query);
    buf_fini(&members);
    return code;
}

int reader_cells(struct trace_reader *reader,
                 int (*each)(void *context, const struct trace_cell *cell), void *context,
                 struct rondo_error *err)
{
    struct query query;
    const char *sql = "SELECT block, shard, cost FROM cells ORDER BY block, shard";
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    while (query_next(&query, &code, err)) {
        struct trace_cell cell = { query_small(&query, 0), query_small(&query, 1), query_real(&query, 2) };
        code = each(context, &cell);
    }
    query_done(&query);
    return code;
}

enum { REPORT_MOST = 64, KEY_BYTES = 64 };

/* A line's numbers as they are gathered. */
struct line {
    struct trace_report report;
    char text[REPORT_MOST][KEY_BYTES];
    const char *key[REPORT_MOST];
    double value[REPORT_MOST];
};

static void add(struct line *line, const struct query *query)
{
    int32_t at = line->report.count;
    if (at == REPORT_MOST)
        return;
    snprintf(line->text[at], KEY_BYTES, "%s", query_text(query, 2));
    line->key[at] = line->text[at];
    line->value[at] = query_real(query, 3);
    line->report.count++;
}

int reader_reports(struct trace_reader *reader, struct reader_window window,
                   int (*each)(void *context, const struct trace_report *report), void *context,
                   struct rondo_error *err)
{
    struct query query;
    struct line line = { .report = { .key = line.key, .value = line.value } };
    const char *sql = "SELECT round, at_ns, key, value FROM reports WHERE round BETWEEN ?1 AND ?2"
                      " ORDER BY round, place";
    int code = query_ask(&query, reader, sql, window, err);
    while (query_next(&query, &code, err)) {
        int64_t round = query_whole(&query, 0);
        if (line.report.count && round != line.report.round) {
            code = each(context, &line.report);
            line.report.count = 0;
        }
        line.report.round = round;
        line.report.at_ns = query_whole(&query, 1);
        add(&line, &query);
    }
    if (!code && line.report.count)
        code = each(context, &line.report);
    query_done(&query);
    return code;
}
