/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_OWN_TMPFS_H
#define NVB_CONTAINER_OWN_TMPFS_H

#include "base/root.h"

/*
 * Whether the open directory lies on a tmpfs that was made for this container (its /dev, its /run): one that
 * is mounted nowhere but below the container's root, as far as this mount namespace shows. The host's /run,
 * /tmp or /dev/shm in a container is a volume like any other. False, too, where it cannot be told.
 */
bool nvb_is_own_tmpfs(const struct nvb_root *root, int directory);

#endif
