/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "plan/planner.h"

/* What profiles ask for, as edits: of two for the same thing the last profile's stays. None is required: a
 * container works without it. */

static const char *const bind_options[] = {"nosuid", "nodev", "rbind", "rprivate", NULL};
static const char *const socket_options[] = {"nosuid", "nodev", "noexec", "rbind", "rprivate", NULL};
static const char *const file_options[] = {"ro", "nosuid", "nodev", "noexec", "rbind", "rprivate", NULL};

struct nvb_edit *nvb_planner_setting_edit(struct planner *planner, enum nvb_edit_kind kind,
	const struct nvb_setting *setting, const char *reason)
{
	struct nvb_arena *arena = &planner->plan->arena;
	struct nvb_edit *edit = nvb_plan_add(planner->plan, kind, NVB_SCOPE_COMMON);

	if (!edit)
		return NULL;
	edit->rule = nvb_arena_printf(arena, "profile:%s", setting->profile);
	if (!reason)
		reason = setting->reason;
	edit->reason =
		reason ? nvb_arena_printf(arena, "profile:%s, %s", setting->profile, reason) : edit->rule;
	return edit->rule && edit->reason ? edit : NULL;
}

/* A profile that sets the variable itself means it. */
static struct nvb_edit *find_variable(struct nvb_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_ENV && nvb_streq(plan->edits[i].env.name, name))
			return &plan->edits[i];
	return NULL;
}

int nvb_planner_variable(struct planner *planner, const struct nvb_setting *setting, const char *name,
	const char *value, const char *reason)
{
	struct nvb_arena *arena = &planner->plan->arena;
	struct nvb_edit *edit;

	if (setting->kind != NVB_SETTING_ENV && find_variable(planner->plan, name))
		return 0;
	edit = nvb_planner_setting_edit(planner, NVB_EDIT_ENV, setting, reason);
	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->env.name = nvb_arena_strdup(arena, name);
	edit->env.value = nvb_arena_strdup(arena, value);
	return edit->env.name && edit->env.value ? 0 : nvb_fail_oom(planner->err);
}

int nvb_planner_bind(struct planner *planner, const struct nvb_setting *setting, const char *host,
	const char *container, enum nvb_file_kind kind, const char *reason)
{
	struct nvb_arena *arena = &planner->plan->arena;
	struct nvb_edit *edit = nvb_planner_setting_edit(planner, NVB_EDIT_MOUNT, setting, reason);

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->mount.host = nvb_arena_strdup(arena, host);
	edit->mount.container = nvb_arena_strdup(arena, container);
	edit->mount.file_kind = kind;
	edit->mount.options = kind == NVB_FILE_SOCKET ? socket_options
			      : kind == NVB_FILE_DATA ? file_options
						      : bind_options;
	return edit->mount.host && edit->mount.container ? 0 : nvb_fail_oom(planner->err);
}

int nvb_planner_setting_device(
	struct planner *planner, const struct nvb_setting *setting, const char *path, const char *reason)
{
	struct nvb_arena *arena = &planner->plan->arena;
	struct nvb_edit *edit;
	struct stat st;

	if (nvb_root_stat(&planner->inventory->roots.dev, path, true, &st) < 0 || !S_ISCHR(st.st_mode))
		return 0;
	edit = nvb_planner_setting_edit(planner, NVB_EDIT_DEVICE, setting, reason);
	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->enforcement = NVB_ENFORCED_KERNEL;
	edit->device.container = nvb_arena_strdup(arena, path);
	if (nvb_streq(planner->inventory->roots.dev.path, "/"))
		edit->device.host = edit->device.container;
	else
		edit->device.host = nvb_arena_printf(arena, "%s%s", planner->inventory->roots.dev.path, path);
	edit->device.major = major(st.st_rdev);
	edit->device.minor = minor(st.st_rdev);
	edit->device.known_numbers = true;
	edit->device.type = "c";
	memcpy(edit->device.access, "rw", sizeof("rw"));
	return edit->device.container && edit->device.host ? 0 : nvb_fail_oom(planner->err);
}

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

static int add_limit(struct planner *planner, const struct nvb_setting *s)
{
	struct nvb_edit *edit = nvb_planner_setting_edit(
		planner, s->kind == NVB_SETTING_SHM ? NVB_EDIT_SHM : NVB_EDIT_RLIMIT, s, NULL);

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->enforcement = NVB_ENFORCED_KERNEL;
	if (s->kind == NVB_SETTING_SHM) {
		edit->shm = s->amount;
		return 0;
	}
	edit->rlimit.name = nvb_arena_strdup(&planner->plan->arena, s->name);
	edit->rlimit.value = s->amount;
	return edit->rlimit.name ? 0 : nvb_fail_oom(planner->err);
}

static int add_nice(struct planner *planner, const struct nvb_setting *s)
{
	struct nvb_edit *edit;

	if (!s->amount)
		return 0;
	edit = nvb_planner_setting_edit(planner, NVB_EDIT_NICE, s, NULL);
	if (edit)
		edit->nice = (int)(int64_t)s->amount;
	return edit ? 0 : nvb_fail_oom(planner->err);
}

static int add_scheduler(
	struct planner *planner, const struct nvb_request *request, const struct nvb_setting *s)
{
	bool real_time = nvb_streq(s->value, "fifo") || nvb_streq(s->value, "round-robin");
	struct nvb_edit *edit;

	if (nvb_streq(s->value, "other"))
		return 0;
	edit = nvb_planner_setting_edit(planner, NVB_EDIT_SCHEDULER, s, NULL);
	if (!edit || !(edit->scheduler.policy = nvb_arena_strdup(&planner->plan->arena, s->value)))
		return nvb_fail_oom(planner->err);
	edit->scheduler.priority = real_time;
	for (size_t i = 0; real_time && i < request->setting_count; i++)
		if (request->settings[i].kind == NVB_SETTING_PRIORITY)
			edit->scheduler.priority = (int)request->settings[i].amount;
	return 0;
}

static int add(struct planner *planner, const struct nvb_request *request, const struct nvb_setting *s)
{
	switch (s->kind) {
	case NVB_SETTING_ENV:
		return nvb_planner_variable(planner, s, s->name, s->value, NULL);
	case NVB_SETTING_RLIMIT:
	case NVB_SETTING_SHM:
		return add_limit(planner, s);
	case NVB_SETTING_PART:
		return nvb_planner_part(planner, s);
	case NVB_SETTING_SESSION:
		return nvb_planner_session(planner, &request->session, s);
	case NVB_SETTING_CACHE:
		return nvb_planner_cache(planner, request, s);
	case NVB_SETTING_NUMA:
		return nvb_planner_cpus(planner, s);
	case NVB_SETTING_NICE:
		return add_nice(planner, s);
	case NVB_SETTING_SCHEDULER:
		return add_scheduler(planner, request, s);
	case NVB_SETTING_PRIORITY:
		return 0; /* the policy's */
	case NVB_SETTING_KNOB:
		return nvb_planner_knob(planner, s);
	}
	return 0;
}

int nvb_planner_settings(struct planner *planner, const struct nvb_request *request)
{
	int rc = 0;

	/* Variables first: where a profile sets one itself, no other setting does. */
	for (int variables = 1; variables >= 0; variables--)
		for (size_t i = 0; rc == 0 && i < request->setting_count; i++)
			if ((request->settings[i].kind == NVB_SETTING_ENV) == variables &&
				!is_replaced(request, i))
				rc = add(planner, request, &request->settings[i]);
	return rc;
}
