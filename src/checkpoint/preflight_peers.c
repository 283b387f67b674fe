/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "checkpoint/preflight_private.h"

/* Unix sockets with their other ends, which only NETLINK_SOCK_DIAG tells. Source: sock_diag(7). */

struct entry {
	const char *namespace;
	int socket; /* or a negated errno */
};

/* In a thread of its own, which alone goes into the other namespace. */
static void *open_there(void *data)
{
	struct entry *entry = data;
	_cleanup_close_ int fd = open(entry->namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		entry->socket = -errno;
	else
		entry->socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd >= 0 && entry->socket == -1)
		entry->socket = -errno;
	return NULL;
}

static int open_diag(int pid, nvb_error **err)
{
	char path[64];
	struct entry entry = {.namespace = path};
	pthread_t thread;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	rc = pthread_create(&thread, NULL, open_there, &entry);
	if (rc)
		return nvb_fail_errno(err, rc, "looking into the capsule's network");
	pthread_join(thread, NULL);
	if (entry.socket < 0)
		return nvb_fail_errno(err, -entry.socket, "the capsule's network namespace (%s)", path);
	return entry.socket;
}

struct found {
	struct nvb_preflight_peer *list;
	size_t count, capacity;
};

/* An abstract name begins with a NUL and may hold more of them. */
static char *copy_name(const char *data, size_t size)
{
	char *name = malloc(size + 1);

	if (!name)
		return NULL;
	memcpy(name, data, size);
	name[size] = '\0';
	if (size && !*name)
		for (size_t i = 0; i < size; i++)
			if (!name[i])
				name[i] = '@';
	return name;
}

static bool take_attribute(struct nvb_preflight_peer *peer, unsigned type, const char *data, size_t size)
{
	if (type == UNIX_DIAG_PEER && size >= sizeof(peer->peer))
		memcpy(&peer->peer, data, sizeof(peer->peer));
	if (type != UNIX_DIAG_NAME || peer->name)
		return true;
	peer->name = copy_name(data, size);
	return peer->name;
}

static bool add_peer(struct found *found, const struct nlmsghdr *header)
{
	const struct unix_diag_msg *message = NLMSG_DATA(header);
	const char *at = (const char *)(message + 1), *end = (const char *)header + header->nlmsg_len;
	struct nvb_preflight_peer peer = {.inode = message->udiag_ino};
	struct rtattr a;

	if (!NVB_GROW(found->list, found->count, found->capacity))
		return false;
	for (; (size_t)(end - at) >= sizeof(a); at += RTA_ALIGN(a.rta_len)) {
		memcpy(&a, at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > end - at)
			break;
		if (!take_attribute(&peer, a.rta_type, at + sizeof(a), a.rta_len - sizeof(a))) {
			free(peer.name);
			return false;
		}
		if (RTA_ALIGN(a.rta_len) >= (size_t)(end - at))
			break;
	}
	found->list[found->count++] = peer;
	return true;
}

/* One packet of the answer: 1 when it was the last. */
static int take_packet(struct found *found, const char *data, ssize_t size, nvb_error **err)
{
	unsigned left = (unsigned)size;

	for (const struct nlmsghdr *h = (const struct nlmsghdr *)data; NLMSG_OK(h, left);
		h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return nvb_fail_errno(err, -((const struct nlmsgerr *)NLMSG_DATA(h))->error,
				"listing unix sockets");
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
			h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct unix_diag_msg)) && !add_peer(found, h))
			return nvb_fail_oom(err);
	}
	return 0;
}

static int list_sockets(int fd, struct found *found, nvb_error **err)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req body;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = AF_UNIX,
			.udiag_states = UINT32_MAX,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER},
	};
	/* The kernel's packets are of 32 KiB at most. */
	_Alignas(struct nlmsghdr) char data[1 << 15];
	int rc = 0;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return nvb_fail_errno(err, errno, "listing unix sockets");
	while (rc == 0) {
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return nvb_fail_errno(err, n ? errno : EPIPE, "listing unix sockets");
		rc = take_packet(found, data, n, err);
	}
	return rc < 0 ? rc : 0;
}

int nvb_preflight_unix_peers(int pid, struct nvb_preflight_peer **list, size_t *count, nvb_error **err)
{
	_cleanup_close_ int fd = open_diag(pid, err);
	struct found found = {0};
	int rc;

	if (fd < 0)
		return fd;
	rc = list_sockets(fd, &found, err);
	if (rc < 0) {
		nvb_preflight_peers_free(found.list, found.count);
		return rc;
	}
	*list = found.list;
	*count = found.count;
	return 0;
}

void nvb_preflight_peers_free(struct nvb_preflight_peer *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i].name);
	free(list);
}
