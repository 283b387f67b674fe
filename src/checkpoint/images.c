/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/images.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "gpustate/gpustate.h"

/* For the images and the processes at once, should CRIU not give the ones up for the others. */
static bool is_room(uint64_t bytes)
{
	uint64_t host = nvb_state_host_room(), own = nvb_state_cgroup_room(getpid());

	return host != UINT64_MAX && bytes < (host < own ? host : own) / 2;
}

int nvb_images_in_memory(uint64_t bytes)
{
	_cleanup_close_ int fs = -1;

	if (!is_room(bytes))
		return -1;
	fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
		syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(
		SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}
