/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"

/* The cache file: where it is, whose it must be, when it is believed. cache_format.c has its bytes. */

enum { CACHE_MAX = 8 * 1024 * 1024, NAME_SIZE = 64 };

/* Caches of other roots than the host's carry a hash of them in their name; the content says it again. */
static void file_name(const struct nvb_roots *roots, char name[NAME_SIZE])
{
	const char *const paths[] = {roots->driver.path, roots->dev.path, roots->proc.path, roots->sys.path};
	uint64_t hash = NVB_HASH_START;
	bool host = !roots->library_path;

	for (size_t i = 0; i < NVB_ELEMENTS(paths); i++) {
		host = host && nvb_streq(paths[i], "/");
		hash = nvb_hash(hash, paths[i], strlen(paths[i]) + 1);
	}
	nvb_strv_foreach (path, roots->library_path)
		hash = nvb_hash(hash, *path, strlen(*path) + 1);
	if (host)
		snprintf(name, NAME_SIZE, "inventory");
	else
		snprintf(name, NAME_SIZE, "inventory-%016" PRIx64, hash);
}

/* A file that somebody else could have written decides what is mounted into containers: never. */
static int check_owner(int fd, const char *what, nvb_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", what);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return nvb_fail(
			err, NVB_ERR_PERMISSION, "%s: others than root and this user may write it", what);
	return 0;
}

static int read_file(const char *directory, const char *name, char **data, size_t *size, nvb_error **err)
{
	_cleanup_close_ int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_close_ int fd = -1;
	int rc;

	if (dir < 0)
		return nvb_fail_errno(err, errno, "%s", directory);
	rc = check_owner(dir, directory, err);
	if (rc < 0)
		return rc;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s/%s", directory, name);
	rc = check_owner(fd, name, err);
	return rc < 0 ? rc : nvb_file_read_fd(fd, name, CACHE_MAX, data, size, err);
}

int nvb_cache_read(struct nvb_inventory *inventory, const char *directory, nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	struct nvb_inventory read = {0};
	char name[NAME_SIZE];
	size_t size = 0;
	int rc;

	file_name(&inventory->roots, name);
	rc = read_file(directory, name, &data, &size, err);
	if (rc < 0)
		return rc;
	read.roots = inventory->roots; /* lent: decoding compares them */
	rc = nvb_cache_decode(&read, data, size, err);
	if (rc == 0 && !nvb_fingerprint_holds(&read.fingerprint, &inventory->roots))
		rc = nvb_fail(err, NVB_ERR_STALE, "something has changed since it was written");
	if (rc < 0) {
		nvb_fingerprint_release(&read.fingerprint);
		nvb_arena_release(&read.arena);
		return nvb_wrap(err, rc, "%s/%s", directory, name);
	}
	read.cache_directory = inventory->cache_directory;
	read.from_cache = true;
	*inventory = read;
	return 0;
}

int nvb_cache_write(const struct nvb_inventory *inventory, const char *directory, nvb_error **err)
{
	_cleanup_close_ int dir = -1;
	_cleanup_free_ char *data = NULL;
	char name[NAME_SIZE];
	size_t size;
	int rc = nvb_file_mkdirs(AT_FDCWD, directory, 0755, err);

	if (rc < 0)
		return rc;
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return nvb_fail_errno(err, errno, "%s", directory);
	rc = check_owner(dir, directory, err);
	if (rc == 0)
		rc = nvb_cache_encode(inventory, &data, &size, err);
	if (rc < 0)
		return rc;
	file_name(&inventory->roots, name);
	/* Root's is for everybody to read: rootless engines save the same time. */
	return nvb_file_write(dir, name, data, size, geteuid() == 0 ? 0644 : 0600, err);
}
