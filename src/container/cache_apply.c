/* SPDX-License-Identifier: Apache-2.0 */
#include "container/cache_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/log.h"
#include "container/cache_merge.h"
#include "container/compat.h"
#include "container/libraries.h"
#include "container/mount_file.h"
#include "container/replace.h"

#define CACHE_PATH "etc/ld.so.cache"

/* A large desktop has 300 KiB; parsing more than this is work for a hostile image only. */
enum { CACHE_INPUT_MAX = 2 * 1024 * 1024 };

struct old_cache {
	struct nvb_ldcache parsed;
	bool present; /* a file that we may replace */
	bool usable;  /* parsed */
	struct stat st;
	char *bytes; /* a copy is not made: what was read, for as long as it is not parsed */
};

static void release(struct old_cache *old)
{
	nvb_ldcache_release(&old->parsed);
	free(old->bytes);
}

/*
 * Reads the image's cache. 0 with or without one; a negated code when there is something that must stay as it
 * is.
 */
static int read_old(
	struct old_cache *old, const struct nvb_root *root, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_close_ int fd = nvb_root_open_file(root, CACHE_PATH, &old->st);
	size_t size;
	int rc;

	if (fd == -ENOENT)
		return 0;
	if (fd == -EINVAL)
		return nvb_fail(err, NVB_ERR_CORRUPT, CACHE_PATH ": not a regular file");
	if (fd < 0)
		return nvb_fail_errno(err, -fd, CACHE_PATH);
	rc = nvb_file_read_fd(fd, CACHE_PATH, nvb_guard("cache-size") ? CACHE_INPUT_MAX : SIZE_MAX,
		&old->bytes, &size, err);
	if (rc < 0)
		return rc;
	old->present = true;
	rc = nvb_ldcache_parse(&old->parsed, old->bytes, size, &why);
	if (rc == -NVB_ERR_CORRUPT) {
		/* ld.so ignores such a file whole, so nothing is lost with it. */
		nvb_warning(log, CACHE_PATH " is damaged and made anew: %s", nvb_error_message(why));
		return 0;
	}
	if (rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	old->bytes = NULL;
	old->usable = true;
	return 0;
}

/* Opened anew, it is looked at anew: in a volume that others write to it may lead into /proc by now, where
 * the runtime goes on writing after us. */
static int cover(const struct nvb_root *root, const char *data, size_t size, nvb_error **err)
{
	struct stat st;
	_cleanup_close_ int target = nvb_root_find_file(root, CACHE_PATH, &st);

	if (target == -EINVAL)
		return nvb_fail(err, NVB_ERR_CORRUPT, CACHE_PATH ": not a regular file any more");
	return target < 0 ? nvb_fail_errno(err, -target, "mounting over " CACHE_PATH)
			  : nvb_mount_file(root, target, CACHE_PATH, data, size, err);
}

static int write_new(const struct nvb_place *place, const struct nvb_container_work *work,
	const struct old_cache *old, const char *data, size_t size, const struct nvb_log *log,
	nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc = nvb_replace_file(place, CACHE_PATH, data, size, old->present ? &old->st : NULL, &why);

	/* A read-only root, or a cache in a volume. */
	if (rc == -NVB_ERR_PERMISSION && work->may_mount && old->present) {
		nvb_debug(log, CACHE_PATH " becomes a mount: %s", nvb_error_message(why));
		return cover(place->top, data, size, err);
	}
	if (rc < 0)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	return rc;
}

static int merge(const struct nvb_place *place, const struct nvb_container_work *work,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_(release) struct old_cache old = {.present = false};
	_cleanup_libraries_ struct nvb_libraries ours = {0};
	const struct nvb_ldcache *parsed;
	_cleanup_free_ char *data = NULL;
	size_t size;
	int rc = read_old(&old, place->content, log, err);

	if (rc < 0)
		return rc;
	parsed = old.usable ? &old.parsed : NULL;
	if (work->compat_driver)
		rc = nvb_compat_find(place->content, work->compat_driver, &ours, log, err);
	if (rc == 0)
		rc = work->libraries ? nvb_libraries_known(work, &ours, log, err)
				     : nvb_libraries_find(place->content, work->directories,
					       work->directory_count, parsed, &ours, log, err);
	if (rc == 0)
		rc = nvb_libraries_add_links(&ours, work->links, work->link_count, err);
	if (rc == 0 && ours.count == 0) {
		nvb_info(log, "no libraries to add to " CACHE_PATH);
		return 0;
	}
	if (rc == 0)
		rc = nvb_cache_merge(parsed, ours.entries, ours.count, &data, &size, err);
	if (rc < 0)
		return rc;
	nvb_debug(log, CACHE_PATH ": %zu libraries added to %zu", ours.count, parsed ? parsed->count : 0);
	if (parsed && parsed->size == size && memcmp(parsed->data, data, size) == 0)
		return 0;
	return write_new(place, work, &old, data, size, log, err);
}

int nvb_cache_apply(const struct nvb_place *place, const struct nvb_container_work *work,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc = merge(place, work, log, &why);

	if (rc == -NVB_ERR_NO_MEMORY) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	if (rc < 0)
		nvb_warning(log, CACHE_PATH " left as it is: %s", nvb_error_message(why));
	return 0;
}
