/* app.h - schedule, push, pull: the contract between Rondo and a model.
 *
 * Place:   include/rondo.  An app includes <rondo/...> and its own folder alone; a built-in app and
 *          a plug-in are the same source.
 * Threads: open, close, head and schedule, settle, report and save: one thread at a time, the
 *          coordinator's (conclude too).  push, pull, couple, apply: many at once, each with its own
 *          scratch and its own common or shard; the problem is immutable and shared.
 *          A service has many jobs: any callback may run beside any of another job, check and assume
 *          beside their own, so an app keeps nothing that changes outside its problem and states.
 *          predict: one thread for one call; calls and other callbacks may run beside it.
 * Memory:  the app allocates by host->alloc and frees by host->free.  What a callback receives is
 *          borrowed until it returns, unless a word says otherwise.
 *
 * One round, in the order in which an app meets it (Rondo calls, the app answers):
 *
 *     schedule   coordinator   what kind of round: sampled variables, a sweep, a fixed plan
 *     couple     workers       partial couplings of pairs, summed in shard order by Rondo
 *     brief      coordinator   what a block's workers must know beyond its variables
 *     push       workers       (block, shard) -> partial
 *     pull       any worker    [partials of a block, in shard order] -> the block's result
 *     settle     coordinator   [results, in block order] -> another phase, or the commit
 *     apply      workers       the commit, once to every common state and shard
 *
 * and behind the last, where a model is to be written: conclude, report, save, on the coordinator.
 *
 * Three patterns of movement come out of it:
 *   reduce   the data are cut by rows into shards, each holding its slice of the state; a task is
 *            (block, shard); pull sums the partials of a block in shard order.
 *   rotate   a plan pairs blocks that carry a state (topic counts, item factors) with shards, no
 *            block and no shard twice; push owns both and changes them in place.
 *   gather   there are no shards; every task reads the common state, frozen for the round, and
 *            answers with its own slice.
 *
 * Determinism is the app's duty too: a callback's result is a pure function of its arguments and
 * of rng.h; no clock, no address, no thread number, no global.
 */
#ifndef RONDO_APP_H
#define RONDO_APP_H

#include <rondo/err.h>
#include <rondo/matrix.h>
#include <rondo/rng.h>
#include <rondo/types.h>

#include <stdio.h>

#define RONDO_APP_ABI 1u /* changes where an older app could not be called any more */

RONDO_C_BEGIN

struct rondo_job; /* a validated job spec, immutable */

/* ---- what an app declares --------------------------------------------------------------- */

enum rondo_type { RONDO_REAL, RONDO_INTEGER, RONDO_BOOL, RONDO_CHOICE, RONDO_TEXT };

/* One row gives the validator, `rondo help`, `rondo apps`, the man page and the JSON Schema. */
struct rondo_param {
    const char *key;      /* under /params, or "stop.gap" for a bound of the app's own */
    enum rondo_type type;
    const char *fallback; /* as it would stand in JSON; NULL: absent unless given, or assume has one */
    double least, most;   /* numbers: the closed range; NAN: no bound on that side */
    bool above_least;     /* the lower bound is excluded */
    const char *choices;  /* RONDO_CHOICE: "squared|logistic" */
    const char *unit;     /* "" where there is none */
    const char *help;     /* one line */
};

enum rondo_role_kind {
    RONDO_ROLE_MATRIX, /* dense or sparse; a file of genotypes is refused for it */
    RONDO_ROLE_VECTOR,
    RONDO_ROLE_PACKED, /* a matrix that may also come as packed genotypes (matrix.h) */
    RONDO_ROLE_COUNTS, /* a sparse matrix of whole numbers from 0 to 2147483647: documents by words */
    RONDO_ROLE_WORDS,  /* a text, one word a line; not a matrix: host->words has it */
    RONDO_ROLE_RATINGS, /* a sparse matrix, users by items, of lines `user item rating [time]` with ids of any
                         * kind: host->ids has them */
};

/* A data file that a job of this app names under /data. */
struct rondo_role {
    const char *key; /* "x"; "params.weights" stands under /params, and may share its key with a whole
                      * number without a default: the spec has a number there or the file's name.
                      * "params.start/users.txt" is a file of the directory that the spec names under
                      * "params.start", perhaps an earlier job's output: several roles may share that key,
                      * whose help is the first one's, the others' may be "".  "params.start/biases.npz/user" is an array in an archive
                      * there.  required: it must be in the directory, where one is named */
    enum rondo_role_kind kind;
    bool required;
    const char *labels_of; /* this vector may come with that matrix's file (svmlight, .fam); a matrix: its rows
                            * are that one's, and a table of FID, IID and values is brought into their order;
                            * ratings: users and items have that one's numbers, those it has not come behind;
                            * NULL: neither */
    const char *help;
};

/* The cut, chosen from the data's shape and the spec alone, never from the workers. */
struct rondo_layout {
    int64_t variables;  /* what can be sampled, 0 .. variables-1; 0: nothing is */
    const double *cost; /* [variables] counted work of one update; NULL: all 1.  Lives with the problem */
    int32_t shards;     /* 0: gather, tasks read the common state; else reduce or rotate */
    int32_t chunks;     /* the parts of a sweep, at least 1 */
    int32_t blocks;     /* rotate: blocks that carry a state; else 0 */
    int64_t whole;      /* most variables in a whole round, where that is more than the spec's
                         * blocks x block_size; without couplings */
    bool with_shards;   /* the model needs the shards too: conclude and save see them by host->shard.
                         * Costs their room on the coordinator, packed and then unpacked, once */
    const int64_t *pair_cost; /* rotate: [blocks x shards] counted work of a plan's pair (block, shard), at
                               * block x shards + shard; shown by the trace, used for nothing else.  NULL: not
                               * counted.  Lives with the problem */
};

/* ---- states ------------------------------------------------------------------------------ */

/* A state that Rondo creates, moves, saves and restores, but does not look into.  pack appends to
 * `out`; unpack replaces the whole of a created state and refuses bytes that do not fit
 * (RONDO_ESTATE).  Packed bytes must restore the same bits.  Shards and commons are created and
 * restored on their worker, and shards at the end on the coordinator where the layout is with_shards;
 * block states on the coordinator, and wherever a message that carries one is decoded. */
struct rondo_state_ops {
    int (*create)(const void *problem, int32_t index, void **state, struct rondo_error *err);
    void (*destroy)(const void *problem, void *state);
    int (*pack)(const void *problem, const void *state, struct rondo_buf *out);
    int (*unpack)(const void *problem, void *state, struct rondo_bytes in);
};

/* ---- a round ----------------------------------------------------------------------------- */

enum rondo_kind {
    RONDO_SAMPLED, /* schedule: Rondo samples, checks and cuts blocks of variables */
    RONDO_SWEEP,   /* every chunk once */
    RONDO_PLAN,    /* the listed (block, shard) pairs, no block and no shard twice; given out in their order,
                    * in one process to whoever is idle: the heaviest first balances best */
    RONDO_AGAIN,   /* settle only: the blocks of the phase before, once more */
    RONDO_JOIN,    /* settle only: one block made of the listed variables */
    RONDO_REST,    /* settle only: no further phase, commit */
};

struct rondo_pair {
    int32_t block, shard;
};

/* What schedule and settle ask for.  Rondo hands it over zeroed but for the defaults said here;
 * lists are owned by the app and must live until the next call of schedule or settle. */
struct rondo_order {
    enum rondo_kind kind;
    uint32_t tag;        /* the app's own word, travels with every task of the phase */
    int64_t want;        /* SAMPLED: at most so many variables; default blocks x block_size */
    bool couplings;      /* SAMPLED, JOIN: tasks bring the couplings of their block */
    bool no_pull;        /* partials go to settle as results, shard order within block order */
    const int64_t *variables;       /* JOIN: [count], distinct.  SAMPLED: this round and later ones are
                                     * drawn of these, whose couplings are computed ahead and together
                                     * where there is room; a hint, it changes no plan */
    const struct rondo_pair *pairs; /* PLAN: [count] */
    int64_t count;
    struct rondo_bytes commit; /* REST: what apply gets */
    int64_t updates;           /* REST: variables moved (tokens drawn, ratings visited) */
    const char *note;          /* REST: a word for the trace ("line search"); a constant string */
    const char *stop;          /* REST: the job is done, and why ("gap"); NULL: go on */
    bool report;               /* REST: have report() called, a line of progress */
    int64_t whole;             /* SAMPLED, 0 or 1: what is drawn is one block, so that nothing moves
                                * beside it and no couplings are needed to cut; not where pipeline is
                                * above 1.  Where the host has cut block_size to limits.memory, a
                                * larger set comes without the couplings that it asks for */
};

/* What a worker is asked to do.  All is borrowed. */
struct rondo_task {
    int64_t round;
    int32_t phase;           /* 0, 1, ... within the round */
    uint32_t tag;            /* from the order */
    enum rondo_kind kind;    /* SAMPLED, SWEEP, PLAN or JOIN; AGAIN shows the kind it repeats */
    int32_t block;           /* block or chunk number */
    int32_t shard;           /* -1 where there are none, and in pull */
    uint64_t seed;
    int64_t count;           /* variables in the block */
    const int64_t *variables; /* [count] */
    struct rondo_bytes brief;
    /* [count x count] symmetric, unit diagonal, as couple gave them; NULL unless asked for.
     * A pair whose coupling was never needed (check "none") is computed when asked for. */
    const double *couplings;
};

/* Pairs to couple: for each column c, the rows ptr[c] .. ptr[c+1]-1. */
struct rondo_pairs {
    int64_t columns;
    const int64_t *column; /* [columns] */
    const int64_t *ptr;    /* [columns + 1] */
    const int64_t *row;    /* [ptr[columns]] */
};

/* What the tasks of a fixed block, shard or chunk own and may change, for the trace and whoever checks it. */
enum rondo_part_kind { RONDO_PART_BLOCK, RONDO_PART_SHARD, RONDO_PART_CHUNK };

struct rondo_part {
    enum rondo_part_kind kind;
    int32_t part;
    int64_t tag;            /* of the phases in which it stands for this; -1: all */
    bool columns;           /* members are columns of the first role's matrix, else its rows */
    int64_t count;
    const int64_t *members; /* [count] distinct; from 0 */
};

struct rondo_metric {
    const char *name;
    double value;
    bool whole; /* written as an integer */
};

enum { RONDO_METRICS_MAX = 16 };

/* The state of the solution, as the head knows it. */
struct rondo_report {
    double objective;
    const char *goal;  /* the metric that a stop rule watches, "gap"; NULL: none */
    int32_t count;
    struct rondo_metric metric[RONDO_METRICS_MAX];
};

/* ---- predictions --------------------------------------------------------------------------- */

struct rondo_model; /* Rondo's end of a finished job's model, passed back with upcalls */

/* The value of a row: of predict_options, as the person who predicts has it; of params, as assume answers. */
struct rondo_value {
    bool given;       /* stands there, or has a default; else the others are zero */
    double real;      /* RONDO_REAL */
    int64_t integer;  /* RONDO_INTEGER; RONDO_BOOL: 0 or 1 */
    const char *text; /* RONDO_CHOICE, RONDO_TEXT; "" where absent */
};

/* What is asked of a finished job's model.  All is borrowed. */
struct rondo_predict {
    uint32_t size;                   /* sizeof(struct rondo_predict) */
    bool cols_open;                  /* data: a row may end before the last column (svmlight), so that
                                        fewer columns than the model's are natural */
    const struct rondo_job *job;     /* the spec; host->matrix has none of the job's own data, but what
                                        stands beside `data` of a role that is a matrix with labels_of */
    struct rondo_model *model;
    const struct rondo_matrix *data; /* a row for each thing to predict; packed only where one of the
                                        app's roles may be; of an app of ratings (model_ids) empty */
    const char *data_name;           /* its file, for errors */
    const double *y;                 /* [data->rows] what is true of them; NULL: not known */
    const struct rondo_ids *ids;     /* of an app of ratings: who is in lines; else NULL */
    const struct rondo_lines *lines; /* of an app of ratings: the file's, in their order; else NULL */
};

/* ---- upcalls ------------------------------------------------------------------------------ */

struct rondo_head_link; /* Rondo's end of a head, passed back with upcalls */
struct rondo_output;    /* a job's output directory */

struct rondo_host {
    uint32_t abi; /* RONDO_APP_ABI */
    uint32_t size;

    void *(*alloc)(size_t size);               /* aligned to 64, not zeroed; NULL: none */
    void *(*zalloc)(size_t count, size_t size); /* zeroed */
    void (*free)(void *block);                 /* NULL allowed */
    int (*reserve)(struct rondo_buf *buf, size_t capacity); /* keeps buf->size bytes */

    /* The spec, by dotted key ("params.lambda", "schedule.priority.rule"), defaults filled in.
     * `given` tells a key that is absent; the others return the zero of their type for it. */
    bool (*given)(const struct rondo_job *job, const char *key);
    double (*real)(const struct rondo_job *job, const char *key);
    int64_t (*integer)(const struct rondo_job *job, const char *key); /* a role of that key is given: 0 */
    bool (*flag)(const struct rondo_job *job, const char *key);
    const char *(*text)(const struct rondo_job *job, const char *key); /* borrowed from the job */
    /* The JSON pointer of a key, with file, line and column, for an error about its value. */
    void (*where)(const struct rondo_job *job, const char *key, char *out, size_t size);

    /* A role's data; NULL where the job names none, and where it is of words.  Vectors are n x 1 dense. */
    const struct rondo_matrix *(*matrix)(const struct rondo_job *job, const char *role);

    /* The instruction set that this job's kernels shall use: "x86-64-v2", "-v3" or "-v4". */
    const char *(*isa)(const struct rondo_job *job);

    /* A line for the person who runs the job ("17 columns are constant"), also kept in result.json, once. */
    void (*say)(const struct rondo_job *job, const char *text);

    /* Feedback, from settle alone, takes effect with this round's commit: variable j moved by
     * delta (its last change; NAN: it did not move, keep) and now violates its optimality
     * condition by `violation` >= 0 (NAN: not known, keep).  The priority rule makes weights. */
    void (*feed)(struct rondo_head_link *link, int64_t count, const int64_t *variables,
                 const double *delta, const double *violation);
    /* The same for all variables 0 .. M-1 at once. */
    void (*feed_all)(struct rondo_head_link *link, const double *violation);

    /* A block's state, where no task has it: in settle, conclude and save.  NULL: there is none. */
    const void *(*block)(const struct rondo_head_link *link, int32_t index);

    /* A file of the model in the output directory; it appears when save has returned 0. */
    int (*create)(struct rondo_output *output, const char *name, FILE **stream,
                  struct rondo_error *err);

    /* Not from check, preview, predict and coefficients: part(context, 0 .. parts-1), each once; from open,
     * conclude and save on as many threads as the process has for the job, else on the caller's and those of
     * its workers that are idle, and that may be none.  A part writes what is its own, and what it is follows
     * from the data, so that neither their order nor who does them changes a bit; it has no scratch but its
     * own stack, and may call each itself.  Not worth it for parts below some 50 us.  0, or what the lowest part that failed
     * answered. */
    int (*each)(const struct rondo_job *job, int64_t parts, int (*part)(void *context, int64_t index),
                void *context);
    /* limits.memory in bytes; half of it is the app's, for copies beside the data. */
    int64_t (*memory)(const struct rondo_job *job);

    /* The rest is for predict alone; what they give lives until it returns.  An option of
     * predict_options, never NULL. */
    const struct rondo_value *(*option)(const struct rondo_model *model, const char *key);
    /* Is there a file of that name in the job's output directory? */
    bool (*has_file)(const struct rondo_model *model, const char *name);
    /* A file of the model: a matrix in any format that data may have, */
    int (*load)(struct rondo_model *model, const char *name, const struct rondo_matrix **matrix,
                struct rondo_error *err);
    /* or the numbers under `key` in JSON: of an object its member, a number or a list of them; of a
     * list of objects the member of each.  Missing or no number: RONDO_EINPUT with the place. */
    int (*numbers)(struct rondo_model *model, const char *name, const char *key,
                   const double **values, int64_t *count, struct rondo_error *err);
    /* The next predictions: [count x width] row-major, the width the same in all calls, one at least, if only with
     * count 0.  Not finite: RONDO_EINPUT; RONDO_ECANCELED: nobody waits for them any more.  Pass the code on. */
    int (*put)(struct rondo_model *model, const double *rows, int64_t count, int64_t width,
               struct rondo_error *err);

    /* These bytes of a role's dense or packed matrix, or of memory by alloc and zalloc, are visited next, by any
     * thread.  Where they are a file's pages, of a mapped matrix under limits.resident, or of blocks of 256 KiB
     * or more of a job that has counts and more of them than may be resident, others may be let go meanwhile:
     * what an app does not say it visits stays in memory.  Few megabytes at a time. */
    void (*touch)(const struct rondo_job *job, const void *at, size_t bytes);

    /* In preview alone: the shape of a role's file, and whether it is of packed genotypes; false where the
     * job names none.  Words are one column. */
    bool (*shape)(const struct rondo_job *job, const char *role, int64_t *rows, int64_t *cols, bool *packed);

    /* The words of a role of kind RONDO_ROLE_WORDS, from open on and in preview; NULL where the job names
     * none, and in predict and coefficients.  They live as long as a matrix does. */
    const struct rondo_words *(*words)(const struct rondo_job *job, const char *role);

    /* From open alone: the app reads this role's matrix no more, and its memory is given back; after that
     * neither what host->matrix gave nor what it gives is of use.  Labels that came with it stay. */
    void (*release)(const struct rondo_job *job, const char *role);

    /* A shard's state as of the last commit, in conclude and save of an app whose layout is with_shards; else
     * NULL. */
    const void *(*shard)(const struct rondo_head_link *link, int32_t index);

    /* Who the rows and columns of a role of ratings are, from open on; NULL where the job names none, and in
     * preview, predict and coefficients.  They live as long as the job's data, also where the matrix was
     * released. */
    const struct rondo_ids *(*ids)(const struct rondo_job *job, const char *role);

    /* In predict, before the first put: column `column` of what is put holds numbers of these words, which take
     * their place where the file is a text.  Borrowed until predict returns. */
    int (*put_words)(struct rondo_model *model, int64_t column, const struct rondo_words *words,
                     struct rondo_error *err);
};

/* ---- the app ------------------------------------------------------------------------------- */

/* What is not said to be possible as NULL must be there. */
struct rondo_app {
    uint32_t abi;  /* RONDO_APP_ABI, first in the struct for ever */
    uint32_t size; /* sizeof(struct rondo_app) */
    const char *name;    /* [a-z][a-z0-9_-]* */
    const char *summary; /* one line */
    const struct rondo_param *params; /* ends with a NULL key */
    const struct rondo_role *roles;   /* ends with a NULL key */
    const char *const *later;         /* keys under /params of a later version; NULL: none */
    const char *const *files;         /* the names that save may write, NULL-ended; NULL: none */

    /* What the table cannot say of the parameters, found out before any data are read: RONDO_EINPUT
     * with the place.  NULL: nothing. */
    int (*check)(const struct rondo_host *host, const struct rondo_job *job,
                 struct rondo_error *err);

    /* The problem: data, parameters and what derives from them; once per process, immutable after.
     * Bad parameters or data: RONDO_EINPUT with the place. */
    int (*open)(const struct rondo_host *host, const struct rondo_job *job, void **problem,
                struct rondo_error *err);
    void (*close)(void *problem);
    void (*layout)(const void *problem, struct rondo_layout *layout);

    struct rondo_state_ops head;   /* the model; one, on the coordinator */
    struct rondo_state_ops common; /* read by all tasks, a replica for every worker; create NULL: none */
    struct rondo_state_ops shard;  /* layout.shards of them; create NULL: none */
    struct rondo_state_ops block;  /* layout.blocks of them; create NULL: none */
    /* Working memory of one worker thread; never saved, its content must not change a result. */
    int (*scratch)(const void *problem, void **scratch, struct rondo_error *err); /* NULL: none */
    void (*scratch_free)(const void *problem, void *scratch);

    /* What shall this round be?  Called for round 1, 2, ... in order, planned `pipeline` rounds
     * ahead: the head shows the commits up to round - pipeline. */
    int (*schedule)(void *head, int64_t round, struct rondo_order *order);

    /* Partial couplings over one shard's rows (all rows where there are no shards): out[i] for the
     * i-th pair.  The sum over shards is the coupling, in [-1, 1] and symmetric; a value must not
     * depend on which other pairs are asked with it.  NULL: no couplings, `check` must be none. */
    int (*couple)(const void *problem, const void *common, const void *shard, void *scratch,
                  const struct rondo_pairs *pairs, double *out);

    /* Appends what the workers of a task's block must know; called once a block and phase, the
     * bytes are shared by its shards.  task->brief is empty.  NULL: nothing. */
    int (*brief)(void *head, const struct rondo_task *task, struct rondo_buf *out);

    int (*push)(const void *problem, const void *common, void *shard, void *block, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial);

    /* [count] partials in shard order -> result.  NULL: the partials are the results. */
    int (*pull)(const void *problem, const void *common, void *scratch,
                const struct rondo_task *task, const struct rondo_bytes *partials, int32_t count,
                struct rondo_buf *result);

    /* [count] results in block order; tasks[i] is what produced results[i].  Ends the phase:
     * order->kind AGAIN, JOIN, SWEEP or PLAN opens another, REST commits.  An empty sampled round
     * comes with count 0. */
    int (*settle)(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order);

    /* The ordered merge of what all share: folds one result into `sum` (empty at first), in block
     * order, before settle, which then sees one result, the sum, and the first task.  For an app
     * whose results are increments of the common state (topic totals).  NULL: settle sees all. */
    int (*merge)(const void *problem, struct rondo_buf *sum, struct rondo_bytes result);

    /* The commit: called once for the common state (shard NULL) and once for each shard, on the
     * worker that holds it.  NULL: nothing to do. */
    int (*apply)(const void *problem, void *common, void *shard, void *scratch, int64_t round,
                 struct rondo_bytes commit);

    void (*report)(const void *head, struct rondo_report *report);
    /* Writes the model.  host->block shows the blocks' states here, and host->shard the shards' where the
     * layout is with_shards; else what it needs of shards must have reached the head by results. */
    int (*save)(const void *head, struct rondo_head_link *link, const struct rondo_host *host,
                struct rondo_output *output, struct rondo_error *err);

    /* What stands behind here came later: an app built against an older header ends before it, which
     * its size says, and has none of it. */

    const struct rondo_param *predict_options; /* --KEY of rondo predict; NULL: none */
    /* Predictions for new data from what save wrote, host->put row by row.  Memory: the model, and what
     * does not grow with the rows.  A pure function of the model, the data and the options.  `report`
     * comes zeroed: metrics against what->y.  Bad options, data or model: RONDO_EINPUT with the
     * place.  NULL: this app predicts nothing. */
    int (*predict)(const struct rondo_host *host, const struct rondo_predict *what,
                   struct rondo_report *report, struct rondo_error *err);

    /* What a job comes to, for rondo validate, before any matrix is read: host->matrix has the vectors,
     * host->shape knows of all files.  What does not fit: RONDO_EINPUT with the place; the rest goes by
     * host->say, a line for each thing that the spec was understood to ask for.  NULL: nothing. */
    int (*preview)(const struct rondo_host *host, const struct rondo_job *job, struct rondo_error *err);

    /* The coefficients of a model that are not 0, from what save wrote: host->put a row {index from 0,
     * value} each, by index.  what->data is NULL.  `report` comes zeroed: which model it is and how large,
     * "lambda", "intercept", "columns".  Options as predict has them.  NULL: this app has none. */
    int (*coefficients)(const struct rondo_host *host, const struct rondo_predict *what,
                        struct rondo_report *report, struct rondo_error *err);

    /* The job has stopped for good and its model is to be written: once, on the coordinator, before the last
     * report and save.  host->block and host->shard show all states as of the last commit, host->each may be
     * called.  The head may keep here what stands in that report and costs too much for every one (an exact
     * likelihood, a held-out error).  A job that goes on later goes on from the commit, as if this had not
     * been called.  NULL: nothing. */
    int (*conclude)(void *head, struct rondo_head_link *link, struct rondo_error *err);

    /* Of an app of ratings: the two files of its model that say who the rows of users and of items are, one id a
     * line, by which the data of predict are numbered.  NULL: no such app. */
    const char *const *model_ids;

    /* Tells each fixed part once, in any order; what tell answers but 0 is passed on.  What is in no block
     * (words that are treated as totals) is not told.  Called where a trace of blocks is kept.  NULL: tasks
     * own variables alone, or nothing. */
    int (*parts)(const void *problem, int (*tell)(void *context, const struct rondo_part *part), void *context);

    /* A default that follows from other keys: `value` of `key` ("params.lambda"), which the spec leaves out,
     * whose row has no fallback and in whose place no file may stand.  It comes zeroed; an answer sets given and
     * the member of the row's type, within the row's range, text constant and UTF-8.  From the spec alone, and
     * the same whichever of these keys are settled already: called once for each when a spec is read, before
     * check; from then on the key is given, and stands in result.json.  Of host there are given, real, integer,
     * flag and text.  NULL: nothing follows. */
    void (*assume)(const struct rondo_host *host, const struct rondo_job *job, const char *key,
                   struct rondo_value *value);
};

/* ---- a plug-in ------------------------------------------------------------------------------ */

/* A plug-in is a shared object with one app and this function, which gives it; what it points to is
 * constant and lives as long as the file is loaded.  It is found in the folders of the environment's
 * RONDO_APP_PATH ("DIR:DIR"), every *.so of them, and loaded once.  It needs these headers and no
 * library of ours: all calls back go through struct rondo_host, but for rondo_error_set and
 * rondo_strerror (err.h), which the program that loads it has. */
RONDO_PUBLIC const struct rondo_app *rondo_app_entry(void);

RONDO_C_END

#endif
