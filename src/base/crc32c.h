/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli; RFC 3720, appendix B.4) of stored records. Any thread. */
#ifndef KEFU_CRC32C_H
#define KEFU_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* seed is 0, or the result for the bytes before: crc32c(crc32c(0, a), b) is that of a then b. */
uint32_t crc32c(uint32_t seed, const void *ptr, size_t len);
/* The same without special instructions; what other processors run, and the test's oracle. */
uint32_t crc32c_portable(uint32_t seed, const void *ptr, size_t len);

#endif
