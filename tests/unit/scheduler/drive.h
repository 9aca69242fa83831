/* drive.h - plays the engine for a scheduler: answers what it asks from a function of pairs.
 *
 * Place: tests; header only.   Memory: the answers, allocated before a round where room is given.
 */
#ifndef DRIVE_H
#define DRIVE_H

#include "scheduler/scheduler.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct drive {
    double (*coupling)(const void *world, int64_t a, int64_t b);
    const void *world;
    double *values;
    int64_t room;
    int64_t asked, trips; /* pairs, requests */
};

static inline void drive_answer(struct drive *drive, struct scheduler *s,
                                const struct rondo_pairs *need)
{
    int64_t pairs = need->ptr[need->columns];
    if (pairs > drive->room) {
        drive->room = 2 * pairs;
        drive->values = realloc(drive->values, (size_t)drive->room * sizeof *drive->values);
        cr_assert_not_null(drive->values);
    }
    for (int64_t c = 0; c < need->columns; c++) {
        for (int64_t i = need->ptr[c]; i < need->ptr[c + 1]; i++)
            drive->values[i] = drive->coupling(drive->world, need->column[c], need->row[i]);
    }
    drive->asked += pairs;
    drive->trips++;
    scheduler_answer(s, 0, need->columns, drive->values);
}

static inline const struct scheduler_plan *drive_round(struct drive *drive, struct scheduler *s,
                                                       int64_t round, int64_t want)
{
    struct rondo_pairs need;
    scheduler_begin(s, round, want);
    while (scheduler_step(s, &need) == SCHEDULER_NEEDS)
        drive_answer(drive, s, &need);
    const struct scheduler_plan *plan = scheduler_plan(s, round);
    cr_assert_not_null(plan);
    return plan;
}

static inline void drive_fini(struct drive *drive)
{
    free(drive->values);
}

static inline bool drive_same_conflict(const struct scheduler_conflict *a, const struct scheduler_conflict *b)
{
    return a->candidate == b->candidate && a->other == b->other && a->coupling == b->coupling &&
           a->other_round == b->other_round && a->joined == b->joined;
}

/* Same blocks, numbers and conflicts, bit for bit; pairs_computed is the cache's affair. */
static inline bool drive_same(const struct scheduler_plan *a, const struct scheduler_plan *b)
{
    size_t blocks = (size_t)a->blocks;
    if (a->round != b->round || a->blocks != b->blocks || a->wanted != b->wanted ||
        a->drawn != b->drawn || a->refused != b->refused || a->taken != b->taken ||
        a->pairs_needed != b->pairs_needed || a->coupled_pairs != b->coupled_pairs ||
        a->joined != b->joined || a->draws != b->draws || a->conflicts != b->conflicts)
        return false;
    if (memcmp(&a->weight_sum, &b->weight_sum, sizeof(double)) != 0 ||
        memcmp(&a->weight_taken, &b->weight_taken, sizeof(double)) != 0 ||
        memcmp(a->start, b->start, (blocks + 1) * sizeof *a->start) != 0 ||
        memcmp(a->cost, b->cost, blocks * sizeof *a->cost) != 0)
        return false;
    for (int32_t i = 0; i < a->conflicts; i++)
        if (!drive_same_conflict(&a->conflict[i], &b->conflict[i]))
            return false;
    for (int64_t i = 0; i < a->draws; i++)
        if (a->draw[i] != b->draw[i] || a->weight[i] != b->weight[i])
            return false;
    return memcmp(a->variables, b->variables, (size_t)a->taken * sizeof *a->variables) == 0;
}

#endif
