#include "scheduler/balance.h"

#include "core/base/mem.h"

#include <rondo/err.h>

#include <assert.h>

size_t balance_bytes(int64_t items, int64_t blocks)
{
    return (size_t)items * 2 * sizeof(struct radix_item) +
           (size_t)blocks * (sizeof(double) + 2 * sizeof(int32_t));
}

int balance_init(struct balance *balance, int64_t items, int32_t blocks, int32_t block_size)
{
    *balance = (struct balance){ .blocks = blocks, .block_size = block_size };
    balance->load = mem_alloc((size_t)blocks * sizeof *balance->load);
    balance->room = mem_alloc((size_t)blocks * sizeof *balance->room);
    balance->heap = mem_alloc((size_t)blocks * sizeof *balance->heap);
    balance->order = mem_alloc((size_t)items * sizeof *balance->order);
    balance->scratch = mem_alloc((size_t)items * sizeof *balance->scratch);
    if (!balance->load || !balance->room || !balance->heap || !balance->order ||
        !balance->scratch) {
        balance_fini(balance);
        return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

void balance_fini(struct balance *balance)
{
    mem_free(balance->load);
    mem_free(balance->room);
    mem_free(balance->heap);
    mem_free(balance->order);
    mem_free(balance->scratch);
    *balance = (struct balance){ 0 };
}

static void empty_blocks(struct balance *balance)
{
    for (int32_t b = 0; b < balance->blocks; b++) {
        balance->load[b] = 0;
        balance->room[b] = balance->block_size;
    }
}

/* ---- single items: a heap of the blocks that have room ------------------------------------ */

static bool lighter(const struct balance *balance, int32_t a, int32_t b)
{
    return balance->load[a] < balance->load[b] || (!(balance->load[b] < balance->load[a]) && a < b);
}

static void sift_down(const struct balance *balance, int32_t *heap, int32_t count)
{
    int32_t block = heap[0], at = 0;
    for (int32_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && lighter(balance, heap[child + 1], heap[child]))
            child++;
        if (!lighter(balance, heap[child], block))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = block;
}

/* All cost the same: dealt in turn. */
static void deal(const struct balance *balance, int64_t count, int32_t *block_of)
{
    int32_t block = 0;
    for (int64_t i = 0; i < count; i++) {
        block_of[i] = block;
        block = block + 1 < balance->blocks ? block + 1 : 0;
    }
}

void balance_units(struct balance *balance, int64_t count, const double *cost, int32_t *block_of)
{
    if (!cost) {
        deal(balance, count, block_of);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        balance->order[i] = (struct radix_item){ radix_greatest_first(cost[i]), i };
    radix_sort(balance->order, balance->scratch, count);
    empty_blocks(balance);
    int32_t open = balance->blocks;
    for (int32_t b = 0; b < open; b++)
        balance->heap[b] = b;
    for (int64_t i = 0; i < count; i++) {
        int64_t item = balance->order[i].value;
        int32_t block = balance->heap[0];
        block_of[item] = block;
        balance->load[block] += cost[item];
        if (--balance->room[block] == 0)
            balance->heap[0] = balance->heap[--open];
        sift_down(balance, balance->heap, open);
    }
}

/* ---- clusters ----------------------------------------------------------------------------- */

/* The least loaded block with room for so many; -1: none. */
static int32_t least_loaded(const struct balance *balance, int32_t size)
{
    int32_t found = -1;
    for (int32_t b = 0; b < balance->blocks; b++) {
        if (balance->room[b] >= size && (found < 0 || balance->load[b] < balance->load[found]))
            found = b;
    }
    return found;
}

static int32_t roomiest(const struct balance *balance)
{
    int32_t found = 0;
    for (int32_t b = 1; b < balance->blocks; b++) {
        if (balance->room[b] > balance->room[found])
            found = b;
    }
    return found;
}

static void place(struct balance *balance, int32_t block, const int32_t *member, int32_t size,
                  const double *cost, int32_t *block_of)
{
    balance->room[block] -= size;
    for (int32_t i = 0; i < size; i++) {
        block_of[member[i]] = block;
        balance->load[block] += cost ? cost[member[i]] : 1.0;
    }
}

static double cluster_cost(const struct balance_clusters *clusters, int32_t c, const double *cost)
{
    int32_t end = clusters->start[c + 1];
    double sum = 0;
    for (int32_t i = clusters->start[c]; i < end; i++)
        sum += cost ? cost[clusters->member[i]] : 1.0;
    return sum;
}

bool balance_pack(struct balance *balance, const struct balance_clusters *clusters,
                  const double *cost, bool split, int32_t *block_of)
{
    for (int32_t c = 0; c < clusters->count; c++)
        balance->order[c] =
            (struct radix_item){ radix_greatest_first(cluster_cost(clusters, c, cost)), c };
    radix_sort(balance->order, balance->scratch, clusters->count);
    empty_blocks(balance);
    for (int32_t i = 0; i < clusters->count; i++) {
        int64_t c = balance->order[i].value;
        const int32_t *member = clusters->member + clusters->start[c];
        int32_t size = clusters->start[c + 1] - clusters->start[c];
        int32_t block = least_loaded(balance, size);
        while (block < 0) {
            if (!split)
                return false;
            int32_t into = roomiest(balance), part = balance->room[into];
            assert(part > 0);
            place(balance, into, member, part, cost, block_of);
            member += part;
            size -= part;
            block = least_loaded(balance, size);
        }
        place(balance, block, member, size, cost, block_of);
    }
    return true;
}

/* ---- will they fit? ------------------------------------------------------------------------ */

static int32_t first_with_room(const struct balance *balance, int32_t size)
{
    for (int32_t b = 0; b < balance->blocks; b++) {
        if (balance->room[b] >= size)
            return b;
    }
    return -1;
}

bool balance_first_fit(struct balance *balance, const struct balance_clusters *clusters,
                       int32_t *block_of)
{
    for (int32_t c = 0; c < clusters->count; c++) {
        int32_t size = clusters->start[c + 1] - clusters->start[c];
        balance->order[c] = (struct radix_item){ ~(uint64_t)size, c };
    }
    radix_sort(balance->order, balance->scratch, clusters->count);
    empty_blocks(balance);
    for (int32_t i = 0; i < clusters->count; i++) {
        int64_t c = balance->order[i].value;
        int32_t size = clusters->start[c + 1] - clusters->start[c];
        int32_t block = first_with_room(balance, size);
        if (block < 0)
            return false;
        place(balance, block, clusters->member + clusters->start[c], size, NULL, block_of);
    }
    return true;
}

/* Whatever the order, a cluster of size z finds no room only where every block holds more than
 * block_size - z; so little in all needs no trial. */
static bool surely_fit(const struct balance *balance, const int32_t *of_size, int32_t largest)
{
    int64_t sum = 0;
    for (int32_t z = 2; z <= largest; z++)
        sum += (int64_t)of_size[z] * z;
    return sum <= (int64_t)balance->blocks * (balance->block_size - largest + 1);
}

bool balance_fits(struct balance *balance, const int32_t *of_size, int32_t largest)
{
    if (surely_fit(balance, of_size, largest))
        return true;
    empty_blocks(balance);
    for (int32_t z = largest; z >= 2; z--) {
        for (int32_t i = 0; i < of_size[z]; i++) {
            int32_t block = first_with_room(balance, z);
            if (block < 0)
                return false;
            balance->room[block] -= z;
        }
    }
    return true;
}
