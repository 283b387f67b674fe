/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "inventory/listing.h"
#include "plan/planner.h"

/* What the switches of a profile's [driver] bring besides the driver's files, and whether the host has what
 * they are about. Sources of the variables: src/profile/variables.c. */

#define PCI_DEVICES "/sys/bus/pci/devices"

struct variable {
	const char *name, *value, *reason;
};

static const struct part {
	const char *name;
	const char *rule;    /* of files without which it cannot be, or NULL */
	const char *missing; /* what is said then */
	struct variable on[5], off[2];
} parts[] = {
	{"dlss", "data.dlss", "the driver of this host has no nvngx.dll: Proton and Wine offer no DLSS",
		{{"PROTON_HIDE_NVIDIA_GPU", "0",
			"Proton shows games the GPU's maker, without which they offer no DLSS"}},
		{{0}}},
	{"ray-tracing", "lib.nvidia-rtcore",
		"the driver of this host has no libnvidia-rtcore: no ray tracing", {{0}},
		{{"VKD3D_CONFIG", "nodxr", "Direct3D 12 games are offered no ray tracing"}}},
	{"vulkan", "data.vulkan-icd", "the driver of this host has no nvidia_icd.json: no Vulkan", {{0}},
		{{0}}},
	{"egl", "data.egl-vendor", "the driver of this host has no 10_nvidia.json: no EGL", {{0}}, {{0}}},
	{"libraries-32bit", NULL, NULL, {{0}}, {{0}}},
	{"wine", NULL, NULL,
		{{"PROTON_ENABLE_NVAPI", "1", "Proton 8 loads NVAPI; later ones do by themselves"},
			{"DXVK_ENABLE_NVAPI", "1", "plain Wine loads NVAPI"},
			{"WINEESYNC", "1", "Wine with the esync patches waits by eventfd"},
			{"WINEFSYNC", "1", "Wine with the fsync patches waits by futex"}},
		{{0}}},
};

static bool has_file(const struct nvb_inventory *inventory, const char *rule)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (nvb_streq(inventory->files[i].rule, rule))
			return true;
	return false;
}

static bool has_32bit(const struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (inventory->files[i].elf_class == 32)
			return true;
	return false;
}

static int add_variables(
	struct planner *planner, const struct nvb_setting *setting, const struct variable *list, size_t count)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count && list[i].name; i++)
		rc = nvb_planner_variable(planner, setting, list[i].name, list[i].value, list[i].reason);
	return rc;
}

static bool attribute_begins(
	const struct nvb_root *sys, const char *device, const char *name, const char *const *beginnings)
{
	_cleanup_free_ char *text = NULL;
	char path[320];

	if ((size_t)snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", device, name) >= sizeof(path) ||
		nvb_root_read(sys, path, 64, &text, NULL, NULL) < 0)
		return false;
	for (; *beginnings; beginnings++)
		if (nvb_after(text, *beginnings))
			return true;
	return false;
}

/*
 * Whether a GPU of another maker is there beside NVIDIA's: display controllers (PCI class 03) whose vendor is
 * Intel or AMD, which alone drive the screens of hybrid machines. A server's ASPEED or Matrox draws nothing.
 */
static bool is_hybrid(const struct planner *planner)
{
	static const char *const makers[] = {"0x8086", "0x1002", NULL}, *const classes[] = {"0x03", NULL};
	const struct nvb_root *sys = &planner->inventory->roots.sys;
	_cleanup_listing_ struct nvb_listing listing = {0};

	if (nvb_listing_read(sys, PCI_DEVICES, &listing) < 0)
		return false;
	for (size_t i = 0; i < listing.count; i++)
		if (attribute_begins(sys, listing.entries[i].name, "class", classes) &&
			attribute_begins(sys, listing.entries[i].name, "vendor", makers))
			return true;
	return false;
}

static int add_prime(struct planner *planner, const struct nvb_setting *setting)
{
	static const struct variable offload[] = {
		{"__NV_PRIME_RENDER_OFFLOAD", "1", "renders on this GPU what another maker's shows"},
		{"__GLX_VENDOR_LIBRARY_NAME", "nvidia", "OpenGL on X11 is this driver's"},
		{"__VK_LAYER_NV_optimus", "NVIDIA_only", "Vulkan shows this GPU alone"},
	};

	if (!setting->amount || !is_hybrid(planner))
		return 0;
	return add_variables(planner, setting, offload, NVB_ELEMENTS(offload));
}

int nvb_planner_part(struct planner *planner, const struct nvb_setting *setting)
{
	const struct part *part = parts;
	const struct part *end = parts + NVB_ELEMENTS(parts);
	int rc = 0;

	if (nvb_streq(setting->name, "prime"))
		return add_prime(planner, setting);
	while (part < end && !nvb_streq(part->name, setting->name))
		part++;
	if (part == end)
		return 0;
	if (!setting->amount)
		return add_variables(planner, setting, part->off, NVB_ELEMENTS(part->off));
	if (planner->files_planned && part->rule && !has_file(planner->inventory, part->rule))
		return nvb_planner_note(planner, "profile %s: %s", setting->profile, part->missing);
	if (planner->files_planned && nvb_streq(part->name, "libraries-32bit") &&
		!has_32bit(planner->inventory))
		return nvb_planner_note(planner,
			"profile %s: this host has no 32-bit driver libraries: 32-bit programs draw in "
			"software",
			setting->profile);
	rc = add_variables(planner, setting, part->on, NVB_ELEMENTS(part->on));
	if (rc == 0 && nvb_streq(part->name, "wine"))
		rc = nvb_planner_setting_device(
			planner, setting, "/dev/ntsync", "Wine waits for Windows' objects in the kernel");
	return rc;
}
