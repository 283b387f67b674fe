/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/cuda/checkpoint.h"
#include "sim/cuda/transfer.h"

/*
 * Device memory into the process and back. Addresses stay: what the daemon's memory was mapped to is the
 * place of a private copy, which nobody can read until the memory is the device's again (transfer.c).
 */

/* Those that were moved before the one at [device][index] go back; the first that cannot is lost. */
static void undo_out(struct driver *driver, int device, size_t index, bool *lost)
{
	for (int d = 0; d <= device; d++) {
		struct memory *m = &driver->device[d].memory;

		for (size_t i = 0; i < (d < device ? m->count : index); i++)
			*lost |= !cuda_transfer_in(m, &m->allocations[i], lost) ||
				 !cuda_map_device(m, &m->allocations[i]);
	}
}

CUresult cuda_move_out(struct driver *driver, bool *failed)
{
	for (int d = 0; d < driver->count; d++) {
		struct memory *m = &driver->device[d].memory;

		for (size_t i = 0; i < m->count; i++) {
			if (cuda_transfer_out(m, &m->allocations[i], failed))
				continue;
			undo_out(driver, d, i, failed);
			return CUDA_ERROR_OUT_OF_MEMORY;
		}
	}
	for (int d = 0; d < driver->count; d++) {
		struct memory *m = &driver->device[d].memory;

		if (m->fd >= 0)
			close(m->fd);
		m->fd = -1;
	}
	sim_client_detach(&driver->client);
	return CUDA_SUCCESS;
}

/* Where a device goes. */
struct target {
	uint32_t gpu;
	CUuuid uuid;
};

static bool same(const CUuuid *a, const CUuuid *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static CUresult find_gpu(
	const struct sim_client *client, const struct device *device, const CUuuid *uuid, struct target *out)
{
	struct sim_machine machine;

	sim_read_machine(client->map.state, &machine);
	for (uint32_t i = 0; i < machine.gpu_count && i < SIM_GPU_MAX; i++) {
		struct sim_gpu gpu;
		CUuuid found;
		char node[32];

		sim_read_gpu(client->map.state, i, &gpu);
		found = cuda_uuid(gpu.uuid);
		if (!same(&found, uuid))
			continue;
		snprintf(node, sizeof(node), "nvidia%u", gpu.minor);
		if (gpu.faults & SIM_FAULT_OFF_BUS ||
			(!(machine.flags & SIM_MACHINE_WSL) && sim_client_node(client->root, node) != 0))
			return CUDA_ERROR_INVALID_DEVICE;
		if (gpu.mig.mode || strcmp(gpu.name, device->name) != 0 ||
			gpu.memory.total - gpu.memory.reserved != device->size ||
			gpu.sm_count != device->whole_sms)
			return CUDA_ERROR_NOT_SUPPORTED;
		*out = (struct target){.gpu = i, .uuid = found};
		return CUDA_SUCCESS;
	}
	return CUDA_ERROR_INVALID_DEVICE;
}

/* Every device that is in use must have a place, and each its own. */
static CUresult find_targets(const struct driver *driver, const struct sim_client *client,
	const CUcheckpointGpuPair *pairs, uint32_t count, struct target targets[SIM_GPU_MAX])
{
	for (int d = 0; d < driver->count; d++) {
		const struct device *device = &driver->device[d];
		const CUuuid *wanted = count ? NULL : &device->uuid;
		CUresult result = CUDA_ERROR_INVALID_VALUE;

		for (uint32_t i = 0; i < count; i++)
			if (same(&pairs[i].oldUuid, &device->uuid))
				wanted = &pairs[i].newUuid;
		targets[d] = (struct target){.gpu = device->gpu, .uuid = device->uuid};
		if (wanted)
			result = find_gpu(client, device, wanted, &targets[d]);
		if (result != CUDA_SUCCESS && device->contexts)
			return result;
		for (int other = 0; count && device->contexts && other < d; other++)
			if (driver->device[other].contexts && targets[other].gpu == targets[d].gpu)
				return CUDA_ERROR_INVALID_VALUE;
	}
	return CUDA_SUCCESS;
}

/* Opens the devices: what can be refused is refused before anything has moved. */
static CUresult open_devices(struct driver *driver)
{
	for (int d = 0; d < driver->count; d++) {
		struct device *device = &driver->device[d];
		CUresult result;

		if (!device->contexts)
			continue;
		result = cuda_device_health(driver, device);
		if (result == CUDA_SUCCESS)
			result = cuda_report_use(driver, device, device->memory.allocated);
		if (result == CUDA_SUCCESS && device->memory.count)
			result = cuda_open_memory(driver, device);
		if (result != CUDA_SUCCESS)
			return result;
	}
	return CUDA_SUCCESS;
}

/* What had come to the devices before [device][index] comes back into the process. */
static void undo_in(struct driver *driver, int device, size_t index, bool *lost)
{
	for (int d = 0; d <= device; d++) {
		const struct memory *m = &driver->device[d].memory;

		for (size_t i = 0; i < (d < device ? m->count : index); i++)
			*lost |= !cuda_transfer_out(m, &m->allocations[i], lost);
	}
}

static CUresult fill_devices(struct driver *driver, bool *lost)
{
	for (int d = 0; d < driver->count; d++) {
		const struct memory *m = &driver->device[d].memory;

		for (size_t i = 0; i < m->count; i++) {
			if (cuda_transfer_in(m, &m->allocations[i], lost))
				continue;
			undo_in(driver, d, i, lost);
			return CUDA_ERROR_OUT_OF_MEMORY;
		}
	}
	return CUDA_SUCCESS;
}

static void exchange(struct driver *driver, struct target targets[SIM_GPU_MAX])
{
	for (int d = 0; d < driver->count; d++) {
		struct device *device = &driver->device[d];
		struct target before = {.gpu = device->gpu, .uuid = device->uuid};

		device->gpu = targets[d].gpu;
		device->uuid = device->parent = targets[d].uuid;
		targets[d] = before;
	}
}

/* Back to where it was: the copies are the only memory again. */
static CUresult give_up(struct driver *driver, struct target targets[SIM_GPU_MAX], CUresult why)
{
	for (int d = 0; d < driver->count; d++) {
		struct memory *m = &driver->device[d].memory;

		for (size_t i = 0; i < m->count; i++)
			mprotect(m->allocations[i].address, m->allocations[i].size, PROT_NONE);
		if (m->fd >= 0)
			close(m->fd);
		m->fd = -1;
	}
	exchange(driver, targets);
	sim_client_detach(&driver->client);
	return why;
}

CUresult cuda_move_in(struct driver *driver, const CUcheckpointGpuPair *pairs, uint32_t count, bool *failed)
{
	struct target targets[SIM_GPU_MAX];
	struct sim_client client;
	CUresult result;

	if (sim_client_attach(&cuda_control, SIM_CLIENT_CUDA, &client) < 0)
		return CUDA_ERROR_DEVICE_UNAVAILABLE;
	result = client.map.live ? find_targets(driver, &client, pairs, count, targets)
				 : CUDA_ERROR_DEVICE_UNAVAILABLE;
	if (result != CUDA_SUCCESS) {
		sim_client_detach(&client);
		return result;
	}
	driver->client = client;
	exchange(driver, targets);
	result = open_devices(driver);
	if (result == CUDA_SUCCESS)
		result = fill_devices(driver, failed);
	if (result != CUDA_SUCCESS)
		return give_up(driver, targets, result);
	for (int d = 0; d < driver->count; d++)
		for (size_t i = 0; i < driver->device[d].memory.count; i++)
			*failed |= !cuda_map_device(
				&driver->device[d].memory, &driver->device[d].memory.allocations[i]);
	/* Only a context holds the device open. */
	if (!driver->contexts)
		cuda_disconnect(driver);
	return *failed ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}
