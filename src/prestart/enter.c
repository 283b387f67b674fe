/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/mem.h"
#include "prestart/parts.h"

/* 1 when the process is in another namespace of that kind than we are, 0 when in the same, or -errno. */
static int is_elsewhere(pid_t pid, const char *kind)
{
	struct stat theirs, ours;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	if (stat(path, &theirs) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	if (stat(path, &ours) < 0)
		return -errno;
	return theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev;
}

int nvb_has_user_namespace(pid_t pid, bool *has, nvb_error **err)
{
	int elsewhere = is_elsewhere(pid, "user");

	if (elsewhere < 0)
		return nvb_fail_errno(err, -elsewhere, "user namespace of process %d", (int)pid);
	*has = elsewhere;
	return 0;
}

int nvb_enter_mounts(pid_t pid, nvb_error **err)
{
	/* The descriptor stands for this one process: were the number given to another meanwhile, the call
	 * would fail. */
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int elsewhere;

	if (process < 0)
		return nvb_fail_errno(err, errno, "process %d of the container", (int)pid);
	elsewhere = is_elsewhere(pid, "mnt");
	if (elsewhere < 0)
		return nvb_fail_errno(err, -elsewhere, "mount namespace of process %d", (int)pid);
	if (!elsewhere && nvb_guard("own-mount-namespace"))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"the container has no mount namespace of its own: its mounts would be the host's");
	if (setns(process, CLONE_NEWNS) < 0)
		return nvb_fail_errno(err, errno, "entering the mount namespace of process %d", (int)pid);
	return 0;
}
