/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/hash.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

void nvb_sha256(const void *data, size_t size, uint8_t hash[static NVB_HASH])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, size, data);
	sha256_digest(&ctx, NVB_HASH, hash);
}

void nvb_hmac(const uint8_t key[static NVB_HASH], const void *a, size_t a_size, const void *b, size_t b_size,
	uint8_t out[static NVB_HASH])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, NVB_HASH, key);
	hmac_sha256_update(&ctx, a_size, a);
	if (b_size)
		hmac_sha256_update(&ctx, b_size, b);
	hmac_sha256_digest(&ctx, NVB_HASH, out);
	explicit_bzero(&ctx, sizeof(ctx));
}

bool nvb_equal_secret(const void *a, const void *b, size_t size)
{
	return memeql_sec(a, b, size);
}

/* Bit by bit through a table of 16: for processors that cannot do it themselves. */
static uint32_t crc32c_table(uint32_t crc, const uint8_t *p, size_t size)
{
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc,
		0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

	for (; size; size--, p++) {
		crc ^= *p;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(uint32_t crc, const uint8_t *p, size_t size)
{
	uint64_t wide = crc;

	for (; size >= 8; size -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	for (crc = (uint32_t)wide; size; size--, p++)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}
#endif

uint32_t nvb_crc32c(uint32_t crc, const void *data, size_t size)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_sse(~crc, data, size);
#endif
	return ~crc32c_table(~crc, data, size);
}
