#include "priority/sumtree.h"

#include "core/base/mem.h"

#include <rondo/err.h>

static int64_t whole_nodes(int64_t entries)
{
    return entries > 0 ? (entries + SUMTREE_FAN - 1) / SUMTREE_FAN * SUMTREE_FAN : SUMTREE_FAN;
}

int sumtree_init(struct sumtree *tree, int64_t count)
{
    *tree = (struct sumtree){ .count = count };
    int64_t width = whole_nodes(count), all = 0;
    for (;; width = whole_nodes(width / SUMTREE_FAN)) {
        tree->width[tree->levels++] = width;
        all += width;
        if (width == SUMTREE_FAN)
            break;
    }
    double *block = mem_calloc((size_t)all, sizeof *block);
    if (!block)
        return RONDO_ENOMEM;
    for (int32_t l = 0; l < tree->levels; l++) {
        tree->level[l] = block;
        block += tree->width[l];
    }
    return RONDO_OK;
}

void sumtree_fini(struct sumtree *tree)
{
    mem_free(tree->level[0]);
    *tree = (struct sumtree){ 0 };
}

/* The fixed order of addition; prefix_sums ends in the same bits. */
static inline double node_sum(const double *node)
{
    return ((node[0] + node[1]) + (node[2] + node[3])) +
           ((node[4] + node[5]) + (node[6] + node[7]));
}

void sumtree_set(struct sumtree *tree, int64_t leaf, double weight)
{
    tree->level[0][leaf] = weight;
    for (int32_t l = 0; l + 1 < tree->levels; l++) {
        leaf /= SUMTREE_FAN;
        tree->level[l + 1][leaf] = node_sum(tree->level[l] + leaf * SUMTREE_FAN);
    }
    tree->total = node_sum(tree->level[tree->levels - 1]);
}

void sumtree_update(struct sumtree *tree, int64_t count, const int64_t *leaves)
{
    int64_t size = 1; /* leaves under a node of level l + 1 */
    for (int32_t l = 0; l + 1 < tree->levels; l++) {
        int64_t last = -1;
        size *= SUMTREE_FAN;
        for (int64_t i = 0; i < count; i++) {
            int64_t node = leaves[i] >= 0 && leaves[i] < tree->count ? leaves[i] / size : last;
            if (node != last)
                tree->level[l + 1][node] = node_sum(tree->level[l] + node * SUMTREE_FAN);
            last = node;
        }
    }
    tree->total = node_sum(tree->level[tree->levels - 1]);
}

double *sumtree_leaves(struct sumtree *tree)
{
    return tree->level[0];
}

void sumtree_rebuild(struct sumtree *tree)
{
    for (int32_t l = 0; l + 1 < tree->levels; l++) {
        const double *from = tree->level[l];
        double *into = tree->level[l + 1];
        int64_t nodes = tree->width[l] / SUMTREE_FAN;
        for (int64_t i = 0; i < nodes; i++)
            into[i] = node_sum(from + i * SUMTREE_FAN);
    }
    tree->total = node_sum(tree->level[tree->levels - 1]);
}

/* prefix[i] = node[0] + ... + node[i], monotone in i, and prefix[i] = prefix[i-1] where node[i] = 0:
 * each is a longer sum of the same terms in the same association, and rounding is monotone. */
static inline void prefix_sums(const double *node, double *prefix)
{
    double pair01 = node[0] + node[1], pair45 = node[4] + node[5];
    double half = pair01 + (node[2] + node[3]);
    prefix[0] = node[0];
    prefix[1] = pair01;
    prefix[2] = pair01 + node[2];
    prefix[3] = half;
    prefix[4] = half + node[4];
    prefix[5] = half + pair45;
    prefix[6] = half + (pair45 + node[6]);
    prefix[7] = half + (pair45 + (node[6] + node[7]));
}

/* The child in which *at falls; *at becomes the rest within it.  Rounding can leave *at behind the
 * last sum: then the last child that has any weight. */
static inline int64_t descend(const double *node, double *at)
{
    double prefix[SUMTREE_FAN + 1];
    prefix[0] = 0;
    prefix_sums(node, prefix + 1);
    int64_t child = 0;
    for (int i = 1; i <= SUMTREE_FAN; i++)
        child += *at >= prefix[i];
    if (child < SUMTREE_FAN) {
        *at -= prefix[child];
        return child;
    }
    do
        child--;
    while (child > 0 && node[child] <= 0);
    *at = node[child];
    return child;
}

int64_t sumtree_find(const struct sumtree *tree, double u)
{
    if (!(tree->total > 0))
        return -1;
    double at = u * tree->total;
    int64_t index = 0;
    for (int32_t l = tree->levels - 1; l >= 0; l--) {
        index *= SUMTREE_FAN;
        index += descend(tree->level[l] + index, &at);
    }
    return index;
}

/* Those under entries [from, from + SUMTREE_FAN) of a level. */
static int64_t list_below(const struct sumtree *tree, int32_t level, int64_t from, int64_t listed,
                          int64_t most, int64_t *leaf)
{
    for (int64_t i = from; i < from + SUMTREE_FAN && listed <= most; i++) {
        if (!(tree->level[level][i] > 0))
            continue;
        if (level > 0)
            listed = list_below(tree, level - 1, i * SUMTREE_FAN, listed, most, leaf);
        else if (listed++ < most)
            leaf[listed - 1] = i;
    }
    return listed;
}

int64_t sumtree_list(const struct sumtree *tree, int64_t most, int64_t *leaf)
{
    return list_below(tree, tree->levels - 1, 0, 0, most, leaf);
}
