/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with something to lose on the GPU: a counter and a large buffer in device memory. Counts until it
 * is told to end, looks at every count whether some of the buffer is what it must be, and writes
 * "COUNT UUID ROUNDS LOOKS" over FILE.
 *
 *	gpu-counter FILE DEVICE MIB [managed | busy MS | keep PATH]
 *	gpu-counter pattern MIB			prints what the buffer holds at first, and uses no GPU
 *
 * managed: the buffer is managed memory. busy: after the first count the GPU works for so long. keep: PATH
 * stays open. SIGUSR1 changes 5% of the buffer in whole blocks of 64 KiB (ROUNDS counts), SIGUSR2 has all of
 * it looked at (LOOKS counts). Exits with 1 and a line on standard error when something is lost.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/cuda/api.h"

#define FUNCTIONS(X)         \
	X(cuInit)            \
	X(cuCtxCreate_v2)    \
	X(cuCtxGetDevice)    \
	X(cuDeviceGetUuid)   \
	X(cuMemAlloc_v2)     \
	X(cuMemAllocManaged) \
	X(cuMemcpyHtoD_v2) X(cuMemcpyDtoH_v2) X(cuModuleLoadData) X(cuModuleGetFunction) X(cuLaunchKernel)

static struct {
#define X(name) __typeof__(&name) name;
	FUNCTIONS(X)
#undef X
} cu;

static void must(CUresult result, const char *what)
{
	if (result == CUDA_SUCCESS)
		return;
	fprintf(stderr, "%s: error %d\n", what, (int)result);
	exit(1);
}
#define MUST(name, ...) must(cu.name(__VA_ARGS__), #name)

static void load(void)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW);

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
#define X(name)                                     \
	*(void **)&cu.name = dlsym(library, #name); \
	if (!cu.name)                               \
		exit(2);
	FUNCTIONS(X)
#undef X
}

enum { WORDS = 1024, PAGES = 16, ONE_IN = 20 };

/* In device memory, as the buffer. */
struct progress {
	uint64_t count, rounds;
};

static volatile sig_atomic_t to_change, to_look;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		to_change = to_change + 1;
	else
		to_look = to_look + 1;
}

/* How often a block was changed: round R changes each block B with B % 20 == R % 20. */
static uint32_t changes(size_t block, uint64_t rounds)
{
	uint64_t first = block % ONE_IN ? block % ONE_IN : ONE_IN;

	return rounds < first ? 0 : (uint32_t)((rounds - first) / ONE_IN + 1);
}

/* A block of 64 KiB: every other page of it is zero. */
static void expected(uint32_t words[PAGES][WORDS], size_t block, uint64_t rounds)
{
	for (size_t page = 0; page < PAGES; page += 2)
		for (uint32_t i = 0; i < WORDS; i++)
			words[page][i] = (uint32_t)(block * PAGES + page) * 2654435761u + i +
					 changes(block, rounds) * 40503u;
}

static void write_block(CUdeviceptr buffer, size_t block, uint64_t rounds)
{
	static uint32_t words[PAGES][WORDS];

	expected(words, block, rounds);
	MUST(cuMemcpyHtoD_v2, buffer + block * sizeof(words), words, sizeof(words));
}

static void check_block(CUdeviceptr buffer, size_t block, uint64_t rounds)
{
	static uint32_t words[PAGES][WORDS], wanted[PAGES][WORDS];

	expected(wanted, block, rounds);
	MUST(cuMemcpyDtoH_v2, words, buffer + block * sizeof(words), sizeof(words));
	if (memcmp(words, wanted, sizeof(words)) != 0) {
		fprintf(stderr, "block %zu is not what it was\n", block);
		exit(1);
	}
}

static void tell(const char *path, const struct progress *progress, unsigned looks)
{
	char text[128], name[33] = "";
	CUdevice device;
	CUuuid uuid;
	int fd, n;

	MUST(cuCtxGetDevice, &device);
	MUST(cuDeviceGetUuid, &uuid, device);
	for (int i = 0; i < 16; i++)
		snprintf(name + 2 * i, 3, "%02x", uuid.bytes[i]);
	n = snprintf(text, sizeof(text), "%012llu %s %06llu %06u\n", (unsigned long long)progress->count,
		name, (unsigned long long)progress->rounds, looks);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		exit(2);
	close(fd);
}

static void work(uint32_t ms)
{
	void *parameters[] = {&ms};
	CUmodule module;
	CUfunction kernel;

	MUST(cuModuleLoadData, &module, "// nvbind toy module 1\n.kernel busy\n");
	MUST(cuModuleGetFunction, &kernel, module, "busy");
	MUST(cuLaunchKernel, kernel, 1, 1, 1, 1, 1, 1, 0, NULL, parameters, NULL);
}

/* What was asked for by signals. */
static void serve(CUdeviceptr buffer, size_t blocks, struct progress *progress, unsigned *looks)
{
	for (; to_change; to_change = to_change - 1) {
		progress->rounds++;
		for (size_t b = progress->rounds % ONE_IN; b < blocks; b += ONE_IN)
			write_block(buffer, b, progress->rounds);
	}
	for (; to_look; to_look = to_look - 1) {
		for (size_t b = 0; b < blocks; b++)
			check_block(buffer, b, progress->rounds);
		++*looks;
	}
}

static CUdeviceptr make_buffer(size_t bytes, bool managed)
{
	CUdeviceptr buffer;

	if (managed)
		MUST(cuMemAllocManaged, &buffer, bytes, 1);
	else
		MUST(cuMemAlloc_v2, &buffer, bytes);
	for (size_t b = 0; b < bytes / (PAGES * WORDS * sizeof(uint32_t)); b++)
		write_block(buffer, b, 0);
	return buffer;
}

static int print_pattern(size_t bytes)
{
	static uint32_t words[PAGES][WORDS];

	for (size_t b = 0; b < bytes / sizeof(words); b++) {
		expected(words, b, 0);
		if (fwrite(words, sizeof(words), 1, stdout) != 1)
			return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	const char *mode = argc > 4 ? argv[4] : "";
	struct progress progress = {0};
	CUdeviceptr counter, buffer;
	size_t bytes, blocks;
	CUcontext context;
	unsigned looks = 0;

	if (argc == 3 && strcmp(argv[1], "pattern") == 0)
		return print_pattern(strtoull(argv[2], NULL, 10) << 20);
	if (argc < 4)
		return 2;
	load();
	bytes = strtoull(argv[3], NULL, 10) << 20;
	blocks = bytes / (PAGES * WORDS * sizeof(uint32_t));
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	MUST(cuInit, 0);
	MUST(cuCtxCreate_v2, &context, 0, atoi(argv[2]));
	MUST(cuMemAlloc_v2, &counter, sizeof(progress));
	buffer = make_buffer(bytes, strcmp(mode, "managed") == 0);
	if (strcmp(mode, "keep") == 0 && open(argv[5], O_PATH) < 0)
		return 2;
	MUST(cuMemcpyHtoD_v2, counter, &progress, sizeof(progress));
	for (;;) {
		MUST(cuMemcpyDtoH_v2, &progress, counter, sizeof(progress));
		progress.count++;
		serve(buffer, blocks, &progress, &looks);
		MUST(cuMemcpyHtoD_v2, counter, &progress, sizeof(progress));
		check_block(buffer, progress.count % blocks, progress.rounds);
		tell(argv[1], &progress, looks);
		if (strcmp(mode, "busy") == 0)
			work((uint32_t)atoi(argv[5]));
		nanosleep(&pause, NULL);
	}
}
