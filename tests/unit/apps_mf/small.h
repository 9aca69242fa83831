/* small.h - a small model and its ratings, made here; what is computed of them is compared with loops.
 *
 * Place:   tests/unit/apps_mf.
 * Threads: one.
 * Memory:  small_fini frees all, and asserts that nothing else is left.
 */
#ifndef SMALL_H
#define SMALL_H

#include "apps/host.h"
#include "apps/mf/mf.h"
#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { SMALL_USERS = 531, SMALL_ITEMS = 307, SMALL_OWNED = 64 };

struct small {
    struct rondo_host host;
    struct problem problem;
    struct factors factors;
    float *rating, *test;      /* [users x items], row-major; NAN: none */
    void *owned[SMALL_OWNED];
    int count;
};

static const char *small_level = "x86-64-v2";
static bool small_backwards; /* the last part first */

static inline const char *small_isa(const struct rondo_job *job RONDO_UNUSED)
{
    return small_level;
}

static inline int small_each(const struct rondo_job *job RONDO_UNUSED, int64_t parts,
                             int (*part)(void *context, int64_t index), void *context)
{
    int code = RONDO_OK;
    for (int64_t i = 0; i < parts && !code; i++)
        code = part(context, small_backwards ? parts - 1 - i : i);
    return code;
}

static inline void *small_keep(struct small *small, size_t count, size_t size)
{
    void *block = mem_calloc(count ? count : 1, size);
    cr_assert(block && small->count < SMALL_OWNED);
    return small->owned[small->count++] = block;
}

static inline double small_unit(uint32_t stream, int64_t item)
{
    return rondo_rng_unit(7, 0, stream, (uint64_t)item);
}

/* By rows, or where `turned` by columns. */
static inline struct cells small_cells(struct small *small, const float *rating, bool turned)
{
    const int64_t users = small->problem.users, items = small->problem.items, rows = turned ? items : users,
                  cols = turned ? users : items;
    int64_t *first = small_keep(small, (size_t)rows + 1, sizeof *first), n = 0;
    int32_t *col = small_keep(small, (size_t)(rows * cols), sizeof *col);
    float *value = small_keep(small, (size_t)(rows * cols), sizeof *value);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
            float x = turned ? rating[c * items + r] : rating[r * items + c];
            if (isnan(x))
                continue;
            col[n] = (int32_t)c;
            value[n++] = x;
        }
        first[r + 1] = n;
    }
    return (struct cells){ .rows = rows, .cols = cols, .count = n, .first = first, .col = col, .value = value };
}

/* Ratings 1 to 5, of implicit feedback counts, some 0.  User 3 and item 5 have no test ratings; user 4 likes all. */
static inline void small_make(struct small *small, int32_t rank, bool biases, bool implicit, bool weighted)
{
    static const struct host_upcalls none;
    *small = (struct small){ .problem = { .users = SMALL_USERS, .items = SMALL_ITEMS, .rank = rank, .biases = biases,
                                          .implicit = implicit, .weighted = weighted, .lambda = 0.07, .alpha = 3,
                                          .recall_at = 10, .seed = 5, .mean = 3.25 } };
    struct problem *problem = &small->problem;
    host_init(&small->host, &none);
    small->host.each = small_each;
    small->host.isa = small_isa;
    problem->host = &small->host;
    const int64_t cells = problem->users * problem->items;
    small->rating = small_keep(small, (size_t)cells, sizeof *small->rating);
    small->test = small_keep(small, (size_t)cells, sizeof *small->test);
    for (int64_t i = 0; i < cells; i++) {
        const double u = small_unit(1, i);
        const int64_t user = i / problem->items, item = i % problem->items;
        const float value = (float)floor(implicit ? 4 * small_unit(2, i) : 1 + 5 * small_unit(2, i));
        small->rating[i] = u < 0.3 || user == 4 ? value : NAN;
        small->test[i] = u > 0.9 && user != 3 && user != 4 && item != 5 ? value : NAN;
    }
    problem->by_user = small_cells(small, small->rating, false);
    problem->by_item = small_cells(small, small->rating, true);
    problem->test = small_cells(small, small->test, false);

    cr_assert(factors_alloc(&small->host, &small->factors, problem->users, problem->items, rank, biases));
    struct factors *factors = &small->factors;
    factors->mean = biases ? problem->mean : 0;
    for (int64_t i = 0; i < problem->users * rank; i++)
        factors->user[i] = (float)(small_unit(3, i) - 0.4);
    for (int64_t i = 0; i < problem->items * rank; i++)
        factors->item[i] = (float)(small_unit(4, i) - 0.4);
    for (int64_t i = 0; i < problem->users && biases; i++)
        factors->user_bias[i] = (float)(small_unit(5, i) - 0.5);
    for (int64_t i = 0; i < problem->items && biases; i++)
        factors->item_bias[i] = (float)(small_unit(6, i) - 0.5);
}

static inline void small_fini(struct small *small)
{
    factors_free(&small->host, &small->factors);
    while (small->count)
        mem_free(small->owned[--small->count]);
    cr_expect_eq(mem_live(), 0);
}

static inline double small_score(const struct small *small, int64_t user, int64_t item)
{
    const struct factors *f = &small->factors;
    long double sum = f->mean;
    if (f->user_bias)
        sum += (long double)f->user_bias[user] + f->item_bias[item];
    for (int32_t k = 0; k < f->rank; k++)
        sum += (long double)f->user[user * f->rank + k] * f->item[item * f->rank + k];
    return (double)sum;
}

#endif
