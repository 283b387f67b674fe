/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/lifecycle.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/bring.h"
#include "capsule/files.h"
#include "capsule/locate.h"
#include "capsule/names.h"
#include "capsule/network.h"
#include "capsule/record.h"
#include "capsule/summary.h"
#include "network/names.h"
#include "supervisor/foreground.h"
#include "supervisor/report.h"
#include "supervisor/supervisor.h"

int nvb_capsule_find(
	const struct nvb_state *state, const char *which, char id[static NVB_CAPSULE_ID + 1], nvb_error **err)
{
	_cleanup_located_ struct nvb_located located = {0};
	int rc;

	if (nvb_name_find(state, which, id))
		return 0;
	rc = nvb_locate(state, which, &located, err);
	if (rc == 0)
		memcpy(id, located.id, sizeof(located.id));
	return rc;
}

static char *data_of(const struct nvb_state *state, const char *id)
{
	char *path;

	return asprintf(&path, "%s/capsules/%s", state->data, id) < 0 ? NULL : path;
}

int nvb_capsule_definition_of(const struct nvb_state *state, const char *id,
	struct nvb_capsule_definition *definition, nvb_error **err)
{
	_cleanup_free_ char *data = data_of(state, id);
	_cleanup_error_ nvb_error *why = NULL;
	pid_t keeper;
	int rc = data ? nvb_definition_load(definition, data, &why) : nvb_fail_oom(&why);

	if (rc < 0 && nvb_foreground_has(state, id, &keeper))
		return nvb_foreground_refuse(
			id, keeper, "with --rm, nothing is kept to be changed or started again", err);
	if (rc < 0)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	return rc;
}

/* What a start would find wrong that is wrong for good: words of no profile, an image that is nowhere. What
 * it runs and where it listens is for lists. */
static int check(const struct nvb_run_host *host, const struct nvb_capsule_definition *definition,
	struct nvb_strbuf *command, struct nvb_strbuf *ports, nvb_error **err)
{
	struct nvb_request *request = NULL;
	struct nvb_image image;
	int rc = nvb_definition_request(definition, host->profiles, &request, err);

	nvb_request_free(request);
	if (rc == 0)
		rc = nvb_image_bring(host, &definition->spec, &image, err);
	if (rc < 0)
		return rc;
	nvb_capsule_summary(&definition->spec, &image, command, ports);
	nvb_image_close(&image);
	return 0;
}

int nvb_capsule_check(
	const struct nvb_run_host *host, const struct nvb_capsule_definition *definition, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf command = {0}, ports = {0};

	return check(host, definition, &command, &ports, err);
}

int nvb_capsule_create(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_capsule_definition *definition, char id[static NVB_CAPSULE_ID + 1], nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf command = {0}, ports = {0};
	struct nvb_entry_options options = {
		.name = definition->spec.name,
		.image = definition->spec.image,
		.keep = true,
		.parked = true,
	};
	struct nvb_entry entry = NVB_ENTRY_INIT;
	int rc = check(host, definition, &command, &ports, err);

	options.command = command.s;
	options.ports = ports.s;
	if (rc == 0)
		rc = nvb_entry_begin(state, &options, &entry, err);
	if (rc < 0)
		return rc;
	memcpy(id, entry.id, sizeof(entry.id));
	rc = nvb_definition_save(definition, entry.data, true, err);
	/* The record last: with it the capsule is there. */
	if (rc == 0)
		rc = nvb_entry_park(state, &entry, err);
	if (rc < 0 && entry.run) {
		entry.keep = false;
		nvb_entry_end(state, &entry, -1, host->log);
	}
	return rc;
}

/* Whether it runs. One that is just being started is waited for, as is one that has just ended: it is gone in
 * a moment, or comes again. */
static bool is_running(const struct nvb_run_host *host, const struct nvb_state *state, const char *id)
{
	enum { TRIES = 12000, PAUSE_NS = 5 * 1000 * 1000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int rc = -NVB_ERR_BUSY;

	for (int i = 0; i < TRIES; i++) {
		rc = nvb_supervisor_ask(host, state, id, "alive", NULL);
		if (rc != -NVB_ERR_CONFLICT && rc != -NVB_ERR_BUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return rc == 0 || rc == -NVB_ERR_BUSY;
}

int nvb_capsule_start_begin(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	struct nvb_capsule_start *start, nvb_error **err)
{
	return nvb_capsule_start_attached(host, state, id, -1, start, err);
}

int nvb_capsule_start_attached(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int attached, struct nvb_capsule_start *start, nvb_error **err)
{
	const struct nvb_supervisor_start how = {.attached = attached};

	return nvb_capsule_start_how(host, state, id, &how, start, err);
}

int nvb_capsule_start_how(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_supervisor_start *how, struct nvb_capsule_start *start, nvb_error **err)
{
	start->report = -1;
	if (is_running(host, state, id))
		return nvb_fail(err, NVB_ERR_CONFLICT, "capsule %.12s is running", id);
	if (!how->swept)
		nvb_state_sweep(state, host->log);
	memcpy(start->id, id, sizeof(start->id));
	return nvb_supervisor_start(host, state, id, how, &start->report, err);
}

int nvb_capsule_start_finish(struct nvb_capsule_start *start, int *status, nvb_error **err)
{
	int rc;

	*status = 125;
	rc = nvb_report_read(start->report, NULL, NULL, status, err);
	close(NVB_TAKE_FD(start->report));
	if (rc == 0)
		*status = 0;
	return rc;
}

int nvb_capsule_start(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int *status, nvb_error **err)
{
	struct nvb_capsule_start start;
	int rc = nvb_capsule_start_begin(host, state, id, &start, err);

	*status = 125;
	return rc < 0 ? rc : nvb_capsule_start_finish(&start, status, err);
}

/* What somebody stopped stays so, also when it had ended before. */
static int note_stopped(const struct nvb_state *state, const char *id, nvb_error **err)
{
	_cleanup_free_ char *data = data_of(state, id), *path = data ? nvb_state_join(data, "record") : NULL,
			    *text = NULL, *changed = NULL;

	if (!path)
		return nvb_fail_oom(err);
	if (nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &text, NULL, NULL) < 0 ||
		nvb_record_flag(text, "stopped"))
		return 0;
	changed = nvb_record_set(text, "stopped", "1");
	if (!changed)
		return nvb_fail_oom(err);
	return nvb_file_write(AT_FDCWD, path, changed, strlen(changed), 0600, err);
}

int nvb_capsule_stop(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_capsule_stop *stop, nvb_error **err)
{
	struct nvb_capsule_definition definition;
	nvb_error *why = NULL;
	long long timeout = stop->timeout;
	char request[64];
	int rc;

	if (timeout < 0) {
		nvb_capsule_definition_init(&definition);
		timeout = nvb_capsule_definition_of(state, id, &definition, NULL) == 0
				  ? (long long)definition.stop_timeout
				  : NVB_STOP_TIMEOUT;
		nvb_capsule_definition_release(&definition);
	}
	snprintf(request, sizeof(request), "stop %d %lld%s", stop->signal, timeout,
		stop->discard ? " discard" : "");
	rc = nvb_supervisor_ask(host, state, id, request, &why);
	if (rc == -NVB_ERR_NOT_FOUND) {
		nvb_error_free(why);
		return note_stopped(state, id, err);
	}
	if (rc < 0)
		nvb_error_move(err, why);
	return rc;
}

int nvb_capsule_kill(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int signal, nvb_error **err)
{
	char request[32];

	snprintf(request, sizeof(request), "kill %d", signal);
	return nvb_supervisor_ask(host, state, id, request, err);
}

int nvb_capsule_pause(
	const struct nvb_run_host *host, const struct nvb_state *state, const char *id, nvb_error **err)
{
	return nvb_supervisor_ask(host, state, id, "pause", err);
}

int nvb_capsule_unpause(
	const struct nvb_run_host *host, const struct nvb_state *state, const char *id, nvb_error **err)
{
	return nvb_supervisor_ask(host, state, id, "unpause", err);
}

int nvb_capsule_remove(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	bool force, nvb_error **err)
{
	const struct nvb_capsule_stop stop = {.signal = SIGKILL};
	_cleanup_free_ char *data = data_of(state, id), *trash = NULL;
	_cleanup_free_ char *path = data ? nvb_state_join(data, "record") : NULL, *text = NULL, *name = NULL;
	_cleanup_close_ int files = -1;
	int rc = 0;

	if (!path || asprintf(&trash, "%s/trash/%s", state->data, id) < 0)
		return nvb_fail_oom(err);
	if (nvb_supervisor_ensure(host, state, id, NULL) == 0) {
		if (!force)
			return nvb_hint(err, nvb_fail(err, NVB_ERR_BUSY, "capsule %.12s is running", id),
				"stop it first, or add --force");
		rc = nvb_capsule_stop(host, state, id, &stop, err);
	}
	if (rc < 0)
		return rc;
	if (access(data, F_OK) == 0) {
		files = nvb_files_lock(data, false, err);
		if (files < 0)
			return files;
	}
	if (nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &text, NULL, NULL) == 0)
		name = nvb_record_value(text, "name");
	/* Gone at once; how long its files take is nobody's to wait for in between. */
	if (rename(data, trash) == 0)
		rc = nvb_file_remove_tree(AT_FDCWD, trash, err);
	else if (access(data, F_OK) == 0)
		rc = nvb_file_remove_tree(AT_FDCWD, data, err);
	if (rc == 0)
		nvb_name_give_back(state, name, id);
	return rc;
}

static int write_name(const struct nvb_state *state, const char *id, const char *name, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	_cleanup_free_ char *data = data_of(state, id), *path = data ? nvb_state_join(data, "record") : NULL,
			    *text = NULL, *changed = NULL;
	int rc;

	if (!path)
		return nvb_fail_oom(err);
	nvb_capsule_definition_init(&definition);
	rc = nvb_definition_load(&definition, data, err);
	if (rc == 0)
		rc = nvb_spec_set_name(&definition.spec, name, err);
	if (rc == 0)
		rc = nvb_definition_save(&definition, data, true, err);
	if (rc < 0 || nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &text, NULL, NULL) < 0)
		return rc;
	changed = nvb_record_set(text, "name", name);
	if (!changed)
		return nvb_fail_oom(err);
	return nvb_file_write(AT_FDCWD, path, changed, strlen(changed), 0600, err);
}

static char *name_of(const struct nvb_state *state, const char *id)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};

	nvb_capsule_definition_init(&definition);
	if (nvb_capsule_definition_of(state, id, &definition, NULL) < 0 || !definition.spec.name)
		return NULL;
	return strdup(definition.spec.name);
}

static int check_name(const char *name, nvb_error **err)
{
	_cleanup_spec_ struct nvb_capsule_spec spec = {0};

	return nvb_spec_set_name(&spec, name, err);
}

/* It is renamed, whether or not that reaches those beside it on its networks. */
static void tell_others(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const char *old, const char *name)
{
	const struct nvb_network_place place = nvb_capsule_network_place(state, host->log);
	_cleanup_error_ nvb_error *why = NULL;

	if (nvb_names_rename(&place, id, old, name, &why) < 0)
		nvb_warning(host->log,
			"others on its networks may know it as %s until it is started again: %s", old,
			nvb_error_message(why));
}

/* The new link is there before anything says the new name, the old one until all does. */
int nvb_capsule_rename(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const char *name, nvb_error **err)
{
	_cleanup_free_ char *old = name_of(state, id), *request = NULL;
	_cleanup_close_ int lock = -1;
	pid_t keeper;
	int rc;

	rc = check_name(name, err);
	if (rc < 0)
		return rc;
	if (nvb_foreground_has(state, id, &keeper))
		return nvb_foreground_refuse(id, keeper, "it keeps its name until it has ended", err);
	if (nvb_streq0(old, name))
		return nvb_fail(err, NVB_ERR_CONFLICT, "capsule %.12s is called '%s' already", id, name);
	if (asprintf(&request, "rename %s", name) < 0)
		return nvb_fail_oom(err);
	lock = nvb_state_lock(state, err);
	rc = lock < 0 ? lock : nvb_name_claim(state, name, id, err);
	if (rc < 0)
		return rc;
	rc = write_name(state, id, name, err);
	if (rc == 0 && nvb_supervisor_ensure(host, state, id, NULL) == 0)
		rc = nvb_supervisor_ask(host, state, id, request, err);
	if (rc == 0 && old)
		tell_others(host, state, id, old, name);
	nvb_name_give_back(state, rc == 0 ? old : name, id);
	return rc;
}

int nvb_capsule_update(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_capsule_definition *definition, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition before = {0};
	_cleanup_free_ char *data = data_of(state, id);
	int rc;

	if (!data)
		return nvb_fail_oom(err);
	nvb_capsule_definition_init(&before);
	rc = nvb_definition_load(&before, data, err);
	if (rc == 0)
		rc = nvb_definition_save(definition, data, true, err);
	if (rc < 0 || nvb_supervisor_ensure(host, state, id, NULL) < 0)
		return rc;
	rc = nvb_supervisor_ask(host, state, id, "update", err);
	/* What it cannot have is not what it shall have at the next start. */
	if (rc < 0)
		nvb_definition_save(&before, data, true, NULL);
	return rc;
}
