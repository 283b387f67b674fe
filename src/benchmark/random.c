/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/random.h"

static uint64_t rotate(uint64_t value, unsigned by)
{
	return (value << by) | (value >> (64 - by));
}

void nvb_random_seed(struct nvb_random *random, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		random->state[i] = z ^ (z >> 31);
	}
}

uint64_t nvb_random_next(struct nvb_random *random)
{
	uint64_t *s = random->state, result = rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return result;
}

uint32_t nvb_random_below(struct nvb_random *random, uint32_t below)
{
	/* Numbers from the incomplete last lap are drawn again: a plain remainder prefers small ones. */
	uint32_t uneven = -below % below, drawn;

	do
		drawn = (uint32_t)(nvb_random_next(random) >> 32);
	while (drawn < uneven);
	return drawn % below;
}

void nvb_random_shuffle(struct nvb_random *random, uint32_t *list, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		uint32_t other = nvb_random_below(random, (uint32_t)i), kept = list[i - 1];

		list[i - 1] = list[other];
		list[other] = kept;
	}
}
