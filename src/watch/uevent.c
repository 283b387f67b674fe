/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

enum { KERNEL_GROUP = 1, MESSAGE_MAX = 8192 /* the kernel's are 2048 at most */ };

bool nvb_uevent_parse(struct nvb_uevent *event, const char *message, size_t size)
{
	struct nvb_uevent read = {0};
	const char *end = message + size, *at;

	if (!size || end[-1] != '\0')
		return false;
	at = strchr(message, '@');
	if (!at || at == message || at[1] != '/')
		return false;
	for (const char *p = message + strlen(message) + 1; p < end; p += strlen(p) + 1) {
		const struct {
			const char *key, **value;
		} keys[] = {{"ACTION=", &read.action}, {"DEVPATH=", &read.devpath},
			{"SUBSYSTEM=", &read.subsystem}, {"DRIVER=", &read.driver},
			{"PCI_ID=", &read.pci_id}};

		for (size_t i = 0; i < NVB_ELEMENTS(keys); i++)
			if (nvb_after(p, keys[i].key))
				*keys[i].value = nvb_after(p, keys[i].key);
	}
	if (!read.action || !read.devpath)
		return false;
	*event = read;
	return true;
}

/* By subsystem: all of it, or what lies below a path, or what NVIDIA made. */
bool nvb_uevent_matters(const struct nvb_uevent *event)
{
	static const char *const modules[] = {
		"/module/nvidia", "/module/nouveau", "/module/gdrdrv", "/module/ib_uverbs"};
	static const char *const whole[] = {
		"drm", "infiniband_verbs", "infiniband", "nvidia-fs-class", "gdrdrv"};

	if (!event->subsystem)
		return false;
	if (nvb_after(event->subsystem, "nvidia"))
		return true;
	for (size_t i = 0; i < NVB_ELEMENTS(whole); i++)
		if (nvb_streq(event->subsystem, whole[i]))
			return true;
	for (size_t i = 0; nvb_streq(event->subsystem, "module") && i < NVB_ELEMENTS(modules); i++)
		if (nvb_after(event->devpath, modules[i]))
			return true;
	/* "10DE:2335": NVIDIA's vendor id; also a GPU that is given to another driver, or unplugged. */
	return nvb_streq(event->subsystem, "pci") &&
	       ((event->pci_id && strncasecmp(event->pci_id, "10DE:", 5) == 0) ||
		       (event->driver && nvb_after(event->driver, "nvidia")));
}

int nvb_uevent_open(void)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT), rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int nvb_uevent_drain(int fd)
{
	int found = 0;

	for (;;) {
		char message[MESSAGE_MAX];
		struct sockaddr_nl from = {0};
		socklen_t length = sizeof(from);
		struct nvb_uevent event;
		ssize_t n = recvfrom(
			fd, message, sizeof(message), MSG_DONTWAIT, (struct sockaddr *)&from, &length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			found = 1; /* some were lost: anything may have happened */
			continue;
		}
		if (n < 0)
			return errno == EAGAIN ? found : -errno;
		if (length == sizeof(from) && from.nl_pid == 0 &&
			nvb_uevent_parse(&event, message, (size_t)n) && nvb_uevent_matters(&event))
			found = 1;
	}
}
