/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CUDA_API_H
#define SIM_CUDA_API_H

#include "sim/cuda/abi.h"

/* What the simulated libcuda.so.1 exports. Meanings: CUDA Driver API reference. */

/* Initialisation */
CUDA_API CUresult cuInit(unsigned flags);
CUDA_API CUresult cuDriverGetVersion(int *version);

/* Devices */
CUDA_API CUresult cuDeviceGetCount(int *count);
CUDA_API CUresult cuDeviceGet(CUdevice *out, int ordinal);
CUDA_API CUresult cuDeviceGetName(char *name, int length, CUdevice number);
CUDA_API CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice number);
CUDA_API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice number);
CUDA_API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice number);
CUDA_API CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice number);
CUDA_API CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice number);
CUDA_API CUresult cuDeviceGetByPCIBusId(CUdevice *out, const char *id);
CUDA_API CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer);
CUDA_API CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice number);

/* Contexts */
CUDA_API CUresult cuCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice number);
CUDA_API CUresult cuCtxDestroy_v2(CUcontext context);
CUDA_API CUresult cuCtxPushCurrent_v2(CUcontext context);
CUDA_API CUresult cuCtxPopCurrent_v2(CUcontext *context);
CUDA_API CUresult cuCtxSetCurrent(CUcontext context);
CUDA_API CUresult cuCtxGetCurrent(CUcontext *context);
CUDA_API CUresult cuCtxGetDevice(CUdevice *number);
CUDA_API CUresult cuCtxGetFlags(unsigned *flags);
CUDA_API CUresult cuCtxGetApiVersion(CUcontext context, unsigned *version);
CUDA_API CUresult cuCtxSynchronize(void);
CUDA_API CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice number);
CUDA_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice number);
CUDA_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice number);
CUDA_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice number, unsigned flags);
CUDA_API CUresult cuDevicePrimaryCtxGetState(CUdevice number, unsigned *flags, int *active);

/* Green contexts */
CUDA_API CUresult cuDeviceGetDevResource(CUdevice number, CUdevResource *resource, int type);
CUDA_API CUresult cuCtxGetDevResource(CUcontext context, CUdevResource *resource, int type);
CUDA_API CUresult cuDevSmResourceSplitByCount(CUdevResource *groups, unsigned *count,
	const CUdevResource *whole, CUdevResource *remainder, unsigned flags, unsigned at_least);
CUDA_API CUresult cuDevResourceGenerateDesc(CUdevResourceDesc *out, CUdevResource *resources, unsigned count);
CUDA_API CUresult cuGreenCtxCreate(CUgreenCtx *out, CUdevResourceDesc desc, CUdevice number, unsigned flags);
CUDA_API CUresult cuGreenCtxDestroy(CUgreenCtx green);
CUDA_API CUresult cuCtxFromGreenCtx(CUcontext *out, CUgreenCtx green);

/* Memory */
CUDA_API CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size);
CUDA_API CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t size, CUstream stream);
CUDA_API CUresult cuMemFree_v2(CUdeviceptr pointer);
CUDA_API CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream);
CUDA_API CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total);
CUDA_API CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr pointer);
CUDA_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size);
CUDA_API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size);
CUDA_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size);
CUDA_API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t size);
CUDA_API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream);
CUDA_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream);
CUDA_API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream);
CUDA_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream);
CUDA_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count);
CUDA_API CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count);
CUDA_API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count);
CUDA_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream);
CUDA_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream);
CUDA_API CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags);
CUDA_API CUresult cuMemAllocHost_v2(void **pointer, size_t size);
CUDA_API CUresult cuMemFreeHost(void *pointer);

CUDA_API CUresult cuMemAllocManaged(CUdeviceptr *pointer, size_t size, unsigned flags);

/* Memory of other processes */
CUDA_API CUresult cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr pointer);
CUDA_API CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *pointer, CUipcMemHandle handle, unsigned flags);
CUDA_API CUresult cuIpcCloseMemHandle(CUdeviceptr pointer);

/* Checkpoints of other processes */
CUDA_API CUresult cuCheckpointProcessGetRestoreThreadId(int pid, int *tid);
CUDA_API CUresult cuCheckpointProcessGetState(int pid, CUprocessState *state);
CUDA_API CUresult cuCheckpointProcessLock(int pid, CUcheckpointLockArgs *args);
CUDA_API CUresult cuCheckpointProcessCheckpoint(int pid, CUcheckpointCheckpointArgs *args);
CUDA_API CUresult cuCheckpointProcessRestore(int pid, CUcheckpointRestoreArgs *args);
CUDA_API CUresult cuCheckpointProcessUnlock(int pid, CUcheckpointUnlockArgs *args);

/* Streams and events */
CUDA_API CUresult cuStreamCreate(CUstream *out, unsigned flags);
CUDA_API CUresult cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority);
CUDA_API CUresult cuStreamDestroy_v2(CUstream stream);
CUDA_API CUresult cuStreamSynchronize(CUstream stream);
CUDA_API CUresult cuStreamQuery(CUstream stream);
CUDA_API CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags);
CUDA_API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest);
CUDA_API CUresult cuEventCreate(CUevent *out, unsigned flags);
CUDA_API CUresult cuEventDestroy_v2(CUevent event);
CUDA_API CUresult cuEventRecord(CUevent event, CUstream stream);
CUDA_API CUresult cuEventSynchronize(CUevent event);
CUDA_API CUresult cuEventQuery(CUevent event);
CUDA_API CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end);

/* Modules and kernels */
CUDA_API CUresult cuModuleLoadData(CUmodule *out, const void *image);
CUDA_API CUresult cuModuleLoadDataEx(
	CUmodule *out, const void *image, unsigned count, int *options, void **values);
CUDA_API CUresult cuModuleLoad(CUmodule *out, const char *path);
CUDA_API CUresult cuModuleUnload(CUmodule module);
CUDA_API CUresult cuModuleGetFunction(CUfunction *out, CUmodule module, const char *name);
CUDA_API CUresult cuModuleGetGlobal_v2(CUdeviceptr *pointer, size_t *size, CUmodule module, const char *name);
CUDA_API CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
	unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, CUstream stream,
	void **parameters, void **extra);

/* Errors */
CUDA_API CUresult cuGetErrorName(CUresult code, const char **name);
CUDA_API CUresult cuGetErrorString(CUresult code, const char **text);

/* Functions by name. _v2 tells in *status why there is none (CU_GET_PROC_ADDRESS_*); status may be NULL. */
CUDA_API CUresult cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags);
CUDA_API CUresult cuGetProcAddress_v2(
	const char *symbol, void **function, int version, uint64_t flags, int *status);

#endif
