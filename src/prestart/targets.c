/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/mem.h"
#include "base/mount_id.h"
#include "container/shared_mount.h"
#include "prestart/parts.h"

/*
 * Refuses a place the kernel makes up. An image's link can lead there ("/usr/lib -> /proc/sys/kernel"), and
 * the runtime, after us, writes the container's sysctls and labels through /proc: it would write them into
 * our file, and the container would run without.
 */
static int check_file_system(int fd, const char *path, nvb_error **err)
{
	static const long kernels_own[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC,
		BPF_FS_MAGIC};
	struct statfs fs;

	if (!nvb_guard("target-file-system"))
		return 0;
	if (fstatfs(fd, &fs) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	for (size_t i = 0; i < NVB_ELEMENTS(kernels_own); i++)
		if (fs.f_type == kernels_own[i])
			return nvb_fail(err, NVB_ERR_PERMISSION,
				"%s: the image leads it into a file system of the kernel", path);
	return 0;
}

static int check_kind(int fd, const char *path, bool directory, nvb_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode) != directory)
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s: the image has a %s there", path,
			directory ? "file" : "directory");
	return 0;
}

int nvb_target_open_parent(const struct nvb_root *root, const char *path, const char **name, nvb_error **err)
{
	_cleanup_close_ int parent =
		nvb_place_open_parent(&(struct nvb_place){.content = root, .top = root}, path, name, err);
	int rc = parent < 0 ? parent : check_file_system(parent, path, err);

	return rc < 0 ? rc : NVB_TAKE_FD(parent);
}

static int make(const struct nvb_root *root, const char *path, bool directory, nvb_error **err)
{
	_cleanup_close_ int parent = -1, file = -1;
	const char *name;

	parent = nvb_target_open_parent(root, path, &name, err);
	if (parent < 0)
		return parent;
	if (directory) {
		if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
			return nvb_fail_errno(err, errno, "%s", path);
		return 0;
	}
	file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (file < 0 && errno == EEXIST)
		return nvb_fail(
			err, NVB_ERR_CONFLICT, "%s: the image has a link there that leads nowhere", path);
	return file < 0 ? nvb_fail_errno(err, errno, "%s", path) : 0;
}

/*
 * Of a container whose root is read-only already (crun makes it so before the hooks, runc after) the mount is
 * closed, not the file system: a clone of it that can be written, seen by nobody else, takes the mount points
 * which the runtime makes there, too.
 */
static int make_behind(const struct nvb_root *root, const char *path, bool directory, nvb_error **err)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	_cleanup_root_ struct nvb_root view = NVB_ROOT_INIT;
	int rc, fd = open_tree(root->fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", root->path);
	rc = nvb_root_from_fd(&view, fd, root->path, err);
	if (rc == 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		rc = nvb_fail_errno(err, errno, "%s", root->path);
	return rc < 0 ? rc : make(&view, path, directory, err);
}

static int make_target(const struct nvb_root *root, const char *path, bool directory, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc = make(root, path, directory, &why);

	if (rc < 0 && nvb_error_errno(why) == EROFS)
		return make_behind(root, path, directory, err);
	if (rc < 0)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	return rc;
}

int nvb_target_open(const struct nvb_root *root, const char *path, bool directory, nvb_error **err)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_PATH, 0);
	int rc = 0;

	if (fd == -ENOENT) {
		rc = make_target(root, path, directory, err);
		if (rc < 0)
			return rc;
		fd = nvb_root_openat(root, path, O_PATH, 0);
	}
	if (fd < 0)
		return nvb_fail_errno(err, -fd, "%s", path);
	rc = check_kind(fd, path, directory, err);
	if (rc == 0)
		rc = check_file_system(fd, path, err);
	return rc < 0 ? rc : NVB_TAKE_FD(fd);
}

int nvb_target_attach(
	const struct nvb_root *root, const char *path, bool directory, int mount, nvb_error **err)
{
	_cleanup_close_ int target = nvb_target_open(root, path, directory, err);
	int rc;

	if (target < 0)
		return target;
	/* Of the root's own mount nvb_enter knows. */
	if (nvb_mount_id(target) != nvb_mount_id(root->fd) &&
		(rc = nvb_shared_mount_check(target, path, err)) < 0)
		return rc;
	if (move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return nvb_fail_errno(err, errno, "mounting over %s", path);
	return 0;
}
