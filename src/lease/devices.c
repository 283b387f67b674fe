/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "lease/lease.h"

/*
 * From a plan to the devices it gives. The nodes tell, not the names in the plan: a device that a foreign CDI
 * spec brings is held like any other.
 */

void nvb_lease_devices_release(struct nvb_lease_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		free(devices->list[i].key);
		free(devices->list[i].parent);
		free(devices->list[i].name);
		free(devices->list[i].uuid);
		free(devices->list[i].node);
	}
	free(devices->list);
	*devices = (struct nvb_lease_devices){0};
}

/* Host paths of the nodes that a plan gives, sorted. */
struct nodes {
	const char **paths;
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int collect_nodes(const struct nvb_plan *plan, struct nodes *nodes, nvb_error **err)
{
	nodes->paths = calloc(plan->edit_count + 1, sizeof(*nodes->paths));
	if (!nodes->paths)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_DEVICE && plan->edits[i].device.host)
			nodes->paths[nodes->count++] = plan->edits[i].device.host;
	qsort(nodes->paths, nodes->count, sizeof(*nodes->paths), compare);
	return 0;
}

static bool gives(const struct nodes *nodes, const struct nvb_root *dev, const struct nvb_node *node)
{
	_cleanup_free_ char *path = node->path ? nvb_root_host_path(dev, node->path) : NULL;

	return path && bsearch(&path, nodes->paths, nodes->count, sizeof(*nodes->paths), compare);
}

static bool copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

static int add(struct nvb_lease_devices *devices, const struct nvb_root *dev, const struct nvb_gpu *gpu,
	const struct nvb_mig_device *mig, nvb_error **err)
{
	struct nvb_lease_device *device;
	bool ok;

	if (!NVB_GROW(devices->list, devices->count, devices->capacity))
		return nvb_fail_oom(err);
	device = &devices->list[devices->count++];
	*device = (struct nvb_lease_device){0};
	if (mig) {
		ok = asprintf(&device->key, "%s-gi%u-ci%u", gpu->pci, mig->gi, mig->ci) >= 0 &&
		     asprintf(&device->name, "%u:%u", gpu->index, mig->index) >= 0 &&
		     copy(&device->parent, gpu->pci) && copy(&device->uuid, mig->uuid);
	} else {
		ok = copy(&device->key, gpu->pci) && asprintf(&device->name, "%u", gpu->index) >= 0 &&
		     copy(&device->uuid, gpu->uuid);
	}
	if (ok && gpu->node.path)
		ok = (device->node = nvb_root_host_path(dev, gpu->node.path)) != NULL;
	return ok ? 0 : nvb_fail_oom(err);
}

static int add_gpu(struct nvb_lease_devices *devices, const struct nodes *nodes, const struct nvb_root *dev,
	const struct nvb_gpu *gpu, nvb_error **err)
{
	size_t before = devices->count;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < gpu->mig_count; i++)
		if (gives(nodes, dev, &gpu->migs[i].gi_access) && gives(nodes, dev, &gpu->migs[i].ci_access))
			rc = add(devices, dev, gpu, &gpu->migs[i], err);
	return rc < 0 || devices->count > before ? rc : add(devices, dev, gpu, NULL, err);
}

/* WSL2's one device for all GPUs. */
static int add_dxg(struct nvb_lease_devices *devices, const struct nvb_root *dev, nvb_error **err)
{
	static const struct nvb_gpu dxg = {.pci = "dxg", .node = {.path = "/dev/dxg"}};

	return add(devices, dev, &dxg, NULL, err);
}

static bool gives_dxg(
	const struct nodes *nodes, const struct nvb_root *dev, const struct nvb_inventory *inventory)
{
	for (size_t i = 0; inventory->platform == NVB_PLATFORM_WSL2 && i < inventory->control_count; i++)
		if (gives(nodes, dev, &inventory->control[i]))
			return true;
	return false;
}

int nvb_lease_devices_of(const struct nvb_inventory *inventory, const struct nvb_plan *plan,
	struct nvb_lease_devices *out, nvb_error **err)
{
	const struct nvb_root *dev = &inventory->roots.dev;
	struct nvb_lease_devices devices = {0};
	_cleanup_free_ const char **paths = NULL;
	struct nodes nodes = {0};
	int rc = collect_nodes(plan, &nodes, err);

	paths = nodes.paths;
	for (size_t i = 0; rc == 0 && i < inventory->gpu_count; i++)
		if (inventory->gpus[i].pci && gives(&nodes, dev, &inventory->gpus[i].node))
			rc = add_gpu(&devices, &nodes, dev, &inventory->gpus[i], err);
	if (rc == 0 && gives_dxg(&nodes, dev, inventory))
		rc = add_dxg(&devices, dev, err);
	if (rc < 0)
		nvb_lease_devices_release(&devices);
	else
		*out = devices;
	return rc;
}
