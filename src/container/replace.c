/* SPDX-License-Identifier: Apache-2.0 */
#include "container/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"

static int write_file(int parent, const char *name, const void *data, size_t size, const struct stat *like)
{
	const bool fresh = nvb_guard("fresh-file") && nvb_guard("replace");
	_cleanup_close_ int fd = openat(
		parent, name, O_WRONLY | O_CREAT | O_CLOEXEC | (fresh ? O_EXCL | O_NOFOLLOW : O_TRUNC), 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = nvb_write_all(fd, data, size);
	/* EPERM: a rootless caller cannot give files away, and then the owner is right as it is. */
	if (rc == 0 && like && (like->st_uid || like->st_gid) && fchown(fd, like->st_uid, like->st_gid) < 0 &&
		errno != EPERM)
		rc = -errno;
	if (rc == 0 && fchmod(fd, like ? like->st_mode & 0777 : 0644) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(parent, name, 0);
	return rc;
}

int nvb_replace_file(const struct nvb_place *place, const char *path, const void *data, size_t size,
	const struct stat *like, nvb_error **err)
{
	const char *name;
	_cleanup_close_ int parent = nvb_place_open_parent(place, path, &name, err);
	char temporary[32];
	uint64_t token;
	int rc;

	if (parent < 0)
		return parent;
	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "%s", path);
	if (!nvb_guard("fresh-file"))
		token = 0;
	snprintf(temporary, sizeof(temporary), ".nvb-%016llx", (unsigned long long)token);
	if (!nvb_guard("replace"))
		return write_file(parent, name, data, size, like);
	rc = write_file(parent, temporary, data, size, like);
	if (rc == 0 && renameat(parent, temporary, parent, name) < 0) {
		rc = -errno;
		unlinkat(parent, temporary, 0);
	}
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}
