/* part.c - rows that begin small, or where an earlier job ended. */
#include "part.h"

#include "start.h"

#include <rondo/flat.h>

#include <math.h>
#include <string.h>

#define NOISE 0.35f      /* x of first rows */
#define NOISE_ABOVE 1.4f /* of nonnegative ones */
#define VISITED 10.0f
#define ERROR 0.5f    /* in units of the deviation */

static const struct grid *grid_of(const struct problem *p)
{
    return p->own;
}

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for factors");
}

const struct edge *part_edge(const struct problem *p, const struct part *part)
{
    return part->col ? &grid_of(p)->col : &grid_of(p)->row;
}

/* Uniform in [-x, x) / sqrt(k), and without biases where ratings lie far from 0 their mean and bases in coordinate 0,
 * so that
 *
 *     p_0 q_0 = mu + b_u + c_i + b_u c_i / mu,     p_0 = sqrt|mu| (1 + b_u / mu),   q_0 = sign(mu) sqrt|mu| (1 + c_i / mu)
 *
 * and the first epoch begins at the baseline's error, not at that of noise.  Where factors are nonnegative noise is in
 * [0, x) / sqrt(k) and its products are x^2 / 4 in the mean, which mu is the less for: they are as large as may be,
 * since a number that falls to 0 on both sides stays there. */
static void draw_row(const struct problem *p, const struct edge *edge, int64_t place, float *row)
{
    const struct grid *grid = grid_of(p);
    bool far = !p->biases && fabsf(grid->mean) >= 1;
    float x = !p->nonnegative ? NOISE : far ? NOISE_ABOVE : p->biases ? NOISE : 2 * sqrtf(fmaxf(grid->mean, 0));
    float mean = grid->mean - (p->nonnegative && far ? x * x / 4 * (float)(p->rank - 1) / (float)p->rank : 0);
    for (int32_t k = 0; k < p->rank; k++) {
        double u = rondo_rng_unit(p->seed, (uint64_t)edge->users, MF_STREAM_INIT,
                                  (uint64_t)edge->at[place] * (uint64_t)p->rank + (uint64_t)k);
        row[k] = (float)(2 * u - 1) * x / sqrtf((float)p->rank);
        row[k] = p->nonnegative ? fabsf(row[k]) : row[k];
    }
    if (!far)
        return;
    row[0] = sqrtf(fabsf(mean)) * (1 + edge->base[place] / mean) * (mean < 0 && !edge->users ? -1.0f : 1.0f);
    row[0] = p->nonnegative ? fmaxf(row[0], 0) : row[0];
}

static float begin_bias(const struct problem *p, const struct edge *edge, int64_t place)
{
    const float *start = !p->start ? NULL : edge->users ? p->start->user_bias : p->start->item_bias;
    return !p->biases ? 0 : start ? start[edge->at[place]] / grid_of(p)->scale : edge->base[place];
}

/* A row of an earlier job goes on with the steps that it would have by now, as if its ratings had been visited VISITED
 * times with errors of mean square ERROR; else the first steps would undo what was found. */
static struct pace begin_pace(const struct problem *p, const struct edge *edge, int64_t place, bool found)
{
    const struct edge *other = edge == &grid_of(p)->row ? &grid_of(p)->col : &grid_of(p)->row;
    float squares = found ? edge->weight[place] * VISITED * ERROR : 0;
    return (struct pace){ 1 + squares * other->first_square, 1 + squares * other->rest_square, 1 + squares,
                          begin_bias(p, edge, place) };
}

void part_begin(const struct problem *p, struct part *part, int64_t halvings)
{
    const struct grid *grid = grid_of(p);
    const struct edge *edge = part_edge(p, part);
    for (int64_t i = 0; i < part->count; i++) {
        int64_t place = edge->first[part->index] + i;
        float *row = part->side.row + i * grid->stride;
        memset(row, 0, (size_t)grid->stride * sizeof *row); /* behind the rank too: what diverged is there as well */
        bool found = start_row(p, edge->users, edge->at[place], row);
        if (!found)
            draw_row(p, edge, place, row);
        for (int32_t k = 0; k < p->rank && found; k++)
            row[k] /= sqrtf(grid->scale);
        part->side.pace[i] = begin_pace(p, edge, place, found);
    }
    part->halvings = halvings;
}

void part_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct part *part = state;
    host->free(part->side.row);
    host->free(part->side.pace);
    host->free(part);
}

int part_create(const struct problem *p, bool col, int32_t index, void **state, struct rondo_error *err)
{
    struct part *part = p->host->zalloc(1, sizeof *part);
    if (!part)
        return no_memory(err);
    *part = (struct part){ .col = col, .index = index };
    const struct edge *edge = part_edge(p, part);
    part->count = edge->first[index + 1] - edge->first[index];
    part->side.row = p->host->zalloc((size_t)part->count + 1, (size_t)grid_of(p)->stride * sizeof(float));
    part->side.pace = p->host->zalloc((size_t)part->count + 1, sizeof *part->side.pace);
    if (!part->side.row || !part->side.pace) {
        part_destroy(p, part);
        return no_memory(err);
    }
    part_begin(p, part, 0);
    *state = part;
    return RONDO_OK;
}

int part_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *p = context;
    const struct part *part = state;
    size_t count = (size_t)part->count;
    int code = rondo_append(p->host, out, &part->halvings, sizeof part->halvings);
    if (!code)
        code = rondo_append(p->host, out, part->side.pace, count * sizeof *part->side.pace);
    return code ? code : rondo_append(p->host, out, part->side.row, count * (size_t)grid_of(p)->stride * sizeof(float));
}

int part_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *p = context;
    struct part *part = state;
    size_t count = (size_t)part->count;
    int code = rondo_take(&in, &part->halvings, sizeof part->halvings);
    if (!code)
        code = rondo_take(&in, part->side.pace, count * sizeof *part->side.pace);
    if (!code)
        code = rondo_take(&in, part->side.row, count * (size_t)grid_of(p)->stride * sizeof(float));
    return code || !in.size ? code : RONDO_ESTATE;
}
