/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_PARAMS_H
#define NVB_CONTAINER_PARAMS_H

#include "base/root.h"
#include "nvbind/log.h"

/*
 * /proc/driver/nvidia/params tells the driver's libraries whether they may make and change device nodes
 * ("ModifyDeviceFiles: 1"). In a container they must not: a process that is root there would give nodes to
 * others, or make those of GPUs it was not given. So the container sees the file with "ModifyDeviceFiles: 0".
 */

/* The text the container shall see instead of the host's file at `path`, a trusted path; malloc'd. *text
 * stays NULL where nothing needs to be changed: no such file, or it says 0. */
int nvb_params_read(const char *path, char **text, nvb_error **err);

/* Mounts the text over the container's file, in the caller's mount namespace, which must be the container's.
 * A container without the file is fine. */
int nvb_params_mask(
	const struct nvb_root *root, const char *text, const struct nvb_log *log, nvb_error **err);

#endif
