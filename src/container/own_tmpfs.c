/* SPDX-License-Identifier: Apache-2.0 */
#include "container/own_tmpfs.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/mountinfo.h"
#include "base/str.h"

static bool is_below(const char *path, const char *root)
{
	const char *rest = nvb_streq(root, "/") ? path : nvb_after(path, root);

	return rest && (*rest == '/' || *rest == '\0');
}

/* Whether the file system of that number is mounted, and nowhere but below the root. */
static bool only_below(char *mountinfo, dev_t device, const char *root)
{
	struct nvb_mountinfo mount;
	char wanted[32];
	bool found = false;

	snprintf(wanted, sizeof(wanted), "%u:%u", major(device), minor(device));
	while (nvb_mountinfo_next(&mountinfo, &mount)) {
		if (!nvb_streq(mount.device, wanted))
			continue;
		if (!is_below(mount.point, root))
			return false;
		found = true;
	}
	return found;
}

bool nvb_is_own_tmpfs(const struct nvb_root *root, int directory)
{
	_cleanup_free_ char *mountinfo = NULL;
	char link[64], path[PATH_MAX];
	struct statfs fs;
	struct stat st;
	ssize_t n;

	/* The host's /dev, a devtmpfs, says TMPFS_MAGIC as well. */
	if (fstatfs(directory, &fs) < 0 || fs.f_type != TMPFS_MAGIC || fstat(directory, &st) < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", root->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 || nvb_file_read(
			     AT_FDCWD, "/proc/self/mountinfo", NVB_MOUNTINFO_MAX, &mountinfo, NULL, NULL) < 0)
		return false;
	path[n] = '\0';
	return only_below(mountinfo, st.st_dev, path);
}
