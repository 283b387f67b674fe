/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>

#include "base/cpulist.h"
#include "base/str.h"
#include "plan/planner.h"

/* What a setting gives each GPU, or takes from it: the CPUs that are near, and knobs. */

static bool has_gpus(const struct planner *planner)
{
	for (size_t i = 0; i < planner->device_count; i++)
		if (planner->devices[i].gpu)
			return true;
	return false;
}

static int without_gpus(struct planner *planner, const struct nvb_setting *setting)
{
	return nvb_planner_note(planner, "profile %s: %s is left out: %s", setting->profile, setting->name,
		planner->device_count
			? "WSL2 shows its GPUs as one device"
			: "no GPU was asked for by itself; a CDI spec does not tell which it gives");
}

int nvb_planner_cpus(struct planner *planner, const struct nvb_setting *setting)
{
	_cleanup_cpulist_ struct nvb_cpulist near = {0};
	_cleanup_free_ char *text = NULL;
	struct nvb_edit *edit;

	if (!setting->amount)
		return 0;
	if (!has_gpus(planner))
		return without_gpus(planner, setting);
	for (size_t i = 0; i < planner->device_count; i++) {
		const struct nvb_gpu *gpu = planner->devices[i].gpu;

		if (!gpu->cpus || !nvb_cpulist_add(&near, gpu->cpus))
			return nvb_planner_note(planner,
				"profile %s: numa is left out: the host does not tell which CPUs are near "
				"GPU %u",
				setting->profile, gpu->index);
	}
	text = nvb_cpulist_format(&near);
	edit = text ? nvb_planner_setting_edit(planner, NVB_EDIT_CPUS, setting, NULL) : NULL;
	if (!edit || !(edit->cpus = nvb_arena_strdup(&planner->plan->arena, text)))
		return nvb_fail_oom(planner->err);
	edit->enforcement = NVB_ENFORCED_KERNEL;
	return 0;
}

static int add_knob(struct planner *planner, const struct nvb_setting *setting, int scope)
{
	struct nvb_arena *arena = &planner->plan->arena;
	struct nvb_edit *edit = nvb_planner_setting_edit(planner, NVB_EDIT_KNOB, setting, NULL);

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->scope = scope;
	edit->knob.name = nvb_arena_strdup(arena, setting->name);
	edit->knob.value = nvb_arena_strdup(arena, setting->value);
	return edit->knob.name && edit->knob.value ? 0 : nvb_fail_oom(planner->err);
}

int nvb_planner_knob(struct planner *planner, const struct nvb_setting *setting)
{
	int rc = 0;

	if (nvb_streq(setting->value, "keep"))
		return 0;
	if (nvb_streq(setting->name, "cpu-governor"))
		return add_knob(planner, setting, NVB_SCOPE_COMMON);
	if (!has_gpus(planner))
		return without_gpus(planner, setting);
	for (size_t i = 0; rc == 0 && i < planner->device_count; i++) {
		/* A GPU that MIG divides is others', too. */
		if (planner->devices[i].mig)
			rc = nvb_planner_note(planner,
				"profile %s: %s is left out: GPU %u is divided by MIG, and the knob is the "
				"whole "
				"GPU's",
				setting->profile, setting->name, planner->devices[i].gpu->index);
		else
			rc = add_knob(planner, setting, (int)i);
	}
	return rc;
}
