/* Solve: all are taken but what is coupled to an earlier round in flight; components larger than a
 * block are cut at their weakest couplings, and the blocks are solved jointly.
 *
 * The nodes of the forest are the taken variables in ascending order, whatever slots they have. */
#include "scheduler/parts.h"

static bool solve_sieve(struct scheduler *s, int64_t i)
{
    return !parts_refused_for(s, i, s->flying);
}

/* The strengths of all pairs, read along the rows of the cache. */
static void weigh(struct scheduler *s)
{
    const struct lineup *taken = &s->coupled.near;
    double threshold = s->config.threshold;
    int64_t coupled = 0;
    for (int64_t a = 0; a < taken->count; a++) {
        const double *row = cache_row(&s->cache, taken->slot[a]);
        int64_t i = taken->item[a].value;
        for (int64_t b = 0; b < a; b++) {
            int64_t j = taken->item[b].value;
            float strength = spanning_strength(row[taken->slot[b]], threshold);
            coupled += strength > 0;
            spanning_row(&s->spanning, i > j ? i : j)[i > j ? j : i] = strength;
        }
    }
    s->flight->plan.coupled_pairs = coupled;
}

/* The couplings that hold the blocks together, the strongest first.  A cluster that found no block with
 * room was split, and what it was split at holds nothing. */
static void record_joined(struct scheduler *s, int64_t edges)
{
    cut_order(&s->cut, edges, s->balance.order, s->balance.scratch);
    for (int64_t e = 0; e < edges; e++) {
        const struct spanning_edge *edge = &s->cut.edge[s->balance.order[e].value];
        if (s->block_of[edge->a] == s->block_of[edge->b])
            parts_joined(s, s->near_slot[s->flying + edge->a], s->near_slot[s->flying + edge->b]);
    }
}

static void solve_pack(struct scheduler *s)
{
    if (s->config.blocks == 1) {
        balance_units(&s->balance, s->taken, s->taken_cost, s->block_of);
        return;
    }
    weigh(s);
    int64_t edges = spanning_forest(&s->spanning, s->taken, s->cut.edge);
    edges = cut_forest(&s->cut, s->taken, edges, s->config.block_size, s->balance.order, s->balance.scratch);
    struct balance_clusters clusters = cut_clusters(&s->cut, s->taken);
    balance_pack(&s->balance, &clusters, s->taken_cost, true, s->block_of);
    record_joined(s, edges);
}

const struct policy policy_solve = {
    .name = "solve",
    .join_taken = true,
    .sieve = solve_sieve,
    .pack = solve_pack,
};
