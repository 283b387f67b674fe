/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

API(nvmlDeviceGetClockInfo, nvml_device device, uint32_t domain, uint32_t *mhz)
{
	ENTER(device, FOR_GPU, mhz && domain < SIM_CLOCK_COUNT);
	*mhz = gpu.clocks.now[domain];
	return NVML_OK;
}

API(nvmlDeviceGetMaxClockInfo, nvml_device device, uint32_t domain, uint32_t *mhz)
{
	ENTER(device, FOR_GPU, mhz && domain < SIM_CLOCK_COUNT);
	if (!gpu.clocks.max[domain])
		return NVML_NOT_SUPPORTED;
	*mhz = gpu.clocks.max[domain];
	return NVML_OK;
}

static nvml_return nonzero(uint32_t value, uint32_t *out)
{
	if (!value)
		return NVML_NOT_SUPPORTED;
	*out = value;
	return NVML_OK;
}

API(nvmlDeviceGetApplicationsClock, nvml_device device, uint32_t domain, uint32_t *mhz)
{
	ENTER(device, FOR_GPU, mhz && domain < SIM_CLOCK_COUNT);
	return nonzero(gpu.clocks.application[domain], mhz);
}

API(nvmlDeviceGetDefaultApplicationsClock, nvml_device device, uint32_t domain, uint32_t *mhz)
{
	ENTER(device, FOR_GPU, mhz && domain < SIM_CLOCK_COUNT);
	return nonzero(gpu.clocks.application_default[domain], mhz);
}

API(nvmlDeviceGetMaxCustomerBoostClock, nvml_device device, uint32_t domain, uint32_t *mhz)
{
	ENTER(device, FOR_GPU, mhz && domain < SIM_CLOCK_COUNT);
	return nonzero(gpu.clocks.max[domain], mhz);
}

API(nvmlDeviceGetClock, nvml_device device, uint32_t domain, uint32_t id, uint32_t *mhz)
{
	switch (id) {
	case NVML_CLOCK_ID_CURRENT:
		return nvmlDeviceGetClockInfo(device, domain, mhz);
	case NVML_CLOCK_ID_APP_TARGET:
		return nvmlDeviceGetApplicationsClock(device, domain, mhz);
	case NVML_CLOCK_ID_APP_DEFAULT:
		return nvmlDeviceGetDefaultApplicationsClock(device, domain, mhz);
	case NVML_CLOCK_ID_BOOST_MAX:
		return nvmlDeviceGetMaxCustomerBoostClock(device, domain, mhz);
	default:
		return NVML_INVALID_ARGUMENT;
	}
}

#define THROTTLE_IDLE UINT64_C(1)
#define THROTTLE_ALL  UINT64_C(0x1ff)

API(nvmlDeviceGetCurrentClocksEventReasons, nvml_device device, uint64_t *reasons)
{
	ENTER(device, FOR_GPU, reasons);
	*reasons = gpu.clocks.throttle_reasons;
	if (!*reasons && !gpu.utilisation.gpu)
		*reasons = THROTTLE_IDLE;
	return NVML_OK;
}

API(nvmlDeviceGetCurrentClocksThrottleReasons, nvml_device device, uint64_t *reasons)
{
	return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

API(nvmlDeviceGetSupportedClocksEventReasons, nvml_device device, uint64_t *reasons)
{
	ENTER(device, FOR_GPU, reasons);
	*reasons = THROTTLE_ALL;
	return NVML_OK;
}

API(nvmlDeviceGetSupportedClocksThrottleReasons, nvml_device device, uint64_t *reasons)
{
	return nvmlDeviceGetSupportedClocksEventReasons(device, reasons);
}

API(nvmlDeviceGetSupportedMemoryClocks, nvml_device device, uint32_t *count, uint32_t *mhz)
{
	nvml_return rc;

	ENTER(device, FOR_GPU, count);
	if (!gpu.clocks.max[SIM_CLOCK_MEM])
		return NVML_NOT_SUPPORTED;
	if (give_room(1, count, mhz, &rc))
		*mhz = gpu.clocks.max[SIM_CLOCK_MEM];
	return rc;
}

/* From the highest down in the hardware's steps of 15 MHz, as cards since Pascal list them. */
API(nvmlDeviceGetSupportedGraphicsClocks, nvml_device device, uint32_t memory, uint32_t *count, uint32_t *mhz)
{
	enum { STEP = 15, LOWEST = 210 };
	nvml_return rc;

	ENTER(device, FOR_GPU, count);
	if (memory != gpu.clocks.max[SIM_CLOCK_MEM])
		return NVML_NOT_FOUND;
	uint32_t highest = gpu.clocks.max[SIM_CLOCK_GRAPHICS];
	uint32_t have = highest >= LOWEST ? (highest - LOWEST) / STEP + 1 : 1;
	if (give_room(have, count, mhz, &rc))
		for (uint32_t i = 0; i < have; i++)
			mhz[i] = highest - i * STEP;
	return rc;
}

API(nvmlDeviceGetSupportedPerformanceStates, nvml_device device, uint32_t *states, uint32_t size)
{
	static const uint32_t known[] = {0, 2, 3, 5, 8};

	ENTER(device, FOR_GPU, states);
	if (size < sizeof(known))
		return NVML_INSUFFICIENT_SIZE;
	for (uint32_t i = 0; i < size / sizeof(*states); i++)
		states[i] = i < sizeof(known) / sizeof(known[0]) ? known[i] : 32; /* unknown */
	return NVML_OK;
}

API(nvmlDeviceGetAdaptiveClockInfoStatus, nvml_device device, uint32_t *status)
{
	ENTER(device, FOR_GPU, status);
	*status = 1; /* enabled */
	return NVML_OK;
}

API(nvmlDeviceGetViolationStatus, nvml_device device, uint32_t policy, nvml_violation_time *time)
{
	ENTER(device, FOR_GPU, time && policy < 12);
	*time = (nvml_violation_time){.reference_time = sim_now() / 1000};
	return NVML_OK;
}
