/* totals.c - the reader's sums and counts. */
#include "core/trace/pace.h"
#include "core/trace/query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct teller {
    int (*each)(void *context, const struct reader_worker *worker);
    void *context;
};

static int tell_workers(void *context, const struct pace_totals *totals)
{
    struct teller *teller = context;
    int code = 0;
    for (int64_t i = 0; i < totals->workers && !code; i++)
        code = teller->each(teller->context, &totals->worker[i].in);
    return code;
}

int reader_workers(struct trace_reader *reader, struct reader_window window,
                   int (*each)(void *context, const struct reader_worker *worker), void *context,
                   struct rondo_error *err)
{
    struct teller teller = { each, context };
    return pace_read(reader, window, NULL, tell_workers, &teller, err);
}

static double ratio(double part, double all)
{
    return all > 0 ? part / all : (double)NAN;
}

struct adder {
    struct reader_summary *out;
    int64_t balanced;           /* rounds that have an imbalance */
    int64_t begin_ns, end_ns;
    int kind, note;             /* the last round's */
};

static void add_sampled(struct reader_summary *out, const struct trace_round *round)
{
    query_add(&out->wanted, round->wanted);
    query_add(&out->drawn, round->drawn);
    query_add(&out->refused, round->refused);
    query_add(&out->taken, round->taken);
    query_add(&out->joined, round->joined);
}

static void add_times(struct reader_summary *out, const struct trace_round *round)
{
    query_add(&out->plan_ns, round->plan_ns);
    query_add(&out->push_ns, round->push_ns);
    query_add(&out->commit_ns, round->commit_ns);
    query_add(&out->run_ns, round->run_ns);
    query_add(&out->pull_ns, round->pull_ns);
    query_add(&out->network_ns, round->network_ns);
    query_add(&out->couple_ns, round->couple_ns);
}

static void add_imbalance(struct adder *adder, const struct trace_round *round)
{
    struct reader_summary *out = adder->out;
    if (!(round->cost_mean > 0) || !isfinite(round->cost_max / round->cost_mean))
        return;
    double imbalance = round->cost_max / round->cost_mean;
    out->imbalance_mean += (imbalance - out->imbalance_mean) / (double)++adder->balanced;
    out->imbalance_max = fmax(out->imbalance_max, imbalance);
}

/* Words repeat: the last one found stands first in the search. */
static void add_word(struct reader_word *list, int *count, int most, int *last, const char *word)
{
    char cut[sizeof list->word];
    if (*last < *count && strcmp(list[*last].word, word) == 0) {
        list[*last].rounds++;
        return;
    }
    snprintf(cut, sizeof cut, "%s", word);
    int at = 0;
    while (at < *count && strcmp(list[at].word, cut) != 0)
        at++;
    at = at < most ? at : most - 1;
    if (at == *count)
        snprintf(list[(*count)++].word, sizeof cut, "%s", at == most - 1 ? "others" : cut);
    list[at].rounds++;
    *last = at;
}

static int by_rounds(const void *a, const void *b)
{
    const struct reader_word *x = a, *y = b;
    int order = (x->rounds < y->rounds) - (x->rounds > y->rounds);
    return order ? order : strcmp(x->word, y->word);
}

static int add_round(void *context, const struct trace_round *round)
{
    struct adder *adder = context;
    struct reader_summary *out = adder->out;
    bool first = out->rounds++ == 0;
    out->first_round = first ? round->round : out->first_round;
    out->last_round = round->round;
    adder->begin_ns = first || round->begin_ns < adder->begin_ns ? round->begin_ns : adder->begin_ns;
    adder->end_ns = first || round->end_ns > adder->end_ns ? round->end_ns : adder->end_ns;
    if (strcmp(round->kind, "sampled") == 0)
        add_sampled(out, round);
    query_add(&out->updates, round->updates);
    query_add(&out->pairs_needed, round->pairs_needed);
    query_add(&out->pairs_computed, round->pairs_computed);
    query_add(&out->coupled_pairs, round->coupled_pairs);
    out->staleness_max = round->staleness > out->staleness_max ? round->staleness : out->staleness_max;
    add_times(out, round);
    add_word(out->kind, &out->kinds, READER_KINDS, &adder->kind, round->kind);
    if (round->note[0])
        add_word(out->note, &out->notes, READER_NOTES, &adder->note, round->note);
    add_imbalance(adder, round);
    if (isfinite(round->objective)) {
        out->objective_first = isfinite(out->objective_first) ? out->objective_first : round->objective;
        out->objective_last = round->objective;
    }
    return RONDO_OK;
}

int reader_summary(struct trace_reader *reader, struct reader_window window,
                   struct reader_summary *out, struct rondo_error *err)
{
    *out = (struct reader_summary){ .objective_first = (double)NAN, .objective_last = (double)NAN };
    struct adder adder = { .out = out };
    int code = reader_rounds(reader, window, add_round, &adder, err);
    out->elapsed_ns = adder.end_ns - adder.begin_ns;
    out->fill_ratio = ratio((double)out->taken, (double)out->wanted);
    out->hit_ratio = ratio((double)out->pairs_needed - (double)out->pairs_computed, (double)out->pairs_needed);
    qsort(out->kind, (size_t)out->kinds, sizeof *out->kind, by_rounds);
    qsort(out->note, (size_t)out->notes, sizeof *out->note, by_rounds);
    if (!adder.balanced)
        out->imbalance_mean = out->imbalance_max = (double)NAN;
    return code;
}
