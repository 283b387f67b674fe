/* SPDX-License-Identifier: Apache-2.0 */
#include "network/bridge.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "base/mem.h"

int nvb_bridge_remove(const char *interface, nvb_error **err)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	if (fd < 0)
		return nvb_fail_errno(err, errno, "socket");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return errno == ENODEV ? 0 : nvb_fail_errno(err, errno, "interface %s", interface);
	request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
	/* The kernel removes a bridge only when it is down. */
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0 || ioctl(fd, SIOCBRDELBR, interface) < 0)
		return nvb_fail_errno(err, errno, "removing interface %s", interface);
	return 0;
}
