/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_NVML_SYMBOLS_H
#define NVB_INVENTORY_NVML_SYMBOLS_H

#include "inventory/nvml_abi.h"

/*
 * The functions of libnvidia-ml.so.1 that the inventory calls, with their types: the table below is the only
 * place that names them, so a call can neither miss its symbol nor have the wrong type. A function that an
 * older library lacks is NULL, and what only it could tell stays unknown.
 */
#define NVB_NVML_SYMBOLS(X)                                                                             \
	X(nvmlInit_v2, (void))                                                                          \
	X(nvmlShutdown, (void))                                                                         \
	X(nvmlSystemGetDriverVersion, (char *version, uint32_t size))                                   \
	X(nvmlDeviceGetCount_v2, (uint32_t * count))                                                    \
	X(nvmlDeviceGetHandleByIndex_v2, (uint32_t index, nvml_device * device))                        \
	X(nvmlDeviceGetUUID, (nvml_device device, char *uuid, uint32_t size))                           \
	X(nvmlDeviceGetName, (nvml_device device, char *name, uint32_t size))                           \
	X(nvmlDeviceGetPciInfo_v3, (nvml_device device, nvml_pci_info * pci))                           \
	X(nvmlDeviceGetMinorNumber, (nvml_device device, uint32_t * minor))                             \
	X(nvmlDeviceGetMemoryInfo, (nvml_device device, nvml_memory * memory))                          \
	X(nvmlDeviceGetCudaComputeCapability, (nvml_device device, int *major, int *minor))             \
	X(nvmlDeviceGetMigMode, (nvml_device device, uint32_t * current, uint32_t * pending))           \
	X(nvmlDeviceGetMaxMigDeviceCount, (nvml_device device, uint32_t * count))                       \
	X(nvmlDeviceGetMigDeviceHandleByIndex, (nvml_device device, uint32_t index, nvml_device * mig)) \
	X(nvmlDeviceGetGpuInstanceId, (nvml_device mig, uint32_t * id))                                 \
	X(nvmlDeviceGetComputeInstanceId, (nvml_device mig, uint32_t * id))                             \
	X(nvmlDeviceGetAttributes_v2, (nvml_device mig, nvml_device_attributes * attributes))

struct nvb_nvml {
#define X(name, arguments) nvml_return(*name) arguments;
	NVB_NVML_SYMBOLS(X)
#undef X
};

#endif
