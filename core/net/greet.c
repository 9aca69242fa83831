#include "core/net/greet.h"

#include "core/base/cursor.h"
#include "core/base/hash.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int greet_nonce(unsigned char nonce[FRAME_NONCE])
{
    /* Up to 256 bytes come whole once the pool is ready. */
    return getrandom(nonce, FRAME_NONCE, 0) == FRAME_NONCE ? RONDO_OK : RONDO_EIO;
}

/* What both sides say of a token that is not ours.  No token is one of no bytes. */
static const char *wrong_token(const struct greet *greet, const struct frame_hello *hello)
{
    unsigned char mac[FRAME_MAC];
    frame_mac("", "worker", greet->challenge, hello->nonce, &hello->who, mac);
    return hash_same(mac, hello->mac, sizeof mac)
               ? "the coordinator wants a token, and this worker has none: --token-file"
               : "the token is not this coordinator's";
}

#define REFUSE(greet, ...) \
    (snprintf((greet)->why, sizeof(greet)->why, __VA_ARGS__), RONDO_EREFUSED)

/* The first number of a CHALLENGE and a HELLO is the version, in every version. */
static uint32_t version_of(int version, struct rondo_bytes body)
{
    struct cursor_reader in = cursor_reader(body.data, body.size);
    uint32_t said = cursor_get_u32(&in);
    return in.failed || version != FRAME_VERSION ? (uint32_t)version : said;
}

/* ---- the coordinator's side -------------------------------------------------------------------- */

int greet_challenge(struct greet *greet, struct rondo_buf *out)
{
    struct frame_challenge body = { .version = FRAME_VERSION };
    if (greet_nonce(greet->challenge))
        return RONDO_EIO;
    memcpy(body.nonce, greet->challenge, sizeof body.nonce);
    snprintf(body.build, sizeof body.build, "%s", greet->build);
    return frame_put_challenge(&body, out);
}

int greet_hello(struct greet *greet, int version, struct rondo_bytes bytes,
                struct rondo_buf *out)
{
    struct frame_hello hello;
    struct frame_welcome welcome = { .lease_ms = greet->lease_ms, .beat_ms = greet->beat_ms };
    unsigned char mac[FRAME_MAC];
    uint32_t speaks = version_of(version, bytes);
    if (speaks != FRAME_VERSION)
        return REFUSE(greet, "this worker speaks version %u and the coordinator version %d",
                      speaks, FRAME_VERSION);
    if (frame_get_hello(bytes, &hello)) {
        snprintf(greet->why, sizeof greet->why, "its HELLO cannot be read");
        return RONDO_ESTATE;
    }
    greet->who = hello.who;
    memcpy(greet->answer, hello.nonce, sizeof greet->answer);
    frame_mac(greet->token, "worker", greet->challenge, hello.nonce, &hello.who, mac);
    if (!hash_same(mac, hello.mac, sizeof mac))
        return REFUSE(greet, "%s", wrong_token(greet, &hello));
    if (strcmp(hello.who.build, greet->build) != 0)
        return REFUSE(greet, "this worker is Rondo %s and the coordinator Rondo %s",
                      hello.who.build, greet->build);
    frame_mac(greet->token, "coordinator", greet->challenge, hello.nonce, &hello.who, welcome.mac);
    return frame_put_welcome(&welcome, out);
}

/* ---- the worker's side ------------------------------------------------------------------------- */

int greet_answer(struct greet *greet, int version, struct rondo_bytes bytes,
                 struct rondo_buf *out)
{
    struct frame_challenge challenge;
    struct frame_hello hello = { .version = FRAME_VERSION, .who = greet->who };
    if (frame_get_challenge(bytes, &challenge) && version == FRAME_VERSION) {
        snprintf(greet->why, sizeof greet->why, "its CHALLENGE cannot be read");
        return RONDO_ESTATE;
    }
    if (greet_nonce(greet->answer))
        return RONDO_EIO;
    memcpy(greet->challenge, challenge.nonce, sizeof greet->challenge);
    memcpy(hello.nonce, greet->answer, sizeof hello.nonce);
    frame_mac(greet->token, "worker", greet->challenge, greet->answer, &greet->who, hello.mac);
    return frame_put_hello(&hello, out);
}

int greet_welcome(struct greet *greet, int version, struct rondo_bytes bytes)
{
    struct frame_welcome welcome;
    unsigned char mac[FRAME_MAC];
    if (version != FRAME_VERSION)
        return REFUSE(greet, "the coordinator speaks version %d and this worker version %d",
                      version, FRAME_VERSION);
    if (frame_get_welcome(bytes, &welcome)) {
        snprintf(greet->why, sizeof greet->why, "its WELCOME cannot be read");
        return RONDO_ESTATE;
    }
    frame_mac(greet->token, "coordinator", greet->challenge, greet->answer, &greet->who, mac);
    if (!hash_same(mac, welcome.mac, sizeof mac))
        return REFUSE(greet, "the coordinator does not know this worker's token");
    greet->lease_ms = welcome.lease_ms;
    greet->beat_ms = welcome.beat_ms;
    return RONDO_OK;
}

void greet_refused(struct greet *greet, struct rondo_bytes line)
{
    const char *text = line.data;
    size_t size = line.size < sizeof greet->why - 1 ? line.size : sizeof greet->why - 1;
    for (size_t i = 0; i < size; i++)
        greet->why[i] = text[i];
    greet->why[size] = 0;
    for (size_t i = 0; i < size; i++)
        if (greet->why[i] < 0x20 || greet->why[i] > 0x7e)
            greet->why[i] = '?';
    if (size == 0)
        snprintf(greet->why, sizeof greet->why, "refused, without a reason");
}
