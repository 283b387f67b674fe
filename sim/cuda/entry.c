/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sim/cuda/api.h"

/* Functions by the name that headers give them, in the version that is asked for today. */
static const struct {
	const char *name;
	void (*function)(void);
} functions[] = {
#define FUNCTION(name, symbol)                \
	{                                     \
#name, (void (*)(void))symbol \
	}
	FUNCTION(cuCheckpointProcessCheckpoint, cuCheckpointProcessCheckpoint),
	FUNCTION(cuCheckpointProcessGetRestoreThreadId, cuCheckpointProcessGetRestoreThreadId),
	FUNCTION(cuCheckpointProcessGetState, cuCheckpointProcessGetState),
	FUNCTION(cuCheckpointProcessLock, cuCheckpointProcessLock),
	FUNCTION(cuCheckpointProcessRestore, cuCheckpointProcessRestore),
	FUNCTION(cuCheckpointProcessUnlock, cuCheckpointProcessUnlock),
	FUNCTION(cuCtxCreate, cuCtxCreate_v2),
	FUNCTION(cuCtxDestroy, cuCtxDestroy_v2),
	FUNCTION(cuCtxFromGreenCtx, cuCtxFromGreenCtx),
	FUNCTION(cuCtxGetApiVersion, cuCtxGetApiVersion),
	FUNCTION(cuCtxGetCurrent, cuCtxGetCurrent),
	FUNCTION(cuCtxGetDevResource, cuCtxGetDevResource),
	FUNCTION(cuCtxGetDevice, cuCtxGetDevice),
	FUNCTION(cuCtxGetFlags, cuCtxGetFlags),
	FUNCTION(cuCtxGetStreamPriorityRange, cuCtxGetStreamPriorityRange),
	FUNCTION(cuCtxPopCurrent, cuCtxPopCurrent_v2),
	FUNCTION(cuCtxPushCurrent, cuCtxPushCurrent_v2),
	FUNCTION(cuCtxSetCurrent, cuCtxSetCurrent),
	FUNCTION(cuCtxSynchronize, cuCtxSynchronize),
	FUNCTION(cuDevResourceGenerateDesc, cuDevResourceGenerateDesc),
	FUNCTION(cuDevSmResourceSplitByCount, cuDevSmResourceSplitByCount),
	FUNCTION(cuDeviceCanAccessPeer, cuDeviceCanAccessPeer),
	FUNCTION(cuDeviceComputeCapability, cuDeviceComputeCapability),
	FUNCTION(cuDeviceGet, cuDeviceGet),
	FUNCTION(cuDeviceGetAttribute, cuDeviceGetAttribute),
	FUNCTION(cuDeviceGetByPCIBusId, cuDeviceGetByPCIBusId),
	FUNCTION(cuDeviceGetCount, cuDeviceGetCount),
	FUNCTION(cuDeviceGetDevResource, cuDeviceGetDevResource),
	FUNCTION(cuDeviceGetName, cuDeviceGetName),
	FUNCTION(cuDeviceGetPCIBusId, cuDeviceGetPCIBusId),
	FUNCTION(cuDeviceGetUuid, cuDeviceGetUuid_v2),
	FUNCTION(cuDevicePrimaryCtxGetState, cuDevicePrimaryCtxGetState),
	FUNCTION(cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2),
	FUNCTION(cuDevicePrimaryCtxReset, cuDevicePrimaryCtxReset_v2),
	FUNCTION(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain),
	FUNCTION(cuDevicePrimaryCtxSetFlags, cuDevicePrimaryCtxSetFlags_v2),
	FUNCTION(cuDeviceTotalMem, cuDeviceTotalMem_v2),
	FUNCTION(cuDriverGetVersion, cuDriverGetVersion),
	FUNCTION(cuEventCreate, cuEventCreate),
	FUNCTION(cuEventDestroy, cuEventDestroy_v2),
	FUNCTION(cuEventElapsedTime, cuEventElapsedTime),
	FUNCTION(cuEventQuery, cuEventQuery),
	FUNCTION(cuEventRecord, cuEventRecord),
	FUNCTION(cuEventSynchronize, cuEventSynchronize),
	FUNCTION(cuGetErrorName, cuGetErrorName),
	FUNCTION(cuGetErrorString, cuGetErrorString),
	FUNCTION(cuGetProcAddress, cuGetProcAddress_v2),
	FUNCTION(cuGreenCtxCreate, cuGreenCtxCreate),
	FUNCTION(cuGreenCtxDestroy, cuGreenCtxDestroy),
	FUNCTION(cuInit, cuInit),
	FUNCTION(cuIpcCloseMemHandle, cuIpcCloseMemHandle),
	FUNCTION(cuIpcGetMemHandle, cuIpcGetMemHandle),
	FUNCTION(cuIpcOpenMemHandle, cuIpcOpenMemHandle_v2),
	FUNCTION(cuLaunchKernel, cuLaunchKernel),
	FUNCTION(cuMemAlloc, cuMemAlloc_v2),
	FUNCTION(cuMemAllocAsync, cuMemAllocAsync),
	FUNCTION(cuMemAllocManaged, cuMemAllocManaged),
	FUNCTION(cuMemAllocHost, cuMemAllocHost_v2),
	FUNCTION(cuMemFree, cuMemFree_v2),
	FUNCTION(cuMemFreeAsync, cuMemFreeAsync),
	FUNCTION(cuMemFreeHost, cuMemFreeHost),
	FUNCTION(cuMemGetAddressRange, cuMemGetAddressRange_v2),
	FUNCTION(cuMemGetInfo, cuMemGetInfo_v2),
	FUNCTION(cuMemHostAlloc, cuMemHostAlloc),
	FUNCTION(cuMemcpy, cuMemcpy),
	FUNCTION(cuMemcpyAsync, cuMemcpyAsync),
	FUNCTION(cuMemcpyDtoD, cuMemcpyDtoD_v2),
	FUNCTION(cuMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2),
	FUNCTION(cuMemcpyDtoH, cuMemcpyDtoH_v2),
	FUNCTION(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2),
	FUNCTION(cuMemcpyHtoD, cuMemcpyHtoD_v2),
	FUNCTION(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2),
	FUNCTION(cuMemsetD16, cuMemsetD16_v2),
	FUNCTION(cuMemsetD32, cuMemsetD32_v2),
	FUNCTION(cuMemsetD32Async, cuMemsetD32Async),
	FUNCTION(cuMemsetD8, cuMemsetD8_v2),
	FUNCTION(cuMemsetD8Async, cuMemsetD8Async),
	FUNCTION(cuModuleGetFunction, cuModuleGetFunction),
	FUNCTION(cuModuleGetGlobal, cuModuleGetGlobal_v2),
	FUNCTION(cuModuleLoad, cuModuleLoad),
	FUNCTION(cuModuleLoadData, cuModuleLoadData),
	FUNCTION(cuModuleLoadDataEx, cuModuleLoadDataEx),
	FUNCTION(cuModuleUnload, cuModuleUnload),
	FUNCTION(cuStreamCreate, cuStreamCreate),
	FUNCTION(cuStreamCreateWithPriority, cuStreamCreateWithPriority),
	FUNCTION(cuStreamDestroy, cuStreamDestroy_v2),
	FUNCTION(cuStreamQuery, cuStreamQuery),
	FUNCTION(cuStreamSynchronize, cuStreamSynchronize),
	FUNCTION(cuStreamWaitEvent, cuStreamWaitEvent),
#undef FUNCTION
};

CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags, int *status)
{
	(void)version;
	(void)flags;
	if (!symbol || !function)
		return CUDA_ERROR_INVALID_VALUE;
	*function = NULL;
	if (status)
		*status = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (strcmp(functions[i].name, symbol) == 0) {
			memcpy(function, &functions[i].function, sizeof(*function));
			if (status)
				*status = CU_GET_PROC_ADDRESS_SUCCESS;
			return CUDA_SUCCESS;
		}
	return CUDA_ERROR_NOT_FOUND;
}

CUresult cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags)
{
	return cuGetProcAddress_v2(symbol, function, version, flags, NULL);
}
