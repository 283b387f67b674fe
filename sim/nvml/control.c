/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"
#include "sim/protocol.h"

/* What changes the machine. The rules are in sim/change.c, on the other side of the socket. */

/* Setters of one or two numbers. */
#define SETTER0(name, kind)                                            \
	API(name, nvml_device device)                                  \
	{                                                              \
		return change_device(device, SIM_CHANGE_##kind, 0, 0); \
	}
#define SETTER1(name, kind)                                            \
	API(name, nvml_device device, uint32_t a)                      \
	{                                                              \
		return change_device(device, SIM_CHANGE_##kind, a, 0); \
	}
#define SETTER2(name, kind)                                            \
	API(name, nvml_device device, uint32_t a, uint32_t b)          \
	{                                                              \
		return change_device(device, SIM_CHANGE_##kind, a, b); \
	}

SETTER1(nvmlDeviceSetPersistenceMode, PERSISTENCE)
SETTER1(nvmlDeviceSetComputeMode, COMPUTE_MODE)
SETTER1(nvmlDeviceSetPowerManagementLimit, POWER_LIMIT)
SETTER2(nvmlDeviceSetGpuLockedClocks, LOCK_CLOCKS)
SETTER0(nvmlDeviceResetGpuLockedClocks, RESET_CLOCKS)
SETTER2(nvmlDeviceSetMemoryLockedClocks, LOCK_MEM_CLOCKS)
SETTER0(nvmlDeviceResetMemoryLockedClocks, RESET_MEM_CLOCKS)
SETTER2(nvmlDeviceSetApplicationsClocks, APP_CLOCKS)
SETTER0(nvmlDeviceResetApplicationsClocks, RESET_APP_CLOCKS)
SETTER1(nvmlDeviceSetEccMode, ECC)
SETTER1(nvmlDeviceClearEccErrorCounts, CLEAR_ECC)
SETTER2(nvmlDeviceSetFanSpeed_v2, FAN)

API(nvmlDeviceSetPowerManagementLimit_v2, nvml_device device, const nvml_power_value *value)
{
	if (!value)
		return NVML_INVALID_ARGUMENT;
	if (value->version != nvml_version(nvml_power_value, 2))
		return NVML_ARGUMENT_VERSION_MISMATCH;
	if (value->scope) /* the module's power, on Grace boards */
		return NVML_NOT_SUPPORTED;
	return nvmlDeviceSetPowerManagementLimit(device, value->mw);
}

/* *activation tells whether the mode is on already; pending until a reset else. */
API(nvmlDeviceSetMigMode, nvml_device device, uint32_t mode, nvml_return *activation)
{
	ENTER(device, FOR_GPU, activation);
	nvml_return rc = change_device(device, SIM_CHANGE_MIG_MODE, mode, 0);
	if (rc != NVML_OK)
		return rc;
	sim_read_gpu(library_state(), ref.gpu, &gpu);
	*activation = gpu.mig.mode == mode ? NVML_OK : NVML_IN_USE;
	return NVML_OK;
}

/* Not of NVIDIA's interface: how the simulated nvidia-smi resets a card. */
API(simDeviceReset, nvml_device device)
{
	return change_device(device, SIM_CHANGE_RESET, 0, 0);
}

static nvml_return create_gi(
	nvml_device device, uint32_t profile, uint32_t start, nvml_gpu_instance *instance)
{
	uint32_t id;

	ENTER(device, FOR_GPU, instance);
	nvml_return rc = request_change(
		(struct sim_change){.kind = SIM_CHANGE_CREATE_GI, .gpu = ref.gpu, .a = profile, .b = start},
		&id);
	if (rc == NVML_OK && id >= LIB_GI_IDS)
		rc = NVML_UNKNOWN;
	if (rc == NVML_OK)
		*instance = instance_of(ref.gpu, id);
	return rc;
}

API(nvmlDeviceCreateGpuInstance, nvml_device device, uint32_t profile, nvml_gpu_instance *instance)
{
	return create_gi(device, profile, SIM_ANYWHERE, instance);
}

API(nvmlDeviceCreateGpuInstanceWithPlacement, nvml_device device, uint32_t profile,
	const nvml_placement *placement, nvml_gpu_instance *instance)
{
	return placement ? create_gi(device, profile, placement->start, instance) : NVML_INVALID_ARGUMENT;
}

API(nvmlGpuInstanceDestroy, nvml_gpu_instance instance)
{
	struct ref ref;

	if (!instance_ref(instance, &ref))
		return NVML_INVALID_ARGUMENT;
	return request_change(
		(struct sim_change){.kind = SIM_CHANGE_DESTROY_GI, .gpu = ref.gpu, .gi = ref.gi}, NULL);
}

static nvml_return create_ci(
	nvml_gpu_instance instance, uint32_t profile, uint32_t start, nvml_compute_instance *out)
{
	struct ref ref;
	uint32_t id;

	if (!out || !instance_ref(instance, &ref))
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = request_change(
		(struct sim_change){
			.kind = SIM_CHANGE_CREATE_CI, .gpu = ref.gpu, .gi = ref.gi, .a = profile, .b = start},
		&id);
	if (rc == NVML_OK && id >= SIM_CI_MAX)
		rc = NVML_UNKNOWN;
	if (rc == NVML_OK)
		*out = compute_of(ref.gpu, ref.gi, id);
	return rc;
}

API(nvmlGpuInstanceCreateComputeInstance, nvml_gpu_instance instance, uint32_t profile,
	nvml_compute_instance *out)
{
	return create_ci(instance, profile, SIM_ANYWHERE, out);
}

API(nvmlGpuInstanceCreateComputeInstanceWithPlacement, nvml_gpu_instance instance, uint32_t profile,
	const nvml_placement *placement, nvml_compute_instance *out)
{
	return placement ? create_ci(instance, profile, placement->start, out) : NVML_INVALID_ARGUMENT;
}

API(nvmlComputeInstanceDestroy, nvml_compute_instance instance)
{
	struct ref ref;

	if (!compute_ref(instance, &ref))
		return NVML_INVALID_ARGUMENT;
	return request_change(
		(struct sim_change){
			.kind = SIM_CHANGE_DESTROY_CI, .gpu = ref.gpu, .gi = ref.gi, .ci = ref.ci},
		NULL);
}
