/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CUDA program for the simulated libcuda.so.1, which it finds as any program does: by its SONAME.
 *
 *	cuda-toy list                 devices: number, UUID, bytes of memory, multiprocessors, name
 *	cuda-toy run [DEVICE]         vector add, saxpy and sum on the device, results checked
 *	cuda-toy hold DEVICE MIB      allocates, prints "ready", waits for the end of stdin
 *	cuda-toy fill DEVICE          allocates GiB after GiB until there is no more: prints how many
 *	cuda-toy lock PID MS          the bare call of the driver, with that time-out: prints its result
 *	cuda-toy misuse               everything a program can do wrong gets its error
 *
 * Exits with 1 and the error's name when a call fails.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cuda/api.h"

#define ELEMENTS 100000u

static __typeof__(cuGetProcAddress_v2) *find;

/* A function of the library, with its type; the name as headers spell it. */
#define CU(name, versioned) ((__typeof__(versioned) *)function(name))

static void *function(const char *name)
{
	void *f = NULL;

	if (find(name, &f, 12000, 0, NULL) != CUDA_SUCCESS) {
		fprintf(stderr, "no %s\n", name);
		exit(1);
	}
	return f;
}

static void must(CUresult result, const char *what)
{
	const char *name = "?";

	if (result == CUDA_SUCCESS)
		return;
	CU("cuGetErrorName", cuGetErrorName)(result, &name);
	fprintf(stderr, "%s: %s\n", what, name);
	exit(1);
}

static CUcontext open_device(int number)
{
	CUcontext context;

	must(CU("cuCtxCreate", cuCtxCreate_v2)(&context, 0, number), "cuCtxCreate");
	return context;
}

static void list(void)
{
	int count;

	must(CU("cuDeviceGetCount", cuDeviceGetCount)(&count), "cuDeviceGetCount");
	for (int i = 0; i < count; i++) {
		char name[256], pci[32];
		size_t bytes;
		CUuuid uuid;
		int sms, back;

		must(CU("cuDeviceGetName", cuDeviceGetName)(name, sizeof(name), i), "cuDeviceGetName");
		must(CU("cuDeviceTotalMem", cuDeviceTotalMem_v2)(&bytes, i), "cuDeviceTotalMem");
		must(CU("cuDeviceGetUuid", cuDeviceGetUuid_v2)(&uuid, i), "cuDeviceGetUuid");
		must(CU("cuDeviceGetAttribute", cuDeviceGetAttribute)(&sms, CU_ATTR_MULTIPROCESSOR_COUNT, i),
			"cuDeviceGetAttribute");
		must(CU("cuDeviceGetPCIBusId", cuDeviceGetPCIBusId)(pci, sizeof(pci), i),
			"cuDeviceGetPCIBusId");
		must(CU("cuDeviceGetByPCIBusId", cuDeviceGetByPCIBusId)(&back, pci), "cuDeviceGetByPCIBusId");
		printf("%d ", i);
		for (int b = 0; b < 16; b++)
			printf("%02x%s", uuid.bytes[b], b == 3 || b == 5 || b == 7 || b == 9 ? "-" : "");
		printf(" %zu %d %s\n", bytes, sms, name);
	}
}

static void launch(CUmodule module, const char *name, void **parameters)
{
	CUfunction kernel;

	must(CU("cuModuleGetFunction", cuModuleGetFunction)(&kernel, module, name), name);
	must(CU("cuLaunchKernel", cuLaunchKernel)(
		     kernel, (ELEMENTS + 255) / 256, 1, 1, 256, 1, 1, 0, NULL, parameters, NULL),
		name);
}

static CUdeviceptr upload(const float *data)
{
	CUdeviceptr p;

	must(CU("cuMemAlloc", cuMemAlloc_v2)(&p, ELEMENTS * sizeof(float)), "cuMemAlloc");
	must(CU("cuMemcpyHtoD", cuMemcpyHtoD_v2)(p, data, ELEMENTS * sizeof(float)), "cuMemcpyHtoD");
	return p;
}

static void run(int number)
{
	static float a[ELEMENTS], b[ELEMENTS], c[ELEMENTS];
	static const char image[] =
		"// nvbind toy module 1\n.kernel vector_add\n.kernel saxpy\n.kernel sum\n";
	unsigned n = ELEMENTS;
	float factor = 2, total;
	CUdeviceptr da, db, dc;
	CUcontext context = open_device(number);
	CUmodule module;

	for (unsigned i = 0; i < n; i++) {
		a[i] = (float)(i % 1000);
		b[i] = 1;
	}
	da = upload(a);
	db = upload(b);
	dc = upload(c);
	must(CU("cuModuleLoadData", cuModuleLoadData)(&module, image), "cuModuleLoadData");
	launch(module, "vector_add", (void *[]){&da, &db, &dc, &n}); /* c = a + 1 */
	launch(module, "saxpy", (void *[]){&factor, &da, &dc, &n});  /* c = 3 a + 1 */
	must(CU("cuMemcpyDtoH", cuMemcpyDtoH_v2)(c, dc, sizeof(c)), "cuMemcpyDtoH");
	for (unsigned i = 0; i < n; i++)
		if (c[i] != 3 * a[i] + 1) {
			fprintf(stderr, "element %u is %f\n", i, (double)c[i]);
			exit(1);
		}
	launch(module, "sum", (void *[]){&db, &da, &n});
	must(CU("cuMemcpyDtoH", cuMemcpyDtoH_v2)(&total, da, sizeof(total)), "cuMemcpyDtoH");
	if (total != (float)ELEMENTS) {
		fprintf(stderr, "the sum is %f\n", (double)total);
		exit(1);
	}
	must(CU("cuModuleUnload", cuModuleUnload)(module), "cuModuleUnload");
	must(CU("cuMemFree", cuMemFree_v2)(da), "cuMemFree");
	must(CU("cuCtxDestroy", cuCtxDestroy_v2)(context), "cuCtxDestroy");
	printf("%u elements, all right\n", n);
}

static void hold(int number, size_t mib)
{
	CUdeviceptr p;
	char byte;

	open_device(number);
	must(CU("cuMemAlloc", cuMemAlloc_v2)(&p, mib << 20), "cuMemAlloc");
	must(CU("cuMemsetD8", cuMemsetD8_v2)(p, 0xa5, 4096), "cuMemsetD8");
	printf("ready\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
}

static void fill(int number)
{
	size_t available, total;
	unsigned count = 0;
	CUdeviceptr p;
	CUresult result;

	open_device(number);
	while ((result = CU("cuMemAlloc", cuMemAlloc_v2)(&p, UINT64_C(1) << 30)) == CUDA_SUCCESS)
		count++;
	if (result != CUDA_ERROR_OUT_OF_MEMORY)
		must(result, "cuMemAlloc");
	must(CU("cuMemGetInfo", cuMemGetInfo_v2)(&available, &total), "cuMemGetInfo");
	if (available >= UINT64_C(1) << 30) {
		fprintf(stderr, "out of memory with %zu bytes left\n", available);
		exit(1);
	}
	printf("%u GiB\n", count);
}

static int wrong;

static void expect(CUresult got, CUresult wanted, const char *what)
{
	if (got == wanted)
		return;
	fprintf(stderr, "%s: %d instead of %d\n", what, (int)got, (int)wanted);
	wrong = 1;
}

/* As a bare caller of the driver does it, without the checks of ours. */
static void lock(int pid, unsigned ms)
{
	CUcheckpointLockArgs args = {.timeoutMs = ms};
	const char *name = "?";

	CU("cuGetErrorName", cuGetErrorName)
	(CU("cuCheckpointProcessLock", cuCheckpointProcessLock)(pid, &args), &name);
	puts(name);
}

static void misuse(void)
{
	unsigned n = 1000, value = 1;
	void *parameters[] = {NULL, &value, &n};
	CUcontext context;
	CUdeviceptr p, stray;
	CUfunction kernel;
	CUmodule module;
	int number;
	char byte;

	expect(CU("cuCtxCreate", cuCtxCreate_v2)(&context, 0, 99), CUDA_ERROR_INVALID_DEVICE,
		"no such device");
	expect(CU("cuMemAlloc", cuMemAlloc_v2)(&p, 1), CUDA_ERROR_INVALID_CONTEXT, "no context");
	context = open_device(0);
	expect(CU("cuMemAlloc", cuMemAlloc_v2)(&p, 0), CUDA_ERROR_INVALID_VALUE, "nothing allocated");
	expect(CU("cuMemAlloc", cuMemAlloc_v2)(&p, SIZE_MAX), CUDA_ERROR_OUT_OF_MEMORY, "too much allocated");
	must(CU("cuMemAlloc", cuMemAlloc_v2)(&p, 4096), "cuMemAlloc");
	expect(CU("cuMemcpyDtoH", cuMemcpyDtoH_v2)(&byte, p + 4096, 1), CUDA_ERROR_INVALID_VALUE,
		"copy behind the end");
	expect(CU("cuMemFree", cuMemFree_v2)(p + 1), CUDA_ERROR_INVALID_VALUE, "free of a part");
	expect(CU("cuModuleLoadData", cuModuleLoadData)(&module, ".version 8.0\n"),
		CUDA_ERROR_NO_BINARY_FOR_GPU, "real code");
	expect(CU("cuModuleLoadData", cuModuleLoadData)(
		       &module, "// nvbind toy module 1\n.kernel nonsense\n"),
		CUDA_ERROR_INVALID_IMAGE, "unknown kernel");
	must(CU("cuModuleLoadData", cuModuleLoadData)(&module, "// nvbind toy module 1\n.kernel fill\n"),
		"module");
	expect(CU("cuModuleGetFunction", cuModuleGetFunction)(&kernel, module, "saxpy"), CUDA_ERROR_NOT_FOUND,
		"a kernel of no module");
	must(CU("cuModuleGetFunction", cuModuleGetFunction)(&kernel, module, "fill"), "fill");
	parameters[0] = &p;
	expect(CU("cuLaunchKernel", cuLaunchKernel)(kernel, 1, 1, 1, 2048, 1, 1, 0, NULL, parameters, NULL),
		CUDA_ERROR_INVALID_VALUE, "a block too large");
	stray = p + 4096;
	parameters[0] = &stray;
	expect(CU("cuLaunchKernel", cuLaunchKernel)(kernel, 1, 1, 1, 1000, 1, 1, 0, NULL, parameters, NULL),
		CUDA_ERROR_ILLEGAL_ADDRESS, "a stray pointer");
	expect(CU("cuCtxSynchronize", cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS, "the error stays");
	must(CU("cuCtxDestroy", cuCtxDestroy_v2)(context), "cuCtxDestroy");
	expect(CU("cuCtxDestroy", cuCtxDestroy_v2)(context), CUDA_ERROR_INVALID_CONTEXT, "destroyed twice");
	expect(CU("cuDeviceGetByPCIBusId", cuDeviceGetByPCIBusId)(&number, "rubbish"),
		CUDA_ERROR_INVALID_VALUE, "no PCI address");
	if (wrong)
		exit(1);
	printf("every mistake has its error\n");
}

int main(int argc, char **argv)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW);
	const char *mode = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	find = (__typeof__(find))dlsym(library, "cuGetProcAddress_v2");
	if (!find) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	must(CU("cuInit", cuInit)(0), "cuInit");
	if (strcmp(mode, "list") == 0)
		list();
	else if (strcmp(mode, "run") == 0)
		run(number);
	else if (strcmp(mode, "hold") == 0 && argc > 3)
		hold(number, (size_t)atoi(argv[3]));
	else if (strcmp(mode, "fill") == 0)
		fill(number);
	else if (strcmp(mode, "lock") == 0 && argc > 3)
		lock(number, (unsigned)atoi(argv[3]));
	else if (strcmp(mode, "misuse") == 0)
		misuse();
	else
		return 2;
	return 0;
}
