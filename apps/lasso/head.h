/* head.h - the model on the coordinator, seen by head.c, sweep.c, ladder.c and tests.
 *
 * Place:   apps/lasso, private to it.
 * Threads: the coordinator's.
 */
#ifndef HEAD_H
#define HEAD_H

#include "lasso.h"

enum { LASSO_WANT_LEAST = 64 }; /* variables in the first rounds; then twice the support */

/* What is saved as it is. */
struct numbers {
    double lambda, lambda_max, l1, l2;
    double objective, dual, worst, hot;
    double mark_objective, mark_gap; /* at the last sweep with progress */
    int64_t nnz, sweeps, inner_steps, critical_steps, column_reads;
    int64_t work, updates;        /* since the last sweep: column reads; variables in rounds */
    int64_t moves;                /* commits that moved, since the residual was fresh */
    int64_t stalls, tried;        /* since the last progress: sweeps; variables in rounds */
    int64_t fresh_tried;          /* the residual was fresh since then */
    int64_t swept, sweep_pending, closing;
    int64_t most_violating;       /* variable, at the last sweep */
    int64_t exhausted;            /* empty rounds in a row */
    int64_t joint; /* the last joint solve gained much: the next round begins with one */
    int64_t most;   /* variables of a round with couplings, as the host has memory for them */
    int64_t sets;   /* rounds are of working sets, since the last sweep */
    int64_t chosen; /* variables of the working set; 0: it was solved, or there is none */
    int64_t gram;   /* it is solved on its couplings, else on the residual */
    int64_t cut;    /* it is solved in rounds that are cut: turns.c */
    int64_t left;   /* of this turn, variables that were not visited */
    int64_t width;  /* variables in a round */
    int64_t turns;  /* over this set */
    int64_t all;    /* this turn is over all of it, not only what is not 0 */
    int64_t point;  /* of the path: the lambda that is being solved */
    int64_t path_bytes; /* of those before it, in head->path */
    int64_t imprecise;  /* one of them ended by precision */
    int64_t errors;     /* in head->errors */
    int64_t done;       /* cross-validation: the last point is solved */
    int64_t untested, losses; /* a fresh residual that no sweep has looked at; those too far, in a row */
    double gap_most; /* of a fold's points */
    double b0;      /* with a loss: beside the null model's */
    double aim;     /* the penalty that the working set is solved for: l1, or on the way there */
    double stride;  /* the last fresh residual is so far from what a sweep has looked at, at most */
    double drift;   /* sum of |change of r|_2 over the commits */
    double met;     /* the worst violation of this turn */
};

/* The round under way. */
struct move {
    int64_t seen;         /* variables in the round's blocks */
    int64_t *variable;    /* [most] of the round */
    double *violation;    /* [most] before */
    double *gradient;     /* [most] before, in the block's coordinates */
    double *delta;        /* [most] for feed */
    int64_t count;        /* variables that move */
    int64_t *moving;      /* [most] */
    double *from, *to, *d; /* [most] */
    double promised;
    int64_t longest;      /* steps of the block that took most */
    double length;        /* |X d|_2 of the last step; with a loss: |change of r|_2 / t */
    double shift, t;      /* with a loss: of b0; how far is being tried */
    int32_t blocks;
    bool joined, split;
    bool of_sweep;        /* the worst variable, after a sweep without progress */
};

/* A solved lambda. */
struct point {
    double lambda, objective, gap, intercept;
    int64_t nnz;
    int64_t precise; /* its gap is what was asked for; else no further descent was left */
};

/* The sweep under way: which columns it visits. */
struct visits {
    int32_t *offset; /* [p] from the first of their chunk, chunk after chunk */
    int64_t *start;  /* [chunks + 1] */
    int64_t count;
};

/* What a sweep has found. */
struct sweep {
    double rr, ry, moved;       /* r'r (with a loss: the sum of v f), r'y, |change of r|^2 when last fresh */
    double most;                /* max_j |x_j'r/n - l2 b_j|, in l1_factors */
    double b1, bb;              /* sum l1_factor |b|, sum l2_factor b^2 */
    double square;              /* sum of (x_j'r/n)^2, with l2 */
    double notice;              /* |g_j| from which on columns came with all digits, in l1_factors */
    int64_t entries;            /* in head->candidates */
    bool turn;                  /* rounds are of working sets from now on */
};

struct lasso_bundle;

struct lasso_head {
    const struct lasso *lasso;
    struct lasso_bundle *bundle; /* cross-validation: of this head, which has all data, and the folds' */
    struct numbers at;
    double *b;         /* [p] */
    double *violation; /* [p] of the last sweep, as priorities; zeros with working sets */
    int64_t *support;  /* [at.nnz] ascending, b_j != 0 */
    /* |g_j| <= reach_j + scale_j drift / n, whatever was committed since it was looked at: as
     * |x_j'r| moves by |x_j| |change of r| at most. */
    float *reach;      /* [p] */
    int64_t *working;  /* [at.chosen] */
    struct visits visits;
    struct rondo_buf candidates, feed;
    struct point solved;   /* the last of the path, for reports */
    struct rondo_buf path; /* solved points: the header, then columns [nnz], b [nnz] */
    struct rondo_buf errors; /* cross-validation: double [points] of each fold so far */
    /* While a round has phases behind its sweep: what that found, and what it decided. */
    struct sweep sweep;
    bool ends;             /* everything that counts was tried without progress */
    const char *stop;      /* the point is solved: why; NULL: it is not */
    struct move move;
    struct rondo_buf commit;
};

/* ---- head.c */
struct lasso_head *lasso_head_new(const struct lasso *lasso); /* NULL: no memory */
void lasso_head_free(struct lasso_head *head);
int lasso_head_pack_one(const struct lasso_head *head, struct rondo_buf *out);
int lasso_head_unpack_one(struct lasso_head *head, struct rondo_bytes in);
/* The app's schedule, brief and settle for one head; link NULL: it is one of several. */
int lasso_head_schedule(struct lasso_head *head, struct rondo_order *order);
int lasso_head_brief(struct lasso_head *head, const struct rondo_task *task, struct rondo_buf *out);
int lasso_head_settle(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                      const struct rondo_task *tasks, const struct rondo_bytes *results,
                      int32_t count, struct rondo_order *order);
/* Begins head->commit with its header. */
int lasso_commit_begin(struct lasso_head *head, enum lasso_commit_kind kind, int32_t phase,
                       double t, int64_t count);
double lasso_relative_gap(const struct lasso_head *head);
/* How far a block is solved. */
double lasso_tolerance(const struct lasso_head *head);
bool lasso_keeps_support(const struct lasso_head *head);

/* The support anew, after b changed at the listed variables. */
void lasso_renew_support(struct lasso_head *head, const int64_t *moved, int64_t count);

/* ---- working.c: the working set */
/* A variable that violates its condition, or may soon. */
struct candidate {
    double violation, g;
    int64_t variable;
};
/* Rounds are of working sets, one block and nothing beside it: the default way, while the support
 * fits in a round. */
bool lasso_works_in_sets(struct lasso_head *head);
/* The support takes up a good part of the rows. */
bool lasso_is_crowded(const struct lasso_head *head);
/* The penalty after the next sweep. */
double lasso_next_aim(const struct lasso_head *head);
/* From which |g_j| on what is 0 may come into the next set: the aim, or a little less. */
double lasso_next_notice(const struct lasso_head *head);
/* The next set: the support and the worst of the candidates, whose order is not kept. */
int lasso_choose(struct lasso_head *head, struct rondo_head_link *link,
                 struct candidate *candidate, int64_t count);

/* The most variables that a round can have, and a set. */
int64_t lasso_round_most(const struct lasso *lasso);
int64_t lasso_set_most(const struct lasso *lasso);
/* One weight, or none, for each of a list. */
int lasso_feed_alike(struct lasso_head *head, struct rondo_head_link *link, int64_t count,
                     const int64_t *variables, bool weigh);
/* The set was solved: nothing has a weight until the next. */
int lasso_set_solved(struct lasso_head *head, struct rondo_head_link *link);

/* ---- turns.c: a working set in rounds that are cut */
/* The spec is one for which that is done where a set does not fit in a round. */
bool lasso_cuts_sets(const struct lasso *lasso);
/* Variables in the next round. */
int64_t lasso_turn_want(const struct lasso_head *head);
/* The next round is the first of a set whose couplings are worth computing together. */
bool lasso_turn_opens(const struct lasso_head *head);
/* A round's full step would have kept that share of what its variables promised alone. */
void lasso_turn_width(struct lasso_head *head, double kept);
/* A set was chosen. */
int lasso_turn_first(struct lasso_head *head, struct rondo_head_link *link);
/* A round's variables were visited, with the violations that they had. */
int lasso_turn_learn(struct lasso_head *head, struct rondo_head_link *link);

/* ---- path.c: the lambdas one after the other, each from the solution before */
/* The lambda of a point, 0 .. lasso->points - 1: from lambda_max down, evenly in logarithms. */
double lasso_lambda_of(const struct lasso_head *head, int64_t point);
void lasso_set_lambda(struct lasso_head *head, double lambda);
/* Keeps the solution as it is and goes to the next lambda.  RONDO_ENOMEM. */
int lasso_next_point(struct lasso_head *head);
/* Goes back to the first point that a smaller gap than its own is asked of: a job may go on to one. */
void lasso_reopen_path(struct lasso_head *head);
/* Whether so many bytes are so many points that fit the problem. */
bool lasso_path_fits(const struct lasso *lasso, const unsigned char *bytes, size_t size, int64_t points);
struct point lasso_point(const struct lasso_head *head);
/* The same but for its intercept, which is a walk over the support. */
struct point lasso_standing(const struct lasso_head *head);
/* The present solution as a point with its columns and b, the null model's part with them, to a buffer. */
int lasso_put_point(const struct lasso_head *head, struct rondo_buf *out);
/* The solved points one after the other; at: 0 first.  NULL: no more. */
const struct point *lasso_walk(const struct rondo_buf *path, size_t *at, const int64_t **column,
                               const double **b);
/* Coefficients that are not 0, those of unpenalised columns among them. */
int64_t lasso_nonzero(const struct lasso_head *head);
int lasso_write_path(const struct lasso_head *head, const struct rondo_host *host,
                     struct rondo_output *output, struct rondo_error *err);

/* ---- sweep.c */
/* Begins head->commit: every slice computes r = y - X b from scratch, which changes it by `length` and
 * by rounding. */
int lasso_commit_fresh(struct lasso_head *head, double length);
int lasso_brief_sweep(struct lasso_head *head, const struct rondo_task *task,
                      struct rondo_buf *out);
int lasso_settle_sweep(struct lasso_head *head, struct rondo_head_link *link,
                       const struct rondo_bytes *results, int32_t count, struct rondo_order *order);

/* A dual value came back; a score did. */
int lasso_settle_dual(struct lasso_head *head, struct rondo_head_link *link,
                      const struct rondo_bytes *results, int32_t count, struct rondo_order *order);
int lasso_settle_score(struct lasso_head *head, struct rondo_head_link *link,
                       const struct rondo_bytes *results, int32_t count, struct rondo_order *order);

/* ---- folds.c: what the folds' errors say */
/* Keeps the deviance of the rows that were left out, at the point that is solved. */
int lasso_keep_error(struct lasso_head *head, double sum);
/* All folds are done: the point that the rule chooses. */
struct point lasso_chosen(const struct lasso_head *head);
bool lasso_folds_done(const struct lasso_head *head);
int lasso_write_folds(const struct lasso_head *head, FILE *out);
/* Says which lambda was chosen, and how good it is. */
void lasso_tell_choice(const struct lasso_head *head);
/* They are not done: says how far they are. */
void lasso_tell_left(const struct lasso_head *head);

/* ---- bundle.c: the heads of a cross-validation, side by side */
int lasso_bundle_create(struct lasso_head *head);
void lasso_bundle_destroy(struct lasso_head *head);
int lasso_bundle_pack(const struct lasso_head *head, struct rondo_buf *out);
int lasso_bundle_unpack(struct lasso_head *head, struct rondo_bytes in);
int lasso_bundle_schedule(struct lasso_head *head, int64_t round, struct rondo_order *order);
int lasso_bundle_brief(struct lasso_head *head, const struct rondo_task *task, struct rondo_buf *out);
int lasso_bundle_settle(struct lasso_head *head, int32_t phase, const struct rondo_bytes *results,
                        int32_t count, struct rondo_order *order);

/* ---- ladder.c: the phases of a sampled round */
int lasso_settle_blocks(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                        const struct rondo_task *tasks, const struct rondo_bytes *results,
                        int32_t count, struct rondo_order *order);
int lasso_settle_step(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                      const struct rondo_bytes *results, int32_t count, struct rondo_order *order);
int lasso_settle_joint(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                       const struct rondo_task *task, const struct rondo_bytes *result,
                       struct rondo_order *order);

#endif
