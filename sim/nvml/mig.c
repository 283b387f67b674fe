/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mig.h"

#include <stdio.h>

#include "sim/nvml/library.h"
#include "sim/protocol.h"

/* MIG as programs look at it: modes, profiles, instances, devices. What changes it is in control.c. */

API(nvmlDeviceGetMigMode, nvml_device device, uint32_t *current, uint32_t *pending)
{
	ENTER(device, FOR_GPU, current && pending);
	if (!sim_mig_max(&gpu))
		return NVML_NOT_SUPPORTED;
	*current = gpu.mig.mode;
	*pending = gpu.mig.pending;
	return NVML_OK;
}

/* Zero, not an error, for cards without MIG. */
API(nvmlDeviceGetMaxMigDeviceCount, nvml_device device, uint32_t *count)
{
	ENTER(device, FOR_GPU, count);
	*count = sim_mig_max(&gpu);
	return NVML_OK;
}

API(nvmlDeviceIsMigDeviceHandle, nvml_device device, uint32_t *is_mig)
{
	ENTER(device, FOR_BOTH, is_mig);
	*is_mig = ref.mig;
	return NVML_OK;
}

/* Counts what this process may use; the slots behind the last are empty. */
API(nvmlDeviceGetMigDeviceHandleByIndex, nvml_device device, uint32_t index, nvml_device *mig)
{
	struct sim_mig_device devices[SIM_GI_MAX * SIM_CI_MAX];

	ENTER(device, FOR_GPU, mig);
	if (!sim_mig_max(&gpu))
		return NVML_NOT_SUPPORTED;
	if (index >= sim_mig_max(&gpu))
		return NVML_INVALID_ARGUMENT;
	uint32_t count = sim_mig_devices(&gpu, devices);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t gi = devices[i].gi->id, ci = devices[i].ci->id;
		if (visible_mig(&gpu, gi, ci) && !index--) {
			*mig = device_of_mig(ref.gpu, gi, ci);
			return NVML_OK;
		}
	}
	return NVML_NOT_FOUND;
}

API(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, nvml_device mig, nvml_device *device)
{
	ENTER(mig, FOR_MIG, device);
	*device = device_of_gpu(ref.gpu);
	return NVML_OK;
}

API(nvmlDeviceGetGpuInstanceId, nvml_device device, uint32_t *id)
{
	ENTER(device, FOR_MIG, id);
	*id = ref.gi;
	return NVML_OK;
}

API(nvmlDeviceGetComputeInstanceId, nvml_device device, uint32_t *id)
{
	ENTER(device, FOR_MIG, id);
	*id = ref.ci;
	return NVML_OK;
}

API(nvmlDeviceGetAttributes_v2, nvml_device device, nvml_device_attributes *attributes)
{
	struct sim_gi_profile gi_profile;
	struct sim_ci_profile ci_profile;

	ENTER(device, FOR_MIG, attributes);
	const struct sim_gpu_instance *gi = sim_find_gi(&gpu, ref.gi);
	if (!sim_gi_profile(&gpu, gi->profile, &gi_profile) ||
		!sim_ci_profile(
			&gpu, gi, sim_find_ci(sim_find_gi(&gpu, ref.gi), ref.ci)->profile, &ci_profile))
		return NVML_UNKNOWN;
	*attributes = (nvml_device_attributes){
		.sm_count = ci_profile.sm_count,
		.copy_engines = gi_profile.copy_engines,
		.decoders = gi_profile.decoders,
		.jpegs = gi_profile.jpegs,
		.ofas = gi_profile.ofas,
		.gi_slices = gi_profile.slices,
		.ci_slices = ci_profile.slices,
		.memory_mb = gi_profile.memory_mb,
	};
	return NVML_OK;
}

API(nvmlDeviceGetAttributes, nvml_device device, nvml_device_attributes *attributes)
{
	return nvmlDeviceGetAttributes_v2(device, attributes);
}

static nvml_return gi_profile_of(nvml_device device, uint32_t profile, struct sim_gi_profile *out)
{
	ENTER(device, FOR_GPU, profile < NVML_GI_PROFILE_COUNT);
	/* The driver tells the profiles with MIG switched off as well, from Hopper on and on Ampere. */
	return sim_gi_profile(&gpu, profile, out) ? NVML_OK : NVML_NOT_SUPPORTED;
}

API(nvmlDeviceGetGpuInstanceProfileInfo, nvml_device device, uint32_t number, nvml_gi_profile *info)
{
	struct sim_gi_profile profile;
	nvml_return rc = info ? gi_profile_of(device, number, &profile) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	*info = (nvml_gi_profile){
		.id = profile.id,
		.slices = profile.slices,
		.instances = profile.instances,
		.sm_count = profile.sm_count,
		.copy_engines = profile.copy_engines,
		.decoders = profile.decoders,
		.jpegs = profile.jpegs,
		.ofas = profile.ofas,
		.memory_mb = profile.memory_mb,
	};
	return NVML_OK;
}

static void fill_gi_v2(const struct sim_gi_profile *profile, nvml_gi_profile_v2 *info)
{
	*info = (nvml_gi_profile_v2){
		.version = info->version,
		.id = profile->id,
		.slices = profile->slices,
		.instances = profile->instances,
		.sm_count = profile->sm_count,
		.copy_engines = profile->copy_engines,
		.decoders = profile->decoders,
		.jpegs = profile->jpegs,
		.ofas = profile->ofas,
		.memory_mb = profile->memory_mb,
	};
	snprintf(info->name, sizeof(info->name), "MIG %s", profile->name);
}

static void fill_gi_v3(const struct sim_gi_profile *profile, nvml_gi_profile_v3 *info)
{
	*info = (nvml_gi_profile_v3){
		.version = info->version,
		.id = profile->id,
		.slices = profile->slices,
		.instances = profile->instances,
		.sm_count = profile->sm_count,
		.copy_engines = profile->copy_engines,
		.decoders = profile->decoders,
		.jpegs = profile->jpegs,
		.ofas = profile->ofas,
		.memory_mb = profile->memory_mb,
	};
	snprintf(info->name, sizeof(info->name), "MIG %s", profile->name);
}

API(nvmlDeviceGetGpuInstanceProfileInfoV, nvml_device device, uint32_t number, void *info)
{
	struct sim_gi_profile profile;
	nvml_return rc = info ? gi_profile_of(device, number, &profile) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	uint32_t version = *(const uint32_t *)info;
	if (version == nvml_version(nvml_gi_profile_v2, 2))
		fill_gi_v2(&profile, info);
	else if (version == nvml_version(nvml_gi_profile_v3, 3))
		fill_gi_v3(&profile, info);
	else
		return NVML_ARGUMENT_VERSION_MISMATCH;
	return NVML_OK;
}

API(nvmlDeviceGetGpuInstancePossiblePlacements_v2, nvml_device device, uint32_t id,
	nvml_placement *placements, uint32_t *count)
{
	struct sim_gi_profile profile;

	ENTER(device, FOR_GPU, count);
	if (!sim_gi_profile_by_id(&gpu, id, &profile))
		return sim_mig_max(&gpu) ? NVML_INVALID_ARGUMENT : NVML_NOT_SUPPORTED;
	uint32_t have = 0;
	for (uint32_t start = 0; start < 8; start++) {
		if (!(profile.starts >> start & 1))
			continue;
		if (placements)
			placements[have] = (nvml_placement){.start = start, .size = profile.size};
		have++;
	}
	*count = have;
	return NVML_OK;
}

API(nvmlDeviceGetGpuInstancePossiblePlacements, nvml_device device, uint32_t id, nvml_placement *placements,
	uint32_t *count)
{
	return nvmlDeviceGetGpuInstancePossiblePlacements_v2(device, id, placements, count);
}

API(nvmlDeviceGetGpuInstanceRemainingCapacity, nvml_device device, uint32_t id, uint32_t *count)
{
	struct sim_gi_profile profile;

	ENTER(device, FOR_GPU, count);
	if (!sim_mig_max(&gpu))
		return NVML_NOT_SUPPORTED;
	if (!sim_gi_profile_by_id(&gpu, id, &profile))
		return NVML_INVALID_ARGUMENT;
	/* Nothing can be made while the mode is off, but the card's profiles can be listed. */
	*count = gpu.mig.mode ? sim_gi_capacity(&gpu, &profile) : 0;
	return NVML_OK;
}

API(nvmlDeviceGetGpuInstances, nvml_device device, uint32_t id, nvml_gpu_instance *instances, uint32_t *count)
{
	struct sim_gi_profile profile;

	ENTER(device, FOR_GPU, instances && count);
	if (!gpu.mig.mode)
		return NVML_NOT_SUPPORTED;
	if (!sim_gi_profile_by_id(&gpu, id, &profile))
		return NVML_INVALID_ARGUMENT;
	uint32_t have = 0;
	for (int i = 0; i < SIM_GI_MAX; i++)
		if (gpu.mig.gi[i].used && gpu.mig.gi[i].profile == profile.profile)
			instances[have++] = instance_of(ref.gpu, gpu.mig.gi[i].id);
	*count = have;
	return NVML_OK;
}

API(nvmlDeviceGetGpuInstanceById, nvml_device device, uint32_t id, nvml_gpu_instance *instance)
{
	ENTER(device, FOR_GPU, instance);
	if (!gpu.mig.mode)
		return NVML_NOT_SUPPORTED;
	if (!sim_find_gi(&gpu, id))
		return NVML_NOT_FOUND;
	*instance = instance_of(ref.gpu, id);
	return NVML_OK;
}

/* The GPU instance behind a handle, if it still exists. */
static nvml_return find_instance(
	nvml_gpu_instance instance, struct sim_gpu *gpu, struct ref *ref, struct sim_gpu_instance **gi)
{
	if (!instance_ref(instance, ref))
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = enter_gpu(ref, gpu);
	if (rc != NVML_OK)
		return rc;
	*gi = sim_find_gi(gpu, ref->gi);
	return *gi ? NVML_OK : NVML_NOT_FOUND;
}

API(nvmlGpuInstanceGetInfo, nvml_gpu_instance instance, nvml_gi_info *info)
{
	struct sim_gi_profile profile;
	struct sim_gpu_instance *gi;
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = info ? find_instance(instance, &gpu, &ref, &gi) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	if (!sim_gi_profile(&gpu, gi->profile, &profile))
		return NVML_UNKNOWN;
	*info = (nvml_gi_info){
		.device = device_of_gpu(ref.gpu),
		.id = gi->id,
		.profile_id = profile.id,
		.placement = {.start = gi->start, .size = gi->size},
	};
	return NVML_OK;
}

static nvml_return ci_profile_of(
	nvml_gpu_instance instance, uint32_t number, uint32_t engines, nvml_ci_profile_v3 *info)
{
	struct sim_gi_profile gi_profile;
	struct sim_ci_profile profile;
	struct sim_gpu_instance *gi;
	struct sim_gpu gpu;
	struct ref ref;

	if (number >= NVML_CI_PROFILE_COUNT || engines)
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = find_instance(instance, &gpu, &ref, &gi);
	if (rc != NVML_OK)
		return rc;
	if (!sim_gi_profile(&gpu, gi->profile, &gi_profile))
		return NVML_UNKNOWN;
	if (!sim_ci_profile(&gpu, gi, number, &profile))
		return NVML_NOT_SUPPORTED;
	*info = (nvml_ci_profile_v3){
		.version = info->version,
		.id = profile.id,
		.slices = profile.slices,
		.instances = profile.instances,
		.sm_count = profile.sm_count,
		.copy_engines = gi_profile.copy_engines,
		.decoders = gi_profile.decoders,
		.jpegs = gi_profile.jpegs,
		.ofas = gi_profile.ofas,
	};
	snprintf(info->name, sizeof(info->name), "MIG %s", profile.name);
	return NVML_OK;
}

API(nvmlGpuInstanceGetComputeInstanceProfileInfo, nvml_gpu_instance instance, uint32_t number,
	uint32_t engines, nvml_ci_profile *info)
{
	nvml_ci_profile_v3 full = {0};
	nvml_return rc = info ? ci_profile_of(instance, number, engines, &full) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	*info = (nvml_ci_profile){
		.id = full.id,
		.slices = full.slices,
		.instances = full.instances,
		.sm_count = full.sm_count,
		.copy_engines = full.copy_engines,
		.decoders = full.decoders,
		.encoders = full.encoders,
		.jpegs = full.jpegs,
		.ofas = full.ofas,
	};
	return NVML_OK;
}

/* The third version is the second with the capabilities behind it. */
static_assert(
	sizeof(nvml_ci_profile_v2) == offsetof(nvml_ci_profile_v3, capabilities), "one is the other's head");

API(nvmlGpuInstanceGetComputeInstanceProfileInfoV, nvml_gpu_instance instance, uint32_t number,
	uint32_t engines, void *info)
{
	nvml_ci_profile_v3 full = {0};

	if (!info)
		return NVML_INVALID_ARGUMENT;
	full.version = *(const uint32_t *)info;
	bool second = full.version == nvml_version(nvml_ci_profile_v2, 2);
	if (!second && full.version != nvml_version(nvml_ci_profile_v3, 3))
		return NVML_ARGUMENT_VERSION_MISMATCH;
	nvml_return rc = ci_profile_of(instance, number, engines, &full);
	if (rc == NVML_OK)
		memcpy(info, &full, second ? sizeof(nvml_ci_profile_v2) : sizeof(full));
	return rc;
}

API(nvmlGpuInstanceGetComputeInstanceRemainingCapacity, nvml_gpu_instance instance, uint32_t id,
	uint32_t *count)
{
	struct sim_ci_profile profile;
	struct sim_gpu_instance *gi;
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = count ? find_instance(instance, &gpu, &ref, &gi) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	if (!sim_ci_profile_by_id(&gpu, gi, id, &profile))
		return NVML_NOT_SUPPORTED;
	*count = sim_ci_capacity(gi, &profile);
	return NVML_OK;
}

API(nvmlGpuInstanceGetComputeInstancePossiblePlacements, nvml_gpu_instance instance, uint32_t id,
	nvml_placement *placements, uint32_t *count)
{
	struct sim_ci_profile profile;
	struct sim_gpu_instance *gi;
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = count ? find_instance(instance, &gpu, &ref, &gi) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	if (!sim_ci_profile_by_id(&gpu, gi, id, &profile))
		return NVML_NOT_SUPPORTED;
	uint32_t have = gi->slices - profile.slices + 1;
	for (uint32_t i = 0; placements && i < have; i++)
		placements[i] = (nvml_placement){.start = i, .size = profile.slices};
	*count = have;
	return NVML_OK;
}

API(nvmlGpuInstanceGetComputeInstances, nvml_gpu_instance instance, uint32_t id,
	nvml_compute_instance *instances, uint32_t *count)
{
	struct sim_ci_profile profile;
	struct sim_gpu_instance *gi;
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc =
		instances && count ? find_instance(instance, &gpu, &ref, &gi) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	if (!sim_ci_profile_by_id(&gpu, gi, id, &profile))
		return NVML_NOT_SUPPORTED;
	uint32_t have = 0;
	for (int i = 0; i < SIM_CI_MAX; i++)
		if (gi->ci[i].used && gi->ci[i].profile == profile.profile)
			instances[have++] = compute_of(ref.gpu, gi->id, gi->ci[i].id);
	*count = have;
	return NVML_OK;
}

API(nvmlGpuInstanceGetComputeInstanceById, nvml_gpu_instance instance, uint32_t id,
	nvml_compute_instance *out)
{
	struct sim_gpu_instance *gi;
	struct sim_gpu gpu;
	struct ref ref;
	nvml_return rc = out ? find_instance(instance, &gpu, &ref, &gi) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK)
		return rc;
	if (!sim_find_ci(gi, id))
		return NVML_NOT_FOUND;
	*out = compute_of(ref.gpu, gi->id, id);
	return NVML_OK;
}

API(nvmlComputeInstanceGetInfo_v2, nvml_compute_instance instance, nvml_ci_info *info)
{
	struct sim_gpu gpu;
	struct ref ref;

	if (!info || !compute_ref(instance, &ref))
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = enter_gpu(&ref, &gpu);
	if (rc != NVML_OK)
		return rc;
	struct sim_gpu_instance *gi = sim_find_gi(&gpu, ref.gi);
	const struct sim_compute_instance *ci = gi ? sim_find_ci(gi, ref.ci) : NULL;
	if (!ci)
		return NVML_NOT_FOUND;
	*info = (nvml_ci_info){
		.device = device_of_gpu(ref.gpu),
		.gpu_instance = instance_of(ref.gpu, ref.gi),
		.id = ci->id,
		.profile_id = ci->profile,
		.placement = {.start = ci->start, .size = ci->size},
	};
	return NVML_OK;
}

/* The first version ends behind the profile. */
API(nvmlComputeInstanceGetInfo, nvml_compute_instance instance, void *info)
{
	nvml_ci_info full;
	nvml_return rc = info ? nvmlComputeInstanceGetInfo_v2(instance, &full) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		memcpy(info, &full, offsetof(nvml_ci_info, placement));
	return rc;
}
