/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_SHARED_MOUNT_H
#define NVB_CONTAINER_SHARED_MOUNT_H

#include "base/error.h"

/*
 * Refuses (NVB_ERR_PERMISSION) when the open file or directory lies on a shared mount of our mount namespace:
 * what is mounted there would be mounted on the host, too, and stay there when the container is gone. Volumes
 * with rshared propagation are such. Also where it cannot be told. `path` is for the message.
 */
int nvb_shared_mount_check(int fd, const char *path, nvb_error **err);

#endif
