/* SPDX-License-Identifier: Apache-2.0 */
#include "surge_project.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/networks.h"
#include "cli/output.h"
#include "host.h"
#include "surge_file.h"

void surge_release(struct surge *surge)
{
	nvb_state_close(&surge->state);
	nvb_boltfile_release(&surge->file);
}

int surge_open(struct surge *surge, bool quiet, nvb_error **err)
{
	int rc = quiet ? surge_file_read_quietly(&surge->file, err) : surge_file_read(&surge->file, err);

	if (rc == 0)
		rc = nvb_boltfile_settle_networks(&surge->file, nvb_boltfile_has_bridges(), err);
	if (rc == 0)
		rc = nvb_state_open(&surge->state, err);
	if (rc < 0)
		return rc;
	surge->project = (struct nvb_project){
		.file = &surge->file,
		.host = run_host(),
		.state = &surge->state,
		.define = {.data = surge->state.data},
	};
	return 0;
}

int surge_choose(const struct surge *surge, const struct nvb_project_capsules *capsules, int argc,
	char **argv, bool **which, nvb_error **err)
{
	bool *chosen = calloc(capsules->count + 1, sizeof(*chosen));
	int rc = chosen ? 0 : nvb_fail_oom(err);

	for (int i = 0; rc == 0 && i < argc; i++) {
		const struct nvb_service *service;

		rc = nvb_boltfile_find(&surge->file, argv[i], &service, err);
		for (size_t n = 0; rc == 0 && n < capsules->count; n++)
			chosen[n] = chosen[n] || nvb_streq(capsules->list[n].service, service->name);
	}
	for (size_t n = 0; rc == 0 && argc == 0 && n < capsules->count; n++)
		chosen[n] = true;
	if (rc < 0) {
		free(chosen);
		return rc;
	}
	*which = chosen;
	return 0;
}

void surge_say(const char *name, const char *what, bool good)
{
	fprintf(stderr, "%s  %s%s%s\n", name, nvb_style_on(stderr, good ? NVB_STYLE_GREEN : NVB_STYLE_RED),
		what, nvb_style_off(stderr));
}

int surge_report_failed(const struct nvb_jobs *jobs, nvb_error **err)
{
	const struct nvb_job *last = NULL;

	for (size_t i = 0; i < jobs->count; i++) {
		const struct nvb_job *job = &jobs->list[i];

		if (!job->error)
			continue;
		if (last) {
			_cleanup_error_ nvb_error *line = NULL;
			int rc = nvb_fail(&line, nvb_error_code(last->error), "%s: %s", last->name,
				nvb_error_message(last->error));

			if (nvb_error_hint(last->error))
				nvb_hint(&line, rc, "%s", nvb_error_hint(last->error));
			nvb_report_error("bolt", line);
		}
		last = job;
	}
	if (!last)
		return 0;
	/* The last of them is the verb's own error, which the program reports. */
	nvb_fail(err, nvb_error_code(last->error), "%s: %s", last->name, nvb_error_message(last->error));
	if (nvb_error_hint(last->error))
		nvb_hint(err, -1, "%s", nvb_error_hint(last->error));
	return -(int)nvb_error_code(last->error);
}

static const char *const done[] = {
	[NVB_PROJECT_STOP] = "stopped",
	[NVB_PROJECT_REMOVE] = "removed",
	[NVB_PROJECT_KILL] = "killed",
	[NVB_PROJECT_START] = "started",
	[NVB_PROJECT_RESTART] = "restarted",
};

static void say_done(void *data, const struct nvb_job *job)
{
	const struct nvb_project_work *work = data;

	if (job->state == NVB_JOB_DONE)
		surge_say(job->name, done[work->action], true);
}

int surge_work(const struct surge *surge, const struct nvb_project_capsules *capsules, const bool *which,
	enum nvb_project_action action, int64_t timeout, nvb_error **err)
{
	_cleanup_work_ struct nvb_project_work work = {0};
	int rc = nvb_project_work_prepare(&surge->project, capsules, which, action, &work, err);

	if (rc < 0)
		return rc;
	work.timeout = timeout;
	work.jobs.changed = say_done;
	rc = nvb_jobs_run(&work.jobs, err);
	return rc < 0 ? rc : surge_report_failed(&work.jobs, err);
}
