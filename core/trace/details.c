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
/* A number stands for a list of such. */
static const char *const brief_columns_of[DETAILS_KINDS] = {
    [DETAILS_BLOCKS] = ", blocks, block_number, block_count, block_first, 0, variables, variable",
    [DETAILS_TASKS] = ", tasks, task_sent, task_took, task_run, task_phase, 0, task_work, task_block, 0, task_worker",
    [DETAILS_CONFLICTS] = ", conflicts, conflict_candidate, 0, 0, conflict_joined, conflict_coupling",
    [DETAILS_DRAWS] = ", draws, draw_variable, 0",
    [DETAILS_MOVES] = ", moves, move_variable, 0",
};
static const int columns[DETAILS_KINDS] = { BLOCK_LISTS + 4, TASK_LISTS + 1, CONFLICT_LISTS + 2, 3, 3 };

/* Where the list of a block without variables begins. */
static const int64_t no_variable = 0;

/* Room for `count` items, anew; NULL: none. */
static void *room(struct rondo_buf *buf, int64_t count, size_t size)
{
    buf->size = 0;
    return buf_reserve(buf, (size_t)count * size + 1) ? NULL : buf->data;
}

/* ---- one kind: `value` are its columns; the answer is SQLite's code ------------------------------------- */

/* How many there are of a kind; what cannot be is damage. */
static int count_of(sqlite3_value *value, int64_t most, int64_t *count)
{
    *count = sqlite3_value_int64(value);
    return *count < 0 || *count > most ? SQLITE_CORRUPT : SQLITE_OK;
}

/* `lists` of them, one after another.  Of the first a byte or more for each number must be there: so what a file makes
 * us do is bounded by its size. */
static int unpack(sqlite3_value **value, int lists, int64_t count, struct rondo_buf *out)
{
    if (sqlite3_value_bytes(value[0]) < count)
        return SQLITE_CORRUPT;
    int64_t *list = room(out, count * lists, sizeof *list);
    int rc = list ? SQLITE_OK : SQLITE_NOMEM;
    for (int k = 0; k < lists && !rc; k++)
        rc = value_list(value[k], count, k > 0, list + k * count);
    return rc;
}

/* The variables of all blocks, one block's after the other's; `block` has their counts. */
static int take_variables(struct details *details, sqlite3_value **value, struct trace_block *block, int64_t blocks)
{
    const int64_t *first = (const int64_t *)(const void *)details->list.data + BLOCK_FIRST * blocks;
    int64_t all, next = 0;
    int rc = count_of(value[0], INT64_MAX, &all);
    if (!rc && all > 0)
        rc = unpack(value + 1, 1, all, &details->variables);
    const int64_t *list = (const void *)details->variables.data;
    for (int64_t i = 0; i < blocks && !rc; i++) {
        if (first[i] < 0)
            continue;
        if (first[i] != next || block[i].count < 0 || block[i].count > all - next)
            return SQLITE_CORRUPT;
        block[i].variables = block[i].count ? list + next : &no_variable;
        next += block[i].count;
    }
    return rc;
}

static int take_blocks(struct details *details, sqlite3_value **value)
{
    int64_t count;
    int rc = count_of(value[0], LISTS_MOST, &count);
    if (rc || count == 0 || (rc = unpack(value + 1, BLOCK_LISTS, count, &details->list)))
        return rc;
    struct trace_block *block = room(&details->blocks, count, sizeof *block);
    double *cost = room(&details->reals, count, sizeof *cost);
    if (!block || !cost)
        return SQLITE_NOMEM;
    rc = value_list_reals(value[1 + BLOCK_LISTS], count, cost);
    const int64_t *list = (const void *)details->list.data;
    for (int64_t i = 0; i < count && !rc; i++)
        block[i] = (struct trace_block){ .block = query_int32(list[BLOCK_NUMBER * count + i]),
                                         .count = list[BLOCK_COUNT * count + i], .cost = cost[i] };
    details->round.block = block;
    details->round.blocks = (int32_t)count;
    return rc ? rc : take_variables(details, value + 2 + BLOCK_LISTS, block, count);
}

static int take_tasks(struct details *details, sqlite3_value **value, int64_t begin_ns)
{
    int64_t count;
    int rc = count_of(value[0], LISTS_MOST, &count);
    if (rc || count == 0 || (rc = unpack(value + 1, TASK_LISTS, count, &details->list)))
        return rc;
    struct trace_task *task = room(&details->tasks, count, sizeof *task);
    if (!task)
        return SQLITE_NOMEM;
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
    details->round.task = task;
    details->round.tasks = (int32_t)count;
    return SQLITE_OK;
}

static int take_conflicts(struct details *details, sqlite3_value **value)
{
    int64_t count;
    int rc = count_of(value[0], LISTS_MOST, &count);
    if (rc || count == 0 || (rc = unpack(value + 1, CONFLICT_LISTS, count, &details->list)))
        return rc;
    struct trace_conflict *conflict = room(&details->conflicts, count, sizeof *conflict);
    double *coupling = room(&details->reals, count, sizeof *coupling);
    if (!conflict || !coupling)
        return SQLITE_NOMEM;
    rc = value_list_reals(value[1 + CONFLICT_LISTS], count, coupling);
    const int64_t *list = (const void *)details->list.data;
    const uint64_t round = (uint64_t)details->round.round;
    for (int64_t i = 0; i < count && !rc; i++)
        conflict[i] = (struct trace_conflict){
            .candidate = list[CONFLICT_CANDIDATE * count + i],
            .other = list[CONFLICT_OTHER * count + i],
            .coupling = coupling[i],
            .other_round = (int64_t)(round - (uint64_t)list[CONFLICT_BACK * count + i]),
            .joined = list[CONFLICT_JOINED * count + i] != 0,
        };
    details->round.conflict = conflict;
    details->round.conflicts = (int32_t)count;
    return rc;
}

/* Variables and a number for each: what was drawn, what moved. */
static int take_numbers(sqlite3_value **value, int64_t *count, struct rondo_buf *variables, struct rondo_buf *numbers)
{
    int rc = count_of(value[0], INT64_MAX, count);
    if (rc || *count == 0 || (rc = unpack(value + 1, 1, *count, variables)))
        return rc;
    double *number = room(numbers, *count, sizeof *number);
    return number ? value_list_reals(value[2], *count, number) : SQLITE_NOMEM;
}

/* ---- a row ------------------------------------------------------------------------------------------- */

static int take(void *context, sqlite3_value **value)
{
    struct details *details = context;
    struct trace_round *round = &details->round;
    const int *column = details->column;
    int rc = SQLITE_OK;
    *round = (struct trace_round){ .round = sqlite3_value_int64(value[0]), .kind = "", .note = "" };
    if (column[DETAILS_BLOCKS])
        rc = take_blocks(details, value + column[DETAILS_BLOCKS]);
    if (!rc && column[DETAILS_TASKS])
        rc = take_tasks(details, value + column[DETAILS_TASKS], value_ns(value[1]));
    if (!rc && column[DETAILS_CONFLICTS])
        rc = take_conflicts(details, value + column[DETAILS_CONFLICTS]);
    if (!rc && column[DETAILS_DRAWS])
        rc = take_numbers(value + column[DETAILS_DRAWS], &round->draws, &details->draw, &details->weight);
    if (!rc && column[DETAILS_MOVES])
        rc = take_numbers(value + column[DETAILS_MOVES], &round->moves, &details->move, &details->delta);
    round->draw = (const void *)details->draw.data;
    round->weight = (const void *)details->weight.data;
    round->move = (const void *)details->move.data;
    round->delta = (const void *)details->delta.data;
    return rc;
}

/* ---- the walk ---------------------------------------------------------------------------------------- */

static int step(struct details *details, struct rondo_error *err)
{
    int code = RONDO_OK;
    details->there = query_next(&details->query, &code, err);
    details->told = false;
    return code;
}

int details_open(struct details *details, struct trace_reader *reader, struct reader_window window, int kinds,
                 struct rondo_error *err)
{
    char list[640] = "round, begin_ns";
    int next = 2;
    *details = (struct details){ 0 };
    for (int k = 0; k < DETAILS_KINDS; k++)
        if (kinds & 1 << k) {
            strcat(list, (kinds & DETAILS_BRIEF ? brief_columns_of : columns_of)[k]);
            details->column[k] = next;
            next += columns[k];
        }
    int code = query_ask_taken(&details->query, reader, list, "details", window, take, details, err);
    return code ? code : step(details, err);
}

bool details_next(struct details *details, struct trace_round *round, int *code, struct rondo_error *err)
{
    if (!*code && details->there && details->told)
        *code = step(details, err);
    if (*code || !details->there)
        return false;
    details->told = true;
    *round = details->round;
    return true;
}

/* What the row has into a round that has none of it. */
static void fill(const struct trace_round *row, struct trace_round *round)
{
    if (row->block) {
        round->block = row->block;
        round->blocks = row->blocks;
    }
    round->task = row->task;
    round->tasks = row->tasks;
    round->conflict = row->conflict;
    round->conflicts = row->conflicts;
    round->draw = row->draw;
    round->draws = row->draws;
    round->weight = row->weight;
    round->move = row->move;
    round->moves = row->moves;
    round->delta = row->delta;
}

int details_take(struct details *details, struct trace_round *round, struct rondo_error *err)
{
    int code = RONDO_OK;
    while (!code && details->there && details->round.round < round->round)
        code = step(details, err);
    if (!code && details->there && details->round.round == round->round)
        fill(&details->round, round);
    return code;
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
