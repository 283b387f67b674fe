/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_MOUNT_FILE_H
#define NVB_CONTAINER_MOUNT_FILE_H

#include <stddef.h>

#include "base/root.h"

/*
 * Puts content in the place of a file that cannot be changed, open as `target` (O_PATH): a file of a tmpfs of
 * its own is mounted over it, read-only. `path` is for messages. The mount is made in the caller's mount
 * namespace, which must be the container's: an OCI createContainer hook runs there. Needs CAP_SYS_ADMIN in it
 * and Linux 5.12.
 */
int nvb_mount_file(const struct nvb_root *root, int target, const char *path, const void *data, size_t size,
	nvb_error **err);

#endif
