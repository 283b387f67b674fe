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
#include "base/str.h"

enum { MOUNTINFO_MAX = 32 << 20 };

/* "\040" is how mountinfo writes a blank; in place. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *p = path; *p; to++) {
		if (p[0] == '\\' && strspn(p + 1, "01234567") >= 3) {
			*to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 4;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
}

static bool is_below(const char *path, const char *root)
{
	const char *rest = nvb_streq(root, "/") ? path : nvb_after(path, root);

	return rest && (*rest == '/' || *rest == '\0');
}

/* Cuts the next field off a line; "" at its end. */
static char *field(char **line)
{
	char *start = *line, *end = start + strcspn(start, " ");

	*line = end + (*end != '\0');
	*end = '\0';
	return start;
}

/* Whether the file system of that number is mounted, and nowhere but below the root. Fields of a line
 * (proc(5)): mount id, parent's, major:minor, root, mount point. */
static bool only_below(char *mountinfo, dev_t device, const char *root)
{
	char wanted[32], *save = NULL;
	bool found = false;

	snprintf(wanted, sizeof(wanted), "%u:%u", major(device), minor(device));
	for (char *line = strtok_r(mountinfo, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *number, *point;

		field(&line);
		field(&line);
		number = field(&line);
		field(&line);
		point = field(&line);
		if (!nvb_streq(number, wanted))
			continue;
		unescape(point);
		if (!is_below(point, root))
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
	if (n < 0 ||
		nvb_file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, NULL, NULL) < 0)
		return false;
	path[n] = '\0';
	return only_below(mountinfo, st.st_dev, path);
}
