/* Whatever the ratings: the grid has each of them in one tile, and no two tiles of a round share a row or a column, in
 * 10,000 grids drawn.  A failure names its instance; RONDO_PROP_SEED draws others. */
#include "apps/mf/cells.h"
#include "apps/mf/grid.h"
#include "core/base/mem.h"
#include "tests/support/drive_job.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { INSTANCES = 10000, SIDE_MOST = 40, CELLS_MOST = SIDE_MOST * SIDE_MOST };

/* What the job says, behind the host's upcalls. */
static struct {
    struct rondo_matrix train;
    int64_t colptr[SIDE_MOST + 1];
    int32_t rowidx[CELLS_MOST];
    double values[CELLS_MOST];
    int64_t blocks;
} said;

static const struct rondo_matrix *matrix(const struct rondo_job *job RONDO_UNUSED, const char *role)
{
    return strcmp(role, "train") == 0 ? &said.train : NULL;
}

static int64_t integer(const struct rondo_job *job RONDO_UNUSED, const char *key RONDO_UNUSED)
{
    return said.blocks;
}

static const char *isa(const struct rondo_job *job RONDO_UNUSED)
{
    return "x86-64-v2";
}

static const struct rondo_ids *ids(const struct rondo_job *job RONDO_UNUSED, const char *role RONDO_UNUSED)
{
    return NULL;
}

static void where(const struct rondo_job *job RONDO_UNUSED, const char *key, char *out, size_t size)
{
    snprintf(out, size, "%s", key);
}

static void say(const struct rondo_job *job RONDO_UNUSED, const char *text RONDO_UNUSED)
{
}

static int each(const struct rondo_job *job RONDO_UNUSED, int64_t parts, int (*part)(void *context, int64_t index),
                void *context)
{
    int code = 0;
    for (int64_t i = parts - 1; i >= 0; i--)
        code = part(context, i) ? RONDO_EAPP : code;
    return code;
}

static void draw_ratings(struct dice *dice)
{
    int64_t users = 1 + dice_below(dice, SIDE_MOST), items = 1 + dice_below(dice, SIDE_MOST), nnz = 0;
    double dense = dice_unit(dice), hot = dice_unit(dice);
    for (int64_t j = 0; j < items; j++) {
        for (int64_t i = 0; i < users; i++)
            if (dice_unit(dice) < dense * (j ? hot : 1) || (i == users - 1 && j == items - 1 && !nnz)) {
                said.rowidx[nnz] = (int32_t)i;
                said.values[nnz++] = (double)dice_below(dice, 9) - 2;
            }
        said.colptr[j + 1] = nnz;
    }
    said.train = (struct rondo_matrix){ .rows = users, .cols = items, .nnz = nnz, .sparse = true, .colptr = said.colptr,
                                        .rowidx = said.rowidx, .values = said.values };
    said.blocks = 1 + dice_below(dice, 9);
}

/* Every training rating, as often as the tiles have it. */
struct seen {
    int32_t times[SIDE_MOST][SIDE_MOST];
};

static const char *look_at_tile(const struct grid *grid, int32_t b, int32_t s, struct seen *seen)
{
    const struct tile *tile = &grid->train[b * grid->parts + s];
    const struct edge *row = &grid->row, *col = &grid->col;
    int64_t entry = 0, before = -1;
    for (int64_t r = 0; r < tile->runs; r++) {
        int64_t place = row->first[s] + tile->run[r].row;
        if (place >= row->first[s + 1] || tile->run[r].row <= before)
            return "a row outside its part, or out of order";
        before = tile->run[r].row;
        for (int32_t k = 0; k < tile->run[r].count; k++, entry++) {
            int64_t other = col->first[b] + tile->entry[entry].col;
            if (other >= col->first[b + 1])
                return "a column outside its part";
            int32_t i = row->at[place], j = col->at[other];
            seen->times[row->users ? i : j][row->users ? j : i]++;
        }
    }
    return entry == tile->entries && entry == grid->cost[b * grid->parts + s] ? NULL : "the count of a tile";
}

/* The rounds of an epoch as mf_sgd plans them. */
static const char *play(struct problem *p, struct seen *seen)
{
    const struct grid *grid = p->own;
    struct head head = { .problem = p };
    const char *wrong = NULL;
    cr_assert_eq(mf_sgd.model.create(p, 0, &head.model, NULL), 0);
    for (int64_t round = 1; round <= grid->parts && !wrong; round++) {
        bool row_taken[SIDE_MOST] = { false }, col_taken[SIDE_MOST] = { false };
        struct rondo_order order = { 0 };
        cr_assert_eq(mf_sgd.schedule(&head, round, &order), 0);
        wrong = order.kind == RONDO_PLAN && order.count == grid->parts ? NULL : "a round without all parts";
        for (int64_t i = 0; i < order.count && !wrong; i++) {
            struct rondo_pair pair = order.pairs[i];
            wrong = row_taken[pair.shard] || col_taken[pair.block] ? "two tiles share a part" : NULL;
            row_taken[pair.shard] = col_taken[pair.block] = true;
            wrong = wrong ? wrong : look_at_tile(grid, pair.block, pair.shard, seen);
        }
    }
    mf_sgd.model.destroy(p, head.model);
    return wrong;
}

static const char *all_once(const struct problem *p, const struct seen *seen)
{
    for (int64_t j = 0; j < p->items; j++) {
        int64_t e = said.colptr[j];
        for (int64_t i = 0; i < p->users; i++) {
            bool there = e < said.colptr[j + 1] && said.rowidx[e] == i;
            if (seen->times[i][j] != (there && !cells_held(p, e)))
                return "a rating is not in one tile";
            e += there;
        }
    }
    return NULL;
}

/* No part has more than its share and one member's ratings. */
static const char *balanced(const struct edge *edge, int32_t parts)
{
    double all = 0, most = 0;
    for (int64_t i = 0; i < edge->count; i++) {
        all += (double)edge->weight[i];
        most = (double)edge->weight[i] > most ? (double)edge->weight[i] : most;
    }
    for (int32_t part = 0; part < parts; part++) {
        double own = 0;
        for (int64_t i = edge->first[part]; i < edge->first[part + 1]; i++)
            own += (double)edge->weight[i];
        if (own > all / parts + most + 1e-9)
            return "a part is too heavy";
    }
    return NULL;
}

/* Two workers have as many tiles each. */
static const char *even(const struct problem *p, int32_t parts)
{
    return parts > said.blocks && parts % 2 && parts < p->users && parts < p->items ? "an odd number of parts" : NULL;
}

static void forget(struct problem *p)
{
    cells_free(p, &p->test);
    mf_release(p);
}

Test(mf_grid, has_each_rating_once_and_no_two_tiles_of_a_round_share_a_row_or_a_column)
{
    static struct rondo_host host;
    uint64_t seed = dice_seed(20261130);
    int64_t count = scale_runs(INSTANCES), cut = 0;
    host = *drive_host();
    host.matrix = matrix;
    host.integer = integer;
    host.isa = isa;
    host.ids = ids;
    host.where = where;
    host.say = say;
    host.each = each;
    for (int64_t i = 0; i < count; i++) {
        struct dice dice = { .seed = seed + (uint64_t)i };
        static struct seen seen;
        draw_ratings(&dice);
        struct problem p = { .host = &host, .solver = &mf_sgd, .rank = 1 + (int32_t)dice_below(&dice, 40),
                             .tile_bytes = 64 + dice_below(&dice, 1000), .seed = (uint64_t)dice_below(&dice, 1 << 30),
                             .holdout = dice_unit(&dice) < 0.3 ? dice_unit(&dice) / 2 : 0 };
        memset(&seen, 0, sizeof seen);
        if (cells_read(&p, NULL)) { /* all held out */
            forget(&p);
            continue;
        }
        cr_assert_eq(grid_make(&p, NULL), 0);
        const struct grid *grid = p.own;
        const char *wrong = play(&p, &seen);
        wrong = wrong ? wrong : all_once(&p, &seen);
        wrong = wrong ? wrong : even(&p, grid->parts);
        wrong = wrong ? wrong : balanced(&grid->row, grid->parts);
        wrong = wrong ? wrong : balanced(&grid->col, grid->parts);
        cut += grid->parts > 1;
        cr_expect_null(wrong, "instance %lld: %s: %lld users, %lld items, %d parts", (long long)i, wrong,
                       (long long)p.users, (long long)p.items, grid->parts);
        forget(&p);
    }
    cr_expect_gt(cut, count / 2);
}
