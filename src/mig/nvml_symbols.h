/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_NVML_SYMBOLS_H
#define NVB_MIG_NVML_SYMBOLS_H

#include "inventory/nvml_abi.h"

/* The functions of libnvidia-ml.so.1 that MIG takes; as inventory/nvml_symbols.h, one that an older library
 * lacks is NULL. */
#define NVB_MIG_SYMBOLS(X)                                                                                  \
	X(nvmlInit_v2, (void))                                                                              \
	X(nvmlDeviceGetCount_v2, (uint32_t * count))                                                        \
	X(nvmlDeviceGetHandleByIndex_v2, (uint32_t index, nvml_device * device))                            \
	X(nvmlDeviceGetUUID, (nvml_device device, char *uuid, uint32_t size))                               \
	X(nvmlDeviceGetName, (nvml_device device, char *name, uint32_t size))                               \
	X(nvmlDeviceGetPciInfo_v3, (nvml_device device, nvml_pci_info * pci))                               \
	X(nvmlDeviceGetMemoryInfo, (nvml_device device, nvml_memory * memory))                              \
	X(nvmlDeviceGetMigMode, (nvml_device device, uint32_t * current, uint32_t * pending))               \
	X(nvmlDeviceGetMaxMigDeviceCount, (nvml_device device, uint32_t * count))                           \
	X(nvmlDeviceGetMigDeviceHandleByIndex, (nvml_device device, uint32_t index, nvml_device * mig))     \
	X(nvmlDeviceGetGpuInstanceId, (nvml_device mig, uint32_t * id))                                     \
	X(nvmlDeviceGetComputeInstanceId, (nvml_device mig, uint32_t * id))                                 \
	X(nvmlDeviceGetComputeRunningProcesses_v3,                                                          \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                      \
	X(nvmlDeviceGetGraphicsRunningProcesses_v3,                                                         \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                      \
	X(nvmlDeviceSetMigMode, (nvml_device device, uint32_t mode, nvml_return * activation))              \
	X(nvmlDeviceGetGpuInstanceProfileInfo,                                                              \
		(nvml_device device, uint32_t profile, nvml_gi_profile * info))                             \
	X(nvmlDeviceGetGpuInstanceProfileInfoV,                                                             \
		(nvml_device device, uint32_t profile, nvml_gi_profile_v2 * info))                          \
	X(nvmlDeviceGetGpuInstancePossiblePlacements_v2,                                                    \
		(nvml_device device, uint32_t id, nvml_placement * placements, uint32_t * count))           \
	X(nvmlDeviceGetGpuInstancePossiblePlacements,                                                       \
		(nvml_device device, uint32_t id, nvml_placement * placements, uint32_t * count))           \
	X(nvmlDeviceGetGpuInstances,                                                                        \
		(nvml_device device, uint32_t id, nvml_gpu_instance * instances, uint32_t * count))         \
	X(nvmlDeviceGetGpuInstanceById, (nvml_device device, uint32_t id, nvml_gpu_instance * instance))    \
	X(nvmlDeviceCreateGpuInstance, (nvml_device device, uint32_t id, nvml_gpu_instance * instance))     \
	X(nvmlDeviceCreateGpuInstanceWithPlacement,                                                         \
		(nvml_device device, uint32_t id, const nvml_placement *placement,                          \
			nvml_gpu_instance *instance))                                                       \
	X(nvmlGpuInstanceDestroy, (nvml_gpu_instance instance))                                             \
	X(nvmlGpuInstanceGetInfo, (nvml_gpu_instance instance, nvml_gi_info * info))                        \
	X(nvmlGpuInstanceGetComputeInstanceProfileInfo,                                                     \
		(nvml_gpu_instance instance, uint32_t profile, uint32_t engines, nvml_ci_profile * info))   \
	X(nvmlGpuInstanceGetComputeInstances, (nvml_gpu_instance instance, uint32_t id,                     \
						      nvml_compute_instance * instances, uint32_t * count)) \
	X(nvmlGpuInstanceGetComputeInstanceById,                                                            \
		(nvml_gpu_instance instance, uint32_t id, nvml_compute_instance * compute))                 \
	X(nvmlGpuInstanceCreateComputeInstance,                                                             \
		(nvml_gpu_instance instance, uint32_t id, nvml_compute_instance * compute))                 \
	X(nvmlGpuInstanceCreateComputeInstanceWithPlacement,                                                \
		(nvml_gpu_instance instance, uint32_t id, const nvml_placement *placement,                  \
			nvml_compute_instance *compute))                                                    \
	X(nvmlComputeInstanceDestroy, (nvml_compute_instance compute))                                      \
	X(nvmlComputeInstanceGetInfo_v2, (nvml_compute_instance compute, nvml_ci_info * info))

struct nvb_mig_nvml {
#define X(name, arguments) nvml_return(*name) arguments;
	NVB_MIG_SYMBOLS(X)
#undef X
};

#endif
