/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read in memory order: little-endian machines only"
#endif

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

uint64_t hash_bytes(struct hash_key key, const void *ptr, size_t len)
{
    const unsigned char *byte = ptr;
    struct sip s = {
        .v0 = key.k0 ^ 0x736F6D6570736575U,
        .v1 = key.k1 ^ 0x646F72616E646F6DU,
        .v2 = key.k0 ^ 0x6C7967656E657261U,
        .v3 = key.k1 ^ 0x7465646279746573U,
    };
    uint64_t last = (uint64_t)len << 56;
    size_t rest = len % sizeof(uint64_t);
    uint64_t word = 0;

    for (const unsigned char *end = byte + (len - rest); byte != end; byte += sizeof(word)) {
        memcpy(&word, byte, sizeof(word));
        sip_word(&s, word);
    }
    word = 0;
    if (rest > 0)
        memcpy(&word, byte, rest);
    sip_word(&s, last | word);
    s.v2 ^= 0xFF;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
