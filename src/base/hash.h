/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed hashes for tables and for spreading. hash_bytes is SipHash-1-3 (Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", 2012, with the rounds of hash tables): without the key nobody
 * can choose colliding texts. Not for signatures. Both are stable: the same key gives the same
 * value on every machine. Any thread. */
#ifndef KEFU_HASH_H
#define KEFU_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(struct hash_key key, const void *ptr, size_t len);

/* For ids, which clients cannot choose: the finaliser of MurmurHash3 (Appleby), a permutation of
 * the 64-bit numbers for each seed. */
static inline uint64_t hash_u64(uint64_t seed, uint64_t value)
{
    value ^= seed;
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCDU;
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53U;
    return value ^ value >> 33;
}

#endif
