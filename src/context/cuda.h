/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTEXT_CUDA_H
#define NVB_CONTEXT_CUDA_H

#include <stdatomic.h>

#include "base/error.h"
#include "context/cuda_abi.h"
#include "nvbind/context.h"

/*
 * The functions of libcuda.so.1 that are called, with their types: the tables below are the only place that
 * names them, so a call can neither miss its symbol nor have the wrong type. Of the second a driver may lack
 * some; then they are NULL. Names are those of the versions whose arguments stand here.
 */
#define NVB_CUDA_SYMBOLS(X)                                                             \
	X(cuInit, (unsigned flags))                                                     \
	X(cuDriverGetVersion, (int *version))                                           \
	X(cuDeviceGetCount, (int *count))                                               \
	X(cuDeviceGet, (cuda_device * device, int ordinal))                             \
	X(cuDeviceGetByPCIBusId, (cuda_device * device, const char *address))           \
	X(cuDeviceGetAttribute, (int *value, int attribute, cuda_device device))        \
	X(cuDevicePrimaryCtxRetain, (cuda_context * context, cuda_device device))       \
	X(cuDevicePrimaryCtxRelease_v2, (cuda_device device))                           \
	X(cuCtxCreate_v2, (cuda_context * context, unsigned flags, cuda_device device)) \
	X(cuCtxDestroy_v2, (cuda_context context))                                      \
	X(cuCtxPopCurrent_v2, (cuda_context * context))                                 \
	X(cuCtxGetCurrent, (cuda_context * context))                                    \
	X(cuCtxSetCurrent, (cuda_context context))                                      \
	X(cuGetErrorName, (cuda_result code, const char **name))                        \
	X(cuGetErrorString, (cuda_result code, const char **text))

#define NVB_CUDA_OPTIONAL_SYMBOLS(X)                                                                       \
	X(cuDeviceGetUuid, (struct cuda_uuid * uuid, cuda_device device))                                  \
	X(cuDeviceGetUuid_v2, (struct cuda_uuid * uuid, cuda_device device))                               \
	X(cuDeviceGetDevResource, (cuda_device device, struct cuda_resource * resource, int type))         \
	X(cuDevSmResourceSplitByCount,                                                                     \
		(struct cuda_resource * groups, unsigned *group_count, const struct cuda_resource *whole,  \
			struct cuda_resource *remainder, unsigned flags, unsigned at_least))               \
	X(cuDevResourceGenerateDesc, (cuda_desc * desc, struct cuda_resource * resources, unsigned count)) \
	X(cuGreenCtxCreate, (cuda_green * green, cuda_desc desc, cuda_device device, unsigned flags))      \
	X(cuGreenCtxDestroy, (cuda_green green))                                                           \
	X(cuCtxFromGreenCtx, (cuda_context * context, cuda_green green))

struct nvb_cuda {
#define X(name, arguments) cuda_result(*name) arguments;
	NVB_CUDA_SYMBOLS(X)
	NVB_CUDA_OPTIONAL_SYMBOLS(X)
#undef X
};

/* Shared by the handle and the contexts that were made with it. */
struct nvb_contexts {
	struct nvb_cuda cuda;
	int version; /* cuDriverGetVersion: 12040 for 12.4 */
	atomic_uint users;
};

struct nvb_context {
	cuda_result (*set_current)(
		cuda_context context); /* beside the handle: one cache line on the hot way */
	cuda_context handle;
	struct nvb_contexts *contexts;
	enum nvb_context_kind kind;
	cuda_device device;
	int ordinal;
	char uuid[48];
	unsigned multiprocessors;
	cuda_green green;
};

/* Finds all functions in the library; NVB_ERR_NOT_FOUND, NVB_ERR_UNSUPPORTED. */
int nvb_cuda_load(const char *library, struct nvb_cuda *cuda, nvb_error **err);

/* 0, or the error that CUDA's result is; `what` begins the message. */
int nvb_cuda_check(const struct nvb_cuda *cuda, cuda_result result, const char *what, nvb_error **err);

/* A green context of the device and its plain handle into *context, whose device is set. */
int nvb_context_make_green(
	struct nvb_context *context, const struct nvb_context_options *options, nvb_error **err);

/* The device that the options name, with its UUID, into *context. */
int nvb_context_find_device(
	struct nvb_context *context, const struct nvb_context_options *options, nvb_error **err);

#endif
