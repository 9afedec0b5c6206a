/* SPDX-License-Identifier: Apache-2.0 */
#include "crc32c.h"

#include <string.h>

/* A CRC is linear: the entry of a byte is the XOR of the entries of its bits. So eight constants
 * (the reflected polynomial 0x82F63B78 shifted in) make the whole table at compile time. */
#define BIT(n, k, entry) (((n) >> (k)&1) * (entry))
#define T1(n)                                                                   \
    (BIT(n, 0, 0xF26B8303U) ^ BIT(n, 1, 0xE13B70F7U) ^ BIT(n, 2, 0xC79A971FU) ^ \
     BIT(n, 3, 0x8AD958CFU) ^ BIT(n, 4, 0x105EC76FU) ^ BIT(n, 5, 0x20BD8EDEU) ^ \
     BIT(n, 6, 0x417B1DBCU) ^ BIT(n, 7, 0x82F63B78U))
#define T4(n)  T1(n), T1((n) + 1), T1((n) + 2), T1((n) + 3)
#define T16(n) T4(n), T4((n) + 4), T4((n) + 8), T4((n) + 12)
#define T64(n) T16(n), T16((n) + 16), T16((n) + 32), T16((n) + 48)

static const uint32_t crc_table[256] = { T64(0U), T64(64U), T64(128U), T64(192U) };

uint32_t crc32c_portable(uint32_t seed, const void *ptr, size_t len)
{
    const unsigned char *byte = ptr;
    uint32_t crc = ~seed;

    for (size_t i = 0; i < len; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ byte[i]) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t seed, const void *ptr,
                                                               size_t len)
{
    const unsigned char *byte = ptr;
    uint64_t crc = (uint32_t)~seed;

    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), byte += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, byte, sizeof(word));
        crc = _mm_crc32_u64(crc, word);
    }
    for (; len > 0; len--, byte++)
        crc = _mm_crc32_u8((uint32_t)crc, *byte);
    return ~(uint32_t)crc;
}

uint32_t crc32c(uint32_t seed, const void *ptr, size_t len)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(seed, ptr, len);
    return crc32c_portable(seed, ptr, len);
}
#else
uint32_t crc32c(uint32_t seed, const void *ptr, size_t len)
{
    return crc32c_portable(seed, ptr, len);
}
#endif
