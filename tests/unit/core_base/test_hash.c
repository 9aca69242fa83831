#include "core/base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect_hmac(struct rondo_bytes key, const char *text, const char *hex)
{
    unsigned char mac[HASH_BYTES];
    char said[2 * HASH_BYTES + 1];
    size_t half = strlen(text) / 2; /* in two parts, and an empty one: they are one text */
    struct rondo_bytes parts[] = { { text, half }, { NULL, 0 }, { text + half, strlen(text) - half } };
    hash_hmac(key, parts, 3, mac);
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(said + 2 * i, 3, "%02x", mac[i]);
    cr_expect_str_eq(said, hex);
}

/* The vectors of RFC 4231, cases 1, 2 and 6 (a key longer than a block). */
Test(hash, the_published_vectors)
{
    unsigned char key[131];
    memset(key, 0x0b, sizeof key);
    expect_hmac((struct rondo_bytes){ key, 20 }, "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect_hmac((struct rondo_bytes){ "Jefe", 4 }, "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    expect_hmac((struct rondo_bytes){ key, sizeof key },
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

Test(hash, sameness_is_of_every_byte)
{
    unsigned char a[32] = { 0 }, b[32] = { 0 };
    cr_expect(hash_same(a, b, sizeof a));
    for (size_t i = 0; i < sizeof b; i++) {
        b[i] = 0x80;
        cr_expect_not(hash_same(a, b, sizeof a));
        b[i] = 0;
    }
    cr_expect(hash_same(a, b, 0));
}
