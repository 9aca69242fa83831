#include "core/trace/clash.h"

#include "core/base/mem.h"

#include <math.h>

static int bin_of(double coupling)
{
    double at = fabs(coupling) * CLASH_BINS;
    return at < CLASH_BINS ? (int)at : CLASH_BINS - 1; /* what is no number too */
}

static struct clash_pair *pair_of(struct clash *clash, int64_t variable, int64_t other)
{
    int64_t known = clash->numbers.count, number = roll_number(&clash->numbers, variable, other);
    if (number < 0)
        return NULL;
    if (number >= clash->room) {
        size_t size = sizeof *clash->pair, had = (size_t)clash->room, room = had ? 2 * had : 64;
        struct clash_pair *pair = mem_regrow(clash->pair, had * size, room * size);
        if (!pair)
            return NULL;
        clash->pair = pair;
        clash->room = (int64_t)room;
    }
    if (number == known)
        clash->pair[number] = (struct clash_pair){ .variable = variable, .other = other };
    return &clash->pair[number];
}

int clash_add(struct clash *clash, const struct trace_conflict *conflict)
{
    bool ordered = conflict->candidate < conflict->other;
    struct clash_pair *pair = pair_of(clash, ordered ? conflict->candidate : conflict->other,
                                      ordered ? conflict->other : conflict->candidate);
    if (!pair)
        return RONDO_ENOMEM;
    *(conflict->joined ? &clash->joined : &clash->refused) += 1;
    (conflict->joined ? clash->bin_joined : clash->bin_refused)[bin_of(conflict->coupling)]++;
    pair->times++;
    pair->joined += conflict->joined;
    if (pair->times == 1 || fabs(conflict->coupling) > fabs(pair->coupling))
        pair->coupling = conflict->coupling;
    return RONDO_OK;
}

static bool before(const struct clash_pair *a, const struct clash_pair *b)
{
    if (a->times != b->times)
        return a->times > b->times;
    return a->variable != b->variable ? a->variable < b->variable : a->other < b->other;
}

void clash_end(struct clash *clash)
{
    clash->count = 0;
    for (int64_t i = 0; i < clash->numbers.count && i < clash->room; i++) {
        int at = clash->count;
        while (at > 0 && before(&clash->pair[i], &clash->most[at - 1]))
            at--;
        if (at == CLASH_PAIRS)
            continue;
        clash->count += clash->count < CLASH_PAIRS;
        for (int k = clash->count - 1; k > at; k--)
            clash->most[k] = clash->most[k - 1];
        clash->most[at] = clash->pair[i];
    }
}

void clash_fini(struct clash *clash)
{
    roll_fini(&clash->numbers);
    mem_free(clash->pair);
    clash->pair = NULL;
}
