/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/cuda/checkpoint.h"

/*
 * Device memory into the process and back. Addresses stay: what the daemon's memory was mapped to is the
 * place of a private copy, which nobody can read until the memory is the device's again.
 */

static bool map_device(const struct memory *m, const struct allocation *a)
{
	return mmap(a->address, a->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
		       m->fd, (off_t)a->offset) != MAP_FAILED;
}

/* Stretches that were never written stay unwritten. */
static bool read_written(int fd, const struct allocation *a, char *to)
{
	off_t at = (off_t)a->offset, end = at + (off_t)a->size;

	while (at < end) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 || data >= end)
			return true;
		hole = lseek(fd, data, SEEK_HOLE);
		for (at = data; at < end && at < hole;) {
			off_t stop = hole < end ? hole : end;
			ssize_t n = pread(fd, to + (at - (off_t)a->offset), (size_t)(stop - at), at);

			if (n <= 0)
				return false;
			at += n;
		}
	}
	return true;
}

static bool take(const struct memory *m, const struct allocation *a)
{
	char *copy = mmap(
		NULL, a->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (copy == MAP_FAILED)
		return false;
	if (!read_written(m->fd, a, copy) || mprotect(copy, a->size, PROT_NONE) < 0 ||
		mremap(copy, a->size, a->size, MREMAP_MAYMOVE | MREMAP_FIXED, a->address) == MAP_FAILED) {
		munmap(copy, a->size);
		return false;
	}
	return true;
}

CUresult cuda_move_out(struct driver *driver)
{
	for (int d = 0; d < driver->count; d++) {
		struct memory *m = &driver->device[d].memory;

		for (size_t i = 0; i < m->count; i++) {
			if (take(m, &m->allocations[i]))
				continue;
			for (int u = 0; u <= d; u++) {
				struct memory *undone = &driver->device[u].memory;

				for (size_t k = 0; k < (u < d ? undone->count : i); k++)
					map_device(undone, &undone->allocations[k]);
			}
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

/* Zeros need not be written: the device's memory starts with them. */
static bool give_back(const struct memory *m, const struct allocation *a)
{
	enum { BLOCK = 65536 };

	if (mprotect(a->address, a->size, PROT_READ) < 0)
		return false;
	for (uint64_t at = 0; at < a->size;) {
		uint64_t size = a->size - at < BLOCK ? a->size - at : BLOCK;
		const char *from = a->address + at;
		ssize_t n = (ssize_t)size;

		if (*from || memcmp(from, from + 1, size - 1) != 0)
			n = pwrite(m->fd, from, size, (off_t)(a->offset + at));
		if (n <= 0)
			return false;
		at += (uint64_t)n;
	}
	return true;
}

/* Opens the devices and fills their memory; the process' copies stay. */
static CUresult fill_devices(struct driver *driver)
{
	for (int d = 0; d < driver->count; d++) {
		struct device *device = &driver->device[d];
		struct memory *m = &device->memory;
		CUresult result;

		if (!device->contexts)
			continue;
		result = cuda_device_health(driver, device);
		if (result == CUDA_SUCCESS)
			result = cuda_report_use(driver, device, m->allocated);
		if (result == CUDA_SUCCESS && m->count)
			result = cuda_open_memory(driver, device);
		for (size_t i = 0; result == CUDA_SUCCESS && i < m->count; i++)
			if (!give_back(m, &m->allocations[i]))
				result = CUDA_ERROR_OUT_OF_MEMORY;
		if (result != CUDA_SUCCESS)
			return result;
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
	result = fill_devices(driver);
	if (result != CUDA_SUCCESS)
		return give_up(driver, targets, result);
	for (int d = 0; d < driver->count; d++)
		for (size_t i = 0; i < driver->device[d].memory.count; i++)
			*failed |= !map_device(
				&driver->device[d].memory, &driver->device[d].memory.allocations[i]);
	/* Only a context holds the device open. */
	if (!driver->contexts)
		cuda_disconnect(driver);
	return *failed ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}
