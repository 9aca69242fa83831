#include "core/data/fingerprint.h"

#include "core/base/spill.h"
#include "core/data/mapping.h"
#include "core/data/plink.h"
#include "core/data/vocabulary.h"

#include <string.h>

enum { PIECE = 1 << 18 }; /* of whole lanes */

static const uint64_t prime = UINT64_C(0x100000001b3);

static void open(struct fingerprint *print, uint64_t hash)
{
    *print = (struct fingerprint){ .hash = hash };
    for (uint64_t l = 0; l < FINGERPRINT_GROUP; l++)
        print->lane[l] = hash + l;
}

static uint64_t word_at(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Its top bit: as a double, is the word infinite or no number?  All bits of its exponent are set then. */
static uint64_t beyond(uint64_t word)
{
    return (word & UINT64_C(0x7ff0000000000000)) + UINT64_C(0x0010000000000000);
}

/* What does not fill the lanes is the last.  The lanes' products wait for one another: the look at each word
 * costs nothing beside them.  Returns the words' `beyond`, or-ed. */
static uint64_t add(struct fingerprint *print, const void *bytes, size_t size)
{
    uint64_t a = print->lane[0], b = print->lane[1], c = print->lane[2], d = print->lane[3], found = 0;
    const unsigned char *at = bytes;
    for (; size >= sizeof print->rest; at += sizeof print->rest, size -= sizeof print->rest) {
        uint64_t p = word_at(at), q = word_at(at + 8), r = word_at(at + 16), s = word_at(at + 24);
        a = (a ^ p) * prime;
        b = (b ^ q) * prime;
        c = (c ^ r) * prime;
        d = (d ^ s) * prime;
        found |= beyond(p) | beyond(q) | beyond(r) | beyond(s);
    }
    memcpy(print->lane, (const uint64_t[FINGERPRINT_GROUP]){ a, b, c, d }, sizeof print->lane);
    if (size)
        memcpy(print->rest, at, size);
    for (size_t l = 0; size && l < FINGERPRINT_GROUP; l++)
        found |= beyond(print->rest[l]);
    return found;
}

/* A tail shorter than the lanes is padded with zeros. */
static uint64_t close(const struct fingerprint *print)
{
    uint64_t hash = print->hash;
    for (int l = 0; l < FINGERPRINT_GROUP; l++)
        hash = (hash ^ ((print->lane[l] ^ print->rest[l]) * prime)) * prime + (hash >> 32);
    return hash;
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    struct fingerprint print;
    open(&print, hash);
    for (const char *at = bytes; size; at += PIECE) {
        size_t piece = size < PIECE ? size : PIECE;
        spill_said(piece);
        (void)add(&print, at, piece);
        size -= piece;
    }
    return close(&print);
}

static uint64_t mix_shape(uint64_t hash, int64_t rows, int64_t cols, int64_t nnz, int64_t kind)
{
    const int64_t shape[] = { rows, cols, nnz, kind };
    return mix(hash, shape, sizeof shape);
}

void fingerprint_begin(struct fingerprint *print, uint64_t hash, int64_t rows, int64_t cols)
{
    open(print, mix_shape(hash, rows, cols, rows * cols, 0));
}

bool fingerprint_part(struct fingerprint *print, const double *values, int64_t count)
{
    return add(print, values, (size_t)count * sizeof *values) >> 63 == 0;
}

void fingerprint_end_column(struct fingerprint *print)
{
    open(print, close(print));
}

static void touch(const struct data_set *set, const void *at, size_t bytes)
{
    if (set->map && mapping_holds(set->map, at))
        mapping_touch(set->map, at, bytes);
}

/* A column's whole bytes, and what of its last stands for rows. */
static uint64_t mix_packed(uint64_t hash, const struct data_set *set, const struct rondo_matrix *x)
{
    for (int64_t j = 0; j < x->cols; j++) {
        const uint8_t *column = x->packed + j * x->stride;
        touch(set, column, (size_t)x->stride);
        uint8_t last = (uint8_t)(column[(x->rows - 1) / 4] & plink_last_bits(x->rows));
        hash = mix(hash, column, (size_t)((x->rows - 1) / 4));
        hash = mix(hash, &last, 1);
    }
    return x->position ? mix(hash, x->position, (size_t)x->cols * sizeof *x->position) : hash;
}

static uint64_t mix_matrix(uint64_t hash, const struct data_set *set, const struct rondo_matrix *x)
{
    hash = mix_shape(hash, x->rows, x->cols, x->nnz, x->packed ? 2 : x->sparse);
    if (x->packed)
        return mix_packed(hash, set, x);
    if (x->sparse) {
        hash = mix(hash, x->colptr, (size_t)(x->cols + 1) * sizeof *x->colptr);
        hash = mix(hash, x->rowidx, (size_t)x->nnz * sizeof *x->rowidx);
        return mix(hash, x->values, (size_t)x->nnz * sizeof *x->values);
    }
    for (int64_t j = 0; j < x->cols; j++) {
        const double *column = x->dense + j * x->ld;
        touch(set, column, (size_t)x->rows * sizeof *column);
        hash = mix(hash, column, (size_t)x->rows * sizeof *column);
    }
    return hash;
}

static uint64_t mix_ids(uint64_t hash, const struct rondo_ids *ids)
{
    hash = mix_shape(hash, ids->user.count, ids->item.count, ids->known_users, ids->known_items);
    return vocabulary_digest(vocabulary_digest(hash, &ids->user), &ids->item);
}

uint64_t fingerprint_set(uint64_t hash, const struct data_set *set)
{
    if (hash == FINGERPRINT_BEGIN && set->digest)
        return set->digest;
    hash = mix_matrix(hash, set, &set->x);
    if (set->ids)
        hash = mix_ids(hash, set->ids);
    return set->info.labels ? mix_matrix(hash, set, &set->labels) : hash;
}
