/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/mps/mps.h"

/*
 * nvidia-cuda-mps-server: keeps its clients' connections, tells each its limits and the daemon when it has
 * gone. Clients outlive the daemon here and nobody can become one any more; without the server they end.
 */

enum { CLIENTS = 64 };

struct client {
	int fd;
	int pid; /* as the daemon sees it */
};

static char limits[MPS_PACKET];

/* One packet of the daemon's: new limits, or a client. False: the daemon has gone. */
static bool hear(struct client clients[CLIENTS], int *count)
{
	char packet[MPS_PACKET];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = packet, .iov_len = sizeof(packet) - 1};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(MPS_CONTROL, &message, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header;
	int fd, pid;

	if (n <= 0)
		return false;
	packet[n] = '\0';
	header = CMSG_FIRSTHDR(&message);
	if (!header) {
		memcpy(limits, packet, (size_t)n + 1);
		return true;
	}
	memcpy(&fd, CMSG_DATA(header), sizeof(int));
	if (sscanf(packet, "client %d", &pid) != 1 || *count == CLIENTS) {
		close(fd);
		return true;
	}
	send(fd, limits, strlen(limits), MSG_NOSIGNAL);
	clients[(*count)++] = (struct client){.fd = fd, .pid = pid};
	return true;
}

int main(void)
{
	struct client clients[CLIENTS];
	bool daemon = true;
	int count = 0;

	if (fcntl(MPS_CONTROL, F_GETFD) < 0) {
		fprintf(stderr, "nvidia-cuda-mps-server is started by nvidia-cuda-mps-control\n");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	while (daemon || count) {
		struct pollfd polled[CLIENTS + 1] = {{.fd = daemon ? MPS_CONTROL : -1, .events = POLLIN}};

		for (int i = 0; i < count; i++)
			polled[i + 1] = (struct pollfd){.fd = clients[i].fd};
		if (poll(polled, (nfds_t)count + 1, -1) < 0 && errno != EINTR)
			return 1;
		for (int i = count; i-- > 0;) {
			if (!(polled[i + 1].revents & (POLLHUP | POLLERR)))
				continue;
			close(clients[i].fd);
			dprintf(MPS_CONTROL, "gone %d", clients[i].pid);
			clients[i] = clients[--count];
		}
		if (polled[0].revents)
			daemon = hear(clients, &count);
	}
	return 0;
}
