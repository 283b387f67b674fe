/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "doctor/health.h"
#include "inventory/nvml_abi.h"

/* The child's side: nothing here runs in the caller's process. Source of the calls: NVML API reference. */
#define SYMBOLS(X)                                                                                      \
	X(nvmlInit_v2, (void))                                                                          \
	X(nvmlDeviceGetCount_v2, (uint32_t * count))                                                    \
	X(nvmlDeviceGetHandleByIndex_v2, (uint32_t index, nvml_device * device))                        \
	X(nvmlDeviceGetPciInfo_v3, (nvml_device device, nvml_pci_info * pci))                           \
	X(nvmlDeviceGetPersistenceMode, (nvml_device device, uint32_t * mode))                          \
	X(nvmlDeviceGetComputeMode, (nvml_device device, uint32_t * mode))                              \
	X(nvmlDeviceGetMigMode, (nvml_device device, uint32_t * current, uint32_t * pending))           \
	X(nvmlDeviceGetMaxMigDeviceCount, (nvml_device device, uint32_t * count))                       \
	X(nvmlDeviceGetMigDeviceHandleByIndex, (nvml_device device, uint32_t index, nvml_device * mig)) \
	X(nvmlDeviceGetRemappedRows, (nvml_device device, uint32_t * corrected, uint32_t * uncorrected, \
					     uint32_t * pending, uint32_t * failed))                    \
	X(nvmlDeviceGetTemperature, (nvml_device device, uint32_t sensor, uint32_t * celsius))

struct nvml {
#define X(name, arguments) nvml_return(*name) arguments;
	SYMBOLS(X)
#undef X
};

#define ASK(nvml, name, ...) ((nvml)->name && (nvml)->name(__VA_ARGS__) == NVML_OK)

static void ask_mig(const struct nvml *nvml, nvml_device device, struct nvb_health_gpu *gpu)
{
	uint32_t now, pending, most = 0;

	if (!ASK(nvml, nvmlDeviceGetMigMode, device, &now, &pending))
		return;
	gpu->mig = (int32_t)now;
	gpu->mig_pending = (int32_t)pending;
	if (!now || !ASK(nvml, nvmlDeviceGetMaxMigDeviceCount, device, &most))
		return;
	gpu->mig_devices = 0;
	for (uint32_t i = 0; i < most && i < 64; i++) {
		nvml_device mig = NULL;

		gpu->mig_devices += ASK(nvml, nvmlDeviceGetMigDeviceHandleByIndex, device, i, &mig);
	}
}

static void ask_gpu(const struct nvml *nvml, uint32_t index, struct nvb_health_gpu *gpu)
{
	uint32_t value, corrected, uncorrected, pending, failed;
	nvml_device device = NULL;
	nvml_pci_info pci = {0};

	*gpu = (struct nvb_health_gpu){.persistence = NVB_HEALTH_UNKNOWN,
		.compute_mode = NVB_HEALTH_UNKNOWN,
		.mig = NVB_HEALTH_UNKNOWN,
		.mig_pending = NVB_HEALTH_UNKNOWN,
		.mig_devices = NVB_HEALTH_UNKNOWN,
		.remap_pending = NVB_HEALTH_UNKNOWN,
		.remap_failed = NVB_HEALTH_UNKNOWN};
	gpu->handle = (int32_t)nvml->nvmlDeviceGetHandleByIndex_v2(index, &device);
	if (gpu->handle != NVML_OK)
		return;
	if (ASK(nvml, nvmlDeviceGetPciInfo_v3, device, &pci)) {
		memcpy(gpu->pci, pci.bus_id, sizeof(gpu->pci) - 1);
		gpu->pci[sizeof(gpu->pci) - 1] = '\0';
	}
	/* A card that fell off the bus still has a handle: what must be read from it says so. */
	if (nvml->nvmlDeviceGetTemperature)
		gpu->handle = (int32_t)nvml->nvmlDeviceGetTemperature(device, 0, &value);
	if (ASK(nvml, nvmlDeviceGetPersistenceMode, device, &value))
		gpu->persistence = (int32_t)value;
	if (ASK(nvml, nvmlDeviceGetComputeMode, device, &value))
		gpu->compute_mode = (int32_t)value;
	if (ASK(nvml, nvmlDeviceGetRemappedRows, device, &corrected, &uncorrected, &pending, &failed)) {
		gpu->remap_pending = pending != 0;
		gpu->remap_failed = failed != 0;
	}
	ask_mig(nvml, device, gpu);
}

int nvb_health_child(const char *library, int in, int out)
{
	static struct nvb_health_gpu gpus[NVB_HEALTH_GPUS];
	struct nvb_health_head head = {.magic = NVB_HEALTH_MAGIC, .result = NVML_UNKNOWN};
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	struct nvml nvml = {0};
	uint32_t count = 0;

	(void)in;
	if (handle) {
#define X(name, arguments) *(void **)&nvml.name = dlsym(handle, #name);
		SYMBOLS(X)
#undef X
		head.loaded =
			nvml.nvmlInit_v2 && nvml.nvmlDeviceGetCount_v2 && nvml.nvmlDeviceGetHandleByIndex_v2;
	}
	if (head.loaded)
		head.result = (int32_t)nvml.nvmlInit_v2();
	if (head.result == NVML_OK)
		head.result = (int32_t)nvml.nvmlDeviceGetCount_v2(&count);
	for (uint32_t i = 0; head.result == NVML_OK && i < count && i < NVB_HEALTH_GPUS; i++)
		ask_gpu(&nvml, head.gpu_count++, &gpus[i]);
	if (nvb_write_all(out, &head, sizeof(head)) < 0 ||
		nvb_write_all(out, gpus, head.gpu_count * sizeof(gpus[0])) < 0)
		return 1;
	/* No shutdown: the driver cleans up after a process faster than the library does. */
	return 0;
}
