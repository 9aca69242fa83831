#include "core/data/digest.h"

#include "core/data/plink.h"

#include <string.h>

/* A tail shorter than the lanes is padded with zeros. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const uint64_t prime = UINT64_C(0x100000001b3);
    uint64_t lane[4] = { hash, hash + 1, hash + 2, hash + 3 }, word[4];
    const unsigned char *at = bytes;
    for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
        memcpy(word, at, sizeof word);
        for (int l = 0; l < 4; l++)
            lane[l] = (lane[l] ^ word[l]) * prime;
    }
    memset(word, 0, sizeof word);
    if (size)
        memcpy(word, at, size);
    for (int l = 0; l < 4; l++)
        hash = (hash ^ ((lane[l] ^ word[l]) * prime)) * prime + (hash >> 32);
    return hash;
}

/* A column's whole bytes, and what of its last stands for rows. */
static uint64_t mix_packed(uint64_t hash, const struct rondo_matrix *x)
{
    for (int64_t j = 0; j < x->cols; j++) {
        const uint8_t *column = x->packed + j * x->stride;
        uint8_t last = (uint8_t)(column[(x->rows - 1) / 4] & plink_last_bits(x->rows));
        hash = mix(hash, column, (size_t)((x->rows - 1) / 4));
        hash = mix(hash, &last, 1);
    }
    return hash;
}

uint64_t digest_matrix(uint64_t hash, const struct rondo_matrix *x)
{
    const int64_t shape[] = { x->rows, x->cols, x->nnz, x->packed ? 2 : x->sparse };
    hash = mix(hash, shape, sizeof shape);
    if (x->packed)
        return mix_packed(hash, x);
    if (x->sparse) {
        hash = mix(hash, x->colptr, (size_t)(x->cols + 1) * sizeof *x->colptr);
        hash = mix(hash, x->rowidx, (size_t)x->nnz * sizeof *x->rowidx);
        return mix(hash, x->values, (size_t)x->nnz * sizeof *x->values);
    }
    for (int64_t j = 0; j < x->cols; j++)
        hash = mix(hash, x->dense + j * x->ld, (size_t)x->rows * sizeof *x->dense);
    return hash;
}

uint64_t digest_set(uint64_t hash, const struct data_set *set)
{
    if (hash == DIGEST_BEGIN && set->digest)
        return set->digest;
    hash = digest_matrix(hash, &set->x);
    return set->info.labels ? digest_matrix(hash, &set->labels) : hash;
}
