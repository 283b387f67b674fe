/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "base/mount_id.h"
#include "base/str.h"

int nvb_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

void nvb_file_open_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
			open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) < 0)
			return;
}

int nvb_file_read_fd(int fd, const char *name, size_t max, char **data, size_t *size, nvb_error **err)
{
	_cleanup_free_ char *buffer = NULL;
	size_t capacity, used = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: not a regular file", name);
	if (st.st_size > 0 && (size_t)st.st_size > max)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: larger than %zu bytes", name, max);
	/* Attributes of /proc and /sys say size 0 (or 4096) whatever they hold: the size is only a first
	 * guess. */
	capacity = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
	for (;;) {
		char *grown;
		ssize_t n;

		if (!buffer || capacity - used < 2) {
			if (buffer)
				capacity *= 2;
			grown = realloc(buffer, capacity + 1);
			if (!grown)
				return nvb_fail_oom(err);
			buffer = grown;
		}
		n = read(fd, buffer + used, capacity - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nvb_fail_errno(err, errno, "reading %s", name);
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max)
			return nvb_fail(err, NVB_ERR_CORRUPT, "%s: larger than %zu bytes", name, max);
	}
	buffer[used] = '\0';
	*data = NVB_TAKE_PTR(buffer);
	if (size)
		*size = used;
	return 0;
}

int nvb_file_read(int dirfd, const char *path, size_t max, char **data, size_t *size, nvb_error **err)
{
	/* O_NONBLOCK: opening a FIFO somebody put there must not hang us; regular files ignore it. */
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	return nvb_file_read_fd(fd, path, max, data, size, err);
}

/* A name beside `path` that nobody can guess; false when it does not fit or there is no randomness. */
static bool temporary_name(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path + 1) : 0;
	uint64_t token;

	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return false;
	return (size_t)snprintf(name, size, "%.*s.nvb-%016llx", dir, path, (unsigned long long)token) < size;
}

struct replacement {
	const void *data;
	size_t size;
	mode_t mode;
	const struct stat *owner; /* NULL: whoever we are */
	bool flush;
};

static int fill(int fd, const struct replacement *by)
{
	int rc = nvb_write_all(fd, by->data, by->size);

	if (rc < 0)
		return rc;
	if ((by->owner && fchown(fd, by->owner->st_uid, by->owner->st_gid) < 0) || fchmod(fd, by->mode) < 0 ||
		(by->flush && fsync(fd) < 0))
		return -errno;
	return 0;
}

static int write_and_rename(int dirfd, const char *path, const struct replacement *by, nvb_error **err)
{
	char temporary[PATH_MAX];
	_cleanup_close_ int fd = -1;
	int rc;

	if (!temporary_name(path, temporary, sizeof(temporary)))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: path too long", path);
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "writing %s", path);
	rc = fill(fd, by);
	if (rc == 0 && renameat(dirfd, temporary, dirfd, path) < 0)
		rc = -errno;
	if (rc < 0) {
		unlinkat(dirfd, temporary, 0);
		return nvb_fail_errno(err, -rc, "writing %s", path);
	}
	return 0;
}

int nvb_file_write(int dirfd, const char *path, const void *data, size_t size, mode_t mode, nvb_error **err)
{
	return write_and_rename(dirfd, path,
		&(struct replacement){.data = data, .size = size, .mode = mode, .flush = true}, err);
}

int nvb_file_write_unflushed(
	int dirfd, const char *path, const void *data, size_t size, mode_t mode, nvb_error **err)
{
	return write_and_rename(
		dirfd, path, &(struct replacement){.data = data, .size = size, .mode = mode}, err);
}

int nvb_file_output(const char *path, const void *data, size_t size, mode_t mode, nvb_error **err)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	_cleanup_close_ int fd = -1;
	struct stat st;
	int rc;

	/* A regular file without a path: /dev/stdout, when its file was removed. */
	if (stat(path, &st) < 0 || (S_ISREG(st.st_mode) && real))
		return nvb_file_write(AT_FDCWD, real ? real : path, data, size, mode, err);
	fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "writing %s", path);
	rc = nvb_write_all(fd, data, size);
	return rc < 0 ? nvb_fail_errno(err, -rc, "writing %s", path) : 0;
}

static int replace(int dirfd, const char *path, const void *data, size_t size, bool flush, nvb_error **err)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_INVALID, "%s is not a regular file", path);
	return write_and_rename(dirfd, path,
		&(struct replacement){
			.data = data, .size = size, .mode = st.st_mode & 07777, .owner = &st, .flush = flush},
		err);
}

int nvb_file_replace(int dirfd, const char *path, const void *data, size_t size, nvb_error **err)
{
	return replace(dirfd, path, data, size, true, err);
}

int nvb_file_replace_unflushed(int dirfd, const char *path, const void *data, size_t size, nvb_error **err)
{
	return replace(dirfd, path, data, size, false, err);
}

int nvb_file_mkdirs(int dirfd, const char *path, mode_t mode, nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;

	if (!copy)
		return nvb_fail_oom(err);
	for (char *p = copy + (*copy == '/');; p++) {
		bool last = *p == '\0';

		if (!last && *p != '/')
			continue;
		*p = '\0';
		if (*copy && mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
			return nvb_fail_errno(err, errno, "creating directory %s", copy);
		if (last)
			break;
		*p = '/';
	}
	if (fstatat(dirfd, path, &st, 0) < 0)
		return nvb_fail_errno(err, errno, "directory %s", path);
	if (!S_ISDIR(st.st_mode))
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s: not a directory", path);
	return 0;
}

/*
 * Removing trees that others made: they may be deeper than we have descriptors or stack for, and something
 * may be mounted inside. A directory deeper than DEEPEST is moved up into the top one and removed from there.
 */
enum { DEEPEST = 48 };

struct removal {
	int top;    /* the directory that is removed, once it is open */
	bool moved; /* something was put into it */
};

static int remove_children(struct removal *removal, int fd, unsigned depth);

static int move_up(struct removal *removal, int dirfd, const char *name)
{
	char unique[64];

	if (!temporary_name("", unique, sizeof(unique)))
		return -EIO;
	if (renameat(dirfd, name, removal->top, unique) < 0)
		return -errno;
	removal->moved = true;
	return 0;
}

/* For kernels and system call filters from before openat2. */
static int open_same_mount(int dirfd, const char *name)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
			    above = -1;
	uint64_t mount;

	if (fd < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	above = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	mount = above < 0 ? 0 : nvb_mount_id(above);
	return mount && nvb_mount_id(fd) == mount ? NVB_TAKE_FD(fd) : -EXDEV;
}

/* A directory for reading; -EXDEV when something is mounted on it, which st_dev alone would not tell of a
 * bind mount. */
static int open_unmounted(int dirfd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_same_mount(dirfd, name);
	return fd < 0 ? -errno : (int)fd;
}

static int remove_entry(struct removal *removal, int dirfd, const char *name, unsigned depth)
{
	int fd, rc;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	rc = -errno;
	if (rc != -EISDIR && rc != -EPERM)
		return rc;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return 0;
	fd = open_unmounted(dirfd, name);
	if (fd == -ENOTDIR)
		return rc; /* a file that may not be removed */
	if (fd < 0)
		return fd;
	if (depth == 0)
		removal->top = fd;
	if (depth >= DEEPEST) {
		close(fd);
		return move_up(removal, dirfd, name);
	}
	rc = remove_children(removal, fd, depth + 1);
	if (rc < 0)
		return rc;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Takes over fd. */
static int remove_children(struct removal *removal, int fd, unsigned depth)
{
	_cleanup_closedir_ DIR *dir = fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	do {
		/* Only the top directory can have got more while it was read. */
		removal->moved = depth == 1 ? false : removal->moved;
		rewinddir(dir);
		while ((errno = 0, entry = readdir(dir))) {
			int rc;

			if (nvb_streq(entry->d_name, ".") || nvb_streq(entry->d_name, ".."))
				continue;
			rc = remove_entry(removal, dirfd(dir), entry->d_name, depth);
			if (rc < 0)
				return rc;
		}
		if (errno)
			return -errno;
	} while (depth == 1 && removal->moved);
	return 0;
}

int nvb_file_remove_tree(int dirfd, const char *path, nvb_error **err)
{
	struct removal removal = {.top = -1};
	_cleanup_free_ char *parent = strdup(path);
	_cleanup_close_ int fd = -1;
	size_t n = strlen(path);
	char *slash, *name;
	int rc;

	if (!parent)
		return nvb_fail_oom(err);
	while (n > 1 && parent[n - 1] == '/')
		parent[--n] = '\0';
	slash = strrchr(parent, '/');
	name = slash ? slash + 1 : parent;
	if (!*name || nvb_streq(name, ".") || nvb_streq(name, ".."))
		return nvb_fail(err, NVB_ERR_INVALID, "removing '%s': does not end in a name", path);
	if (slash) {
		*slash = '\0';
		fd = openat(dirfd, slash == parent ? "/" : parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "removing %s", path);
	}
	rc = remove_entry(&removal, slash ? fd : dirfd, name, 0);
	if (rc == -EXDEV || rc == -EBUSY)
		return nvb_fail(err, NVB_ERR_BUSY, "removing %s: something is mounted in it", path);
	return rc < 0 ? nvb_fail_errno(err, -rc, "removing %s", path) : 0;
}
