/* Drop (STRADS): a candidate coupled to anything in flight or taken is refused. */
#include "scheduler/parts.h"

static bool drop_sieve(struct scheduler *s, int64_t i)
{
    return !parts_refused_for(s, i, s->flying + s->taken);
}

/* The sieve saw all but those taken of this batch. */
static bool drop_judge(struct scheduler *s, int64_t i)
{
    int64_t j = coupled_next(coupled_to_batch(&s->coupled, i), s->batch_taken, 0, i);
    if (j < 0)
        return true;
    parts_refused(s, i, s->batch_near[j]);
    return false;
}

static void drop_pack(struct scheduler *s)
{
    balance_units(&s->balance, s->taken, s->taken_cost, s->block_of);
}

const struct policy policy_drop = {
    .name = "drop",
    .sieve_taken = true,
    .judge_batch = true,
    .sieve = drop_sieve,
    .judge = drop_judge,
    .pack = drop_pack,
};

/* Check none: no coupling is looked at, all are taken. */
const struct policy policy_none = {
    .name = "none",
    .pack = drop_pack,
};
