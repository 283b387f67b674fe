/* SPDX-License-Identifier: Apache-2.0 */
#include "knob/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"

#define KNOBS "/var/lib/nvbind/knobs"

/* "0000:01:00.0-power-limit" */
enum { NAME_SIZE = 128 };

void nvb_knob_place_close(struct nvb_knob_place *place)
{
	nvb_closep(&place->directory);
	nvb_closep(&place->lock);
	free(place->path);
	*place = (struct nvb_knob_place)NVB_KNOB_PLACE_INIT;
}

/* Through the path module: the root may be a simulated machine's. */
static int open_directory(const struct nvb_root *root, bool make, nvb_error **err)
{
	_cleanup_close_ int parent = -1;
	const char *name;
	int fd = nvb_root_openat(root, KNOBS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd != -ENOENT || !make)
		return fd;
	parent = nvb_root_open_parent(root, KNOBS, true, &name, err);
	if (parent < 0)
		return -EACCES;
	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What is in there is done as root: nobody else may have written it. */
static int check_owner(const struct nvb_knob_place *place, nvb_error **err)
{
	struct stat st;

	if (fstat(place->directory, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", place->path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()))
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_PERMISSION,
			"%s: records of knobs can be forged there, others than root may write", place->path),
		"look what is in it, then remove it; it is made anew");
}

int nvb_knob_place_open(const struct nvb_root *root, bool make, struct nvb_knob_place *out, nvb_error **err)
{
	_cleanup_knob_place_ struct nvb_knob_place place = NVB_KNOB_PLACE_INIT;
	int rc;

	place.path = nvb_root_host_path(root, KNOBS);
	if (!place.path)
		return nvb_fail_oom(err);
	rc = open_directory(root, make, NULL);
	if (rc < 0 && rc != -ENOENT)
		return nvb_fail_errno(err, -rc, "%s", place.path);
	place.directory = rc < 0 ? -1 : rc;
	rc = place.directory >= 0 ? check_owner(&place, err) : 0;
	if (rc == 0 && make) {
		place.lock = openat(place.directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		/* Held for as long as a driver needs to turn a knob. */
		if (place.lock < 0 || flock(place.lock, LOCK_EX) < 0)
			rc = nvb_fail_errno(err, errno, "%s/lock", place.path);
	}
	if (rc < 0)
		return rc;
	*out = place;
	place = (struct nvb_knob_place)NVB_KNOB_PLACE_INIT;
	return 0;
}

int nvb_knob_place_names(const struct nvb_knob_place *place, char ***names, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_strv_ char **list = NULL;
	const struct dirent *entry;
	int fd =
		place->directory < 0 ? -1 : openat(place->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.' && !nvb_streq(entry->d_name, "lock") &&
			!nvb_strv_add(&list, entry->d_name))
			return nvb_fail_oom(err);
	*names = NVB_TAKE_PTR(list);
	return 0;
}

static void name_of(enum nvb_knob knob, const char *device, char name[static NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s-%s", device, nvb_knob_names[knob]);
}

int nvb_knob_place_read(
	const struct nvb_knob_place *place, const char *name, struct nvb_knob_record *record, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int rc;

	if (place->directory < 0)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "%s: there is none", place->path);
	rc = nvb_file_read(place->directory, name, NVB_KNOB_RECORD_MAX, &text, NULL, err);
	if (rc == 0)
		rc = nvb_knob_record_parse(text, record, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s/%s", place->path, name) : 0;
}

int nvb_knob_place_find(const struct nvb_knob_place *place, enum nvb_knob knob, const char *device,
	struct nvb_knob_record *record, nvb_error **err)
{
	char name[NAME_SIZE];

	name_of(knob, device, name);
	return nvb_knob_place_read(place, name, record, err);
}

static int sync_directory(const struct nvb_knob_place *place, nvb_error **err)
{
	return fsync(place->directory) < 0 ? nvb_fail_errno(err, errno, "%s", place->path) : 0;
}

int nvb_knob_place_write(
	const struct nvb_knob_place *place, const struct nvb_knob_record *record, nvb_error **err)
{
	_cleanup_free_ char *text = nvb_knob_record_format(record);
	char name[NAME_SIZE];
	int rc;

	if (!text)
		return nvb_fail_oom(err);
	name_of(record->knob, record->device, name);
	rc = nvb_file_write(place->directory, name, text, strlen(text), 0644, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s", place->path) : sync_directory(place, err);
}

int nvb_knob_place_remove(
	const struct nvb_knob_place *place, const struct nvb_knob_record *record, nvb_error **err)
{
	char name[NAME_SIZE];

	name_of(record->knob, record->device, name);
	if (unlinkat(place->directory, name, 0) < 0 && errno != ENOENT)
		return nvb_fail_errno(err, errno, "%s/%s", place->path, name);
	return sync_directory(place, err);
}
