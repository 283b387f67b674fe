/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/nvml_read.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define CALL NVB_MIG_CALL

static void text(char *out, const char *in, size_t size)
{
	size_t n = strnlen(in, size - 1);

	memcpy(out, in, n);
	out[n] = '\0';
}

/*
 * The name that NVIDIA's tools make of sizes where the library gives none (before R470): gigabytes are the
 * card's, rounded up, times the instance's share of it in eighths.
 */
static void make_name(const nvml_gi_profile *info, uint32_t number, uint64_t total, char name[NVB_MIG_NAME])
{
	uint64_t bytes = info->memory_mb << 20, gigabytes = 0, eighths;

	if (total) {
		eighths = (bytes * 8 + total - 1) / total;
		gigabytes = (eighths * ((total + (1u << 30) - 1) >> 30) + 4) / 8;
	}
	snprintf(name, NVB_MIG_NAME, "%ug.%llugb%s", info->slices, (unsigned long long)gigabytes,
		number == NVML_PROFILE_1_SLICE_REV1 || number == NVML_PROFILE_2_SLICE_REV1 ? "+me" : "");
}

static bool read_profile(const struct nvb_mig_nvml *nvml, nvml_device device, uint32_t number, uint64_t total,
	struct nvb_mig_profile *profile)
{
	nvml_gi_profile_v2 info = {.version = nvml_version(nvml_gi_profile_v2, 2)};
	nvml_gi_profile old = {0};
	const char *name;

	if (CALL(nvml, nvmlDeviceGetGpuInstanceProfileInfoV, device, number, &info) == NVML_OK) {
		info.name[sizeof(info.name) - 1] = '\0';
		name = nvb_after(info.name, "MIG ");
		text(profile->name, name ? name : info.name, sizeof(profile->name));
		old = (nvml_gi_profile){.id = info.id,
			.slices = info.slices,
			.instances = info.instances,
			.sm_count = info.sm_count,
			.memory_mb = info.memory_mb};
	} else if (CALL(nvml, nvmlDeviceGetGpuInstanceProfileInfo, device, number, &old) != NVML_OK) {
		return false;
	}
	if (!*profile->name)
		make_name(&old, number, total, profile->name);
	profile->id = old.id;
	profile->slices = old.slices;
	profile->instances = old.instances;
	profile->sm_count = old.sm_count;
	profile->memory = old.memory_mb << 20;
	return true;
}

static void read_placements(
	const struct nvb_mig_nvml *nvml, nvml_device device, struct nvb_mig_profile *profile)
{
	nvml_placement places[64] = {{0}};
	uint32_t count = NVB_ELEMENTS(places);
	nvml_return rc = nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2
				 ? nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(
					   device, profile->id, places, &count)
				 : CALL(nvml, nvmlDeviceGetGpuInstancePossiblePlacements, device, profile->id,
					   places, &count);

	if (rc != NVML_OK)
		return;
	for (uint32_t i = 0; i < count && i < NVB_ELEMENTS(places) && i < NVB_MIG_PLACEMENTS; i++)
		profile->placements[profile->placement_count++] =
			(struct nvb_mig_span){.start = places[i].start, .size = places[i].size};
}

static void read_profiles(const struct nvb_mig_nvml *nvml, nvml_device device, struct nvb_mig_gpu *gpu)
{
	nvml_memory memory = {0};

	CALL(nvml, nvmlDeviceGetMemoryInfo, device, &memory);
	for (uint32_t number = 0; number < NVB_MIG_PROFILES; number++) {
		struct nvb_mig_profile profile = {.name = ""};

		if (!read_profile(nvml, device, number, memory.total, &profile))
			continue;
		read_placements(nvml, device, &profile);
		gpu->profiles[gpu->profile_count++] = profile;
	}
}

static bool has_compute(const struct nvb_mig_instance *instance, uint32_t id)
{
	for (uint32_t i = 0; i < instance->compute_count; i++)
		if (instance->computes[i].id == id)
			return true;
	return false;
}

/* Profiles that differ in engines alone may list the same instance. */
static void read_computes(
	const struct nvb_mig_nvml *nvml, nvml_gpu_instance handle, struct nvb_mig_instance *instance)
{
	for (uint32_t number = 0; number < NVB_MIG_CI_PROFILES; number++) {
		nvml_compute_instance found[64];
		nvml_ci_profile profile = {0};
		uint32_t count = NVB_ELEMENTS(found);

		if (CALL(nvml, nvmlGpuInstanceGetComputeInstanceProfileInfo, handle, number, 0, &profile) !=
				NVML_OK ||
			CALL(nvml, nvmlGpuInstanceGetComputeInstances, handle, profile.id, found, &count) !=
				NVML_OK)
			continue;
		for (uint32_t i = 0; i < count && i < NVB_ELEMENTS(found); i++) {
			nvml_ci_info info = {0};

			if (CALL(nvml, nvmlComputeInstanceGetInfo_v2, found[i], &info) != NVML_OK ||
				has_compute(instance, info.id) ||
				instance->compute_count == NVB_MIG_INSTANCES)
				continue;
			instance->computes[instance->compute_count++] =
				(struct nvb_mig_compute){.id = info.id,
					.place = {info.placement.start,
						info.placement.size ? info.placement.size : profile.slices}};
		}
	}
}

static nvml_return read_instances(
	const struct nvb_mig_nvml *nvml, nvml_device device, struct nvb_mig_gpu *gpu)
{
	for (uint32_t p = 0; p < gpu->profile_count; p++) {
		nvml_gpu_instance found[64];
		uint32_t count = NVB_ELEMENTS(found);
		nvml_return rc =
			CALL(nvml, nvmlDeviceGetGpuInstances, device, gpu->profiles[p].id, found, &count);

		if (rc == NVML_NOT_SUPPORTED || rc == NVML_INVALID_ARGUMENT)
			continue;
		if (rc != NVML_OK)
			return rc;
		for (uint32_t i = 0; i < count && i < NVB_ELEMENTS(found); i++) {
			struct nvb_mig_instance *instance = &gpu->instances[gpu->instance_count];
			nvml_gi_info info = {0};

			if (CALL(nvml, nvmlGpuInstanceGetInfo, found[i], &info) != NVML_OK ||
				gpu->instance_count == NVB_MIG_INSTANCES)
				continue;
			*instance = (struct nvb_mig_instance){.id = info.id,
				.profile_id = gpu->profiles[p].id,
				.place = {info.placement.start, info.placement.size}};
			read_computes(nvml, found[i], instance);
			gpu->instance_count++;
		}
	}
	return NVML_OK;
}

static void read_uuids(const struct nvb_mig_nvml *nvml, nvml_device device, struct nvb_mig_gpu *gpu)
{
	uint32_t count = 0;

	if (CALL(nvml, nvmlDeviceGetMaxMigDeviceCount, device, &count) != NVML_OK)
		return;
	for (uint32_t i = 0; i < count && i < NVB_MIG_INSTANCES * NVB_MIG_INSTANCES; i++) {
		char uuid[NVML_UUID_SIZE] = "";
		nvml_device mig = NULL;
		uint32_t gi, ci;

		/* A free slot answers NOT_FOUND. */
		if (CALL(nvml, nvmlDeviceGetMigDeviceHandleByIndex, device, i, &mig) != NVML_OK ||
			CALL(nvml, nvmlDeviceGetGpuInstanceId, mig, &gi) != NVML_OK ||
			CALL(nvml, nvmlDeviceGetComputeInstanceId, mig, &ci) != NVML_OK ||
			CALL(nvml, nvmlDeviceGetUUID, mig, uuid, sizeof(uuid)) != NVML_OK)
			continue;
		for (uint32_t g = 0; g < gpu->instance_count; g++)
			for (uint32_t c = 0; c < gpu->instances[g].compute_count; c++)
				if (gpu->instances[g].id == gi && gpu->instances[g].computes[c].id == ci)
					text(gpu->instances[g].computes[c].uuid, uuid,
						sizeof(gpu->instances[g].computes[c].uuid));
	}
}

static void add_clients(struct nvb_mig_gpu *gpu, nvml_return rc, const nvml_process_info *found,
	uint32_t count, uint32_t room)
{
	for (uint32_t i = 0; rc == NVML_OK && i < count && i < room && gpu->client_count < NVB_MIG_CLIENTS;
		i++)
		gpu->clients[gpu->client_count++] = (struct nvb_mig_client){
			.pid = (pid_t)found[i].pid, .gi = found[i].gi, .ci = found[i].ci};
}

static void read_clients(const struct nvb_mig_nvml *nvml, nvml_device device, struct nvb_mig_gpu *gpu)
{
	nvml_process_info found[512];
	uint32_t count = NVB_ELEMENTS(found);
	nvml_return rc = CALL(nvml, nvmlDeviceGetComputeRunningProcesses_v3, device, &count, found);

	add_clients(gpu, rc, found, count, NVB_ELEMENTS(found));
	count = NVB_ELEMENTS(found);
	rc = CALL(nvml, nvmlDeviceGetGraphicsRunningProcesses_v3, device, &count, found);
	add_clients(gpu, rc, found, count, NVB_ELEMENTS(found));
}

nvml_return nvb_mig_nvml_read(const struct nvb_mig_nvml *nvml, nvml_device device, struct nvb_mig_gpu *gpu)
{
	uint32_t enabled = 0, pending = 0;
	nvml_pci_info pci = {0};
	nvml_return rc = CALL(nvml, nvmlDeviceGetPciInfo_v3, device, &pci);

	if (rc != NVML_OK)
		return rc;
	text(gpu->pci, pci.bus_id, sizeof(pci.bus_id));
	gpu->device_id = pci.device_id;
	if (CALL(nvml, nvmlDeviceGetUUID, device, gpu->uuid, sizeof(gpu->uuid)) != NVML_OK)
		*gpu->uuid = '\0';
	if (CALL(nvml, nvmlDeviceGetName, device, gpu->name, sizeof(gpu->name)) != NVML_OK)
		*gpu->name = '\0';
	gpu->uuid[sizeof(gpu->uuid) - 1] = gpu->name[sizeof(gpu->name) - 1] = '\0';
	read_clients(nvml, device, gpu);
	if (CALL(nvml, nvmlDeviceGetMigMode, device, &enabled, &pending) != NVML_OK)
		return NVML_OK; /* no MIG: that is an answer */
	gpu->capable = true;
	gpu->enabled = enabled == 1;
	gpu->pending = pending == 1;
	read_profiles(nvml, device, gpu);
	rc = gpu->enabled ? read_instances(nvml, device, gpu) : NVML_OK;
	if (rc == NVML_OK && gpu->enabled)
		read_uuids(nvml, device, gpu);
	return rc;
}
