/* SPDX-License-Identifier: Apache-2.0 */
#include "network/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/mem.h"

static int raise_loopback(nvb_error **err)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return nvb_fail_errno(err, errno, "the loopback interface");
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return nvb_fail_errno(err, errno, "the loopback interface");
	return 0;
}

int nvb_netns_create(const char *path, nvb_error **err)
{
	_cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), file = -1;
	int rc = 0;

	if (own < 0)
		return nvb_fail_errno(err, errno, "/proc/self/ns/net");
	file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (unshare(CLONE_NEWNET) < 0)
		return nvb_fail_errno(err, errno, "a network namespace");
	if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		rc = nvb_fail_errno(err, errno, "mounting a network namespace at %s", path);
	if (rc == 0)
		rc = raise_loopback(err);
	if (setns(own, CLONE_NEWNET) < 0) {
		int failed = errno;

		/* Whatever this process did next would happen in the wrong place. */
		if (err)
			nvb_error_free(NVB_TAKE_PTR(*err));
		rc = nvb_fail_errno(err, failed, "going back to the host's network namespace");
	}
	if (rc < 0)
		nvb_netns_release(path);
	return rc;
}

void nvb_netns_release(const char *path)
{
	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	unlink(path);
}

bool nvb_netns_is_there(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}
