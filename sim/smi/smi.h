/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SMI_H
#define SIM_SMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "inventory/nvml_abi.h"

/*
 * The simulated machine's nvidia-smi: what people and scripts use of NVIDIA's, on any libnvidia-ml.so.1.
 * Links the C library alone.
 */

/* Every function it calls. One that the library has not stays NULL, and what it would tell is N/A. */
#define SMI_FUNCTIONS(X)                                                                            \
	X(nvmlInit_v2, (void))                                                                      \
	X(nvmlShutdown, (void))                                                                     \
	X(nvmlSystemGetDriverVersion, (char *, uint32_t))                                           \
	X(nvmlSystemGetNVMLVersion, (char *, uint32_t))                                             \
	X(nvmlSystemGetCudaDriverVersion_v2, (int *))                                               \
	X(nvmlSystemGetProcessName, (uint32_t, char *, uint32_t))                                   \
	X(nvmlDeviceGetCount_v2, (uint32_t *))                                                      \
	X(nvmlDeviceGetHandleByIndex_v2, (uint32_t, nvml_device *))                                 \
	X(nvmlDeviceGetHandleByUUID, (const char *, nvml_device *))                                 \
	X(nvmlDeviceGetHandleByPciBusId_v2, (const char *, nvml_device *))                          \
	X(nvmlDeviceGetIndex, (nvml_device, uint32_t *))                                            \
	X(nvmlDeviceGetName, (nvml_device, char *, uint32_t))                                       \
	X(nvmlDeviceGetUUID, (nvml_device, char *, uint32_t))                                       \
	X(nvmlDeviceGetSerial, (nvml_device, char *, uint32_t))                                     \
	X(nvmlDeviceGetVbiosVersion, (nvml_device, char *, uint32_t))                               \
	X(nvmlDeviceGetBoardPartNumber, (nvml_device, char *, uint32_t))                            \
	X(nvmlDeviceGetGspFirmwareVersion, (nvml_device, char *))                                   \
	X(nvmlDeviceGetPciInfo_v3, (nvml_device, nvml_pci_info *))                                  \
	X(nvmlDeviceGetMinorNumber, (nvml_device, uint32_t *))                                      \
	X(nvmlDeviceGetBrand, (nvml_device, uint32_t *))                                            \
	X(nvmlDeviceGetArchitecture, (nvml_device, uint32_t *))                                     \
	X(nvmlDeviceGetCudaComputeCapability, (nvml_device, int *, int *))                          \
	X(nvmlDeviceGetDisplayMode, (nvml_device, uint32_t *))                                      \
	X(nvmlDeviceGetDisplayActive, (nvml_device, uint32_t *))                                    \
	X(nvmlDeviceGetPersistenceMode, (nvml_device, uint32_t *))                                  \
	X(nvmlDeviceGetComputeMode, (nvml_device, uint32_t *))                                      \
	X(nvmlDeviceGetPerformanceState, (nvml_device, uint32_t *))                                 \
	X(nvmlDeviceGetMemoryInfo_v2, (nvml_device, nvml_memory_v2 *))                              \
	X(nvmlDeviceGetBAR1MemoryInfo, (nvml_device, nvml_bar1_memory *))                           \
	X(nvmlDeviceGetUtilizationRates, (nvml_device, nvml_utilization *))                         \
	X(nvmlDeviceGetEncoderUtilization, (nvml_device, uint32_t *, uint32_t *))                   \
	X(nvmlDeviceGetDecoderUtilization, (nvml_device, uint32_t *, uint32_t *))                   \
	X(nvmlDeviceGetTemperature, (nvml_device, uint32_t, uint32_t *))                            \
	X(nvmlDeviceGetTemperatureThreshold, (nvml_device, uint32_t, uint32_t *))                   \
	X(nvmlDeviceGetFanSpeed, (nvml_device, uint32_t *))                                         \
	X(nvmlDeviceGetPowerUsage, (nvml_device, uint32_t *))                                       \
	X(nvmlDeviceGetPowerManagementLimit, (nvml_device, uint32_t *))                             \
	X(nvmlDeviceGetEnforcedPowerLimit, (nvml_device, uint32_t *))                               \
	X(nvmlDeviceGetPowerManagementDefaultLimit, (nvml_device, uint32_t *))                      \
	X(nvmlDeviceGetPowerManagementLimitConstraints, (nvml_device, uint32_t *, uint32_t *))      \
	X(nvmlDeviceGetClockInfo, (nvml_device, uint32_t, uint32_t *))                              \
	X(nvmlDeviceGetMaxClockInfo, (nvml_device, uint32_t, uint32_t *))                           \
	X(nvmlDeviceGetApplicationsClock, (nvml_device, uint32_t, uint32_t *))                      \
	X(nvmlDeviceGetCurrPcieLinkGeneration, (nvml_device, uint32_t *))                           \
	X(nvmlDeviceGetCurrPcieLinkWidth, (nvml_device, uint32_t *))                                \
	X(nvmlDeviceGetMaxPcieLinkGeneration, (nvml_device, uint32_t *))                            \
	X(nvmlDeviceGetMaxPcieLinkWidth, (nvml_device, uint32_t *))                                 \
	X(nvmlDeviceGetEccMode, (nvml_device, uint32_t *, uint32_t *))                              \
	X(nvmlDeviceGetTotalEccErrors, (nvml_device, uint32_t, uint32_t, uint64_t *))               \
	X(nvmlDeviceGetFieldValues, (nvml_device, int, nvml_field_value *))                         \
	X(simDeviceReset, (nvml_device))                                                            \
	X(nvmlDeviceGetMigMode, (nvml_device, uint32_t *, uint32_t *))                              \
	X(nvmlDeviceGetMaxMigDeviceCount, (nvml_device, uint32_t *))                                \
	X(nvmlDeviceGetMigDeviceHandleByIndex, (nvml_device, uint32_t, nvml_device *))              \
	X(nvmlDeviceGetGpuInstanceId, (nvml_device, uint32_t *))                                    \
	X(nvmlDeviceGetComputeInstanceId, (nvml_device, uint32_t *))                                \
	X(nvmlDeviceGetAttributes_v2, (nvml_device, nvml_device_attributes *))                      \
	X(nvmlDeviceGetComputeRunningProcesses_v3, (nvml_device, uint32_t *, nvml_process_info *))  \
	X(nvmlDeviceGetGraphicsRunningProcesses_v3, (nvml_device, uint32_t *, nvml_process_info *)) \
	X(nvmlDeviceGetMPSComputeRunningProcesses_v3, (nvml_device, uint32_t *, nvml_process_info *))

struct nvml {
	void *library;
	const char *(*nvmlErrorString)(nvml_return code);
#define SMI_POINTER(name, arguments) nvml_return(*name) arguments;
	SMI_FUNCTIONS(SMI_POINTER)
#undef SMI_POINTER
};

/* Calls a function that may be missing. */
#define NVML(nvml, name, ...) ((nvml)->name ? (nvml)->name(__VA_ARGS__) : NVML_FUNCTION_NOT_FOUND)

/* Exit codes, as nvidia-smi's manual lists them. */
enum {
	SMI_USAGE = 2,
	SMI_NOT_FOUND = 6,
	SMI_DRIVER_NOT_LOADED = 9,
	SMI_LIBRARY_NOT_FOUND = 12,
	SMI_UNKNOWN_OPTION = 255,
};

/* What is asked for. */
struct options {
	enum { SMI_SUMMARY, SMI_LIST, SMI_REPORT, SMI_QUERY_GPU, SMI_QUERY_APPS, SMI_VERSION, SMI_RESET } action;
	bool xml, header, units;
	const char *fields; /* of --query-gpu, --query-compute-apps */
	const char *format; /* of --format */
	const char *target; /* of -i: indices, UUIDs, bus ids, comma-separated */
	unsigned loop;	    /* seconds; 0: once */
	FILE *out;
};

/* The GPUs that are shown. */
struct gpu {
	nvml_device device;
	uint32_t index;
};

struct smi {
	struct nvml nvml;
	struct options options;
	FILE *out;
	uint32_t count;	   /* shown */
	uint32_t attached; /* all there are */
	struct gpu gpus[64];
};

/* An answer as text, without its unit. */
struct value {
	nvml_return result;
	char text[160];
};

/* One thing that can be asked about a GPU: --query-gpu's names, and what the report is made of. */
struct field {
	const char *name, *alias; /* alias may be NULL */
	const char *unit;	  /* NULL: none */
	void (*get)(const struct smi *smi, const struct gpu *gpu, uint32_t argument, struct value *value);
	uint32_t argument;
};

const struct field *smi_find_field(const char *name, size_t length);
void smi_list_fields(FILE *out);
struct value smi_value(const struct smi *smi, const struct gpu *gpu, const char *name);
/* Text of a result that is no answer: "N/A", "GPU is lost". */
const char *smi_result_text(const struct smi *smi, nvml_return result);

int smi_load(struct nvml *nvml);
int smi_summary(struct smi *smi);
int smi_list(struct smi *smi);
int smi_report(struct smi *smi);
int smi_query_gpus(struct smi *smi);
int smi_query_apps(struct smi *smi);
int smi_version(struct smi *smi);

/* The driver version that the library belongs to, and its first two numbers. */
void smi_library_version(const struct smi *smi, char version[NVML_VERSION_SIZE]);
void smi_short_version(char *version);

/* The MIG devices of a GPU, in order; how many. */
uint32_t smi_mig_devices(const struct smi *smi, nvml_device gpu, nvml_device devices[8]);
/* "3g.40gb" out of a MIG device's name. */
const char *smi_mig_profile(const char *name);

struct process {
	nvml_process_info info;
	char kind; /* C, G, M */
	char name[256];
};
/* The processes on a device, at most `room`. */
uint32_t smi_processes(const struct smi *smi, nvml_device device, struct process *out, uint32_t room);

#endif
