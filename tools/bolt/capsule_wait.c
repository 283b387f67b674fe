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
#include "supervisor/supervisor.h"
#include "verbs.h"

/* bolt capsule wait: until capsules have ended. */

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

static int wait_for(const struct nvb_state *state, const char *which, nvb_error **err)
{
	char id[NVB_CAPSULE_ID + 1];
	int rc = nvb_capsule_find(state, which, id, err);

	while (rc == 0) {
		_cleanup_capsule_info_ struct nvb_capsule_info info = {0};
		_cleanup_located_ struct nvb_located capsule = {0};

		rc = nvb_capsule_info_of(state, id, &info, err);
		if (rc < 0)
			return rc;
		if (info.state == NVB_CAPSULE_CREATED)
			return nvb_fail(err, NVB_ERR_CONFLICT, "capsule %s was never started", which);
		if (has_ended(&info)) {
			info.status < 0 ? puts("unknown") : printf("%d\n", info.status);
			return nvb_stdout_flush(err);
		}
		look_after(state, &info);
		rc = nvb_locate(state, id, &capsule, err);
		if (rc == 0)
			wait_for_change(state, &capsule);
	}
	return rc;
}

int capsule_wait(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	int rc = nvb_state_open(&state, err);

	for (int i = 0; rc == 0 && i < argc; i++)
		rc = wait_for(&state, argv[i], err);
	return rc;
}
