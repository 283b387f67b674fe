/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* `work` 0: always. */
static const struct {
	unsigned capability, work;
	const char *why;
} needed[] = {
	{CAP_DAC_OVERRIDE, 0, "an image's files and directories belong to anybody, with any mode"},
	{CAP_CHOWN, 0, "a new ld.so.cache has the old one's owner, a new node the host's"},
	{CAP_FOWNER, 0, "a new ld.so.cache has the old one's mode, also after it has changed its owner"},
	{CAP_SYS_ADMIN, WORK_MOUNT, "move_mount, and the tmpfs of files that stand in for others"},
	{CAP_MKNOD, WORK_NODES, "mknod of the GPUs' nodes in a container that is being created"},
};

int privileges_drop(unsigned work)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint64_t keep = 0;

	/* The bounding set matters to those who execute, which the filter forbids besides. */
	for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (size_t i = 0; i < ELEMENTS(needed); i++)
		if (!needed[i].work || (needed[i].work & work))
			keep |= UINT64_C(1) << needed[i].capability;
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (size_t i = 0; i < ELEMENTS(data); i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
