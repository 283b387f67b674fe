/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/str.h"
#include "inventory/collect.h"
#include "inventory/listing.h"
#include "inventory/procfs.h"

/* What /sys/bus/pci/devices/<address> knows (source: Documentation/ABI/testing/sysfs-bus-pci). */

#define PCI_DEVICES "/sys/bus/pci/devices"

enum {
	VENDOR_NVIDIA = 0x10de,
	CLASS_DISPLAY = 0x03, /* VGA, XGA, 3D controllers */
	ATTRIBUTE_MAX = 4096,
	DRM_NODES_MAX = 1 << 20,
};

/* One attribute without its newline; malloc'd or NULL. `device` is the device's directory. */
static char *attribute(const struct nvb_root *device, const char *name)
{
	char *text = NULL;

	if (nvb_root_read(device, name, ATTRIBUTE_MAX, &text, NULL, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* "0x10de" to 0x10de; 0 when it is not there. */
static uint32_t hexadecimal(const struct nvb_root *device, const char *name)
{
	_cleanup_free_ char *text = attribute(device, name);
	const char *digits = text ? nvb_after(text, "0x") : NULL;
	uint64_t value = 0;

	return digits && nvb_parse_u64_base(digits, 16, &value) && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static int numa_node(const struct nvb_root *device)
{
	_cleanup_free_ char *text = attribute(device, "numa_node");
	uint32_t node;

	/* -1 stands there on machines that are not NUMA. */
	return text && nvb_parse_u32(text, &node) && node <= INT32_MAX ? (int)node : -1;
}

/* "cardN" or "renderDN": the node's path and numbers, by-path link included where it exists. */
static int drm_node(struct nvb_collect *collect, const struct nvb_gpu *gpu, const char *name,
	struct nvb_node *node, const char **by_path, nvb_error **err)
{
	struct nvb_arena *arena = &collect->inventory->arena;
	bool render = name[0] == 'r';
	char link[128];
	struct stat st;

	node->path = nvb_arena_printf(arena, "/dev/dri/%s", name);
	if (!node->path)
		return nvb_fail_oom(err);
	node->role = render ? "DRI render node" : "DRI primary node";
	nvb_node_look(collect->inventory, node);
	snprintf(link, sizeof(link), "/dev/dri/by-path/pci-%s-%s", gpu->pci, render ? "render" : "card");
	if (nvb_root_stat(&collect->inventory->roots.dev, link, false, &st) < 0 || !S_ISLNK(st.st_mode))
		return 0;
	*by_path = nvb_arena_strdup(arena, link);
	return *by_path ? 0 : nvb_fail_oom(err);
}

static int find_drm(
	struct nvb_collect *collect, const struct nvb_root *device, struct nvb_gpu *gpu, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	int rc = 0;

	if (nvb_listing_read(device, "drm", &listing) < 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		const char *name = listing.entries[i].name;
		const char *card = nvb_after(name, "card"), *render = nvb_after(name, "renderD");
		uint32_t number;

		/* "card0-HDMI-A-1" are connectors. */
		if (card && nvb_parse_u32(card, &number) && number < DRM_NODES_MAX && !gpu->card.path)
			rc = drm_node(collect, gpu, name, &gpu->card, &gpu->card_by_path, err);
		else if (render && nvb_parse_u32(render, &number) && number < DRM_NODES_MAX &&
			 !gpu->render.path)
			rc = drm_node(collect, gpu, name, &gpu->render, &gpu->render_by_path, err);
	}
	return rc;
}

/* The kernel driver by the link "driver -> ../../../bus/pci/drivers/nouveau". */
static int find_driver(
	struct nvb_collect *collect, const struct nvb_root *device, struct nvb_gpu *gpu, nvb_error **err)
{
	char target[512];
	const char *name;

	if (nvb_root_readlink(device, "driver", target, sizeof(target)) < 0)
		return 0;
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	gpu->kernel_driver = nvb_arena_strdup(&collect->inventory->arena, name);
	return gpu->kernel_driver ? 0 : nvb_fail_oom(err);
}

static int describe(
	struct nvb_collect *collect, const struct nvb_root *device, struct nvb_gpu *gpu, nvb_error **err)
{
	_cleanup_free_ char *cpus = attribute(device, "local_cpulist");
	int rc;

	gpu->vendor_id = hexadecimal(device, "vendor");
	gpu->device_id = hexadecimal(device, "device");
	gpu->subsystem_id =
		hexadecimal(device, "subsystem_device") << 16 | hexadecimal(device, "subsystem_vendor");
	gpu->numa_node = numa_node(device);
	if (cpus && *cpus && !(gpu->cpus = nvb_arena_strdup(&collect->inventory->arena, cpus)))
		return nvb_fail_oom(err);
	rc = find_driver(collect, device, gpu, err);
	return rc < 0 ? rc : find_drm(collect, device, gpu, err);
}

/* The device's directory as a root of its own: its links lead all over /sys, but we only read their text. */
static int open_device(const struct nvb_root *sys, const char *address, struct nvb_root *device)
{
	char path[128];
	int fd, rc;

	snprintf(path, sizeof(path), PCI_DEVICES "/%.64s", address);
	fd = nvb_root_openat(sys, path, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	rc = nvb_root_from_fd(device, fd, path, NULL);
	if (rc < 0)
		return nvb_root_note(sys, -ENOMEM);
	device->trouble = sys->trouble;
	return 0;
}

int nvb_sysfs_describe(struct nvb_collect *collect, struct nvb_gpu *gpu, nvb_error **err)
{
	_cleanup_root_ struct nvb_root device = NVB_ROOT_INIT;

	if (open_device(&collect->inventory->roots.sys, gpu->pci, &device) < 0)
		return 0; /* a /sys without PCI (a container's, some VMs): nothing is known */
	return describe(collect, &device, gpu, err);
}

static int scan_one(struct nvb_collect *collect, const char *address, struct nvb_gpu *gpu, nvb_error **err)
{
	_cleanup_root_ struct nvb_root device = NVB_ROOT_INIT;
	char pci[NVB_PCI_ADDRESS];

	if (!nvb_pci_normalise(address, pci) ||
		open_device(&collect->inventory->roots.sys, address, &device) < 0 ||
		hexadecimal(&device, "vendor") != VENDOR_NVIDIA ||
		hexadecimal(&device, "class") >> 16 != CLASS_DISPLAY)
		return 1;
	*gpu = (struct nvb_gpu){.numa_node = -1, .compute_major = -1, .compute_minor = -1};
	gpu->pci = nvb_arena_strdup(&collect->inventory->arena, pci);
	if (!gpu->pci)
		return nvb_fail_oom(err);
	gpu->minor = UINT32_MAX;
	return describe(collect, &device, gpu, err);
}

int nvb_sysfs_scan(struct nvb_collect *collect, nvb_error **err)
{
	struct nvb_inventory *inventory = collect->inventory;
	_cleanup_listing_ struct nvb_listing listing = {0};
	_cleanup_free_ struct nvb_gpu *gpus = NULL;
	size_t count = 0, capacity = 0;

	if (nvb_listing_read(&inventory->roots.sys, PCI_DEVICES, &listing) < 0)
		return 0;
	for (size_t i = 0; i < listing.count; i++) {
		struct nvb_gpu gpu;
		int rc = scan_one(collect, listing.entries[i].name, &gpu, err);

		if (rc < 0)
			return rc;
		if (rc > 0)
			continue;
		gpu.index = (uint32_t)count;
		if (!NVB_GROW(gpus, count, capacity))
			return nvb_fail_oom(err);
		if (gpu.kernel_driver && nvb_streq(gpu.kernel_driver, "nouveau"))
			inventory->driver.kind = NVB_DRIVER_NOUVEAU;
		gpus[count++] = gpu;
	}
	if (count == 0)
		return 0;
	inventory->gpus = nvb_arena_memdup(&inventory->arena, gpus, count * sizeof(*gpus));
	if (!inventory->gpus)
		return nvb_fail_oom(err);
	inventory->gpu_count = count;
	return 0;
}
