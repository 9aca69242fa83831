#include "core/trace/details.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

static const char *const columns_of[DETAILS_KINDS] = {
    [DETAILS_BLOCKS] = ", blocks, block_number, block_count, block_first, block_cost, variables, variable",
    [DETAILS_TASKS] = ", tasks, task_sent, task_took, task_run, task_phase, task_tag, task_work, task_block,"
                      " task_shard, task_worker",
    [DETAILS_CONFLICTS] = ", conflicts, conflict_candidate, conflict_other, conflict_back, conflict_joined,"
                          " conflict_coupling",
    [DETAILS_DRAWS] = ", draws, draw_variable, draw_weight",
    [DETAILS_MOVES] = ", moves, move_variable, move_delta",
};
static const int columns[DETAILS_KINDS] = { BLOCK_LISTS + 4, TASK_LISTS + 1, CONFLICT_LISTS + 2, 3, 3 };

static int step(struct details *details, struct rondo_error *err)
{
    int code = RONDO_OK;
    details->there = query_next(&details->query, &code, err);
    return code;
}

int details_open(struct details *details, struct trace_reader *reader, struct reader_window window, int kinds,
                 struct rondo_error *err)
{
    char sql[640] = "SELECT round, begin_ns";
    int next = 2;
    *details = (struct details){ 0 };
    for (int k = 0; k < DETAILS_KINDS; k++)
        if (kinds & 1 << k) {
            strcat(sql, columns_of[k]);
            details->column[k] = next;
            next += columns[k];
        }
    strcat(sql, " FROM details WHERE round BETWEEN ?1 AND ?2 ORDER BY round");
    int code = query_ask(&details->query, reader, sql, window, err);
    return code ? code : step(details, err);
}

void details_close(struct details *details)
{
    struct rondo_buf *const buffers[] = { &details->list, &details->reals, &details->blocks, &details->variables,
                                          &details->tasks, &details->conflicts, &details->draw, &details->weight,
                                          &details->move, &details->delta };
    query_done(&details->query);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buf_fini(buffers[i]);
}

/* ---- one kind --------------------------------------------------------------------------------------- */

/* Where the list of a block without variables begins. */
static const int64_t no_variable = 0;

/* Room for `count` items, anew; NULL: none. */
static void *room(struct rondo_buf *buf, int64_t count, size_t size)
{
    buf->size = 0;
    return buf_reserve(buf, (size_t)count * size + 1) ? NULL : buf->data;
}

static int refuse(const struct details *details, int rc, struct rondo_error *err)
{
    return query_refuse(details->query.reader, rc, err);
}

/* How many there are of a kind; what cannot be is damage. */
static int count_of(const struct details *details, int column, int64_t most, int64_t *count, struct rondo_error *err)
{
    *count = query_whole(&details->query, column);
    return *count < 0 || *count > most ? refuse(details, SQLITE_CORRUPT, err) : RONDO_OK;
}

/* `lists` of them, one after another.  Of the first a byte or more for each number must be there: so what a file makes
 * us do is bounded by its size. */
static int unpack(struct details *details, int column, int lists, int64_t count, struct rondo_buf *out,
                  struct rondo_error *err)
{
    int code = query_list(&details->query, column, count, false, NULL, err);
    int64_t *list = code ? NULL : room(out, count * lists, sizeof *list);
    if (!code && !list)
        code = refuse(details, SQLITE_NOMEM, err);
    for (int k = 0; k < lists && !code; k++)
        code = query_list(&details->query, column + k, count, k > 0, list + k * count, err);
    return code;
}

/* The variables of all blocks, one block's after the other's; `block` has their counts. */
static int take_variables(struct details *details, int column, struct trace_block *block, int64_t blocks,
                          struct rondo_error *err)
{
    const int64_t *first = (const int64_t *)(const void *)details->list.data + BLOCK_FIRST * blocks;
    int64_t all, next = 0;
    int code = count_of(details, column, INT64_MAX, &all, err);
    if (!code && all > 0)
        code = unpack(details, column + 1, 1, all, &details->variables, err);
    const int64_t *list = (const void *)details->variables.data;
    for (int64_t i = 0; i < blocks && !code; i++) {
        if (first[i] < 0)
            continue;
        if (first[i] != next || block[i].count < 0 || block[i].count > all - next)
            return refuse(details, SQLITE_CORRUPT, err);
        block[i].variables = block[i].count ? list + next : &no_variable;
        next += block[i].count;
    }
    return code;
}

static int take_blocks(struct details *details, int column, struct trace_round *round, struct rondo_error *err)
{
    int64_t count;
    int code = count_of(details, column, LISTS_MOST, &count, err);
    if (code || count == 0 || (code = unpack(details, column + 1, BLOCK_LISTS, count, &details->list, err)))
        return code;
    struct trace_block *block = room(&details->blocks, count, sizeof *block);
    double *cost = room(&details->reals, count, sizeof *cost);
    if (!block || !cost)
        return refuse(details, SQLITE_NOMEM, err);
    code = query_list_reals(&details->query, column + 1 + BLOCK_LISTS, count, cost, err);
    const int64_t *list = (const void *)details->list.data;
    for (int64_t i = 0; i < count && !code; i++)
        block[i] = (struct trace_block){ .block = query_int32(list[BLOCK_NUMBER * count + i]),
                                         .count = list[BLOCK_COUNT * count + i], .cost = cost[i] };
    round->block = block;
    round->blocks = (int32_t)count;
    return code ? code : take_variables(details, column + 2 + BLOCK_LISTS, block, count, err);
}

static int take_tasks(struct details *details, int column, struct trace_round *round, struct rondo_error *err)
{
    int64_t count, begin_ns = query_ns(&details->query, 1);
    int code = count_of(details, column, LISTS_MOST, &count, err);
    if (code || count == 0 || (code = unpack(details, column + 1, TASK_LISTS, count, &details->list, err)))
        return code;
    struct trace_task *task = room(&details->tasks, count, sizeof *task);
    if (!task)
        return refuse(details, SQLITE_NOMEM, err);
    const int64_t *list = (const void *)details->list.data;
    for (int64_t i = 0; i < count; i++) {
        int64_t sent_ns = query_bound_ns(begin_ns + query_bound_ns(list[TASK_SENT * count + i]));
        task[i] = (struct trace_task){
            .phase = query_int32(list[TASK_PHASE * count + i]),
            .block = query_int32(list[TASK_BLOCK * count + i]),
            .shard = query_int32(list[TASK_SHARD * count + i]),
            .worker = query_int32(list[TASK_WORKER * count + i]),
            .tag = (uint32_t)list[TASK_TAG * count + i],
            .work = (enum trace_work)query_int32(list[TASK_WORK * count + i]),
            .sent_ns = sent_ns,
            .done_ns = query_bound_ns(sent_ns + query_bound_ns(list[TASK_TOOK * count + i])),
            .run_ns = query_bound_ns(list[TASK_RUN * count + i]),
        };
    }
    round->task = task;
    round->tasks = (int32_t)count;
    return RONDO_OK;
}

static int take_conflicts(struct details *details, int column, struct trace_round *round, struct rondo_error *err)
{
    int64_t count;
    int code = count_of(details, column, LISTS_MOST, &count, err);
    if (code || count == 0 || (code = unpack(details, column + 1, CONFLICT_LISTS, count, &details->list, err)))
        return code;
    struct trace_conflict *conflict = room(&details->conflicts, count, sizeof *conflict);
    double *coupling = room(&details->reals, count, sizeof *coupling);
    if (!conflict || !coupling)
        return refuse(details, SQLITE_NOMEM, err);
    code = query_list_reals(&details->query, column + 1 + CONFLICT_LISTS, count, coupling, err);
    const int64_t *list = (const void *)details->list.data;
    for (int64_t i = 0; i < count && !code; i++)
        conflict[i] = (struct trace_conflict){
            .candidate = list[CONFLICT_CANDIDATE * count + i],
            .other = list[CONFLICT_OTHER * count + i],
            .coupling = coupling[i],
            .other_round = (int64_t)((uint64_t)round->round - (uint64_t)list[CONFLICT_BACK * count + i]),
            .joined = list[CONFLICT_JOINED * count + i] != 0,
        };
    round->conflict = conflict;
    round->conflicts = (int32_t)count;
    return code;
}

/* Variables and a number for each: what was drawn, what moved. */
static int take_numbers(struct details *details, int column, int64_t *count, struct rondo_buf *variables,
                        struct rondo_buf *numbers, struct rondo_error *err)
{
    int code = count_of(details, column, INT64_MAX, count, err);
    if (code || *count == 0 || (code = unpack(details, column + 1, 1, *count, variables, err)))
        return code;
    double *number = room(numbers, *count, sizeof *number);
    if (!number)
        return refuse(details, SQLITE_NOMEM, err);
    return query_list_reals(&details->query, column + 2, *count, number, err);
}

/* ---- a round ------------------------------------------------------------------------------------------- */

static int take(struct details *details, struct trace_round *round, struct rondo_error *err)
{
    const int *column = details->column;
    int code = RONDO_OK;
    if (column[DETAILS_BLOCKS])
        code = take_blocks(details, column[DETAILS_BLOCKS], round, err);
    if (!code && column[DETAILS_TASKS])
        code = take_tasks(details, column[DETAILS_TASKS], round, err);
    if (!code && column[DETAILS_CONFLICTS])
        code = take_conflicts(details, column[DETAILS_CONFLICTS], round, err);
    if (!code && column[DETAILS_DRAWS])
        code = take_numbers(details, column[DETAILS_DRAWS], &round->draws, &details->draw, &details->weight, err);
    if (!code && column[DETAILS_MOVES])
        code = take_numbers(details, column[DETAILS_MOVES], &round->moves, &details->move, &details->delta, err);
    round->draw = (const void *)details->draw.data;
    round->weight = (const void *)details->weight.data;
    round->move = (const void *)details->move.data;
    round->delta = (const void *)details->delta.data;
    return code ? code : step(details, err);
}

bool details_next(struct details *details, struct trace_round *round, int *code, struct rondo_error *err)
{
    if (*code || !details->there)
        return false;
    *round = (struct trace_round){ .round = query_whole(&details->query, 0), .kind = "", .note = "" };
    *code = take(details, round, err);
    return !*code;
}

int details_take(struct details *details, struct trace_round *round, struct rondo_error *err)
{
    int code = RONDO_OK;
    while (!code && details->there && query_whole(&details->query, 0) < round->round)
        code = step(details, err);
    if (!code && details->there && query_whole(&details->query, 0) == round->round)
        code = take(details, round, err);
    return code;
}
