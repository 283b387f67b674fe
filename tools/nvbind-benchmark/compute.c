/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "gpu.h"

/* compute LIBRARY ROUNDS: how many multiplications and additions a GPU does in a second, a line "metric
 * compute RATE...". The same on the host and in a container. */

enum { BLOCKS = 1024, THREADS = 256, LOOPS = 65536, CHAINS = 8, WARM_UP = 3 };

/* Eight chains of fused multiplications and additions, each step after the one before. The sums are stored,
 * or a compiler would see that nobody needs them. */
static const char ptx[] = ".version 6.0\n"
			  ".target sm_50\n"
			  ".address_size 64\n"
			  ".visible .entry multiply(.param .u64 p_out, .param .u32 p_loops)\n"
			  "{\n"
			  "	.reg .pred	%p<2>;\n"
			  "	.reg .b32	%r<2>;\n"
			  "	.reg .b64	%rd<3>;\n"
			  "	.reg .f32	%f<10>;\n"
			  "	ld.param.u64	%rd0, [p_out];\n"
			  "	ld.param.u32	%r0, [p_loops];\n"
			  "	cvta.to.global.u64	%rd1, %rd0;\n"
			  "	mov.f32	%f0, 0f3F7FFFFE;\n"
			  "	mov.f32	%f1, 0f3F800000;\n"
			  "	mov.f32	%f2, 0f40000000;\n"
			  "	mov.f32	%f3, 0f40400000;\n"
			  "	mov.f32	%f4, 0f40800000;\n"
			  "	mov.f32	%f5, 0f40A00000;\n"
			  "	mov.f32	%f6, 0f40C00000;\n"
			  "	mov.f32	%f7, 0f40E00000;\n"
			  "	mov.f32	%f8, 0f41000000;\n"
			  "again:\n"
			  "	fma.rn.f32	%f1, %f1, %f0, %f0;\n"
			  "	fma.rn.f32	%f2, %f2, %f0, %f0;\n"
			  "	fma.rn.f32	%f3, %f3, %f0, %f0;\n"
			  "	fma.rn.f32	%f4, %f4, %f0, %f0;\n"
			  "	fma.rn.f32	%f5, %f5, %f0, %f0;\n"
			  "	fma.rn.f32	%f6, %f6, %f0, %f0;\n"
			  "	fma.rn.f32	%f7, %f7, %f0, %f0;\n"
			  "	fma.rn.f32	%f8, %f8, %f0, %f0;\n"
			  "	sub.u32	%r0, %r0, 1;\n"
			  "	setp.ne.u32	%p0, %r0, 0;\n"
			  "	@%p0 bra	again;\n"
			  "	add.f32	%f1, %f1, %f2;\n"
			  "	add.f32	%f3, %f3, %f4;\n"
			  "	add.f32	%f5, %f5, %f6;\n"
			  "	add.f32	%f7, %f7, %f8;\n"
			  "	add.f32	%f1, %f1, %f3;\n"
			  "	add.f32	%f5, %f5, %f7;\n"
			  "	add.f32	%f1, %f1, %f5;\n"
			  "	st.global.f32	[%rd1], %f1;\n"
			  "	ret;\n"
			  "}\n";

struct driver {
	int (*init)(unsigned flags);
	int (*get_device)(int *device, int ordinal);
	int (*retain)(void **context, int device);
	int (*set_current)(void *context);
	int (*synchronize)(void);
	int (*load_module)(void **module, const void *image);
	int (*get_function)(void **function, void *module, const char *name);
	int (*allocate)(uint64_t *pointer, size_t size);
	int (*launch)(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
		unsigned block_y, unsigned block_z, unsigned shared, void *stream, void **parameters,
		void **extra);
};

static int load(struct driver *driver, const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct {
		const char *name;
		void *function;
	} functions[] = {
		{"cuInit", &driver->init},
		{"cuDeviceGet", &driver->get_device},
		{"cuDevicePrimaryCtxRetain", &driver->retain},
		{"cuCtxSetCurrent", &driver->set_current},
		{"cuCtxSynchronize", &driver->synchronize},
		{"cuModuleLoadData", &driver->load_module},
		{"cuModuleGetFunction", &driver->get_function},
		{"cuMemAlloc_v2", &driver->allocate},
		{"cuLaunchKernel", &driver->launch},
	};

	if (!library)
		return gpu_fail("%s", dlerror());
	for (size_t i = 0; i < NVB_ELEMENTS(functions); i++) {
		void *symbol = dlsym(library, functions[i].name);

		if (!symbol)
			return gpu_fail("%s has no %s", path, functions[i].name);
		memcpy(functions[i].function, &symbol, sizeof(symbol));
	}
	return 0;
}

static int measure(const struct driver *driver, void *kernel, uint64_t out, uint32_t rounds)
{
	const double operations = 2.0 * BLOCKS * THREADS * CHAINS * LOOPS;
	uint32_t loops = LOOPS;
	void *parameters[] = {&out, &loops};

	for (uint32_t round = 0; round < rounds + WARM_UP; round++) {
		uint64_t begin = gpu_clock(CLOCK_MONOTONIC);
		int rc = driver->launch(kernel, BLOCKS, 1, 1, THREADS, 1, 1, 0, NULL, parameters, NULL);

		if (rc == 0)
			rc = driver->synchronize();
		if (rc)
			return gpu_fail("the kernel failed: CUDA error %d", rc);
		if (round == WARM_UP)
			fputs("metric compute", stdout);
		if (round >= WARM_UP)
			printf(" %.6g", operations * 1e9 / (double)(gpu_clock(CLOCK_MONOTONIC) - begin));
	}
	putchar('\n');
	return fflush(stdout) == 0 ? 0 : 1;
}

int gpu_compute(int argc, char **argv)
{
	void *context, *module, *kernel;
	struct driver driver;
	uint32_t rounds;
	uint64_t out;
	int device, rc;

	if (argc != 2 || !nvb_parse_u32(argv[1], &rounds) || !rounds || rounds > 10000)
		return gpu_fail("compute needs a library and 1 to 10000 rounds");
	rc = load(&driver, argv[0]);
	if (rc)
		return rc;
	rc = driver.init(0);
	if (rc == 0)
		rc = driver.get_device(&device, 0);
	if (rc == 0)
		rc = driver.retain(&context, device);
	if (rc == 0)
		rc = driver.set_current(context);
	if (rc == 0)
		rc = driver.load_module(&module, ptx);
	if (rc == 0)
		rc = driver.get_function(&kernel, module, "multiply");
	if (rc == 0)
		rc = driver.allocate(&out, sizeof(float));
	return rc ? gpu_fail("no kernel can be run: CUDA error %d", rc)
		  : measure(&driver, kernel, out, rounds);
}
