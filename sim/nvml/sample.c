/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

/*
 * nvmlDeviceGetSamples: the driver keeps a ring of readings taken at fixed times. Here a reading is what the
 * state says (varied with time where the scenario asks), stamped with the times the driver would have used,
 * so two readers get the same samples.
 */
enum { RING = 120 };

struct sampled {
	uint32_t period_us;
	size_t offset;
};

static const struct sampled sampled[] = {
	[NVML_SAMPLES_POWER] = {20000, offsetof(struct sim_gpu, power.draw)},
	[NVML_SAMPLES_GPU_UTILIZATION] = {166667, offsetof(struct sim_gpu, utilisation.gpu)},
	[NVML_SAMPLES_MEMORY_UTILIZATION] = {166667, offsetof(struct sim_gpu, utilisation.memory)},
	[NVML_SAMPLES_ENCODER] = {166667, offsetof(struct sim_gpu, utilisation.encoder)},
	[NVML_SAMPLES_DECODER] = {166667, offsetof(struct sim_gpu, utilisation.decoder)},
	[NVML_SAMPLES_SM_CLOCK] = {20000, offsetof(struct sim_gpu, clocks.now[SIM_CLOCK_SM])},
	[NVML_SAMPLES_MEMORY_CLOCK] = {20000, offsetof(struct sim_gpu, clocks.now[SIM_CLOCK_MEM])},
	[NVML_SAMPLES_JPEG] = {166667, offsetof(struct sim_gpu, utilisation.jpeg)},
	[NVML_SAMPLES_OFA] = {166667, offsetof(struct sim_gpu, utilisation.ofa)},
};

static uint32_t reading(uint32_t index, uint64_t time_us, size_t offset)
{
	struct sim_machine machine;
	struct sim_gpu gpu;

	sim_read_machine(library_state(), &machine);
	sim_read_gpu(library_state(), index, &gpu);
	if (machine.flags & SIM_MACHINE_VARY)
		vary(&machine, index, &gpu, time_us * 1000);
	return *(const uint32_t *)(const void *)((const char *)&gpu + offset);
}

API(nvmlDeviceGetSamples, nvml_device device, uint32_t type, uint64_t last_seen, uint32_t *value_type,
	uint32_t *count, nvml_sample *samples)
{
	ENTER(device, FOR_GPU, value_type && count && type < sizeof(sampled) / sizeof(sampled[0]));
	const struct sampled *what = &sampled[type];
	if (!what->period_us || (gpu.mig.mode && type != NVML_SAMPLES_POWER))
		return NVML_NOT_SUPPORTED;
	*value_type = NVML_VALUE_UINT;
	if (!samples) {
		*count = RING;
		return NVML_OK;
	}
	uint64_t newest = sim_now() / 1000 / what->period_us;
	uint64_t oldest = newest - RING + 1, seen = last_seen / what->period_us + 1;
	if (last_seen && seen > oldest)
		oldest = seen;
	if (oldest > newest)
		return NVML_NOT_FOUND;
	uint64_t have = newest - oldest + 1 < *count ? newest - oldest + 1 : *count;
	for (uint64_t i = 0; i < have; i++) {
		uint64_t time = (oldest + i) * what->period_us;
		samples[i] = (nvml_sample){.time = time, .value.ui = reading(ref.gpu, time, what->offset)};
	}
	*count = (uint32_t)have;
	return NVML_OK;
}
