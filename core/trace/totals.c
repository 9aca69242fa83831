/* totals.c - the reader's sums and counts. */
#include "core/trace/query.h"

#include <math.h>

int reader_workers(struct trace_reader *reader, struct reader_window window,
                   int (*each)(void *context, const struct reader_worker *worker), void *context,
                   struct rondo_error *err)
{
    struct query query;
    /* before_ns: when all that was sent to the worker earlier was done */
    const char *sql = "SELECT worker, count(*), count(DISTINCT round),"
                      " sum(max(0, done_ns - max(sent_ns, before_ns))), avg(done_ns - sent_ns),"
                      " max(done_ns - sent_ns), min(sent_ns), max(done_ns) FROM"
                      " (SELECT round, place, worker, sent_ns, done_ns, coalesce(max(done_ns) OVER"
                      " (PARTITION BY worker ORDER BY sent_ns, round, place"
                      " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), sent_ns) AS before_ns"
                      " FROM tasks WHERE round BETWEEN ?1 AND ?2)"
                      " GROUP BY worker ORDER BY worker";
    int code = query_ask(&query, reader, sql, window, err);
    while (query_next(&query, &code, err)) {
        struct reader_worker worker = {
            .worker = query_small(&query, 0),
            .tasks = query_whole(&query, 1),
            .rounds = query_whole(&query, 2),
            .busy_ns = query_whole(&query, 3),
            .mean_ns = query_real(&query, 4),
            .longest_ns = query_whole(&query, 5),
            .first_ns = query_whole(&query, 6),
            .last_ns = query_whole(&query, 7),
        };
        code = each(context, &worker);
    }
    query_done(&query);
    return code;
}

static double ratio(double part, double all)
{
    return all > 0 ? part / all : (double)NAN;
}

static int sum_rounds(struct trace_reader *reader, struct reader_window window,
                      struct reader_summary *out, struct rondo_error *err)
{
    struct query query;
    const char *sql = "SELECT count(*), min(round), max(round),"
                      " sum(taken) FILTER (WHERE kind = 'sampled'),"
                      " sum(wanted) FILTER (WHERE kind = 'sampled'),"
                      " sum(drawn) FILTER (WHERE kind = 'sampled'),"
                      " sum(refused) FILTER (WHERE kind = 'sampled'),"
                      " sum(pairs_needed), sum(pairs_computed), sum(coupled_pairs),"
                      " avg(cost_max / cost_mean) FILTER (WHERE cost_mean > 0),"
                      " max(cost_max / cost_mean) FILTER (WHERE cost_mean > 0),"
                      " sum(plan_ns), sum(push_ns), sum(commit_ns), max(end_ns) - min(begin_ns),"
                      " sum(couple_ns)"
                      " FROM rounds WHERE round BETWEEN ?1 AND ?2";
    int code = query_ask(&query, reader, sql, window, err);
    if (query_next(&query, &code, err)) {
        out->rounds = query_whole(&query, 0);
        out->first_round = query_whole(&query, 1);
        out->last_round = query_whole(&query, 2);
        out->updates = query_whole(&query, 3);
        out->wanted = query_whole(&query, 4);
        out->drawn = query_whole(&query, 5);
        out->refused = query_whole(&query, 6);
        out->pairs_needed = query_whole(&query, 7);
        out->pairs_computed = query_whole(&query, 8);
        out->coupled_pairs = query_whole(&query, 9);
        out->imbalance_mean = query_real(&query, 10);
        out->imbalance_max = query_real(&query, 11);
        out->plan_ns = query_whole(&query, 12);
        out->push_ns = query_whole(&query, 13);
        out->commit_ns = query_whole(&query, 14);
        out->elapsed_ns = query_whole(&query, 15);
        out->couple_ns = query_whole(&query, 16);
    }
    query_done(&query);
    out->fill_ratio = ratio((double)out->updates, (double)out->wanted);
    out->hit_ratio = ratio((double)(out->pairs_needed - out->pairs_computed),
                           (double)out->pairs_needed);
    return code;
}

static int find_objective(struct trace_reader *reader, const char *sql,
                          struct reader_window window, double *objective, struct rondo_error *err)
{
    struct query query;
    int code = query_ask(&query, reader, sql, window, err);
    *objective = (double)NAN;
    if (query_next(&query, &code, err))
        *objective = query_real(&query, 0);
    query_done(&query);
    return code;
}

int reader_summary(struct trace_reader *reader, struct reader_window window,
                   struct reader_summary *summary, struct rondo_error *err)
{
    *summary = (struct reader_summary){ 0 };
    int code = sum_rounds(reader, window, summary, err);
    if (!code)
        code = find_objective(reader,
                              "SELECT objective FROM rounds WHERE round BETWEEN ?1 AND ?2"
                              " AND objective IS NOT NULL ORDER BY round LIMIT 1",
                              window, &summary->objective_first, err);
    if (!code)
        code = find_objective(reader,
                              "SELECT objective FROM rounds WHERE round BETWEEN ?1 AND ?2"
                              " AND objective IS NOT NULL ORDER BY round DESC LIMIT 1",
                              window, &summary->objective_last, err);
    return code;
}

static int count_words(struct trace_reader *reader, const char *sql, struct reader_window window,
                       int (*each)(void *context, const char *word, int64_t rounds), void *context,
                       struct rondo_error *err)
{
    struct query query;
    int code = query_ask(&query, reader, sql, window, err);
    while (query_next(&query, &code, err))
        code = each(context, query_text(&query, 0), query_whole(&query, 1));
    query_done(&query);
    return code;
}

int reader_kinds(struct trace_reader *reader, struct reader_window window,
                 int (*each)(void *context, const char *kind, int64_t rounds), void *context,
                 struct rondo_error *err)
{
    return count_words(reader,
                       "SELECT kind, count(*) FROM rounds WHERE round BETWEEN ?1 AND ?2"
                       " GROUP BY kind ORDER BY count(*) DESC, kind",
                       window, each, context, err);
}

int reader_notes(struct trace_reader *reader, struct reader_window window,
                 int (*each)(void *context, const char *note, int64_t rounds), void *context,
                 struct rondo_error *err)
{
    return count_words(reader,
                       "SELECT note, count(*) FROM rounds WHERE round BETWEEN ?1 AND ?2"
                       " AND note <> '' GROUP BY note ORDER BY count(*) DESC, note",
                       window, each, context, err);
}
