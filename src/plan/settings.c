/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "plan/planner.h"

/* What profiles ask for, as edits: of two for the same thing the last profile's stays. None is required: a
 * container works without it. */

static bool is_about_the_same(const struct nvb_setting *a, const struct nvb_setting *b)
{
	return a->kind == b->kind && nvb_streq0(a->name, b->name);
}

static bool is_replaced(const struct nvb_request *request, size_t at)
{
	for (size_t i = at + 1; i < request->setting_count; i++)
		if (is_about_the_same(&request->settings[at], &request->settings[i]))
			return true;
	return false;
}

static enum nvb_edit_kind edit_kind(enum nvb_setting_kind kind)
{
	switch (kind) {
	case NVB_SETTING_RLIMIT:
		return NVB_EDIT_RLIMIT;
	case NVB_SETTING_SHM:
		return NVB_EDIT_SHM;
	case NVB_SETTING_ENV:
	default:
		return NVB_EDIT_ENV;
	}
}

static int add(struct planner *planner, const struct nvb_setting *s)
{
	struct nvb_arena *arena = &planner->plan->arena;
	struct nvb_edit *edit = nvb_plan_add(planner->plan, edit_kind(s->kind), NVB_SCOPE_COMMON);
	const char *name = s->name ? nvb_arena_strdup(arena, s->name) : "";

	if (!edit || !name)
		return nvb_fail_oom(planner->err);
	edit->rule = nvb_arena_printf(arena, "profile:%s", s->profile);
	edit->reason =
		s->reason ? nvb_arena_printf(arena, "profile:%s, %s", s->profile, s->reason) : edit->rule;
	switch (s->kind) {
	case NVB_SETTING_ENV:
		edit->env.name = name;
		edit->env.value = nvb_arena_strdup(arena, s->value);
		if (!edit->env.value)
			return nvb_fail_oom(planner->err);
		break;
	case NVB_SETTING_RLIMIT:
		edit->enforcement = NVB_ENFORCED_KERNEL;
		edit->rlimit.name = name;
		edit->rlimit.value = s->amount;
		break;
	case NVB_SETTING_SHM:
		edit->enforcement = NVB_ENFORCED_KERNEL;
		edit->shm = s->amount;
		break;
	}
	return edit->rule && edit->reason ? 0 : nvb_fail_oom(planner->err);
}

int nvb_planner_settings(struct planner *planner, const struct nvb_request *request)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < request->setting_count; i++)
		if (!is_replaced(request, i))
			rc = add(planner, &request->settings[i]);
	return rc;
}
