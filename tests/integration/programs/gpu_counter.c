/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with something to lose on the GPU: a counter and a large buffer in device memory. Counts until it
 * is told to end, looks at every count whether the buffer is what it was, and writes "COUNT UUID" over FILE.
 *
 *	gpu-counter FILE DEVICE MIB [managed | busy MS | keep PATH]
 *
 * managed: the buffer is managed memory. busy: after the first count the GPU works for so long. keep: PATH
 * stays open. Exits with 1 and a line on standard error when something is lost.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/cuda/api.h"

#define FUNCTIONS(X)                                                                   \
	X(cuInit)                                                                      \
	X(cuCtxCreate_v2)                                                              \
	X(cuCtxGetDevice)                                                              \
	X(cuDeviceGetUuid)                                                             \
	X(cuMemAlloc_v2)                                                               \
	X(cuMemAllocManaged) X(cuMemcpyHtoD_v2) X(cuMemcpyDtoH_v2) X(cuModuleLoadData) \
		X(cuModuleGetFunction) X(cuLaunchKernel)

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

enum { WORDS = 1024 };

static void expected(uint32_t *words, size_t block)
{
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = (uint32_t)block * 2654435761u + i;
}

/* Every other block of the buffer is written, the others stay zero. */
static void write_buffer(CUdeviceptr buffer, size_t blocks)
{
	uint32_t words[WORDS];

	for (size_t b = 0; b < blocks; b += 2) {
		expected(words, b);
		MUST(cuMemcpyHtoD_v2, buffer + b * sizeof(words), words, sizeof(words));
	}
}

static void check_block(CUdeviceptr buffer, size_t block)
{
	uint32_t words[WORDS], wanted[WORDS] = {0};

	if (block % 2 == 0)
		expected(wanted, block);
	MUST(cuMemcpyDtoH_v2, words, buffer + block * sizeof(words), sizeof(words));
	if (memcmp(words, wanted, sizeof(words)) != 0) {
		fprintf(stderr, "block %zu is not what it was\n", block);
		exit(1);
	}
}

static void tell(const char *path, uint64_t count)
{
	char text[128], name[33] = "";
	CUdevice device;
	CUuuid uuid;
	int fd, n;

	MUST(cuCtxGetDevice, &device);
	MUST(cuDeviceGetUuid, &uuid, device);
	for (int i = 0; i < 16; i++)
		snprintf(name + 2 * i, 3, "%02x", uuid.bytes[i]);
	n = snprintf(text, sizeof(text), "%012llu %s\n", (unsigned long long)count, name);
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

int main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	const char *mode = argc > 4 ? argv[4] : "";
	CUdeviceptr counter, buffer;
	size_t bytes, blocks;
	CUcontext context;
	uint64_t count = 0;

	if (argc < 4)
		return 2;
	load();
	bytes = strtoull(argv[3], NULL, 10) << 20;
	blocks = bytes / (WORDS * sizeof(uint32_t));
	MUST(cuInit, 0);
	MUST(cuCtxCreate_v2, &context, 0, atoi(argv[2]));
	MUST(cuMemAlloc_v2, &counter, sizeof(count));
	if (strcmp(mode, "managed") == 0)
		MUST(cuMemAllocManaged, &buffer, bytes, 1);
	else
		MUST(cuMemAlloc_v2, &buffer, bytes);
	if (strcmp(mode, "keep") == 0 && open(argv[5], O_PATH) < 0)
		return 2;
	write_buffer(buffer, blocks);
	MUST(cuMemcpyHtoD_v2, counter, &count, sizeof(count));
	for (;;) {
		MUST(cuMemcpyDtoH_v2, &count, counter, sizeof(count));
		count++;
		MUST(cuMemcpyHtoD_v2, counter, &count, sizeof(count));
		for (size_t i = 0; i < 8; i++)
			check_block(buffer, (count * 8 + i) % blocks);
		tell(argv[1], count);
		if (strcmp(mode, "busy") == 0)
			work((uint32_t)atoi(argv[5]));
		nanosleep(&pause, NULL);
	}
}
