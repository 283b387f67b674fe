/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "capsule/capsules.h"
#include "capsule/lifecycle.h"
#include "capsule/locate.h"
#include "cli/output.h"
#include "host.h"
#include "supervisor/report.h"
#include "supervisor/supervisor.h"
#include "verbs.h"

/* bolt capsule wait: until capsules have ended. */

struct waited {
	const char *name;
	char id[NVB_CAPSULE_ID + 1];
	int connection; /* on which its end is told; -1: nobody tells */
};

static bool has_ended(const struct nvb_capsule_info *info)
{
	return info->state == NVB_CAPSULE_EXITED || info->state == NVB_CAPSULE_CREATED;
}

/* Its files say when it has ended, and its first process when nobody is left to write them. Neither need be
 * heard of: now and then is looked anyway. */
static void wait_for_change(const struct nvb_state *state, const struct nvb_located *capsule)
{
	enum { SECOND = 1000 };
	_cleanup_close_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	_cleanup_close_ int process = capsule->init > 0 ? (int)syscall(SYS_pidfd_open, capsule->init, 0) : -1;
	struct pollfd fds[] = {{.fd = watch, .events = POLLIN}, {.fd = process, .events = POLLIN}};
	_cleanup_free_ char *all = NULL;

	if (watch >= 0)
		inotify_add_watch(watch, capsule->run, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE);
	if (watch >= 0 && asprintf(&all, "%s/capsules", state->run) >= 0)
		inotify_add_watch(watch, all, IN_DELETE | IN_MOVED_FROM);
	/* It may have ended before it was watched. */
	if (access(capsule->run, F_OK) == 0)
		poll(fds, NVB_ELEMENTS(fds), SECOND);
}

/* After its supervisor was killed another one finds out how it stands. */
static void look_after(const struct nvb_state *state, const struct nvb_capsule_info *info)
{
	if (info->unsupervised || info->state == NVB_CAPSULE_DEAD)
		nvb_supervisor_ensure(run_host(), state, info->id, NULL);
}

/* By what is written down: where there is no supervisor that tells. */
static int watch(const struct nvb_state *state, const struct waited *w, int *status, nvb_error **err)
{
	for (;;) {
		_cleanup_capsule_info_ struct nvb_capsule_info info = {0};
		_cleanup_located_ struct nvb_located capsule = {0};
		_cleanup_error_ nvb_error *why = NULL;
		int rc = nvb_capsule_info_of(state, w->id, &info, &why);

		/* Removed when it had ended: nobody knows how. */
		if (rc == -NVB_ERR_NOT_FOUND) {
			*status = -1;
			return 0;
		}
		if (rc < 0) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		if (info.state == NVB_CAPSULE_CREATED)
			return nvb_fail(err, NVB_ERR_CONFLICT, "capsule %s was never started", w->name);
		if (has_ended(&info)) {
			*status = info.status;
			return 0;
		}
		look_after(state, &info);
		if (nvb_locate(state, w->id, &capsule, NULL) == 0)
			wait_for_change(state, &capsule);
	}
}

static int wait_for(const struct nvb_state *state, struct waited *w, nvb_error **err)
{
	int status = -1, rc = -1;

	if (w->connection >= 0) {
		rc = nvb_report_read(w->connection, &status, NULL, NULL, NULL);
		close(NVB_TAKE_FD(w->connection));
	}
	/* Its supervisor was killed, or it has none. */
	if (rc < 0)
		rc = watch(state, w, &status, err);
	if (rc < 0)
		return rc;
	status < 0 ? puts("unknown") : printf("%d\n", status);
	return nvb_stdout_flush(err);
}

/* Their ends are asked for all at once: one that is removed when it ends (--rm) leaves nothing to be read. */
static int find(const struct nvb_state *state, const char *which, struct waited *w, nvb_error **err)
{
	int rc = nvb_capsule_find(state, which, w->id, err);

	w->name = which;
	w->connection = -1;
	if (rc == 0)
		nvb_supervisor_wait(run_host(), state, w->id, &w->connection, NULL);
	return rc;
}

int capsule_wait(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_free_ struct waited *all = calloc((size_t)argc + 1, sizeof(*all));
	bool failed = false;
	int rc = all ? nvb_state_open(&state, err) : nvb_fail_oom(err);

	/* A name that is none is told before anything is waited for. */
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = find(&state, argv[i], &all[i], err);
	for (int i = 0; rc == 0 && i < argc; i++) {
		_cleanup_error_ nvb_error *why = NULL;

		if (wait_for(&state, &all[i], &why) == 0)
			continue;
		nvb_report_error("bolt", why);
		failed = true;
	}
	return rc < 0 ? rc : failed;
}
