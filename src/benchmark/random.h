/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_RANDOM_H
#define NVB_BENCHMARK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The generator behind orders of runs and bootstrap samples: the same seed gives the same numbers on every
 * machine, so a report can be made again from its raw data. xoshiro256** started by splitmix64 (Blackman and
 * Vigna, "Scrambled linear pseudorandom number generators", 2021). Not for secrets.
 */
struct nvb_random {
	uint64_t state[4];
};

void nvb_random_seed(struct nvb_random *random, uint64_t seed);
uint64_t nvb_random_next(struct nvb_random *random);

/* 0 to below - 1, each as likely as any other; `below` is at least 1. */
uint32_t nvb_random_below(struct nvb_random *random, uint32_t below);

/* Fisher and Yates. */
void nvb_random_shuffle(struct nvb_random *random, uint32_t *list, size_t count);

#endif
