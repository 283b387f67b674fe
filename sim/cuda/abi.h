/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CUDA_ABI_H
#define SIM_CUDA_ABI_H

#include <stddef.h>
#include <stdint.h>

/*
 * The part of the CUDA driver API's binary interface that the simulated libcuda offers: numbers and calling
 * conventions as the CUDA Driver API reference documents them; declarations of our own.
 */
#define CUDA_API __attribute__((visibility("default")))

typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef struct context *CUcontext;
typedef struct module *CUmodule;
typedef const struct kernel *CUfunction;
typedef struct stream *CUstream;
typedef struct event *CUevent;
typedef struct green *CUgreenCtx;
typedef struct desc *CUdevResourceDesc;
typedef struct {
	unsigned char bytes[16];
} CUuuid;

typedef enum {
	CUDA_SUCCESS = 0,
	CUDA_ERROR_INVALID_VALUE = 1,
	CUDA_ERROR_OUT_OF_MEMORY = 2,
	CUDA_ERROR_NOT_INITIALIZED = 3,
	CUDA_ERROR_DEINITIALIZED = 4,
	CUDA_ERROR_DEVICE_UNAVAILABLE = 46,
	CUDA_ERROR_NO_DEVICE = 100,
	CUDA_ERROR_INVALID_DEVICE = 101,
	CUDA_ERROR_INVALID_IMAGE = 200,
	CUDA_ERROR_INVALID_CONTEXT = 201,
	CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
	CUDA_ERROR_ECC_UNCORRECTABLE = 214,
	CUDA_ERROR_FILE_NOT_FOUND = 301,
	CUDA_ERROR_OPERATING_SYSTEM = 304,
	CUDA_ERROR_INVALID_HANDLE = 400,
	CUDA_ERROR_ILLEGAL_STATE = 401,
	CUDA_ERROR_NOT_FOUND = 500,
	CUDA_ERROR_NOT_READY = 600,
	CUDA_ERROR_ILLEGAL_ADDRESS = 700,
	CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
	CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE = 708,
	CUDA_ERROR_CONTEXT_IS_DESTROYED = 709,
	CUDA_ERROR_NOT_PERMITTED = 800,
	CUDA_ERROR_NOT_SUPPORTED = 801,
	CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
	CUDA_ERROR_MPS_CONNECTION_FAILED = 805,
	CUDA_ERROR_MPS_RPC_FAILURE = 806,
	CUDA_ERROR_INVALID_RESOURCE_TYPE = 914,
	CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION = 915,
	CUDA_ERROR_UNKNOWN = 999,
} CUresult;

enum { CU_DEV_RESOURCE_TYPE_SM = 1 };

typedef struct {
	char reserved[64];
} CUipcMemHandle;
enum { CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS = 1 };

/* As in CUDA 12.4 and 13: 144 bytes. */
typedef struct {
	uint32_t type;
	unsigned char padding[92];
	uint32_t sm_count;
	uint32_t room[9];
	void *next;
} CUdevResource;

/* Checkpoints, as in CUDA 13.0: every structure of arguments is 64 bytes, reserved ones zero. */
typedef enum {
	CU_PROCESS_STATE_RUNNING = 0,
	CU_PROCESS_STATE_LOCKED,
	CU_PROCESS_STATE_CHECKPOINTED,
	CU_PROCESS_STATE_FAILED,
} CUprocessState;

typedef struct {
	unsigned timeoutMs; /* 0: none */
	unsigned reserved0;
	uint64_t reserved1[7];
} CUcheckpointLockArgs;

typedef struct {
	uint64_t reserved[8];
} CUcheckpointCheckpointArgs;

typedef struct {
	CUuuid oldUuid, newUuid;
} CUcheckpointGpuPair;

typedef struct {
	CUcheckpointGpuPair *gpuPairs;
	unsigned gpuPairsCount;
	char reserved[64 - sizeof(void *) - sizeof(unsigned) - sizeof(uint64_t)];
	uint64_t reserved1;
} CUcheckpointRestoreArgs;

typedef struct {
	uint64_t reserved[8];
} CUcheckpointUnlockArgs;

_Static_assert(sizeof(CUcheckpointLockArgs) == 64 && sizeof(CUcheckpointRestoreArgs) == 64, "cuda.h");

/* CUdevice_attribute: those with an answer other than 0. */
enum {
	CU_ATTR_MAX_THREADS_PER_BLOCK = 1,
	CU_ATTR_MAX_BLOCK_DIM_X = 2,
	CU_ATTR_MAX_BLOCK_DIM_Y = 3,
	CU_ATTR_MAX_BLOCK_DIM_Z = 4,
	CU_ATTR_MAX_GRID_DIM_X = 5,
	CU_ATTR_MAX_GRID_DIM_Y = 6,
	CU_ATTR_MAX_GRID_DIM_Z = 7,
	CU_ATTR_MAX_SHARED_MEMORY_PER_BLOCK = 8,
	CU_ATTR_TOTAL_CONSTANT_MEMORY = 9,
	CU_ATTR_WARP_SIZE = 10,
	CU_ATTR_MAX_PITCH = 11,
	CU_ATTR_MAX_REGISTERS_PER_BLOCK = 12,
	CU_ATTR_CLOCK_RATE = 13,
	CU_ATTR_TEXTURE_ALIGNMENT = 14,
	CU_ATTR_MULTIPROCESSOR_COUNT = 16,
	CU_ATTR_KERNEL_EXEC_TIMEOUT = 17,
	CU_ATTR_COMPUTE_MODE = 20,
	CU_ATTR_ECC_ENABLED = 32,
	CU_ATTR_PCI_BUS_ID = 33,
	CU_ATTR_PCI_DEVICE_ID = 34,
	CU_ATTR_MEMORY_CLOCK_RATE = 36,
	CU_ATTR_GLOBAL_MEMORY_BUS_WIDTH = 37,
	CU_ATTR_L2_CACHE_SIZE = 38,
	CU_ATTR_MAX_THREADS_PER_MULTIPROCESSOR = 39,
	CU_ATTR_ASYNC_ENGINE_COUNT = 40,
	CU_ATTR_UNIFIED_ADDRESSING = 41,
	CU_ATTR_PCI_DOMAIN_ID = 50,
	CU_ATTR_COMPUTE_CAPABILITY_MAJOR = 75,
	CU_ATTR_COMPUTE_CAPABILITY_MINOR = 76,
	CU_ATTR_MAX_REGISTERS_PER_MULTIPROCESSOR = 82,
	CU_ATTR_END = 146, /* above the last one that CUDA 13 defines */
};

enum { CU_GET_PROC_ADDRESS_SUCCESS = 0, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND = 1 };

/* cuLaunchKernel's `extra`: pairs of a name and a pointer, then the end. */
#define CU_LAUNCH_PARAM_END	       ((void *)0)
#define CU_LAUNCH_PARAM_BUFFER_POINTER ((void *)1)
#define CU_LAUNCH_PARAM_BUFFER_SIZE    ((void *)2)

#endif
