#include "scheduler/cut.h"

#include <rondo/err.h>

#include <criterion/criterion.h>

/* Two triangles held together by one weak edge, and a loner:  0-1-2 ~ 3-4-5   6 */
static int64_t two_triangles(struct spanning_edge *edge)
{
    const struct spanning_edge edges[5] = {
        { 1, 0, 0.9f }, { 2, 1, 0.8f }, { 3, 2, 0.2f }, { 4, 3, 0.7f }, { 5, 4, 0.95f },
    };
    for (int e = 0; e < 5; e++)
        edge[e] = edges[e];
    return 5;
}

static struct balance_clusters cut_at(struct cut *cut, int32_t limit)
{
    struct radix_item order[7], scratch[7];
    int64_t edges = cut_forest(cut, 7, two_triangles(cut->edge), limit, order, scratch);
    struct balance_clusters clusters = cut_clusters(cut, 7);
    cr_assert_eq(edges, 7 - clusters.count, "what holds the clusters together stays");
    return clusters;
}

Test(cut, leaves_whole_what_fits)
{
    struct cut cut;
    cr_assert_eq(cut_init(&cut, 7, true), RONDO_OK);
    struct balance_clusters clusters = cut_at(&cut, 6);
    cr_assert_eq(clusters.count, 2);
    cr_assert_eq(clusters.start[1], 6);
    for (int i = 0; i < 7; i++)
        cr_assert_eq(clusters.member[i], i);
    cut_fini(&cut);
}

Test(cut, cuts_at_the_weakest_coupling)
{
    struct cut cut;
    cr_assert_eq(cut_init(&cut, 7, true), RONDO_OK);
    struct balance_clusters clusters = cut_at(&cut, 5);
    cr_assert_eq(clusters.count, 3);
    cr_assert(clusters.start[1] == 3 && clusters.start[2] == 6 && clusters.start[3] == 7);
    cr_assert(clusters.member[0] == 0 && clusters.member[3] == 3 && clusters.member[6] == 6);
    cut_fini(&cut);
}

Test(cut, no_cluster_exceeds_the_limit)
{
    struct cut cut;
    cr_assert_eq(cut_init(&cut, 7, true), RONDO_OK);
    for (int32_t limit = 1; limit <= 7; limit++) {
        struct balance_clusters clusters = cut_at(&cut, limit);
        for (int32_t c = 0; c < clusters.count; c++)
            cr_assert(clusters.start[c + 1] - clusters.start[c] <= limit);
        cr_assert_eq(clusters.start[clusters.count], 7);
    }
    cut_fini(&cut);
}
