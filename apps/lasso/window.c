/* window.c - couplings of genotypes by position: linkage fades with distance, and what lies further apart
 * than a window, or on another chromosome, is taken as uncoupled and not computed.
 *
 * An oracle of the dependency check and no more: steps are certified by X d as ever, so a window that is too
 * narrow costs rounds.  Source: the windows of PLINK's --ld-window-kb.
 */
#include "lasso.h"

#include <string.h>

static bool near(const struct lasso *lasso, int64_t j, int64_t k)
{
    int64_t apart = lasso->x->position[j] - lasso->x->position[k];
    return (double)(apart < 0 ? -apart : apart) <= lasso->window;
}

/* Of the pairs those that are near, and where they stand among all. */
struct chosen {
    struct rondo_pairs pairs;
    int64_t *column, *ptr, *row, *place;
    double *value;
};

static int choose(const struct lasso *lasso, struct rondo_buf *room, const struct rondo_pairs *all,
                  struct chosen *out)
{
    size_t columns = (size_t)all->columns, count = (size_t)all->ptr[all->columns];
    int code = lasso->host->reserve(room, (2 * columns + 1 + 2 * count) * sizeof *out->row
                                              + count * sizeof *out->value);
    if (code)
        return code;
    out->value = (double *)(void *)room->data;
    out->column = (int64_t *)(void *)(out->value + count);
    out->ptr = out->column + columns;
    out->row = out->ptr + columns + 1;
    out->place = out->row + count;
    int64_t some = 0, pairs = 0;
    out->ptr[0] = 0;
    for (int64_t c = 0; c < all->columns; c++) {
        for (int64_t i = all->ptr[c]; i < all->ptr[c + 1]; i++)
            if (near(lasso, all->column[c], all->row[i])) {
                out->row[pairs] = all->row[i];
                out->place[pairs++] = i;
            }
        if (pairs > out->ptr[some]) {
            out->column[some] = all->column[c];
            out->ptr[++some] = pairs;
        }
    }
    out->pairs = (struct rondo_pairs){ .columns = some, .column = out->column, .ptr = out->ptr,
                                       .row = out->row };
    return RONDO_OK;
}

int lasso_couple(const void *problem, const void *common, const void *shard, void *scratch_,
                 const struct rondo_pairs *pairs, double *out)
{
    const struct lasso *lasso = problem;
    struct lasso_scratch *scratch = scratch_;
    if (!(lasso->window > 0))
        return lasso_couple_all(problem, common, shard, scratch, pairs, out);
    struct chosen chosen;
    int code = choose(lasso, &scratch->near, pairs, &chosen);
    if (!code)
        code = lasso_couple_all(problem, common, shard, scratch, &chosen.pairs, chosen.value);
    if (code)
        return code;
    memset(out, 0, (size_t)pairs->ptr[pairs->columns] * sizeof *out);
    for (int64_t i = 0; i < chosen.ptr[chosen.pairs.columns]; i++)
        out[chosen.place[i]] = chosen.value[i];
    return RONDO_OK;
}
