/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/images.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "gpustate/gpustate.h"

/* For the images and the processes at once, should CRIU not give the ones up for the others: what a file
 * system may take where that is so, 0 where it is not. How much there is the snapshot says, which may come
 * from anywhere: it gets no more than it said, and something for small files, which take whole pages. */
static uint64_t room_for(uint64_t bytes)
{
	enum { PAGES = 256 << 20 };
	uint64_t host = nvb_state_host_room(), own = nvb_state_cgroup_room(getpid()), room;

	if (host == UINT64_MAX)
		return 0;
	room = host < own ? host : own;
	if (bytes >= room / 2)
		return 0;
	return bytes * 2 + PAGES < room ? bytes * 2 + PAGES : room;
}

bool nvb_images_are_large(uint64_t bytes)
{
	return bytes >= 64 << 20;
}

bool nvb_images_fit_memory(uint64_t bytes)
{
	return room_for(bytes) > 0;
}

int nvb_images_in_memory(uint64_t bytes)
{
	_cleanup_close_ int fs = -1;
	uint64_t room = room_for(bytes);
	char size[32];

	if (!room)
		return -1;
	snprintf(size, sizeof(size), "%llu", (unsigned long long)room);
	fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
		syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
		syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(
		SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}
