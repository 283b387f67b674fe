/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTEXT_CUDA_ABI_H
#define NVB_CONTEXT_CUDA_ABI_H

#include <stdint.h>

/*
 * The part of libcuda's interface that contexts need: declarations of our own, values as the CUDA Driver API
 * reference documents them. Handles are opaque pointers, and a device is a number.
 */
typedef int cuda_device;
typedef int cuda_result;
typedef struct cuda_context_object *cuda_context;
typedef struct cuda_green_object *cuda_green;
typedef struct cuda_desc_object *cuda_desc;

struct cuda_uuid {
	unsigned char bytes[16];
};

/* CUresult, by what we tell apart. */
enum {
	CUDA_RESULT_SUCCESS = 0,
	CUDA_RESULT_INVALID_VALUE = 1,
	CUDA_RESULT_OUT_OF_MEMORY = 2,
	CUDA_RESULT_NOT_INITIALIZED = 3,
	CUDA_RESULT_DEINITIALIZED = 4,
	CUDA_RESULT_DEVICE_UNAVAILABLE = 46,
	CUDA_RESULT_NO_DEVICE = 100,
	CUDA_RESULT_INVALID_DEVICE = 101,
	CUDA_RESULT_INVALID_CONTEXT = 201,
	CUDA_RESULT_CONTEXT_IS_DESTROYED = 709,
	CUDA_RESULT_NOT_PERMITTED = 800,
	CUDA_RESULT_NOT_SUPPORTED = 801,
	CUDA_RESULT_SYSTEM_DRIVER_MISMATCH = 803,
	CUDA_RESULT_INVALID_RESOURCE_TYPE = 914,
	CUDA_RESULT_INVALID_RESOURCE_CONFIGURATION = 915,
};

enum {
	CUDA_ATTRIBUTE_MULTIPROCESSORS = 16,
	CUDA_RESOURCE_SM = 1,			    /* CU_DEV_RESOURCE_TYPE_SM */
	CUDA_GREEN_DEFAULT_STREAM = 1,		    /* CU_GREEN_CTX_DEFAULT_STREAM: the only mode there is */
	CUDA_RESOURCE_VERSION = 12 * 1000 + 4 * 10, /* the first cuDriverGetVersion() with green contexts */
};

/* CUdevResource: 144 bytes since CUDA 12.4; CUDA 13 took the last eight for a pointer. */
struct cuda_resource {
	uint32_t type;
	unsigned char padding[92];
	union {
		struct {
			uint32_t count, smallest_group, alignment,
				flags; /* all but the count since CUDA 13 */
		} sm;
		unsigned char room[48];
	};
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct cuda_resource) == 144, "CUdevResource");

#endif
