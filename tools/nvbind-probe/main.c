/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What `doctor` runs in a throw-away capsule. `nvbind-probe nothing` ends well; `nvbind-probe gpu` finds the
 * driver as every program does, fills memory of each GPU by a command of the card's, and reads it back. One
 * line, and 0 or 1. Needs the C library alone. Source of the calls: CUDA Driver API reference.
 */
typedef int cu_result;
typedef int cu_device;
typedef void *cu_context;
typedef uint64_t cu_address;

#define SYMBOLS(X)                                                                               \
	X(cuInit, cuInit, (unsigned flags))                                                      \
	X(cuDeviceGetCount, cuDeviceGetCount, (int *count))                                      \
	X(cuDeviceGet, cuDeviceGet, (cu_device * device, int ordinal))                           \
	X(cuGetErrorName, cuGetErrorName, (cu_result result, const char **name))                 \
	X(cuCtxCreate, cuCtxCreate_v2, (cu_context * context, unsigned flags, cu_device device)) \
	X(cuCtxDestroy, cuCtxDestroy_v2, (cu_context context))                                   \
	X(cuMemAlloc, cuMemAlloc_v2, (cu_address * address, size_t size))                        \
	X(cuMemFree, cuMemFree_v2, (cu_address address))                                         \
	X(cuMemsetD32, cuMemsetD32_v2, (cu_address address, unsigned value, size_t count))       \
	X(cuMemcpyDtoH, cuMemcpyDtoH_v2, (void *to, cu_address from, size_t size))

static struct {
#define X(field, symbol, arguments) cu_result(*field) arguments;
	SYMBOLS(X)
#undef X
} cuda;

enum { WORDS = 64 * 1024 };

static int current = -1; /* CUDA's number of the device that is tried */

static void say_which(void)
{
	if (current >= 0)
		printf("CUDA device %d: ", current);
}

static int fail(const char *what, cu_result result)
{
	const char *name = NULL;

	if (!cuda.cuGetErrorName || cuda.cuGetErrorName(result, &name) || !name)
		name = "unknown error";
	say_which();
	printf("%s: %s (%d)\n", what, name, result);
	return 1;
}

static int load(void)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW);

	if (!library) {
		printf("%s\n", dlerror());
		return 1;
	}
#define X(field, symbol, arguments)                          \
	*(void **)&cuda.field = dlsym(library, #symbol);     \
	if (!cuda.field) {                                   \
		printf("libcuda.so.1 has no %s\n", #symbol); \
		return 1;                                    \
	}
	SYMBOLS(X)
#undef X
	return 0;
}

static int try_memory(unsigned pattern)
{
	static unsigned back[WORDS];
	cu_address address;
	cu_result rc = cuda.cuMemAlloc(&address, sizeof(back));

	if (rc)
		return fail("cuMemAlloc", rc);
	rc = cuda.cuMemsetD32(address, pattern, WORDS);
	if (rc)
		return fail("cuMemsetD32", rc);
	rc = cuda.cuMemcpyDtoH(back, address, sizeof(back));
	if (rc)
		return fail("cuMemcpyDtoH", rc);
	for (size_t i = 0; i < WORDS; i++)
		if (back[i] != pattern) {
			say_which();
			printf("word %zu of GPU memory is %#x after %#x was written\n", i, back[i], pattern);
			return 1;
		}
	rc = cuda.cuMemFree(address);
	return rc ? fail("cuMemFree", rc) : 0;
}

static int try_device(int ordinal)
{
	cu_context context;
	cu_device device;
	cu_result rc = cuda.cuDeviceGet(&device, ordinal);
	int status;

	if (rc)
		return fail("cuDeviceGet", rc);
	rc = cuda.cuCtxCreate(&context, 0, device);
	if (rc)
		return fail("cuCtxCreate", rc);
	status = try_memory(0xa5a50000u + (unsigned)ordinal);
	rc = cuda.cuCtxDestroy(context);
	return status ? status : rc ? fail("cuCtxDestroy", rc) : 0;
}

int main(int argc, char **argv)
{
	cu_result rc;
	int count = 0;

	if (argc == 2 && strcmp(argv[1], "nothing") == 0) {
		puts("a program ran");
		return 0;
	}
	if (argc != 2 || strcmp(argv[1], "gpu") != 0) {
		fputs("nvbind-probe: usage: nvbind-probe nothing|gpu; run by doctor\n", stderr);
		return 2;
	}
	if (load())
		return 1;
	rc = cuda.cuInit(0);
	if (rc)
		return fail("cuInit", rc);
	rc = cuda.cuDeviceGetCount(&count);
	if (rc)
		return fail("cuDeviceGetCount", rc);
	if (!count) {
		puts("CUDA finds no device");
		return 1;
	}
	for (current = 0; current < count; current++)
		if (try_device(current))
			return 1;
	printf("%d CUDA device%s computed and remembered\n", count, count == 1 ? "" : "s");
	return 0;
}
