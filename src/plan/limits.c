/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "plan/planner.h"

/*
 * Limits as edits, so that a plan says of each what was granted and who keeps it; and what a container needs
 * to come under MPS: the daemon's pipes and shared memory in the places where CUDA looks for them.
 */

static int find_scope(const struct nvb_plan *plan, const char *device)
{
	for (size_t i = 0; device && i < plan->device_count; i++)
		if (nvb_streq(plan->devices[i].name, device))
			return (int)i;
	return NVB_SCOPE_COMMON;
}

static int add_limit(struct planner *planner, const struct nvb_limit *limit)
{
	struct nvb_plan *plan = planner->plan;
	struct nvb_arena *arena = &plan->arena;
	struct nvb_edit *edit = nvb_plan_add(plan, NVB_EDIT_LIMIT, find_scope(plan, limit->device));
	bool memory = limit->kind == NVB_LIMIT_MEMORY;

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->rule = memory ? "limit.memory" : "limit.compute";
	edit->reason = nvb_arena_strdup(arena, limit->reason ? limit->reason : "asked for");
	edit->enforcement = limit->enforcement;
	/* Whoever cannot keep it may say so and go on where nobody promised that it is kept. */
	edit->required = limit->enforcement != NVB_ENFORCED_NOBODY;
	edit->limit = *limit;
	edit->limit.device = NULL;
	edit->limit.reason = edit->reason;
	edit->limit.by = limit->by ? nvb_arena_strdup(arena, limit->by) : NULL;
	edit->limit.dmem = limit->dmem ? nvb_arena_strdup(arena, limit->dmem) : NULL;
	if (!edit->reason || (limit->by && !edit->limit.by) || (limit->dmem && !edit->limit.dmem))
		return nvb_fail_oom(planner->err);
	if (limit->enforcement != NVB_ENFORCED_NOBODY)
		return 0;
	return nvb_planner_warn(planner, "the limit on the GPU's %s is recorded and nobody enforces it: %s",
		memory ? "memory" : "multiprocessors", edit->reason);
}

/* Nobody has looked for somebody who keeps it: said, not left out. */
static int add_undecided(struct planner *planner, const struct nvb_request *request)
{
	const struct nvb_limit limits[] = {
		{.kind = NVB_LIMIT_MEMORY, .asked = request->memory_limit},
		{.kind = NVB_LIMIT_COMPUTE, .asked = UINT64_C(10) * request->compute_limit},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(limits); i++) {
		struct nvb_limit limit = limits[i];

		limit.enforcement = NVB_ENFORCED_NOBODY;
		limit.reason = "this plan was made without looking for MIG or MPS";
		if (limit.asked)
			rc = add_limit(planner, &limit);
	}
	return rc;
}

static int add_mount(struct planner *planner, const char *host, const char *container, bool read_only,
	enum nvb_file_kind kind, const char *reason)
{
	static const char *const writable[] = {"rw", "nosuid", "nodev", "noexec", "rbind", "rprivate", NULL},
				 *const readable[] = {
					 "ro", "nosuid", "nodev", "noexec", "bind", "rprivate", NULL};
	struct nvb_edit *edit = nvb_plan_add(planner->plan, NVB_EDIT_MOUNT, NVB_SCOPE_COMMON);

	if (!edit || !host)
		return nvb_fail_oom(planner->err);
	edit->rule = "limit.mps";
	edit->reason = reason;
	edit->required = true;
	edit->mount.host = host;
	edit->mount.container = container;
	edit->mount.file_kind = kind;
	edit->mount.via = NVB_VIA_BIND;
	edit->mount.options = read_only ? readable : writable;
	return 0;
}

static int add_mps(struct planner *planner, const char *directory)
{
	struct nvb_arena *arena = &planner->plan->arena;
	struct nvb_edit *edit;
	int rc = add_mount(planner, nvb_arena_printf(arena, "%s/pipe", directory), NVB_MPS_PIPES, false,
		NVB_FILE_DIRECTORY, "the way to the MPS daemon that keeps the limits");

	if (rc == 0)
		rc = add_mount(planner, "/dev/null", NVB_MPS_PIPES "/control_privileged", true,
			NVB_FILE_SOCKET, "nobody in the container changes its own limits");
	if (rc == 0)
		rc = add_mount(planner, nvb_arena_printf(arena, "%s/shm", directory), "/dev/shm", false,
			NVB_FILE_DIRECTORY, "shared memory of the MPS daemon and its clients");
	edit = rc == 0 ? nvb_plan_add(planner->plan, NVB_EDIT_ENV, NVB_SCOPE_COMMON) : NULL;
	if (rc == 0 && !edit)
		return nvb_fail_oom(planner->err);
	if (rc < 0)
		return rc;
	edit->rule = "limit.mps";
	edit->reason = "CUDA asks the MPS daemon there";
	edit->required = true;
	edit->env.name = "CUDA_MPS_PIPE_DIRECTORY";
	edit->env.value = NVB_MPS_PIPES;
	return 0;
}

int nvb_planner_limits(struct planner *planner, const struct nvb_request *request)
{
	int rc = 0;

	if (request->isolation == NVB_ISOLATION_VIRTUAL && !request->decided)
		return nvb_hint(planner->err,
			nvb_fail(planner->err, NVB_ERR_UNSUPPORTED,
				"isolation virtual: nobody has chosen a part of a GPU here"),
			"name a MIG device (--gpu 0:1), or use exclusive");
	for (size_t i = 0; rc == 0 && i < request->limit_count; i++)
		rc = add_limit(planner, &request->limits[i]);
	if (rc == 0 && !request->decided)
		rc = add_undecided(planner, request);
	return rc < 0 || !request->mps ? rc : add_mps(planner, request->mps);
}
