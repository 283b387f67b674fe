/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gpu.h"

/* start FIRST CLOCK: the first GPU call of a container. FIRST is when its first process was there. */

static int call(int *count)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL), *symbol;
	int (*init)(unsigned flags), (*get_count)(int *count), rc;

	if (!library)
		return gpu_fail("%s", dlerror());
	symbol = dlsym(library, "cuInit");
	memcpy(&init, &symbol, sizeof(symbol));
	symbol = dlsym(library, "cuDeviceGetCount");
	memcpy(&get_count, &symbol, sizeof(symbol));
	if (!init || !get_count)
		return gpu_fail("libcuda.so.1 has no cuInit");
	rc = init(0);
	if (rc == 0)
		rc = get_count(count);
	return rc ? gpu_fail("the first GPU call failed: CUDA error %d", rc) : 0;
}

int gpu_start(int argc, char **argv)
{
	uint64_t begin = gpu_clock(CLOCK_BOOTTIME), end;
	int count = 0, rc;

	if (argc != 2)
		return gpu_fail("start needs the first process's time and clock");
	rc = call(&count);
	end = gpu_clock(CLOCK_BOOTTIME);
	if (rc)
		return rc;
	printf("nvbind-benchmark first %s clock %s begin %llu end %llu gpus %d\n", argv[0], argv[1],
		(unsigned long long)begin, (unsigned long long)end, count);
	return fflush(stdout) == 0 ? 0 : 1;
}
