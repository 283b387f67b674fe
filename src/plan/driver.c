/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "plan/planner.h"

/*
 * What depends on the driver alone: whether an image's newer CUDA may take the place of its libcuda, and that
 * its programs change no device nodes inside.
 */

/*
 * Whose CUDA runs on the kernel module of its own branch only: cuInit of a cuda-compat libcuda fails there
 * with CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, so that a container would be worse off than without it.
 * Source: NVIDIA's "CUDA Compatibility", "Forward Compatibility": data centre GPUs, selected RTX cards,
 * Jetson.
 */
static const char *const without_compat[] = {"GeForce", "TITAN"};

static bool takes_compat(const char *model)
{
	for (size_t i = 0; i < NVB_ELEMENTS(without_compat); i++)
		if (model && strcasestr(model, without_compat[i]))
			return false;
	return true;
}

/* One process has one libcuda, so every device of the plan must take it. */
static bool all_take_compat(const struct nvb_plan *plan)
{
	for (size_t i = 0; i < plan->device_count; i++)
		if (!takes_compat(plan->devices[i].model))
			return false;
	return true;
}

static int add_compat(struct planner *planner)
{
	struct nvb_edit *edit = nvb_plan_add(planner->plan, NVB_EDIT_COMPAT, NVB_SCOPE_COMMON);

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->rule = "driver.cuda-compat";
	edit->reason =
		"CUDA forward compatibility: a newer libcuda of the image is found before the driver's";
	edit->compat.driver_version = planner->plan->driver_version;
	edit->compat.directory = NVB_COMPAT_DIRECTORY;
	return 0;
}

static int add_params(struct planner *planner)
{
	_cleanup_free_ char *host = nvb_root_host_path(&planner->inventory->roots.proc, NVB_DRIVER_PARAMS);
	struct nvb_edit *edit = host ? nvb_plan_add(planner->plan, NVB_EDIT_PARAMS, NVB_SCOPE_COMMON) : NULL;

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->rule = "driver.params";
	edit->reason = "the driver's libraries make and change no device nodes in the container";
	edit->params.host = nvb_arena_strdup(&planner->plan->arena, host);
	edit->params.container = NVB_DRIVER_PARAMS;
	return edit->params.host ? 0 : nvb_fail_oom(planner->err);
}

int nvb_planner_driver(struct planner *planner)
{
	const struct nvb_plan_options *options = planner->options;
	const struct nvb_driver *driver = &planner->inventory->driver;
	bool native = driver->kind == NVB_DRIVER_PROPRIETARY || driver->kind == NVB_DRIVER_OPEN;
	int rc = 0;

	if (planner->inventory->platform == NVB_PLATFORM_WSL2)
		return nvb_planner_mesa(planner);
	if (!native)
		return 0;
	if (!(options && options->no_cuda_compat) && planner->plan->driver_version &&
		(planner->plan->capabilities & NVB_CAP_COMPUTE) && all_take_compat(planner->plan))
		rc = add_compat(planner);
	if (rc == 0 && !(options && options->no_params_mask))
		rc = add_params(planner);
	return rc;
}
