/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "checkpoint/preflight_private.h"
#include "gpustate/gpustate.h"

/* Connections that lead out of the capsule: the other end would not be in the snapshot. */

/* Source: the kernel's include/net/tcp_states.h. */
enum { TCP_STATE_TIME_WAIT = 6, TCP_STATE_CLOSE = 7, TCP_STATE_LISTEN = 10 };

struct owned {
	uint32_t inode;
	int pid;
};

struct sockets {
	struct owned *list;
	size_t count, capacity;
	bool failed;
};

static bool add_socket(int pid, int fd, const char *target, void *data)
{
	struct sockets *sockets = data;
	unsigned inode;

	(void)fd;
	if (sscanf(target, "socket:[%u]", &inode) != 1)
		return true;
	if (!NVB_GROW(sockets->list, sockets->count, sockets->capacity)) {
		sockets->failed = true;
		return false;
	}
	sockets->list[sockets->count++] = (struct owned){.inode = inode, .pid = pid};
	return true;
}

static int by_inode(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* Who has a socket; NULL: nobody in the capsule. */
static const struct owned *owner(const struct sockets *sockets, uint32_t inode)
{
	const struct owned key = {.inode = inode};

	return sockets->count ? bsearch(&key, sockets->list, sockets->count, sizeof(key), by_inode) : NULL;
}

static bool read_address(const char *text, struct nvb_preflight_tcp *tcp)
{
	size_t digits = strcspn(text, ":"), words = digits / 8;
	uint32_t address[4];

	if ((digits != 8 && digits != 32) || sscanf(text + digits, ":%4x", &tcp->port) != 1)
		return false;
	/* Each word is the address' bytes read as a number of this machine. */
	for (size_t i = 0; i < words; i++)
		if (sscanf(text + 8 * i, "%8x", &address[i]) != 1)
			return false;
	return inet_ntop(digits == 8 ? AF_INET : AF_INET6, address, tcp->address, sizeof(tcp->address));
}

bool nvb_preflight_tcp_parse(const char *line, struct nvb_preflight_tcp *tcp)
{
	struct nvb_preflight_tcp t = {0};
	char remote[64];

	return sscanf(line, " %*u: %*63s %63s %x %*s %*s %*s %*u %*u %u", remote, &t.state, &t.inode) == 3 &&
			       read_address(remote, &t)
		       ? (*tcp = t, true)
		       : false;
}

static void see_tcp(const struct nvb_preflight_capsule *capsule, const struct sockets *sockets,
	const char *table, struct nvb_preflight_report *report)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)capsule->init, table);
	file = fopen(path, "re");
	while (file && getline(&line, &capacity, file) > 0) {
		struct nvb_preflight_tcp tcp;
		const struct owned *own;

		if (!nvb_preflight_tcp_parse(line, &tcp) || tcp.state == TCP_STATE_LISTEN ||
			tcp.state == TCP_STATE_CLOSE || tcp.state == TCP_STATE_TIME_WAIT)
			continue;
		own = owner(sockets, tcp.inode);
		if (!own)
			continue;
		if (capsule->tcp) {
			nvb_preflight_find(report, "socket-outside", own->pid, false,
				"its TCP connection to %s port %u goes on only where the other end still "
				"waits and the address is the same",
				tcp.address, tcp.port);
			/* What would mend it was asked for. */
			if (report->count)
				report->list[report->count - 1].hint = NULL;
		} else {
			nvb_preflight_find(report, "socket-outside", own->pid, true,
				"it has a TCP connection to %s port %u", tcp.address, tcp.port);
		}
	}
}

/* The driver's own connections go when the state of the GPUs is taken. */
static bool is_drivers(const struct owned *own, const char *name)
{
	return name && nvb_ends_with(name, "/nvidia-persistenced/socket") &&
	       nvb_state_maps_library(own->pid, "libcuda.so");
}

struct peers {
	struct nvb_preflight_peer *list;
	size_t count;
	bool read;
};

static const char *name_of(const struct peers *peers, uint32_t inode)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->list[i].inode == inode)
			return peers->list[i].name;
	return NULL;
}

/* The name of a socket; one in another network namespace (a path was mounted) is looked for in our own. */
static const char *find_name(const struct peers *inside, struct peers *outside, uint32_t inode)
{
	const char *name = name_of(inside, inode);

	if (name)
		return name;
	if (!outside->read)
		nvb_preflight_unix_peers(getpid(), &outside->list, &outside->count, NULL);
	outside->read = true;
	return name_of(outside, inode);
}

static int see_unix(const struct nvb_preflight_capsule *capsule, const struct sockets *sockets,
	struct nvb_preflight_report *report, nvb_error **err)
{
	struct peers inside = {0}, outside = {0};
	int rc = nvb_preflight_unix_peers(capsule->init, &inside.list, &inside.count, err);

	for (size_t i = 0; rc == 0 && i < inside.count; i++) {
		const struct nvb_preflight_peer *socket = &inside.list[i];
		const struct owned *own = owner(sockets, socket->inode);
		const char *name;

		if (!own || !socket->peer || owner(sockets, socket->peer))
			continue;
		name = find_name(&inside, &outside, socket->peer);
		if (is_drivers(own, name))
			continue;
		nvb_preflight_find(report, "socket-outside", own->pid, true,
			"its unix socket is connected to %s%sof a process outside", name ? name : "one ",
			name ? ", " : "");
	}
	nvb_preflight_peers_free(inside.list, inside.count);
	nvb_preflight_peers_free(outside.list, outside.count);
	return rc;
}

int nvb_preflight_sockets(
	const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report, nvb_error **err)
{
	struct sockets sockets = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < capsule->count; i++)
		rc = nvb_state_each_fd(capsule->pids[i], add_socket, &sockets, err);
	if (rc == 0 && sockets.failed)
		rc = nvb_fail_oom(err);
	if (rc == 0 && sockets.count) {
		qsort(sockets.list, sockets.count, sizeof(*sockets.list), by_inode);
		see_tcp(capsule, &sockets, "tcp", report);
		see_tcp(capsule, &sockets, "tcp6", report);
		rc = see_unix(capsule, &sockets, report, err);
	}
	free(sockets.list);
	return rc;
}
