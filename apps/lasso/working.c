/* working.c - the working set: which variables the next round solves together, and on what.
 *
 * The support and the variables that violate their conditions most, or come nearest to it, at each turn up
 * to twice as many as the support; the sampler draws all of them, since nothing else has a weight.  Source: Johnson and
 * Guestrin, "Blitz", ICML 2015; Massias, Gramfort and Salmon, "Celer", ICML 2018.
 */
#include "head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_DENSE = 8,  /* the first set: the root of so many times p ... */
    FIRST_SPARSE = 1, /* where columns are sparse, couplings cost more */
    STEP_ENTRIES = 24, /* a step on k couplings costs as much as one on k / 24 entries of a column */
    GROWTH_CHEAP = 4,  /* on the residual; on couplings twice the support, but no more */
    MORE = 4,          /* than the support and one for so many rows: few of these can come in */
    FEW = 8,           /* a support of one in so many rows */
    STAYS = 2,         /* a sparse set that stays has at most so many for one of the support */
};

static const double LONG = 0.25, SHORT = 0.5; /* steps of the penalty on the way to its value */
static const double SHY = 0.99; /* of the penalty: what is so near may violate when the set is solved */
static const double WEIGHT = 1e200; /* of the chosen: whatever eta is for the others, it vanishes beside this */

int64_t lasso_round_most(const struct lasso *lasso)
{
    int64_t most = lasso->whole > lasso->most ? lasso->whole : lasso->most;
    return most < lasso->p && !lasso->loss ? most : lasso->p;
}

int64_t lasso_set_most(const struct lasso *lasso)
{
    int64_t most = lasso->set > lasso->most ? lasso->set : lasso->most;
    return most < lasso->p && !lasso->loss ? most : lasso->p;
}

/* A set of so many variables would rather be solved on the residual: a step on their couplings costs
 * more than one on a column, as it does where columns are packed, or there are more than couplings are
 * kept for. */
static bool beyond_couplings(const struct lasso_head *head, int64_t count)
{
    const struct lasso *lasso = head->lasso;
    double entries = (double)lasso->x->nnz / (double)lasso->p;
    if (lasso->loss) /* the couplings are not those of the columns alone */
        return count > lasso_products_most(lasso) || (double)count > STEP_ENTRIES * entries;
    return lasso->shards == 0
           && (lasso->x->packed || (double)count > STEP_ENTRIES * entries || count > head->at.most);
}

static int64_t most_for(const struct lasso_head *head, int64_t count)
{
    const struct lasso *lasso = head->lasso;
    int64_t couplings = head->at.most < lasso->p ? head->at.most : lasso->p;
    return head->at.cut                                   ? lasso_set_most(lasso)
           : lasso->loss || beyond_couplings(head, count) ? lasso_round_most(lasso)
                                                          : couplings;
}

static int64_t least_for(const struct lasso_head *head)
{
    int64_t nnz = head->at.nnz, least = nnz + nnz / 8 + 8;
    return least < head->lasso->p ? least : head->lasso->p;
}

bool lasso_works_in_sets(struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    int64_t least = least_for(head);
    if (lasso->loss) {
        head->at.cut = 0;
        return true;
    }
    if (!lasso_cuts_sets(lasso))
        return false;
    head->at.cut = 0;
    head->at.cut = lasso->mode != LASSO_SOLVE || least > most_for(head, least);
    return least <= most_for(head, least);
}

/* Sets are one block, solved for a penalty of its own. */
static bool fits_whole(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    int64_t least = least_for(head);
    return !lasso->loss && lasso_cuts_sets(lasso) && lasso->mode == LASSO_SOLVE && !head->at.cut
           && least <= most_for(head, least);
}

bool lasso_is_crowded(const struct lasso_head *head)
{
    return FEW * head->at.nnz > head->lasso->n;
}

/* From lambda_max down to the penalty in even steps, a set for each: the support comes with the penalty,
 * and of the many that would violate at once few do.  The more of the rows the support takes up the
 * shorter the steps.  Where a sweep found no progress the way is left. */
double lasso_next_aim(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    const struct numbers *at = &head->at;
    double from = at->swept ? at->aim : at->lambda_max * lasso->l1_ratio;
    if (lasso->x->sparse || lasso->points > 1 || at->stalls > 0 || !(at->l1 > 0) || !(from > at->l1)
        || !fits_whole(head))
        return at->l1;
    double steps = round(log(at->l1 / from) / log(lasso_is_crowded(head) ? SHORT : LONG));
    return steps > 1 ? from * pow(at->l1 / from, 1 / steps) : at->l1;
}

/* At the penalty itself a set is worth some more couplings that spare a round. */
double lasso_next_notice(const struct lasso_head *head)
{
    double aim = lasso_next_aim(head);
    bool last = head->at.swept && aim <= head->at.l1 && head->lasso->x->dense && fits_whole(head);
    return last ? SHY * aim : aim;
}

/* The worst first; of two that are alike the lower number. */
static int worse(const void *a_, const void *b_)
{
    const struct candidate *a = a_, *b = b_;
    if (a->violation != b->violation)
        return a->violation > b->violation ? -1 : 1;
    return (a->variable > b->variable) - (a->variable < b->variable);
}

/* Brings the k worst to the front, in any order: Hoare's selection, the middle of three as pivot. */
static void select_worst(struct candidate *list, int64_t count, int64_t k)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        struct candidate a = list[low], b = list[low + (high - low) / 2], c = list[high];
        struct candidate pivot = worse(&a, &b) < 0 ? (worse(&b, &c) < 0 ? b : worse(&a, &c) < 0 ? c : a)
                                                   : (worse(&a, &c) < 0 ? a : worse(&b, &c) < 0 ? c : b);
        int64_t i = low, j = high;
        while (i <= j) {
            while (worse(&list[i], &pivot) < 0)
                i++;
            while (worse(&pivot, &list[j]) < 0)
                j--;
            if (i <= j) {
                struct candidate swap = list[i];
                list[i++] = list[j];
                list[j--] = swap;
            }
        }
        if (k <= j + 1)
            high = j;
        else if (k > i)
            low = i;
        else
            return;
    }
}

static int64_t room_for(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    int64_t nnz = head->at.nnz;
    int64_t least = (int64_t)sqrt((double)lasso->p * (lasso->x->sparse ? FIRST_SPARSE : FIRST_DENSE));
    least = least > 2 * lasso->n ? 2 * lasso->n : least;
    least = least > LASSO_WANT_LEAST ? least : LASSO_WANT_LEAST;
    bool roughly = lasso->x->sparse && lasso->shards == 0; /* where most of the set is new */
    bool cheap = head->at.cut || roughly || beyond_couplings(head, nnz);
    int64_t more = nnz < lasso->n / MORE ? nnz : lasso->n / MORE;
    int64_t want = cheap ? GROWTH_CHEAP * nnz : nnz + more;
    want = want > least ? want : least;
    int64_t most = most_for(head, want);
    return want < most ? want : most;
}

/* Couplings cost their pairs once and a step over all of them; the residual, two passes over the
 * column for every look at a variable.  A sparse column's passes are short, and a set most of which is new
 * is soon another: it is solved on the residual, roughly. */
static bool on_couplings(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    double entries = 0;
    if (lasso->shards > 0)
        return true; /* no worker has the whole residual */
    if (lasso->x->packed || lasso->loss || head->at.chosen > head->at.most)
        return false;
    if (lasso->x->sparse && head->at.chosen > STAYS * head->at.nnz)
        return false;
    for (int64_t i = 0; i < head->at.chosen; i++)
        entries += lasso->cost[head->working[i]];
    double each = entries / (double)head->at.chosen;
    return (double)head->at.chosen <= STEP_ENTRIES * each;
}

/* The candidates that are 0. */
static int64_t leave_out_support(const struct lasso_head *head, struct candidate *candidate,
                                 int64_t count)
{
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++)
        if (head->b[candidate[i].variable] == 0)
            candidate[left++] = candidate[i];
    return left;
}

int lasso_feed_alike(struct lasso_head *head, struct rondo_head_link *link, int64_t count,
                     const int64_t *variables, bool weigh)
{
    const struct rondo_host *host = head->lasso->host;
    if (!link) /* one of several heads: it hands out its set itself */
        return RONDO_OK;
    int code = host->reserve(&head->feed, (size_t)count * sizeof(double) + 1);
    double *weights = (double *)(void *)head->feed.data;
    for (int64_t i = 0; i < count && !code; i++)
        weights[i] = weigh ? WEIGHT : 0;
    if (!code && count)
        host->feed(link, count, variables, NULL, weights);
    return code;
}

/* Columns without a penalty are in every set, and under a loss one column at the least, so that the
 * intercept moves. */
static void add_free(struct lasso_head *head)
{
    const struct lasso_frame *frame = &head->lasso->frame;
    struct numbers *at = &head->at;
    for (int64_t a = 0; a < frame->count; a++)
        if (frame->column[a] >= 0 && head->b[frame->column[a]] == 0)
            head->working[at->chosen++] = frame->column[a];
    if (head->lasso->loss && at->chosen == 0)
        head->working[at->chosen++] = at->most_violating;
}

int lasso_choose(struct lasso_head *head, struct rondo_head_link *link,
                 struct candidate *candidate, int64_t count)
{
    struct numbers *at = &head->at;
    int64_t kept = at->nnz, more = room_for(head) - kept;
    count = leave_out_support(head, candidate, count);
    more = more < count ? more : count;
    if (more < count)
        select_worst(candidate, count, more);
    memcpy(head->working, head->support, (size_t)kept * sizeof *head->working);
    for (int64_t i = 0; i < more; i++)
        head->working[kept + i] = candidate[i].variable;
    at->chosen = kept + more;
    add_free(head);
    qsort(head->working, (size_t)at->chosen, sizeof *head->working, lasso_by_number);
    at->gram = at->chosen > 0 && !at->cut && on_couplings(head);
    return at->cut ? lasso_turn_first(head, link)
                   : lasso_feed_alike(head, link, at->chosen, head->working, true);
}

int lasso_set_solved(struct lasso_head *head, struct rondo_head_link *link)
{
    int64_t count = head->at.chosen;
    head->at.chosen = 0;
    return lasso_feed_alike(head, link, count, head->working, false);
}
