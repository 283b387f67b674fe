/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/planner.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

/* From request and inventory to the list of edits. Touches nothing. */

int nvb_planner_warn(struct planner *planner, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	nvb_warning(planner->log, "%s", text);
	return nvb_strv_add(&planner->plan->warnings, text) ? 0 : nvb_fail_oom(planner->err);
}

int nvb_planner_note(struct planner *planner, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	nvb_info(planner->log, "%s", text);
	return nvb_strv_add(&planner->plan->warnings, text) ? 0 : nvb_fail_oom(planner->err);
}

/* Refuses hosts on which no container could use a GPU, with the reason rather than with a container that
 * fails. */
static int check_driver(const struct nvb_inventory *inventory, nvb_error **err)
{
	const struct nvb_driver *driver = &inventory->driver;

	if (driver->kind == NVB_DRIVER_NOUVEAU)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"the GPU is driven by nouveau, which has no CUDA or NVML"),
			"install NVIDIA's driver and blacklist nouveau");
	if (driver->mismatch)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_STALE,
				"the driver's libraries are %s but the loaded kernel module is %s",
				driver->version, driver->module_version),
			"reboot, or unload and load the nvidia modules, so that both are the same");
	if (driver->kind == NVB_DRIVER_NONE)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "no NVIDIA kernel module is loaded%s",
				inventory->gpu_count ? "" : " and no NVIDIA GPU was found"),
			inventory->gpu_count ? "load it with 'modprobe nvidia'"
					     : "'nvbind info' says what was found");
	/* WSL2's libraries are those of Windows' driver, whose version only NVML tells. */
	if (!driver->version && driver->kind != NVB_DRIVER_DXG)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND,
				"no driver libraries (libcuda.so.<version>) found below %s",
				inventory->roots.driver.path),
			"install the driver's user space, or name its place with --driver-root or "
			"--library-path");
	return 0;
}

/* A copy that outlives the inventory; NULL stays NULL. */
static const char *keep(struct nvb_plan *plan, const char *s, bool *oom)
{
	char *copy = s ? nvb_arena_strdup(&plan->arena, s) : NULL;

	*oom |= s && !copy;
	return copy;
}

static int describe_device(struct planner *planner, const struct nvb_device *device)
{
	struct nvb_plan *plan = planner->plan;
	struct nvb_plan_device d = {0};
	bool oom = false;

	if (!device->gpu) {
		d.name = "all";
	} else if (device->mig) {
		d.is_mig = true;
		d.mig_index = device->mig->index;
		d.name = nvb_arena_printf(&plan->arena, "%u:%u", device->gpu->index, device->mig->index);
		d.uuid = keep(plan, device->mig->uuid, &oom);
		d.gpu_uuid = keep(plan, device->gpu->uuid, &oom);
	} else {
		d.name = nvb_arena_printf(&plan->arena, "%u", device->gpu->index);
		d.uuid = keep(plan, device->gpu->uuid, &oom);
	}
	if (device->gpu) {
		d.gpu_index = device->gpu->index;
		d.model = keep(plan, device->gpu->name, &oom);
		d.pci = keep(plan, device->gpu->pci, &oom);
	}
	if (oom || !d.name || !NVB_GROW(plan->devices, plan->device_count, plan->device_capacity))
		return nvb_fail_oom(planner->err);
	plan->devices[plan->device_count++] = d;
	return 0;
}

/* Keeps NVIDIA's own runtime or hook, where one is the engine's default, from doing the work a second time.
 */
static int add_environment(struct planner *planner)
{
	struct nvb_edit *edit = nvb_plan_add(planner->plan, NVB_EDIT_ENV, NVB_SCOPE_COMMON);

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->rule = "env.void";
	edit->reason = "NVIDIA's own runtime leaves a container alone that has its GPUs already";
	edit->env.name = "NVIDIA_VISIBLE_DEVICES";
	edit->env.value = "void";
	return 0;
}

static int plan_devices(struct planner *planner, const struct nvb_request *request,
	const struct nvb_device *devices, size_t count)
{
	int rc = check_driver(planner->inventory, planner->err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = describe_device(planner, &devices[i]);
	if (rc == 0)
		rc = nvb_planner_control_nodes(planner);
	if (rc == 0)
		rc = nvb_planner_files(planner);
	if (rc == 0)
		rc = nvb_planner_driver(planner);
	if (rc == 0)
		rc = add_environment(planner);
	if (rc == 0)
		rc = nvb_planner_features(planner, request, false);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = nvb_planner_device_nodes(planner, &devices[i], (int)i);
	return rc;
}

/* Features and nothing else: what they need of the host is their nodes, not the GPUs' driver. */
static int plan_features(struct planner *planner, const struct nvb_request *request)
{
	int rc = add_environment(planner);

	return rc < 0 ? rc : nvb_planner_features(planner, request, !request->features);
}

/* All GPUs come with it, as nodes of the host rather than as devices that could be given one by one. */
static int check_management(const struct planner *planner, const struct nvb_request *request)
{
	if (planner->inventory->platform == NVB_PLATFORM_WSL2)
		return nvb_hint(planner->err,
			nvb_fail(planner->err, NVB_ERR_UNSUPPORTED,
				"WSL2 has one device, /dev/dxg, and none for management"),
			"ask for all GPUs");
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind != NVB_SELECT_ALL &&
			request->selectors[i].kind != NVB_SELECT_CDI)
			return nvb_hint(planner->err,
				nvb_fail(planner->err, NVB_ERR_INVALID,
					"management brings all GPUs: '%s' alone cannot be meant",
					request->selectors[i].text),
				"leave the GPU out");
	return 0;
}

static void plan_freep(struct nvb_plan **plan)
{
	nvb_plan_free(*plan);
}

/* Whether anything but CDI names was asked for: those are resolved from specs, and need no driver of ours. */
static bool wants_own_devices(const struct nvb_request *request)
{
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind != NVB_SELECT_CDI)
			return true;
	return request->driver;
}

int nvb_planner_make(const struct nvb_request *request, const struct nvb_inventory *inventory,
	const struct nvb_plan_options *options, struct nvb_plan **out, nvb_error **err)
{
	_cleanup_(plan_freep) struct nvb_plan *plan = calloc(1, sizeof(*plan));
	_cleanup_free_ struct nvb_device *devices = NULL;
	struct planner planner = {.plan = plan, .inventory = inventory, .err = err};
	bool oom = false;
	size_t count = 0;
	int rc = 0;

	if (!plan)
		return nvb_fail_oom(err);
	plan->capabilities = request->capabilities;
	plan->isolation = request->isolation;
	plan->driver_version = keep(plan, inventory->driver.version, &oom);
	if (options) {
		planner.options = options;
		planner.log = options->log;
		plan->layout = options->layout;
		plan->tree = keep(plan, options->tree, &oom);
	}
	if (oom)
		return nvb_fail_oom(err);
	planner.management = request->features & NVB_FEATURE_MANAGEMENT;
	if (planner.management) {
		rc = check_management(&planner, request);
		if (rc == 0)
			rc = plan_devices(&planner, request, NULL, 0);
	} else if (wants_own_devices(request)) {
		/* "No driver" says more than "no such GPU": it is why there are none. */
		if (!inventory->gpu_count)
			rc = check_driver(inventory, err);
		if (rc == 0)
			rc = nvb_request_resolve(request, inventory, &devices, &count, err);
		planner.devices = devices;
		planner.device_count = count;
		if (rc == 0)
			rc = plan_devices(&planner, request, devices, count);
	} else if (request->features || request->all_channels || request->channel_count) {
		rc = plan_features(&planner, request);
	}
	if (rc == 0 && !request->none)
		rc = nvb_planner_settings(&planner, request);
	if (rc == 0 && !request->none)
		rc = nvb_planner_limits(&planner, request);
	if (rc == 0)
		*out = NVB_TAKE_PTR(plan);
	return rc;
}
