/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/hash.h"

/*
 * SHA-256 of several pieces, two at a time. One alone leaves the unit of the processor that does it idle half
 * of the time: each of its instructions waits for the one before. Source: FIPS 180-4; Intel, "Intel SHA
 * Extensions" (2013), for what the instructions take and give.
 */
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

enum { BLOCK = 64, GROUPS = 16 };

static const uint32_t constants[4 * GROUPS] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5, //
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174, //
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da, //
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967, //
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85, //
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070, //
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3, //
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

/* A piece that is being hashed: its whole blocks, then what is left of it with the padding. */
struct lane {
	__m128i abef, cdgh; /* the state, as the instructions have it */
	const uint8_t *at;
	size_t blocks; /* from there on */
	uint8_t end[2 * BLOCK];
	size_t end_blocks;
	uint8_t *out; /* NULL: nothing */
};

#define HAS_SHA __attribute__((target("sha,sse4.1")))

HAS_SHA static void begin(struct lane *lane, const struct nvb_piece *piece, uint8_t *out)
{
	size_t rest = piece->size % BLOCK;
	uint64_t bits = htobe64((uint64_t)piece->size * 8);

	lane->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
	lane->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
	lane->at = piece->data;
	lane->blocks = piece->size / BLOCK;
	lane->end_blocks = rest + 9 <= BLOCK ? 1 : 2;
	memset(lane->end, 0, sizeof(lane->end));
	memcpy(lane->end, piece->data + piece->size - rest, rest);
	lane->end[rest] = 0x80;
	memcpy(lane->end + lane->end_blocks * BLOCK - sizeof(bits), &bits, sizeof(bits));
	lane->out = out;
}

HAS_SHA static void finish(const struct lane *lane)
{
	uint32_t abef[4], cdgh[4];

	_mm_storeu_si128((__m128i *)abef, lane->abef);
	_mm_storeu_si128((__m128i *)cdgh, lane->cdgh);
	const uint32_t words[8] = {abef[3], abef[2], cdgh[3], cdgh[2], abef[1], abef[0], cdgh[1], cdgh[0]};

	for (size_t i = 0; i < 8; i++) {
		uint32_t word = htobe32(words[i]);

		memcpy(lane->out + 4 * i, &word, sizeof(word));
	}
}

/* Four rounds of one lane, and the four words of the message that the rounds 16 further on take. */
#define ROUNDS(s, m, g)                                                                           \
	do {                                                                                      \
		__m128i w = _mm_add_epi32(m[(g)&3], k);                                           \
		s##_cdgh = _mm_sha256rnds2_epu32(s##_cdgh, s##_abef, w);                          \
		s##_abef = _mm_sha256rnds2_epu32(s##_abef, s##_cdgh, _mm_shuffle_epi32(w, 0x0e)); \
		if ((g) < GROUPS - 4)                                                             \
			m[(g)&3] = _mm_sha256msg2_epu32(                                          \
				_mm_add_epi32(_mm_sha256msg1_epu32(m[(g)&3], m[((g) + 1) & 3]),   \
					_mm_alignr_epi8(m[((g) + 3) & 3], m[((g) + 2) & 3], 4)),  \
				m[((g) + 3) & 3]);                                                \
	} while (0)

HAS_SHA static void compress(struct lane *a, struct lane *b, size_t blocks)
{
	const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i x_abef = a->abef, x_cdgh = a->cdgh, y_abef = b->abef, y_cdgh = b->cdgh;

	for (size_t n = 0; n < blocks; n++) {
		__m128i x[4], y[4], x0 = x_abef, x1 = x_cdgh, y0 = y_abef, y1 = y_cdgh;

		for (size_t i = 0; i < 4; i++) {
			x[i] = _mm_shuffle_epi8(
				_mm_loadu_si128((const __m128i *)(a->at + n * BLOCK + 16 * i)), order);
			y[i] = _mm_shuffle_epi8(
				_mm_loadu_si128((const __m128i *)(b->at + n * BLOCK + 16 * i)), order);
		}
#pragma GCC unroll 16
		for (size_t g = 0; g < GROUPS; g++) {
			const __m128i k = _mm_loadu_si128((const __m128i *)(constants + 4 * g));

			ROUNDS(x, x, g);
			ROUNDS(y, y, g);
		}
		x_abef = _mm_add_epi32(x_abef, x0);
		x_cdgh = _mm_add_epi32(x_cdgh, x1);
		y_abef = _mm_add_epi32(y_abef, y0);
		y_cdgh = _mm_add_epi32(y_cdgh, y1);
	}
	a->abef = x_abef;
	a->cdgh = x_cdgh;
	b->abef = y_abef;
	b->cdgh = y_cdgh;
}

/* Blocks that lie in one place from here on; behind the piece comes its end. */
static size_t run(struct lane *lane)
{
	if (!lane->blocks) {
		lane->at = lane->end;
		lane->blocks = lane->end_blocks;
		lane->end_blocks = 0;
	}
	return lane->blocks;
}

static void advance(struct lane *lane, size_t blocks)
{
	lane->at += blocks * BLOCK;
	lane->blocks -= blocks;
}

static bool is_done(const struct lane *lane)
{
	return !lane->blocks && !lane->end_blocks;
}

static void take_over(struct lane *to, struct lane *from)
{
	bool ends = from->at >= from->end && from->at < from->end + sizeof(from->end);

	*to = *from;
	if (ends)
		to->at = to->end + (from->at - from->end);
	from->out = NULL;
}

HAS_SHA static void hash_pairs(const struct nvb_piece *pieces, size_t count, uint8_t (*hashes)[NVB_HASH])
{
	struct lane lanes[2] = {0}, idle;
	size_t next = 0;

	for (;;) {
		struct lane *other = &lanes[1];
		size_t blocks;

		for (int i = 0; i < 2; i++) {
			if (lanes[i].out && is_done(&lanes[i])) {
				finish(&lanes[i]);
				lanes[i].out = NULL;
			}
			if (!lanes[i].out && next < count) {
				begin(&lanes[i], &pieces[next], hashes[next]);
				next++;
			}
		}
		if (!lanes[0].out && !lanes[1].out)
			return;
		/* The last one goes alone, beside a copy of it. */
		if (!lanes[0].out)
			take_over(&lanes[0], &lanes[1]);
		blocks = run(&lanes[0]);
		if (!lanes[1].out) {
			idle = lanes[0];
			other = &idle;
		} else if (run(other) < blocks) {
			blocks = other->blocks;
		}
		compress(&lanes[0], other, blocks);
		advance(&lanes[0], blocks);
		if (other != &idle)
			advance(other, blocks);
	}
}

#endif

bool nvb_sha256_can_pair(void)
{
#ifdef __x86_64__
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA && __builtin_cpu_supports("sse4.1");
#else
	return false;
#endif
}

void nvb_sha256_several(const struct nvb_piece *pieces, size_t count, bool pairs, uint8_t (*hashes)[NVB_HASH])
{
#ifdef __x86_64__
	if (count > 1 && pairs) {
		hash_pairs(pieces, count, hashes);
		return;
	}
#else
	(void)pairs;
#endif
	for (size_t i = 0; i < count; i++)
		nvb_sha256(pieces[i].data, pieces[i].size, hashes[i]);
}
