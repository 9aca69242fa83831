#include "core/trace/rounds.h"

#include "core/base/mem.h"

#include <string.h>

/* In the order of take_bare, and behind them in that of take. */
#define BARE                                                                                                      \
    "round, phases, blocks, staleness, wanted, drawn, refused, taken, joined, updates, pairs_needed, pairs_computed," \
    " coupled_pairs, weight_sum, weight_taken, objective, kind, note"
#define BRIEF                                                                                                     \
    "round, 0, 0, 0, wanted, 0, refused, taken, joined, updates, pairs_needed, pairs_computed,"                       \
    " 0, weight_sum, weight_taken, objective, '', ''"
#define MEASURED                                                                                          \
    ", cost_max, cost_mean, plan_ns, push_ns, commit_ns, run_ns, pull_ns, network_ns, couple_ns, begin_ns, end_ns"

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

static int take_bare(void *context, sqlite3_value **value)
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
        .objective = value_real(value[15]),
    };
    return take_words(rounds, value[16], value[17]);
}

static int take(void *context, sqlite3_value **value)
{
    struct rounds *rounds = context;
    struct trace_round *round = &rounds->round;
    const int rc = take_bare(context, value);
    value += 18;
    round->cost_max = value_real(value[0]);
    round->cost_mean = value_real(value[1]);
    round->plan_ns = value_ns(value[2]);
    round->push_ns = value_ns(value[3]);
    round->commit_ns = value_ns(value[4]);
    round->run_ns = value_ns(value[5]);
    round->pull_ns = value_ns(value[6]);
    round->network_ns = value_ns(value[7]);
    round->couple_ns = value_ns(value[8]);
    round->begin_ns = value_ns(value[9]);
    round->end_ns = value_ns(value[10]);
    return rc;
}

int rounds_open(struct rounds *rounds, struct trace_reader *reader, struct reader_window window,
                enum rounds_columns columns, struct rondo_error *err)
{
    static const char *const text[] = {
        [ROUNDS_WHOLE] = BARE MEASURED, [ROUNDS_BARE] = BARE, [ROUNDS_BRIEF] = BRIEF MEASURED
    };
    *rounds = (struct rounds){ 0 };
    return query_ask_taken(&rounds->query, reader, text[columns], "rounds", window,
                           columns == ROUNDS_BARE ? take_bare : take, rounds, err);
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
