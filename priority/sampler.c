#include "priority/sampler.h"

#include "core/base/bitset.h"
#include "core/base/mem.h"

#include <rondo/err.h>
#include <rondo/rng.h>

#include <math.h>
#include <string.h>

enum {
    TRIES_MAX = 16,    /* uniform: after so many variables that are out, count those that are in */
    BULK_SHARE = 32,   /* from M / 32 changes on, one rebuild is cheaper than many updates */
};

int sampler_init(struct sampler *sampler, enum priority_rule rule, double eta, int64_t count,
                 uint64_t seed)
{
    *sampler = (struct sampler){
        .rule = rule_of(rule), .kind = rule, .eta = eta, .count = count, .seed = seed
    };
    sampler->out = mem_alloc(bitset_words(count) * sizeof *sampler->out);
    if (!sampler->out)
        return RONDO_ENOMEM;
    if (sampler->rule->weighted) {
        sampler->weight = mem_alloc((size_t)count * sizeof *sampler->weight);
        if (!sampler->weight || sumtree_init(&sampler->tree, count)) {
            sampler_fini(sampler);
            return RONDO_ENOMEM;
        }
    }
    sampler_reset(sampler);
    return RONDO_OK;
}

void sampler_fini(struct sampler *sampler)
{
    mem_free(sampler->out);
    mem_free(sampler->weight);
    sumtree_fini(&sampler->tree);
    *sampler = (struct sampler){ 0 };
}

void sampler_reset(struct sampler *sampler)
{
    memset(sampler->out, 0, bitset_words(sampler->count) * sizeof *sampler->out);
    if (sampler->weight) {
        for (int64_t j = 0; j < sampler->count; j++)
            sampler->weight[j] = RULE_FIRST_WEIGHT;
    }
    sampler->cursor = sampler->opened_at = 0;
    sampler_rebuild(sampler);
}

void sampler_open(struct sampler *sampler, int64_t round)
{
    sampler->round = (uint64_t)round;
    sampler->tries = 0;
    sampler->opened_at = sampler->cursor;
}

/* The sums over leaves that have changed. */
static void renew(struct sampler *sampler, int64_t count, const int64_t *variables)
{
    if (count > sampler->count / BULK_SHARE)
        sumtree_rebuild(&sampler->tree);
    else
        sumtree_update(&sampler->tree, count, variables);
}

/* ---- draws ------------------------------------------------------------------------------- */

static double next_unit(struct sampler *sampler)
{
    return rondo_rng_unit(sampler->seed, sampler->round, SAMPLER_STREAM, sampler->tries++);
}

static int64_t scaled(double u, int64_t count)
{
    int64_t j = (int64_t)(u * (double)count);
    return j < count ? j : count - 1;
}

/* The rank-th variable that is in, counting from 0.  O(M / 64). */
static int64_t in_by_rank(const struct sampler *sampler, int64_t rank)
{
    for (int64_t word = 0;; word++) {
        uint64_t in = ~sampler->out[word];
        int64_t here = __builtin_popcountll(in);
        if (rank >= here) {
            rank -= here;
            continue;
        }
        for (; rank > 0; rank--)
            in &= in - 1;
        return word * 64 + __builtin_ctzll(in);
    }
}

/* Rejection: any variable, again while it is out; exact, and O(1) while half of them are in. */
static int64_t draw_uniform(struct sampler *sampler)
{
    if (sampler->in == 0)
        return -1;
    for (int i = 0; i < TRIES_MAX; i++) {
        int64_t j = scaled(next_unit(sampler), sampler->count);
        if (!bitset_has(sampler->out, j))
            return j;
    }
    return in_by_rank(sampler, scaled(next_unit(sampler), sampler->in));
}

static int64_t draw_cyclic(struct sampler *sampler)
{
    if (sampler->in == 0)
        return -1;
    int64_t words = (int64_t)bitset_words(sampler->count), word = sampler->cursor / 64;
    uint64_t mask = ~UINT64_C(0) << (sampler->cursor % 64);
    for (;; mask = ~UINT64_C(0)) {
        uint64_t in = ~sampler->out[word] & mask;
        int64_t j = in ? word * 64 + __builtin_ctzll(in) : sampler->count;
        if (j < sampler->count) {
            sampler->cursor = j + 1 < sampler->count ? j + 1 : 0;
            return j;
        }
        word = word + 1 < words ? word + 1 : 0;
    }
}

int64_t sampler_draw(struct sampler *sampler)
{
    int64_t j;
    switch (sampler->kind) {
    case RULE_UNIFORM: j = draw_uniform(sampler); break;
    case RULE_CYCLIC: j = draw_cyclic(sampler); break;
    default: j = sumtree_find(&sampler->tree, next_unit(sampler)); break;
    }
    if (j >= 0)
        sampler_take(sampler, j);
    return j;
}

void sampler_take(struct sampler *sampler, int64_t variable)
{
    bitset_add(sampler->out, variable);
    sampler->in--;
    if (sampler->rule->weighted)
        sumtree_set(&sampler->tree, variable, 0);
}

int64_t sampler_draw_all(struct sampler *sampler, int64_t most, int64_t *variables)
{
    if (!sampler->rule->weighted)
        return -1;
    int64_t count = sumtree_list(&sampler->tree, most, variables);
    if (count > most)
        return -1;
    double *leaf = sumtree_leaves(&sampler->tree);
    for (int64_t i = 0; i < count; i++) {
        bitset_add(sampler->out, variables[i]);
        leaf[variables[i]] = 0;
    }
    sampler->in -= count;
    sumtree_update(&sampler->tree, count, variables);
    return count;
}

/* ---- and back ---------------------------------------------------------------------------- */

void sampler_release(struct sampler *sampler, int64_t count, const int64_t *variables)
{
    sampler->in += count;
    for (int64_t i = 0; i < count; i++)
        bitset_remove(sampler->out, variables[i]);
    if (!sampler->rule->weighted)
        return;
    double *leaf = sumtree_leaves(&sampler->tree);
    int64_t changed = 0;
    for (int64_t i = 0; i < count; i++) {
        double share = sampler_share(sampler, variables[i]);
        changed += leaf[variables[i]] != share;
        leaf[variables[i]] = share;
    }
    if (changed > 0)
        renew(sampler, count, variables);
}

void sampler_put_back(struct sampler *sampler, int64_t count, const int64_t *variables)
{
    sampler_release(sampler, count, variables);
    if (sampler->kind != RULE_CYCLIC || count == 0)
        return;
    int64_t nearest = sampler->count;
    for (int64_t i = 0; i < count; i++) {
        int64_t ahead = variables[i] - sampler->opened_at;
        ahead += ahead < 0 ? sampler->count : 0;
        nearest = ahead < nearest ? ahead : nearest;
    }
    int64_t cursor = sampler->opened_at + nearest;
    sampler->cursor = cursor < sampler->count ? cursor : cursor - sampler->count;
}

/* ---- weights ----------------------------------------------------------------------------- */

double sampler_sum(const struct sampler *sampler)
{
    return sampler->rule->weighted ? sampler->tree.total : (double)sampler->in;
}

double sampler_share(const struct sampler *sampler, int64_t variable)
{
    return sampler->rule->weighted ? sampler->weight[variable] + sampler->eta : 1.0;
}

double sampler_weight(const struct sampler *sampler, int64_t variable)
{
    return sampler->rule->weighted ? sampler->weight[variable] : 1.0;
}

void sampler_feed(struct sampler *sampler, int64_t count, const int64_t *variables,
                  const double *delta, const double *violation)
{
    if (!sampler->rule->weighted)
        return;
    double *leaf = sumtree_leaves(&sampler->tree);
    int64_t changed = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t j = variables[i];
        if (j < 0 || j >= sampler->count)
            continue;
        sampler->weight[j] = sampler->rule->weight(sampler->weight[j], delta ? delta[i] : (double)NAN,
                                                   violation ? violation[i] : (double)NAN);
        if (bitset_has(sampler->out, j))
            continue;
        leaf[j] = sampler_share(sampler, j);
        changed++;
    }
    if (changed > 0)
        renew(sampler, count, variables);
}

void sampler_feed_all(struct sampler *sampler, const double *violation)
{
    if (!sampler->rule->from_violation)
        return;
    for (int64_t j = 0; j < sampler->count; j++)
        sampler->weight[j] = rule_clamp(sampler->weight[j], violation[j]);
    sampler_rebuild(sampler);
}

void sampler_rebuild(struct sampler *sampler)
{
    int64_t out = 0;
    for (size_t word = 0; word < bitset_words(sampler->count); word++)
        out += __builtin_popcountll(sampler->out[word]);
    sampler->in = sampler->count - out;
    if (!sampler->rule->weighted)
        return;
    double *leaf = sumtree_leaves(&sampler->tree);
    for (int64_t j = 0; j < sampler->count; j++)
        leaf[j] = sampler->weight[j] + sampler->eta;
    for (size_t word = 0; word < bitset_words(sampler->count); word++) {
        for (uint64_t bits = sampler->out[word]; bits; bits &= bits - 1)
            leaf[word * 64 + (size_t)__builtin_ctzll(bits)] = 0;
    }
    sumtree_rebuild(&sampler->tree);
}
