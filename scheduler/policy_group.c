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
    if (parts_refused_for(s, i, s->flying))
        return false;
    const uint64_t *bits = coupled_to_near(&s->coupled, i);
    int64_t end = s->flying + s->taken, near = coupled_next(bits, NULL, s->flying, end);
    for (; near >= 0; near = coupled_next(bits, NULL, near + 1, end)) {
        if (s->cut.component.size[root_of(s, near)] >= s->config.block_size) {
            parts_refused(s, i, near);
            return false;
        }
    }
    return true;
}

/* What the candidate would join. */
struct joint {
    int64_t size;    /* of the component it would make */
    int64_t coupled; /* taken variables it is coupled to */
    int64_t first;   /* the first of these, near; -1: none */
};

static void meet(struct scheduler *s, struct joint *joint, int64_t near)
{
    if (joint->coupled++ == 0)
        joint->first = near;
    int32_t root = root_of(s, near);
    if (s->seen[root] == s->sighting)
        return;
    s->seen[root] = s->sighting;
    joint->size += s->cut.component.size[root];
}

/* Looks at all that were taken, before this batch and of it, and marks the components met as seen. */
static struct joint survey(struct scheduler *s, int64_t i)
{
    struct joint joint = { .size = 1, .first = -1 };
    s->sighting++;
    const uint64_t *bits = coupled_to_near(&s->coupled, s->batch_row[i]);
    int64_t end = s->flying + s->newly, near = coupled_next(bits, NULL, s->flying, end);
    for (; near >= 0; near = coupled_next(bits, NULL, near + 1, end))
        meet(s, &joint, near);
    bits = coupled_to_batch(&s->coupled, i);
    int64_t j = coupled_next(bits, s->batch_taken, 0, i);
    for (; j >= 0; j = coupled_next(bits, s->batch_taken, j + 1, i))
        meet(s, &joint, s->batch_near[j]);
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
    if (joint.size > s->config.block_size || (joint.size > 1 && !fits(s, joint.size))) {
        parts_refused(s, i, joint.first);
        return false;
    }
    if (joint.coupled > 0)
        parts_joined(s, s->batch_slot[i], s->near_slot[joint.first]);
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
