/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "inventory/collect.h"
#include "inventory/listing.h"
#include "inventory/procfs.h"

/*
 * Device nodes that belong to no single GPU. Source: the kernel module's registrations (nvidia-modprobe makes
 * the same set) and, for the special ones, the modules nvidia-fs, gdrdrv, ib_uverbs, nvidia-nvswitch.
 */
enum { MAJOR_NVIDIA = 195, MINOR_MODESET = 254, MINOR_CONTROL = 255 };

/* Expected while the NVIDIA module is loaded, so their absence is worth knowing. */
static const struct control {
	const char *path, *role;
	const char *driver; /* whose major in /proc/devices; NULL: the one number below */
	uint32_t minor;
} controls[] = {
	{"/dev/nvidiactl", "control", NULL, MINOR_CONTROL},
	{"/dev/nvidia-modeset", "mode setting", NULL, MINOR_MODESET},
	{"/dev/nvidia-uvm", "unified memory", "nvidia-uvm", 0},
	{"/dev/nvidia-uvm-tools", "unified memory events", "nvidia-uvm", 1},
};

/* Looked for by name: what is there is listed. `prefix` may be followed by digits if `numbered`. */
static const struct special {
	const char *directory, *prefix, *role;
	bool numbered;
	unsigned features;
} specials[] = {
	{"/dev", "gdrdrv", "GDRCopy", false, NVB_FEATURE_GDRCOPY},
	{"/dev", "nvidia-fs", "GPUDirect Storage", true, NVB_FEATURE_GDS},
	{"/dev", "nvidia-nvlink", "NVLink", false, 0},
	{"/dev", "nvidia-nvswitch", "NVSwitch", true, NVB_FEATURE_NVSWITCH},
	{"/dev", "nvidia-nvswitchctl", "NVSwitch control", false, NVB_FEATURE_NVSWITCH},
	{"/dev/infiniband", "rdma_cm", "RDMA connection manager", false, NVB_FEATURE_MOFED},
	{"/dev/infiniband", "uverbs", "RDMA", true, NVB_FEATURE_MOFED},
	/* Asked for by number, except by who manages the host. */
	{"/dev/nvidia-caps-imex-channels", "channel", "IMEX channel", true, NVB_FEATURE_MANAGEMENT},
};

/* Capabilities of the whole machine: files below /proc/driver/nvidia/capabilities. */
static const struct machine_capability {
	const char *path, *role;
	unsigned features;
} machine_capabilities[] = {
	{"/proc/driver/nvidia/capabilities/mig/config", "MIG configuration",
		NVB_FEATURE_MIG_CONFIG | NVB_FEATURE_MANAGEMENT},
	{"/proc/driver/nvidia/capabilities/mig/monitor", "MIG monitoring",
		NVB_FEATURE_MIG_MONITOR | NVB_FEATURE_MANAGEMENT},
	{"/proc/driver/nvidia/capabilities/fabric-imex-mgmt", "IMEX management", NVB_FEATURE_MANAGEMENT},
};

struct nodes {
	struct nvb_collect *collect;
	struct nvb_node *list; /* malloc'd */
	size_t count, capacity;
};

void nvb_node_look(const struct nvb_inventory *inventory, struct nvb_node *node)
{
	struct stat st;

	node->present =
		nvb_root_stat(&inventory->roots.dev, node->path, true, &st) == 0 && S_ISCHR(st.st_mode);
	if (!node->present)
		return;
	node->major = major(st.st_rdev);
	node->minor = minor(st.st_rdev);
}

static int add(struct nodes *nodes, struct nvb_node node, nvb_error **err)
{
	if (!NVB_GROW(nodes->list, nodes->count, nodes->capacity))
		return nvb_fail_oom(err);
	nodes->list[nodes->count++] = node;
	return 0;
}

static int hand_over(struct nodes *nodes, struct nvb_node **list, size_t *count, nvb_error **err)
{
	if (nodes->count) {
		*list = nvb_arena_memdup(
			&nodes->collect->inventory->arena, nodes->list, nodes->count * sizeof(*nodes->list));
		if (!*list)
			return nvb_fail_oom(err);
		*count = nodes->count;
	}
	return 0;
}

static int add_controls(struct nodes *nodes, const char *devices, nvb_error **err)
{
	struct nvb_inventory *inventory = nodes->collect->inventory;
	bool loaded =
		inventory->driver.kind == NVB_DRIVER_OPEN || inventory->driver.kind == NVB_DRIVER_PROPRIETARY;
	int rc = 0;

	if (inventory->platform == NVB_PLATFORM_WSL2) {
		struct nvb_node dxg = {.path = "/dev/dxg", .role = "WSL2's paravirtual GPU"};

		nvb_node_look(inventory, &dxg);
		return add(nodes, dxg, err);
	}
	for (size_t i = 0; loaded && rc == 0 && i < NVB_ELEMENTS(controls); i++) {
		struct nvb_node node = {.path = controls[i].path,
			.role = controls[i].role,
			.major = MAJOR_NVIDIA,
			.minor = controls[i].minor};

		if (controls[i].driver &&
			(!devices || !nvb_procfs_find_major(devices, controls[i].driver, &node.major)))
			node.major = 0; /* the module is not loaded (yet) */
		nvb_node_look(inventory, &node);
		rc = add(nodes, node, err);
	}
	return rc;
}

static bool matches(const struct special *special, const char *name)
{
	const char *rest = nvb_after(name, special->prefix);
	uint32_t number;

	return rest && (special->numbered ? nvb_parse_u32(rest, &number) : !*rest);
}

/* Listings are sorted by text: "uverbs10" would stand before "uverbs2". */
static int by_number(const void *a, const void *b)
{
	return strverscmp(((const struct nvb_node *)a)->path, ((const struct nvb_node *)b)->path);
}

static int add_directory(struct nodes *nodes, const char *directory, nvb_error **err)
{
	struct nvb_inventory *inventory = nodes->collect->inventory;
	_cleanup_listing_ struct nvb_listing listing = {0};

	if (nvb_listing_read(&inventory->roots.dev, directory, &listing) < 0)
		return 0;
	for (size_t i = 0; i < listing.count; i++) {
		for (size_t s = 0; s < NVB_ELEMENTS(specials); s++) {
			struct nvb_node node = {.role = specials[s].role, .features = specials[s].features};
			int rc;

			if (!nvb_streq(specials[s].directory, directory) ||
				!matches(&specials[s], listing.entries[i].name))
				continue;
			node.path = nvb_arena_printf(
				&inventory->arena, "%s/%s", directory, listing.entries[i].name);
			if (!node.path)
				return nvb_fail_oom(err);
			nvb_node_look(inventory, &node);
			rc = node.present ? add(nodes, node, err) : 0;
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int add_machine_capabilities(struct nodes *nodes, nvb_error **err)
{
	struct nvb_inventory *inventory = nodes->collect->inventory;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(machine_capabilities); i++) {
		_cleanup_free_ char *text = NULL;
		struct nvb_node node = {
			.role = machine_capabilities[i].role, .features = machine_capabilities[i].features};
		uint32_t number;

		if (nvb_root_read(&inventory->roots.proc, machine_capabilities[i].path, 4096, &text, NULL,
			    NULL) < 0 ||
			!nvb_procfs_parse_capability(text, &number))
			continue;
		node.path = nvb_arena_printf(&inventory->arena, "/dev/nvidia-caps/nvidia-cap%u", number);
		if (!node.path)
			return nvb_fail_oom(err);
		nvb_node_look(inventory, &node);
		rc = add(nodes, node, err);
	}
	return rc;
}

static int add_specials(struct nodes *nodes, nvb_error **err)
{
	static const char *const directories[] = {
		"/dev", "/dev/infiniband", "/dev/nvidia-caps-imex-channels"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(directories); i++)
		rc = add_directory(nodes, directories[i], err);
	if (rc == 0 && nodes->count)
		qsort(nodes->list, nodes->count, sizeof(*nodes->list), by_number);
	return rc < 0 ? rc : add_machine_capabilities(nodes, err);
}

static void look_at_gpus(struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		struct nvb_gpu *gpu = &inventory->gpus[i];

		if (gpu->node.path)
			nvb_node_look(inventory, &gpu->node);
		for (size_t m = 0; m < gpu->mig_count; m++) {
			nvb_node_look(inventory, &gpu->migs[m].gi_access);
			nvb_node_look(inventory, &gpu->migs[m].ci_access);
		}
	}
}

int nvb_collect_nodes(struct nvb_collect *collect, nvb_error **err)
{
	struct nvb_inventory *inventory = collect->inventory;
	struct nodes control = {.collect = collect}, special = {.collect = collect};
	_cleanup_free_ char *devices = NULL;
	int rc;

	(void)nvb_root_read(&inventory->roots.proc, "/proc/devices", 64 * 1024, &devices, NULL, NULL);
	look_at_gpus(inventory);
	rc = add_controls(&control, devices, err);
	if (rc == 0)
		rc = hand_over(&control, &inventory->control, &inventory->control_count, err);
	if (rc == 0)
		rc = add_specials(&special, err);
	if (rc == 0)
		rc = hand_over(&special, &inventory->special, &inventory->special_count, err);
	free(control.list);
	free(special.list);
	return rc;
}
