/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon of a simulated machine has to survive: sim-hostile ROOT [SEED]. Sends it rubbish of every
 * length, well-formed requests with rubbish in every field, descriptors nobody asked for; opens a thousand
 * connections, takes no answers. Ends with a proper hello, which must work; prints how much was thrown at it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/client.h"

enum { ROUNDS = 20000, CONNECTIONS = 1000, UNREAD = 5000 };

static const char *root;

static int open_connection(void)
{
	int fd = sim_client_connect(root);

	if (fd < 0) {
		fprintf(stderr, "connecting: %s\n", strerror(-fd));
		exit(1);
	}
	return fd;
}

static void greet(int fd)
{
	struct sim_map map = SIM_MAP_INIT;
	int rc = sim_client_hello(fd, SIM_CLIENT_CONTROL, &map, NULL);

	if (rc < 0) {
		fprintf(stderr, "hello: %s\n", strerror(-rc));
		exit(1);
	}
	sim_state_unmap(&map);
}

/* Small numbers reach further into the daemon than large ones. */
static uint32_t rubbish(void)
{
	switch (random() % 4) {
	case 0:
		return (uint32_t)random() % 8;
	case 1:
		return (uint32_t)random() % 70;
	case 2:
		return UINT32_MAX - (uint32_t)random() % 3;
	default:
		return (uint32_t)random();
	}
}

static void fill(void *to, size_t size)
{
	unsigned char *bytes = to;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)random();
}

/* Any bytes of any length. */
static void send_noise(void)
{
	int fd = open_connection();
	unsigned char bytes[512];
	size_t size = (size_t)random() % sizeof(bytes);

	fill(bytes, size);
	send(fd, bytes, size, MSG_NOSIGNAL);
	close(fd);
}

static void send_nonsense(int fd)
{
	struct sim_request request = {.version = SIM_PROTOCOL_VERSION, .kind = rubbish()};
	struct sim_reply reply;
	int received = -1;

	request.client = rubbish();
	request.process = random() % 2 ? 'C' : rubbish();
	request.gpu = rubbish();
	request.gi = random() % 2 ? SIM_NO_INSTANCE : rubbish();
	request.ci = random() % 2 ? SIM_NO_INSTANCE : rubbish();
	request.memory = random() % 2 ? rubbish() : (uint64_t)rubbish() << 32 | rubbish();
	request.change =
		(struct sim_change){rubbish() % 20, rubbish(), rubbish(), rubbish(), rubbish(), rubbish()};
	sim_client_call(fd, &request, &reply, &received);
	if (received >= 0)
		close(received);
}

/* Descriptors sent along must not pile up in the daemon. */
static void send_descriptors(void)
{
	struct sim_request request = {.version = SIM_PROTOCOL_VERSION, .kind = SIM_REQUEST_HELLO};
	int fd = open_connection(), fds[8];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = {0};
	struct iovec data = {.iov_base = &request, .iov_len = sizeof(request)};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		fds[i] = 0;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(header), fds, sizeof(fds));
	sendmsg(fd, &message, MSG_NOSIGNAL);
	close(fd);
}

/* Asks and asks and never listens. */
static void never_read(void)
{
	struct sim_request request = {.version = SIM_PROTOCOL_VERSION, .kind = SIM_REQUEST_HELLO};
	int fd = open_connection();

	for (int i = 0; i < UNREAD; i++)
		if (send(fd, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
			break;
	close(fd);
}

static void crowd(void)
{
	static int fds[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = open_connection();
		greet(fds[i]);
	}
	for (int i = 0; i < CONNECTIONS; i++)
		close(fds[i]);
}

int main(int argc, char **argv)
{
	struct rlimit files = {4096, 4096};
	int fd;

	if (argc < 2)
		return 2;
	root = argv[1];
	srandom(argc > 2 ? (unsigned)atoi(argv[2]) : 1);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < 500; i++) {
		send_noise();
		send_descriptors();
	}
	fd = open_connection();
	greet(fd);
	for (int i = 0; i < ROUNDS; i++)
		send_nonsense(fd);
	close(fd);
	never_read();
	crowd();
	fd = open_connection();
	greet(fd);
	close(fd);
	printf("%d requests, %d connections\n", ROUNDS, CONNECTIONS);
	return 0;
}
