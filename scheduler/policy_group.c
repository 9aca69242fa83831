/* Group: coupled variables share a block, so a component of the taken is never larger than a block,
 * and all components fit in the blocks at any time.  A candidate that would break this is refused:
 * components are trimmed by priority, the later draw goes. */
#include "scheduler/parts.h"

static int32_t root_of(struct scheduler *s, int64_t near)
{
    return component_root(&s->cut.component, (int32_t)(near - s->flying));
}

/* Refused for good: coupled to what is in flight, or to a component that is full. */
static bool group_sieve(struct scheduler *s, int64_t i)
{
    if (parts_first_coupled(s, i, 0, s->flying) >= 0)
        return false;
    for (int64_t near = s->flying; near < s->flying + s->taken; near++) {
        double coupling = parts_coupling(s, i, near);
        if (!parts_coupled(s, coupling))
            continue;
        if (s->cut.component.size[root_of(s, near)] < s->config.block_size)
            continue;
        parts_record(s, s->batch_variable[i], near, coupling);
        return false;
    }
    return true;
}

/* What the candidate would join. */
struct joint {
    int64_t size;     /* of the component it would make */
    int64_t coupled;  /* taken variables it is coupled to */
    int64_t first;    /* the first of these, near; -1: none */
    double coupling;  /* to the first */
};

/* Looks at all that were taken, and marks the components met as seen. */
static struct joint survey(struct scheduler *s, int64_t i)
{
    struct joint joint = { .size = 1, .first = -1 };
    s->sighting++;
    for (int64_t near = s->flying; near < s->flying + s->taken; near++) {
        double coupling = parts_coupling(s, i, near);
        if (!parts_coupled(s, coupling))
            continue;
        if (joint.coupled++ == 0) {
            joint.first = near;
            joint.coupling = coupling;
        }
        int32_t root = root_of(s, near);
        if (s->seen[root] == s->sighting)
            continue;
        s->seen[root] = s->sighting;
        joint.size += s->cut.component.size[root];
    }
    return joint;
}

/* Takes the components that the last survey met out of of_size, or puts them back. */
static void count_met(struct scheduler *s, int32_t step)
{
    for (int32_t root = 0; root < s->taken; root++) {
        if (s->seen[root] == s->sighting && s->cut.component.size[root] > 1)
            s->of_size[s->cut.component.size[root]] += step;
    }
}

static bool fits(struct scheduler *s, int64_t size)
{
    int32_t largest = size > s->largest ? (int32_t)size : s->largest;
    count_met(s, -1);
    s->of_size[size]++;
    if (balance_fits(&s->balance, s->of_size, largest)) {
        s->largest = largest;
        return true;
    }
    s->of_size[size]--;
    count_met(s, 1);
    return false;
}

static void join_met(struct scheduler *s, int32_t self)
{
    int32_t whole = self;
    for (int32_t root = 0; root < self; root++) {
        if (s->seen[root] == s->sighting)
            whole = component_join(&s->cut.component, whole, root);
    }
}

static bool group_judge(struct scheduler *s, int64_t i)
{
    if (s->taken == 0) {
        s->largest = 1;
        for (int64_t z = 0; z <= s->sizes.places && z <= s->config.block_size; z++)
            s->of_size[z] = 0;
    }
    struct joint joint = survey(s, i);
    if (joint.coupled > 0)
        parts_record(s, s->batch_variable[i], joint.first, joint.coupling);
    if (joint.size > s->config.block_size || (joint.size > 1 && !fits(s, joint.size)))
        return false;
    int32_t self = (int32_t)s->taken;
    component_single(&s->cut.component, self);
    s->seen[self] = 0;
    join_met(s, self);
    s->flight->plan.coupled_pairs += joint.coupled;
    return true;
}

static void group_pack(struct scheduler *s)
{
    struct balance_clusters clusters = cut_clusters(&s->cut, s->taken);
    if (!balance_pack(&s->balance, &clusters, s->taken_cost, false, s->block_of))
        balance_first_fit(&s->balance, &clusters, s->block_of);
}

const struct policy policy_group = {
    .name = "group",
    .sieve_taken = true,
    .judge_batch = true,
    .sieve = group_sieve,
    .judge = group_judge,
    .pack = group_pack,
};
