/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "inventory/nvml_abi.h"
#include "sim/compat.h"

static bool is_machine(const char *root)
{
	char path[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/" SIM_SOCKET, root) >= sizeof(path))
		return false;
	return sim_stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/*
 * A machine whose daemon has gone still has its /dev. Which nodes are in it says nothing about where the
 * machine is: the one of a GPU that is not there must not be looked for on the host instead.
 */
static bool has_dev(const char *root)
{
	char path[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/dev", root) >= sizeof(path))
		return false;
	return sim_stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Cuts path after path until a machine is found; path is absolute. */
static int find_above(char *path, bool (*is_root)(const char *root))
{
	char *slash;

	while ((slash = strrchr(path, '/'))) {
		*slash = '\0';
		if (is_root(path))
			return 0;
	}
	return -ENOENT;
}

struct search {
	uintptr_t address;
	char *path;
};

static int match_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct search *search = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;
		if (segment->p_type == PT_LOAD && search->address >= start &&
			search->address < start + segment->p_memsz) {
			if (!info->dlpi_name || strlen(info->dlpi_name) >= PATH_MAX)
				return -1;
			/* The main program itself has no name here. */
			strcpy(search->path, *info->dlpi_name ? info->dlpi_name : "/proc/self/exe");
			return 1;
		}
	}
	return 0;
}

/* The file that holds `symbol`, as the loader names it. */
static int object_path(const void *symbol, char path[PATH_MAX])
{
	struct search search = {.address = (uintptr_t)symbol, .path = path};

	return dl_iterate_phdr(match_object, &search) == 1 ? 0 : -ENOENT;
}

static int find_root(const char *object, bool (*is_root)(const char *root), char root[PATH_MAX])
{
	char real[PATH_MAX];

	/* As it was loaded, then where the links lead: one of them may leave the machine's tree. */
	if (object[0] == '/') {
		strcpy(root, object);
		if (find_above(root, is_root) == 0)
			return 0;
	}
	if (!realpath(object, real) || find_above(real, is_root) < 0)
		return -ENOENT;
	strcpy(root, real);
	return 0;
}

int sim_client_root(const void *symbol, char root[PATH_MAX])
{
	char object[PATH_MAX];
	int rc = object_path(symbol, object);

	return rc < 0 ? rc : find_root(object, is_machine, root);
}

/* The state beside the library: the same directory, the same version. */
static int state_path(const char *object, char path[PATH_MAX])
{
	char real[PATH_MAX];

	if (!realpath(object, real))
		return -errno;
	char *name = strrchr(real, '/') + 1;
	const char *version = strstr(name, ".so.");
	if (!version)
		return -ENOENT;
	version += strlen(".so.");
	int n = snprintf(path, PATH_MAX, "%.*s" SIM_STATE_FILENAME "%s", (int)(name - real), real, version);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int sim_client_attach(const void *symbol, enum sim_client_kind kind, struct sim_client *client)
{
	char object[PATH_MAX];
	int rc = object_path(symbol, object);

	client->socket = -1;
	client->map = (struct sim_map)SIM_MAP_INIT;
	client->path[0] = '\0';
	if (rc < 0)
		return rc;
	if (find_root(object, is_machine, client->root) == 0) {
		client->socket = sim_client_connect(client->root);
		if (client->socket >= 0 &&
			sim_client_hello(client->socket, kind, &client->map, &client->pid) == 0)
			return 0;
	} else if (find_root(object, has_dev, client->root) < 0) {
		client->root[0] = '\0';
	}
	sim_client_detach(client);
	rc = state_path(object, client->path);
	return rc < 0 ? rc : sim_state_open(client->path, false, &client->map);
}

void sim_client_detach(struct sim_client *client)
{
	sim_state_unmap(&client->map);
	if (client->socket >= 0)
		close(client->socket);
	client->socket = -1;
}

uint32_t sim_client_change(struct sim_client *client, const struct sim_change *change, uint32_t *result)
{
	struct sim_request request = {.kind = SIM_REQUEST_CHANGE, .change = *change};
	struct sim_reply reply = {0};
	struct sim_map own = SIM_MAP_INIT;

	if (client->socket >= 0) {
		if (sim_client_call(client->socket, &request, &reply, NULL) < 0)
			return NVML_UNKNOWN;
		*result = reply.result;
		return reply.nvml;
	}
	/* A machine without daemon: whoever may write its file is its administrator. */
	if (geteuid() != 0 || !client->map.live || sim_state_open(client->path, true, &own) < 0)
		return NVML_NO_PERMISSION;
	uint32_t nvml = sim_change_apply(&own, change, true, result);
	sim_state_unmap(&own);
	return nvml;
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
	if (rc < 0)
		return rc;
	/* Only who writes it needs more than the mapping, and a program would have a file of the host open.
	 */
	close(map->fd);
	map->fd = -1;
	if (pid)
		*pid = reply.pid;
	return 0;
}

int sim_client_node(const char *root, const char *node)
{
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/dev/%s", root, node) >= sizeof(path))
		return -ENAMETOOLONG;
	/* Capability nodes are there to be shown, and only readable, also for who may use them. */
	int mode = strncmp(node, "nvidia-caps", strlen("nvidia-caps")) == 0 ? O_RDONLY : O_RDWR;
	fd = open(path, mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0) {
		/* A tree made without root has plain files for nodes. A device that somebody serves is not
		 * ours. */
		struct stat st;
		int rc = sim_fstat(fd, &st);
		close(fd);
		return rc < 0 ? rc : S_ISREG(st.st_mode) ? 0 : -EBUSY;
	}
	return errno == ENXIO || errno == ENODEV ? 0 : -errno;
}
