/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory: the same semantics, nothing survives. For tests, simulation and
 * `--store memory`. Turns are settled the moment they are committed, on a commit thread of its
 * own, so completions come asynchronously as with any adapter. */
#ifndef KEFU_STORE_MEMORY_H
#define KEFU_STORE_MEMORY_H

struct store_backend;
extern const struct store_backend store_memory_backend;

#endif
