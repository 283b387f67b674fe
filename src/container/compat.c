/* SPDX-License-Identifier: Apache-2.0 */
#include "container/compat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "container/compat_note.h"
#include "plan/plan.h"

#define LIBRARY "libcuda.so."

/* A cuda-compat package has some ten files. */
enum { FILES_MAX = 1024 };

bool nvb_driver_version_parse(const char *text, struct nvb_driver_version *version)
{
	struct nvb_driver_version parsed = {{0}};

	for (size_t i = 0; i < NVB_ELEMENTS(parsed.numbers); i++) {
		unsigned number = 0;

		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++) {
			if (number > 99999)
				return false;
			number = number * 10 + (unsigned)(*text - '0');
		}
		parsed.numbers[i] = number;
		if (!*text) {
			*version = parsed;
			return true;
		}
		if (*text++ != '.')
			return false;
	}
	return false;
}

int nvb_driver_version_compare(const struct nvb_driver_version *a, const struct nvb_driver_version *b)
{
	for (size_t i = 0; i < NVB_ELEMENTS(a->numbers); i++)
		if (a->numbers[i] != b->numbers[i])
			return a->numbers[i] < b->numbers[i] ? -1 : 1;
	return 0;
}

/*
 * The name of the one file libcuda.so.<major>.<minor>... in the directory. 1, or 0 where there is none or
 * more than one: which of them the others in the directory belong to, nobody could say.
 */
static int find_libcuda(int fd, char *name, size_t size, const struct nvb_log *log)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), count = 0;
	_cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!dir) {
		nvb_closep(&copy);
		return 0;
	}
	for (int seen = 0; (entry = readdir(dir)) && seen < FILES_MAX; seen++) {
		const char *version = nvb_after(entry->d_name, LIBRARY);

		if (!version || !strchr(version, '.'))
			continue;
		if (count++)
			break;
		snprintf(name, size, "%s", entry->d_name);
	}
	if (count > 1)
		nvb_warning(log, "%s: more than one libcuda, none is used", NVB_COMPAT_DIRECTORY);
	return count == 1;
}

static bool is_for_driver(const struct nvb_compat_note *note, const struct nvb_driver_version *ours,
	const struct nvb_driver_version *driver)
{
	if (!note->present)
		return ours->numbers[0] > driver->numbers[0];
	for (size_t i = 0; i < note->count; i++)
		if (note->branches[i] == driver->numbers[0])
			return nvb_driver_version_compare(ours, driver) > 0;
	return false;
}

/* Whether the libcuda of that name is newer than the driver and made to run on it. */
static bool is_wanted(
	const struct nvb_root *root, const char *name, const char *driver_text, const struct nvb_log *log)
{
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_driver_version driver, ours;
	struct nvb_compat_note note = {0};
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", NVB_COMPAT_DIRECTORY, name);
	if (!nvb_driver_version_parse(driver_text, &driver) ||
		!nvb_driver_version_parse(name + strlen(LIBRARY), &ours)) {
		nvb_info(log, "%s: not compared with driver %s: no version is known", path, driver_text);
		return false;
	}
	fd = nvb_root_open_file(root, path, &st);
	if (fd < 0) {
		nvb_warning(log, "%s: %s", path, fd == -EINVAL ? "not a regular file" : strerrordesc_np(-fd));
		return false;
	}
	if (nvb_compat_note_read(fd, path, &note, &why) < 0) {
		nvb_warning(log, "%s", nvb_error_message(why));
		return false;
	}
	if (!is_for_driver(&note, &ours, &driver)) {
		nvb_info(log, "%s: not for driver %s, whose own libcuda is used", path, driver_text);
		return false;
	}
	return true;
}

static int add_libraries(const struct nvb_root *root, const char *directory, struct nvb_libraries *found,
	const struct nvb_log *log, nvb_error **err)
{
	char path[PATH_MAX];
	const struct nvb_link link = {path, "libcuda.so.1"};
	struct stat st;
	/* Without an old cache all in the directory is taken, also what the image's cache has already, behind
	 * the driver's. */
	int rc = nvb_libraries_find(root, &directory, 1, NULL, found, log, err);

	if (rc < 0)
		return rc;
	/* The name that programs dlopen must not lead to the other libcuda. */
	if ((size_t)snprintf(path, sizeof(path), "%s/libcuda.so", directory) >= sizeof(path) ||
		nvb_root_stat(root, path, true, &st) < 0)
		return 0;
	return nvb_libraries_add_links(found, &link, 1, err);
}

int nvb_compat_find(const struct nvb_root *root, const char *driver, struct nvb_libraries *found,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_close_ int fd = nvb_root_openat(root, NVB_COMPAT_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *directory = NULL;
	char name[NAME_MAX + 1];
	int rc;

	if (fd < 0 || !find_libcuda(fd, name, sizeof(name), log) || !is_wanted(root, name, driver, log))
		return 0;
	/* /usr/local/cuda is a link, which the next toolkit moves. */
	rc = nvb_root_realpath(root, NVB_COMPAT_DIRECTORY, &directory, &why);
	if (rc < 0) {
		nvb_warning(log, "%s: %s", NVB_COMPAT_DIRECTORY, nvb_error_message(why));
		return 0;
	}
	nvb_info(log, "%s/%s is used in the place of driver %s's", directory, name, driver);
	return add_libraries(root, directory, found, log, err);
}
