/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/mem.h"
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

static int write_and_rename(int dirfd, const char *path, const char *temporary, const void *data, size_t size,
	mode_t mode, nvb_error **err)
{
	_cleanup_close_ int fd =
		openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return nvb_fail_errno(err, errno, "writing %s", path);
	rc = nvb_write_all(fd, data, size);
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
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
	char temporary[PATH_MAX];

	if (!temporary_name(path, temporary, sizeof(temporary)))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: path too long", path);
	return write_and_rename(dirfd, path, temporary, data, size, mode, err);
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

static int remove_children(int fd, dev_t device);

static int remove_entry(int dirfd, const char *name, dev_t device)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM && errno != EBUSY)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (device != (dev_t)-1 && st.st_dev != device)
		return -EXDEV;
	if (remove_children(fd, st.st_dev) < 0)
		return -errno;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_children(int fd, dev_t device)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	const struct dirent *entry;

	if (copy < 0)
		return -1;
	dir = fdopendir(copy);
	if (!dir) {
		close(copy);
		return -1;
	}
	while ((errno = 0, entry = readdir(dir))) {
		int rc;

		if (nvb_streq(entry->d_name, ".") || nvb_streq(entry->d_name, ".."))
			continue;
		rc = remove_entry(fd, entry->d_name, device);
		if (rc < 0) {
			errno = -rc;
			return -1;
		}
	}
	return errno ? -1 : 0;
}

int nvb_file_remove_tree(int dirfd, const char *path, nvb_error **err)
{
	int rc = remove_entry(dirfd, path, (dev_t)-1);

	return rc < 0 ? nvb_fail_errno(err, -rc, "removing %s", path) : 0;
}
