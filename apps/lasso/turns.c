/* turns.c - a working set that is larger than a round: rounds of a few of its variables, turn after turn.
 *
 *     turn   each variable of the set once, or each that is not 0, in a random order without return
 *     round  as many of them as the spec lets move at once, coupled ones apart or jointly in a block
 *     set    solved where a turn over all of it meets no violation that counts
 *
 * What was visited has no weight until the next turn.  A turn ends when few are left: its last rounds
 * would be thin, and what it leaves out the next one has as well.
 *
 * Columns of n entries that have nothing to do with each other have couplings of about 1 / sqrt(n), and
 * the largest eigenvalue of the couplings of P is about (1 + sqrt(P / n))^2.  Steps from one residual
 * converge below 2, and go as far as one after the other well below it, so that a round has n / 8
 * variables at most, and fewer where what they promise alone is not kept together.
 */
#include "head.h"

#include <math.h>
#include <stdlib.h>

enum {
    ACTIVE_TURNS = 50, /* over what is not 0, between two over all */
    TURNS_MOST = 2000,
    LEFT_MOST = 32,    /* when a turn ends, or half a round */
    ROWS = 8,          /* for each variable that moves at once */
    AHEAD = 4096,      /* couplings of k together, in panels of 64, read each column k / 128 times; turn
                        * by turn once in each, as they meet, and sets take some 30 turns */
};

static const double LITTLE = 0.9, MUCH = 0.95; /* of the promise: fewer at once, or more */

bool lasso_cuts_sets(const struct lasso *lasso)
{
    return lasso->by_violation && lasso->couples && lasso->pipeline == 1;
}

int64_t lasso_turn_want(const struct lasso_head *head)
{
    return head->at.width < head->at.left ? head->at.width : head->at.left;
}

bool lasso_turn_opens(const struct lasso_head *head)
{
    const struct numbers *at = &head->at;
    return at->turns == 0 && at->left == at->chosen && at->chosen <= AHEAD && at->most > 1;
}

static void set_width(struct lasso_head *head, int64_t width)
{
    int64_t most = head->lasso->n / ROWS + 1;
    most = most < head->at.most ? most : head->at.most;
    head->at.width = width < 1 ? 1 : width < most ? width : most;
}

void lasso_turn_width(struct lasso_head *head, double kept)
{
    int64_t width = head->at.width;
    if (kept > MUCH)
        set_width(head, width + width / 16 + 1);
    else if (!(kept >= LITTLE))
        set_width(head, (int64_t)((double)width * fmax(kept, 0.5)));
}

/* Gives a turn's variables their weight. */
static int begin(struct lasso_head *head, struct rondo_head_link *link, bool all)
{
    struct numbers *at = &head->at;
    all = all || at->nnz == 0;
    at->all = all;
    at->met = 0;
    at->left = all ? at->chosen : at->nnz;
    return lasso_feed_alike(head, link, at->left, all ? head->working : head->support, true);
}

int lasso_turn_first(struct lasso_head *head, struct rondo_head_link *link)
{
    head->at.turns = 0;
    set_width(head, head->at.width ? head->at.width : head->at.most);
    return begin(head, link, true);
}

/* What comes after a turn. */
static int next(struct lasso_head *head, struct rondo_head_link *link)
{
    struct numbers *at = &head->at;
    bool quiet = at->met <= lasso_tolerance(head);
    at->turns++;
    if ((quiet && at->all) || at->turns >= TURNS_MOST)
        return lasso_set_solved(head, link);
    return begin(head, link, quiet || at->turns % ACTIVE_TURNS == 0);
}

int lasso_turn_learn(struct lasso_head *head, struct rondo_head_link *link)
{
    struct numbers *at = &head->at;
    struct move *move = &head->move;
    int64_t few = at->width / 2 < LEFT_MOST ? at->width / 2 : LEFT_MOST;
    int code = lasso_feed_alike(head, link, move->seen, move->variable, false);
    for (int64_t i = 0; i < move->seen; i++) {
        at->met = fmax(at->met, move->violation[i]);
        at->left -= bsearch(&move->variable[i], head->working, (size_t)at->chosen,
                            sizeof *head->working, lasso_by_number) != NULL;
    }
    if (code || (move->seen > 0 && at->left > 0 && at->left >= few))
        return code;
    return next(head, link);
}
