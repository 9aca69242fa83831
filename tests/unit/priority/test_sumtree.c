#include "core/base/mem.h"
#include "priority/sumtree.h"

#include <rondo/err.h>
#include <rondo/rng.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static double unit(uint64_t item)
{
    return rondo_rng_unit(1, 2, 400, item);
}

/* The leaf where the naive running sum passes u x sum, and how far it is from either edge. */
static int64_t naive_find(const double *weight, int64_t count, double at, double *margin)
{
    double sum = 0;
    for (int64_t j = 0; j < count; j++) {
        double low = sum;
        sum += weight[j];
        if (at < sum) {
            *margin = fmin(at - low, sum - at);
            return j;
        }
    }
    *margin = 0;
    return -1;
}

Test(sumtree, finds_what_a_naive_prefix_sum_finds)
{
    static double weight[5000];
    const int64_t sizes[] = { 1, 2, 7, 8, 9, 64, 65, 513, 5000 };
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct sumtree tree;
        cr_assert_eq(sumtree_init(&tree, sizes[k]), RONDO_OK);
        double sum = 0;
        for (int64_t j = 0; j < sizes[k]; j++) {
            weight[j] = unit((uint64_t)j) < 0.3 ? 0 : unit((uint64_t)j + 9999);
            sumtree_set(&tree, j, weight[j]);
            sum += weight[j];
        }
        cr_assert_float_eq(tree.total, sum, 1e-9 * (sum + 1));
        for (uint64_t draw = 0; draw < 2000 && tree.total > 0; draw++) {
            double u = unit(100000 + draw), margin;
            int64_t found = sumtree_find(&tree, u);
            int64_t expected = naive_find(weight, sizes[k], u * tree.total, &margin);
            cr_assert(weight[found] > 0);
            cr_assert(found == expected || margin < 1e-9 * sum);
        }
        sumtree_fini(&tree);
    }
}

Test(sumtree, is_a_function_of_its_leaves_and_not_of_their_history)
{
    enum { M = 777 };
    struct sumtree walked, built;
    cr_assert_eq(sumtree_init(&walked, M) | sumtree_init(&built, M), RONDO_OK);
    for (uint64_t i = 0; i < 5000; i++)
        sumtree_set(&walked, (int64_t)(unit(i) * M), exp(40 * unit(i + 5000) - 20));
    memcpy(sumtree_leaves(&built), sumtree_leaves(&walked), M * sizeof(double));
    sumtree_rebuild(&built);
    for (int32_t l = 0; l < walked.levels; l++)
        cr_assert_eq(memcmp(walked.level[l], built.level[l],
                            (size_t)walked.width[l] * sizeof(double)), 0);
    cr_assert_eq(memcmp(&walked.total, &built.total, sizeof(double)), 0);
    sumtree_fini(&walked);
    sumtree_fini(&built);
}

Test(sumtree, never_finds_a_leaf_of_weight_zero_even_at_the_ends)
{
    const double edge[] = { 0, 0x1p-60, 0.5, 1 - 0x1p-53 };
    for (int64_t only = 0; only < 600; only += 7) {
        struct sumtree tree;
        cr_assert_eq(sumtree_init(&tree, 600), RONDO_OK);
        sumtree_set(&tree, only, only % 2 ? 1e-300 : 3.3);
        for (size_t k = 0; k < 4; k++)
            cr_assert_eq(sumtree_find(&tree, edge[k]), only);
        sumtree_fini(&tree);
    }
}

Test(sumtree, stays_within_positive_leaves_where_magnitudes_differ_by_thirty_orders)
{
    struct sumtree tree;
    cr_assert_eq(sumtree_init(&tree, 300), RONDO_OK);
    for (int64_t j = 0; j < 300; j++)
        sumtree_set(&tree, j, j % 3 ? 0 : pow(10, 60 * unit((uint64_t)j) - 30));
    for (uint64_t i = 0; i < 20000; i++) {
        int64_t found = sumtree_find(&tree, i % 2 ? unit(i) : 1 - unit(i) * 1e-15);
        cr_assert(found >= 0 && found < 300 && found % 3 == 0);
    }
    sumtree_fini(&tree);
}

Test(sumtree, an_empty_tree_finds_nothing)
{
    struct sumtree tree;
    for (int64_t count = 0; count < 100; count += 33) {
        cr_assert_eq(sumtree_init(&tree, count), RONDO_OK);
        cr_assert_eq(sumtree_find(&tree, 0.5), -1);
        sumtree_fini(&tree);
    }
}

Test(sumtree, says_so_where_there_is_no_memory)
{
    struct sumtree tree;
    mem_fail_at(1);
    cr_assert_eq(sumtree_init(&tree, 100), RONDO_ENOMEM);
    cr_assert_eq(mem_live(), 0);
}
