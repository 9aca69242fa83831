/* grid.c - the cut: a shuffle, parts of equal ratings, and each tile's ratings in runs. */
#include "grid.h"

#include "cells.h"
#include "start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUND_LEAST = 100000, /* ratings of a round, so that what a round costs beside them is little */
    PARTS_MOST = 1024,    /* so that there are no more tiles than a million */
    BASE_SHRINK = 5,      /* ratings at the mean that everybody is taken to have too */
    LANES = 16,           /* floats to which rows are filled up */
};

#define ROUNDING 1e-8 /* of a rating */
#define NOTHING 1e-30 /* ratings, of which 32 bits hold no squares */
#define LAMBDA_MOST 1e12 /* in units of ratings: some halvings of any rate end below 1 over it */

/* Where a side's members stand. */
struct seats {
    struct edge *edge;
    int32_t *at;       /* [count] */
    int32_t *place;    /* [count] of each member */
    int64_t *first;
    float *weight, *base;
};

/* Ratings by columns: the matrix's own, less what is held out, or cells'. */
struct source {
    const struct problem *problem;
    const struct rondo_matrix *matrix;
    const struct cells *cells;
};

struct cutting {
    struct problem *problem;
    struct grid *grid;
    struct seats row, col;
};

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the grid");
}

/* ---- rows and columns in parts --------------------------------------------------------------------------- */

struct ticket {
    uint64_t key;
    int32_t who;
};

static int by_key(const void *a, const void *b)
{
    const struct ticket *x = a, *y = b;
    return x->key != y->key ? (x->key < y->key ? -1 : 1) : (x->who > y->who) - (x->who < y->who);
}

static int shuffle(const struct problem *p, const struct edge *edge, int32_t *at)
{
    struct ticket *ticket = p->host->alloc((size_t)edge->count * sizeof *ticket + 1);
    if (!ticket)
        return RONDO_ENOMEM;
    for (int64_t i = 0; i < edge->count; i++)
        ticket[i] = (struct ticket){ rondo_rng_u64(p->seed, edge->users, MF_STREAM_SHUFFLE, (uint64_t)i), (int32_t)i };
    qsort(ticket, (size_t)edge->count, sizeof *ticket, by_key);
    for (int64_t i = 0; i < edge->count; i++)
        at[i] = ticket[i].who;
    p->host->free(ticket);
    return RONDO_OK;
}

/* Part i of P ends where i + 1 of P parts of the ratings do. */
static int seat_all(struct problem *p, struct seats *seats, struct edge *edge, int32_t parts)
{
    const struct cells *cells = edge->users ? &p->by_user : &p->by_item;
    size_t count = (size_t)edge->count;
    seats->edge = edge;
    edge->at = seats->at = mf_keep(p, count + 1, sizeof *seats->at);
    edge->first = seats->first = mf_keep(p, (size_t)parts + 1, sizeof *seats->first);
    edge->weight = seats->weight = mf_keep(p, count + 1, sizeof *seats->weight);
    edge->base = seats->base = mf_keep(p, count + 1, sizeof *seats->base);
    seats->place = p->host->alloc(count * sizeof *seats->place + 1);
    if (!seats->at || !seats->first || !seats->weight || !seats->base || !seats->place || shuffle(p, edge, seats->at))
        return RONDO_ENOMEM;
    int64_t before = 0;
    int32_t part = 0;
    for (int64_t place = 0; place < edge->count; place++) {
        int32_t who = seats->at[place];
        int64_t ratings = cells->first[who + 1] - cells->first[who];
        int32_t due = (int32_t)((double)before * parts / (double)cells->count);
        while (part < due && part < parts - 1)
            seats->first[++part] = place;
        seats->place[who] = (int32_t)place;
        seats->weight[place] = (float)ratings;
        before += ratings;
    }
    while (part < parts)
        seats->first[++part] = edge->count;
    return RONDO_OK;
}

static int32_t parts_of(const struct problem *p, int64_t cols, int32_t stride)
{
    int64_t most = p->users < p->items ? p->users : p->items;
    int64_t cache = cols * ((int64_t)stride * (int64_t)sizeof(float) + (int64_t)sizeof(struct pace)) / p->tile_bytes + 1;
    int64_t asked = p->host->integer(p->job, "schedule.blocks"), worth = p->by_user.count / ROUND_LEAST;
    cache += cache > asked && cache % 2; /* even, so that two workers have as many tiles each */
    asked = asked < worth ? asked : worth;
    int64_t parts = cache > asked ? cache : asked;
    parts = parts < PARTS_MOST ? parts : PARTS_MOST;
    return (int32_t)(parts < most ? parts : most);
}

/* ---- ratings in tiles --------------------------------------------------------------------------------------- */

static int64_t begin_of(const struct source *source, int64_t col)
{
    return source->matrix ? source->matrix->colptr[col] : source->cells->first[col];
}

/* Entry e's row and value; false: it is held out. */
static bool look(const struct source *source, int64_t e, int32_t *row, float *value)
{
    if (source->cells) {
        *row = source->cells->col[e];
        *value = source->cells->value[e];
        return true;
    }
    *row = source->matrix->rowidx[e];
    *value = (float)source->matrix->values[e];
    return !cells_held(source->problem, e);
}

/* Of column part b: how many entries each row has, by place. */
static void count_rows(const struct cutting *cut, const struct source *source, int32_t b, int64_t *count)
{
    const struct seats *rows = &cut->row, *cols = &cut->col;
    memset(count, 0, (size_t)rows->edge->count * sizeof *count);
    for (int64_t place = cols->first[b]; place < cols->first[b + 1]; place++) {
        int32_t col = cols->at[place], row;
        float value;
        for (int64_t e = begin_of(source, col); e < begin_of(source, col + 1); e++)
            if (look(source, e, &row, &value))
                count[rows->place[row]]++;
    }
}

/* Room for the tiles of column part b, and their runs; count becomes where each row's entries begin. */
static int lay_out(const struct cutting *cut, int32_t b, int64_t *count, struct tile *tiles, struct entry **entries)
{
    const struct seats *rows = &cut->row;
    int32_t parts = cut->grid->parts;
    int64_t runs = 0, all = 0, at = 0;
    for (int64_t i = 0; i < rows->edge->count; i++) {
        runs += count[i] > 0;
        all += count[i];
    }
    struct run *run = mf_keep(cut->problem, (size_t)runs + 1, sizeof *run);
    struct entry *entry = *entries = mf_keep(cut->problem, (size_t)all + 1, sizeof *entry);
    if (!run || !entry)
        return RONDO_ENOMEM;
    for (int32_t s = 0; s < parts; s++) {
        struct tile *tile = &tiles[(size_t)b * (size_t)parts + (size_t)s];
        *tile = (struct tile){ .run = run, .entry = entry + at };
        for (int64_t i = rows->first[s]; i < rows->first[s + 1]; i++) {
            int64_t own = count[i];
            count[i] = at;
            if (own)
                *run++ = (struct run){ (int32_t)(i - rows->first[s]), (int32_t)own };
            tile->runs += own > 0;
            tile->entries += own;
            at += own;
        }
    }
    return RONDO_OK;
}

static void fill(const struct cutting *cut, const struct source *source, int32_t b, int64_t *at, struct entry *entries)
{
    const struct seats *rows = &cut->row, *cols = &cut->col;
    float unit = 1 / cut->grid->scale;
    for (int64_t place = cols->first[b]; place < cols->first[b + 1]; place++) {
        int32_t col = cols->at[place], row;
        float value;
        for (int64_t e = begin_of(source, col); e < begin_of(source, col + 1); e++)
            if (look(source, e, &row, &value))
                entries[at[rows->place[row]]++] =
                    (struct entry){ (int32_t)(place - cols->first[b]), value * unit };
    }
}

/* The tiles of all column parts, each made on its own. */
struct filling {
    const struct cutting *cut;
    const struct source *source;
    struct tile *tiles;
};

static int fill_part(void *context, int64_t part)
{
    const struct filling *filling = context;
    const struct cutting *cut = filling->cut;
    const struct rondo_host *host = cut->problem->host;
    int32_t b = (int32_t)part;
    struct entry *entries;
    int64_t *at = host->alloc((size_t)cut->row.edge->count * sizeof *at + 1);
    if (!at)
        return RONDO_ENOMEM;
    count_rows(cut, filling->source, b, at);
    int code = lay_out(cut, b, at, filling->tiles, &entries);
    if (!code)
        fill(cut, filling->source, b, at, entries);
    host->free(at);
    return code;
}

static int make_tiles(const struct cutting *cut, const struct source *source, const struct tile **out)
{
    size_t parts = (size_t)cut->grid->parts;
    const struct problem *p = cut->problem;
    struct filling filling = { cut, source, mf_keep(cut->problem, parts * parts, sizeof *filling.tiles) };
    *out = filling.tiles;
    return filling.tiles ? p->host->each(p->job, cut->grid->parts, fill_part, &filling) : RONDO_ENOMEM;
}

/* By columns: of users, as the test cells lie, or of items, to which they are turned. */
static int make_test(struct cutting *cut)
{
    struct problem *p = cut->problem;
    struct cells turned = { 0 };
    struct source source = { p, NULL, &p->test };
    int code = RONDO_OK;
    if (!cut->grid->col.users) {
        code = cells_transpose(p, &p->test, &turned);
        source.cells = &turned;
    }
    if (!code)
        code = make_tiles(cut, &source, &cut->grid->test);
    cells_free(p, &turned);
    cells_free(p, &p->test);
    return code;
}

static int make_train(struct cutting *cut)
{
    struct problem *p = cut->problem;
    struct cells by_user = p->by_user;
    struct source source = { p, p->host->matrix(p->job, "train"), NULL };
    int code = RONDO_OK;
    if (cut->grid->col.users) {
        code = cells_by_user(p, &by_user);
        source = (struct source){ p, NULL, &by_user };
    }
    if (!code)
        code = make_tiles(cut, &source, &cut->grid->train);
    if (cut->grid->col.users)
        cells_free(p, &by_user);
    return code;
}

/* ---- where ratings lie -------------------------------------------------------------------------------------- */

/* An item's ratings above the mean, and a user's above the mean and the items', shrunk:
 *
 *     c_i = sum_u (r_ui - mu) / (n_i + 5)      b_u = sum_i (r_ui - mu - c_i) / (n_u + 5) */
static void add_bases(const struct problem *p, double *user, double *item)
{
    struct source source = { p, p->host->matrix(p->job, "train"), NULL };
    int32_t row;
    float value;
    for (int64_t j = 0; j < p->items; j++) {
        for (int64_t e = begin_of(&source, j); e < begin_of(&source, j + 1); e++)
            if (look(&source, e, &row, &value))
                item[j] += (double)value - p->mean;
        item[j] /= (double)(p->by_item.first[j + 1] - p->by_item.first[j] + BASE_SHRINK);
        for (int64_t e = begin_of(&source, j); e < begin_of(&source, j + 1); e++)
            if (look(&source, e, &row, &value))
                user[row] += (double)value - p->mean - item[j];
    }
    for (int64_t i = 0; i < p->users; i++)
        user[i] /= (double)(p->by_user.first[i + 1] - p->by_user.first[i] + BASE_SHRINK);
}

static int find_squares(const struct problem *p, struct edge *edge, float scale)
{
    double first = 0, rest = 0, unit = (double)p->by_user.count * (double)scale;
    float *row = p->host->alloc((size_t)p->rank * sizeof *row);
    if (!row)
        return RONDO_ENOMEM;
    for (int64_t place = 0; place < edge->count; place++) {
        if (!start_row(p, edge->users, edge->at[place], row))
            continue;
        first += (double)edge->weight[place] * (double)row[0] * (double)row[0];
        for (int32_t k = 1; k < p->rank; k++)
            rest += (double)edge->weight[place] * (double)row[k] * (double)row[k];
    }
    edge->first_square = (float)(first / unit);
    edge->rest_square = (float)(p->rank > 1 ? rest / unit / (p->rank - 1) : 0);
    p->host->free(row);
    return RONDO_OK;
}

static int find_bases(struct cutting *cut)
{
    const struct problem *p = cut->problem;
    double *user = p->host->zalloc((size_t)p->users + 1, sizeof *user);
    double *item = p->host->zalloc((size_t)p->items + 1, sizeof *item);
    struct seats *const sides[] = { &cut->row, &cut->col };
    if (user && item)
        add_bases(p, user, item);
    for (int i = 0; i < 2 && user && item; i++)
        for (int64_t place = 0; place < sides[i]->edge->count; place++)
            sides[i]->base[place] = (float)((sides[i]->edge->users ? user : item)[sides[i]->at[place]]
                                            / (double)cut->grid->scale);
    int code = user && item ? RONDO_OK : RONDO_ENOMEM;
    p->host->free(user);
    p->host->free(item);
    return code;
}

/* The unit of ratings: their deviation from the mean; of ratings all the same 1, or less where they are smaller, so
 * that first rows are not too large for them. */
static float scale_of(const struct problem *p)
{
    double size = fabs(p->mean), scale = p->deviation > ROUNDING * size ? p->deviation : fmin(size, 1);
    return scale > NOTHING ? (float)scale : 1;
}

static int make(struct cutting *cut)
{
    struct problem *p = cut->problem;
    struct grid *grid = cut->grid;
    bool users = p->users >= p->items;
    grid->row = (struct edge){ .users = users, .count = users ? p->users : p->items };
    grid->col = (struct edge){ .users = !users, .count = users ? p->items : p->users };
    grid->kernel = sgd_kernel_for(p->host->isa(p->job));
    grid->stride = (p->rank + LANES - 1) / LANES * LANES;
    grid->scale = scale_of(p);
    grid->mean = (float)(p->mean / (double)grid->scale);
    grid->parts = parts_of(p, grid->col.count, grid->stride);
    int code = seat_all(p, &cut->row, &grid->row, grid->parts);
    if (!code)
        code = seat_all(p, &cut->col, &grid->col, grid->parts);
    if (!code)
        code = find_bases(cut);
    if (!code && (find_squares(p, &grid->row, grid->scale) || find_squares(p, &grid->col, grid->scale)))
        code = RONDO_ENOMEM;
    if (!code && p->test.count) /* first, while there is less beside it */
        code = make_test(cut);
    if (!code)
        code = make_train(cut);
    size_t tiles = (size_t)grid->parts * (size_t)grid->parts;
    int64_t *cost = mf_keep(p, tiles, sizeof *cost);
    if (code || !cost)
        return RONDO_ENOMEM;
    for (size_t i = 0; i < tiles; i++)
        cost[i] = grid->train[i].entries;
    grid->cost = cost;
    return RONDO_OK;
}

int grid_make(struct problem *p, struct rondo_error *err)
{
    struct grid *grid = mf_keep(p, 1, sizeof *grid);
    struct cutting cut = { .problem = p, .grid = grid };
    if (p->lambda > LAMBDA_MOST * (double)scale_of(p))
        return mf_refuse(p, err, "params.lambda", "so large beside the ratings that every factor would be 0",
                         "it is of the ratings' own scale");
    int code = grid ? make(&cut) : RONDO_ENOMEM;
    p->host->free(cut.row.place);
    p->host->free(cut.col.place);
    p->own = grid;
    return code ? no_memory(err) : RONDO_OK;
}
