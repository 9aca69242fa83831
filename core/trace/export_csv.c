/* export_csv.c - one table in the form of RFC 4180, its rows as the reader tells them. */
#include "core/trace/export.h"

#include "core/base/scribe.h"
#include "core/trace/details.h"

#include <errno.h>
#include <math.h>
#include <string.h>

const char export_csv_tables[] = "rounds, reports, blocks, tasks, conflicts, draws, moves, parts, cells, meta";

struct csv {
    struct scribe scribe;
    struct reader_window window;
    void (*rows)(struct csv *csv, const struct trace_round *round); /* that the table has of a round */
};

/* ---- fields ---------------------------------------------------------------------------------- */

/* Text that holds a comma, a quote or an end of line stands in quotes, its quotes doubled. */
static void put_text(struct csv *csv, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        scribe_text(&csv->scribe, text);
        return;
    }
    scribe_char(&csv->scribe, '"');
    for (; *text; text++) {
        if (*text == '"')
            scribe_char(&csv->scribe, '"');
        scribe_char(&csv->scribe, *text);
    }
    scribe_char(&csv->scribe, '"');
}

/* NULL is read as NAN. */
static void put_real(struct csv *csv, double value)
{
    if (!isnan(value))
        scribe_real(&csv->scribe, value, 17);
}

static void next_wholes(struct csv *csv, const int64_t *value, int count)
{
    for (int i = 0; i < count; i++) {
        scribe_char(&csv->scribe, ',');
        scribe_whole(&csv->scribe, value[i]);
    }
}
#define NEXT_WHOLES(csv, ...) \
    next_wholes(csv, (const int64_t[]){ __VA_ARGS__ }, sizeof(int64_t[]){ __VA_ARGS__ } / sizeof(int64_t))

static void next_real(struct csv *csv, double value)
{
    scribe_char(&csv->scribe, ',');
    put_real(csv, value);
}

/* Lists are one field, their numbers apart by blanks. */
static void next_list(struct csv *csv, const int64_t *value, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        scribe_char(&csv->scribe, i ? ' ' : ',');
        scribe_whole(&csv->scribe, value[i]);
    }
    if (count == 0)
        scribe_char(&csv->scribe, ',');
}

static void next_reals(struct csv *csv, const double *value, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        scribe_char(&csv->scribe, i ? ' ' : ',');
        scribe_real(&csv->scribe, value[i], 17);
    }
    if (count == 0)
        scribe_char(&csv->scribe, ',');
}

static void end_row(struct csv *csv)
{
    scribe_bytes(&csv->scribe, "\r\n", 2);
}

/* ---- rows of a round ------------------------------------------------------------------------- */

static void round_of(struct csv *csv, const struct trace_round *round)
{
    scribe_whole(&csv->scribe, round->round);
    scribe_char(&csv->scribe, ',');
    put_text(csv, round->kind);
    NEXT_WHOLES(csv, round->phases, round->blocks, round->staleness, round->wanted, round->drawn, round->refused,
                round->taken, round->joined, round->updates, round->pairs_needed, round->pairs_computed,
                round->coupled_pairs);
    next_real(csv, round->weight_sum);
    next_real(csv, round->weight_taken);
    next_real(csv, round->cost_max);
    next_real(csv, round->cost_mean);
    next_real(csv, round->objective);
    NEXT_WHOLES(csv, round->plan_ns, round->push_ns, round->commit_ns, round->run_ns, round->pull_ns, round->network_ns,
                round->couple_ns, round->begin_ns, round->end_ns);
    scribe_char(&csv->scribe, ',');
    put_text(csv, round->note);
    end_row(csv);
}

static void blocks_of(struct csv *csv, const struct trace_round *round)
{
    for (int32_t i = 0; round->block && i < round->blocks; i++) {
        const struct trace_block *block = &round->block[i];
        scribe_whole(&csv->scribe, round->round);
        NEXT_WHOLES(csv, block->block, block->count);
        next_real(csv, block->cost);
        next_list(csv, block->variables, block->variables ? block->count : 0);
        end_row(csv);
    }
}

static void tasks_of(struct csv *csv, const struct trace_round *round)
{
    for (int32_t i = 0; i < round->tasks; i++) {
        const struct trace_task *task = &round->task[i];
        scribe_whole(&csv->scribe, round->round);
        NEXT_WHOLES(csv, i, task->phase, task->tag, (int64_t)task->work, task->block, task->shard, task->worker,
                    task->sent_ns, task->done_ns, task->run_ns);
        end_row(csv);
    }
}

static void conflicts_of(struct csv *csv, const struct trace_round *round)
{
    for (int32_t i = 0; i < round->conflicts; i++) {
        const struct trace_conflict *conflict = &round->conflict[i];
        scribe_whole(&csv->scribe, round->round);
        NEXT_WHOLES(csv, i, conflict->candidate, conflict->other);
        next_real(csv, conflict->coupling);
        NEXT_WHOLES(csv, conflict->other_round, conflict->joined);
        end_row(csv);
    }
}

/* Variables and a number for each. */
static void put_numbers(struct csv *csv, int64_t round, int64_t count, const int64_t *variables, const double *numbers)
{
    if (count == 0)
        return;
    scribe_whole(&csv->scribe, round);
    NEXT_WHOLES(csv, count);
    next_list(csv, variables, count);
    next_reals(csv, numbers, count);
    end_row(csv);
}

static void draws_of(struct csv *csv, const struct trace_round *round)
{
    put_numbers(csv, round->round, round->draws, round->draw, round->weight);
}

static void moves_of(struct csv *csv, const struct trace_round *round)
{
    put_numbers(csv, round->round, round->moves, round->move, round->delta);
}

/* What is said of a stream that failed is said at the end. */
static int ended(const struct csv *csv)
{
    return ferror(csv->scribe.out) ? RONDO_EIO : RONDO_OK;
}

static int each_round(void *context, const struct trace_round *round)
{
    struct csv *csv = context;
    csv->rows(csv, round);
    return ended(csv);
}

static int put_rounds(struct csv *csv, struct trace_reader *reader, struct rondo_error *err)
{
    csv->rows = round_of;
    return reader_rounds(reader, csv->window, each_round, csv, err);
}

/* ---- rows that are of no round, and lines of progress ------------------------------------------- */

static int each_report(void *context, const struct trace_report *report)
{
    struct csv *csv = context;
    for (int32_t i = 0; i < report->count; i++) {
        scribe_whole(&csv->scribe, report->round);
        NEXT_WHOLES(csv, i, report->at_ns);
        scribe_char(&csv->scribe, ',');
        put_text(csv, report->key[i]);
        next_real(csv, report->value[i]);
        end_row(csv);
    }
    return ended(csv);
}

static int put_reports(struct csv *csv, struct trace_reader *reader, struct rondo_error *err)
{
    return reader_reports(reader, csv->window, each_report, csv, err);
}

static int each_part(void *context, const struct trace_part *part)
{
    static const char *const kinds[] = { "block", "shard", "chunk" };
    struct csv *csv = context;
    scribe_text(&csv->scribe, kinds[part->kind]);
    NEXT_WHOLES(csv, part->tag, part->part);
    scribe_text(&csv->scribe, part->columns ? ",column" : ",row");
    NEXT_WHOLES(csv, part->count);
    next_list(csv, part->members, part->count);
    end_row(csv);
    return ended(csv);
}

static int put_parts(struct csv *csv, struct trace_reader *reader, struct rondo_error *err)
{
    return reader_parts(reader, each_part, csv, err);
}

static int each_cell(void *context, const struct trace_cell *cell)
{
    struct csv *csv = context;
    scribe_whole(&csv->scribe, cell->block);
    NEXT_WHOLES(csv, cell->shard);
    next_real(csv, cell->cost);
    end_row(csv);
    return ended(csv);
}

static int put_cells(struct csv *csv, struct trace_reader *reader, struct rondo_error *err)
{
    return reader_cells(reader, each_cell, csv, err);
}

static int each_meta(void *context, const char *key, const char *value)
{
    struct csv *csv = context;
    put_text(csv, key);
    scribe_char(&csv->scribe, ',');
    put_text(csv, value);
    end_row(csv);
    return ended(csv);
}

static int put_meta(struct csv *csv, struct trace_reader *reader, struct rondo_error *err)
{
    return reader_meta(reader, each_meta, csv, err);
}

/* ---- tables ------------------------------------------------------------------------------------- */

static const struct csv_table {
    const char *name;
    enum trace_level needs;
    const char *columns;
    int (*put)(struct csv *csv, struct trace_reader *reader, struct rondo_error *err); /* all rows; NULL: */
    void (*rows)(struct csv *csv, const struct trace_round *round);                    /* those of a round */
    enum details_kind kind;                                                            /* that `rows` looks at */
} tables[] = {
    { "rounds", TRACE_ROUNDS,
      "round,kind,phases,blocks,staleness,wanted,drawn,refused,taken,joined,updates,pairs_needed,pairs_computed,"
      "coupled_pairs,weight_sum,weight_taken,cost_max,cost_mean,objective,plan_ns,push_ns,commit_ns,run_ns,pull_ns,"
      "network_ns,couple_ns,begin_ns,end_ns,note", .put = put_rounds },
    { "reports", TRACE_ROUNDS, "round,place,at_ns,key,value", .put = put_reports },
    { "blocks", TRACE_BLOCKS, "round,block,count,cost,variables", .rows = blocks_of, .kind = DETAILS_BLOCKS },
    { "tasks", TRACE_BLOCKS, "round,place,phase,tag,work,block,shard,worker,sent_ns,done_ns,run_ns",
      .rows = tasks_of, .kind = DETAILS_TASKS },
    { "conflicts", TRACE_ALL, "round,place,candidate,other,coupling,other_round,joined",
      .rows = conflicts_of, .kind = DETAILS_CONFLICTS },
    { "draws", TRACE_ALL, "round,count,variables,weights", .rows = draws_of, .kind = DETAILS_DRAWS },
    { "moves", TRACE_ALL, "round,count,variables,deltas", .rows = moves_of, .kind = DETAILS_MOVES },
    { "parts", TRACE_BLOCKS, "kind,tag,part,axis,count,members", .put = put_parts },
    { "cells", TRACE_BLOCKS, "block,shard,cost", .put = put_cells },
    { "meta", TRACE_ROUNDS, "key,value", .put = put_meta },
};

/* One walk over the details of the table's kind alone. */
static int put_details(struct csv *csv, const struct csv_table *table, struct trace_reader *reader,
                       struct rondo_error *err)
{
    struct details details;
    struct trace_round round;
    int code = details_open(&details, reader, csv->window, 1 << table->kind, err);
    csv->rows = table->rows;
    while (details_next(&details, &round, &code, err))
        code = each_round(csv, &round);
    details_close(&details);
    return code;
}

int export_csv(struct trace_reader *reader, const char *name, struct reader_window window, FILE *out,
               struct rondo_error *err)
{
    struct csv csv = { .window = window };
    const struct csv_table *table = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].name, name) == 0)
            table = &tables[i];
    if (!table)
        return rondo_error_set(err, RONDO_EINPUT, "trace", NULL, "\"%s\" is none of %s", name, export_csv_tables);
    if (reader_level(reader) < table->needs)
        return rondo_error_set(err, RONDO_EINPUT, reader_path(reader),
                               table->needs == TRACE_ALL ? "run the job with --trace all"
                                                         : "run the job with --trace blocks",
                               "this trace was kept without %s", name);
    scribe_init(&csv.scribe, out);
    scribe_text(&csv.scribe, table->columns);
    end_row(&csv);
    int code = table->put ? table->put(&csv, reader, err) : put_details(&csv, table, reader, err);
    scribe_flush(&csv.scribe);
    if ((!code || code == RONDO_EIO) && ferror(out))
        code = rondo_error_set(err, RONDO_EIO, NULL, NULL, "cannot write: %s", strerror(errno));
    return code;
}
