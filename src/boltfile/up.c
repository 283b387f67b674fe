/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/order.h"
#include "boltfile/project.h"
#include "capsule/capsules.h"
#include "capsule/names.h"
#include "capsule/rootless.h"
#include "supervisor/supervisor.h"

/* Bringing services up. Each capsule is a job in a process of its own: what is there already is compared by
 * the hash of its definition, so that only what has changed is made anew. */

/* Files of a user's capsules can only be removed in the user's namespace, which a process does not leave. */
static int remove_capsule(void *data, size_t job, nvb_error **err)
{
	const struct nvb_project_removal *removal = data;
	_cleanup_free_ char *narrow = NULL;
	int rc = removal->state->rootless
			 ? nvb_rootless_enter(removal->state, &narrow, removal->host->log, err)
			 : 0;

	(void)job;
	return rc < 0 ? rc : nvb_capsule_remove(removal->host, removal->state, removal->id, true, err);
}

int nvb_project_remove_capsule(const struct nvb_project_removal *removal, nvb_error **err)
{
	struct nvb_job job = {.name = "removal"};
	struct nvb_jobs jobs = {.list = &job,
		.count = 1,
		.run = remove_capsule,
		.extra = -1,
		.data = (void *)(uintptr_t)removal};
	int rc;

	if (!removal->state->rootless)
		return nvb_capsule_remove(removal->host, removal->state, removal->id, true, err);
	rc = nvb_jobs_run(&jobs, err);
	if (rc == 0 && job.error) {
		rc = -(int)nvb_error_code(job.error);
		nvb_error_move(err, NVB_TAKE_PTR(job.error));
	}
	return rc;
}

/* Is the capsule of that name what the definition wants? Sets *same; another project's is none of ours. */
static int compare_with(const struct nvb_up *up, const char *id,
	const struct nvb_capsule_definition *definition, bool *same, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition there = {0};
	int rc = nvb_capsule_definition_of(up->project->state, id, &there, err);

	if (rc < 0)
		return rc;
	if (!nvb_streq0(nvb_label(&there, NVB_LABEL_PROJECT), up->project->file->project))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT,
				"there is a capsule '%s' already, which is not of this project",
				definition->spec.name),
			"bolt capsule rm %s, or give the service another container_name",
			definition->spec.name);
	*same = !up->recreate &&
		nvb_streq0(nvb_label(&there, NVB_LABEL_HASH), nvb_label(definition, NVB_LABEL_HASH));
	return 0;
}

/* Who ends a job (^C) ends it once it is known what became of the start: a supervisor goes on without us, and
 * what comes up after all were stopped would be left running. */
int nvb_project_start_capsule(const struct nvb_project *project, const char *id, nvb_error **err)
{
	const struct nvb_supervisor_start how = {.attached = -1, .swept = true};
	struct nvb_capsule_start start;
	sigset_t term, before;
	int rc, status;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	rc = nvb_capsule_start_how(project->host, project->state, id, &how, &start, err);
	if (rc == 0)
		rc = nvb_capsule_start_finish(&start, &status, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Gives an old capsule's GPUs and files back first: the new one may want the same. What cannot be made at all
 * takes nothing away. */
static int replace(const struct nvb_up *up, const char *old, const struct nvb_capsule_definition *definition,
	nvb_error **err)
{
	const struct nvb_project *project = up->project;
	const struct nvb_capsule_stop stop = {.timeout = -1};
	const struct nvb_project_removal removal = {project->host, project->state, old};
	char id[NVB_CAPSULE_ID + 1];
	int rc = 0;

	if (old)
		rc = nvb_capsule_check(project->host, definition, err);
	if (rc == 0 && old) {
		rc = nvb_capsule_stop(project->host, project->state, old, &stop, err);
		if (rc == 0)
			rc = nvb_project_remove_capsule(&removal, err);
	}
	if (rc == 0)
		rc = nvb_capsule_create(project->host, project->state, definition, id, err);
	return rc < 0 ? rc : nvb_project_start_capsule(project, id, err);
}

static int bring_up(void *data, size_t job, nvb_error **err)
{
	const struct nvb_up *up = data;
	const struct nvb_project *project = up->project;
	const struct nvb_up_capsule *capsule = &up->capsules[job];
	_cleanup_definition_ struct nvb_capsule_definition definition;
	_cleanup_capsule_info_ struct nvb_capsule_info info = {0};
	char id[NVB_CAPSULE_ID + 1];
	bool same = false;
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_service_define(
		project->file, capsule->service, capsule->number, &project->define, &definition, err);
	if (rc < 0)
		return rc;
	if (!nvb_name_find(project->state, capsule->name, id)) {
		rc = replace(up, NULL, &definition, err);
		return rc < 0 ? rc : NVB_UP_CREATED;
	}
	rc = compare_with(up, id, &definition, &same, err);
	if (rc < 0)
		return rc;
	if (!same) {
		rc = replace(up, id, &definition, err);
		return rc < 0 ? rc : NVB_UP_RECREATED;
	}
	rc = nvb_capsule_info_of(project->state, id, &info, err);
	if (rc < 0 || nvb_capsule_is_up(&info))
		return rc < 0 ? rc : NVB_UP_UNCHANGED;
	rc = nvb_project_start_capsule(project, id, err);
	return rc < 0 ? rc : NVB_UP_STARTED;
}

static int is_healthy(const struct nvb_capsule_info *info, nvb_error **err)
{
	if (!nvb_capsule_is_up(info))
		return nvb_fail(err, NVB_ERR_CONFLICT,
			"it depends on %s, which ended with %d before it was healthy", info->name,
			info->status);
	if (!info->health || nvb_streq(info->health, nvb_health_state_name(NVB_HEALTH_NONE)))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID,
				"it waits for %s to be healthy, which has no health check", info->name),
			"give that service a healthcheck, or depend on it as \"started\"");
	if (nvb_streq(info->health, nvb_health_state_name(NVB_HEALTH_UNHEALTHY)))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT, "it depends on %s, which is unhealthy", info->name),
			"'bolt capsule inspect %s' shows what its health check said", info->name);
	return nvb_streq(info->health, nvb_health_state_name(NVB_HEALTH_HEALTHY));
}

static int has_completed(const struct nvb_capsule_info *info, nvb_error **err)
{
	if (nvb_capsule_is_up(info))
		return 0;
	if (info->status == 0)
		return 1;
	return nvb_fail(
		err, NVB_ERR_CONFLICT, "it depends on %s, which ended with %d", info->name, info->status);
}

/* While its supervisor hands a capsule over to what is kept, it looks dead, or ended in a way that nobody
 * knows; when it was killed with its supervisor it does so for good. */
static bool is_settled(struct nvb_up_capsule *capsule, const struct nvb_capsule_info *info)
{
	enum { LOOKS = 40 };

	if (info->state != NVB_CAPSULE_DEAD && (info->state != NVB_CAPSULE_EXITED || info->status >= 0))
		capsule->vague_looks = 0;
	else if (++capsule->vague_looks < LOOKS)
		return false;
	return true;
}

static int has_got_so_far(void *data, size_t job, int condition, nvb_error **err)
{
	struct nvb_up *up = data;
	const char *name = up->capsules[job].name;
	_cleanup_capsule_info_ struct nvb_capsule_info info = {0};
	char id[NVB_CAPSULE_ID + 1];
	int rc;

	if (condition == NVB_WAIT_STARTED)
		return 1;
	if (!nvb_name_find(up->project->state, name, id))
		return nvb_fail(err, NVB_ERR_CONFLICT, "it depends on %s, which was removed", name);
	rc = nvb_capsule_info_of(up->project->state, id, &info, err);
	if (rc < 0)
		return rc;
	if (!is_settled(&up->capsules[job], &info))
		return 0;
	if (info.state == NVB_CAPSULE_DEAD || (info.state == NVB_CAPSULE_EXITED && info.status < 0))
		return nvb_fail(err, NVB_ERR_CONFLICT,
			"it depends on %s, which ended with its supervisor, so nobody knows how", name);
	return condition == NVB_WAIT_HEALTHY ? is_healthy(&info, err) : has_completed(&info, err);
}

static void job_changed(void *data, const struct nvb_job *job)
{
	const struct nvb_up *up = data;

	if (up->changed)
		up->changed(up->data, job);
}

static int turn(void *data)
{
	const struct nvb_up *up = data;

	return up->turn ? up->turn(up->data) : 0;
}

static const char *capsule_name(struct nvb_up *up, const struct nvb_service *service, unsigned number)
{
	if (service->container_name)
		return service->container_name;
	if (nvb_service_replicas(service) < 2)
		return nvb_arena_printf(&up->arena, "%s-%s", up->project->file->project, service->name);
	return nvb_arena_printf(&up->arena, "%s-%s-%u", up->project->file->project, service->name, number);
}

/* Links to every capsule of every service that this one depends on and that is wanted. */
static bool link_job(struct nvb_up *up, size_t job, const bool *wanted)
{
	const struct nvb_boltfile *file = up->project->file;
	struct nvb_job_link *links = nvb_arena_alloc(&up->arena, (up->jobs.count + 1) * sizeof(*links));
	size_t count = 0;

	if (!links)
		return false;
	nvb_strv_foreach (word, up->capsules[job].service->depends_on) {
		struct nvb_dependency dependency;

		if (!nvb_dependency_parse(file, *word, &dependency) || !wanted[dependency.service])
			continue;
		for (size_t i = 0; i < up->jobs.count && count < up->jobs.count; i++)
			if (up->capsules[i].service == &file->services[dependency.service])
				links[count++] = (struct nvb_job_link){i, (int)dependency.condition};
	}
	up->jobs.list[job].after = links;
	up->jobs.list[job].after_count = count;
	return true;
}

int nvb_up_prepare(const struct nvb_project *project, const bool *wanted, bool recreate, struct nvb_up *up,
	nvb_error **err)
{
	const struct nvb_boltfile *file = project->file;
	size_t count = 0;
	bool ok;

	*up = (struct nvb_up){.project = project, .recreate = recreate};
	for (size_t i = 0; i < file->service_count; i++)
		count += wanted[i] ? nvb_service_replicas(&file->services[i]) : 0;
	up->capsules = nvb_arena_alloc(&up->arena, (count + 1) * sizeof(*up->capsules));
	up->jobs =
		(struct nvb_jobs){.list = nvb_arena_alloc(&up->arena, (count + 1) * sizeof(struct nvb_job)),
			.run = bring_up,
			.met = has_got_so_far,
			.changed = job_changed,
			.turn = turn,
			.extra = -1,
			.data = up};
	ok = up->capsules && up->jobs.list;
	for (size_t i = 0; ok && i < file->service_count; i++)
		for (unsigned n = 1; ok && wanted[i] && n <= nvb_service_replicas(&file->services[i]); n++) {
			const char *name = capsule_name(up, &file->services[i], n);

			up->capsules[up->jobs.count] = (struct nvb_up_capsule){&file->services[i], n, name};
			up->jobs.list[up->jobs.count++].name = name;
			ok = name != NULL;
		}
	for (size_t i = 0; ok && i < up->jobs.count; i++)
		ok = link_job(up, i, wanted);
	if (ok) {
		/* Once, and not in each of the jobs. */
		nvb_state_sweep(project->state, project->host->log);
		return 0;
	}
	nvb_up_release(up);
	return nvb_fail_oom(err);
}

void nvb_up_release(struct nvb_up *up)
{
	nvb_jobs_release(&up->jobs);
	nvb_arena_release(&up->arena);
	*up = (struct nvb_up){0};
}
