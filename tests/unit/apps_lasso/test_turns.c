/* A working set in rounds that are smaller than it: how often a variable is met, how wide rounds are, and
 * that the job needs no more sweeps than one of whole rounds. */
#include "tests/support/lasso_drive.h"

#include "apps/lasso/head.h"

#include <criterion/criterion.h>
#include <string.h>

enum { N = 160, P = 400, SWEEPS_MOST = 16 };

static void make(struct design *design)
{
    struct dice dice = { .seed = 5 };
    struct design_options options = { .n = N, .p = P, .rho = 0.5, .noise = 1 };
    design_make(design, &dice, &options);
}

static struct lasso_spec spec_of(const struct design *design, int32_t blocks, int32_t block_size,
                                 enum coupled_mode mode)
{
    struct lasso_spec spec = lasso_spec_plain(design);
    spec.lambda = 0;
    spec.lambda_ratio = 0.1;
    spec.gap = 1e-6;
    spec.blocks = blocks;
    spec.block_size = block_size;
    spec.rule = RULE_GRADIENT;
    spec.check = CHECK_CORRELATION;
    spec.coupled = mode;
    spec.threshold = 0.3;
    spec.pipeline = 1;
    spec.candidates = 4096;
    return spec;
}

struct watch {
    int64_t blocks, rounds, steps, longest, widest, asking;
    bool cut, alone;
};

static void on_round(void *context, const struct lasso *lasso, const struct lasso_head *head,
                     const struct engine_round *round)
{
    struct watch *watch = context;
    const struct numbers *at = &head->at;
    if (round->kind == RONDO_SWEEP)
        return;
    int64_t steps = at->inner_steps - watch->steps, longest = at->critical_steps - watch->longest;
    watch->rounds++;
    watch->asking += round->pairs_computed > 0;
    watch->cut = watch->cut || at->cut;
    watch->steps = at->inner_steps;
    watch->longest = at->critical_steps;
    cr_assert_leq(longest, steps);
    cr_assert_geq(longest * watch->blocks, steps, "no block took more than the longest");
    cr_assert(!watch->alone || longest <= 1, "a block of one variable is one step");
    watch->widest = head->move.seen > watch->widest ? head->move.seen : watch->widest;
    cr_assert_leq(at->width, lasso->n / 8 + 1);
    cr_assert(at->chosen == 0 || at->left <= at->chosen);
}

static struct watch run(const struct lasso_spec *spec)
{
    struct watch watch = { .blocks = spec->blocks, .alone = spec->block_size == 1 };
    static struct lasso_outcome outcome;
    lasso_drive_look(spec, on_round, &watch, &outcome);
    cr_assert_eq(outcome.code, 0, "%s", outcome.err.what);
    cr_assert_str_eq(outcome.stop, "gap");
    cr_assert_leq(outcome.sweeps, SWEEPS_MOST);
    struct truth truth = truth_of(spec, outcome.lambda, outcome.b);
    cr_assert((double)(truth.objective - truth.dual) <= 1e-5 * (double)truth.objective);
    return watch;
}

Test(turns, a_set_goes_in_rounds_as_the_spec_has_them)
{
    struct design design;
    make(&design);
    for (int32_t blocks = 1; blocks <= 64; blocks *= 4) {
        struct lasso_spec spec = spec_of(&design, blocks, 1, COUPLED_DROP);
        struct watch watch = run(&spec);
        cr_expect(watch.cut);
        cr_expect_leq(watch.widest, blocks);
        cr_expect_leq(watch.widest, N / 8 + 1, "%lld", (long long)watch.widest);
        cr_expect_leq(watch.asking, SWEEPS_MOST, "a set's couplings are computed once, and together");
        cr_expect_eq(watch.asking > 0, blocks > 1);
    }
    design_fini(&design);
}

Test(turns, in_blocks_that_are_solved_or_passed_over)
{
    struct design design;
    make(&design);
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_GROUP; mode++) {
        struct lasso_spec spec = spec_of(&design, 2, 2, (enum coupled_mode)mode);
        struct watch watch = run(&spec);
        cr_expect(watch.cut);
        cr_expect_leq(watch.widest, 4);
    }
    design_fini(&design);
}

Test(turns, not_where_a_set_fits_in_a_round_and_is_solved)
{
    struct design design;
    make(&design);
    struct lasso_spec spec = spec_of(&design, 1, P, COUPLED_SOLVE);
    cr_expect_not(run(&spec).cut);
    design_fini(&design);
}
