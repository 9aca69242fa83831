/* Solve: all are taken but what is coupled to an earlier round in flight; components larger than a
 * block are cut at their weakest couplings, and the blocks are solved jointly. */
#include "scheduler/parts.h"

static bool solve_sieve(struct scheduler *s, int64_t i)
{
    return parts_first_coupled(s, i, 0, s->flying) < 0;
}

/* The strengths of all pairs of taken variables; a conflict for each that has an earlier partner:
 * the strongest. */
static void weigh(struct scheduler *s)
{
    const int32_t *slot = s->near_slot + s->flying;
    int64_t coupled = 0;
    for (int64_t i = 0; i < s->taken; i++) {
        float *row = spanning_row(&s->spanning, i);
        float strongest = 0;
        int64_t partner = 0;
        for (int64_t j = 0; j < i; j++) {
            row[j] = spanning_strength(*cache_at(&s->cache, slot[i], slot[j]), s->config.threshold);
            coupled += row[j] > 0;
            if (row[j] > strongest) {
                strongest = row[j];
                partner = j;
            }
        }
        if (strongest > 0)
            parts_record(s, s->taken_variable[i], s->flying + partner,
                         *cache_at(&s->cache, slot[i], slot[partner]));
    }
    s->flight->plan.coupled_pairs = coupled;
}

static void solve_pack(struct scheduler *s)
{
    if (s->config.blocks == 1) {
        balance_units(&s->balance, s->taken, s->taken_cost, s->block_of);
        return;
    }
    weigh(s);
    int64_t edges = spanning_forest(&s->spanning, s->taken, s->cut.edge);
    cut_forest(&s->cut, s->taken, edges, s->config.block_size, s->balance.order, s->balance.scratch);
    struct balance_clusters clusters = cut_clusters(&s->cut, s->taken);
    balance_pack(&s->balance, &clusters, s->taken_cost, true, s->block_of);
}

const struct policy policy_solve = {
    .name = "solve",
    .join_taken = true,
    .sieve = solve_sieve,
    .pack = solve_pack,
};
