#include "core/data/ids.h"

#include "core/base/mem.h"

#include <string.h>
#include <sys/auxv.h>

enum { BITS_LEAST = 6, BLOCK = 1 << 16 };

struct ids_block {
    struct ids_block *next;
    size_t used, room;
    char text[];
};

void ids_fini(struct ids *ids)
{
    for (struct ids_block *block = ids->block, *next; block; block = next) {
        next = block->next;
        mem_free(block);
    }
    mem_free(ids->slot);
    mem_free(ids->word);
    *ids = (struct ids){ 0 };
}

uint64_t ids_secret = UINT64_C(0x9e3779b97f4a7c15);

/* The kernel gives each program 16 random bytes. */
__attribute__((constructor)) static void choose_secret(void)
{
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    if (random)
        memcpy(&ids_secret, random, sizeof ids_secret);
    ids_secret |= 1;
}

/* Of longer texts eight bytes at a time are multiplied in. */
uint64_t ids_key(const char *text, size_t size)
{
    uint64_t key = 0, word = 0;
    for (; size > 8; text += 8, size -= 8) {
        memcpy(&word, text, 8);
        key = ids_mixed(key ^ word ^ ids_secret);
    }
    word = 0;
    memcpy(&word, text, size);
    return key ^ word;
}

bool ids_same_long(const struct ids *ids, uint32_t number, const char *text, size_t size)
{
    return memcmp(ids->word[number], text, size) == 0;
}

/* A free slot for a key that is not there. */
static struct ids_slot *free_slot(const struct ids *ids, uint64_t key)
{
    uint64_t mask = (UINT64_C(1) << ids->bits) - 1, at = ids_place(key, ids->bits);
    while (ids->slot[at].size)
        at = (at + 1) & mask;
    return &ids->slot[at];
}

static int widen(struct ids *ids)
{
    struct ids wide = { .bits = ids->slot ? ids->bits + 1 : BITS_LEAST };
    wide.slot = mem_calloc((size_t)1 << wide.bits, sizeof *wide.slot);
    if (!wide.slot)
        return RONDO_ENOMEM;
    for (int64_t i = 0; ids->slot && i < INT64_C(1) << ids->bits; i++)
        if (ids->slot[i].size)
            *free_slot(&wide, ids->slot[i].key) = ids->slot[i];
    mem_free(ids->slot);
    ids->slot = wide.slot;
    ids->bits = wide.bits;
    return RONDO_OK;
}

static char *keep(struct ids *ids, const char *text, size_t size)
{
    if (!ids->block || ids->block->room - ids->block->used <= size) {
        size_t room = ids->block ? BLOCK : 1 << 10;
        room = room > size ? room : size + 1;
        struct ids_block *block = mem_alloc(sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct ids_block){ .next = ids->block, .room = room };
        ids->block = block;
    }
    char *to = ids->block->text + ids->block->used;
    memcpy(to, text, size);
    to[size] = 0;
    ids->block->used += size + 1;
    return to;
}

int ids_add(struct ids *ids, uint64_t key, const char *text, size_t size)
{
    if ((!ids->slot || ids->count >= INT64_C(1) << (ids->bits - 1)) && widen(ids))
        return RONDO_ENOMEM;
    if (ids->count == ids->room) {
        int64_t room = ids->room ? ids->room * 2 : 32;
        const char **word = mem_regrow(ids->word, (size_t)ids->room * sizeof *word, (size_t)room * sizeof *word);
        if (!word)
            return RONDO_ENOMEM;
        ids->word = word;
        ids->room = room;
    }
    const char *kept = keep(ids, text, size);
    if (!kept)
        return RONDO_ENOMEM;
    *free_slot(ids, key) = (struct ids_slot){ key, (uint32_t)size, (uint32_t)ids->count };
    ids->word[ids->count++] = kept;
    return RONDO_OK;
}

static size_t bytes_of(const struct ids *ids)
{
    size_t bytes = (size_t)ids->count * sizeof *ids->word;
    for (const struct ids_block *block = ids->block; block; block = block->next)
        bytes += block->used;
    return bytes;
}

/* Returns where the texts end. */
static char *copy_words(const struct ids *ids, const char **word, char *text)
{
    for (int64_t i = 0; i < ids->count; i++) {
        size_t size = strlen(ids->word[i]) + 1;
        word[i] = memcpy(text, ids->word[i], size);
        text += size;
    }
    return text;
}

struct rondo_ids *ids_join(const struct ids *user, const struct ids *item)
{
    struct rondo_ids *ids = mem_alloc(sizeof *ids + bytes_of(user) + bytes_of(item));
    if (!ids)
        return NULL;
    const char **word = (const char **)(ids + 1);
    char *text = copy_words(user, word, (char *)(word + user->count + item->count));
    copy_words(item, word + user->count, text);
    *ids = (struct rondo_ids){ .user = { user->count, word }, .item = { item->count, word + user->count } };
    return ids;
}
