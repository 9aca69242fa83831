/* Who owns what: the parts that are told are of the data's own numbers, and are what tasks work on. */
#include "apps/host.h"
#include "apps/mf/ccd.h"
#include "apps/mf/cells.h"
#include "apps/mf/grid.h"
#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

enum { USERS = 900, ITEMS = 500, RATED = 60, MOST = USERS + ITEMS, TAGS = 2, AXES = 2 };

/* What the job says, behind the host's upcalls. */
static struct {
    struct rondo_matrix train;
    int64_t colptr[MOST + 1];
    int32_t rowidx[USERS * ITEMS];
    double values[USERS * ITEMS];
} said;

static const struct rondo_matrix *matrix(const struct rondo_job *job RONDO_UNUSED, const char *role)
{
    return strcmp(role, "train") == 0 ? &said.train : NULL;
}

static int64_t integer(const struct rondo_job *job RONDO_UNUSED, const char *key RONDO_UNUSED)
{
    return 5;
}

static const char *isa(const struct rondo_job *job RONDO_UNUSED)
{
    return "x86-64-v2";
}

static const struct rondo_ids *ids(const struct rondo_job *job RONDO_UNUSED, const char *role RONDO_UNUSED)
{
    return NULL;
}

static int each(const struct rondo_job *job RONDO_UNUSED, int64_t parts, int (*part)(void *context, int64_t index),
                void *context)
{
    int code = 0;
    for (int64_t i = 0; i < parts; i++)
        code = part(context, i) ? RONDO_EAPP : code;
    return code;
}

/* More users than items, or fewer; some have no rating. */
static void draw(int64_t users, int64_t items)
{
    int64_t nnz = 0;
    for (int64_t j = 0; j < items; j++) {
        for (int64_t i = 0; i < users; i++)
            if (rondo_rng_u64(5, (uint64_t)i, 996, (uint64_t)j) % 100 < RATED && i % 97 != 3) {
                said.rowidx[nnz] = (int32_t)i;
                said.values[nnz++] = (double)(i + j) / 7 - (double)((i * j) % 5);
            }
        said.colptr[j + 1] = nnz;
    }
    said.train = (struct rondo_matrix){ .rows = users, .cols = items, .nnz = nnz, .sparse = true, .colptr = said.colptr,
                                        .rowidx = said.rowidx, .values = said.values };
}

/* Of each axis and tag: which part has a member; -1: none. */
struct owners {
    int32_t part[AXES][TAGS][MOST];
    enum rondo_part_kind kind[AXES];
    int32_t parts[AXES];
    int64_t told, stop;
};

static int note(void *context, const struct rondo_part *part)
{
    struct owners *owners = context;
    int axis = part->columns, tag = part->tag < 0 ? 0 : (int)part->tag;
    cr_assert_lt(tag, TAGS);
    for (int64_t i = 0; i < part->count; i++) {
        cr_assert(part->members[i] >= 0 && part->members[i] < (axis ? said.train.cols : said.train.rows));
        cr_assert_eq(owners->part[axis][tag][part->members[i]], -1, "a member of two");
        owners->part[axis][tag][part->members[i]] = part->part;
    }
    owners->kind[axis] = part->kind;
    owners->parts[axis]++;
    return ++owners->told == owners->stop ? RONDO_ESTATE : RONDO_OK;
}

static void open_with(struct rondo_host *host, struct problem *p, const struct solver *solver)
{
    static const struct host_upcalls none;
    host_init(host, &none);
    host->matrix = matrix;
    host->integer = integer;
    host->isa = isa;
    host->ids = ids;
    host->each = each;
    *p = (struct problem){ .host = host, .solver = solver, .rank = 40, .tile_bytes = 4096, .seed = 9, .lambda = 0.1 };
    cr_assert_eq(cells_read(p, NULL), RONDO_OK);
    cr_assert_eq(solver->open(p, NULL), RONDO_OK);
}

static void close_it(struct problem *p)
{
    cells_free(p, &p->by_user);
    cells_free(p, &p->by_item);
    cells_free(p, &p->test);
    mf_release(p);
    cr_expect_eq(mem_live(), 0);
}

static void ask(const struct problem *p, struct owners *owners)
{
    memset(owners, 0xff, sizeof *owners);
    memset(owners->parts, 0, sizeof owners->parts);
    owners->told = 0;
    cr_assert_eq(p->solver->parts(p, note, owners), RONDO_OK);
    int64_t told = owners->told;
    owners->told = 0;
    owners->stop = told; /* the last one says no */
    memset(owners->part, 0xff, sizeof owners->part);
    cr_expect_eq(p->solver->parts(p, note, owners), RONDO_ESTATE);
}

static void expect_all(const struct owners *owners, bool columns, int tag, const char *who)
{
    int64_t count = columns ? said.train.cols : said.train.rows;
    for (int64_t i = 0; i < count; i++)
        cr_assert_geq(owners->part[columns][tag][i], 0, "%s: nobody has %lld", who, (long long)i);
}

/* The ratings of a pair are those that the layout counts. */
Test(parts, sgd_tells_the_users_and_items_of_its_grid)
{
    static struct owners owners;
    for (int turned = 0; turned < 2; turned++) {
        struct rondo_host host;
        struct problem p;
        struct rondo_layout layout = { 0 };
        draw(turned ? ITEMS : USERS, turned ? USERS : ITEMS);
        open_with(&host, &p, &mf_sgd);
        ask(&p, &owners);
        p.solver->layout(&p, &layout);
        int blocks = turned ? 0 : 1; /* the axis that is the longer is the shards' */
        cr_expect_gt(layout.blocks, 2);
        cr_expect(owners.kind[blocks] == RONDO_PART_BLOCK && owners.kind[!blocks] == RONDO_PART_SHARD);
        expect_all(&owners, false, 0, "sgd");
        expect_all(&owners, true, 0, "sgd");
        int64_t *seen = mem_calloc((size_t)layout.blocks * (size_t)layout.shards, sizeof *seen);
        for (int64_t j = 0; j < said.train.cols; j++)
            for (int64_t e = said.colptr[j]; e < said.colptr[j + 1]; e++) {
                int32_t user = owners.part[0][0][said.rowidx[e]], item = owners.part[1][0][j];
                seen[(turned ? user : item) * layout.shards + (turned ? item : user)]++;
            }
        for (int32_t i = 0; i < layout.blocks * layout.shards; i++)
            cr_expect_eq(seen[i], layout.pair_cost[i], "pair %d", i);
        mem_free(seen);
        close_it(&p);
    }
}

/* Odd rounds solve the users, even ones the items: their tag says so. */
Test(parts, als_tells_the_chunks_of_both_halves)
{
    static struct owners owners;
    struct rondo_host host;
    struct problem p;
    struct rondo_layout layout = { 0 };
    draw(USERS, ITEMS);
    open_with(&host, &p, &mf_als);
    ask(&p, &owners);
    p.solver->layout(&p, &layout);
    for (int64_t round = 1; round <= 2; round++) {
        struct rondo_order order = { 0 };
        struct head head = { .problem = &p };
        cr_assert_eq(mf_als.schedule(&head, round, &order), RONDO_OK);
        int axis = round == 2;
        cr_expect_eq(owners.kind[axis], RONDO_PART_CHUNK);
        expect_all(&owners, axis, (int)order.tag, "als");
        for (int64_t i = 0; i < (axis ? ITEMS : USERS); i++)
            cr_expect_eq(owners.part[axis][!order.tag][i], -1);
    }
    cr_expect_gt(layout.chunks, 1);
    cr_expect_eq(owners.parts[0] + owners.parts[1], 2 * 2 * layout.chunks);
    close_it(&p);
}

Test(parts, ccd_tells_the_users_of_its_shards)
{
    static struct owners owners;
    struct rondo_host host;
    struct problem p;
    draw(USERS, ITEMS);
    open_with(&host, &p, &mf_ccd);
    ask(&p, &owners);
    const struct ccd *ccd = p.own;
    cr_expect(ccd->shards > 1 && owners.kind[0] == RONDO_PART_SHARD && owners.parts[1] == 0);
    expect_all(&owners, false, 0, "ccd");
    for (int32_t s = 0; s < ccd->shards; s++)
        for (int64_t user = ccd->first[s]; user < ccd->first[s + 1]; user++)
            cr_expect_eq(owners.part[0][0][user], s);
    close_it(&p);
}

Test(parts, memory_that_runs_out_is_said)
{
    struct rondo_host host;
    struct problem p;
    static struct owners owners;
    draw(USERS, ITEMS);
    open_with(&host, &p, &mf_ccd);
    mem_fail_at(1);
    cr_expect_eq(p.solver->parts(&p, note, &owners), RONDO_ENOMEM);
    mem_fail_at(0);
    close_it(&p);
}
