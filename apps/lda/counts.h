/* counts.h - topic counts of many owners: of the documents of a tile, of the words of a block.
 *
 * Place:   apps/lda, private to it.
 * Threads: who holds a task holds its counts; immutable otherwise.
 * Memory:  `cells` and `length` belong to a state, `at` to the problem.
 *
 * An owner has a row or a list, whichever its place in `cells` has room for: of a word, where that is
 * `row` cells or more, a row; of documents the visit says.
 *   row   [row] counts, topic k's at k, zero from `topics` on: of words uint32_t, of the documents of a
 *         narrow tile uint16_t (two to a cell), of a wide tile uint32_t.  Rows begin at multiples of 64 bytes.
 *   list  length[i] slots, topic and count, no topic twice, no count 0, in any order.  Narrow slots are
 *         uint32_t: topic << 16 | count.  Wide slots are uint64_t, two cells: topic << 32 | count.
 *         A list has room for min(topics, tokens of the owner) slots and so never overflows; an owner of
 *         more than 65,535 tokens has no narrow list.
 * Lists of words are wide where topics are more than 65,535; those of documents, and `z`, in wide tiles.
 * A place is a row's where it has room for `row` counts.  64 bytes behind the last cell may be read.
 */
#ifndef LDA_COUNTS_H
#define LDA_COUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct counts {
    const int64_t *at; /* [owners + 1] where each begins, in cells */
    int32_t *length;   /* [owners] slots of a list; of a row unused */
    uint32_t *cells;   /* aligned to 64 bytes */
};

/* Slot i of a list that begins at `cells`. */
static inline void slot_get(const uint32_t *cells, int64_t i, bool wide, uint32_t *topic, uint32_t *count)
{
    uint64_t slot;
    if (wide) {
        memcpy(&slot, cells + 2 * i, sizeof slot);
        *topic = (uint32_t)(slot >> 32);
        *count = (uint32_t)slot;
    } else {
        *topic = cells[i] >> 16;
        *count = cells[i] & 0xffff;
    }
}

static inline void slot_set(uint32_t *cells, int64_t i, bool wide, uint32_t topic, uint32_t count)
{
    uint64_t slot = (uint64_t)topic << 32 | count;
    if (wide)
        memcpy(cells + 2 * i, &slot, sizeof slot);
    else
        cells[i] = topic << 16 | count;
}

/* A word occurs in a document of the tile.  More than 65,535 times: several pairs, one behind the other. */
struct pair {
    uint16_t document; /* in the tile */
    uint16_t count;    /* at least 1 */
};

#endif
