/* ccd_drive.h - apps/mf's CCD++ on a small problem in one thread, its rounds as the engine has them.
 *
 * Place:   tests/unit/apps_mf.
 * Threads: one.
 * Memory:  drive_fini frees all.
 */
#ifndef CCD_DRIVE_H
#define CCD_DRIVE_H

#include "apps/host.h"
#include "apps/mf/ccd.h"
#include "apps/mf/head.h"
#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { DRIVE_SHARDS = 4 };

/* What is solved. */
struct form {
    int64_t users, items;
    int32_t rank, steps;
    bool biases, nonnegative, weighted;
    double lambda;
    double density, held;                       /* shares of cells that are ratings, and test cells */
    double (*rating)(int64_t user, int64_t item);
};

struct drive {
    struct rondo_host host;
    struct problem problem;
    int64_t first[DRIVE_SHARDS + 1]; /* the third is empty */
    struct head *head;
    void *common;
    struct ccd_shard *shard[DRIVE_SHARDS];
    int64_t round, updates; /* committed; of the last */
    bool reports;           /* the last round did */
};

static const char *drive_level = "x86-64-v2";
static struct drive *drive_now; /* whose shards the host shows */

static inline const char *drive_isa(const struct rondo_job *job RONDO_UNUSED)
{
    return drive_level;
}

static inline const void *drive_shard(const struct rondo_head_link *link RONDO_UNUSED, int32_t index)
{
    return drive_now->shard[index];
}

static inline double drive_unit(uint32_t stream, int64_t item)
{
    return rondo_rng_unit(11, 0, stream, (uint64_t)item);
}

/* 0: none, 1: a rating, 2: a test cell.  Item 1 has none of the first quarter of users, user 2 has none at all;
 * where there are few users, nobody is left out. */
static inline int drive_kind(const struct form *form, int64_t user, int64_t item)
{
    double at = drive_unit(1, user * form->items + item);
    bool barred = form->users > 8 && (user == 2 || (item == 1 && user < form->users / 4));
    return barred ? 0 : at < form->density ? 1 : at < form->density + form->held ? 2 : 0;
}

static inline struct cells drive_cells(struct drive *drive, const struct form *form, int kind, bool turned)
{
    int64_t rows = turned ? form->items : form->users, cols = turned ? form->users : form->items, n = 0;
    int64_t *first = mf_keep(&drive->problem, (size_t)rows + 1, sizeof *first);
    int32_t *col = mf_keep(&drive->problem, (size_t)(rows * cols), sizeof *col);
    float *value = mf_keep(&drive->problem, (size_t)(rows * cols), sizeof *value);
    cr_assert(first && col && value);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
            int64_t user = turned ? c : r, item = turned ? r : c;
            if (drive_kind(form, user, item) != kind)
                continue;
            col[n] = (int32_t)c;
            value[n++] = (float)form->rating(user, item);
        }
        first[r + 1] = n;
    }
    return (struct cells){ .rows = rows, .cols = cols, .count = n, .first = first, .col = col, .value = value };
}

/* The problem alone. */
static inline void drive_open(struct drive *drive, const struct form *form)
{
    static const struct host_upcalls upcalls = { .shard = drive_shard };
    *drive = (struct drive){ .problem = { .users = form->users, .items = form->items, .rank = form->rank,
                                          .biases = form->biases, .nonnegative = form->nonnegative,
                                          .weighted = form->weighted, .lambda = form->lambda, .steps = form->steps,
                                          .solver = &mf_ccd, .tolerance = -1, .epochs = 1000000,
                                          .evaluate_every = 1, .seed = 3 } };
    struct problem *problem = &drive->problem;
    host_init(&drive->host, &upcalls);
    drive->host.isa = drive_isa;
    problem->host = &drive->host;
    problem->by_user = drive_cells(drive, form, 1, false);
    problem->by_item = drive_cells(drive, form, 1, true);
    problem->test = drive_cells(drive, form, 2, false);
    double sum = 0;
    for (int64_t j = 0; j < problem->by_user.count; j++)
        sum += (double)problem->by_user.value[j];
    problem->mean = sum / (double)problem->by_user.count;
    cr_assert_eq(mf_ccd.open(problem, NULL), RONDO_OK);
    int64_t part = form->users / 3;
    memcpy(drive->first, ((int64_t[]){ 0, part, 2 * part, 2 * part, form->users }), sizeof drive->first);
    struct ccd *ccd = problem->own;
    ccd->shards = DRIVE_SHARDS;
    ccd->first = drive->first;
    drive_now = drive;
}

static inline int drive_states(struct drive *drive)
{
    const struct problem *problem = &drive->problem;
    void *head = NULL, *shard = NULL;
    int code = mf_head_create(problem, 0, &head, NULL);
    drive->head = head;
    if (!code)
        code = ccd_common_create(problem, 0, &drive->common, NULL);
    for (int32_t s = 0; s < DRIVE_SHARDS && !code; s++) {
        code = ccd_shard_create(problem, s, &shard, NULL);
        drive->shard[s] = code ? NULL : shard;
    }
    return code;
}

static inline void drive_drop(struct drive *drive)
{
    if (drive->head)
        mf_head_destroy(&drive->problem, drive->head);
    if (drive->common)
        ccd_common_destroy(&drive->problem, drive->common);
    for (int32_t s = 0; s < DRIVE_SHARDS; s++)
        if (drive->shard[s])
            ccd_shard_destroy(&drive->problem, drive->shard[s]);
    drive->head = drive->common = NULL;
    memset(drive->shard, 0, sizeof drive->shard);
}

static inline void drive_fini(struct drive *drive)
{
    drive_drop(drive);
    while (drive->problem.kept) {
        void *kept = drive->problem.kept;
        memcpy(&drive->problem.kept, kept, sizeof drive->problem.kept);
        mem_free(kept);
    }
}

static inline void drive_init(struct drive *drive, const struct form *form)
{
    drive_open(drive, form);
    cr_assert_eq(drive_states(drive), RONDO_OK);
}

static inline int drive_round(struct drive *drive)
{
    const struct problem *problem = &drive->problem;
    struct rondo_buf partial[DRIVE_SHARDS] = { 0 };
    struct rondo_bytes parts[DRIVE_SHARDS];
    struct rondo_order order = { 0 };
    struct rondo_task task = { .round = drive->round + 1, .shard = -1 };
    int code = mf_ccd.schedule(drive->head, task.round, &order);
    for (int32_t s = DRIVE_SHARDS - 1; s >= 0 && !code; s--) {
        code = mf_ccd.push(problem, drive->common, drive->shard[s], NULL, NULL, &task, &partial[s]);
        parts[s] = (struct rondo_bytes){ partial[s].data, partial[s].size };
    }
    cr_assert(code || order.no_pull);
    order = (struct rondo_order){ 0 };
    if (!code)
        code = mf_ccd.settle(drive->head, NULL, task.round, 0, &task, parts, DRIVE_SHARDS, &order);
    if (!code)
        code = mf_ccd.apply(problem, drive->common, NULL, NULL, task.round, order.commit);
    drive->round += !code;
    drive->updates = order.updates;
    drive->reports = order.report;
    for (int32_t s = 0; s < DRIVE_SHARDS; s++)
        buf_fini(&partial[s]);
    return code;
}

/* To the end of so many epochs; returns the updates. */
static inline int64_t drive_epochs(struct drive *drive, int32_t epochs)
{
    int64_t updates = 0;
    for (int32_t e = 0; e < epochs;) {
        cr_assert_eq(drive_round(drive), RONDO_OK);
        updates += drive->updates;
        e += drive->reports;
    }
    return updates;
}

static inline struct factors drive_collect(struct drive *drive)
{
    struct factors factors = { 0 };
    const struct problem *p = &drive->problem;
    cr_assert(factors_alloc(p->host, &factors, p->users, p->items, p->rank, p->biases));
    cr_assert_eq(mf_ccd.collect(drive->head, NULL, &factors), RONDO_OK);
    return factors;
}

#endif
