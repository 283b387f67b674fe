/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/gpu.h"

#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "capsule/params.h"
#include "container/tree.h"

static bool asks_for_nothing(const struct nvb_request *request)
{
	return request->none || request->selector_count == 0;
}

static bool wants_tree(const struct nvb_plan *plan)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_MOUNT && plan->edits[i].mount.via == NVB_VIA_LAYER)
			return true;
	return false;
}

static int ensure_tree(struct nvb_gpu_plan *gpu, const struct nvb_run_host *host,
	const struct nvb_request *request, nvb_error **err)
{
	_cleanup_free_ char *base = host->tree ? strdup(host->tree) : nvb_tree_default_base();

	if (!base)
		return nvb_fail_oom(err);
	return nvb_tree_ensure(gpu->inventory, request->capabilities, base, &gpu->tree, host->log, err);
}

int nvb_gpu_plan_make(struct nvb_gpu_plan *gpu, const struct nvb_run_host *host,
	const struct nvb_request *request, nvb_error **err)
{
	const struct nvb_plan_options options = {
		.size = sizeof(options),
		/* Making a tree takes hard links to root's files, which the kernel grants to root alone. */
		.layout = geteuid() == 0 ? NVB_LAYOUT_LAYER : NVB_LAYOUT_FILES,
		.cdi_directories = host->cdi_directories,
		.log = host->log,
		.no_cuda_compat = host->no_cuda_compat,
		.no_params_mask = host->no_params_mask,
	};
	const struct nvb_isolation_options isolation = {
		.inventory = host->inventory, .rules = host->isolation, .log = host->log};
	int rc;

	if (asks_for_nothing(request))
		return 0;
	rc = nvb_inventory_load(host->inventory, &gpu->inventory, err);
	if (rc == 0 && nvb_request_needs_nvml(request, gpu->inventory))
		rc = nvb_inventory_ask_nvml(gpu->inventory, host->log, err);
	if (rc == 0) {
		nvb_isolation_sweep(&gpu->inventory->roots.dev, host->inventory, host->log);
		rc = nvb_isolation_decide(request, &gpu->inventory, &isolation, &gpu->grant, err);
	}
	if (rc == 0)
		rc = nvb_plan_make(
			nvb_grant_request(gpu->grant, request), gpu->inventory, &options, &gpu->plan, err);
	if (rc == 0)
		rc = nvb_plugins_apply(&host->plugins, gpu->inventory, gpu->plan, err);
	if (rc == 0)
		rc = nvb_capsule_mask_params(gpu->plan, host->hook, host->log, err);
	if (rc == 0 && wants_tree(gpu->plan))
		rc = ensure_tree(gpu, host, request, err);
	return rc;
}

int nvb_gpu_plan_as_mount(struct nvb_gpu_plan *gpu, const struct nvb_run_host *host,
	const struct nvb_request *request, nvb_error **err)
{
	const struct nvb_plan_options options = {
		.size = sizeof(options),
		.layout = NVB_LAYOUT_TREE,
		.tree = gpu->tree,
		.cdi_directories = host->cdi_directories,
		.log = host->log,
		.no_cuda_compat = host->no_cuda_compat,
		.no_params_mask = host->no_params_mask,
	};
	struct nvb_plan *plan = NULL;
	int rc = nvb_plan_make(nvb_grant_request(gpu->grant, request), gpu->inventory, &options, &plan, err);

	if (rc == 0)
		rc = nvb_plugins_apply(&host->plugins, gpu->inventory, plan, err);
	if (rc == 0)
		rc = nvb_capsule_mask_params(plan, host->hook, host->log, err);
	if (rc < 0) {
		nvb_plan_free(plan);
		return rc;
	}
	nvb_plan_free(gpu->plan);
	gpu->plan = plan;
	return 0;
}

const char *nvb_gpu_plan_layer(const struct nvb_gpu_plan *gpu)
{
	return gpu->plan && gpu->plan->layout == NVB_LAYOUT_LAYER ? gpu->tree : NULL;
}

void nvb_gpu_plan_release(struct nvb_gpu_plan *gpu)
{
	nvb_plan_free(gpu->plan);
	nvb_grant_free(gpu->grant);
	nvb_inventory_free(gpu->inventory);
	free(gpu->tree);
	*gpu = (struct nvb_gpu_plan){0};
}
