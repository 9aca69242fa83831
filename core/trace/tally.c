#include "core/trace/tally.h"

#include "core/base/mem.h"

#include <math.h>

enum {
    EXACT = 2048,           /* counts below have a bin each */
    STEPS = 1024,           /* bins to an octave above */
    BINS = EXACT + 21 * STEPS,
    FIRST_SIZE = 1024,
};

struct tally_seen {
    uint32_t count;
    uint32_t last; /* round; differences are taken modulo 2^32 */
};

/* EXACT = 2 STEPS: a count of 2^10+e .. 2^11+e - 1 has its ten bits behind the first as its step. */
static int bin_of(uint32_t count)
{
    if (count < EXACT)
        return (int)count;
    int octave = 21 - __builtin_clz(count); /* 1: from 2048 on */
    return EXACT + (octave - 1) * STEPS + (int)(count >> octave) - STEPS;
}

void tally_init(struct tally *tally, int64_t variables)
{
    *tally = (struct tally){ .variables = variables > 0 ? variables : 0, .stride = 1 };
    if (variables > TALLY_VARIABLES)
        tally->stride = (variables + TALLY_VARIABLES - 1) / TALLY_VARIABLES;
}

void tally_fini(struct tally *tally)
{
    mem_free(tally->seen);
    mem_free(tally->bin);
    *tally = (struct tally){ 0 };
}

/* Room for that index, of all variables at once where their number is known. */
static bool reach(struct tally *tally, int64_t at)
{
    if (!tally->bin && !(tally->bin = mem_calloc(BINS, sizeof *tally->bin)))
        return false;
    int64_t size = tally->variables / tally->stride + 1;
    if (at >= size)
        for (size = FIRST_SIZE; size <= at && size <= TALLY_VARIABLES;)
            size *= 2;
    if (size > TALLY_VARIABLES + 1)
        size = TALLY_VARIABLES + 1;
    if (at < tally->size || at >= size)
        return at < tally->size;
    struct tally_seen *seen = mem_calloc((size_t)size, sizeof *seen);
    if (!seen)
        return false;
    for (int64_t i = 0; i < tally->size; i++)
        seen[i] = tally->seen[i];
    mem_free(tally->seen);
    tally->seen = seen;
    tally->size = size;
    return true;
}

static void count_one(struct tally *tally, struct tally_seen *seen, uint32_t round)
{
    struct tally_bin *from = &tally->bin[bin_of(seen->count)];
    if (seen->count == 0) {
        tally->moved++;
    } else {
        from->variables--;
        from->updates -= seen->count;
        int64_t wait = (int32_t)(round - seen->last);
        if (wait > tally->longest_wait)
            tally->longest_wait = wait;
    }
    seen->last = round;
    seen->count += seen->count < UINT32_MAX;
    int at = bin_of(seen->count);
    tally->highest = at > tally->highest ? at : tally->highest;
    struct tally_bin *to = &tally->bin[at];
    to->variables++;
    to->updates += seen->count;
    tally->updates++;
}

void tally_add(struct tally *tally, int64_t round, const int64_t *variables, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t at = variables[i];
        if (tally->stride > 1) {
            if (at % tally->stride)
                continue;
            at /= tally->stride;
        }
        if (at >= 0 && (at < tally->size || reach(tally, at)))
            count_one(tally, &tally->seen[at], (uint32_t)round);
    }
}

static double population(const struct tally *tally)
{
    double all = (double)tally->variables / (double)tally->stride;
    return all > (double)tally->moved ? all : (double)tally->moved;
}

double tally_share(const struct tally *tally, double fraction)
{
    if (tally->updates == 0)
        return (double)NAN;
    double left = ceil(fraction * population(tally) - 1e-9), taken = 0.0;
    left = left < 1.0 ? 1.0 : left;
    for (int b = tally->highest; b > 0 && left > 0.0; b--) {
        const struct tally_bin *bin = &tally->bin[b];
        if (bin->variables == 0)
            continue;
        double some = left < (double)bin->variables ? left : (double)bin->variables;
        taken += (double)bin->updates * (some / (double)bin->variables);
        left -= some;
    }
    return taken / (double)tally->updates;
}

/* H = - sum p log p with p = c / U, which is log U - (sum c log c) / U. */
double tally_entropy(const struct tally *tally)
{
    double all = population(tally), sum = 0.0, updates = (double)tally->updates;
    if (tally->updates == 0 || all <= 1.0)
        return (double)NAN;
    for (int b = 1; b <= tally->highest; b++)
        if (tally->bin[b].variables > 0)
            sum += (double)tally->bin[b].updates
                   * log((double)tally->bin[b].updates / (double)tally->bin[b].variables);
    double entropy = (log(updates) - sum / updates) / log(all);
    return entropy > 0.0 ? entropy : 0.0; /* rounding */
}
