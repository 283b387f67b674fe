/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "capsule/record.h"
#include "supervisor/foreground.h"
#include "supervisor/private.h"
#include "supervisor/report.h"

/* A supervisor as others see it: whether there is one, and what it answers. */

static int open_capsule(const struct nvb_state *state, const char *id)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/capsules/%s", state->run, id) >= sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Takes the directory's descriptor over. 0: a supervisor lives, ours or another one; NVB_ERR_NOT_FOUND: none
 * had it. */
static int ensure(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int directory, nvb_error **err)
{
	struct nvb_entry entry = NVB_ENTRY_INIT;
	int rc;

	if (!nvb_entry_take_over(directory)) {
		close(directory);
		return 0;
	}
	rc = nvb_entry_open(state, id, directory, &entry, err);
	if (rc < 0) {
		close(directory);
		return rc;
	}
	if (entry.detached)
		return nvb_supervisor_adopt(host, state, &entry, err);
	nvb_entry_release(&entry);
	return nvb_fail(err, NVB_ERR_NOT_FOUND, "capsule %.12s does not run", id);
}

int nvb_supervisor_ensure(
	const struct nvb_run_host *host, const struct nvb_state *state, const char *id, nvb_error **err)
{
	int directory = open_capsule(state, id);

	if (directory < 0)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "capsule %.12s does not run", id);
	return ensure(host, state, id, directory, err);
}

void nvb_supervisor_adopt_all(const struct nvb_run_host *host, const struct nvb_state *state)
{
	_cleanup_free_ char *path = nvb_state_join(state->run, "capsules");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd;

		if (!nvb_record_is_id(entry->d_name))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			ensure(host, state, entry->d_name, fd, NULL);
	}
}

static int connect_to(const struct nvb_state *state, const char *id)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || (size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/capsules/%s/control",
			      state->run, id) >= sizeof(address.sun_path))
		return -1;
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1 : NVB_TAKE_FD(fd);
}

/* One that has just come to be does not listen yet. */
int nvb_supervisor_reach(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int *socket, nvb_error **err)
{
	enum { TRIES = 400, PAUSE_NS = 5 * 1000 * 1000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	for (int i = 0; i < TRIES; i++) {
		pid_t keeper;
		int rc;

		*socket = connect_to(state, id);
		if (*socket >= 0)
			return 0;
		rc = nvb_supervisor_ensure(host, state, id, err);
		if (rc < 0)
			return rc;
		if (nvb_foreground_has(state, id, &keeper))
			return nvb_foreground_refuse(
				id, keeper, "nobody else can be attached to it, or save it", err);
		if (i > 0)
			nanosleep(&pause, NULL);
	}
	return nvb_fail(err, NVB_ERR_BUSY, "the supervisor of capsule %.12s does not answer", id);
}

/* A request whose answer comes later. */
static int begin(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const char *request, int *connection, nvb_error **err)
{
	_cleanup_close_ int socket = -1;
	int rc = nvb_supervisor_reach(host, state, id, &socket, err);

	if (rc < 0)
		return rc;
	if (send(socket, request, strlen(request), MSG_NOSIGNAL) < 0)
		return nvb_fail_errno(err, errno, "the capsule's supervisor");
	*connection = NVB_TAKE_FD(socket);
	return 0;
}

int nvb_supervisor_attach(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	bool input, int *connection, nvb_error **err)
{
	return begin(host, state, id, input ? "attach input" : "attach", connection, err);
}

int nvb_supervisor_wait(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int *connection, nvb_error **err)
{
	return begin(host, state, id, "wait", connection, err);
}

int nvb_supervisor_ask(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const char *request, nvb_error **err)
{
	for (int i = 0;; i++) {
		_cleanup_error_ nvb_error *why = NULL;
		int socket, rc = nvb_supervisor_reach(host, state, id, &socket, &why);

		if (rc == -NVB_ERR_UNSUPPORTED)
			return nvb_foreground_ask(state, id, request, err);
		if (rc < 0) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		rc = send(socket, request, strlen(request), MSG_NOSIGNAL) < 0
			     ? nvb_fail(&why, NVB_ERR_CANCELLED, "the supervisor has gone")
			     : nvb_report_read(socket, NULL, NULL, NULL, &why);
		close(socket);
		if (rc == -NVB_ERR_CANCELLED && i < 3)
			continue;
		if (rc < 0)
			nvb_error_move(err, NVB_TAKE_PTR(why));
		/* Something else was not found: it runs. */
		return rc == -NVB_ERR_NOT_FOUND ? -NVB_ERR_SYSTEM : rc;
	}
}
