/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

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

		if (entry->d_type != DT_DIR || nvb_streq(entry->d_name, ".") ||
			nvb_streq(entry->d_name, "..") ||
			(size_t)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >= sizeof(child))
			continue;
		remove_group(child);
	}
	return rmdir(path) == 0 || errno == ENOENT ? 0 : -errno;
}

static bool write_word(const char *path, const char *file, const char *word)
{
	_cleanup_close_ int fd = -1;
	char name[PATH_MAX];

	if ((size_t)snprintf(name, sizeof(name), "%s/%s", path, file) >= sizeof(name))
		return false;
	fd = open(name, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, word, strlen(word)) == (ssize_t)strlen(word);
}

/* The processes of a group; malloc'd text, or NULL. */
static char *read_processes(const char *path)
{
	char file[PATH_MAX], *list = NULL;

	if ((size_t)snprintf(file, sizeof(file), "%s/cgroup.procs", path) >= sizeof(file) ||
		nvb_file_read(AT_FDCWD, file, LARGEST_LIST, &list, NULL, NULL) < 0)
		return NULL;
	return list;
}

/* The next number of a list; 0 at its end. */
static pid_t next_process(const char **list)
{
	while (*list && **list) {
		unsigned long number = strtoul(*list, NULL, 10);

		*list += strcspn(*list, "\n");
		*list += **list == '\n';
		/* 0: a process of a pid namespace we do not see. */
		if (number > 1 && number <= INT_MAX)
			return (pid_t)number;
	}
	return 0;
}

static bool is_listed(const char *list, pid_t pid)
{
	pid_t found;

	while ((found = next_process(&list)))
		if (found == pid)
			return true;
	return false;
}

/*
 * Kills processes by what cannot become another's: their descriptors are opened, and those whose numbers are
 * still in the group then are the group's own. Of a number that was given to somebody else in between, the
 * descriptor may be of a stranger, who is not listed, or of one who is gone.
 */
static void kill_some(const char *path, const pid_t *pids, const int *fds, size_t count)
{
	_cleanup_free_ char *now = read_processes(path);

	for (size_t i = 0; i < count; i++) {
		if (now && fds[i] >= 0 && is_listed(now, pids[i]))
			syscall(SYS_pidfd_send_signal, fds[i], SIGKILL, NULL, 0);
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static void kill_processes(const char *path)
{
	enum { AT_ONCE = 64 };
	_cleanup_free_ char *list = read_processes(path);
	const char *at = list;
	pid_t pids[AT_ONCE];
	int fds[AT_ONCE];
	size_t count;

	do {
		for (count = 0; count < AT_ONCE && (pids[count] = next_process(&at)); count++)
			fds[count] = (int)syscall(SYS_pidfd_open, pids[count], 0);
		kill_some(path, pids, fds, count);
	} while (count == AT_ONCE);
}

static void kill_below(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *entry;
	char child[PATH_MAX];

	if (!dir)
		return;
	kill_processes(path);
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && !nvb_streq(entry->d_name, ".") &&
			!nvb_streq(entry->d_name, "..") &&
			(size_t)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) < sizeof(child))
			kill_below(child);
}

/* Waits until a frozen group of v1 stands still; the state is read, it comes by itself. */
static void freeze(const char *path)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS / 10};
	char file[PATH_MAX];

	if (!write_word(path, "freezer.state", "FROZEN") ||
		(size_t)snprintf(file, sizeof(file), "%s/freezer.state", path) >= sizeof(file))
		return;
	for (int i = 0; i < TRIES; i++) {
		_cleanup_free_ char *state = NULL;

		if (nvb_file_read(AT_FDCWD, file, 64, &state, NULL, NULL) < 0 || nvb_after(state, "FROZEN"))
			return;
		nanosleep(&pause, NULL);
	}
}

static void kill_frozen(const char *path)
{
	freeze(path);
	kill_below(path);
	write_word(path, "freezer.state", "THAWED");
}

/*
 * Kills every process of a group, and those of the groups below it. cgroup v2 does it at once (Linux 5.14).
 * The freezer of v1, where the same processes are, keeps them from making others meanwhile; and those that it
 * holds die only when it lets go, whoever has killed them.
 */
static void kill_group(const char *path, const char *group)
{
	char freezer[PATH_MAX];

	if (!write_word(path, "cgroup.kill", "1"))
		kill_below(path);
	if ((size_t)snprintf(freezer, sizeof(freezer), CGROUP_ROOT "/freezer%s", group) < sizeof(freezer))
		kill_frozen(freezer);
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
			kill_group(path, group);
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
