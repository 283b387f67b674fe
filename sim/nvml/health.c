/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

/* Power, heat, ECC: what may wear out or trip. */

API(nvmlDeviceGetPowerManagementLimitConstraints, nvml_device device, uint32_t *min, uint32_t *max)
{
	ENTER(device, FOR_GPU, min && max);
	if (!(gpu.features & SIM_HAS_POWER_LIMIT))
		return NVML_NOT_SUPPORTED;
	*min = gpu.power.limit_min;
	*max = gpu.power.limit_max;
	return NVML_OK;
}

API(nvmlDeviceGetTotalEnergyConsumption, nvml_device device, uint64_t *mj)
{
	ENTER(device, FOR_GPU, mj);
	if (!(gpu.features & SIM_HAS_ENERGY))
		return NVML_NOT_SUPPORTED;
	*mj = sim_energy(&gpu.power, sim_now());
	return NVML_OK;
}

API(nvmlDeviceGetTemperature, nvml_device device, uint32_t sensor, uint32_t *celsius)
{
	ENTER(device, FOR_GPU, celsius && sensor == 0);
	*celsius = gpu.thermal.gpu;
	return NVML_OK;
}

API(nvmlDeviceGetTemperatureThreshold, nvml_device device, uint32_t threshold, uint32_t *celsius)
{
	ENTER(device, FOR_GPU, celsius && threshold <= NVML_THRESHOLD_ACOUSTIC_MAX);
	const uint32_t thresholds[NVML_THRESHOLD_ACOUSTIC_MAX + 1] = {
		[NVML_THRESHOLD_SHUTDOWN] = gpu.thermal.shutdown,
		[NVML_THRESHOLD_SLOWDOWN] = gpu.thermal.slowdown,
		[NVML_THRESHOLD_MEM_MAX] = gpu.thermal.memory_max,
		[NVML_THRESHOLD_GPU_MAX] = gpu.thermal.gpu_max,
	};
	if (!thresholds[threshold])
		return NVML_NOT_SUPPORTED;
	*celsius = thresholds[threshold];
	return NVML_OK;
}

static nvml_return fan_speed(nvml_device device, uint32_t fan, uint32_t *percent)
{
	ENTER(device, FOR_GPU, percent);
	if (!(gpu.features & SIM_HAS_FAN))
		return NVML_NOT_SUPPORTED;
	if (fan >= gpu.thermal.fan_count || fan >= SIM_FAN_MAX)
		return NVML_INVALID_ARGUMENT;
	*percent = gpu.thermal.fan[fan];
	return NVML_OK;
}

API(nvmlDeviceGetFanSpeed_v2, nvml_device device, uint32_t fan, uint32_t *percent)
{
	return fan_speed(device, fan, percent);
}

API(nvmlDeviceGetTargetFanSpeed, nvml_device device, uint32_t fan, uint32_t *percent)
{
	return fan_speed(device, fan, percent);
}

API(nvmlDeviceGetMinMaxFanSpeed, nvml_device device, uint32_t *min, uint32_t *max)
{
	ENTER(device, FOR_GPU, min && max);
	if (!(gpu.features & SIM_HAS_FAN))
		return NVML_NOT_SUPPORTED;
	*min = 30;
	*max = 100;
	return NVML_OK;
}

API(nvmlDeviceGetEccMode, nvml_device device, uint32_t *current, uint32_t *pending)
{
	ENTER(device, FOR_GPU, current && pending);
	if (!(gpu.features & SIM_HAS_ECC))
		return NVML_NOT_SUPPORTED;
	*current = gpu.ecc.mode;
	*pending = gpu.ecc.pending;
	return NVML_OK;
}

API(nvmlDeviceGetDefaultEccMode, nvml_device device, uint32_t *mode)
{
	ENTER(device, FOR_GPU, mode);
	if (!(gpu.features & SIM_HAS_ECC))
		return NVML_NOT_SUPPORTED;
	*mode = 1;
	return NVML_OK;
}

/* Errors counted; `aggregate` 0 since the last boot, 1 over the life of the card. */
static nvml_return ecc_count(nvml_device device, uint32_t uncorrected, uint32_t aggregate, uint64_t *count)
{
	ENTER(device, FOR_BOTH, count && uncorrected <= 1 && aggregate <= 1);
	if (!(gpu.features & SIM_HAS_ECC) || !gpu.ecc.mode)
		return NVML_NOT_SUPPORTED;
	*count = uncorrected ? gpu.ecc.uncorrected[aggregate] : gpu.ecc.corrected[aggregate];
	return NVML_OK;
}

API(nvmlDeviceGetTotalEccErrors, nvml_device device, uint32_t type, uint32_t counter, uint64_t *count)
{
	return ecc_count(device, type, counter, count);
}

/* All errors are counted for the device memory. */
enum {
	LOCATION_L1,
	LOCATION_L2,
	LOCATION_DRAM,
	LOCATION_REGISTERS,
	LOCATION_TEXTURE,
	LOCATION_SHM,
	LOCATION_CBU,
	LOCATION_SRAM
};

API(nvmlDeviceGetMemoryErrorCounter, nvml_device device, uint32_t type, uint32_t counter, uint32_t location,
	uint64_t *count)
{
	nvml_return rc = ecc_count(device, type, counter, count);

	if (rc != NVML_OK || location == LOCATION_DRAM)
		return rc;
	if (location > LOCATION_SRAM)
		return NVML_INVALID_ARGUMENT;
	if (location != LOCATION_SRAM)
		return NVML_NOT_SUPPORTED; /* single units are not told apart since Ampere */
	*count = 0;
	return NVML_OK;
}

API(nvmlDeviceGetDetailedEccErrors, nvml_device device, uint32_t type, uint32_t counter,
	nvml_ecc_counts *counts)
{
	uint64_t count;
	nvml_return rc = counts ? ecc_count(device, type, counter, &count) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		*counts = (nvml_ecc_counts){.device_memory = count};
	return rc;
}

API(nvmlDeviceGetSramEccErrorStatus, nvml_device device, nvml_sram_ecc *status)
{
	ENTER(device, FOR_GPU, status);
	if (status->version != nvml_version(nvml_sram_ecc, 1))
		return NVML_ARGUMENT_VERSION_MISMATCH;
	if (!(gpu.features & SIM_HAS_ECC) || gpu.architecture < NVML_ARCH_AMPERE)
		return NVML_NOT_SUPPORTED;
	*status = (nvml_sram_ecc){.version = status->version};
	return NVML_OK;
}

API(nvmlDeviceGetRemappedRows, nvml_device device, uint32_t *corrected, uint32_t *uncorrected,
	uint32_t *pending, uint32_t *failed)
{
	ENTER(device, FOR_GPU, corrected && uncorrected && pending && failed);
	if (!(gpu.features & SIM_HAS_ROW_REMAP))
		return NVML_NOT_SUPPORTED;
	*corrected = gpu.ecc.remapped_corrected;
	*uncorrected = gpu.ecc.remapped_uncorrected;
	*pending = gpu.ecc.remap_pending;
	*failed = gpu.ecc.remap_failed;
	return NVML_OK;
}

/* Banks by how many spare rows they have left; one remapping costs one bank its "max". */
API(nvmlDeviceGetRowRemapperHistogram, nvml_device device, nvml_row_remapper_histogram *histogram)
{
	enum { BANKS = 640 };

	ENTER(device, FOR_GPU, histogram);
	if (!(gpu.features & SIM_HAS_ROW_REMAP))
		return NVML_NOT_SUPPORTED;
	uint32_t used = gpu.ecc.remapped_corrected + gpu.ecc.remapped_uncorrected;
	used = used < BANKS ? used : BANKS;
	*histogram = (nvml_row_remapper_histogram){.max = BANKS - used, .high = used};
	return NVML_OK;
}

/* Page retirement was replaced by row remapping in Ampere; cards before it have retired none here. */
static nvml_return retired(nvml_device device, uint32_t cause, uint32_t *count)
{
	ENTER(device, FOR_GPU, count && cause <= 1);
	if (!(gpu.features & SIM_HAS_ECC) || gpu.features & SIM_HAS_ROW_REMAP)
		return NVML_NOT_SUPPORTED;
	*count = 0;
	return NVML_OK;
}

API(nvmlDeviceGetRetiredPages, nvml_device device, uint32_t cause, uint32_t *count, uint64_t *addresses)
{
	(void)addresses;
	return retired(device, cause, count);
}

API(nvmlDeviceGetRetiredPages_v2, nvml_device device, uint32_t cause, uint32_t *count, uint64_t *addresses,
	uint64_t *times)
{
	(void)addresses, (void)times;
	return retired(device, cause, count);
}
