/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIG through the machine's own NVML, found by its SONAME:
 *
 *	sim-mig mode GPU 0|1
 *	sim-mig create GPU PROFILE_ID COMPUTE_PROFILE_ID    prints "GI CI"
 *	sim-mig destroy GPU GI CI
 *
 * Exits with 1 and NVML's number when a call fails.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *library;

/* Any function of NVML: all take what fits in a register and return a number. */
typedef int (*nvml_function)(void *, void *, void *, void *);

static void call(const char *name, void *a, void *b, void *c)
{
	nvml_function f = (nvml_function)dlsym(library, name);
	int rc = f ? f(a, b, c, NULL) : -1;

	if (rc == 0)
		return;
	fprintf(stderr, "%s: %d\n", name, rc);
	exit(1);
}

static void *number(const char *text)
{
	return (void *)(uintptr_t)strtoul(text, NULL, 10);
}

/* nvmlGpuInstanceInfo_t begins with the device, then the id; nvmlComputeInstanceInfo_t with device and GPU
 * instance. */
struct info {
	void *device;
	unsigned char rest[120];
};

static unsigned id_at(const struct info *info, size_t offset)
{
	unsigned id;

	memcpy(&id, (const char *)info + offset, sizeof(id));
	return id;
}

static void create(void *device, char **argv)
{
	struct info info = {0};
	void *gi = NULL, *ci = NULL;
	unsigned gi_id;

	call("nvmlDeviceCreateGpuInstance", device, number(argv[0]), &gi);
	call("nvmlGpuInstanceGetInfo", gi, &info, NULL);
	gi_id = id_at(&info, 8);
	call("nvmlGpuInstanceCreateComputeInstance", gi, number(argv[1]), &ci);
	call("nvmlComputeInstanceGetInfo_v2", ci, &info, NULL);
	printf("%u %u\n", gi_id, id_at(&info, 16));
}

static void destroy(void *device, char **argv)
{
	void *gi = NULL, *ci = NULL;

	call("nvmlDeviceGetGpuInstanceById", device, number(argv[0]), &gi);
	call("nvmlGpuInstanceGetComputeInstanceById", gi, number(argv[1]), &ci);
	call("nvmlComputeInstanceDestroy", ci, NULL, NULL);
	call("nvmlGpuInstanceDestroy", gi, NULL, NULL);
}

int main(int argc, char **argv)
{
	void *device = NULL;
	int activation = 0;

	library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
	if (!library || argc < 4) {
		fprintf(stderr, "%s\n", library ? "sim-mig mode|create|destroy GPU ..." : dlerror());
		return 2;
	}
	call("nvmlInit_v2", NULL, NULL, NULL);
	call("nvmlDeviceGetHandleByIndex_v2", number(argv[2]), &device, NULL);
	if (strcmp(argv[1], "mode") == 0)
		call("nvmlDeviceSetMigMode", device, number(argv[3]), &activation);
	else if (strcmp(argv[1], "create") == 0 && argc == 5)
		create(device, argv + 3);
	else if (strcmp(argv[1], "destroy") == 0 && argc == 5)
		destroy(device, argv + 3);
	else
		return 2;
	return 0;
}
