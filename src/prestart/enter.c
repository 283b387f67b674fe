/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/mem.h"
#include "container/shared_mount.h"
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

int nvb_check_process(pid_t pid, bool *user_namespace, nvb_error **err)
{
	int mounts = is_elsewhere(pid, "mnt"), users = mounts < 0 ? mounts : is_elsewhere(pid, "user");

	if (users < 0)
		return nvb_fail_errno(err, -users, "namespaces of process %d", (int)pid);
	if (!mounts && nvb_guard("own-mount-namespace"))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"the container has no mount namespace of its own: its mounts would be the host's");
	*user_namespace = users;
	return 0;
}

/*
 * Its file systems take files of its own users alone; and what goes wrong there has its root's rights, not
 * the host's. From the first step on its root could trace us where it sees us (--pid=host), while we are
 * still the host's user 0 and have the host's files open: so nobody may.
 */
static int enter_users(int process, pid_t pid, nvb_error **err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
		setns(process, CLONE_NEWUSER) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return nvb_fail_errno(err, errno, "entering the user namespace of process %d", (int)pid);
	return 0;
}

int nvb_enter(pid_t pid, const char *path, bool user_namespace, struct nvb_root *root, nvb_error **err)
{
	/* The descriptor stands for this one process: were the number given to another meanwhile, the calls
	 * would fail. */
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int rc;

	if (process < 0)
		return nvb_fail_errno(err, errno, "process %d of the container", (int)pid);
	if (setns(process, CLONE_NEWNS) < 0)
		return nvb_fail_errno(err, errno, "entering the mount namespace of process %d", (int)pid);
	/* Before the users': the way to the root may be closed to them. */
	rc = nvb_root_open(root, path, err);
	if (rc == 0)
		rc = nvb_shared_mount_check(root->fd, path, err);
	if (rc == 0 && user_namespace)
		rc = enter_users(process, pid, err);
	return rc;
}
