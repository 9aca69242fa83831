#include "core/trace/roll.h"

#include "core/base/mem.h"

enum { FIRST_ROOM = 16 };

/* Steps 2^64 / phi and a prime of the finaliser of SplitMix64 (Steele, Lea, Flood 2014); the high bits are the mixed ones. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = (a ^ (b << 32 | b >> 32)) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 32) * 0xBF58476D1CE4E5B9u;
    return z ^ z >> 32;
}

/* Where (a, b) stands, or the free slot where it would. */
static int64_t *find(const struct roll *roll, int64_t a, int64_t b)
{
    uint64_t mask = (uint64_t)roll->slots - 1, at = mix((uint64_t)a, (uint64_t)b) & mask;
    for (;; at = (at + 1) & mask) {
        int64_t number = roll->slot[at];
        if (number == 0 || (roll->name[number - 1].a == a && roll->name[number - 1].b == b))
            return &roll->slot[at];
    }
}

/* Slots are at most half full. */
static bool grow(struct roll *roll)
{
    int64_t had = roll->room, room = had ? 2 * had : FIRST_ROOM;
    size_t size = sizeof *roll->name;
    struct roll_name *name = mem_regrow(roll->name, (size_t)had * size, (size_t)room * size);
    roll->name = name ? name : roll->name;
    int64_t *slot = name ? mem_calloc((size_t)room * 2, sizeof *slot) : NULL;
    if (!slot)
        return false;
    mem_free(roll->slot);
    roll->slot = slot;
    roll->slots = room * 2;
    roll->room = room;
    for (int64_t i = 0; i < roll->count; i++)
        *find(roll, name[i].a, name[i].b) = i + 1;
    return true;
}

int64_t roll_number(struct roll *roll, int64_t a, int64_t b)
{
    if (roll->count == roll->room && !grow(roll))
        return -1;
    int64_t *slot = find(roll, a, b);
    if (*slot == 0) {
        roll->name[roll->count++] = (struct roll_name){ a, b };
        *slot = roll->count;
    }
    return *slot - 1;
}

void roll_fini(struct roll *roll)
{
    mem_free(roll->name);
    mem_free(roll->slot);
    *roll = (struct roll){ 0 };
}
