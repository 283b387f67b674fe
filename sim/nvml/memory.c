/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mig.h"
#include "sim/nvml/library.h"

/* A MIG device has the memory of its GPU instance, shared by that instance's compute instances. */
static nvml_return memory_of(nvml_device device, nvml_memory_v2 *out)
{
	struct sim_gi_profile profile;
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = enter(device, FOR_BOTH, &gpu, &ref);

	if (rc != NVML_OK)
		return rc;
	out->total = gpu.memory.total;
	out->reserved = gpu.memory.reserved;
	out->used = gpu.memory.used;
	if (ref.mig) {
		const struct sim_gpu_instance *gi = sim_find_gi(&gpu, ref.gi);
		if (!sim_gi_profile(&gpu, gi->profile, &profile))
			return NVML_UNKNOWN;
		out->total = (uint64_t)profile.memory_mb << 20;
		out->reserved = out->used = 0;
		for (int i = 0; i < SIM_CI_MAX; i++)
			if (gi->ci[i].used)
				out->used += gi->ci[i].memory_used;
	}
	uint64_t taken = out->reserved + out->used;
	out->free = out->total > taken ? out->total - taken : 0;
	return NVML_OK;
}

API(nvmlDeviceGetMemoryInfo, nvml_device device, nvml_memory *memory)
{
	nvml_memory_v2 v2;
	nvml_return rc = memory ? memory_of(device, &v2) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		*memory = (nvml_memory){.total = v2.total, .free = v2.free, .used = v2.total - v2.free};
	return rc;
}

API(nvmlDeviceGetMemoryInfo_v2, nvml_device device, nvml_memory_v2 *memory)
{
	if (!memory)
		return NVML_INVALID_ARGUMENT;
	if (memory->version != nvml_version(nvml_memory_v2, 2))
		return NVML_ARGUMENT_VERSION_MISMATCH;
	return memory_of(device, memory);
}

API(nvmlDeviceGetBAR1MemoryInfo, nvml_device device, nvml_bar1_memory *bar1)
{
	ENTER(device, FOR_BOTH, bar1);

	if (!gpu.memory.bar1_total)
		return NVML_NOT_SUPPORTED;
	uint64_t used =
		gpu.memory.bar1_used < gpu.memory.bar1_total ? gpu.memory.bar1_used : gpu.memory.bar1_total;
	*bar1 = (nvml_bar1_memory){
		.total = gpu.memory.bar1_total, .used = used, .free = gpu.memory.bar1_total - used};
	return NVML_OK;
}

/* Without confidential computing everything is unprotected. */
API(nvmlDeviceGetConfComputeMemSizeInfo, nvml_device device, nvml_cc_memory *memory)
{
	ENTER(device, FOR_GPU, memory);

	if (!(gpu.features & SIM_HAS_CONF_COMPUTE))
		return NVML_NOT_SUPPORTED;
	*memory = (nvml_cc_memory){.unprotected_kib = gpu.memory.total >> 10};
	return NVML_OK;
}

API(nvmlDeviceGetConfComputeProtectedMemoryUsage, nvml_device device, nvml_memory *memory)
{
	ENTER(device, FOR_GPU, memory);

	if (!(gpu.features & SIM_HAS_CONF_COMPUTE))
		return NVML_NOT_SUPPORTED;
	*memory = (nvml_memory){0};
	return NVML_OK;
}
