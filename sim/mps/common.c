/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim/mps/mps.h"

const char *mps_pipes(void)
{
	const char *given = getenv("CUDA_MPS_PIPE_DIRECTORY");

	return given && *given ? given : MPS_PIPES;
}

static bool make_address(const char *directory, const char *name, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return (size_t)snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", directory, name) <
	       sizeof(address->sun_path);
}

int mps_listen(const char *directory, const char *name, mode_t mode)
{
	struct sockaddr_un address;
	int fd;

	if (!make_address(directory, name, &address))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(address.sun_path, mode) < 0 ||
		listen(fd, 64) < 0) {
		int code = errno;

		close(fd);
		return -code;
	}
	return fd;
}

int mps_connect(const char *directory, const char *name)
{
	struct sockaddr_un address;
	int fd;

	if (!make_address(directory, name, &address))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int code = errno;

		close(fd);
		return -code;
	}
	return fd;
}

size_t mps_limits_format(const struct mps_limits *limits, char packet[MPS_PACKET])
{
	size_t n = (size_t)snprintf(packet, MPS_PACKET, "percent %u\n", limits->percent);

	for (uint32_t i = 0; i < limits->count && n < MPS_PACKET; i++)
		n += (size_t)snprintf(packet + n, MPS_PACKET - n, "device %s %llu\n", limits->devices[i].uuid,
			(unsigned long long)limits->devices[i].limit);
	return n < MPS_PACKET ? n : MPS_PACKET - 1;
}
