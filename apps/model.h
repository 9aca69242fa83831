/* model.h - a finished job's output directory, predictions from it, and its coefficients.
 *
 * Place:   apps, floor 2; used by tools/cmd_predict.c and cmd_coef.c.
 * Threads: a model belongs to one thread; two of the same directory may be used at once.
 * Memory:  the spec, and of the model's files what the app asked for; model_close frees it.
 *
 * A directory is taken where its result.json says "completed" and the model's first file is the one
 * that the job wrote, by sha256.
 */
#ifndef MODEL_H
#define MODEL_H

#include "core/data/data.h"
#include "core/data/rowfile.h"
#include "core/job/job.h"

#include <signal.h>

/* RONDO_EINPUT at the directory or the file in it; also where the app predicts nothing. */
int model_open(const char *dir, const struct job_apps *apps, struct rondo_model **model,
               struct rondo_error *err) RONDO_MUST_CHECK;
void model_close(struct rondo_model *model); /* NULL allowed */

const struct rondo_job *model_job(const struct rondo_model *model);

/* The role whose matrix stands beside x, row for row (app.h, labels_of), where the job has it; else NULL. */
const struct rondo_role *model_beside(const struct rondo_job *job);

/* Who the rows of the model's users and items are, from the files that the app says (app.h, model_ids); *ids
 * NULL: the app is of no ratings.  Lives as long as the model. */
int model_ids(struct rondo_model *model, const struct rondo_ids **ids, struct rondo_error *err) RONDO_MUST_CHECK;

/* --KEY VALUE of the app's predict_options.  RONDO_EINPUT; an unknown one names the nearest. */
int model_option(struct rondo_model *model, const char *key, const char *words,
                 struct rondo_error *err) RONDO_MUST_CHECK;

struct model_question {
    const struct data_set *data;
    const char *data_name;
    const double *y;                      /* [data->x.rows], or NULL */
    const struct rondo_matrix *beside;    /* of the role that model_beside names; NULL: not given */
    struct rowfile *out;                  /* open */
    const volatile sig_atomic_t *stop;    /* not 0: RONDO_ECANCELED */
};

/* Has the app put a row for each of the data's, or what it makes of them, into out. */
int model_predict(struct rondo_model *model, const struct model_question *question,
                  struct rondo_report *report, struct rondo_error *err) RONDO_MUST_CHECK;

struct model_coefficient {
    double index; /* from 0 */
    double value;
};
/* Those that are not 0, by index, appended to `out`.  RONDO_EINPUT where the app has none. */
int model_coefficients(struct rondo_model *model, struct rondo_buf *out, struct rondo_report *report,
                       struct rondo_error *err) RONDO_MUST_CHECK;

#endif
