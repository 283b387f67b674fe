/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#include "base/file.h"
#include "base/mem.h"
#include "container/shared_mount.h"

/* A tmpfs that is mounted nowhere yet. fd of the mount or -errno. */
static int make_tmpfs(size_t size)
{
	_cleanup_close_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char limit[32];
	int mount;

	if (fs < 0)
		return -errno;
	snprintf(limit, sizeof(limit), "%zuk", size / 1024 + 64);
	if (fsconfig(fs, FSCONFIG_SET_STRING, "size", limit, 0) < 0 ||
		fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return mount < 0 ? -errno : mount;
}

static int fill(int mount, const void *data, size_t size)
{
	_cleanup_close_ int fd = openat(mount, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int rc;

	if (fd < 0)
		return -errno;
	rc = nvb_write_all(fd, data, size);
	return rc == 0 && fchmod(fd, 0644) < 0 ? -errno : rc;
}

/* A detached read-only mount of the tmpfs' one file. fd or -errno. */
static int clone_file(int mount)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	int clone = open_tree(mount, "file", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (clone < 0)
		return -errno;
	if (mount_setattr(clone, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0) {
		int sys = errno;

		close(clone);
		return -sys;
	}
	return clone;
}

/*
 * Before Linux 6.15 only what is attached somewhere can be cloned, so the tmpfs stands over the container's
 * root for a moment; nobody goes through there meanwhile, since the runtime waits for its hook, and all
 * descriptors we use lie below.
 */
static int clone_through(int mount, const struct nvb_root *root)
{
	char self[64];
	int clone = clone_file(mount);

	if (clone != -EINVAL)
		return clone;
	if (nvb_shared_mount_check(root->fd, "/", NULL) < 0)
		return -EPERM;
	if (move_mount(mount, "", root->fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	clone = clone_file(mount);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", mount);
	if (umount2(self, MNT_DETACH) < 0 && clone >= 0) {
		close(clone);
		return -errno;
	}
	return clone;
}

int nvb_mount_file(const struct nvb_root *root, int target, const char *path, const void *data, size_t size,
	nvb_error **err)
{
	_cleanup_close_ int mount = -1, clone = -1;
	int rc = nvb_shared_mount_check(target, path, err);

	if (rc < 0)
		return rc;
	mount = make_tmpfs(size);
	rc = mount < 0 ? mount : fill(mount, data, size);
	if (rc == 0)
		clone = clone_through(mount, root);
	if (rc < 0 || clone < 0)
		return nvb_fail_errno(err, rc < 0 ? -rc : -clone, "mounting over %s", path);
	if (move_mount(clone, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return nvb_fail_errno(err, errno, "mounting over %s", path);
	return 0;
}
