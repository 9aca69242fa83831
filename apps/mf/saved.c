/* saved.c - the model's files, back in memory. */
#include "saved.h"

#include <inttypes.h>

enum { TALL = 64 };

struct loading {
    struct saved *saved;
    struct rondo_model *model;
    struct rondo_error *err;
};

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the model");
}

/* [rows x cols]; cols < 0: any.  What stands there must fit what the other files say. */
static int matrix(const struct loading *l, const char *name, int64_t rows, int64_t cols,
                  const struct rondo_matrix **out)
{
    int code = l->saved->host->load(l->model, name, out, l->err);
    if (code)
        return code;
    const struct rondo_matrix *found = *out;
    if (found->rows == rows && found->dense && found->cols > 0 && (cols < 0 || found->cols == cols))
        return RONDO_OK;
    return rondo_error_set(l->err, RONDO_EINPUT, name, NULL,
                           "is %" PRId64 " x %" PRId64 ", and does not fit the model's other files", found->rows,
                           found->cols);
}

static int number(const struct loading *l, const char *key, double *out)
{
    const double *values;
    int64_t count;
    int code = l->saved->host->numbers(l->model, "model.json", key, &values, &count, l->err);
    if (code)
        return code;
    if (count != 1)
        return rondo_error_set(l->err, RONDO_EINPUT, "model.json", NULL, "\"%s\" is not one number", key);
    *out = values[0];
    return RONDO_OK;
}

/* Some rows at a time, which stay in the first cache. */
static void copy(const struct rondo_matrix *from, float *to)
{
    for (int64_t lo = 0; lo < from->rows; lo += TALL)
        for (int64_t j = 0; j < from->cols; j++)
            for (int64_t i = lo; i < lo + TALL && i < from->rows; i++)
                to[i * from->cols + j] = (float)from->dense[i + j * from->ld];
}

static int load_numbers(const struct loading *l, bool *biases)
{
    struct saved *s = l->saved;
    double flag[4];
    static const char *const keys[] = { "biases", "implicit", "nonnegative", "weighted" };
    int code = number(l, "mean", &s->mean);
    if (!code)
        code = number(l, "lambda", &s->lambda);
    if (!code)
        code = number(l, "alpha", &s->alpha);
    for (int i = 0; i < 4 && !code; i++)
        code = number(l, keys[i], &flag[i]);
    if (code)
        return code;
    *biases = flag[0] != 0;
    s->implicit = flag[1] != 0;
    s->nonnegative = flag[2] != 0;
    s->weighted = flag[3] != 0;
    if (s->implicit)
        s->mean = 0;
    return RONDO_OK;
}

static int load_factors(const struct loading *l, const struct rondo_ids *ids, bool biases)
{
    const struct rondo_matrix *user, *item, *user_bias = NULL, *item_bias = NULL;
    struct factors *f = &l->saved->factors;
    int code = matrix(l, "user_factors.npy", ids->known_users, -1, &user);
    if (!code)
        code = matrix(l, "item_factors.npy", ids->known_items, user->cols, &item);
    if (!code && biases)
        code = matrix(l, "biases.npz/user", ids->known_users, 1, &user_bias);
    if (!code && biases)
        code = matrix(l, "biases.npz/item", ids->known_items, 1, &item_bias);
    if (code)
        return code;
    if (!factors_alloc(l->saved->host, f, user->rows, item->rows, (int32_t)user->cols, biases))
        return no_memory(l->err);
    copy(user, f->user);
    copy(item, f->item);
    if (biases) {
        copy(user_bias, f->user_bias);
        copy(item_bias, f->item_bias);
        f->mean = l->saved->mean;
    }
    return RONDO_OK;
}

int saved_load(struct saved *saved, const struct rondo_host *host, const struct rondo_predict *what,
               struct rondo_error *err)
{
    const struct loading l = { saved, what->model, err };
    bool biases = false;
    *saved = (struct saved){ .host = host };
    int code = load_numbers(&l, &biases);
    return code ? code : load_factors(&l, what->ids, biases);
}

void saved_free(struct saved *saved)
{
    if (saved->host)
        factors_free(saved->host, &saved->factors);
}
