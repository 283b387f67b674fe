/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "plan/planner.h"

/*
 * Devices beside GPUs. Source for what belongs to which: internal/discover and pkg/nvcdi/management.go of
 * NVIDIA's container toolkit.
 */
static const struct {
	unsigned feature;
	const char *rule, *name, *reason;
	const char *access; /* opening a capability for reading is the right */
} features[] = {
	{NVB_FEATURE_GDS, "node.gds", "GPUDirect Storage (/dev/nvidia-fs*)",
		"storage to GPU memory without a copy", "rw"},
	{NVB_FEATURE_MOFED, "node.mofed", "InfiniBand verbs (/dev/infiniband)", "InfiniBand and RoCE", "rw"},
	{NVB_FEATURE_GDRCOPY, "node.gdrcopy", "GDRCopy (/dev/gdrdrv)", "copies into GPU memory by the CPU",
		"rw"},
	{NVB_FEATURE_NVSWITCH, "node.nvswitch", "NVSwitches (/dev/nvidia-nvswitch*)",
		"switches between GPUs, for the fabric manager and its tools", "rw"},
	{NVB_FEATURE_MIG_CONFIG, "node.mig-config", "the right to divide GPUs by MIG",
		"right to divide all GPUs by MIG", "r"},
	{NVB_FEATURE_MIG_MONITOR, "node.mig-monitor", "the right to watch MIG devices",
		"right to watch all MIG devices", "r"},
};

static bool is_channel(const struct nvb_node *node, uint32_t *channel)
{
	const char *digits = nvb_after(node->path, NVB_IMEX_CHANNEL_PREFIX);

	return digits && nvb_parse_u32(digits, channel);
}

static int without(struct planner *planner, const char *what, bool required)
{
	if (required)
		return nvb_fail(planner->err, NVB_ERR_NOT_FOUND, "this host does not have %s", what);
	return nvb_planner_warn(planner, "this host does not have %s: left out", what);
}

static int add_feature(struct planner *planner, size_t row, bool required)
{
	const struct nvb_inventory *inventory = planner->inventory;
	size_t count = 0;

	for (size_t i = 0; i < inventory->special_count; i++) {
		const struct nvb_node *node = &inventory->special[i];
		struct nvb_edit *edit;

		if (!(node->features & features[row].feature) || !node->present)
			continue;
		count++;
		if (planner->management && node->features & NVB_FEATURE_MANAGEMENT)
			continue; /* is there already */
		edit = nvb_planner_node(
			planner, node, NVB_SCOPE_COMMON, features[row].rule, features[row].reason, required);
		if (!edit)
			return nvb_fail_oom(planner->err);
		strcpy(edit->device.access, features[row].access);
	}
	if (!count)
		return without(planner, features[row].name, required);
	return nvb_planner_feature_files(planner, features[row].feature);
}

/* Where channels are all there is, each can be given alone: a device of the plan. */
static int describe_channel(struct planner *planner, uint32_t channel, int *scope)
{
	struct nvb_plan *plan = planner->plan;
	struct nvb_plan_device device = {.is_channel = true};

	device.name = nvb_arena_printf(&plan->arena, "%u", channel);
	if (!device.name || !NVB_GROW(plan->devices, plan->device_count, plan->device_capacity))
		return nvb_fail_oom(planner->err);
	*scope = (int)plan->device_count;
	plan->devices[plan->device_count++] = device;
	return 0;
}

static int add_channel(struct planner *planner, const struct nvb_node *node, uint32_t channel, bool alone)
{
	int scope = NVB_SCOPE_COMMON, rc = 0;

	if (alone)
		rc = describe_channel(planner, channel, &scope);
	if (rc == 0 && !nvb_planner_node(planner, node, scope, "node.imex",
			       "IMEX channel: memory shared with GPUs of other hosts", true))
		rc = nvb_fail_oom(planner->err);
	return rc;
}

static const struct nvb_node *find_channel(const struct nvb_inventory *inventory, uint32_t wanted)
{
	uint32_t channel;

	for (size_t i = 0; i < inventory->special_count; i++)
		if (inventory->special[i].present && is_channel(&inventory->special[i], &channel) &&
			channel == wanted)
			return &inventory->special[i];
	return NULL;
}

static int add_all_channels(struct planner *planner, bool alone)
{
	const struct nvb_inventory *inventory = planner->inventory;
	uint32_t channel;
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < inventory->special_count; i++) {
		if (!inventory->special[i].present || !is_channel(&inventory->special[i], &channel))
			continue;
		rc = add_channel(planner, &inventory->special[i], channel, alone);
		count++;
	}
	return rc < 0 || count ? rc
			       : without(planner, "any IMEX channel (" NVB_IMEX_CHANNEL_PREFIX "*)", alone);
}

static int add_channels(struct planner *planner, const struct nvb_request *request, bool alone)
{
	int rc = 0;

	if (request->all_channels)
		return add_all_channels(planner, alone);
	for (size_t i = 0; rc == 0 && i < request->channel_count; i++) {
		const struct nvb_node *node = find_channel(planner->inventory, request->channels[i]);

		if (!node)
			return nvb_hint(planner->err,
				nvb_fail(planner->err, NVB_ERR_NOT_FOUND,
					"there is no IMEX channel %u (%s%u)", request->channels[i],
					NVB_IMEX_CHANNEL_PREFIX, request->channels[i]),
				"'nvbind info --format json' lists the channels this host has");
		rc = add_channel(planner, node, request->channels[i], alone);
	}
	return rc;
}

static int add_node_of_management(struct planner *planner, const struct nvb_node *node, const char *reason)
{
	if (!node->path)
		return 0;
	if (!node->present)
		return nvb_planner_warn(planner, "%s is missing and left out", node->path);
	return nvb_planner_node(planner, node, NVB_SCOPE_COMMON, "node.management", reason, false)
		       ? 0
		       : nvb_fail_oom(planner->err);
}

/* All GPUs, whole ones and divided ones, with all rights. */
static int add_management(struct planner *planner)
{
	const struct nvb_inventory *inventory = planner->inventory;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		rc = add_node_of_management(planner, &gpu->node, "a GPU of this host");
		for (size_t m = 0; rc == 0 && m < gpu->mig_count; m++) {
			const struct nvb_mig_device *mig = &gpu->migs[m];

			/* Several compute instances may share a GPU instance. */
			if (m == 0 || mig->gi != mig[-1].gi)
				rc = add_node_of_management(
					planner, &mig->gi_access, "MIG: right to use a GPU instance");
			if (rc == 0)
				rc = add_node_of_management(
					planner, &mig->ci_access, "MIG: right to use a compute instance");
		}
	}
	for (size_t i = 0; rc == 0 && i < inventory->special_count; i++)
		if (inventory->special[i].features & NVB_FEATURE_MANAGEMENT)
			rc = add_node_of_management(
				planner, &inventory->special[i], "a right over all of this host's GPUs");
	return rc;
}

int nvb_planner_features(struct planner *planner, const struct nvb_request *request, bool alone)
{
	int rc = planner->management ? add_management(planner) : 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(features); i++)
		if (request->features & features[i].feature)
			rc = add_feature(planner, i, request->required_features & features[i].feature);
	/* Management has all channels. */
	return rc < 0 || planner->management ? rc : add_channels(planner, request, alone);
}
