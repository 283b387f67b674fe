/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_HASH_H
#define NVB_SNAPSHOT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot/format.h"

/*
 * Chunks are named by SHA-256: a program in a capsule chooses what is in its memory, and one that could make
 * two blocks of the same name could have its restore, or an imported snapshot, say something else than what
 * was checked. With the processor's own instructions it is not what costs.
 */
void nvb_sha256(const void *data, size_t size, uint8_t hash[static NVB_HASH]);

struct nvb_piece {
	const uint8_t *data;
	size_t size;
};
/* Whether the processor can do two at a time. To be asked once: in a virtual machine its answer takes as long
 * as hashing some chunks. */
bool nvb_sha256_can_pair(void);
/* The same of several; by `pairs`, which it can, in less time than one by one. */
void nvb_sha256_several(
	const struct nvb_piece *pieces, size_t count, bool pairs, uint8_t (*hashes)[NVB_HASH]);

/* HMAC-SHA256 of two pieces, the second of which may be empty. */
void nvb_hmac(const uint8_t key[static NVB_HASH], const void *a, size_t a_size, const void *b, size_t b_size,
	uint8_t out[static NVB_HASH]);

/* In a time that does not depend on where they differ. */
bool nvb_equal_secret(const void *a, const void *b, size_t size);

/* CRC-32C (Castagnoli), for stored bytes: there are flips in compressed data that change nothing in what
 * comes out of it. Begin with 0. */
uint32_t nvb_crc32c(uint32_t crc, const void *data, size_t size);

#endif
