/* scan.c - whole rounds: a walk over the rounds and beside it one over their details, so that a trace of any length is
 * read once and in bounded memory; and what is told once. */
#include "core/trace/details.h"

#include "core/base/mem.h"
#include "core/trace/rounds.h"

#include <stdio.h>

int details_scan(struct trace_reader *reader, struct reader_window window, int kinds,
                 int (*each)(void *context, const struct trace_round *round), void *context, struct rondo_error *err)
{
    struct details details;
    struct rounds rounds = { 0 };
    int code = details_open(&details, reader, window, kinds, err);
    if (!code)
        code = rounds_open(&rounds, reader, window,
                           kinds & DETAILS_BARE    ? ROUNDS_BARE
                           : kinds & DETAILS_BRIEF ? ROUNDS_BRIEF
                                                   : ROUNDS_WHOLE,
                           err);
    while (rounds_next(&rounds, &code, err)) {
        code = details_take(&details, &rounds.round, err);
        if (!code)
            code = each(context, &rounds.round);
    }
    rounds_close(&rounds);
    details_close(&details);
    return code;
}

int reader_scan(struct trace_reader *reader, struct reader_window window,
                int (*each)(void *context, const struct trace_round *round), void *context,
                struct rondo_error *err)
{
    return details_scan(reader, window, DETAILS_ALL, each, context, err);
}

int reader_scan_bare(struct trace_reader *reader, struct reader_window window,
                     int (*each)(void *context, const struct trace_round *round), void *context,
                     struct rondo_error *err)
{
    return details_scan(reader, window, DETAILS_ALL | DETAILS_BARE, each, context, err);
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
