/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes that share device memory by CUDA IPC.
 *
 *	gpu-ipc FILE
 *
 * The first has the memory, the second opens a handle of it, writes to it, and the first looks whether it is
 *there. Then FILE says "shared". With SIGUSR1 the second closes it and the first gives the memory back: FILE
 *says "closed". Both go on until they are told to end. Exits with 1 and a line on standard error when
 *something is not as it must be.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sim/cuda/api.h"

#define FUNCTIONS(X)         \
	X(cuInit)            \
	X(cuCtxCreate_v2)    \
	X(cuMemAlloc_v2)     \
	X(cuMemAllocManaged) \
	X(cuMemFree_v2)      \
	X(cuMemcpyHtoD_v2)   \
	X(cuMemcpyDtoH_v2)   \
	X(cuIpcGetMemHandle) X(cuIpcOpenMemHandle_v2) X(cuIpcCloseMemHandle)

static struct {
#define X(name) __typeof__(&name) name;
	FUNCTIONS(X)
#undef X
} cu;

enum { SIZE = 1 << 20, FIRST = 0x1111, SECOND = 0x2222 };

static void expect(int result, int wanted, const char *what)
{
	if (result == wanted)
		return;
	fprintf(stderr, "%s: %d and not %d\n", what, result, wanted);
	exit(1);
}
#define MUST(name, ...)	       expect((int)cu.name(__VA_ARGS__), CUDA_SUCCESS, #name)
#define FAILS(code, name, ...) expect((int)cu.name(__VA_ARGS__), code, #name)

static void begin(void)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW);
	CUcontext context;

	expect(library != NULL, 1, "libcuda.so.1");
#define X(name)                                     \
	*(void **)&cu.name = dlsym(library, #name); \
	expect(cu.name != NULL, 1, #name);
	FUNCTIONS(X)
#undef X
	MUST(cuInit, 0);
	MUST(cuCtxCreate_v2, &context, 0, 0);
}

static void put(CUdeviceptr to, int value)
{
	MUST(cuMemcpyHtoD_v2, to, &value, sizeof(value));
}

static int get(CUdeviceptr from)
{
	int value;

	MUST(cuMemcpyDtoH_v2, &value, from, sizeof(value));
	return value;
}

static void say(const char *path, const char *what)
{
	FILE *file = fopen(path, "w");

	expect(file && fputs(what, file) >= 0 && fclose(file) == 0, 1, path);
}

static void transfer(ssize_t n, size_t size)
{
	expect(n == (ssize_t)size, 1, "the other process");
}

static void second(int in, int out)
{
	CUipcMemHandle handle, none = {{0}};
	CUdeviceptr memory;
	char word = 'x';

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, SIG_IGN);
	begin();
	transfer(read(in, &handle, sizeof(handle)), sizeof(handle));
	FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle_v2, &memory, none,
		CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
	FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle_v2, &memory, handle, 0);
	MUST(cuIpcOpenMemHandle_v2, &memory, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
	expect(get(memory), FIRST, "what the first wrote");
	put(memory + SIZE - sizeof(int), SECOND);
	/* It is no allocation of this process'. */
	FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2, memory);
	FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2, &word, memory + SIZE, 1);
	transfer(write(out, &word, 1), 1);
	transfer(read(in, &word, 1), 1);
	MUST(cuIpcCloseMemHandle, memory);
	FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcCloseMemHandle, memory);
	transfer(write(out, &word, 1), 1);
	for (;;)
		pause();
}

static void first(const char *path, int in, int out)
{
	CUipcMemHandle handle;
	CUdeviceptr memory, managed, own;
	sigset_t closing;
	char word;
	int number;

	sigemptyset(&closing);
	sigaddset(&closing, SIGUSR1);
	sigprocmask(SIG_BLOCK, &closing, NULL);
	begin();
	MUST(cuMemAlloc_v2, &memory, SIZE);
	MUST(cuMemAllocManaged, &managed, SIZE, 1);
	FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle, &handle, managed);
	MUST(cuMemFree_v2, managed);
	FAILS(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle, &handle, 4096);
	put(memory, FIRST);
	MUST(cuIpcGetMemHandle, &handle, memory);
	FAILS(CUDA_ERROR_INVALID_CONTEXT, cuIpcOpenMemHandle_v2, &own, handle,
		CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
	transfer(write(out, &handle, sizeof(handle)), sizeof(handle));
	transfer(read(in, &word, 1), 1);
	expect(get(memory + SIZE - sizeof(int)), SECOND, "what the second wrote");
	say(path, "shared\n");
	sigwait(&closing, &number);
	transfer(write(out, &word, 1), 1);
	transfer(read(in, &word, 1), 1);
	expect(get(memory), FIRST, "the memory, while the other has closed it");
	MUST(cuMemFree_v2, memory);
	say(path, "closed\n");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int down[2], up[2];

	if (argc != 2 || pipe(down) < 0 || pipe(up) < 0)
		return 2;
	/* Before either has a driver. */
	if (fork() == 0)
		second(down[0], up[1]);
	first(argv[1], up[0], down[1]);
}
