/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

enum {
	TRIES = 200,
	PAUSE_NS = 10 * 1000 * 1000,
	LARGEST_LIST = 16 << 20,
};

/* rmdir of a group and, where there are, of those below it. 0 or -errno. */
static int remove_group(const char *path)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char child[PATH_MAX];

		if (entry->d_type != DT_DIR || *entry->d_name == '.' ||
			(size_t)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >= sizeof(child))
			continue;
		remove_group(child);
	}
	return rmdir(path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Kills every process of a group, and those of the groups below it. */
static void kill_group(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	_cleanup_free_ char *list = NULL;
	char file[PATH_MAX];
	const struct dirent *entry;

	if (!dir)
		return;
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	if (nvb_file_read(AT_FDCWD, file, LARGEST_LIST, &list, NULL, NULL) == 0)
		for (char *save = NULL, *line = strtok_r(list, "\n", &save); line;
			line = strtok_r(NULL, "\n", &save)) {
			uint32_t pid;

			/* 0: a process of a pid namespace we do not see. */
			if (nvb_parse_u32(line, &pid) && pid > 1)
				kill((pid_t)pid, SIGKILL);
		}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && *entry->d_name != '.' &&
			(size_t)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) < sizeof(file))
			kill_group(file);
}

static int remove_from_hierarchy(const char *hierarchy, const char *group, bool kill_first, nvb_error **err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	char path[PATH_MAX];
	int rc;

	if ((size_t)snprintf(path, sizeof(path), "%s%s", hierarchy, group) >= sizeof(path))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: path too long", group);
	rc = remove_group(path);
	for (int i = 0; rc == -EBUSY && i < TRIES; i++) {
		if (kill_first)
			kill_group(path);
		nanosleep(&pause, NULL);
		rc = remove_group(path);
	}
	return rc < 0 ? nvb_fail_errno(err, -rc, "removing the control group %s", path) : 0;
}

int nvb_cgroup_remove(const char *path, bool kill, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	struct statfs fs;
	int rc = 0;

	if (statfs(CGROUP_ROOT, &fs) < 0)
		return 0;
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		return remove_from_hierarchy(CGROUP_ROOT, path, kill, err);
	dir = opendir(CGROUP_ROOT);
	while (dir && (entry = readdir(dir))) {
		char hierarchy[PATH_MAX];
		int one;

		/* Links are other names of the same hierarchy ("cpu -> cpu,cpuacct"). */
		if (entry->d_type != DT_DIR || *entry->d_name == '.')
			continue;
		snprintf(hierarchy, sizeof(hierarchy), "%s/%s", CGROUP_ROOT, entry->d_name);
		/* The v2 mount of a hybrid host, covered by nvb_mounts_private(): what lies there goes with
		 * it. */
		if (statfs(hierarchy, &fs) < 0 ||
			(fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC))
			continue;
		one = remove_from_hierarchy(hierarchy, path, kill, rc < 0 ? NULL : err);
		if (rc == 0)
			rc = one;
	}
	return rc;
}
