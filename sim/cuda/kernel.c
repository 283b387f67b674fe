/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "sim/cuda/kernel.h"

#include <string.h>

static float *floats(void **parameters, size_t index)
{
	return (float *)(uintptr_t) * (CUdeviceptr *)parameters[index];
}

static uint32_t *words(void **parameters, size_t index)
{
	return (uint32_t *)(uintptr_t) * (CUdeviceptr *)parameters[index];
}

static uint64_t smaller(uint64_t threads, const void *n)
{
	uint32_t count = *(const uint32_t *)n;

	return threads < count ? threads : count;
}

/* What a kernel touches must be device memory, aligned for its elements: else it is an illegal address. */
static bool touches(const struct driver *driver, void **parameters, size_t index, uint64_t count)
{
	CUdeviceptr pointer = *(CUdeviceptr *)parameters[index];

	return !count || (pointer % 4 == 0 && cuda_is_device_memory(driver, pointer, count * 4));
}

static CUresult vector_add(const struct driver *driver, uint64_t threads, void **p)
{
	uint64_t n = smaller(threads, p[3]);

	if (!touches(driver, p, 0, n) || !touches(driver, p, 1, n) || !touches(driver, p, 2, n))
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	for (uint64_t i = 0; i < n; i++)
		floats(p, 2)[i] = floats(p, 0)[i] + floats(p, 1)[i];
	return CUDA_SUCCESS;
}

static CUresult saxpy(const struct driver *driver, uint64_t threads, void **p)
{
	uint64_t n = smaller(threads, p[3]);
	float a = *(float *)p[0];

	if (!touches(driver, p, 1, n) || !touches(driver, p, 2, n))
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	for (uint64_t i = 0; i < n; i++)
		floats(p, 2)[i] += a * floats(p, 1)[i];
	return CUDA_SUCCESS;
}

static CUresult fill(const struct driver *driver, uint64_t threads, void **p)
{
	uint64_t n = smaller(threads, p[2]);

	if (!touches(driver, p, 0, n))
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	for (uint64_t i = 0; i < n; i++)
		words(p, 0)[i] = *(uint32_t *)p[1];
	return CUDA_SUCCESS;
}

static CUresult iota(const struct driver *driver, uint64_t threads, void **p)
{
	uint64_t n = smaller(threads, p[2]);

	if (!touches(driver, p, 0, n))
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	for (uint64_t i = 0; i < n; i++)
		words(p, 0)[i] = *(uint32_t *)p[1] + (uint32_t)i;
	return CUDA_SUCCESS;
}

static CUresult sum(const struct driver *driver, uint64_t threads, void **p)
{
	uint64_t n = smaller(threads, p[2]);
	float total = 0;

	if (!touches(driver, p, 0, n) || !touches(driver, p, 1, 1))
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	for (uint64_t i = 0; i < n; i++)
		total += floats(p, 0)[i];
	*floats(p, 1) = total;
	return CUDA_SUCCESS;
}

/* Keeps the GPU busy for that many milliseconds. */
static CUresult busy(const struct driver *driver, uint64_t threads, void **p)
{
	uint32_t ms = *(uint32_t *)p[0];
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)driver;
	(void)threads;
	while (nanosleep(&left, &left) < 0)
		;
	return CUDA_SUCCESS;
}

static const struct kernel kernels[] = {
	{"vector_add", 4, {8, 8, 8, 4}, vector_add},
	{"saxpy", 4, {4, 8, 8, 4}, saxpy},
	{"fill", 3, {8, 4, 4}, fill},
	{"iota", 3, {8, 4, 4}, iota},
	{"sum", 3, {8, 8, 4}, sum},
	{"busy", 1, {4}, busy},
};

const struct kernel *cuda_kernel(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++)
		if (strlen(kernels[i].name) == length && memcmp(kernels[i].name, name, length) == 0)
			return &kernels[i];
	return NULL;
}
