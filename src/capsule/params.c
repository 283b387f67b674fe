/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/params.h"

#include <unistd.h>

#include "base/log.h"
#include "container/container.h"
#include "container/params.h"

static const struct nvb_edit *find(const struct nvb_plan *plan)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_PARAMS)
			return &plan->edits[i];
	return NULL;
}

static bool shows_params(const struct nvb_log *log)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *text = NULL;

	if (nvb_params_read(NVB_DRIVER_PARAMS, &text, &why) < 0)
		nvb_warning(log, "%s", nvb_error_message(why));
	return text;
}

int nvb_capsule_mask_params(
	struct nvb_plan *plan, const char *hook, const struct nvb_log *log, nvb_error **err)
{
	const struct nvb_edit *params = find(plan);
	const char *args[] = {
		"nvbind-hook", "apply", "--driver-params", params ? params->params.host : NULL, NULL};
	const char **copy;
	struct nvb_edit *edit;

	if (!params || !shows_params(log))
		return 0;
	if (!hook || access(hook, X_OK) < 0) {
		nvb_warning(log, "the driver's parameters stay as they are: there is no %s",
			hook ? hook : "nvbind-hook");
		return 0;
	}
	edit = nvb_plan_add(plan, NVB_EDIT_HOOK, NVB_SCOPE_COMMON);
	copy = edit ? nvb_arena_memdup(&plan->arena, args, sizeof(args)) : NULL;
	if (!copy)
		return nvb_fail_oom(err);
	edit->rule = "driver.params";
	edit->reason = "the driver's parameters are masked by nvbind-hook";
	edit->hook.when = "createContainer";
	edit->hook.path = nvb_arena_strdup(&plan->arena, hook);
	edit->hook.args = copy;
	edit->hook.env = nvb_hook_environment;
	return edit->hook.path ? 0 : nvb_fail_oom(err);
}
