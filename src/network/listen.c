/* SPDX-License-Identifier: Apache-2.0 */
#include "network/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t fill(const struct nvb_port *port, int family, union address *address)
{
	*address = (union address){0};
	if (family == AF_INET) {
		address->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port->host)};
		if (*port->address)
			inet_pton(AF_INET, port->address, &address->v4.sin_addr);
		return sizeof(address->v4);
	}
	address->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port->host)};
	if (*port->address)
		inet_pton(AF_INET6, port->address, &address->v6.sin6_addr);
	return sizeof(address->v6);
}

/* fd or -errno. */
static int open_bound(const struct nvb_port *port, int family)
{
	const int on = 1, off = 0;
	_cleanup_close_ int fd =
		socket(family, (port->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	union address address;
	socklen_t size = fill(port, family, &address);

	if (fd < 0)
		return -errno;
	/* Connections of the capsule before that are still closing do not count. Two UDP sockets would share
	 * it. */
	if (!port->udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, *port->address ? &on : &off, sizeof(on));
	if (bind(fd, &address.any, size) < 0 || (!port->udp && listen(fd, SOMAXCONN) < 0))
		return -errno;
	return NVB_TAKE_FD(fd);
}

static uint16_t number_of(int fd)
{
	union address address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, &address.any, &size) < 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

int nvb_port_listen(struct nvb_port *port, nvb_error **err)
{
	bool v6 = !*port->address || strchr(port->address, ':');
	int fd = open_bound(port, v6 ? AF_INET6 : AF_INET);
	char text[NVB_PORT_TEXT];

	if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && !*port->address)
		fd = open_bound(port, AF_INET);
	if (fd == -EADDRINUSE)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT, "port %s: somebody on the host has port %u already",
				nvb_port_format(port, text), port->host),
			"'ss -%slnp' says who", port->udp ? "u" : "t");
	if (fd == -EADDRNOTAVAIL)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "port %s: the host has no address %s",
			nvb_port_format(port, text), port->address);
	if (fd == -EACCES)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION, "port %s: ports below 1024 are root's",
				nvb_port_format(port, text)),
			"publish a higher one, or lower net.ipv4.ip_unprivileged_port_start");
	if (fd < 0)
		return nvb_fail_errno(err, -fd, "port %s", nvb_port_format(port, text));
	if (!port->host)
		port->host = number_of(fd);
	return fd;
}
