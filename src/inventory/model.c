/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "inventory/inventory.h"

/* Looking into a loaded inventory. */

enum { UUID_PREFIX_MIN = 8 };

const struct nvb_gpu *nvb_inventory_gpu_by_index(const struct nvb_inventory *inventory, uint32_t index)
{
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (inventory->gpus[i].index == index)
			return &inventory->gpus[i];
	return NULL;
}

const struct nvb_gpu *nvb_inventory_gpu_by_uuid(const struct nvb_inventory *inventory, const char *uuid)
{
	const struct nvb_gpu *found = NULL;
	size_t n = strlen(uuid);

	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		if (!gpu->uuid || strncasecmp(gpu->uuid, uuid, n) != 0)
			continue;
		if (!gpu->uuid[n])
			return gpu;
		if (n < strlen("GPU-") + UUID_PREFIX_MIN)
			continue;
		if (found)
			return NULL;
		found = gpu;
	}
	return found;
}

size_t nvb_inventory_gpu_count(const nvb_inventory *inventory)
{
	return inventory->gpu_count;
}

int nvb_inventory_gpu(const nvb_inventory *inventory, size_t i, struct nvb_gpu_info *info, nvb_error **err)
{
	const struct nvb_gpu *gpu;

	if (info->size != sizeof(*info))
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_gpu_info.size is %zu, this library's is %zu",
			info->size, sizeof(*info));
	if (i >= inventory->gpu_count)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no GPU number %zu; this host has %zu", i,
			inventory->gpu_count);
	gpu = &inventory->gpus[i];
	*info = (struct nvb_gpu_info){
		.size = sizeof(*info),
		.index = gpu->index,
		.minor = gpu->minor,
		.uuid = gpu->uuid,
		.name = gpu->name,
		.pci_address = gpu->pci,
		.numa_node = gpu->numa_node,
		.memory_bytes = gpu->memory,
		.compute_major = gpu->compute_major,
		.compute_minor = gpu->compute_minor,
		.mig_devices = (uint32_t)gpu->mig_count,
	};
	return 0;
}

enum nvb_platform nvb_inventory_platform(const nvb_inventory *inventory)
{
	return inventory->platform;
}

enum nvb_driver_kind nvb_inventory_driver_kind(const nvb_inventory *inventory)
{
	return inventory->driver.kind;
}

const char *nvb_inventory_driver_version(const nvb_inventory *inventory)
{
	return inventory->driver.version;
}

const char *nvb_inventory_module_version(const nvb_inventory *inventory)
{
	return inventory->driver.module_version;
}
