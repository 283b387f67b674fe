/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_machine(const char *root)
{
	char path[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/" SIM_SOCKET, root) >= sizeof(path))
		return false;
	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Cuts path after path until a machine is found; path is absolute. */
static int find_above(char *path)
{
	char *slash;

	while ((slash = strrchr(path, '/'))) {
		*slash = '\0';
		if (is_machine(path))
			return 0;
	}
	return -ENOENT;
}

int sim_client_root(const void *symbol, char root[PATH_MAX])
{
	char given[PATH_MAX], real[PATH_MAX];
	Dl_info info;

	if (!dladdr(symbol, &info) || !info.dli_fname)
		return -ENOENT;
	/* As it was loaded, then where the links lead: one of them may leave the machine's tree. */
	if (info.dli_fname[0] == '/' && strlen(info.dli_fname) < sizeof(given)) {
		strcpy(given, info.dli_fname);
		if (find_above(given) == 0) {
			strcpy(root, given);
			return 0;
		}
	}
	if (!realpath(info.dli_fname, real) || find_above(real) < 0)
		return -ENOENT;
	strcpy(root, real);
	return 0;
}

int sim_client_connect(const char *root)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[PATH_MAX];
	int parent, fd, rc = 0;

	if ((size_t)snprintf(directory, sizeof(directory), "%s/" SIM_SOCKET, root) >= sizeof(directory))
		return -ENAMETOOLONG;
	*strrchr(directory, '/') = '\0';
	parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	/* A socket's address holds 107 bytes; a root may lie deeper than that. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", parent,
		strrchr(SIM_SOCKET, '/') + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		rc = -errno;
	close(parent);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static int receive(int socket, struct sim_reply *reply, int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {.iov_base = reply, .iov_len = sizeof(*reply)};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header;
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
		header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	if (n == 0)
		return -ECONNRESET;
	return n == sizeof(*reply) ? 0 : -EPROTO;
}

int sim_client_call(int socket, struct sim_request *request, struct sim_reply *reply, int *fd)
{
	int received = -1;
	ssize_t n;
	int rc;

	request->version = SIM_PROTOCOL_VERSION;
	do
		n = send(socket, request, sizeof(*request), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	rc = receive(socket, reply, &received);
	if (rc == 0)
		rc = reply->status;
	if (fd && rc == 0) {
		*fd = received;
		return 0;
	}
	if (received >= 0)
		close(received);
	return rc;
}

int sim_client_hello(int socket, enum sim_client_kind kind, struct sim_map *map, uint32_t *pid)
{
	struct sim_request request = {.kind = SIM_REQUEST_HELLO, .client = kind};
	struct sim_reply reply;
	int fd = -1;
	int rc = sim_client_call(socket, &request, &reply, &fd);

	if (rc < 0)
		return rc;
	if (fd < 0)
		return -EPROTO;
	rc = sim_state_map(fd, false, map);
	if (rc == 0 && pid)
		*pid = reply.pid;
	return rc;
}

int sim_client_node(const char *root, const char *node)
{
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/dev/%s", root, node) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0) {
		/* Somebody does serve it: then it is not ours. */
		close(fd);
		return -EBUSY;
	}
	return errno == ENXIO ? 0 : -errno;
}
