/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sim/cuda/api.h"
#include "sim/cuda/driver.h"

/*
 * Green contexts: what a program sees of them. The groups a device is split into have the sizes that hardware
 * would give them; what runs in one runs on the calling thread all the same.
 */

enum { GREEN_VERSION = 12040, GREEN_DEFAULT_STREAM = 1 };

struct desc {
	unsigned sms;
	struct desc *next;
};

struct green {
	struct context *context;
	struct green *next;
};

/* Guarded by the library's lock. Descriptions have no call that frees them. */
static struct desc *descs;
static struct green *greens;

/* A driver before CUDA 12.4 has none of this. */
static CUresult enter(struct driver **driver)
{
	struct sim_machine machine;
	CUresult result = cuda_enter(driver);

	if (result != CUDA_SUCCESS)
		return result;
	sim_read_machine((*driver)->client.map.state, &machine);
	return machine.cuda_version < GREEN_VERSION ? CUDA_ERROR_NOT_SUPPORTED : CUDA_SUCCESS;
}

CUresult cuDeviceGetDevResource(CUdevice number, CUdevResource *resource, int type)
{
	struct driver *driver;
	struct device *device;
	CUresult result = enter(&driver);

	if (result == CUDA_SUCCESS)
		result = resource ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS && type != CU_DEV_RESOURCE_TYPE_SM)
		result = CUDA_ERROR_INVALID_RESOURCE_TYPE;
	if (result == CUDA_SUCCESS) {
		*resource = (CUdevResource){.type = CU_DEV_RESOURCE_TYPE_SM};
		resource->sm_count = device->sms;
		/* The driver hides which device it is of in its padding; so do we. */
		resource->padding[0] = (unsigned char)(number + 1);
	}
	return cuda_leave(result);
}

/* Source: CUDA Driver API reference, cuDevSmResourceSplitByCount: the smallest group and what it grows by. */
static unsigned group_size(const struct driver *driver, const struct device *device, unsigned at_least)
{
	struct sim_gpu gpu;
	unsigned smallest, step;

	sim_read_gpu(driver->client.map.state, device->gpu, &gpu);
	smallest = gpu.cc_major >= 9 ? 8 : gpu.cc_major == 8 ? 4 : gpu.cc_major == 7 ? 2 : 1;
	step = gpu.cc_major >= 9 ? 8 : gpu.cc_major >= 7 ? 2 : 1;
	if (at_least < smallest)
		at_least = smallest;
	return (at_least + step - 1) / step * step;
}

CUresult cuDevSmResourceSplitByCount(CUdevResource *groups, unsigned *count, const CUdevResource *whole,
	CUdevResource *remainder, unsigned flags, unsigned at_least)
{
	struct driver *driver;
	struct device *device;
	unsigned size, fit;
	CUresult result = enter(&driver);

	if (result == CUDA_SUCCESS && (!count || !whole || flags || (groups && !*count)))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS && whole->type != CU_DEV_RESOURCE_TYPE_SM)
		result = CUDA_ERROR_INVALID_RESOURCE_TYPE;
	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, whole->padding[0] - 1, &device);
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	size = group_size(driver, device, at_least);
	fit = whole->sm_count / size;
	if (!fit)
		return cuda_leave(CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION);
	if (!groups) {
		*count = fit;
		return cuda_leave(CUDA_SUCCESS);
	}
	if (*count > fit)
		*count = fit;
	for (unsigned i = 0; i < *count; i++) {
		groups[i] = *whole;
		groups[i].sm_count = size;
	}
	if (remainder) {
		*remainder = *whole;
		remainder->sm_count = whole->sm_count - *count * size;
	}
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuDevResourceGenerateDesc(CUdevResourceDesc *out, CUdevResource *resources, unsigned count)
{
	struct driver *driver;
	struct desc *desc;
	CUresult result = enter(&driver);

	if (result == CUDA_SUCCESS && (!out || !resources || !count))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	desc = calloc(1, sizeof(*desc));
	if (!desc)
		return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
	for (unsigned i = 0; i < count; i++)
		desc->sms += resources[i].sm_count;
	desc->next = descs;
	descs = desc;
	*out = desc;
	return cuda_leave(CUDA_SUCCESS);
}

static bool is_desc(const struct desc *desc)
{
	for (const struct desc *d = descs; d; d = d->next)
		if (d == desc)
			return true;
	return false;
}

static struct green **find(const struct green *green)
{
	struct green **link = &greens;

	while (*link && *link != green)
		link = &(*link)->next;
	return link;
}

CUresult cuGreenCtxCreate(CUgreenCtx *out, CUdevResourceDesc desc, CUdevice number, unsigned flags)
{
	struct driver *driver;
	struct device *device;
	struct green *green;
	CUresult result = enter(&driver);

	if (result == CUDA_SUCCESS && (!out || flags != GREEN_DEFAULT_STREAM || !is_desc(desc)))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, number, &device);
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	green = calloc(1, sizeof(*green));
	if (!green)
		return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
	result = cuda_context_create(driver, device, 0, &green->context);
	if (result != CUDA_SUCCESS) {
		free(green);
		return cuda_leave(result);
	}
	green->context->green_sms = desc->sms;
	green->next = greens;
	greens = green;
	*out = green;
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuGreenCtxDestroy(CUgreenCtx green)
{
	struct driver *driver;
	struct green **link;
	CUresult result = cuda_enter(&driver);

	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	link = find(green);
	if (!*link)
		return cuda_leave(CUDA_ERROR_INVALID_CONTEXT);
	*link = green->next;
	cuda_context_destroy(driver, green->context);
	free(green);
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuCtxFromGreenCtx(CUcontext *out, CUgreenCtx green)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && (!out || !*find(green)))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*out = green->context;
	return cuda_leave(result);
}

/* Of a context that is none, the whole device. */
CUresult cuCtxGetDevResource(CUcontext context, CUdevResource *resource, int type)
{
	struct driver *driver;
	CUresult result = enter(&driver);

	if (result == CUDA_SUCCESS && (!resource || !cuda_context_exists(driver, context)))
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS && type != CU_DEV_RESOURCE_TYPE_SM)
		result = CUDA_ERROR_INVALID_RESOURCE_TYPE;
	if (result == CUDA_SUCCESS) {
		*resource = (CUdevResource){.type = CU_DEV_RESOURCE_TYPE_SM};
		resource->sm_count = context->green_sms ? context->green_sms : context->device->sms;
		resource->padding[0] = (unsigned char)(context->device - driver->device + 1);
	}
	return cuda_leave(result);
}
