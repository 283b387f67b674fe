/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/order.h"
#include "boltfile/project.h"

/* Stopping, starting and removing the capsules of a project that are there. */

static int ignore_ended(int rc, nvb_error **err)
{
	/* It may end by itself, or be removed by somebody, while we look. */
	if (rc != -NVB_ERR_CONFLICT && rc != -NVB_ERR_NOT_FOUND)
		return rc;
	nvb_error_free(*err);
	*err = NULL;
	return 0;
}

static int work_on(void *data, size_t job, nvb_error **err)
{
	const struct nvb_project_work *work = data;
	const struct nvb_project *project = work->project;
	const struct nvb_capsule_stop stop = {.timeout = work->timeout};
	const struct nvb_project_removal removal = {project->host, project->state, work->ids[job]};
	int rc;

	if (work->action == NVB_PROJECT_START)
		return ignore_ended(nvb_project_start_capsule(project, removal.id, err), err);
	if (work->action == NVB_PROJECT_KILL)
		return ignore_ended(
			nvb_capsule_kill(project->host, project->state, removal.id, SIGKILL, err), err);
	rc = ignore_ended(nvb_capsule_stop(project->host, project->state, removal.id, &stop, err), err);
	if (rc < 0 || work->action == NVB_PROJECT_STOP)
		return rc;
	if (work->action == NVB_PROJECT_RESTART)
		return nvb_project_start_capsule(project, removal.id, err);
	rc = nvb_project_remove_capsule(&removal, err);
	return rc == -NVB_ERR_NOT_FOUND ? ignore_ended(rc, err) : rc;
}

static bool depends_on(const struct nvb_boltfile *file, const char *service, const char *on)
{
	const struct nvb_service *s = nvb_boltfile_service(file, service);
	size_t n = strlen(on);

	nvb_strv_foreach (word, s ? s->depends_on : NULL)
		if (strncmp(*word, on, n) == 0 && (*word)[n] == ':')
			return true;
	return false;
}

/* What is taken away goes in the opposite order of what is brought up. */
static bool comes_after(const struct nvb_project_work *work, size_t job, size_t other)
{
	const char *own = work->services[job], *others = work->services[other];

	if (work->action == NVB_PROJECT_START || work->action == NVB_PROJECT_RESTART)
		return depends_on(work->project->file, own, others);
	return depends_on(work->project->file, others, own);
}

static bool link_jobs(struct nvb_project_work *work)
{
	size_t count = work->jobs.count;

	for (size_t i = 0; i < count; i++) {
		struct nvb_job_link *links = nvb_arena_alloc(&work->arena, (count + 1) * sizeof(*links));
		size_t n = 0;

		if (!links)
			return false;
		for (size_t other = 0; other < count; other++)
			if (other != i && comes_after(work, i, other))
				links[n++] = (struct nvb_job_link){other, 0};
		work->jobs.list[i].after = links;
		work->jobs.list[i].after_count = n;
	}
	return true;
}

int nvb_project_work_prepare(const struct nvb_project *project, const struct nvb_project_capsules *capsules,
	const bool *which, enum nvb_project_action action, struct nvb_project_work *work, nvb_error **err)
{
	size_t most = capsules->count + 1;

	*work = (struct nvb_project_work){.project = project, .action = action, .timeout = -1};
	work->ids = nvb_arena_alloc(&work->arena, most * sizeof(*work->ids));
	work->services = nvb_arena_alloc(&work->arena, most * sizeof(*work->services));
	work->jobs = (struct nvb_jobs){.list = nvb_arena_alloc(&work->arena, most * sizeof(struct nvb_job)),
		.run = work_on,
		.extra = -1,
		.data = work};
	if (!work->ids || !work->services || !work->jobs.list)
		goto oom;
	for (size_t i = 0; i < capsules->count; i++) {
		const struct nvb_project_capsule *capsule = &capsules->list[i];

		if (which && !which[i])
			continue;
		work->ids[work->jobs.count] = capsule->info.id;
		work->services[work->jobs.count] = capsule->service;
		work->jobs.list[work->jobs.count++].name =
			capsule->info.name ? capsule->info.name : capsule->info.id;
	}
	if (link_jobs(work)) {
		if (action == NVB_PROJECT_START || action == NVB_PROJECT_RESTART)
			nvb_state_sweep(project->state, project->host->log);
		return 0;
	}
oom:
	nvb_project_work_release(work);
	return nvb_fail_oom(err);
}

void nvb_project_work_release(struct nvb_project_work *work)
{
	nvb_jobs_release(&work->jobs);
	nvb_arena_release(&work->arena);
	*work = (struct nvb_project_work){0};
}
