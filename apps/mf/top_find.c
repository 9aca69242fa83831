/* top_find.c - sixteen users' best items, compiled once for each instruction set (cmake/kernels.cmake). */
#include "top.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

/* LANES users in a register, and as many sums at once as there are registers for: ROWS items of sixteen users. */
#if defined(__AVX512F__)
enum { LANES = 16, ROWS = 8 };
#elif defined(__AVX__)
enum { LANES = 8, ROWS = 4 };
#else
enum { LANES = 4, ROWS = 2 };
#endif
enum { ITEMS = 256, VECTORS = TOP_USERS / LANES };
typedef float reals __attribute__((vector_size(4 * LANES)));

struct scores {
    float of[ITEMS][TOP_USERS] __attribute__((aligned(64)));
};

/* ---- products ------------------------------------------------------------------------------------------- */

/* out[i][u] = base_u + bias_i + sum_f panel[f][u] item[i][f], f ascending, whatever `rows` is. */
static inline __attribute__((always_inline)) void product(const struct top *top, int64_t item, int rows,
                                                          float (*out)[TOP_USERS])
{
    const int64_t rank = top->factors->rank;
    const float *q = top->factors->item + item * rank, *bias = top->factors->item_bias;
    const reals *panel = (const reals *)(const void *)top->panel;
    reals sum[ROWS][VECTORS] = { { { 0 } } }, base;
    for (int64_t f = 0; f < rank; f++)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] += panel[f * VECTORS + v] * q[r * rank + f];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++) {
            memcpy(&base, top->base + v * LANES, sizeof base);
            sum[r][v] += bias ? base + bias[item + r] : base;
            memcpy(&out[r][v * LANES], &sum[r][v], sizeof base);
        }
}

static void products(const struct top *top, int64_t first, int32_t count, struct scores *scores)
{
    int32_t i = 0;
    for (; i + ROWS <= count; i += ROWS)
        product(top, first + i, ROWS, scores->of + i);
    for (; i < count; i++)
        product(top, first + i, 1, scores->of + i);
}

/* ---- a heap, the worst of the best on top ------------------------------------------------------------------ */

static bool worse(struct best a, struct best b)
{
    return a.score < b.score || (a.score == b.score && a.item > b.item);
}

static void sink(struct best *heap, int32_t size, int32_t at, struct best what)
{
    for (int32_t below; (below = 2 * at + 1) < size; at = below) {
        if (below + 1 < size && worse(heap[below + 1], heap[below]))
            below++;
        if (!worse(heap[below], what))
            break;
        heap[at] = heap[below];
    }
    heap[at] = what;
}

static void heapify(struct best *heap, int32_t size)
{
    for (int32_t at = size / 2; at-- > 0;)
        sink(heap, size, at, heap[at]);
}

/* From a heap to best first. */
static void sort(struct best *heap, int32_t size)
{
    for (int32_t last = size - 1; last > 0; last--) {
        const struct best what = heap[last];
        heap[last] = heap[0];
        sink(heap, last, 0, what);
    }
}

/* What must be beaten from now on. */
static float take(struct top *top, int32_t user, struct best what)
{
    struct best *heap = top->best + (int64_t)user * top->most;
    if (top->found[user] == top->most) {
        sink(heap, top->most, 0, what);
        return heap[0].score;
    }
    heap[top->found[user]++] = what;
    if (top->found[user] < top->most)
        return -INFINITY;
    heapify(heap, top->most);
    return heap[0].score;
}

/* ---- all items ------------------------------------------------------------------------------------------- */

/* Bit u: a[u] > b[u]. */
static uint32_t above(const float *a, const float *b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(_mm512_load_ps(a), _mm512_load_ps(b), _CMP_GT_OQ);
#else
    uint32_t bits = 0;
    for (int u = 0; u < TOP_USERS; u += 4)
        bits |= (uint32_t)_mm_movemask_ps(_mm_cmpgt_ps(_mm_load_ps(a + u), _mm_load_ps(b + u))) << u;
    return bits;
#endif
}

/* Items come in ascending order, so that of equal ones the first has the place. */
static void offer(struct top *top, int64_t first, int32_t count, const struct scores *scores, float *least)
{
    for (int32_t i = 0; i < count; i++)
        for (uint32_t bits = above(scores->of[i], least); bits; bits &= bits - 1) {
            const int u = __builtin_ctz(bits);
            least[u] = take(top, u, (struct best){ (int32_t)(first + i), scores->of[i][u] });
        }
}

static void find(struct top *top)
{
    struct scores scores;
    float least[TOP_USERS] __attribute__((aligned(64)));
    int64_t at[TOP_USERS] = { 0 };
    memset(top->found, 0, sizeof top->found);
    for (int u = 0; u < TOP_USERS; u++)
        least[u] = u < top->users ? -INFINITY : INFINITY;
    for (int64_t first = 0; first < top->factors->items; first += ITEMS) {
        const int64_t left = top->factors->items - first, last = first + (left < ITEMS ? left : ITEMS);
        products(top, first, (int32_t)(last - first), &scores);
        for (int u = 0; u < top->users; u++)
            for (; at[u] < top->seens[u] && top->seen[u][at[u]] < last; at[u]++)
                scores.of[top->seen[u][at[u]] - first][u] = -INFINITY;
        offer(top, first, (int32_t)(last - first), &scores, least);
    }
    for (int u = 0; u < top->users; u++) {
        struct best *heap = top->best + (int64_t)u * top->most;
        if (top->found[u] < top->most)
            heapify(heap, top->found[u]);
        sort(heap, top->found[u]);
    }
}

extern const struct top_kernel PASTE(top_kernel_, KERNEL_ISA);
const struct top_kernel PASTE(top_kernel_, KERNEL_ISA) = { "x86-64-" TEXT(KERNEL_ISA), find };
