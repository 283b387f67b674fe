/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include "base/str.h"

struct nvb_edit *nvb_plan_add(struct nvb_plan *plan, enum nvb_edit_kind kind, int scope)
{
	struct nvb_edit *edit;

	if (!NVB_GROW(plan->edits, plan->edit_count, plan->edit_capacity))
		return NULL;
	edit = &plan->edits[plan->edit_count++];
	*edit = (struct nvb_edit){.kind = kind, .scope = scope};
	return edit;
}

void nvb_plan_free(nvb_plan *plan)
{
	if (!plan)
		return;
	free(plan->devices);
	free(plan->edits);
	nvb_strv_free(plan->warnings);
	nvb_arena_release(&plan->arena);
	free(plan);
}

static const char *const kind_names[] = {
	[NVB_EDIT_DEVICE] = "device",
	[NVB_EDIT_MOUNT] = "mount",
	[NVB_EDIT_LINK] = "link",
	[NVB_EDIT_LDCACHE] = "ldcache",
	[NVB_EDIT_COMPAT] = "cuda-compat",
	[NVB_EDIT_PARAMS] = "driver-params",
	[NVB_EDIT_ENV] = "env",
	[NVB_EDIT_HOOK] = "hook",
	[NVB_EDIT_GID] = "gid",
	[NVB_EDIT_RLIMIT] = "rlimit",
	[NVB_EDIT_SHM] = "shm",
	[NVB_EDIT_LIMIT] = "limit",
	[NVB_EDIT_CPUS] = "cpus",
	[NVB_EDIT_NICE] = "nice",
	[NVB_EDIT_SCHEDULER] = "scheduler",
	[NVB_EDIT_KNOB] = "knob",
};

const char *nvb_edit_kind_name(enum nvb_edit_kind kind)
{
	return kind_names[kind];
}

const char *nvb_enforcement_name(enum nvb_enforcement enforcement)
{
	static const char *const names[] = {
		[NVB_ENFORCED_NA] = "-",
		[NVB_ENFORCED_HARDWARE] = "hardware",
		[NVB_ENFORCED_DRIVER] = "driver",
		[NVB_ENFORCED_KERNEL] = "kernel",
		[NVB_ENFORCED_NOBODY] = "nobody",
	};

	return names[enforcement];
}
