/* SPDX-License-Identifier: Apache-2.0 */
#include "container/shared_mount.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"
#include "base/mount_id.h"
#include "base/mountinfo.h"
#include "base/str.h"

static bool is_private(int fd)
{
	_cleanup_free_ char *text = NULL;
	struct nvb_mountinfo mount;
	char *at, id[32];

	snprintf(id, sizeof(id), "%" PRIu64, nvb_mount_id(fd));
	if (nvb_file_read(AT_FDCWD, "/proc/self/mountinfo", NVB_MOUNTINFO_MAX, &text, NULL, NULL) < 0)
		return false;
	for (at = text; nvb_mountinfo_next(&at, &mount);)
		if (nvb_streq(mount.id, id))
			return !mount.shared;
	return false;
}

int nvb_shared_mount_check(int fd, const char *path, nvb_error **err)
{
	if (!nvb_guard("shared-mounts") || is_private(fd))
		return 0;
	return nvb_fail(err, NVB_ERR_PERMISSION,
		"%s: lies on a mount that is shared with the host, who would see what is put there", path);
}
