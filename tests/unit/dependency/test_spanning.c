#include "dependency/spanning.h"

#include <rondo/err.h>
#include <rondo/rng.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { N = 40 };

static float strength(const struct spanning *s, int32_t a, int32_t b)
{
    return spanning_row(s, a > b ? a : b)[a > b ? b : a];
}

/* Kruskal by repeated search of the strongest edge that joins two labels; the sum of strengths. */
static double naive_forest(const struct spanning *s, int32_t nodes, int64_t *edges)
{
    int32_t label[N];
    double sum = 0;
    *edges = 0;
    for (int32_t i = 0; i < nodes; i++)
        label[i] = i;
    for (;;) {
        float best = 0;
        int32_t a = 0, b = 0;
        for (int32_t i = 0; i < nodes; i++) {
            for (int32_t j = 0; j < i; j++) {
                if (label[i] != label[j] && strength(s, i, j) > best) {
                    best = strength(s, i, j);
                    a = i;
                    b = j;
                }
            }
        }
        if (best <= 0)
            return sum;
        sum += (double)best;
        ++*edges;
        for (int32_t i = 0, from = label[b]; i < nodes; i++)
            label[i] = label[i] == from ? label[a] : label[i];
    }
}

Test(spanning, finds_a_forest_as_strong_as_a_naive_kruskal)
{
    struct spanning spanning;
    struct spanning_edge edge[N];
    cr_assert_eq(spanning_init(&spanning, N), RONDO_OK);
    for (uint64_t trial = 0; trial < 200; trial++) {
        int32_t nodes = (int32_t)(trial % N + 1);
        double density = rondo_rng_unit(3, trial, 400, 0), sum = 0;
        for (int32_t i = 0; i < nodes; i++) {
            for (int32_t j = 0; j < i; j++) {
                uint64_t item = (uint64_t)(1 + i * N + j);
                double c = rondo_rng_unit(4, trial, 400, item);
                bool coupled = rondo_rng_unit(5, trial, 400, item) < density;
                spanning_row(&spanning, i)[j] = spanning_strength(coupled ? -c : 0.0, 0.0);
            }
        }
        int64_t expected, edges;
        double best = naive_forest(&spanning, nodes, &expected);
        edges = spanning_forest(&spanning, nodes, edge);
        cr_assert_eq(edges, expected);
        for (int64_t e = 0; e < edges; e++) {
            cr_assert_eq(edge[e].strength, strength(&spanning, edge[e].a, edge[e].b));
            sum += (double)edge[e].strength;
        }
        cr_assert_float_eq(sum, best, 1e-6);
    }
    spanning_fini(&spanning);
}

Test(spanning, strength_is_zero_up_to_the_threshold_and_one_for_what_is_no_number)
{
    cr_assert_eq(spanning_strength(0.1, 0.1), 0.0f);
    cr_assert_eq(spanning_strength(-0.1, 0.1), 0.0f);
    cr_assert_gt(spanning_strength(nextafter(0.1, 1), 0.1), 0.0f);
    cr_assert_gt(spanning_strength(-1e-300, 0), 0.0f);
    cr_assert_eq(spanning_strength(NAN, 0.1), 1.0f);
    cr_assert_eq(spanning_strength(-1.0000001, 0.1), 1.0f);
}
