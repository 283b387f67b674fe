/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_STAGED_H
#define NVB_CAPSULE_STAGED_H

#include <stddef.h>

#include "base/error.h"

/*
 * Binds as CRIU is given them. It mounts what stands in its place and remounts it with the options of before,
 * but leaves that out where another mount of the same file system has the same ones: of two read-only volumes
 * the second could be written to (CRIU 4.2.1, mnt-v2). What it binds from has the options itself, therefore.
 */

/*
 * Mounts `source` below `directory`, a directory of this mount namespace alone, under a name made of
 * `number`, with what of ro, nosuid, nodev, noexec stands among the options of its mount in config.json.
 * *path is where, or the source with its links followed where there is nothing to be kept from it; malloc'd.
 */
int nvb_bind_stage(const char *directory, size_t number, const char *source, const char *const *options,
	char **path, nvb_error **err);

#endif
