/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/directory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

enum { NAME_MAX_CHARACTERS = 63, DEPTH_MAX = 64 };

void nvb_plugin_files_free(struct nvb_plugin_file *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].name);
		nvb_closep(&list[i].fd);
		nvb_error_free(list[i].problem);
	}
	free(list);
}

/* Who could change it besides root and us? NULL: nobody. Within a sticky directory nobody changes what is
 * another's. */
static const char *other_writer(const struct stat *st)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "another user owns it";
	if ((st->st_mode & S_IWOTH) && !sticky)
		return "everybody can write it";
	if ((st->st_mode & S_IWGRP) && st->st_gid != 0 && !sticky)
		return "its group can write it";
	return NULL;
}

static int refuse(const char *path, const char *why, nvb_error **err)
{
	return nvb_hint(err, nvb_fail(err, NVB_ERR_PERMISSION, "%s: not loaded, since %s", path, why),
		"chown root %s && chmod go-w %s", path, path);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The directory and all above it, by descriptors: whoever may rename one of them decides what lies below. */
static int check_up(int directory, const char *path, nvb_error **err)
{
	_cleanup_close_ int at = fcntl(directory, F_DUPFD_CLOEXEC, 3);
	struct stat st, above;

	for (int i = 0; i < DEPTH_MAX; i++) {
		const char *why;
		int up;

		if (at < 0 || fstat(at, &st) < 0)
			return nvb_fail_errno(err, errno, "%s", path);
		why = other_writer(&st);
		if (why && i == 0)
			return refuse(path, why, err);
		if (why)
			return nvb_fail(err, NVB_ERR_PERMISSION,
				"%s: not looked into: of a directory above it, %s", path, why);
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0 || fstat(up, &above) < 0) {
			nvb_closep(&up);
			return nvb_fail_errno(err, errno, "above %s", path);
		}
		close(at);
		at = up;
		if (same(&st, &above))
			return 0;
	}
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s: too deep", path);
}

static int open_file(int directory, const char *file, const char *path, int *fd, nvb_error **err)
{
	_cleanup_close_ int opened = openat(directory, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *why;
	struct stat st;

	if (opened < 0)
		return errno == ELOOP
			       ? nvb_fail(err, NVB_ERR_PERMISSION, "%s: not loaded, since it is a link", path)
			       : nvb_fail_errno(err, errno, "%s", path);
	if (fstat(opened, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: not loaded, since it is no file", path);
	why = other_writer(&st);
	if (why)
		return refuse(path, why, err);
	*fd = NVB_TAKE_FD(opened);
	return 0;
}

/* The name without ".so"; malloc'd, NULL when it is no plugin's. */
static char *stem_of(const char *file)
{
	size_t n = strlen(file);

	if (n < 4 || !nvb_ends_with(file, ".so") || n - 3 > NAME_MAX_CHARACTERS)
		return NULL;
	for (size_t i = 0; i < n - 3; i++)
		if (!isalnum((unsigned char)file[i]) && (i == 0 || !strchr("-_", file[i])))
			return NULL;
	return strndup(file, n - 3);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct nvb_plugin_file *)a)->name, ((const struct nvb_plugin_file *)b)->name);
}

static int add(
	int directory, const char *path, const char *file, struct nvb_plugin_file *out, nvb_error **err)
{
	_cleanup_free_ char *whole = NULL;

	*out = (struct nvb_plugin_file){.name = stem_of(file), .fd = -1};
	if (!out->name || asprintf(&whole, "%s/%s", path, file) < 0) {
		free(out->name);
		return nvb_fail_oom(err);
	}
	open_file(directory, file, whole, &out->fd, &out->problem);
	return 0;
}

int nvb_plugin_files(const char *path, struct nvb_plugin_file **out, size_t *count, nvb_error **err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct nvb_plugin_file *list = NULL;
	size_t used = 0, capacity = 0;
	const struct dirent *entry;
	int rc;

	*out = NULL;
	*count = 0;
	if (!dir)
		return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "plugins in %s", path);
	rc = check_up(fd, path, err);
	while (rc == 0 && (entry = readdir(dir))) {
		_cleanup_free_ char *stem = stem_of(entry->d_name);

		if (!stem)
			continue;
		rc = NVB_GROW(list, used, capacity) ? add(fd, path, entry->d_name, &list[used], err)
						    : nvb_fail_oom(err);
		used += rc == 0;
	}
	if (rc < 0) {
		nvb_plugin_files_free(list, used);
		return rc;
	}
	if (used)
		qsort(list, used, sizeof(*list), by_name);
	*out = list;
	*count = used;
	return 0;
}

int nvb_plugin_file_open(const char *path, struct nvb_plugin_file *file, nvb_error **err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *directory = slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1)
					       : strdup("."),
			    *stem = stem_of(name);
	_cleanup_close_ int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int opened = -1, rc;

	if (!directory)
		return nvb_fail_oom(err);
	if (!stem)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: a plugin is called NAME.so", path);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", directory);
	rc = check_up(fd, directory, err);
	if (rc == 0)
		rc = open_file(fd, name, path, &opened, err);
	if (rc == 0)
		*file = (struct nvb_plugin_file){.name = NVB_TAKE_PTR(stem), .fd = opened};
	return rc;
}
