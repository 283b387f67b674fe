/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/common.h"
#include "run.h"

/*
 * The lease of a container that podman or docker runs. This process becomes the engine's client, so the lease
 * has its life; podman also writes down the container's first process, whose life it has when the client was
 * killed. bolt takes its own.
 */

/* Where podman writes that, if we are root: a lease by flock is the descriptors', which podman's monitor
 * inherits. Files are named for the client. */
#define PID_FILES "/run/nvbind/podman"

static bool is_alive(const char *number)
{
	uint32_t pid;

	return nvb_parse_u32(number, &pid) && pid > 0 && pid <= INT32_MAX &&
	       (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Files of clients and containers that are both gone. A number that is another process's by now keeps its
 * file for a while longer, no more. */
static void sweep(int directory)
{
	_cleanup_closedir_ DIR *dir = fdopendir(dup(directory));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *content = NULL;
		char client[16];
		size_t n = strspn(entry->d_name, "0123456789");

		if (n == 0 || n >= sizeof(client))
			continue;
		memcpy(client, entry->d_name, n);
		client[n] = '\0';
		if (is_alive(client))
			continue;
		if (nvb_file_read(directory, entry->d_name, 32, &content, NULL, NULL) == 0) {
			content[strcspn(content, "\n")] = '\0';
			if (is_alive(content))
				continue;
		}
		unlinkat(directory, entry->d_name, 0);
	}
}

int run_make_pid_file(struct run *run, nvb_error **err)
{
	_cleanup_close_ int directory = -1;
	struct timespec now;
	int rc;

	if (geteuid() != 0)
		return 0;
	rc = nvb_file_mkdirs(AT_FDCWD, PID_FILES, 0755, err);
	if (rc < 0)
		return rc;
	directory = open(PID_FILES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return nvb_fail_errno(err, errno, PID_FILES);
	sweep(directory);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (asprintf(&run->pid_file, PID_FILES "/%d-%lld", getpid(), (long long)now.tv_sec) < 0) {
		run->pid_file = NULL;
		return nvb_fail_oom(err);
	}
	return 0;
}

int run_take_lease(struct run *run, const char *engine, nvb_error **err)
{
	const struct nvb_lease_holder holder = {
		.engine = engine, .container = run->image, .pid_file = run->pid_file};
	int rc = nvb_lease_take_plan(run->inventory, run->plan, run->isolation, &holder, &run->lease, err);

	return rc < 0 ? rc : nvb_lease_keep_over_exec(run->lease, err);
}
