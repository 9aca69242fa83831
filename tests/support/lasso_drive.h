/* lasso_drive.h - lasso problems made at random, the app run on them in this process, and what is
 * true of an answer, in long double.
 *
 * Place:   tests/support; used by the tests of apps/lasso.
 * Threads: a drive runs on the caller's thread alone.
 * Memory:  a design is owned by its maker until design_fini; a problem borrows it.
 *
 * The oracle knows the data and the coefficients, and nothing of how they were found:
 *     F(b) = min over b0 of 1/(2n) |y - X b - b0|^2 + l1 |b|_1 + l2/2 |b|^2
 */
#ifndef LASSO_DRIVE_H
#define LASSO_DRIVE_H

#include "apps/lasso/lasso.h"
#include "coordinator/engine.h"

/* ---- random numbers: a stream that a test carries along ------------------------------------- */

struct dice {
    uint64_t seed, draws;
};
double dice_unit(struct dice *dice);                   /* [0, 1) */
int64_t dice_below(struct dice *dice, int64_t limit);  /* 0 .. limit-1 */
double dice_normal(struct dice *dice);
uint64_t dice_seed(uint64_t fallback);                 /* RONDO_PROP_SEED, printed */

/* ---- data ------------------------------------------------------------------------------------ */

struct design {
    int64_t n, p;
    double *x;       /* [n * p] by columns */
    double *y;       /* [n] */
    struct rondo_matrix matrix, response; /* the same, as the app sees them */
    double *padded, *values;
    int64_t *colptr;
    int32_t *rowidx;
    uint8_t *packed;
};

enum design_kind { DESIGN_AR, DESIGN_GENOTYPE, DESIGN_KINDS };

struct design_options {
    int64_t n, p;
    enum design_kind kind;
    double rho;          /* correlation of neighbours */
    double duplicates;   /* share of columns that repeat another one, perhaps scaled */
    double constants;    /* share that are constant */
    double zeros;        /* share of entries set to 0 */
    double decades;      /* columns are scaled by 10^(u decades), u in [-1/2, 1/2] */
    double noise;
    bool sparse;
    bool packed;         /* DESIGN_GENOTYPE; no decades, and duplicates are not scaled */
    double missing;      /* packed: share of entries that are lost */
};

/* Every other time genotypes are packed, and some of them missing. */
void design_options_pack(struct design_options *options, struct dice *dice);
void design_make(struct design *design, struct dice *dice, const struct design_options *options);
/* x and y are filled in by the caller between _init and _bind. */
void design_init(struct design *design, int64_t n, int64_t p);
void design_bind(struct design *design, bool sparse);
/* x in {0, 1, 2} loses a share of its entries: the app sees them missing, x has their column's mean. */
void design_bind_packed(struct design *design, struct dice *dice, double missing);
void design_fini(struct design *design);

/* ---- a job --------------------------------------------------------------------------------------- */

/* Numbers of a test's, as the app sees a file of them. */
struct lasso_vector {
    struct rondo_matrix matrix;
};
struct lasso_vector lasso_vector_of(const double *values, int64_t count);

struct lasso_spec {
    const struct design *design;
    double lambda;       /* 0: by ratio */
    double lambda_ratio, l1_ratio, gap;
    bool intercept;
    int64_t row_shards;  /* 0: none */
    const char *isa;     /* NULL: x86-64-v2 */
    int32_t blocks, block_size, pipeline;
    int64_t candidates;
    enum priority_rule rule;
    enum dependency_check check;
    enum coupled_mode coupled;
    double threshold;
    uint64_t seed;
    int64_t round_limit;
    const char *loss;    /* NULL: squared */
    double huber_delta;
    struct lasso_vector weights, factors, fold_of; /* count 0: absent */
    bool standardize, nonnegative, one_se;
    int64_t points;      /* lambdas of a path; 0: one */
    double min_ratio;    /* of a path; 0: the app's */
    int64_t folds;       /* 0: none, or those of fold_of */
};


struct lasso_spec lasso_spec_plain(const struct design *design);

/* The host's table with no engine behind it, and a spec as a job. */
const struct rondo_host *lasso_drive_host(void);
const struct rondo_job *lasso_drive_job(const struct lasso_spec *spec);
/* The app's problem; lasso_app.close frees it.  NULL: refused, and err says why. */
struct lasso *lasso_drive_open(const struct lasso_spec *spec, struct rondo_error *err);

struct lasso_outcome {
    int code;                   /* of opening or running */
    struct rondo_error err;
    const char *stop;           /* a word of the app's, or "rounds" */
    double gap, lambda, objective;
    int64_t rounds, updates, sweeps;
    double b[8192];             /* the first of the committed coefficients */
};

/* After every commit: the coefficients as committed. */
typedef void (*lasso_watch)(void *context, const struct lasso *lasso, const double *b,
                            const struct engine_round *round);

void lasso_drive_run(const struct lasso_spec *spec, lasso_watch watch, void *context,
                     struct lasso_outcome *outcome);

/* The same, shown the head beside the coefficients; what it has in it, apps/lasso/head.h says. */
typedef void (*lasso_look)(void *context, const struct lasso *lasso, const struct lasso_head *head,
                           const struct engine_round *round);

void lasso_drive_look(const struct lasso_spec *spec, lasso_look look, void *context,
                      struct lasso_outcome *outcome);

/* A run that is interrupted, or goes on; cut and head are the caller's (buf_fini). */
struct lasso_part {
    int64_t stop;          /* interrupted when this round has been committed; 0: never */
    const struct lasso_part *from; /* whose checkpoint it goes on from; NULL: from the beginning */
    struct rondo_buf cut;  /* out: the checkpoint that it left, */
    const char *ended;     /* and why the job had ended with it; NULL: there is more to do */
    struct rondo_buf head; /* out: as the app packs it */
};

void lasso_drive_part(const struct lasso_spec *spec, struct lasso_part *part, lasso_look look,
                      void *context, struct lasso_outcome *outcome);

/* The model as it stands: all coefficients [p], those that no penalty holds among them; the intercept. */
double lasso_drive_model(const struct lasso *lasso, const struct lasso_head *head, double *b);

/* ---- the oracle ------------------------------------------------------------------------------------ */

struct truth {
    long double objective, dual; /* D <= min F <= F */
};

/* F at b for the given penalty. */
long double truth_objective(const struct lasso_spec *spec, double lambda, const double *b);
/* F at b, and the best dual value along the residual of b, from scratch. */
struct truth truth_of(const struct lasso_spec *spec, double lambda, const double *b);

#endif
