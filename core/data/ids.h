/* ids.h - texts and their numbers: who a row or a column is.
 *
 * Place:   core/data, floor 1; used by ratings.c and ratings_line.c.
 * Threads: one changes it; while none does, any may find.
 * Memory:  16 bytes a slot, at most half of which are filled, 8 an id, and the texts with their ends.
 *
 * A text of up to eight bytes is its own key: equal keys of equal size are equal texts, and none is read.
 * Longer ones have a hash for a key.  Numbers go by the order in which texts are added.
 */
#ifndef IDS_H
#define IDS_H

#include <rondo/err.h>
#include <rondo/matrix.h>

enum { IDS_TEXT_MOST = 4096 }; /* bytes of an id */
#define IDS_MOST ((int64_t)INT32_MAX)

struct ids_slot {
    uint64_t key;
    uint32_t size; /* 0: the slot is free */
    uint32_t number;
};

struct ids_block;

struct ids {
    struct ids_slot *slot; /* [1 << bits]; NULL while there is none */
    int bits;
    int64_t count, room;
    const char **word;     /* [count] */
    struct ids_block *block; /* the texts; the newest first */
};

void ids_fini(struct ids *ids); /* of zeroed ones too: so they begin */

/* As if the bytes behind the text were zeros. */
uint64_t ids_key(const char *text, size_t size);

/* Odd, and another in each process: whoever writes a file cannot make its ids fall together.  Numbers do not
 * depend on it. */
extern uint64_t ids_secret;

/* Both halves of a product with it. */
static inline uint64_t ids_mixed(uint64_t key)
{
    __extension__ unsigned __int128 product = (unsigned __int128)key * ids_secret;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline uint64_t ids_place(uint64_t key, int bits)
{
    return ids_mixed(key) >> (64 - bits);
}

/* Asks for the slot where a search for it will begin. */
static inline void ids_expect(const struct ids *ids, uint64_t key)
{
    if (ids->slot)
        __builtin_prefetch(&ids->slot[ids_place(key, ids->bits)]);
}

bool ids_same_long(const struct ids *ids, uint32_t number, const char *text, size_t size);

/* Its number, or -1. */
static inline int64_t ids_find(const struct ids *ids, uint64_t key, const char *text, size_t size)
{
    if (!ids->slot)
        return -1;
    uint64_t mask = (UINT64_C(1) << ids->bits) - 1;
    for (uint64_t at = ids_place(key, ids->bits);; at = (at + 1) & mask) {
        const struct ids_slot *slot = &ids->slot[at];
        if (slot->key == key && slot->size == size
            && (size <= 8 || ids_same_long(ids, slot->number, text, size)))
            return slot->number;
        if (!slot->size)
            return -1;
    }
}

/* What is not there: the text, 1 to IDS_TEXT_MOST bytes, is copied.  RONDO_ENOMEM; the number is count - 1. */
int ids_add(struct ids *ids, uint64_t key, const char *text, size_t size) RONDO_MUST_CHECK;

/* Both sides in one block (mem_free), texts and all; NULL: no memory. */
struct rondo_ids *ids_join(const struct ids *user, const struct ids *item);

#endif
