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
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/mem.h"

/* Where in the child it went wrong. */
struct failure {
	const char *at;
	int error;
};

static bool raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;

	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	return good && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

/* In a child, since an ordinary user could not go back to the host's namespace. It shares our memory, and
 * does nothing but system calls. */
static __attribute__((noinline)) pid_t make_in_child(const char *path, struct failure *failure)
{
	pid_t pid = vfork();

	if (pid != 0)
		return pid;
	if (unshare(CLONE_NEWNET) < 0)
		failure->at = "a network namespace";
	else if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		failure->at = "mounting a network namespace";
	else if (!raise_loopback())
		failure->at = "the loopback interface";
	failure->error = errno;
	_exit(0);
}

int nvb_netns_create(const char *path, nvb_error **err)
{
	_cleanup_close_ int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct failure failure = {0};
	pid_t pid;

	if (file < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	pid = make_in_child(path, &failure);
	if (pid < 0) {
		failure = (struct failure){"a process", errno};
	} else {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (!failure.at)
		return 0;
	nvb_netns_release(path);
	return nvb_fail_errno(err, failure.error, "%s", failure.at);
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
