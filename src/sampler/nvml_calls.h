/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_NVML_CALLS_H
#define NVB_SAMPLER_NVML_CALLS_H

#include "inventory/nvml_abi.h"

/*
 * The functions of libnvidia-ml.so.1 that the sampler calls, with their types: as in
 * inventory/nvml_symbols.h, the only place that names them. One that a library lacks is NULL.
 */
#define NVB_SAMPLER_CALLS(X)                                                                             \
	X(nvmlInit_v2, (void))                                                                           \
	X(nvmlSystemGetDriverVersion, (char *version, uint32_t size))                                    \
	X(nvmlDeviceGetCount_v2, (uint32_t * count))                                                     \
	X(nvmlDeviceGetHandleByIndex_v2, (uint32_t index, nvml_device * device))                         \
	X(nvmlDeviceGetUUID, (nvml_device device, char *uuid, uint32_t size))                            \
	X(nvmlDeviceGetName, (nvml_device device, char *name, uint32_t size))                            \
	X(nvmlDeviceGetPciInfo_v3, (nvml_device device, nvml_pci_info * pci))                            \
	X(nvmlDeviceGetMinorNumber, (nvml_device device, uint32_t * minor))                              \
	X(nvmlDeviceGetMaxPcieLinkGeneration, (nvml_device device, uint32_t * generation))               \
	X(nvmlDeviceGetMaxPcieLinkWidth, (nvml_device device, uint32_t * width))                         \
	X(nvmlDeviceGetFieldValues, (nvml_device device, int count, nvml_field_value *values))           \
	X(nvmlDeviceGetMemoryInfo_v2, (nvml_device device, nvml_memory_v2 * memory))                     \
	X(nvmlDeviceGetMemoryInfo, (nvml_device device, nvml_memory * memory))                           \
	X(nvmlDeviceGetPowerUsage, (nvml_device device, uint32_t * milliwatts))                          \
	X(nvmlDeviceGetEnforcedPowerLimit, (nvml_device device, uint32_t * milliwatts))                  \
	X(nvmlDeviceGetTemperature, (nvml_device device, uint32_t sensor, uint32_t * celsius))           \
	X(nvmlDeviceGetFanSpeed, (nvml_device device, uint32_t * percent))                               \
	X(nvmlDeviceGetClockInfo, (nvml_device device, uint32_t domain, uint32_t * mhz))                 \
	X(nvmlDeviceGetPerformanceState, (nvml_device device, uint32_t * state))                         \
	X(nvmlDeviceGetCurrentClocksEventReasons, (nvml_device device, uint64_t * reasons))              \
	X(nvmlDeviceGetCurrentClocksThrottleReasons, (nvml_device device, uint64_t * reasons))           \
	X(nvmlDeviceGetCurrPcieLinkGeneration, (nvml_device device, uint32_t * generation))              \
	X(nvmlDeviceGetCurrPcieLinkWidth, (nvml_device device, uint32_t * width))                        \
	X(nvmlDeviceGetNvLinkState, (nvml_device device, uint32_t link, uint32_t * active))              \
	X(nvmlDeviceGetTotalEccErrors,                                                                   \
		(nvml_device device, uint32_t type, uint32_t counter, uint64_t * count))                 \
	X(nvmlDeviceGetUtilizationRates, (nvml_device device, nvml_utilization * rates))                 \
	X(nvmlDeviceGetSamples, (nvml_device device, uint32_t type, uint64_t last_seen,                  \
					uint32_t * value_type, uint32_t * count, nvml_sample * samples)) \
	X(nvmlDeviceGetProcessUtilization, (nvml_device device, nvml_process_utilization * samples,      \
						   uint32_t * count, uint64_t last_seen))                \
	X(nvmlDeviceGetComputeRunningProcesses_v3,                                                       \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                   \
	X(nvmlDeviceGetComputeRunningProcesses_v2,                                                       \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                   \
	X(nvmlDeviceGetGraphicsRunningProcesses_v3,                                                      \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                   \
	X(nvmlDeviceGetGraphicsRunningProcesses_v2,                                                      \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                   \
	X(nvmlDeviceGetMPSComputeRunningProcesses_v3,                                                    \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                   \
	X(nvmlDeviceGetMPSComputeRunningProcesses_v2,                                                    \
		(nvml_device device, uint32_t * count, nvml_process_info * processes))                   \
	X(nvmlDeviceGetMigMode, (nvml_device device, uint32_t * current, uint32_t * pending))            \
	X(nvmlDeviceGetMaxMigDeviceCount, (nvml_device device, uint32_t * count))                        \
	X(nvmlDeviceGetMigDeviceHandleByIndex, (nvml_device device, uint32_t index, nvml_device * mig))  \
	X(nvmlDeviceGetGpuInstanceId, (nvml_device mig, uint32_t * id))                                  \
	X(nvmlDeviceGetComputeInstanceId, (nvml_device mig, uint32_t * id))                              \
	X(nvmlEventSetCreate, (nvml_event_set * set))                                                    \
	X(nvmlDeviceRegisterEvents, (nvml_device device, uint64_t types, nvml_event_set set))            \
	X(nvmlEventSetWait_v2, (nvml_event_set set, nvml_event_data * data, uint32_t timeout_ms))

struct nvb_sampler_calls {
#define X(name, arguments) nvml_return(*name) arguments;
	NVB_SAMPLER_CALLS(X)
#undef X
};

#endif
