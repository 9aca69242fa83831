/* bag.c - a transposition in pieces: count, then fill, from where the last piece ended in each column. */
#include "bag.h"

#include <string.h>

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for documents");
}

int bag_open(struct bag *bag, const struct rondo_host *host, const struct rondo_matrix *matrix, int64_t most,
             struct rondo_error *err)
{
    most = most < matrix->rows ? most : matrix->rows;
    *bag = (struct bag){ .host = host, .matrix = matrix, .most = most };
    bag->first = host->alloc((size_t)(most + 1) * sizeof *bag->first);
    bag->finger = host->alloc((size_t)(matrix->cols + 1) * sizeof *bag->finger);
    if (!bag->first || !bag->finger)
        return no_memory(err);
    memcpy(bag->finger, matrix->colptr, (size_t)matrix->cols * sizeof *bag->finger);
    return RONDO_OK;
}

static int make_room(struct bag *bag, int64_t pairs, struct rondo_error *err)
{
    if (pairs <= bag->room && bag->word)
        return RONDO_OK;
    bag->host->free(bag->word);
    bag->host->free(bag->count);
    bag->word = bag->host->alloc((size_t)(pairs + 1) * sizeof *bag->word);
    bag->count = bag->host->alloc((size_t)(pairs + 1) * sizeof *bag->count);
    bag->room = pairs;
    return bag->word && bag->count ? RONDO_OK : no_memory(err);
}

/* first[i + 1] counts the pairs of document lo + i. */
static void count_pairs(struct bag *bag, int64_t lo, int64_t hi)
{
    const struct rondo_matrix *matrix = bag->matrix;
    memset(bag->first, 0, (size_t)(hi - lo + 1) * sizeof *bag->first);
    for (int64_t j = 0; j < matrix->cols; j++)
        for (int64_t e = bag->finger[j]; e < matrix->colptr[j + 1] && matrix->rowidx[e] < hi; e++)
            bag->first[matrix->rowidx[e] - lo + 1] += matrix->values[e] != 0;
}

static void fill(struct bag *bag, int64_t lo, int64_t hi)
{
    const struct rondo_matrix *matrix = bag->matrix;
    for (int64_t j = 0; j < matrix->cols; j++) {
        int64_t e = bag->finger[j];
        for (; e < matrix->colptr[j + 1] && matrix->rowidx[e] < hi; e++) {
            if (matrix->values[e] == 0)
                continue;
            int64_t at = bag->first[matrix->rowidx[e] - lo]++;
            bag->word[at] = (int32_t)j;
            bag->count[at] = (int32_t)matrix->values[e];
        }
        bag->finger[j] = e;
    }
}

int bag_next(struct bag *bag, struct rondo_error *err)
{
    int64_t lo = bag->next, left = bag->matrix->rows - lo;
    int64_t documents = left < bag->most ? left : bag->most, sum = 0;
    bag->documents = documents;
    count_pairs(bag, lo, lo + documents);
    for (int64_t i = 0; i <= documents; i++)
        sum = bag->first[i] += sum;
    int code = make_room(bag, bag->first[documents], err);
    if (code)
        return code;
    fill(bag, lo, lo + documents);
    memmove(bag->first + 1, bag->first, (size_t)documents * sizeof *bag->first);
    bag->first[0] = 0; /* each stood where the next begins */
    bag->next = lo + documents;
    return RONDO_OK;
}

void bag_close(struct bag *bag)
{
    void *owned[] = { bag->first, bag->word, bag->count, bag->finger };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        bag->host->free(owned[i]);
}
