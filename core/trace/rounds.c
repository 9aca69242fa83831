#include "core/trace/rounds.h"

#include "core/base/mem.h"

#include <string.h>

/* In the order of take. */
static const char columns[] =
    "round, phases, blocks, staleness, wanted, drawn, refused, taken, joined, updates, pairs_needed, pairs_computed,"
    " coupled_pairs, weight_sum, weight_taken, cost_max, cost_mean, objective, plan_ns, push_ns, commit_ns, run_ns,"
    " pull_ns, network_ns, couple_ns, begin_ns, end_ns, kind, note";
static const char brief_columns[] =
    "round, 0, 0, 0, wanted, 0, refused, taken, joined, updates, pairs_needed, pairs_computed,"
    " 0, weight_sum, weight_taken, cost_max, cost_mean, objective, plan_ns, push_ns, commit_ns, run_ns,"
    " pull_ns, network_ns, couple_ns, begin_ns, end_ns, '', ''";

/* Copied: the next is read over them.  A text that is NULL is "". */
static int take_words(struct rounds *rounds, sqlite3_value *kind, sqlite3_value *note)
{
    const void *first = sqlite3_value_text(kind), *second = sqlite3_value_text(note);
    const size_t length = first ? strlen(first) : 0, more = second ? strlen(second) : 0;
    if (buf_reserve(&rounds->words, length + more + 2))
        return SQLITE_NOMEM;
    char *words = (char *)rounds->words.data;
    memcpy(words, first ? first : "", length + 1);
    memcpy(words + length + 1, second ? second : "", more + 1);
    rounds->round.kind = words;
    rounds->round.note = words + length + 1;
    return SQLITE_OK;
}

static int take(void *context, sqlite3_value **value)
{
    struct rounds *rounds = context;
    rounds->round = (struct trace_round){
        .round = sqlite3_value_int64(value[0]),
        .phases = value_small(value[1]),
        .blocks = value_small(value[2]),
        .staleness = value_small(value[3]),
        .wanted = sqlite3_value_int64(value[4]),
        .drawn = sqlite3_value_int64(value[5]),
        .refused = sqlite3_value_int64(value[6]),
        .taken = sqlite3_value_int64(value[7]),
        .joined = sqlite3_value_int64(value[8]),
        .updates = sqlite3_value_int64(value[9]),
        .pairs_needed = sqlite3_value_int64(value[10]),
        .pairs_computed = sqlite3_value_int64(value[11]),
        .coupled_pairs = sqlite3_value_int64(value[12]),
        .weight_sum = value_real(value[13]),
        .weight_taken = value_real(value[14]),
        .cost_max = value_real(value[15]),
        .cost_mean = value_real(value[16]),
        .objective = value_real(value[17]),
        .plan_ns = value_ns(value[18]),
        .push_ns = value_ns(value[19]),
        .commit_ns = value_ns(value[20]),
        .run_ns = value_ns(value[21]),
        .pull_ns = value_ns(value[22]),
        .network_ns = value_ns(value[23]),
        .couple_ns = value_ns(value[24]),
        .begin_ns = value_ns(value[25]),
        .end_ns = value_ns(value[26]),
    };
    return take_words(rounds, value[27], value[28]);
}

int rounds_open(struct rounds *rounds, struct trace_reader *reader, struct reader_window window, bool brief,
                struct rondo_error *err)
{
    *rounds = (struct rounds){ 0 };
    return query_ask_taken(&rounds->query, reader, brief ? brief_columns : columns, "rounds", window, take, rounds, err);
}

bool rounds_next(struct rounds *rounds, int *code, struct rondo_error *err)
{
    return query_next(&rounds->query, code, err);
}

void rounds_close(struct rounds *rounds)
{
    query_done(&rounds->query);
    buf_fini(&rounds->words);
}
