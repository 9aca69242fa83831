/* normal_solve.c - the kernel of a level: the sums of the normal equations and three ways to solve them.
 *
 * Compiled once for each level (cmake/kernels.cmake).  Start at solve. */
#include "normal.h"

#include "normal_lanes.h"

#include <float.h>

enum { PANEL = 64 }; /* ratings whose rows stay in the first cache while their products are summed */

struct panel {
    const float *row[PANEL];
    float weight[PANEL], right[PANEL]; /* as of a batch; implicit alone */
};

/* What the workspace has; all of `blocks` x LANES where a coordinate has a number each. */
struct room {
    int64_t blocks;
    float *p, *b, *r, *d, *a; /* right side, residual, direction, A times it */
    float *zero;              /* a row for ratings that are not there */
    float *inverse, *limit;
    float *tiles;             /* A, then U of A = U'U */
    float *corner;            /* [blocks] U^-T of each (I, I); nonnegative: A whole, [width x blocks x LANES] */
};

static struct room room_of(const struct normal *n, void *workspace)
{
    struct room room = { .blocks = (n->width + LANES - 1) / LANES };
    int64_t row = (n->width + 15) / 16 * 16;
    float *at = workspace;
    float **const vector[] = { &room.p, &room.b, &room.r, &room.d, &room.a, &room.zero, &room.inverse, &room.limit };
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++, at += row)
        *vector[i] = at;
    memset(room.zero, 0, (size_t)row * sizeof *at);
    room.tiles = at;
    room.corner = room.tiles + TILE * tile_count(room.blocks);
    return room;
}

/* ---- ratings, a vector of them at a time ------------------------------------------------------------------- */

/* Of rating j: its row, what its row's product counts in A, and the row itself in the right side:
 * explicit 1 and r_j, implicit c_j - 1 and c_j, both 0 where r_j is not above 0. */
struct batch {
    const float *row[LANES];
    lanes weight, right;
};

INLINE void batch_take(const struct normal *n, const float *zero, const int32_t *col, const float *value,
                       int64_t count, struct batch *out)
{
    float some[LANES] __attribute__((aligned(64))) = { 0 };
    lanes r;
    if (count >= LANES) {
        UNROLL
        for (int l = 0; l < LANES; l++)
            out->row[l] = n->other + (int64_t)col[l] * n->stride;
        memcpy(&r, value, sizeof r);
    } else {
        for (int l = 0; l < LANES; l++)
            out->row[l] = l < count ? n->other + (int64_t)col[l] * n->stride : zero;
        memcpy(some, value, (size_t)count * sizeof *some);
        r = load(some);
    }
    out->weight = all(1);
    out->right = r;
    if (n->gram) {
        out->weight = above(r, all((float)n->alpha) * r);
        out->right = above(r, 1 + out->weight);
    }
}

/* Lane l: q_l'p. */
INLINE lanes batch_dots(const struct batch *batch, const float *p, int64_t blocks)
{
    lanes part[LANES];
    UNROLL
    for (int l = 0; l < LANES; l++)
        part[l] = load(batch->row[l]) * load(p);
    for (int64_t k = 1; k < blocks; k++) {
        lanes v = load(p + LANES * k);
        UNROLL
        for (int l = 0; l < LANES; l++)
            part[l] += load(batch->row[l] + LANES * k) * v;
    }
    return sums(part);
}

/* out = G p */
static void gram_times(const struct normal *n, const float *p, int64_t blocks, float *out)
{
    for (int64_t k = 0; k < blocks; k++) {
        lanes part[4] = { { 0 } };
        for (int32_t i = 0; i < n->width; i += 4)
            for (int32_t j = 0; j < 4; j++)
                if (i + j < n->width)
                    part[j] += load(n->gram + (int64_t)(i + j) * n->stride + LANES * k) * all(p[i + j]);
        store(out + LANES * k, (part[0] + part[1]) + (part[2] + part[3]));
    }
}

static double dot(const float *a, const float *b, int64_t blocks)
{
    double sum[LANES] = { 0 }, all = 0;
    for (int64_t k = 0; k < blocks * LANES; k += LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] += (double)a[k + l] * (double)b[k + l];
    for (int l = 0; l < LANES; l++)
        all += sum[l];
    return all;
}

/* Ratings' parts of F: explicit (r - s)^2, implicit c (1 - s)^2 - s^2, which goes with s^2 over all cells. */
INLINE lanes batch_loss(const struct normal *n, const struct batch *batch, lanes s)
{
    if (n->gram)
        return above(batch->right, batch->right * (1 - s) * (1 - s) - s * s);
    lanes e = batch->right - s;
    return e * e;
}

/* The row's part of F. */
static double loss(const struct normal *n, const struct room *room, const int32_t *col, const float *value,
                   int64_t count, double ridge)
{
    double total = ridge * dot(room->p, room->p, room->blocks), sum[LANES] = { 0 };
    for (int64_t at = 0; at < count; at += LANES) {
        struct batch batch;
        batch_take(n, room->zero, col + at, value + at, count - at, &batch);
        lanes e = batch_loss(n, &batch, batch_dots(&batch, room->p, room->blocks));
        UNROLL
        for (int l = 0; l < LANES; l++)
            sum[l] += (double)e[l];
    }
    for (int l = 0; l < LANES; l++)
        total += sum[l];
    if (n->gram) {
        gram_times(n, room->p, room->blocks, room->a);
        total += dot(room->p, room->a, room->blocks);
    }
    return total;
}

/* ---- the sums ------------------------------------------------------------------------------------------------ */

static void panel_take(const struct normal *n, const int32_t *col, const float *value, int64_t count,
                       struct panel *panel)
{
    for (int64_t r = 0; r < count; r++)
        panel->row[r] = n->other + (int64_t)col[r] * n->stride;
    for (int64_t r = 0; r < count && n->gram; r++) {
        panel->weight[r] = value[r] > 0 ? (float)n->alpha * value[r] : 0;
        panel->right[r] = value[r] > 0 ? 1 + panel->weight[r] : 0;
    }
}

/* The upper half += the rows' products, b += the rows times `right`. */
INLINE void panel_add(const struct room *room, const struct panel *panel, const float *right, int64_t count,
                      bool weighted)
{
    float *tile = room->tiles;
    for (int64_t x = 0; x < room->blocks * LANES; x += LANES) {
        tile_add_corner(tile, room->b + x, panel->row, x, panel->weight, right, count, weighted);
        tile += TILE;
        for (int64_t y = x + LANES; y < room->blocks * LANES; y += LANES, tile += TILE)
            tile_add(tile, panel->row, x, y, panel->weight, count, weighted);
    }
}

static void begin_with_gram(const struct normal *n, const struct room *room)
{
    float *tile = room->tiles;
    for (int64_t i = 0; i < room->blocks; i++)
        for (int64_t j = i; j < room->blocks; j++, tile += TILE)
            for (int l = 0; l < LANES; l++)
                if (n->gram && i * LANES + l < n->width)
                    store(tile + LANES * l, load(n->gram + (i * LANES + l) * n->stride + j * LANES));
                else
                    store(tile + LANES * l, (lanes){ 0 });
}

/* A = [Y'Y] + sum weight q q', b = sum right q */
static void sum_equations(const struct normal *n, const struct room *room, const int32_t *col, const float *value,
                          int64_t count)
{
    struct panel panel;
    begin_with_gram(n, room);
    memset(room->b, 0, (size_t)room->blocks * LANES * sizeof *room->b);
    for (int64_t at = 0; at < count; at += PANEL) {
        int64_t some = count - at < PANEL ? count - at : PANEL;
        panel_take(n, col + at, value + at, some, &panel);
        if (n->gram)
            panel_add(room, &panel, panel.right, some, true);
        else
            panel_add(room, &panel, value + at, some, false);
    }
}

/* ---- what is left of the equations --------------------------------------------------------------------------- */

static void add_squares(const float *restrict e, double *restrict sum)
{
    for (int l = 0; l < LANES; l++)
        sum[l] += (double)e[l] * (double)e[l];
}

INLINE void add(lanes x, double *sum)
{
    for (int l = 0; l < LANES; l++)
        sum[l] += (double)x[l];
}

static double all_of(const double *sum)
{
    double whole = 0;
    for (int l = 0; l < LANES; l++)
        whole += sum[l];
    return whole;
}

/* out = [b] - A p, b where `right`, from the ratings one by one.  Returns, if `right`, the row's part of F at p but for
 * ridge |p|^2, and curve = p'A p. */
static double residual(const struct normal *n, const struct room *room, const int32_t *col, const float *value,
                     int64_t count, double ridge, const float *p, bool right, float *out, double *curve)
{
    double sum[LANES] = { 0 }, squares[LANES] = { 0 }, others = 0;
    if (n->gram)
        gram_times(n, p, room->blocks, out);
    if (n->gram && right)
        others = dot(p, out, room->blocks);
    for (int64_t k = 0; k < room->blocks * LANES; k += LANES)
        store(out + k, -all((float)ridge) * load(p + k) - (n->gram ? load(out + k) : (lanes){ 0 }));
    for (int64_t at = 0; at < count; at += LANES) {
        struct batch batch;
        float e[LANES] __attribute__((aligned(64)));
        batch_take(n, room->zero, col + at, value + at, count - at, &batch);
        lanes s = batch_dots(&batch, p, room->blocks);
        store(e, (right ? batch.right : (lanes){ 0 }) - batch.weight * s);
        if (right)
            add(batch.weight * s * s, squares);
        if (right && n->gram)
            add(batch_loss(n, &batch, s), sum);
        else if (right)
            add_squares(e, sum);
        for (int64_t k = 0; k < room->blocks; k++) {
            lanes rest = load(out + LANES * k);
            UNROLL
            for (int l = 0; l < LANES; l++)
                rest += load(batch.row[l] + LANES * k) * all(e[l]);
            store(out + LANES * k, rest);
        }
    }
    if (right)
        *curve = all_of(squares) + others + ridge * dot(p, p, room->blocks);
    return all_of(sum) + others;
}

/* out = a + by c */
static void combine(const struct room *room, float *out, const float *a, double by, const float *c)
{
    for (int64_t k = 0; k < room->blocks * LANES; k += LANES)
        store(out + k, load(a + k) + all((float)by) * load(c + k));
}

/* ---- Cholesky -------------------------------------------------------------------------------------------------- */

/* A += ridge I, and 1 where there is no coordinate.  Returns the largest number on the diagonal without it. */
static float add_ridge(const struct normal *n, const struct room *room, float ridge)
{
    const float least = (float)n->width * FLT_EPSILON / 2; /* of a pivot beside the number it came from */
    float most = 0;
    for (int64_t i = 0; i < room->blocks; i++)
        for (int l = 0; l < LANES; l++) {
            float *at = tile_row(room->tiles, room->blocks, i) + (LANES + 1) * l;
            most = *at > most ? *at : most;
            *at = i * LANES + l < n->width ? *at + ridge : 1;
            room->limit[i * LANES + l] = *at * least;
        }
    return most;
}

/* A = U'U tile by tile:  U_IJ = U_II^-T (A_IJ - sum_{P < I} U_PI' U_PJ). */
static bool factor(const struct room *room)
{
    int64_t blocks = room->blocks;
    for (int64_t i = 0; i < blocks; i++) {
        float *row = tile_row(room->tiles, blocks, i), *corner = room->corner + TILE * i;
        float *inverse = room->inverse + LANES * i;
        for (int64_t p = 0; p < i; p++) {
            const float *above = tile_row(room->tiles, blocks, p) + TILE * (i - p);
            for (int64_t j = i; j < blocks; j++)
                tile_less(row + TILE * (j - i), above, above + TILE * (j - i));
        }
        if (!tile_factor(row, room->limit + LANES * i, inverse))
            return false;
        memset(corner, 0, TILE * sizeof *corner);
        for (int l = 0; l < LANES; l++)
            corner[(LANES + 1) * l] = 1;
        tile_divide(corner, row, inverse);
        for (int64_t j = i + 1; j < blocks; j++)
            tile_divide(row + TILE * (j - i), row, inverse);
    }
    return true;
}

/* b = U^-T b */
static void forward(const struct room *room, float *b)
{
    for (int64_t i = 0; i < room->blocks; i++) {
        lanes rest = load(b + LANES * i);
        for (int64_t p = 0; p < i; p++)
            rest -= tile_across(tile_row(room->tiles, room->blocks, p) + TILE * (i - p), b + LANES * p);
        store(b + LANES * i, tile_times(room->corner + TILE * i, rest));
    }
}

/* b = U^-1 b */
static void backward(const struct room *room, float *b)
{
    for (int64_t i = room->blocks - 1; i >= 0; i--) {
        const float *row = tile_row(room->tiles, room->blocks, i);
        lanes rest = load(b + LANES * i);
        for (int64_t j = i + 1; j < room->blocks; j++)
            rest -= tile_times(row + TILE * (j - i), load(b + LANES * j));
        store(b + LANES * i, rest);
        store(b + LANES * i, tile_across(room->corner + TILE * i, b + LANES * i));
    }
}

static bool finite_all(const float *p, int64_t count)
{
    bool good = true;
    for (int64_t i = 0; i < count; i++)
        good &= isfinite(p[i]) != 0;
    return good;
}

/* A's sums and b's lose what n additions in float lose; what is left of the equations is smaller and is summed
 * from errors, so that one correction by the same U brings p some digits nearer.  Of implicit feedback Y'Y, which
 * is given, says how near that is.  With y = U^-T (b - A p) the correction lowers F by |y|^2. */
static double correct(const struct normal *n, const struct room *room, const int32_t *col, const float *value,
                      int64_t count, double ridge)
{
    double curve, told = residual(n, room, col, value, count, ridge, room->p, true, room->r, &curve);
    told += ridge * dot(room->p, room->p, room->blocks);
    forward(room, room->r);
    told -= dot(room->r, room->r, room->blocks);
    backward(room, room->r);
    combine(room, room->p, room->p, 1, room->r);
    return told;
}

static double cholesky(const struct normal *n, const struct room *room, const int32_t *col, const float *value,
                       int64_t count, double ridge)
{
    double larger = ridge;
    for (int tries = 0; tries < 40; tries++) {
        sum_equations(n, room, col, value, count);
        float most = add_ridge(n, room, (float)larger);
        memcpy(room->p, room->b, (size_t)room->blocks * LANES * sizeof *room->p);
        if (factor(room)) {
            forward(room, room->p);
            backward(room, room->p);
            if (finite_all(room->p, room->blocks * LANES))
                return n->gram || tries ? loss(n, room, col, value, count, ridge)
                                        : correct(n, room, col, value, count, ridge);
        }
        larger = fmax(10 * larger, fmax(4 * n->width * (double)FLT_EPSILON * (double)most, 1e-20));
    }
    memset(room->p, 0, (size_t)room->blocks * LANES * sizeof *room->p);
    return loss(n, room, col, value, count, ridge);
}

/* ---- conjugate gradient (Takacs, Pilaszy, Tikk, RecSys 2011) ----------------------------------------------- */

/* Where A is singular, what is left in the end is rounding, and so is the curvature along it: no such step is taken,
 * nor what raises F. */
static double conjugate(const struct normal *n, const struct room *room, const int32_t *col, const float *value,
                      int64_t count, double ridge)
{
    const size_t bytes = (size_t)room->blocks * LANES * sizeof *room->p;
    const double least = (double)n->width * (double)FLT_EPSILON / 2, pp = dot(room->p, room->p, room->blocks);
    double curve, before = residual(n, room, col, value, count, ridge, room->p, true, room->r, &curve) + ridge * pp;
    double rr = dot(room->r, room->r, room->blocks), first = rr, dd = rr, steepest = pp > 0 ? curve / pp : 0;
    memcpy(room->b, room->p, bytes); /* where it was */
    memcpy(room->d, room->r, bytes);
    for (int32_t step = 0; step < n->steps && rr > first * 1e-14; step++) {
        residual(n, room, col, value, count, ridge, room->d, false, room->a, NULL); /* -A d */
        curve = -dot(room->d, room->a, room->blocks); /* of the A d that r gives up */
        double along = rr / curve;
        steepest = fmax(steepest, curve / dd);
        if (!(curve > least * steepest * dd) || !isfinite((float)along))
            break;
        combine(room, room->p, room->p, along, room->d);
        combine(room, room->r, room->r, along, room->a);
        double now = dot(room->r, room->r, room->blocks);
        combine(room, room->d, room->r, now / rr, room->d);
        dd = dot(room->d, room->d, room->blocks);
        rr = now;
    }
    double told = loss(n, room, col, value, count, ridge);
    if (told <= before)
        return told;
    memcpy(room->p, room->b, bytes);
    return before;
}

/* ---- not below 0 ------------------------------------------------------------------------------------------------ */

/* The whole of A from its upper half. */
static void whole(const struct normal *n, const struct room *room, float *out)
{
    int64_t row = room->blocks * LANES;
    for (int64_t i = 0; i < n->width; i++)
        for (int64_t j = i; j < n->width; j++) {
            float a = tile_row(room->tiles, room->blocks, i / LANES)[TILE * (j / LANES - i / LANES)
                                                                     + LANES * (i % LANES) + j % LANES];
            out[i * row + j] = a;
            out[j * row + i] = a;
        }
}

enum { SWEEPS = 200 };
#define SETTLED 1e-5f /* a sweep's largest change beside the largest coordinate */

/* min p'A p - 2 b'p, p >= 0, one coordinate after the other, r = b - A p kept. */
static double descend(const struct normal *n, const struct room *room, const int32_t *col, const float *value,
                    int64_t count, double ridge)
{
    int64_t row = room->blocks * LANES;
    sum_equations(n, room, col, value, count);
    add_ridge(n, room, (float)ridge);
    memset(room->corner, 0, (size_t)(n->width * row) * sizeof *room->corner);
    whole(n, room, room->corner);
    memcpy(room->r, room->b, (size_t)row * sizeof *room->r);
    for (int32_t i = 0; i < n->width; i++) {
        room->p[i] = room->p[i] > 0 || (n->bias && i == n->width - 1) ? room->p[i] : 0;
        combine(room, room->r, room->r, -(double)room->p[i], room->corner + i * row);
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        float moved = 0, most = 0;
        for (int32_t i = 0; i < n->width; i++) {
            const float *a = room->corner + i * row;
            float now = a[i] > 0 ? room->p[i] + room->r[i] / a[i] : 0;
            if (!isfinite(now) || (now < 0 && !(n->bias && i == n->width - 1)))
                now = 0;
            float by = now - room->p[i];
            if (by != 0)
                combine(room, room->r, room->r, -(double)by, a);
            room->p[i] = now;
            moved = fmaxf(moved, fabsf(by));
            most = fmaxf(most, fabsf(now));
        }
        if (moved <= SETTLED * most)
            break;
    }
    return loss(n, room, col, value, count, ridge);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static double solve(const struct normal *n, const int32_t *col, const float *value, int64_t count, double ridge,
                    float *p, void *workspace)
{
    struct room room = room_of(n, workspace);
    size_t bytes = (size_t)n->width * sizeof *p;
    double told = 0;
    memset(room.p, 0, (size_t)room.blocks * LANES * sizeof *p);
    if (n->nonnegative || n->cg)
        memcpy(room.p, p, bytes);
    if (count > 0 && n->nonnegative)
        told = descend(n, &room, col, value, count, ridge);
    else if (count > 0 && n->cg)
        told = conjugate(n, &room, col, value, count, ridge);
    else if (count > 0)
        told = cholesky(n, &room, col, value, count, ridge);
    memset(p, 0, (size_t)n->stride * sizeof *p);
    if (count > 0)
        memcpy(p, room.p, bytes);
    return told;
}

/* Rows are taken as they are, tile by tile of the whole. */
static void gram(const float *rows, int64_t count, int32_t width, int32_t stride, float *gram)
{
    for (int32_t i = 0; i < width; i += LANES)
        for (int32_t j = 0; j < stride; j += LANES) {
            lanes t[LANES] = { { 0 } };
            for (int64_t r = 0; r < count; r++) {
                lanes v = load(rows + r * stride + j);
                UNROLL
                for (int l = 0; l < LANES; l++)
                    t[l] += v * all(rows[r * stride + i + l]);
            }
            for (int l = 0; l < LANES && i + l < width; l++) {
                float *at = gram + (int64_t)(i + l) * stride + j;
                store(at, load(at) + t[l]);
            }
        }
}

extern const struct normal_kernel PASTE(normal_kernel_, KERNEL_ISA);
const struct normal_kernel PASTE(normal_kernel_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .solve = solve,
    .gram = gram,
};
