/* mf.h - matrix factorisation: what the files of this folder share.
 *
 * Place:   apps/mf, private to it.
 * Threads: the problem is immutable; a task owns its shard and its block; the head is the coordinator's.
 * Memory:  by host->alloc; each struct says who frees it.
 *
 * A rating r_ui is told by s_ui = p_u'q_i, with biases mu + b_u + c_i + p_u'q_i.  The objective is
 *
 *     F = sum over ratings (r_ui - s_ui)^2 + lambda (sum_u w_u |p_u|^2 + sum_i w_i |q_i|^2)
 *
 * where w is the number of the user's or item's ratings (weighted, ALS-WR: Zhou, Wilkinson, Schreiber, Pan,
 * AAIM 2008; also what SGD does whose lambda counts at each rating), or 1.  b_u and c_i are penalised as
 * p_u and q_i are.  Of implicit feedback (Hu, Koren, Volinsky, ICDM 2008)
 *
 *     F = sum over all cells c_ui (x_ui - s_ui)^2 + lambda (...),   c_ui = 1 + alpha r_ui, x_ui = [r_ui > 0]
 *
 * Three solvers are three ways to lower F, each with its own movement (app.h): sgd rotates, als gathers, ccd
 * reduces.  All else is theirs together: the ratings, what is evaluated, the files, predictions.
 */
#ifndef MF_H
#define MF_H

#include <rondo/app.h>

/* Streams of rng.h. */
enum { MF_STREAM_INIT = 256, MF_STREAM_HOLDOUT, MF_STREAM_SHUFFLE };

/* Ratings by rows, columns ascending within a row. */
struct cells {
    int64_t rows, cols, count;
    const int64_t *first; /* [rows + 1] */
    const int32_t *col;   /* [count] */
    const float *value;   /* [count] */
};

/* A model, row-major without padding: what is saved, predicted with, and begun from. */
struct factors {
    int64_t users, items;
    int32_t rank;
    float *user, *item;            /* [users x rank], [items x rank] */
    double mean;                   /* mu; 0 where there are no biases */
    float *user_bias, *item_bias;  /* [users], [items]; NULL: no biases */
};

struct solver;
struct kept;

struct problem {
    const struct rondo_host *host;
    const struct rondo_job *job;
    const struct solver *solver;

    int64_t users, items;
    const struct rondo_ids *ids;       /* who they are */
    struct cells by_user, by_item;     /* training; by_item's rows are items.  Those that solver->by_user and
                                        * by_item ask for are there until solver->open returns, after it those of
                                        * solver->keeps; else first and count alone, of both always */
    struct cells test;                 /* by user; users and items that have training ratings alone; a solver that
                                        * measures by itself may give columns and values back */
    int64_t test_unseen;               /* test cells left out, whose user or item has no training rating */
    double mean;                       /* of training ratings */
    double deviation;                  /* theirs from it, root of the mean square; 0: all are the same */

    int32_t rank;
    bool biases, implicit, nonnegative, weighted;
    double lambda, alpha;
    double holdout;                    /* the share of data.train that is held out as test */
    double rate;                       /* sgd: learning_rate */
    int64_t tile_bytes;                /* sgd */
    bool cg;                           /* als: conjugate gradient instead of Cholesky */
    int32_t steps;                     /* als: of cg; ccd: inner iterations of a rank */
    int64_t epochs;
    double tolerance;                  /* on test RMSE; < 0: none */
    int64_t evaluate_every;            /* epochs between two evaluations on test */
    int32_t recall_at;                 /* k of recall@k and NDCG@k */
    uint64_t seed;

    const struct factors *start;       /* of an earlier job, rows already in this one's order; a row of NAN: that
                                        * one did not have it.  NULL: from mf_init */
    void *own;                         /* the solver's part of the problem, made by its open with mf_keep */
    _Atomic(struct kept *) kept;
};

/* RONDO_EINPUT at the key's place. */
int mf_refuse(const struct problem *problem, struct rondo_error *err, const char *key, const char *what,
              const char *hint);

/* Zeroed memory, aligned to 64 bytes, that lives as long as the problem; NULL: none.  From any thread. */
void *mf_keep(struct problem *problem, size_t count, size_t size);
void mf_release(struct problem *problem); /* frees all of it */

/* w of a user or an item. */
static inline double mf_weight(const struct problem *problem, const struct cells *cells, int64_t row)
{
    return problem->weighted ? (double)(cells->first[row + 1] - cells->first[row]) : 1.0;
}

/* The rows to begin with, of `users` or of items: a pure function of the seed and the row's number, or the
 * start's where there is one and it has the row.  out [rank]. */
void mf_init_row(const struct problem *problem, bool users, int64_t row, float *out);

/* ---- what is known of the solution ------------------------------------------------------------------- */

/* Saved with the head, byte for byte. */
struct figures {
    int64_t epochs;
    double objective, rmse;          /* F and the training RMSE, as said by the solver; NAN: not known */
    double test_rmse;                /* NAN: none */
    double recall, ndcg;             /* of implicit feedback; NAN: not evaluated */
    double before;                   /* test RMSE one evaluation earlier, for the tolerance; NAN: none */
    int64_t halvings;                /* sgd: times that the learning rate was halved */
};

struct head {
    const struct problem *problem;
    void *model;               /* the solver's own state */
    struct figures figures;
};

/* Is the epoch that ends now one after which the test ratings are looked at? */
bool head_evaluates(const struct head *head);
/* At the end of an epoch, by the solver's settle, with figures.objective, rmse and test_rmse of it filled in:
 * counts it, sets order->report and order->stop. */
void head_epoch(struct head *head, struct rondo_order *order);

/* ---- a solver -------------------------------------------------------------------------------------------- */

/* Says to whom it is told (app.h's parts) parts 0 .. parts - 1 of `like`'s kind, tag and axis: part i has the users or
 * items first[i] .. first[i + 1] - 1, or where `at` is there at[first[i]] .. at[first[i + 1] - 1]. */
typedef int mf_tell(void *context, const struct rondo_part *part);
int mf_tell_parts(const struct problem *problem, struct rondo_part like, int32_t parts, const int64_t *first,
                  const int32_t *at, mf_tell *say, void *context);

/* Its callbacks are app.h's of the same names, but for those explained.  `head` is a struct head. */
struct solver {
    const char *name;
    bool by_user, by_item;     /* reads these cells in open */
    bool keeps;                /* and later */
    int (*check)(const struct problem *problem, struct rondo_error *err); /* parameters alone; NULL: nothing */
    int (*open)(struct problem *problem, struct rondo_error *err);
    void (*layout)(const struct problem *problem, struct rondo_layout *layout);
    int (*parts)(const struct problem *problem, mf_tell *say, void *context);
    struct rondo_state_ops model, common, shard, block; /* model: of head->model; create NULL: none */
    int (*scratch)(const void *problem, void **scratch, struct rondo_error *err);
    void (*scratch_free)(const void *problem, void *scratch);
    int (*schedule)(struct head *head, int64_t round, struct rondo_order *order);
    int (*push)(const void *problem, const void *common, void *shard, void *block, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial);
    int (*pull)(const void *problem, const void *common, void *scratch, const struct rondo_task *task,
                const struct rondo_bytes *partials, int32_t count, struct rondo_buf *result); /* NULL: no_pull */
    int (*settle)(struct head *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order);
    int (*apply)(const void *problem, void *common, void *shard, void *scratch, int64_t round,
                 struct rondo_bytes commit);
    /* The whole model as of the last commit, into memory that is there: where host->shard and host->block show
     * all states (conclude, save). */
    int (*collect)(const struct head *head, struct rondo_head_link *link, struct factors *out);
    /* objective, rmse and test_rmse of that model, exactly, by the solver's own means; NULL: evaluate.h, from
     * cells that are kept. */
    int (*measure)(struct head *head, struct rondo_head_link *link, struct figures *figures);
};

extern const struct solver mf_sgd, mf_als, mf_ccd;

/* ---- models as they are saved ------------------------------------------------------------------------------ */

/* Zeroed; false: no memory.  factors_free: of zeroed ones too. */
bool factors_alloc(const struct rondo_host *host, struct factors *factors, int64_t users, int64_t items,
                   int32_t rank, bool biases);
void factors_free(const struct rondo_host *host, struct factors *factors);

/* s_ui, summed in double. */
double factors_score(const struct factors *factors, int64_t user, int64_t item);

#endif
