/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define LEASES "/run/nvbind/leases"

/* Giving a lease takes well under a millisecond: who holds the lock this long is stopped, or no nvbind. */
enum { LOCK_TRIES = 5000, LOCK_PAUSE_NS = 1000000 };

/* How a kernel shows an owner who has no number in this user namespace (user_namespaces(7)); on a host it is
 * the user who owns nothing. */
enum { OVERFLOW_UID = 65534 };

void nvb_lease_place_close(struct nvb_lease_place *place)
{
	nvb_closep(&place->directory);
	nvb_closep(&place->records);
	nvb_closep(&place->devices);
	nvb_closep(&place->lock);
	free(place->path);
	*place = (struct nvb_lease_place)NVB_LEASE_PLACE_INIT;
}

static bool may_not(int code)
{
	return code == EACCES || code == EPERM || code == EROFS;
}

/* Everybody may look, whatever umask the engine has that runs us. */
static int open_public(int at, const char *name, bool make)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd < 0 ? -errno : fd;
	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0755) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Through the path module: the root may be a simulated machine's or a driver container's. */
static int open_directory(const struct nvb_root *root, bool make)
{
	_cleanup_close_ int parent = -1;
	const char *name;
	int fd = nvb_root_openat(root, LEASES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	nvb_error *why = NULL;

	if (fd != -ENOENT || !make)
		return fd;
	parent = nvb_root_open_parent(root, LEASES, true, &name, &why);
	fd = parent < 0 ? nvb_error_errno(why) : 0;
	nvb_error_free(why);
	if (parent < 0)
		return fd ? -fd : -EIO;
	if (fchmodat(parent, ".", 0755, 0) < 0)
		return -errno;
	return open_public(parent, name, true);
}

static int check_owner(const struct nvb_lease_place *place, nvb_error **err)
{
	struct stat st;
	int rc;

	if (fstat(place->directory, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", place->path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
		(st.st_uid == 0 || st.st_uid == geteuid() || st.st_uid == OVERFLOW_UID))
		return 0;
	rc = nvb_fail(err, NVB_ERR_PERMISSION, "%s: leases there can be forged, others than root may write",
		place->path);
	return nvb_hint(err, rc, "remove it; it is made anew");
}

static int open_parts(struct nvb_lease_place *place, bool make, nvb_error **err)
{
	if (make) {
		place->lock =
			openat(place->directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (place->lock < 0 && !may_not(errno))
			return nvb_fail_errno(err, errno, "%s/lock", place->path);
	}
	place->writable = place->lock >= 0;
	place->records = open_public(place->directory, "records", place->writable);
	place->devices = open_public(place->directory, "devices", place->writable);
	if (!place->writable && (place->records == -ENOENT || place->devices == -ENOENT))
		place->absent = true; /* its maker has not come so far */
	else if (place->records < 0)
		return nvb_fail_errno(err, -place->records, "%s/records", place->path);
	else if (place->devices < 0)
		return nvb_fail_errno(err, -place->devices, "%s/devices", place->path);
	return 0;
}

int nvb_lease_place_open(const struct nvb_root *root, bool make, struct nvb_lease_place *out, nvb_error **err)
{
	_cleanup_(nvb_lease_place_close) struct nvb_lease_place place = NVB_LEASE_PLACE_INIT;
	int rc;

	place.path = nvb_root_host_path(root, LEASES);
	if (!place.path)
		return nvb_fail_oom(err);
	place.directory = open_directory(root, make);
	if (place.directory == -ENOENT || (make && may_not(-place.directory)))
		place.absent = true;
	else if (place.directory < 0)
		return nvb_fail_errno(err, -place.directory, "%s", place.path);
	rc = place.absent ? 0 : check_owner(&place, err);
	if (rc == 0 && !place.absent)
		rc = open_parts(&place, make, err);
	if (rc < 0)
		return rc;
	*out = place;
	place = (struct nvb_lease_place)NVB_LEASE_PLACE_INIT;
	return 0;
}

int nvb_lease_place_lock(struct nvb_lease_place *place, nvb_error **err)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
	int rc;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(place->lock, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return nvb_fail_errno(err, errno, "%s/lock", place->path);
		nanosleep(&pause, NULL);
	}
	rc = nvb_fail(err, NVB_ERR_BUSY, "%s/lock is held by another process all the time", place->path);
	return nvb_hint(err, rc, "'fuser %s/lock' says which; it may be stopped", place->path);
}

void nvb_lease_place_unlock(struct nvb_lease_place *place)
{
	flock(place->lock, LOCK_UN);
}

int nvb_lease_place_read(const struct nvb_lease_place *place, const char *name,
	struct nvb_lease_record *record, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int rc = nvb_file_read(place->records, name, NVB_LEASE_RECORD_MAX, &text, NULL, err);

	if (rc == 0)
		rc = nvb_lease_record_parse(text, record, err);
	return rc < 0 ? nvb_wrap(err, rc, "lease %s/records/%s", place->path, name) : 0;
}

int nvb_lease_place_write(const struct nvb_lease_place *place, const char *name,
	const struct nvb_lease_record *record, nvb_error **err)
{
	_cleanup_free_ char *text = nvb_lease_record_format(record);
	_cleanup_close_ int fd = -1;
	char draft[NVB_LEASE_NAME + 2];
	int rc;

	if (!text)
		return nvb_fail_oom(err);
	snprintf(draft, sizeof(draft), ".%s", name);
	/* Never flushed: it means nothing after a reboot. */
	fd = openat(place->records, draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	rc = fd < 0 ? -errno : fchmod(fd, 0644) < 0 ? -errno : nvb_write_all(fd, text, strlen(text));
	if (rc == 0 && renameat(place->records, draft, place->records, name) < 0)
		rc = -errno;
	if (rc == 0)
		return 0;
	unlinkat(place->records, draft, 0);
	return nvb_fail_errno(err, -rc, "lease %s/records/%s", place->path, name);
}

int nvb_lease_place_names(const struct nvb_lease_place *place, bool locked, char ***out, nvb_error **err)
{
	_cleanup_strv_ char **names = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	/* Of its own: a descriptor has one place in the directory. */
	int fd = openat(place->records, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = errno;

		nvb_closep(&fd);
		return nvb_fail_errno(err, code, "%s/records", place->path);
	}
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.') {
			if (locked && !nvb_streq(entry->d_name, ".") && !nvb_streq(entry->d_name, ".."))
				unlinkat(place->records, entry->d_name, 0);
		} else if (!nvb_strv_add(&names, entry->d_name)) {
			return nvb_fail_oom(err);
		}
	}
	*out = NVB_TAKE_PTR(names);
	return 0;
}
