/* lasso.h - the parts of the lasso app, seen by its own files and tests alone.
 *
 * Place:   apps/lasso.
 * Threads: struct lasso is immutable after open; the head is the coordinator's; a slice and a
 *          scratch belong to one worker.
 *
 *     minimise over b, b0   F = 1/n sum_i v_i f(y_i, eta_i) + l1 sum_j c_j |b_j| + l2/2 sum_j c_j b_j^2
 *     eta = X b + b0,   l1 = lambda l1_ratio,   l2 = lambda (1 - l1_ratio)
 *
 * c are the penalty factors; where columns are standardised, times their deviation for l1 and its square
 * for l2, so that nothing is scaled.  The null model is that of b0 and the columns with c_j = 0.
 *
 * Least squares with equal weights and c > 0 has a way of its own: r = y - X b with columns centred
 * implicitly (X stands for X - 1 m', y for y - mean(y), b0 = mean(y) - m'b is the best one; without an
 * intercept m = 0), and couplings of columns once and for all.  Everything else has a loss (glm.c): of
 * eta each slice makes r, and blocks are solved on quadratic models of it (outer.c).
 */
#ifndef LASSO_H
#define LASSO_H

#include "codes.h"
#include "factor.h"
#include "genotype.h"
#include "kernel.h"
#include "loss.h"
#include "panel.h"
#include "shadow.h"

#include <rondo/app.h>

#include <math.h>

struct lasso;
struct products;
/* Appends bytes to a buffer of the host's. */
int lasso_append(const struct lasso *lasso, struct rondo_buf *out, const void *bytes, size_t size);

#define LASSO_LARGEST 1e150 /* of all values; its inverse: the least deviation of a column */

enum lasso_mode { LASSO_ALONE, LASSO_GROUP, LASSO_SOLVE };

/* The columns that no penalty holds, 1 for the intercept the first of them. */
struct lasso_frame {
    int64_t count;
    int64_t *column; /* [count] -1: the intercept */
    double *z;       /* [n x count] centred where there is an intercept, and but for b >= 0 made orthogonal,
                      * each to those before it; of mean square 1, or 0 where others explain it */
    double *r;       /* [count x count] by rows: scaled columns = z r, upper triangular */
    double *b;       /* [count] of the null model, as columns of X have them; b >= 0: of the intercept alone, */
    double *start;   /* [count] and these are where b begins */
    double *unit;    /* [count] z = (x - mean) unit */
};

/* The problem: data and what derives from them. */
struct lasso {
    const struct rondo_host *host;
    const struct rondo_job *job;
    const struct kernel *kernel;
    const struct panel *panel;
    const struct factor *factor;
    const struct shadow_kernel *shadows;
    const struct codes_kernel *codes;
    const struct genotype_kernel *genotypes;
    const struct rondo_matrix *x;
    const struct rondo_matrix *side; /* covariates, beside packed x: the last columns, without a penalty */
    bool touches;    /* the host wants to know which columns are read next */
    int64_t n, p, sides; /* sides: of the p, those of `side` */
    double *y;       /* [n] centred where there is an intercept */
    double *mean;    /* [p] m; zeros without an intercept */
    double *scale;   /* [p] |x_j - m_j|; 0: the column says nothing and its coefficient is 0 */
    double *slope;   /* [p] (x_j - m_j)'y: the gradient at b = 0, but for its sign and 1/n */
    double *cost;    /* [p] stored entries of the column, for balancing */
    uint8_t *code;   /* [p x stride] shadows of dense columns; NULL: there are none */
    int64_t stride;  /* bytes */
    struct shadow_column *shadow; /* [p] */
    double *imputed; /* [p] packed columns: what a missing entry is, the mean of the others; else NULL */
    uint8_t *lacks;  /* [p] packed columns: 1 where one is missing */
    bool bounds;     /* sweeps bound x_j'r, and look closer where a bound does not say enough */
    int64_t *chunk;  /* [chunks + 1] first column of each part of a sweep */
    int32_t chunks, shards;
    double y_mean, y_sum, null_objective; /* sum y; F at b = 0 */
    double *l1_factor, *l2_factor; /* [p] of the penalties, deviations included; NULL: all 1 */
    bool nonnegative;
    bool standardize;
    const struct loss *loss; /* NULL: least squares, see above; y is then the null model's r */
    struct loss_rows rows;   /* of all data */
    double *target, *weight, *ones, *offset; /* [n] what rows has; weight or ones is NULL */
    double *eta;             /* [n] where b begins: the null model's */
    int level;               /* of the instruction set, 0 .. 2 */
    int64_t frees;           /* columns whose penalty factor is 0 */
    double label[2];         /* logistic: y = -1, y = 1 */
    struct lasso_frame frame;
    int32_t *fold;           /* [n] cross-validation: 0 .. folds - 1; NULL: none */
    int32_t folds;
    double *held;            /* [folds] sum of the weights of its rows */
    struct lasso *view;      /* [folds + 1] the same problem without the rows of fold stage - 1: weights, and
                              * penalties of standardised columns; the first has all rows */
    int32_t stage;
    bool one_se;             /* the rule: 1se, else min */
    double lambda, lambda_ratio;   /* lambda < 0: from the ratio, at the first sweep */
    int64_t points;                /* lambdas of a path; 1: there is none */
    double least_ratio;            /* of its last to lambda_max */
    double l1_ratio, gap;
    bool intercept, by_violation;  /* priority rule `gradient` */
    bool couples;                  /* dependency.check is not none */
    double window;                 /* base pairs; 0: any two columns may be coupled */
    enum lasso_mode mode;
    int64_t most;    /* variables in a round, and in a */
    int64_t whole;   /* working set that is solved on the residual, or in rounds */
    int64_t set;     /* that are cut */
    int64_t pipeline;
    double scale_most, slope_most; /* of |x_j| and |slope_j|, in l1_factors */
    int64_t fresh_rounds; /* rounds after which the residual is computed afresh */
};

/* What a task is, in rondo_task.tag. */
enum lasso_tag {
    LASSO_GRADIENT = 1, /* sweep: x_j'r for a chunk */
    LASSO_BLOCK,        /* gradient of the block, then its solution */
    LASSO_JOINT,        /* the same for the union of the blocks */
    LASSO_STEP,         /* |X d|^2 and r'X d of the union; with a loss: lasso_trial */
    LASSO_DUAL,         /* with a loss: its part in the dual value at s r */
    LASSO_SCORE,        /* with a loss: the deviance of the rows that are held out */
    LASSO_BUNDLE,       /* cross-validation: of each shard, a fold, what its own head asks for */
};

enum { LASSO_TOUCHED = 1 << 20 }; /* bytes that are said to the host together, and a column */

static inline void lasso_touch(const struct lasso *lasso, const void *at, int64_t bytes)
{
    if (lasso->touches)
        lasso->host->touch(lasso->job, at, (size_t)bytes);
}

/* Is column j one of packed genotypes?  Covariates beside them are not. */
static inline bool lasso_is_packed(const struct lasso *lasso, int64_t j)
{
    return lasso->x->packed && j < lasso->p - lasso->sides;
}

/* A column that lies there as numbers [n]: of dense x, or of covariates. */
static inline const double *lasso_dense(const struct lasso *lasso, int64_t j)
{
    const int64_t first = lasso->p - lasso->sides;
    return j < first ? lasso->x->dense + j * lasso->x->ld : lasso->side->dense + (j - first) * lasso->side->ld;
}

/* ---- share.c: work for several threads
 * So many multiply-adds over 0 .. count-1, cut into parts by that alone: piece(context, from, to) for each,
 * by whoever is idle where there are several.  It writes what is its own, with the bits that it would have
 * in one. */
void lasso_share(const struct lasso *lasso, double work, int64_t count,
                 void (*piece)(void *context, int64_t from, int64_t to), void *context);
/* host->each of a problem, which is not changed, as factor_helpers have it. */
int lasso_on_the_idle(void *lasso, int64_t parts, int (*part)(void *context, int64_t index),
                      void *context);

/* What l1 and l2 are for column j. */
static inline double lasso_l1(const struct lasso *lasso, double l1, int64_t j)
{
    return lasso->l1_factor ? l1 * lasso->l1_factor[j] : l1;
}

static inline double lasso_l2(const struct lasso *lasso, double l2, int64_t j)
{
    return lasso->l2_factor ? l2 * lasso->l2_factor[j] : l2;
}

/* ---- columns.c */
/* Squares of values and of deviations, and their sums, must neither overflow nor vanish. */
bool lasso_in_range(double least, double most, double variance);
/* Dense designs of fewer values have no shadows; tests, whose designs are small, lower it. */
extern int64_t lasso_shadow_values;
/* chunk, mean, scale, slope and cost of all columns.  RONDO_ENOMEM; RONDO_EINPUT names a column that
 * is out of range.  O(stored entries), in parallel. */
int lasso_read_columns(struct lasso *lasso, struct rondo_error *err);
/* Times a deviation and its square: the factors of a column; of variance 0: it is left out. */
void lasso_standardise(struct lasso *lasso, int64_t j, double variance);
/* The deviation squared of column j under the weights of `lasso`, 1/n. */
double lasso_variance(const struct lasso *lasso, int64_t j);
/* The largest slopes and scales; again: the slopes anew, for a y that came after the columns. */
void lasso_read_slopes(struct lasso *lasso, bool again);

/* ---- slice.c: rows [lo, hi) of the residual, and what workers do with them */
struct lasso_slice {
    int64_t lo, hi;
    double *r;      /* [hi - lo] */
    double sums[3]; /* sum r, r'r, r'y over the slice */
    int8_t *high, *low;          /* [shadow_padded(hi - lo)] digits of r, where there are shadows */
    struct shadow_vector digits; /* what they stand for */
    int8_t *digits_of_r; /* packed columns: r in fixed point; else NULL */
    double step;         /* of that */
    double moved;   /* |change of r|^2 when it was last computed afresh; lasso_moved */
    double *eta, *h; /* [n] each, with a loss: X b + b0 and the offset; curvature */
    double *room;   /* with a loss: [LASSO_FRAME_ROOM(k)] for a frame of k columns */
    double loss;    /* sum v f(eta) */
    bool feasible;  /* r is orthogonal to what no penalty holds */
    int32_t stage;  /* the problem's */
    double *u;      /* shards: X d of the last LASSO_STEP, else NULL (the scratch has it) */
    int64_t round;  /* of u; -1: none */
    int32_t phase;
};

/* Sparse columns by rows of the slice: of row lo + i the entries first[i] .. last[i]-1, by the column that
 * each is of, in the order in which they came. */
struct lasso_held {
    int64_t lo, hi;          /* the slice; -1: none yet */
    int64_t count, entries;
    int64_t most;            /* entries, but for one column */
    int32_t *place;          /* [p] 1 and the number of each that is held; else 0 */
    int32_t *first, *last;   /* [n + 1], [n] */
    int32_t *want;           /* [n] while rows are given room */
    int32_t *column;         /* in the room */
    double *value;
    struct rondo_buf list;   /* int64_t [count] the variables */
    struct rondo_buf sum;    /* double [count] */
    struct rondo_buf room, spare;
};

struct lasso_scratch {
    double *u;
    double *r;      /* [n] a residual of its own, for rows.c and outer.c; NULL with shards */
    double *eta, *h, *v; /* [n] each, with a loss */
    double *spread; /* [n] zeros, but for a column while its couplings are computed; sparse only */
    int64_t round;
    int32_t phase;
    int32_t *place; /* [p] zeros, but while a panel of couplings is united */
    struct lasso_held held; /* sparse only */
    struct rondo_buf room, list, gram;
    struct rondo_buf near; /* window.c: its pairs */
    struct products *products; /* [folds + 1]; products.c */
};

int lasso_common_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
int lasso_shard_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void lasso_slice_destroy(const void *problem, void *state);
int lasso_slice_pack(const void *problem, const void *state, struct rondo_buf *out);
int lasso_slice_unpack(const void *problem, void *state, struct rondo_bytes in);
int lasso_scratch_create(const void *problem, void **scratch, struct rondo_error *err);
void lasso_scratch_free(const void *problem, void *scratch);
int lasso_push(const void *problem, const void *common, void *shard, void *block, void *scratch,
               const struct rondo_task *task, struct rondo_buf *partial);
/* A column's part in the slice; not of packed ones. */
struct lasso_span {
    const double *value;
    const int32_t *index; /* sparse: absolute rows; dense: NULL */
    int64_t count;
};
struct lasso_span lasso_span_of(const struct lasso *lasso, const struct lasso_slice *slice, int64_t j);
/* (x_j - m_j)'r over the slice, and to += a x_j over its rows. */
double lasso_gradient(const struct lasso *lasso, const struct lasso_slice *slice, int64_t j);
void lasso_add_column(const struct lasso *lasso, const struct lasso_slice *slice, double a,
                      int64_t j, double *to);
/* u = (X - 1 m')d over the slice; sums: u'u, u'r. */
void lasso_product(const struct lasso *lasso, const struct lasso_slice *slice, int64_t count,
                   const int64_t *variables, const double *d, double *u, double sums[2]);
/* r's digits, where sweeps have bounds. */
void lasso_write_digits(const struct lasso *lasso, struct lasso_slice *slice);
int lasso_apply(const void *problem, void *common, void *shard, void *scratch, int64_t round,
                struct rondo_bytes commit);

/* |change of r|^2 from one fresh residual to the next; again: no sweep has looked at the one before, and
 * their lengths add up. */
static inline double lasso_moved(double before, double change, bool again)
{
    double length = sqrt(before) + sqrt(change);
    return again ? length * length : change;
}

/* The bytes of a commit.  STEP: r -= t X d.  FRESH: r = y - X b.  NOTHING: no change. */
enum lasso_commit_kind { LASSO_NOTHING, LASSO_MOVE, LASSO_FRESH };
struct lasso_commit {
    int32_t kind, phase; /* phase: of the LASSO_STEP whose X d it is; FRESH: 1 for `again` of lasso_moved */
    double t;
    double b0;           /* with a loss, FRESH: beside the offset's */
    int64_t count;       /* then int64 variable [count], double value [count] */
};

/* ---- couple.c; window.c: of pairs in the window of positions, 0 of the others */
int lasso_couple_all(const void *problem, const void *common, const void *shard, void *scratch,
                     const struct rondo_pairs *pairs, double *out);
int lasso_couple(const void *problem, const void *common, const void *shard, void *scratch,
                 const struct rondo_pairs *pairs, double *out);

/* ---- dense.c */
/* *value, in the room: [rows x columns], the slice's part of the couplings of columns c and u at
 * u * columns + c; the same bits for u and c. */
int lasso_dense_couplings(const struct lasso *lasso, const struct lasso_slice *slice,
                          struct rondo_buf *room, const int64_t *column, int64_t columns,
                          const int64_t *row, int64_t rows, double **value);

/* ---- held.c: sparse columns that others meet */
int lasso_held_create(const struct lasso *lasso, struct lasso_held *held);
void lasso_held_free(const struct lasso *lasso, struct lasso_held *held);
/* How many of a list, from its first, are to be held at once: at least one. */
int64_t lasso_hold_most(const struct lasso *lasso, const struct lasso_held *held, int64_t count,
                        const int64_t *variables);
/* Room for them, for which others may be let go.  RONDO_ENOMEM. */
int lasso_hold_room(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_held *held,
                    int64_t count, const int64_t *variables);
/* Holds one of them. */
void lasso_hold(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_held *held,
                int64_t variable);
/* x'x_k of the variable with all that are held, at place[k] - 1; borrowed until the next. */
const double *lasso_meet(const struct lasso *lasso, const struct lasso_slice *slice, struct lasso_held *held,
                         int64_t variable);

/* ---- products.c: X'VX of some columns, kept from block to block, under a quadratic loss and weights v */
/* So many columns at most; 0: where there is none of it. */
int64_t lasso_products_most(const struct lasso *lasso);
/* out[count x count] = (x_j'V x_k - sum_j sum_k) unit_j unit_k of the listed, ascending, at most so many.
 * RONDO_ENOMEM. */
int lasso_products(const struct lasso *lasso, struct lasso_scratch *scratch, int64_t count,
                   const int64_t *variable, const double *sum, const double *unit, double *out);
void lasso_products_free(const struct lasso *lasso, struct products *all);

/* ---- packed.c: genotypes; r, and what is added to, has all rows */
/* Room for `imputed` and `lacks`.  RONDO_ENOMEM. */
int lasso_packed_create(struct lasso *lasso);
/* mean, scale, slope, imputed and lacks of the columns [from, to). */
void lasso_packed_read(struct lasso *lasso, int64_t from, int64_t to);
double lasso_packed_variance(const struct lasso *lasso, int64_t j);
/* x_j'r */
double lasso_packed_dot(const struct lasso *lasso, const double *r, int64_t j);
/* to += a x_j */
void lasso_packed_add(const struct lasso *lasso, double a, int64_t j, double *to);
/* x_j'r of the columns from + offset[i], or of `count` from the first: NULL; with dot's bits. */
void lasso_packed_dots(const struct lasso *lasso, const double *r, int64_t from,
                       const int32_t *offset, int64_t count, double *out);
/* r in fixed point: its bytes, its step. */
size_t lasso_packed_digits(const struct lasso *lasso);
double lasso_packed_fix(const struct lasso *lasso, const double *r, int8_t *digits);
/* (x_j - m_j)'r of such columns, and how far each may be off. */
void lasso_packed_bounds(const struct lasso *lasso, const struct lasso_slice *slice, int64_t from,
                         const int32_t *offset, int64_t count, double *value, double *bound);
/* *value, in the room: [columns x rows], x_c'x_u at c * rows + u.  Exact but for what is missing; the
 * same bits for x_u'x_c. */
int lasso_packed_products(const struct lasso *lasso, struct rondo_buf *room, const int64_t *column,
                          int64_t columns, const int64_t *row, int64_t rows, double **value);

/* ---- scan.c: a chunk of a sweep; g_j stands for (x_j - m_j)'r / n */
/* What a chunk's worker is told: the header, b [active], the active columns [active] ascending, and
 * the columns to visit [listed] as int32 from the chunk's first, ascending. */
struct lasso_scan_brief {
    double l2;
    double near;    /* columns with |g_j| above it times l1_factor_j are computed from the data, not from
                     * shadows */
    double notice;  /* and above this come back with all digits; near or more */
    int64_t listed; /* -1: all of the chunk, and no list */
    int64_t active; /* columns of the chunk whose b_j is not 0 */
};
/* What it answers: the header, g [entries], their columns [entries] ascending, and a bound of |g_j|
 * [visited] as float, in the order of the visits. */
struct lasso_scan {
    double most;    /* largest |g_j - l2 b_j| of the visited, in their l1_factors; nonnegative: without || */
    double square;  /* sum of g_j^2 / l2_factor_j */
    double sums[3]; /* chunk 0: r'r (with a loss: the sum of v f), r'y, |change of r|^2 at the last fresh one */
    int64_t visited, entries;
};
int lasso_scan_push(const struct lasso *lasso, const struct lasso_slice *slice,
                    struct lasso_scratch *scratch, const struct rondo_task *task,
                    struct rondo_buf *partial);
int lasso_scan_pull(const struct lasso *lasso, struct rondo_buf *room, const struct rondo_task *task,
                    const struct rondo_bytes *partials, int32_t count, struct rondo_buf *result);

/* ---- solve.c: a block's subproblem */
/* The block in coordinates in which every column has length sqrt(n): w_j = b_j scale_j / sqrt(n).
 *     minimise over w   q'(w - w0) + 1/2 (w - w0)'C(w - w0) + sum_j l1_j |w_j| + l2_j/2 w_j^2 */
struct lasso_block {
    int64_t count;
    const double *couplings; /* C [count x count], unit diagonal; NULL: the identity */
    double *w;               /* [count] w0 in, the solution out */
    double *q;               /* [count] gradient at w0 in, at w out */
    double *l1, *l2;         /* [count] */
    double tolerance;        /* on the violation of the optimality conditions */
    bool nonnegative;        /* w >= 0 */
    double change;           /* out, where solved on the residual: of the quadratic */
    enum lasso_mode mode;
    int64_t first;           /* variables that were not 0 at first: listed in front in newton.c's room, */
    int64_t kept, ld;        /* which keeps the factor of so many; 0: none */
    double ridge;
};

/* Solves (LASSO_SOLVE), goes over the variables once in order (LASSO_GROUP), or moves each as if
 * it were alone (LASSO_ALONE).  Returns the steps taken, or a negative code.  room: working memory. */
int64_t lasso_solve(const struct lasso *lasso, struct lasso_block *block, struct rondo_buf *room);

/* ---- rows.c: the same without couplings */
/* The slice has all rows.  Sets block->change; q stays as it was.  Steps taken, or RONDO_ENOMEM. */
int64_t lasso_solve_on_rows(const struct lasso *lasso, const struct lasso_slice *slice,
                            struct lasso_scratch *scratch, const int64_t *variables,
                            struct lasso_block *block);
/* From a block's coordinates to the model's: sqrt(n) / |x_j|, 0 for a column that says nothing. */
double lasso_unit(const struct lasso *lasso, int64_t j);

/* ---- newton.c: Newton steps on the support of w until one goes all the way; the objective does not
 * rise.  room: as above.  RONDO_ENOMEM. */
int lasso_newton(const struct lasso *lasso, struct lasso_block *block, struct rondo_buf *room,
                 int64_t *steps);

/* S(a, l) = sign(a) max(|a| - l, 0) */
static inline double lasso_shrink(double a, double l)
{
    return a > l ? a - l : a < -l ? a + l : 0;
}

/* The violation of the optimality condition at w, with gradient q: the distance of 0 from the
 * subdifferential; nonnegative: where w >= 0 is asked for too. */
double lasso_violation(double w, double q, double l1, double l2, bool nonnegative);

int lasso_pull(const void *problem, const void *common, void *scratch,
               const struct rondo_task *task, const struct rondo_bytes *partials, int32_t count,
               struct rondo_buf *result);

/* What a block's workers are told: the header, then b_j [count]. */
struct lasso_brief {
    double l1, l2, tolerance;
    double worth; /* the penalty that the descent is told with */
    int64_t mode;
};
/* What pull answers: the header, then for each variable the new b_j, the violation before, and the
 * gradient before in the block's coordinates: three arrays [count]. */
struct lasso_answer {
    double descent; /* the promised -(change of F) if this block moved alone */
    int64_t steps;
    double shift;   /* with a loss: how far b0 moves */
    int64_t reads;  /* columns read for it beside the gradients */
};

/* RONDO_EINPUT at a key of the spec; hint NULL: none. */
int lasso_refuse(const struct lasso *lasso, struct rondo_error *err, const char *key, const char *what,
                 const char *hint);

/* ---- preview.c: rondo_app.preview */
int lasso_preview(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err);

/* ---- lasso.c */
int lasso_read_params(struct lasso *lasso, struct rondo_error *err);
/* Covariates, of so many rows: whether this x can have them. */
int lasso_check_side(const struct lasso *lasso, bool packed, int64_t rows, struct rondo_error *err);
/* What needs no more than n and p: their bounds, and the last lambda of a path. */
int lasso_read_shape(struct lasso *lasso, struct rondo_error *err);
/* After these: the shards of the rows, and whether a loss can go by the rounds that the spec asks for. */
int lasso_read_rounds(struct lasso *lasso, bool packed, struct rondo_error *err);
/* Whether an ld_window means something; placed: x has positions. */
int lasso_check_window(const struct lasso *lasso, bool placed, struct rondo_error *err);
void lasso_close(void *problem); /* NULL allowed */

/* ---- response.c: y, its weights and folds */
/* Penalty factors and which columns have none, the weight and the fold of each row, and the loss: what
 * needs no more than n and p. */
int lasso_read_vectors(struct lasso *lasso, struct rondo_error *err);
/* y; after these. */
int lasso_read_response(struct lasso *lasso, struct rondo_error *err);
/* Whether limits.memory has room for the folds' views, shards and heads. */
int lasso_check_memory(const struct lasso *lasso, struct rondo_error *err);
/* The folds' views; after the columns are read. */
int lasso_make_views(struct lasso *lasso, struct rondo_error *err);
void lasso_free_views(struct lasso *lasso);

/* ---- null.c: the model of the columns that no penalty holds */
/* The frame, its coefficients, offset, null_objective, and y = the pull there.  RONDO_EINPUT: there is no
 * finite one. */
int lasso_fit_null(struct lasso *lasso, struct rondo_error *err);
enum { LASSO_FRAME_MOST = 513, LASSO_FRAME_ROWS = 512 }; /* columns, with the intercept; rows of a part of Z'HZ */
/* r -= H Z (Z'HZ)^-1 Z'r, after which Z'r = 0 (where b >= 0, Z'r <= 0 for columns of X): r becomes a dual
 * point.  room: [LASSO_FRAME_ROOM(k)].  False: it did not, as a direction of Z has no curvature. */
#define LASSO_FRAME_ROOM(k) ((k) * (2 * (k) + 3 + LASSO_FRAME_ROWS) + 1)
bool lasso_project(const struct lasso *lasso, const double *h, double *r, double *room);
/* u = Z x, x = (Z'HZ)^-1 Z'r: the Newton step of all that no penalty holds; at room + k^2 what it is to the
 * scaled columns.  g'x, which is twice what it promises of the sum of v f. */
double lasso_frame_step(const struct lasso *lasso, const double *h, const double *r, double *room,
                        double *u);
/* Column j of X [n], a missing genotype imputed. */
void lasso_column(const struct lasso *lasso, int64_t j, double *to);

/* ---- glm.c: slices under a loss */
/* r, its sums, h and the loss from eta. */
void lasso_glm_measure(const struct lasso *lasso, struct lasso_slice *slice);
/* LASSO_STEP, LASSO_DUAL, LASSO_SCORE: two numbers. */
int lasso_glm_push(const struct lasso *lasso, const struct lasso_slice *slice,
                   struct lasso_scratch *scratch, const struct rondo_task *task,
                   struct rondo_buf *partial);
/* eta = offset + b0 + u. */
void lasso_glm_fresh(const struct lasso *lasso, struct lasso_slice *slice, struct lasso_scratch *scratch,
                     const struct lasso_commit *commit, const double *u);
/* LASSO_STEP: what a worker is told, d [count] behind it. */
struct lasso_trial {
    double t, shift;
};
/* ---- bundle.c: cross-validation, workers' part */
/* A shard's part of a commit or a brief; data NULL: there is none. */
struct rondo_bytes lasso_bundle_part(struct rondo_bytes bytes, int64_t part);
int lasso_bundle_push(const struct lasso *lasso, struct lasso_slice *slice, struct lasso_scratch *scratch,
                      const struct rondo_task *task, struct rondo_buf *partial);

/* Orders variables, for qsort and bsearch. */
int lasso_by_number(const void *a, const void *b);
/* ---- outer.c: a block under a loss */
int lasso_outer_pull(const struct lasso *lasso, const struct lasso_slice *slice,
                     struct lasso_scratch *scratch, const struct rondo_task *task,
                     struct rondo_buf *result);

/* ---- search.c: how far to go along d */
/* F(b + t d) - F(b) = -t ru/n + t^2 uu/2n + penalty(b + t d) - penalty(b), exactly, for
 * u = X d, ru = r'u, uu = u'u. */
struct lasso_line {
    int64_t count;
    const double *b, *d; /* [count] */
    double ru, uu, n, l1, l2;
    const struct lasso *lasso;  /* of which variable[i] has the penalty factors; NULL: all 1 */
    const int64_t *variable;    /* [count] */
};
/* penalty(b + t d) - penalty(b) */
double lasso_penalty_change(const struct lasso_line *line, double t);
double lasso_change(const struct lasso_line *line, double t);
/* The minimiser of lasso_change over [0, 1]: bisection on its monotone derivative. */
double lasso_search(const struct lasso_line *line);

/* ---- head.c: the model, on the coordinator */
struct lasso_head;
int lasso_head_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void lasso_head_destroy(const void *problem, void *state);
int lasso_head_pack(const void *problem, const void *state, struct rondo_buf *out);
int lasso_head_unpack(const void *problem, void *state, struct rondo_bytes in);
int lasso_schedule(void *head, int64_t round, struct rondo_order *order);
int lasso_brief(void *head, const struct rondo_task *task, struct rondo_buf *out);
int lasso_settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                 const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                 struct rondo_order *order);
void lasso_report(const void *head, struct rondo_report *report);
int lasso_save(const void *head, struct rondo_head_link *link, const struct rondo_host *host,
               struct rondo_output *output, struct rondo_error *err);
/* For tests: the coefficients [p] as committed. */
const double *lasso_coefficients(const struct lasso_head *head);

extern const struct rondo_app lasso_app;

#endif
