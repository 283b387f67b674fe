/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Source: Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst ("cgroup.freeze"). */

static bool is_v2(const char *directory)
{
	struct statfs fs;

	return statfs(directory, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int nvb_freezer_find(const char *cgroup, char **out, nvb_error **err)
{
	_cleanup_free_ char *directory = NULL;

	if (asprintf(&directory, "%s%s%s", CGROUP_ROOT, is_v2(CGROUP_ROOT) ? "" : "/freezer", cgroup) < 0)
		return nvb_fail_oom(err);
	if (access(directory, F_OK) < 0)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "control group %s: %s", directory, strerror(errno));
	*out = NVB_TAKE_PTR(directory);
	return 0;
}

static int put(const char *directory, const char *name, const char *text, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	return 0;
}

static bool stands(const char *directory, const char *name, const char *line)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	return asprintf(&path, "%s/%s", directory, name) >= 0 &&
	       nvb_file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) == 0 && strstr(text, line);
}

/* The kernel stops processes one by one, which none is asked about; v1 says FREEZING until it is done. */
static int change(const char *directory, const char *value, const char *file, const char *line, bool v2,
	nvb_error **err)
{
	enum { TRIES = 10000, PAUSE_NS = 1000000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	for (int i = 0; i < TRIES; i++) {
		/* v1 takes up those that were born meanwhile when it is told again. */
		int rc = i == 0 || (!v2 && i % 20 == 0)
				 ? put(directory, v2 ? "cgroup.freeze" : "freezer.state", value, err)
				 : 0;

		if (rc < 0)
			return rc;
		if (stands(directory, file, line))
			return 0;
		if (i > 5)
			nanosleep(&pause, NULL);
	}
	return nvb_fail(err, NVB_ERR_BUSY, "the processes of %s cannot be %s", directory,
		*value == '1' || *value == 'F' ? "frozen" : "thawed");
}

int nvb_freezer_freeze(const char *directory, nvb_error **err)
{
	return is_v2(directory) ? change(directory, "1", "cgroup.events", "frozen 1", true, err)
				: change(directory, "FROZEN", "freezer.state", "FROZEN\n", false, err);
}

int nvb_freezer_thaw(const char *directory, nvb_error **err)
{
	return is_v2(directory) ? change(directory, "0", "cgroup.events", "frozen 0", true, err)
				: change(directory, "THAWED", "freezer.state", "THAWED\n", false, err);
}
