/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_MOUNT_ID_H
#define NVB_BASE_MOUNT_ID_H

#include <stdint.h>

/*
 * The id of the mount that an open file or directory (O_PATH will do) lies on; 0 where nobody tells. Two
 * files of one file system lie on different mounts when a bind mount is between them. From statx(2) since
 * Linux 5.8, before that from /proc/self/fdinfo.
 */
uint64_t nvb_mount_id(int fd);

#endif
