/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/client.h"
#include "sim/mps/mps.h"

/* The control daemon: users' commands, clients, and the one server they are handed to. */

enum { USERS = 32 };

/* A user's connection. */
struct user {
	int fd;
	bool privileged;
};

void mps_log(const struct mps_daemon *daemon, const char *fmt, ...)
{
	struct timespec now;
	va_list ap;

	if (daemon->log < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	dprintf(daemon->log, "[%lld.%03ld Control %5d] ", (long long)now.tv_sec, now.tv_nsec / 1000000,
		getpid());
	va_start(ap, fmt);
	vdprintf(daemon->log, fmt, ap);
	va_end(ap);
	dprintf(daemon->log, "\n");
}

/* Whether a list of numbers and UUIDs names a GPU. */
static bool is_visible(const char *list, uint32_t number, const char *uuid)
{
	size_t length;

	for (; list && *list; list += length + (list[length] == ',')) {
		char *end;

		length = strcspn(list, ",");
		if (strncasecmp(list, "GPU-", 4) == 0
				? strncasecmp(uuid, list, length) == 0
				: strtoul(list, &end, 10) == number && end == list + length)
			return true;
		if (!list[length])
			break;
	}
	return !list;
}

int mps_find_devices(struct mps_daemon *daemon)
{
	const char *visible = getenv("CUDA_VISIBLE_DEVICES");
	struct mps_limits *limits = &daemon->defaults;
	struct sim_client client;
	struct sim_machine machine;
	int rc = sim_client_attach(&mps_find_devices, SIM_CLIENT_CONTROL, &client);

	if (rc < 0)
		return rc;
	sim_read_machine(client.map.state, &machine);
	limits->percent = 1000;
	for (uint32_t i = 0; i < machine.gpu_count && i < SIM_GPU_MAX; i++) {
		struct sim_gpu gpu;

		sim_read_gpu(client.map.state, i, &gpu);
		if (gpu.faults & SIM_FAULT_OFF_BUS || gpu.mig.mode || !is_visible(visible, i, gpu.uuid))
			continue;
		snprintf(limits->devices[limits->count].uuid, MPS_UUID, "%s", gpu.uuid);
		limits->devices[limits->count++].limit = 0;
	}
	sim_client_detach(&client);
	return limits->count ? 0 : -ENODEV;
}

/* In the child: system calls until it is the server. */
static void become_server(const struct mps_daemon *daemon, const char *program, uid_t uid, int fd)
{
	char *const argv[] = {(char[]){"nvidia-cuda-mps-server"}, NULL};

	(void)daemon;
	if (geteuid() == 0 && uid != 0 && setresuid(uid, uid, uid) < 0)
		_exit(1);
	if (dup2(fd, MPS_CONTROL) < 0)
		_exit(1);
	execv(program, argv);
	_exit(127);
}

int mps_start_server(struct mps_daemon *daemon, uid_t uid)
{
	char program[sizeof(daemon->programs) + 32], packet[MPS_PACKET];
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	snprintf(program, sizeof(program), "%s/nvidia-cuda-mps-server", daemon->programs);
	pid = fork();
	if (pid == 0)
		become_server(daemon, program, uid, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	daemon->server =
		(struct mps_server){.pid = pid, .uid = uid, .fd = pair[0], .limits = daemon->defaults};
	mps_limits_format(&daemon->server.limits, packet);
	dprintf(pair[0], "%s", packet);
	mps_log(daemon, "Starting new server %d for user %u", pid, uid);
	return 0;
}

void mps_stop_server(struct mps_daemon *daemon)
{
	struct mps_server *server = &daemon->server;

	if (!server->pid)
		return;
	mps_log(daemon, "Server %d ends", server->pid);
	kill(server->pid, SIGTERM);
	waitpid(server->pid, NULL, 0);
	close(server->fd);
	*server = (struct mps_server){.fd = -1};
}

static void hand_over(struct mps_daemon *daemon, int fd, pid_t pid)
{
	struct mps_server *server = &daemon->server;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	char line[32];
	struct iovec iov = {
		.iov_base = line, .iov_len = (size_t)snprintf(line, sizeof(line), "client %d", pid)};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	if (sendmsg(server->fd, &message, MSG_NOSIGNAL) >= 0 &&
		server->client_count < sizeof(server->clients) / sizeof(*server->clients))
		server->clients[server->client_count++] = pid;
	close(fd);
	mps_log(daemon, "User %u, client %d: server %d", server->uid, pid, server->pid);
}

/* One server at a time: a client of another user waits until the last of the server's clients has gone. */
static void serve_waiting(struct mps_daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->waiting_count;) {
		const struct mps_waiting w = daemon->waiting[i];

		if (daemon->server.pid && daemon->server.uid != w.uid && !daemon->server.client_count)
			mps_stop_server(daemon);
		if (!daemon->server.pid && mps_start_server(daemon, w.uid) < 0) {
			close(w.fd);
		} else if (daemon->server.uid == w.uid) {
			hand_over(daemon, w.fd, w.pid);
		} else {
			i++;
			continue;
		}
		memmove(&daemon->waiting[i], &daemon->waiting[i + 1],
			(--daemon->waiting_count - i) * sizeof(*daemon->waiting));
	}
}

static void add_client(struct mps_daemon *daemon, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
		daemon->waiting_count == sizeof(daemon->waiting) / sizeof(*daemon->waiting)) {
		close(fd);
		return;
	}
	daemon->waiting[daemon->waiting_count++] =
		(struct mps_waiting){.fd = fd, .pid = peer.pid, .uid = peer.uid};
}

/* False: the connection is no user's any more. */
static bool answer(struct mps_daemon *daemon, const struct user *user)
{
	char line[MPS_PACKET], reply[MPS_PACKET];
	ssize_t n = recv(user->fd, line, sizeof(line) - 1, MSG_DONTWAIT);

	if (n <= 0) {
		close(user->fd);
		return false;
	}
	line[n] = '\0';
	if (strcmp(line, MPS_CLIENT) == 0) {
		add_client(daemon, user->fd);
		return false;
	}
	mps_command(daemon, line, user->privileged, reply);
	/* The end of the connection answers it, once nothing of the daemon is left. */
	if (daemon->quit)
		return true;
	/* An empty packet would read as the end. */
	send(user->fd, *reply ? reply : "\n", *reply ? strlen(reply) : 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	return true;
}

static void hear_server(struct mps_daemon *daemon)
{
	struct mps_server *server = &daemon->server;
	char line[64];
	ssize_t n = recv(server->fd, line, sizeof(line) - 1, MSG_DONTWAIT);
	int gone;

	if (n <= 0) {
		mps_log(daemon, "Server %d has died", server->pid);
		mps_stop_server(daemon);
		return;
	}
	line[n] = '\0';
	if (sscanf(line, "gone %d", &gone) != 1)
		return;
	for (uint32_t i = 0; i < server->client_count; i++)
		if (server->clients[i] == gone) {
			server->clients[i] = server->clients[--server->client_count];
			break;
		}
}

void mps_serve(struct mps_daemon *daemon)
{
	struct user users[USERS];
	uint32_t count = 0;

	while (!daemon->quit) {
		struct pollfd polled[USERS + 3] = {{.fd = daemon->control, .events = POLLIN},
			{.fd = daemon->privileged, .events = POLLIN},
			{.fd = daemon->server.pid ? daemon->server.fd : -1, .events = POLLIN}};

		for (uint32_t i = 0; i < count; i++)
			polled[3 + i] = (struct pollfd){.fd = users[i].fd, .events = POLLIN};
		if (poll(polled, 3 + count, -1) < 0)
			continue;
		for (uint32_t i = count; i-- > 0;)
			if (polled[3 + i].revents && !answer(daemon, &users[i]))
				users[i] = users[--count];
		if (polled[2].revents)
			hear_server(daemon);
		for (int i = 0; i < 2; i++) {
			int fd = polled[i].revents ? accept4(polled[i].fd, NULL, NULL, SOCK_CLOEXEC) : -1;

			if (fd >= 0 && count < USERS)
				users[count++] = (struct user){.fd = fd, .privileged = i == 1};
			else if (fd >= 0)
				close(fd);
		}
		serve_waiting(daemon);
	}
	mps_stop_server(daemon);
}
