/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "sim/cuda/api.h"
#include "sim/cuda/driver.h"

enum { STACK_MAX = 64, API_VERSION = 3020 };

/* The thread's contexts; the top one is current. A destroyed one may still lie here: it is looked up before
 * use. */
static __thread struct {
	struct context *context[STACK_MAX];
	int depth;
} stack;

bool cuda_context_exists(const struct driver *driver, const struct context *context)
{
	for (const struct context *c = driver->contexts; c; c = c->next)
		if (c == context)
			return true;
	return false;
}

static struct context *top(void)
{
	return stack.depth ? stack.context[stack.depth - 1] : NULL;
}

CUresult cuda_current(const struct driver *driver, struct context **context)
{
	struct context *current = top();
	CUresult result;

	if (!current)
		return CUDA_ERROR_INVALID_CONTEXT;
	if (!cuda_context_exists(driver, current))
		return CUDA_ERROR_CONTEXT_IS_DESTROYED;
	if (current->broken != CUDA_SUCCESS)
		return current->broken;
	*context = current;
	result = cuda_mps_health(driver);
	return result == CUDA_SUCCESS ? cuda_device_health(driver, current->device) : result;
}

/* A new context on a device: the daemon is told, and may refuse. */
CUresult cuda_context_create(
	struct driver *driver, struct device *device, unsigned flags, struct context **out)
{
	struct context *context = calloc(1, sizeof(*context));
	CUresult result;

	if (!context)
		return CUDA_ERROR_OUT_OF_MEMORY;
	result = cuda_device_health(driver, device);
	if (result == CUDA_SUCCESS)
		result = cuda_connect(driver);
	if (result == CUDA_SUCCESS) {
		device->contexts++;
		result = cuda_report_use(driver, device, device->memory.allocated);
		if (result != CUDA_SUCCESS)
			device->contexts--;
	}
	if (result != CUDA_SUCCESS) {
		free(context);
		if (!driver->contexts)
			cuda_disconnect(driver);
		return result;
	}
	context->device = device;
	context->flags = flags;
	context->next = driver->contexts;
	driver->contexts = context;
	*out = context;
	return CUDA_SUCCESS;
}

void cuda_context_destroy(struct driver *driver, struct context *context)
{
	struct device *device = context->device;

	for (struct context **link = &driver->contexts; *link; link = &(*link)->next)
		if (*link == context) {
			*link = context->next;
			break;
		}
	cuda_free_all(driver, context);
	device->contexts--;
	cuda_report_use(driver, device, device->memory.allocated);
	if (!device->contexts && device->memory.fd >= 0) {
		close(device->memory.fd);
		device->memory.fd = -1;
	}
	free(context);
	/* With the last context the device is closed. */
	if (!driver->contexts)
		cuda_disconnect(driver);
}

CUresult cuCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice number)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = out && stack.depth < STACK_MAX ? cuda_device(driver, number, &device)
							: CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		result = cuda_context_create(driver, device, flags, out);
	if (result == CUDA_SUCCESS)
		stack.context[stack.depth++] = *out;
	return cuda_leave(result);
}

CUresult cuCtxDestroy_v2(CUcontext context)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !cuda_context_exists(driver, context))
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS && (context->device->primary == context || context->green_sms))
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS) {
		if (top() == context)
			stack.depth--;
		cuda_context_destroy(driver, context);
	}
	return cuda_leave(result);
}

CUresult cuCtxPushCurrent_v2(CUcontext context)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && (!cuda_context_exists(driver, context) || stack.depth == STACK_MAX))
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS)
		stack.context[stack.depth++] = context;
	return cuda_leave(result);
}

CUresult cuCtxPopCurrent_v2(CUcontext *context)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !stack.depth)
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS) {
		stack.depth--;
		if (context)
			*context = stack.context[stack.depth];
	}
	return cuda_leave(result);
}

/* Replaces the top of the stack; NULL takes it away. */
CUresult cuCtxSetCurrent(CUcontext context)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && context && !cuda_context_exists(driver, context))
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS) {
		if (stack.depth)
			stack.depth--;
		if (context)
			stack.context[stack.depth++] = context;
	}
	return cuda_leave(result);
}

CUresult cuCtxGetCurrent(CUcontext *context)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !context)
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*context = top();
	return cuda_leave(result);
}

CUresult cuCtxGetDevice(CUdevice *number)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = number ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*number = (CUdevice)(context->device - driver->device);
	return cuda_leave(result);
}

CUresult cuCtxGetFlags(unsigned *flags)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = flags ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*flags = context->flags;
	return cuda_leave(result);
}

CUresult cuCtxGetApiVersion(CUcontext context, unsigned *version)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && context && !cuda_context_exists(driver, context))
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS && !version)
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		*version = API_VERSION;
	return cuda_leave(result);
}

/* All work is done by the time a call returns; what is left to report is an error. */
CUresult cuCtxSynchronize(void)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = cuda_current(driver, &context);
	return cuda_leave(result);
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice number)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = out ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS && !device->primary)
		result = cuda_context_create(driver, device, device->primary_flags, &device->primary);
	if (result == CUDA_SUCCESS) {
		device->primary_users++;
		*out = device->primary;
	}
	return cuda_leave(result);
}

static void destroy_primary(struct driver *driver, struct device *device)
{
	struct context *primary = device->primary;

	device->primary = NULL;
	if (primary)
		cuda_context_destroy(driver, primary);
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice number)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, number, &device);
	if (result == CUDA_SUCCESS && !device->primary_users)
		result = CUDA_ERROR_INVALID_CONTEXT;
	if (result == CUDA_SUCCESS && --device->primary_users == 0)
		destroy_primary(driver, device);
	return cuda_leave(result);
}

/* Takes the context away however many hold it; they find it destroyed. */
CUresult cuDevicePrimaryCtxReset_v2(CUdevice number)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, number, &device);
	if (result == CUDA_SUCCESS) {
		device->primary_users = 0;
		destroy_primary(driver, device);
	}
	return cuda_leave(result);
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice number, unsigned flags)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = cuda_device(driver, number, &device);
	if (result == CUDA_SUCCESS)
		device->primary_flags = flags;
	return cuda_leave(result);
}

CUresult cuDevicePrimaryCtxGetState(CUdevice number, unsigned *flags, int *active)
{
	struct driver *driver;
	struct device *device;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = flags && active ? cuda_device(driver, number, &device) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS) {
		*flags = device->primary_flags;
		*active = device->primary != NULL;
	}
	return cuda_leave(result);
}
