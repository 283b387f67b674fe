/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "plan/planner.h"

/*
 * Which of the nodes that belong to no single GPU a container gets. Source: the kernel module's own node
 * table (nvidia-modprobe creates the same set) and what NVIDIA's toolkit injects.
 */
static const struct {
	const char *path;
	unsigned capabilities; /* 0: every GPU container */
	bool required;	       /* CUDA or NVML fail without it */
	const char *reason;
} control_rules[] = {
	{"/dev/nvidiactl", 0, true, "control node that every driver call goes through"},
	{"/dev/nvidia-uvm", NVB_CAP_COMPUTE | NVB_CAP_VIDEO | NVB_CAP_GRAPHICS | NVB_CAP_NGX, true,
		"unified memory, needed by cuInit"},
	{"/dev/nvidia-uvm-tools", NVB_CAP_COMPUTE, false, "unified memory events for profilers"},
	{"/dev/nvidia-modeset", NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY, false,
		"display modes, needed by OpenGL and Vulkan"},
	{"/dev/dxg", 0, true, "WSL2's paravirtual GPU"},
};

struct nvb_edit *nvb_planner_node(struct planner *planner, const struct nvb_node *node, int scope,
	const char *rule, const char *reason, bool required)
{
	struct nvb_arena *arena = &planner->plan->arena;
	_cleanup_free_ char *host = nvb_root_host_path(&planner->inventory->roots.dev, node->path);
	struct nvb_edit *edit = host ? nvb_plan_add(planner->plan, NVB_EDIT_DEVICE, scope) : NULL;

	if (!edit)
		return NULL;
	edit->rule = rule;
	edit->reason = reason;
	edit->required = required;
	edit->enforcement = NVB_ENFORCED_KERNEL;
	edit->device.host = nvb_arena_strdup(arena, host);
	edit->device.container = nvb_arena_strdup(arena, node->path);
	edit->device.major = node->major;
	edit->device.minor = node->minor;
	edit->device.known_numbers = node->present;
	edit->device.type = "c";
	memcpy(edit->device.access, "rw", sizeof("rw"));
	return edit->device.host && edit->device.container ? edit : NULL;
}

int nvb_planner_missing(struct planner *planner, const struct nvb_node *node, const char *whose)
{
	int rc = nvb_fail(planner->err, NVB_ERR_NOT_FOUND, "%s: device node %s%s is missing", whose,
		strcmp(planner->inventory->roots.dev.path, "/") ? planner->inventory->roots.dev.path : "",
		node->path);

	return nvb_hint(planner->err, rc, "'nvidia-modprobe -c0 -u' makes the driver's nodes");
}

int nvb_planner_control_nodes(struct planner *planner)
{
	const struct nvb_inventory *inventory = planner->inventory;

	for (size_t i = 0; i < inventory->control_count; i++) {
		const struct nvb_node *node = &inventory->control[i];
		size_t r = 0;

		while (r < NVB_ELEMENTS(control_rules) && !nvb_streq(control_rules[r].path, node->path))
			r++;
		if (r == NVB_ELEMENTS(control_rules) ||
			(!planner->management && control_rules[r].capabilities &&
				!(control_rules[r].capabilities & planner->plan->capabilities)))
			continue;
		if (!node->present && control_rules[r].required && !planner->management)
			return nvb_planner_missing(planner, node, "driver");
		if (!node->present) {
			int rc = nvb_planner_warn(planner, "%s is missing and left out: %s", node->path,
				control_rules[r].reason);

			if (rc < 0)
				return rc;
			continue;
		}
		/* WSL2's one device is the device itself: a CDI spec needs it under the name "all". */
		if (!nvb_planner_node(planner, node,
			    inventory->platform == NVB_PLATFORM_WSL2 ? 0 : NVB_SCOPE_COMMON, "node.control",
			    control_rules[r].reason, control_rules[r].required))
			return nvb_fail_oom(planner->err);
	}
	return 0;
}

/* The link below /dev/dri/by-path through which programs find the node of a PCI address. */
static int add_by_path(struct planner *planner, const char *by_path, const struct nvb_node *node, int scope)
{
	struct nvb_edit *edit;
	const char *name = strrchr(node->path, '/');

	if (!by_path || !name)
		return 0;
	edit = nvb_plan_add(planner->plan, NVB_EDIT_LINK, scope);
	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->rule = "node.dri-by-path";
	edit->reason = "DRI node of this GPU by PCI address";
	edit->link.path = nvb_arena_strdup(&planner->plan->arena, by_path);
	edit->link.target = nvb_arena_printf(&planner->plan->arena, "..%s", name);
	return edit->link.path && edit->link.target ? 0 : nvb_fail_oom(planner->err);
}

static int add_dri(struct planner *planner, const struct nvb_gpu *gpu, int scope)
{
	const struct {
		const struct nvb_node *node;
		const char *by_path, *reason;
	} dri[] = {
		{&gpu->card, gpu->card_by_path, "DRI primary node of this GPU"},
		{&gpu->render, gpu->render_by_path,
			"DRI render node of this GPU, for Vulkan, EGL and VA-API"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(dri); i++) {
		int rc;

		if (!dri[i].node->path || !dri[i].node->present)
			continue;
		if (!nvb_planner_node(planner, dri[i].node, scope, "node.dri", dri[i].reason, false))
			return nvb_fail_oom(planner->err);
		rc = add_by_path(planner, dri[i].by_path, dri[i].node, scope);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_mig(struct planner *planner, const struct nvb_device *device, int scope)
{
	const struct nvb_node *nodes[] = {&device->mig->gi_access, &device->mig->ci_access};
	static const char *const reasons[] = {
		"MIG: right to use the GPU instance", "MIG: right to use the compute instance"};
	char whose[48];

	snprintf(whose, sizeof(whose), "MIG device %u:%u", device->gpu->index, device->mig->index);
	for (size_t i = 0; i < NVB_ELEMENTS(nodes); i++) {
		struct nvb_edit *edit;

		if (!nodes[i]->present)
			return nvb_planner_missing(planner, nodes[i], whose);
		edit = nvb_planner_node(planner, nodes[i], scope, "node.mig", reasons[i], true);
		if (!edit)
			return nvb_fail_oom(planner->err);
		/* Opening a capability node for reading is the right; there is nothing to write. */
		memcpy(edit->device.access, "r", sizeof("r"));
		edit->enforcement = NVB_ENFORCED_HARDWARE;
	}
	return 0;
}

int nvb_planner_device_nodes(struct planner *planner, const struct nvb_device *device, int scope)
{
	const unsigned wants_dri = NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY | NVB_CAP_VIDEO;
	const struct nvb_gpu *gpu = device->gpu;
	char whose[32];
	int rc = 0;

	if (!gpu)
		return 0; /* WSL2: /dev/dxg is all there is */
	snprintf(whose, sizeof(whose), "GPU %u", gpu->index);
	if (!gpu->node.present)
		return nvb_planner_missing(planner, &gpu->node, whose);
	if (!nvb_planner_node(planner, &gpu->node, scope, "node.gpu",
		    device->mig ? "GPU that this MIG device is part of" : "the GPU itself", true))
		return nvb_fail_oom(planner->err);
	if (device->mig)
		return add_mig(planner, device, scope);
	if (planner->plan->capabilities & wants_dri)
		rc = add_dri(planner, gpu, scope);
	return rc;
}
