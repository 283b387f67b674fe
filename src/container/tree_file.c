/* SPDX-License-Identifier: Apache-2.0 */
#include "container/tree_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { COPY_CHUNK = 1 << 16 };

static int copy_by_hand(int from, int to)
{
	_cleanup_free_ char *buffer = malloc(COPY_CHUNK);
	ssize_t n;
	int rc = 0;

	if (!buffer)
		return -ENOMEM;
	while (rc == 0 && (n = read(from, buffer, COPY_CHUNK)) != 0) {
		if (n > 0)
			rc = nvb_write_all(to, buffer, (size_t)n);
		else if (errno != EINTR)
			rc = -errno;
	}
	return rc;
}

/* Both calls may refuse file systems they do not know; what was copied before stays copied. */
static int copy_content(int from, int to)
{
	ssize_t n;

	if (ioctl(to, FICLONE, from) == 0)
		return NVB_TREE_CLONED;
	do
		n = copy_file_range(from, NULL, to, NULL, SSIZE_MAX, 0);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		int rc = copy_by_hand(from, to);

		if (rc < 0)
			return rc;
	}
	return NVB_TREE_COPIED;
}

static int copy_file(const char *source, int parent, const char *name)
{
	_cleanup_close_ int from = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC), to = -1;
	struct timespec times[2];
	struct stat st;
	int how;

	if (from < 0 || fstat(from, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	to = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	how = copy_content(from, to);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	/* The driver's files belong to root and are set-user-ID for nobody; a copy has no business to be. */
	if (how >= 0 && (fchmod(to, st.st_mode & 0755) < 0 || futimens(to, times) < 0))
		how = -errno;
	if (how < 0)
		unlinkat(parent, name, 0);
	return how;
}

int nvb_tree_place_file(int source, int parent, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", source);
	if (linkat(AT_FDCWD, path, parent, name, AT_SYMLINK_FOLLOW) == 0)
		return NVB_TREE_LINKED;
	/* EXDEV: another file system or mount; EPERM: fs.protected_hardlinks, or none there; EMLINK: enough
	 * of them. */
	if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
		return -errno;
	return copy_file(path, parent, name);
}
