/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* What is made of the file's bytes, and would be wrong for other ones. */
static bool is_of_content(const char *name)
{
	return nvb_streq(name, "security.ima") || nvb_streq(name, "security.evm");
}

/* The new file may have it already, from its directory: then it does not matter that we may not set it. */
static bool has_already(int fd, const char *name, const void *value, size_t size)
{
	_cleanup_free_ char *there = malloc(size + 1);

	return there && fgetxattr(fd, name, there, size + 1) == (ssize_t)size &&
	       memcmp(there, value, size) == 0;
}

static int copy_attribute(int from, int to, const char *name)
{
	ssize_t size = fgetxattr(from, name, NULL, 0);
	_cleanup_free_ char *value = size >= 0 ? malloc((size_t)size + 1) : NULL;
	int rc;

	if (size >= 0 && !value)
		return -ENOMEM;
	if (size >= 0)
		size = fgetxattr(from, name, value, (size_t)size);
	if (size < 0)
		return errno == ENODATA ? 0 : -errno;
	if (fsetxattr(to, name, value, (size_t)size, 0) == 0)
		return 0;
	rc = -errno;
	return has_already(to, name, value, (size_t)size) ? 0 : rc;
}

static int copy_attributes(int from, int to)
{
	ssize_t size = flistxattr(from, NULL, 0);
	_cleanup_free_ char *names = NULL;

	if (size <= 0)
		return size == 0 || errno == ENOTSUP ? 0 : -errno;
	names = malloc((size_t)size);
	if (!names)
		return -ENOMEM;
	size = flistxattr(from, names, (size_t)size);
	for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
		int rc = is_of_content(name) ? 0 : copy_attribute(from, to, name);

		if (rc < 0)
			return rc;
	}
	return size < 0 ? -errno : 0;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The new file as the old one was: owner first, since a change of it clears bits of the mode. */
static int make_alike(int fd, const char *path, const struct stat *seen)
{
	_cleanup_close_ int old = -1;
	struct stat now;

	if (!seen)
		return fchmod(fd, 0644) < 0 ? -errno : 0;
	old = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (old < 0 || fstat(old, &now) < 0)
		return -errno;
	if (!is_unchanged(seen, &now))
		return -EBUSY;
	if ((now.st_uid != geteuid() || now.st_gid != getegid()) && fchown(fd, now.st_uid, now.st_gid) < 0)
		return -errno;
	if (fchmod(fd, now.st_mode & 07777) < 0)
		return -errno;
	return copy_attributes(old, fd);
}

/* The rename is on the disk once its directory is. */
static int flush_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory = strndup(path, slash > path ? (size_t)(slash - path) : 1);
	_cleanup_close_ int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_beside(int fd, const char *temporary, const char *path, const struct stat *seen,
	const void *data, size_t size)
{
	int rc = nvb_write_all(fd, data, size);

	if (rc == 0)
		rc = make_alike(fd, path, seen);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	/* A file that has come to be in the meantime is not ours to replace. */
	if (rc == 0 && renameat2(AT_FDCWD, temporary, AT_FDCWD, path, seen ? 0 : RENAME_NOREPLACE) < 0)
		rc = -errno;
	return rc;
}

int engine_replace(const char *path, const struct stat *seen, const void *data, size_t size, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -1;
	uint64_t token;
	int rc;

	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "writing %s", path);
	if (asprintf(&temporary, "%.*s/.nvb-%016llx", (int)(slash - path), path, (unsigned long long)token) <
		0) {
		temporary = NULL;
		return nvb_fail_oom(err);
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "writing %s", path);
	rc = write_beside(fd, temporary, path, seen, data, size);
	if (rc < 0)
		unlink(temporary);
	if (rc == -EBUSY || rc == -EEXIST) {
		rc = nvb_fail(err, NVB_ERR_BUSY, "%s was changed by somebody else just now", path);
		return nvb_hint(err, rc, "run the command again");
	}
	if (rc == 0)
		rc = flush_directory(path);
	return rc < 0 ? nvb_fail_errno(err, -rc, "writing %s", path) : 0;
}

int engine_missing_directories(const char *path, char ***missing, nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_strv_ char **found = NULL;
	struct stat st;

	if (!copy)
		return nvb_fail_oom(err);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(copy, &st) < 0) {
			if (errno != ENOENT)
				return nvb_fail_errno(err, errno, "%s", copy);
			if (!nvb_strv_add(&found, copy))
				return nvb_fail_oom(err);
		} else if (!S_ISDIR(st.st_mode)) {
			return nvb_fail(err, NVB_ERR_CONFLICT, "%s is not a directory", copy);
		}
		*slash = '/';
	}
	*missing = NVB_TAKE_PTR(found);
	return 0;
}
