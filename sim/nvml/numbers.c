/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

/*
 * The many functions of the form f(device, unsigned *out) that hand out one number of the state: a table of
 * name, what the card must be able to do, kinds of device, and the member. A card without the feature answers
 * NOT_SUPPORTED, never zero.
 */
static nvml_return number_of(nvml_device device, uint32_t *out, uint32_t need, unsigned kinds, size_t offset)
{
	ENTER(device, kinds, out);

	if ((gpu.features & need) != need)
		return NVML_NOT_SUPPORTED;
	*out = *(const uint32_t *)(const void *)((const char *)&gpu + offset);
	return NVML_OK;
}

#define NUMBER(name, need, kinds, member)                                                         \
	API(name, nvml_device device, uint32_t *out)                                              \
	{                                                                                         \
		return number_of(device, out, (need), (kinds), offsetof(struct sim_gpu, member)); \
	}

NUMBER(nvmlDeviceGetMinorNumber, 0, FOR_GPU, minor)
NUMBER(nvmlDeviceGetBrand, 0, FOR_BOTH, brand)
NUMBER(nvmlDeviceGetArchitecture, 0, FOR_BOTH, architecture)
NUMBER(nvmlDeviceGetNumGpuCores, 0, FOR_GPU, core_count)
NUMBER(nvmlDeviceGetMemoryBusWidth, 0, FOR_GPU, memory.bus_width)
NUMBER(nvmlDeviceGetPersistenceMode, 0, FOR_GPU, persistence)
NUMBER(nvmlDeviceGetComputeMode, 0, FOR_BOTH, compute_mode)
NUMBER(nvmlDeviceGetDisplayMode, 0, FOR_GPU, display_connected)
NUMBER(nvmlDeviceGetDisplayActive, 0, FOR_GPU, display_active)
NUMBER(nvmlDeviceGetPowerUsage, 0, FOR_GPU, power.draw)
NUMBER(nvmlDeviceGetPowerState, 0, FOR_GPU, power.state)
NUMBER(nvmlDeviceGetPerformanceState, 0, FOR_BOTH, power.state)
NUMBER(nvmlDeviceGetPowerManagementLimit, SIM_HAS_POWER_LIMIT, FOR_GPU, power.limit)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, SIM_HAS_POWER_LIMIT, FOR_GPU, power.limit_default)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, SIM_HAS_POWER_LIMIT, FOR_GPU, power.limit)
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, 0, FOR_GPU, pcie.gen)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, 0, FOR_GPU, pcie.width)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, 0, FOR_GPU, pcie.gen_max)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, 0, FOR_GPU, pcie.width_max)
NUMBER(nvmlDeviceGetGpuMaxPcieLinkGeneration, 0, FOR_GPU, pcie.gen_max_device)
NUMBER(nvmlDeviceGetPcieReplayCounter, 0, FOR_GPU, pcie.replay_counter)
NUMBER(nvmlDeviceGetFanSpeed, SIM_HAS_FAN, FOR_GPU, thermal.fan[0])
NUMBER(nvmlDeviceGetNumFans, SIM_HAS_FAN, FOR_GPU, thermal.fan_count)
NUMBER(nvmlDeviceGetRetiredPagesPendingStatus, SIM_HAS_ECC, FOR_GPU, ecc.retired_pages_pending)

/* Engines of their own, absent under MIG: percent and the sampling period in us. */
static nvml_return engine_of(
	nvml_device device, uint32_t *utilisation, uint32_t *period, size_t units, size_t offset)
{
	ENTER(device, FOR_GPU, utilisation && period);

	if (gpu.mig.mode || !*(const uint32_t *)(const void *)((const char *)&gpu + units))
		return NVML_NOT_SUPPORTED;
	*utilisation = *(const uint32_t *)(const void *)((const char *)&gpu + offset);
	*period = 167000;
	return NVML_OK;
}

#define ENGINE(name, units, member)                                                            \
	API(name, nvml_device device, uint32_t *utilisation, uint32_t *period)                 \
	{                                                                                      \
		return engine_of(device, utilisation, period, offsetof(struct sim_gpu, units), \
			offsetof(struct sim_gpu, utilisation.member));                         \
	}

ENGINE(nvmlDeviceGetEncoderUtilization, encoders, encoder)
ENGINE(nvmlDeviceGetDecoderUtilization, decoders, decoder)
ENGINE(nvmlDeviceGetJpgUtilization, jpegs, jpeg)
ENGINE(nvmlDeviceGetOfaUtilization, ofas, ofa)

API(nvmlDeviceGetUtilizationRates, nvml_device device, nvml_utilization *utilisation)
{
	ENTER(device, FOR_GPU, utilisation);

	if (gpu.mig.mode)
		return NVML_NOT_SUPPORTED;
	utilisation->gpu = gpu.utilisation.gpu;
	utilisation->memory = gpu.utilisation.memory;
	return NVML_OK;
}

API(nvmlDeviceGetCudaComputeCapability, nvml_device device, int *major, int *minor)
{
	ENTER(device, FOR_BOTH, major && minor);

	*major = (int)gpu.cc_major;
	*minor = (int)gpu.cc_minor;
	return NVML_OK;
}

/* The driver's board id is made of the PCI address; every board here has one GPU. */
API(nvmlDeviceGetBoardId, nvml_device device, uint32_t *id)
{
	ENTER(device, FOR_GPU, id);

	*id = gpu.pci.domain << 16 | gpu.pci.bus << 8 | gpu.pci.device << 3;
	return NVML_OK;
}

static nvml_return constant(nvml_device device, uint32_t *out, uint32_t value)
{
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = enter(device, FOR_GPU, &gpu, &ref);

	if (rc == NVML_OK && !out)
		rc = NVML_INVALID_ARGUMENT;
	if (rc == NVML_OK)
		*out = value;
	return rc;
}

API(nvmlDeviceGetMultiGpuBoard, nvml_device device, uint32_t *multi)
{
	return constant(device, multi, 0);
}

API(nvmlDeviceGetBusType, nvml_device device, uint32_t *type)
{
	return constant(device, type, 2); /* PCIe */
}

API(nvmlDeviceGetPowerManagementMode, nvml_device device, uint32_t *mode)
{
	return constant(device, mode, 1);
}

API(nvmlDeviceGetPowerSource, nvml_device device, uint32_t *source)
{
	return constant(device, source, 0); /* AC */
}

API(nvmlDeviceGetVirtualizationMode, nvml_device device, uint32_t *mode)
{
	return constant(device, mode, 0); /* none: bare metal */
}

/* Modules count from 1 in the order of the board's sockets. */
API(nvmlDeviceGetModuleId, nvml_device device, uint32_t *id)
{
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = enter(device, FOR_GPU, &gpu, &ref);

	if (rc == NVML_OK && !id)
		rc = NVML_INVALID_ARGUMENT;
	if (rc == NVML_OK && !(gpu.features & SIM_HAS_NVLINK))
		rc = NVML_NOT_SUPPORTED;
	if (rc == NVML_OK)
		*id = gpu.minor + 1;
	return rc;
}
