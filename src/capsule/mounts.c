/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/mem.h"
#include "base/str.h"

/* The C library has the newer ones from 2.36 on only, and its header cannot stand beside the kernel's. */
static int sys_mount(
	const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	return (int)syscall(SYS_mount, source, target, type, flags, data);
}

static int sys_fsconfig(int fs, unsigned command, const char *key, const void *value)
{
	return (int)syscall(SYS_fsconfig, fs, command, key, value, 0);
}

/*
 * Where cgroup v1 and v2 stand side by side, crun refuses to run if it sees the v2 mount (there is nothing in
 * it: the controllers are v1's); where that was taken away and its directory is left, it fills the directory
 * with files nobody removes. Covered by an empty directory in this namespace, the host is plain v1.
 */
static int hide_hybrid_cgroup(nvb_error **err)
{
	static const char root[] = "/sys/fs/cgroup", unified[] = "/sys/fs/cgroup/unified";
	struct statfs fs;

	if (statfs(root, &fs) < 0 || fs.f_type == CGROUP2_SUPER_MAGIC || access(unified, F_OK) < 0)
		return 0;
	if (sys_mount("none", unified, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755") < 0)
		return nvb_fail_errno(err, errno, "covering %s", unified);
	return 0;
}

int nvb_mounts_private(const char *workspace, nvb_error **err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return nvb_fail_errno(err, errno, "making a mount namespace");
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return nvb_fail_errno(err, errno, "detaching the mount namespace");
	/* The container writes /etc/hosts and its like there: bounded, or it could fill the host's memory. */
	if (sys_mount("bolt", workspace, "tmpfs", MS_NOSUID | MS_NODEV, "mode=711,size=64m") < 0)
		return nvb_fail_errno(err, errno, "mounting a tmpfs at %s", workspace);
	return hide_hybrid_cgroup(err);
}

/* What the kernel wrote into the configuration context's log about the last failure, "e " taken off. */
static void last_message(int fs, char *text, size_t size)
{
	ssize_t n = read(fs, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (n > 2 && text[1] == ' ')
		memmove(text, text + 2, strlen(text + 2) + 1);
}

static int set_string(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value);
}

/*
 * A directory as a value: fsconfig(2) takes 255 characters, and upperdir and workdir read backslashes as
 * escapes. A path that would not arrive as it is goes through its open descriptor.
 */
static int set_directory(int fs, const char *key, const char *path)
{
	char through[32];
	_cleanup_close_ int fd = -1;

	if (strlen(path) < 256 && !strpbrk(path, "\\,:"))
		return set_string(fs, key, path);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	snprintf(through, sizeof(through), "/proc/self/fd/%d", fd);
	return set_string(fs, key, through);
}

static int configure(int fs, const struct nvb_overlay *overlay)
{
	for (size_t i = 0; i < overlay->lower_count; i++)
		if (set_directory(fs, "lowerdir+", overlay->lower[i]) < 0)
			return -1;
	if (overlay->upper && (set_directory(fs, "upperdir", overlay->upper) < 0 ||
				      set_directory(fs, "workdir", overlay->work) < 0))
		return -1;
	if (overlay->upper && overlay->discard && sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL) < 0)
		return -1;
	if (overlay->user && sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL) < 0)
		return -1;
	return sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
}

/* Kernels before 6.7 take all lower directories as one string of at most a page: short names through open
 * descriptors make room for some 200. */
static int mount_by_string(const struct nvb_overlay *overlay, const char *target, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf options = {0};
	int fds[512];
	size_t count = 0;
	int rc = 0, failed = 0;

	nvb_sb_add(&options, "lowerdir=");
	for (; count < overlay->lower_count && count < NVB_ELEMENTS(fds) - 2; count++) {
		fds[count] = open(overlay->lower[count], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[count] < 0) {
			failed = errno;
			break;
		}
		nvb_sb_addf(&options, "%s/proc/self/fd/%d", count ? ":" : "", fds[count]);
	}
	if (!failed && overlay->upper) {
		int upper = open(overlay->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
		int work = open(overlay->work, O_PATH | O_DIRECTORY | O_CLOEXEC);

		failed = upper < 0 || work < 0 ? errno : 0;
		nvb_sb_addf(&options, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d%s", upper, work,
			overlay->discard ? ",volatile" : "");
		fds[count++] = upper;
		fds[count++] = work;
	}
	if (overlay->user)
		nvb_sb_add(&options, ",userxattr");
	if (options.failed)
		rc = nvb_fail_oom(err);
	else if (failed)
		rc = nvb_fail_errno(err, failed, "opening the layers");
	else if (overlay->lower_count > NVB_ELEMENTS(fds) - 2 || options.len >= 4096)
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"%zu layers are more than this kernel mounts (before 6.7)", overlay->lower_count);
	else if (sys_mount("overlay", target, "overlay", overlay->upper ? 0 : MS_RDONLY, options.s) < 0)
		rc = nvb_fail_errno(err, errno, "mounting the overlay");
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return rc;
}

/* Before 6.5 overlayfs takes options the old way, where the kernel gathers all it is told into one string and
 * says no more than EINVAL in the end, and a complaint in its log for each start. */
static bool is_older_kernel(void)
{
	unsigned major, minor;
	struct utsname name;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 5));
}

int nvb_overlay_mount(const struct nvb_overlay *overlay, const char *target, nvb_error **err)
{
	const bool older = is_older_kernel();
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	_cleanup_close_ int mnt = -1;
	char why[256];

	if (fs < 0 && errno == ENOSYS)
		return mount_by_string(overlay, target, err);
	if (fs < 0 && errno == EPERM && overlay->user)
		return nvb_hint(err, nvb_fail_errno(err, errno, "overlay file system without root"),
			"Linux 5.11 is the first that allows it");
	if (fs < 0)
		return nvb_hint(err, nvb_fail_errno(err, errno, "overlay file system"),
			"load it with 'modprobe overlay'");
	if (older)
		return mount_by_string(overlay, target, err);
	if (configure(fs, overlay) < 0) {
		int failed = errno;

		last_message(fs, why, sizeof(why));
		/* What 6.5 and 6.6 say of it. */
		if (failed == EINVAL && strstr(why, "lowerdir+"))
			return mount_by_string(overlay, target, err);
		return nvb_fail_errno(err, failed, "mounting the overlay%s%s", *why ? ": " : "", why);
	}
	mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, overlay->upper ? 0 : MOUNT_ATTR_RDONLY);
	if (mnt < 0 || syscall(SYS_move_mount, mnt, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return nvb_fail_errno(err, errno, "mounting the overlay at %s", target);
	return 0;
}
