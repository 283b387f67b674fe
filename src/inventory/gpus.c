/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "inventory/collect.h"
#include "inventory/listing.h"
#include "inventory/procfs.h"

/*
 * GPUs and MIG devices as the NVIDIA kernel module shows them below /proc/driver/nvidia. Only the GPUs this
 * module serves are there: one bound to vfio-pci is none that a container could be given.
 */

#define GPUS	     "/proc/driver/nvidia/gpus"
#define CAPABILITIES "/proc/driver/nvidia/capabilities"

enum {
	TEXT_MAX = 64 * 1024,
	MINORS_MAX = 4 * 1024 * 1024, /* 32 GPUs with all their possible instances are 100 KiB */
	MAJOR_NVIDIA = 195, /* registered with the kernel for NVIDIA, Documentation/admin-guide/devices.txt */
	MIG_GI_MAX = 64,
};

struct builder {
	struct nvb_collect *collect;
	struct nvb_inventory *inventory;
	struct nvb_gpu *gpus; /* malloc'd */
	size_t count, capacity;
	struct nvb_mig_minors minors; /* read once, when first needed */
	bool minors_read;
	uint32_t caps_major;
	bool has_caps_major;
};

static char *read_text(const struct nvb_inventory *inventory, const char *path, size_t max)
{
	char *text = NULL;

	return nvb_root_read(&inventory->roots.proc, path, max, &text, NULL, NULL) < 0 ? NULL : text;
}

/* "gi12" to 12. */
static bool instance_id(const char *name, const char *prefix, uint32_t *id)
{
	const char *digits = nvb_after(name, prefix);

	return digits && nvb_parse_u32(digits, id);
}

static bool read_minors(struct builder *b)
{
	_cleanup_free_ char *text = NULL;

	if (b->minors_read)
		return true;
	b->minors_read = true;
	text = read_text(b->inventory, "/proc/driver/nvidia-caps/mig-minors", MINORS_MAX);
	return !text || nvb_procfs_parse_mig_minors(text, &b->minors);
}

/* From a capability's own file: where an older module has no table of all. */
static bool read_access(struct builder *b, uint32_t gpu, uint32_t gi, uint32_t ci, uint32_t *minor)
{
	_cleanup_free_ char *text = NULL;
	char path[128];

	if (ci == NVB_NO_CI)
		snprintf(path, sizeof(path), CAPABILITIES "/gpu%u/mig/gi%u/access", gpu, gi);
	else
		snprintf(path, sizeof(path), CAPABILITIES "/gpu%u/mig/gi%u/ci%u/access", gpu, gi, ci);
	text = read_text(b->inventory, path, TEXT_MAX);
	return text && nvb_procfs_parse_capability(text, minor);
}

/* 1 when no minor is known for it. */
static int capability_node(
	struct builder *b, uint32_t gpu, uint32_t gi, uint32_t ci, struct nvb_node *node, nvb_error **err)
{
	uint32_t minor;

	*node = (struct nvb_node){.role = "MIG capability", .major = b->caps_major};
	if (!read_minors(b))
		return nvb_fail_oom(err);
	if (!nvb_mig_minor_find(&b->minors, gpu, gi, ci, &minor) && !read_access(b, gpu, gi, ci, &minor)) {
		nvb_warning(b->collect->log, "GPU minor %u: GPU instance %u has no capability, left out", gpu,
			gi);
		return 1;
	}
	node->minor = minor;
	node->path = nvb_arena_printf(&b->inventory->arena, "/dev/nvidia-caps/nvidia-cap%u", minor);
	return node->path ? 0 : nvb_fail_oom(err);
}

static int mig_order(const void *a, const void *b)
{
	const struct nvb_mig_device *x = a, *y = b;

	if (x->gi != y->gi)
		return x->gi < y->gi ? -1 : 1;
	return x->ci < y->ci ? -1 : x->ci > y->ci;
}

struct migs {
	struct nvb_mig_device *list; /* malloc'd */
	size_t count, capacity;
};

/* The compute instances of one GPU instance. */
static int add_instance(
	struct builder *b, const struct nvb_gpu *gpu, uint32_t gi, struct migs *migs, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	char path[128];

	snprintf(path, sizeof(path), CAPABILITIES "/gpu%u/mig/gi%u", gpu->minor, gi);
	if (nvb_listing_read(&b->inventory->roots.proc, path, &listing) < 0)
		return 0;
	for (size_t i = 0; i < listing.count; i++) {
		struct nvb_mig_device mig = {.gi = gi};
		int rc;

		if (!instance_id(listing.entries[i].name, "ci", &mig.ci))
			continue;
		rc = capability_node(b, gpu->minor, gi, NVB_NO_CI, &mig.gi_access, err);
		if (rc == 0)
			rc = capability_node(b, gpu->minor, gi, mig.ci, &mig.ci_access, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			continue;
		if (!NVB_GROW(migs->list, migs->count, migs->capacity))
			return nvb_fail_oom(err);
		migs->list[migs->count++] = mig;
	}
	return 0;
}

static int add_migs(struct builder *b, struct nvb_gpu *gpu, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	struct migs migs = {0};
	char path[128];
	int rc = 0;

	snprintf(path, sizeof(path), CAPABILITIES "/gpu%u/mig", gpu->minor);
	if (nvb_listing_read(&b->inventory->roots.proc, path, &listing) < 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		uint32_t gi;

		if (instance_id(listing.entries[i].name, "gi", &gi)) {
			gpu->mig_enabled = true;
			rc = add_instance(b, gpu, gi, &migs, err);
		}
	}
	if (rc == 0 && migs.count) {
		qsort(migs.list, migs.count, sizeof(*migs.list), mig_order);
		for (size_t i = 0; i < migs.count; i++)
			migs.list[i].index = (uint32_t)i;
		gpu->migs =
			nvb_arena_memdup(&b->inventory->arena, migs.list, migs.count * sizeof(*migs.list));
		gpu->mig_count = migs.count;
		if (!gpu->migs)
			rc = nvb_fail_oom(err);
	}
	free(migs.list);
	return rc;
}

static const char *known(struct nvb_arena *arena, const char *text, bool *failed)
{
	char *copy = *text ? nvb_arena_strdup(arena, text) : NULL;

	if (*text && !copy)
		*failed = true;
	return copy;
}

static int add_gpu(struct builder *b, const char *address, nvb_error **err)
{
	struct nvb_arena *arena = &b->inventory->arena;
	_cleanup_free_ char *text = NULL;
	struct nvb_proc_gpu proc;
	struct nvb_gpu gpu = {.numa_node = -1, .compute_major = -1, .compute_minor = -1};
	char path[512], pci[NVB_PCI_ADDRESS];
	bool failed = false;

	snprintf(path, sizeof(path), GPUS "/%.200s/information", address);
	text = nvb_pci_normalise(address, pci) ? read_text(b->inventory, path, TEXT_MAX) : NULL;
	if (!text) {
		nvb_warning(b->collect->log, "%s: cannot be read, GPU left out", path);
		return 0;
	}
	nvb_procfs_parse_information(text, &proc);
	if (proc.excluded) {
		b->inventory->excluded_count++;
		nvb_info(b->collect->log, "GPU %s is excluded by the driver's configuration", pci);
		return 0;
	}
	if (!proc.has_minor) {
		nvb_warning(b->collect->log, "%s: no device minor, GPU left out", path);
		return 0;
	}
	gpu.minor = proc.minor;
	gpu.pci = known(arena, pci, &failed);
	gpu.uuid = known(arena, proc.uuid, &failed);
	gpu.name = known(arena, proc.model, &failed);
	gpu.firmware = known(arena, proc.firmware, &failed);
	gpu.kernel_driver = "nvidia";
	gpu.node = (struct nvb_node){
		.path = nvb_arena_printf(arena, "/dev/nvidia%u", gpu.minor),
		.role = "GPU",
		.major = MAJOR_NVIDIA,
		.minor = gpu.minor,
	};
	if (failed || !gpu.node.path || !NVB_GROW(b->gpus, b->count, b->capacity))
		return nvb_fail_oom(err);
	b->gpus[b->count++] = gpu;
	return 0;
}

/* Domain, bus, device, function all have a fixed number of digits, domains beyond 16 bits more of them. */
static int pci_order(const void *a, const void *b)
{
	const char *x = ((const struct nvb_gpu *)a)->pci, *y = ((const struct nvb_gpu *)b)->pci;
	size_t n = strlen(x), m = strlen(y);

	if (n != m)
		return n < m ? -1 : 1;
	return strcmp(x, y);
}

static int finish(struct builder *b, nvb_error **err)
{
	struct nvb_inventory *inventory = b->inventory;

	if (b->count == 0)
		return 0;
	qsort(b->gpus, b->count, sizeof(*b->gpus), pci_order);
	for (size_t i = 0; i < b->count; i++) {
		int rc;

		b->gpus[i].index = (uint32_t)i;
		rc = add_migs(b, &b->gpus[i], err);
		if (rc == 0)
			rc = nvb_sysfs_describe(b->collect, &b->gpus[i], err);
		if (rc < 0)
			return rc;
	}
	inventory->gpus = nvb_arena_memdup(&inventory->arena, b->gpus, b->count * sizeof(*b->gpus));
	if (!inventory->gpus)
		return nvb_fail_oom(err);
	inventory->gpu_count = b->count;
	return 0;
}

/* The kernel module's version and kind. /sys is what remains where /proc hides it. */
static int find_module(struct nvb_collect *collect, nvb_error **err)
{
	struct nvb_inventory *inventory = collect->inventory;
	_cleanup_free_ char *text = read_text(inventory, "/proc/driver/nvidia/version", TEXT_MAX);
	struct nvb_proc_version version = {0};
	size_t size = 0;

	if (text && nvb_procfs_parse_version(text, &version)) {
		inventory->driver.kind = version.open ? NVB_DRIVER_OPEN : NVB_DRIVER_PROPRIETARY;
	} else {
		free(text);
		text = NULL;
		if (nvb_root_read(
			    &inventory->roots.sys, "/sys/module/nvidia/version", 256, &text, &size, NULL) < 0)
			return 0;
		text[strcspn(text, "\n")] = '\0';
		if (!nvb_is_driver_version(text))
			return 0;
		memcpy(version.version, text, strlen(text) + 1);
		inventory->driver.kind = NVB_DRIVER_PROPRIETARY;
	}
	inventory->driver.module_version = nvb_arena_strdup(&inventory->arena, version.version);
	return inventory->driver.module_version ? 0 : nvb_fail_oom(err);
}

int nvb_collect_gpus(struct nvb_collect *collect, nvb_error **err)
{
	struct builder b = {.collect = collect, .inventory = collect->inventory};
	_cleanup_listing_ struct nvb_listing listing = {0};
	_cleanup_free_ char *devices = NULL;
	int rc = find_module(collect, err);

	if (rc < 0)
		return rc;
	if (!collect->inventory->driver.module_version)
		return nvb_sysfs_scan(collect, err);
	devices = read_text(collect->inventory, "/proc/devices", TEXT_MAX);
	if (devices)
		b.has_caps_major = nvb_procfs_find_major(devices, "nvidia-caps", &b.caps_major);
	if (nvb_listing_read(&collect->inventory->roots.proc, GPUS, &listing) < 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < listing.count; i++)
		rc = add_gpu(&b, listing.entries[i].name, err);
	if (rc == 0)
		rc = finish(&b, err);
	free(b.gpus);
	free(b.minors.list);
	return rc;
}
