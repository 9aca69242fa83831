/* start.c - the first rows: drawn by the seed, or those of an earlier job's users and items of the same id. */
#include "start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- an earlier job's --------------------------------------------------------------------------------------- */

#define START(name) "params.warm_start/" name

/* Ids in the order of strcmp, for a search. */
struct listed {
    const char *word;
    int64_t row;
};

static int by_word(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->word, ((const struct listed *)b)->word);
}

static struct listed *list(const struct problem *p, const struct rondo_words *words)
{
    struct listed *listed = p->host->alloc((size_t)words->count * sizeof *listed + 1);
    for (int64_t i = 0; listed && i < words->count; i++)
        listed[i] = (struct listed){ words->word[i], i };
    if (listed)
        qsort(listed, (size_t)words->count, sizeof *listed, by_word);
    return listed;
}

/* What an earlier job found of one side. */
struct earlier {
    const struct rondo_matrix *rows, *bias; /* bias NULL: none */
    const struct rondo_words *who;
};

/* Each row of ours is theirs of the same id, or NAN. */
static int take(struct problem *p, const struct earlier *from, const struct rondo_words *ours, int64_t rows, float *out,
                float *bias, struct rondo_error *err)
{
    if (from->rows->cols != p->rank || from->rows->rows != from->who->count
        || (from->bias && from->bias->rows != from->who->count))
        return mf_refuse(p, err, "params.warm_start", "its factors are of another rank, or not of its users and items",
                         "give the same params.rank");
    struct listed *listed = list(p, from->who);
    if (!listed)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the start");
    for (int64_t i = 0; i < rows; i++) {
        struct listed wanted = { ours->word[i], 0 };
        const struct listed *found = bsearch(&wanted, listed, (size_t)from->who->count, sizeof *listed, by_word);
        for (int32_t k = 0; k < p->rank; k++)
            out[i * p->rank + k] = found ? (float)from->rows->dense[found->row + k * from->rows->ld] : (float)NAN;
        if (bias)
            bias[i] = found ? (float)from->bias->dense[found->row] : 0;
    }
    p->host->free(listed);
    return RONDO_OK;
}

int start_read(struct problem *p, struct rondo_error *err)
{
    const struct rondo_host *host = p->host;
    const struct rondo_job *job = p->job;
    const struct earlier user = { host->matrix(job, START("user_factors.npy")), host->matrix(job, START("biases.npz/user")),
                                  host->words(job, START("users.txt")) };
    const struct earlier item = { host->matrix(job, START("item_factors.npy")), host->matrix(job, START("biases.npz/item")),
                                  host->words(job, START("items.txt")) };
    if (!user.rows || !item.rows)
        return RONDO_OK;
    bool theirs = user.bias && item.bias, biases = p->biases && theirs;
    if (p->biases != theirs) /* their factors have the mean in them, or not */
        host->say(job, theirs ? "params.warm_start has biases and this model has none: it begins far from the ratings"
                              : "params.warm_start has no biases and this model has: it begins far from the ratings");
    struct factors *start = mf_keep(p, 1, sizeof *start);
    float *rows = mf_keep(p, (size_t)(p->users + p->items) * (size_t)(p->rank + biases), sizeof *rows);
    if (!start || !rows)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the start");
    *start = (struct factors){ .users = p->users, .items = p->items, .rank = p->rank, .user = rows,
                               .item = rows + p->users * p->rank };
    if (biases) {
        start->user_bias = start->item + p->items * p->rank;
        start->item_bias = start->user_bias + p->users;
    }
    int code = take(p, &user, &p->ids->user, p->users, start->user, start->user_bias, err);
    if (!code)
        code = take(p, &item, &p->ids->item, p->items, start->item, start->item_bias, err);
    p->start = start;
    return code;
}

/* ---- a row ----------------------------------------------------------------------------------------------------- */

/* Uniform on [0, 1) / sqrt(k), so that a first product is about 1/4; with biases around 0. */
static void draw(const struct problem *p, bool users, int64_t row, float *out)
{
    double unit = sqrt(1.0 / p->rank), middle = p->biases ? 0.5 : 0;
    for (int32_t k = 0; k < p->rank; k++)
        out[k] = (float)(unit * (rondo_rng_unit(p->seed, (uint64_t)users, MF_STREAM_INIT,
                                                (uint64_t)row * (uint64_t)p->rank + (uint64_t)k)
                                 - middle));
}

bool start_row(const struct problem *p, bool users, int64_t row, float *out)
{
    const float *from = !p->start ? NULL : (users ? p->start->user : p->start->item) + row * p->rank;
    if (!from || isnan(from[0]))
        return false;
    for (int32_t k = 0; k < p->rank; k++)
        out[k] = p->nonnegative && from[k] < 0 ? 0 : from[k];
    return true;
}

void mf_init_row(const struct problem *p, bool users, int64_t row, float *out)
{
    if (!start_row(p, users, row, out))
        draw(p, users, row, out);
}
