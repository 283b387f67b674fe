/* SPDX-License-Identifier: Apache-2.0 */
#include "base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/walk.h"

/* Where ".." is on the way, a rename anywhere on the host makes the kernel answer EAGAIN. Somebody could do
 * so for ever; the walk then gets there without asking the kernel about "..". */
enum { EAGAIN_TRIES = 32 };

static int open_below(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode : 0,
		/* Today the first refuses magic links as well; openat2(2) promises it of the second alone. */
		.resolve = nvb_guard("in-root") ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS : 0,
	};

	for (int i = 0; i < EAGAIN_TRIES; i++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* A filter answers EPERM where it should say ENOSYS; so may the file system, and then the
		 * walk hears it as well. */
		if (errno == ENOSYS || errno == EPERM)
			return nvb_walk_open(dirfd, path, flags, mode);
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return nvb_walk_open(dirfd, path, flags, mode);
}

int nvb_root_note(const struct nvb_root *root, int rc)
{
	int sys = -rc;

	if (root->trouble && (sys == ENOMEM || sys == EMFILE || sys == ENFILE))
		*root->trouble = sys;
	return rc;
}

static const char *relative(const char *path)
{
	path += strspn(path, "/");
	return *path ? path : ".";
}

int nvb_root_open(struct nvb_root *root, const char *path, nvb_error **err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return nvb_fail_errno(err, errno, "root directory %s", path);
	return nvb_root_from_fd(root, fd, path, err);
}

int nvb_root_from_fd(struct nvb_root *root, int fd, const char *name, nvb_error **err)
{
	size_t len = strlen(name);
	char *path;

	while (len > 1 && name[len - 1] == '/')
		len--;
	path = strndup(name, len);
	if (!path) {
		close(fd);
		return nvb_fail_oom(err);
	}
	*root = (struct nvb_root){.fd = fd, .path = path};
	return 0;
}

void nvb_root_close(struct nvb_root *root)
{
	if (root->fd >= 0)
		close(root->fd);
	free(root->path);
	*root = (struct nvb_root)NVB_ROOT_INIT;
}

int nvb_root_openat(const struct nvb_root *root, const char *path, int flags, mode_t mode)
{
	if (!(flags & O_PATH))
		flags |= O_NONBLOCK | O_NOCTTY;
	return nvb_root_note(root, open_below(root->fd, relative(path), flags, mode));
}

/*
 * Files that the kernel makes up while they are read call themselves regular. Some wait for what will happen
 * and hand it to one reader only (/proc/kmsg, tracing's trace_pipe), and a link of an image may lead to them.
 */
static bool is_made_up(int fd)
{
	static const unsigned types[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		SELINUX_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		BPF_FS_MAGIC,
		EFIVARFS_MAGIC,
		PSTOREFS_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < NVB_ELEMENTS(types); i++)
		if ((unsigned)fs.f_type == types[i])
			return true;
	return false;
}

int nvb_root_find_file(const struct nvb_root *root, const char *path, struct stat *st)
{
	_cleanup_close_ int found = nvb_root_openat(root, path, O_PATH, 0);

	if (found < 0)
		return found;
	if (fstat(found, st) < 0)
		return -errno;
	if (nvb_guard("regular-file") && !S_ISREG(st->st_mode))
		return -EINVAL;
	if (nvb_guard("made-up-file") && is_made_up(found))
		return -EINVAL;
	return NVB_TAKE_FD(found);
}

int nvb_root_open_file(const struct nvb_root *root, const char *path, struct stat *st)
{
	_cleanup_close_ int found = nvb_root_find_file(root, path, st);
	char link[64];
	int fd;

	if (found < 0)
		return found;
	/* The very file that was looked at, whatever its name means by now. O_NONBLOCK: somebody may hold a
	 * lease on it. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | (nvb_guard("non-blocking") ? O_NONBLOCK : 0));
	if (fd < 0)
		return errno == ENOENT ? -EOPNOTSUPP : nvb_root_note(root, -errno);
	return fd;
}

int nvb_root_stat(const struct nvb_root *root, const char *path, bool follow, struct stat *st)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);

	if (fd < 0)
		return fd;
	return fstat(fd, st) < 0 ? -errno : 0;
}

ssize_t nvb_root_readlink(const struct nvb_root *root, const char *path, char *target, size_t size)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_PATH | O_NOFOLLOW, 0);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", target, size);
	if (n < 0)
		return errno == ENOENT ? -EINVAL
				       : -errno; /* the descriptor is not a link: Linux says ENOENT for "" */
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	target[n] = '\0';
	return n;
}

/* Where the kernel says an open file lies, "" prefix removed; fails when it lies outside of (or was moved
 * from) the root. */
static int path_of_fd(const struct nvb_root *root, int fd, char *out, size_t size)
{
	char link[64], base[PATH_MAX], full[PATH_MAX];
	const char *below;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", root->fd);
	n = readlink(link, base, sizeof(base) - 1);
	if (n < 0)
		return -errno;
	base[n] = '\0';
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, full, sizeof(full) - 1);
	if (n < 0)
		return -errno;
	full[n] = '\0';
	below = nvb_streq(base, "/") ? full : nvb_after(full, base);
	if (!below || (*below && *below != '/'))
		return -EXDEV;
	return (size_t)snprintf(out, size, "%s", *below ? below : "/") < size ? 0 : -ENAMETOOLONG;
}

int nvb_root_realpath(const struct nvb_root *root, const char *path, char **resolved, nvb_error **err)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_PATH, 0);
	char buffer[PATH_MAX];
	char *copy;
	int rc;

	if (fd < 0)
		return nvb_fail_errno(err, -fd, "%s", path);
	rc = path_of_fd(root, fd, buffer, sizeof(buffer));
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s", path);
	copy = strdup(buffer);
	if (!copy) {
		nvb_root_note(root, -ENOMEM);
		return nvb_fail_oom(err);
	}
	*resolved = copy;
	return 0;
}

int nvb_root_read(
	const struct nvb_root *root, const char *path, size_t max, char **data, size_t *size, nvb_error **err)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_RDONLY, 0);

	_cleanup_error_ nvb_error *why = NULL;
	int rc;

	if (fd < 0)
		return nvb_fail_errno(err, -fd, "%s", path);
	rc = nvb_file_read_fd(fd, path, max, data, size, &why);
	if (rc < 0) {
		nvb_root_note(root, -nvb_error_errno(why));
		nvb_error_move(err, NVB_TAKE_PTR(why));
	}
	return rc;
}

/* Opens one directory below the root, creating what is missing one part at a time. fd or -errno. */
static int open_directory(const struct nvb_root *root, char *path, bool create)
{
	int fd = open_below(root->fd, relative(path), O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT || !create)
		return fd;
	for (char *p = path + strspn(path, "/");; p++) {
		_cleanup_close_ int parent = -1;
		bool last = *p == '\0';
		const char *name;
		char *slash;

		if (!last && *p != '/')
			continue;
		*p = '\0';
		fd = open_below(root->fd, relative(path), O_PATH | O_DIRECTORY, 0);
		if (fd == -ENOENT) {
			slash = strrchr(path, '/');
			name = slash ? slash + 1 : path;
			if (slash)
				*slash = '\0';
			parent = open_below(root->fd, slash ? relative(path) : ".", O_PATH | O_DIRECTORY, 0);
			if (slash)
				*slash = '/';
			if (parent < 0)
				return parent;
			if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
				return -errno;
			/* Again through the root: what stands there now may be a link somebody raced in. */
			fd = open_below(root->fd, relative(path), O_PATH | O_DIRECTORY, 0);
		}
		if (fd < 0 || last)
			return fd;
		close(fd);
		*p = '/';
	}
}

int nvb_root_open_parent(
	const struct nvb_root *root, const char *path, bool create, const char **name, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	_cleanup_free_ char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	int fd;

	if (!directory)
		return nvb_fail_oom(err);
	if (!*last || nvb_streq(last, ".") || nvb_streq(last, ".."))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: does not end in a file name", path);
	fd = open_directory(root, directory, create);
	if (fd < 0)
		return nvb_fail_errno(err, -fd, "%s", path);
	*name = last;
	return fd;
}

char *nvb_root_host_path(const struct nvb_root *root, const char *path)
{
	char *joined;

	if (nvb_streq(root->path, "/"))
		return strdup(path);
	return asprintf(&joined, "%s%s%s", root->path, *path == '/' ? "" : "/", path) < 0 ? NULL : joined;
}
