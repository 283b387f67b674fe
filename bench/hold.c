/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that has so much memory and does nothing: what is saved of it cannot be compressed.
 *
 *	hold MIB
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t words = (argc > 1 ? strtoull(argv[1], NULL, 10) << 20 : 0) / sizeof(uint64_t);
	uint64_t x = 88172645463325252u;
	uint64_t *memory = mmap(
		NULL, words * sizeof(*memory), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!words || memory == MAP_FAILED)
		return 2;
	/* Marsaglia's xorshift. */
	for (size_t i = 0; i < words; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memory[i] = x;
	}
	for (;;)
		pause();
}
