/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/record.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/images.h"

void nvb_unpack_sweep(const char *data)
{
	_cleanup_closedir_ DIR *dir = opendir(data);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_close_ int fd = -1;

		if (!nvb_after(entry->d_name, "restoring-"))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			nvb_file_remove_tree(dirfd(dir), entry->d_name, NULL);
	}
}

/* A directory beside the capsule's files: fd. */
static int make_directory(const struct nvb_unpacking *u, const char *name, mode_t mode, nvb_error **err)
{
	int fd = mkdirat(u->lock, name, mode);

	if (fd == 0)
		fd = openat(u->lock, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? nvb_fail_errno(err, errno, "%s/%s", u->directory, name) : fd;
}

static int make_place(struct nvb_unpacking *u, const struct nvb_snapshot_manifest *manifest, nvb_error **err)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < manifest->tree_count; i++)
		if (nvb_streq0(manifest->trees[i].name, NVB_CHECKPOINT_PROCESSES))
			bytes = manifest->trees[i].bytes;
	u->large = nvb_images_are_large(bytes);
	u->images = nvb_images_in_memory(bytes);
	if (u->images < 0)
		u->images = make_directory(u, NVB_CHECKPOINT_PROCESSES, 0700, err);
	return u->images < 0 ? u->images : 0;
}

static int extract_files(const struct nvb_unpacking *u, nvb_snapshot *snapshot, nvb_error **err)
{
	_cleanup_close_ int fd = make_directory(u, NVB_CHECKPOINT_UPPER, 0755, err);

	return fd < 0 ? fd : nvb_snapshot_extract(snapshot, NVB_CHECKPOINT_UPPER, fd, err);
}

/*
 * The images name the control groups, "/bolt/<id>", that the processes are put into again. Those of a new
 * capsule are other ones; ids are all of one length, so no other byte of the message changes.
 */
static int move_groups(const struct nvb_unpacking *u, const char *id,
	const struct nvb_snapshot_manifest *manifest, nvb_error **err)
{
	static const char name[] = "cgroup.img";
	_cleanup_free_ char *image = NULL;
	char *rest, *found;
	size_t size, n = strlen(id);
	int rc;

	if (nvb_streq(id, manifest->capsule))
		return 0;
	if (!nvb_record_is_id(manifest->capsule))
		return nvb_fail(err, NVB_ERR_CORRUPT, "'%s' is no capsule's id", manifest->capsule);
	rc = nvb_file_read(u->images, name, 16 << 20, &image, &size, err);
	if (rc < 0)
		return rc;
	rest = image;
	while ((found = memmem(rest, size - (size_t)(rest - image), manifest->capsule, n))) {
		memcpy(found, id, n);
		rest = found + n;
	}
	return nvb_file_write_unflushed(u->images, name, image, size, 0600, err);
}

int nvb_unpack_files(struct nvb_unpacking *u, nvb_snapshot *snapshot, const char *data, nvb_error **err)
{
	int rc;

	nvb_unpack_sweep(data);
	if (asprintf(&u->directory, "%s/restoring-XXXXXX", data) < 0) {
		u->directory = NULL;
		return nvb_fail_oom(err);
	}
	if (!mkdtemp(u->directory))
		return nvb_fail_errno(err, errno, "%s", u->directory);
	u->lock = open(u->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->lock < 0 || flock(u->lock, LOCK_EX) < 0)
		return nvb_fail_errno(err, errno, "%s", u->directory);
	rc = make_place(u, nvb_snapshot_manifest(snapshot), err);
	if (rc == 0 && nvb_snapshot_has_tree(snapshot, NVB_CHECKPOINT_UPPER))
		rc = extract_files(u, snapshot, err);
	return rc;
}

int nvb_unpack_images(const struct nvb_unpacking *u, nvb_snapshot *snapshot, const char *id, nvb_error **err)
{
	int rc;

	/* The start comes to need them about when one processor has done it. */
	if (!u->large)
		nvb_snapshot_spare_processor(snapshot);
	rc = nvb_snapshot_extract(snapshot, NVB_CHECKPOINT_PROCESSES, u->images, err);
	if (rc == 0)
		rc = move_groups(u, id, nvb_snapshot_manifest(snapshot), err);
	return rc;
}

void nvb_unpacking_release(struct nvb_unpacking *u)
{
	if (u->directory)
		nvb_file_remove_tree(AT_FDCWD, u->directory, NULL);
	free(u->directory);
	nvb_closep(&u->lock);
	nvb_closep(&u->images);
}
