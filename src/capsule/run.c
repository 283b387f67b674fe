/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/run.h"

#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "capsule/attach.h"
#include "capsule/start.h"
#include "capsule/terminal.h"

/* A capsule in the foreground: one start, tied to this process's streams and signals. */
struct run {
	struct nvb_start start;
	struct nvb_attachment *attachment;
};

static int attach(struct nvb_start *start, nvb_error **err)
{
	struct run *run = start->data;
	const struct nvb_capsule_spec *spec = start->spec;

	if (spec->terminal)
		nvb_terminal_size(&start->rows, &start->columns);
	return nvb_attach_open(
		spec->terminal, spec->interactive, start->state.workspace, &run->attachment, err);
}

/* Who stops it from elsewhere (supervisor/foreground.h) reads which signal asks its program to end. */
static int note_stop_signal(const struct nvb_start *start, nvb_error **err)
{
	char number[16];

	if (start->process.stop_signal == SIGTERM)
		return 0;
	snprintf(number, sizeof(number), "%d", start->process.stop_signal);
	return nvb_entry_note(&start->entry, (const char *const[]){"stop-signal", number, NULL}, err);
}

static int note_start(void *data, pid_t init, nvb_error **err)
{
	int rc = note_stop_signal(data, err);

	return rc < 0 ? rc : nvb_start_note(data, init, err);
}

static int launch(struct run *run, int *status, nvb_error **err)
{
	int interrupted = nvb_attach_interrupted(run->attachment), pid, rc;

	if (interrupted) {
		*status = 128 + interrupted;
		return nvb_fail(err, NVB_ERR_CANCELLED, "interrupted before the container was started");
	}
	rc = nvb_start_check_program(&run->start, status, err);
	if (rc < 0)
		return rc;
	nvb_attach_launch(run->attachment, &run->start.launch);
	pid = nvb_start_launch(&run->start, err);
	if (pid < 0)
		return pid;
	return nvb_attach_run(run->attachment, &run->start.launch, pid, run->start.process.args[0],
		note_start, &run->start, status, err);
}

static void end(struct run *run, int status)
{
	struct nvb_start *start = &run->start;

	nvb_start_unmount(start);
	start->entry.keep = start->entry.keep && start->started;
	start->entry.ran = start->started;
	nvb_entry_end(&start->state, &start->entry, status, start->host->log);
	nvb_start_give_back(start);
	nvb_start_release(start);
	/* Last: from here on signals end this process. */
	nvb_attach_close(run->attachment);
}

int nvb_capsule_run(const struct nvb_run_host *host, const struct nvb_capsule_definition *definition,
	int *status, nvb_error **err)
{
	struct run run = {.attachment = NULL};
	int rc;

	nvb_start_init(&run.start, host, definition);
	run.start.entered = attach;
	run.start.data = &run;
	*status = 125;
	rc = nvb_start_prepare(&run.start, err);
	if (rc == 0)
		rc = launch(&run, status, err);
	else if (rc == -NVB_ERR_CANCELLED && run.attachment)
		*status = 128 + nvb_attach_interrupted(run.attachment);
	nvb_debug(host->log, "the container has ended with status %d", *status);
	end(&run, *status);
	nvb_debug(
		host->log, "%s", definition->spec.remove ? "the capsule is removed" : "the capsule is kept");
	return rc;
}
