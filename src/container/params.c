/* SPDX-License-Identifier: Apache-2.0 */
#include "container/params.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "container/mount_file.h"
#include "plan/plan.h"

enum { PARAMS_MAX = 64 * 1024 }; /* the driver's has 1 KiB */

static const char allowed[] = "ModifyDeviceFiles: 1";

/* The 1 of the line, or NULL. */
static char *find_switch(char *text)
{
	for (char *line = text; *line; line += strspn(line, "\n")) {
		size_t n = strcspn(line, "\n");

		if (n == strlen(allowed) && memcmp(line, allowed, n) == 0)
			return line + n - 1;
		line += n;
	}
	return NULL;
}

int nvb_params_read(const char *path, char **text, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *read = NULL;
	size_t size;
	char *at;
	int rc = nvb_file_read(AT_FDCWD, path, PARAMS_MAX, &read, &size, &why);

	if (rc == -NVB_ERR_NOT_FOUND)
		return 0;
	if (rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	at = find_switch(read);
	if (!at)
		return 0;
	*at = '0';
	*text = NVB_TAKE_PTR(read);
	return 0;
}

int nvb_params_mask(const struct nvb_root *root, const char *text, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_close_ int target = nvb_root_openat(root, NVB_DRIVER_PARAMS, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (target == -ENOENT) {
		nvb_debug(log, "no %s in the container", NVB_DRIVER_PARAMS);
		return 0;
	}
	if (target < 0 || fstat(target, &st) < 0)
		return nvb_fail_errno(err, target < 0 ? -target : errno, NVB_DRIVER_PARAMS);
	if (!S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_CORRUPT, NVB_DRIVER_PARAMS ": not a regular file");
	return nvb_mount_file(root, target, NVB_DRIVER_PARAMS, text, strlen(text), err);
}
