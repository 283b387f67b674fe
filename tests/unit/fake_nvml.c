/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/nvml_abi.h"

/*
 * Libraries that call themselves NVML, one for each way to misbehave; FAKE says which. All have one GPU at
 * 0000:3b:00.0 with one MIG device, and print to both outputs, which nobody must hear.
 */
#define EXPORT __attribute__((visibility("default")))

#define FINE	 0
#define OLD	 1
#define CRASH	 2
#define GARBAGE	 3
#define MISMATCH 4
#define QUIT	 5

EXPORT nvml_return nvmlInit_v2(void);
EXPORT nvml_return nvmlInit_v2(void)
{
	static const char noise[] = "noise\n";

	if (write(1, noise, sizeof(noise)) < 0 || write(2, noise, sizeof(noise)) < 0)
		return NVML_UNKNOWN;
	if (FAKE == CRASH)
		raise(SIGSEGV);
	if (FAKE == QUIT)
		exit(0);
	return FAKE == MISMATCH ? NVML_LIB_RM_VERSION_MISMATCH : NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetCount_v2(uint32_t *count);
EXPORT nvml_return nvmlDeviceGetCount_v2(uint32_t *count)
{
	*count = 1;
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetHandleByIndex_v2(uint32_t index, nvml_device *device);
EXPORT nvml_return nvmlDeviceGetHandleByIndex_v2(uint32_t index, nvml_device *device)
{
	*device = (nvml_device)(uintptr_t)(index + 1);
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetPciInfo_v3(nvml_device device, nvml_pci_info *pci);
EXPORT nvml_return nvmlDeviceGetPciInfo_v3(nvml_device device, nvml_pci_info *pci)
{
	(void)device;
	strcpy(pci->bus_id, FAKE == GARBAGE ? "../../etc" : "00000000:3B:00.0");
	return NVML_OK;
}

#if FAKE != OLD
EXPORT nvml_return nvmlDeviceGetUUID(nvml_device device, char *uuid, uint32_t size);
EXPORT nvml_return nvmlDeviceGetUUID(nvml_device device, char *uuid, uint32_t size)
{
	strncpy(uuid,
		device == (nvml_device)1 ? "GPU-00000009-1111-2222-3333-444444444444"
					 : "MIG-00000008-1111-2222-3333-444444444444",
		size);
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetName(nvml_device device, char *name, uint32_t size);
EXPORT nvml_return nvmlDeviceGetName(nvml_device device, char *name, uint32_t size)
{
	/* Without an end, as far as the buffer goes. */
	if (device == (nvml_device)1)
		memset(name, 'x', size);
	else
		strncpy(name, "NVIDIA Test MIG 1g.10gb", size);
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetMemoryInfo(nvml_device device, nvml_memory *memory);
EXPORT nvml_return nvmlDeviceGetMemoryInfo(nvml_device device, nvml_memory *memory)
{
	(void)device;
	memory->total = UINT64_C(80) << 30;
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetMigMode(nvml_device device, uint32_t *current, uint32_t *pending);
EXPORT nvml_return nvmlDeviceGetMigMode(nvml_device device, uint32_t *current, uint32_t *pending)
{
	(void)device;
	*current = *pending = 1;
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetMaxMigDeviceCount(nvml_device device, uint32_t *count);
EXPORT nvml_return nvmlDeviceGetMaxMigDeviceCount(nvml_device device, uint32_t *count)
{
	(void)device;
	*count = 7;
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetMigDeviceHandleByIndex(nvml_device device, uint32_t index, nvml_device *mig);
EXPORT nvml_return nvmlDeviceGetMigDeviceHandleByIndex(nvml_device device, uint32_t index, nvml_device *mig)
{
	(void)device;
	*mig = (nvml_device)2;
	return index == 3 ? NVML_OK : NVML_NOT_FOUND;
}

EXPORT nvml_return nvmlDeviceGetGpuInstanceId(nvml_device mig, uint32_t *id);
EXPORT nvml_return nvmlDeviceGetGpuInstanceId(nvml_device mig, uint32_t *id)
{
	(void)mig;
	*id = 5;
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetComputeInstanceId(nvml_device mig, uint32_t *id);
EXPORT nvml_return nvmlDeviceGetComputeInstanceId(nvml_device mig, uint32_t *id)
{
	(void)mig;
	*id = 0;
	return NVML_OK;
}

EXPORT nvml_return nvmlDeviceGetAttributes_v2(nvml_device mig, nvml_device_attributes *attributes);
EXPORT nvml_return nvmlDeviceGetAttributes_v2(nvml_device mig, nvml_device_attributes *attributes)
{
	(void)mig;
	attributes->gi_slices = attributes->ci_slices = 1;
	attributes->memory_mb = 9728;
	return NVML_OK;
}
#endif
