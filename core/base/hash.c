#include "core/base/hash.h"

#include <sha2.h>
#include <string.h>

/* One of the two passes of an HMAC: the hash of the padded key and what follows. */
static void pass(const unsigned char key[SHA256_BLOCK_LENGTH], unsigned char pad,
                 const struct rondo_bytes *parts, int count, unsigned char out[HASH_BYTES])
{
    unsigned char block[SHA256_BLOCK_LENGTH];
    SHA2_CTX hash;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    SHA256Init(&hash);
    SHA256Update(&hash, block, sizeof block);
    for (int i = 0; i < count; i++)
        if (parts[i].size)
            SHA256Update(&hash, parts[i].data, parts[i].size);
    SHA256Final(out, &hash);
    explicit_bzero(block, sizeof block);
}

void hash_hmac(struct rondo_bytes key, const struct rondo_bytes *parts, int count,
               unsigned char mac[HASH_BYTES])
{
    unsigned char block[SHA256_BLOCK_LENGTH] = { 0 }, inner[HASH_BYTES];
    if (key.size > sizeof block) {
        SHA2_CTX hash;
        SHA256Init(&hash);
        SHA256Update(&hash, key.data, key.size);
        SHA256Final(block, &hash);
    } else if (key.size) {
        memcpy(block, key.data, key.size);
    }
    pass(block, 0x36, parts, count, inner);
    pass(block, 0x5c, &(struct rondo_bytes){ inner, sizeof inner }, 1, mac);
    explicit_bzero(block, sizeof block);
}

bool hash_same(const void *a, const void *b, size_t size)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char differ = 0;
    for (size_t i = 0; i < size; i++)
        differ = (unsigned char)(differ | (x[i] ^ y[i]));
    return differ == 0;
}
