/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "network/proxy_loop.h"

/* Each client of a UDP port has a socket inside, by which answers find back to it. One that has been silent
 * for long is forgotten when another comes. */
enum { CLIENTS = 4096, BUCKETS = 1024, IDLE_S = 90, SWEEP_S = 10, DATAGRAM = 65536, BURST = 256 };

struct client {
	struct proxy_watcher watcher;
	struct udp_listener *listener;
	struct client *next;
	int fd;
	time_t used;
	struct sockaddr_storage address;
	socklen_t size;
};

struct udp_listener {
	struct proxy_watcher watcher;
	int fd;
	struct sockaddr_in target;
	struct client *buckets[BUCKETS];
	size_t count;
	time_t swept;
	char datagram[DATAGRAM];
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* FNV-1a over the address as the kernel wrote it. */
static size_t bucket_of(const struct sockaddr_storage *address, socklen_t size)
{
	const unsigned char *byte = (const unsigned char *)address;
	uint32_t hash = 2166136261U;

	for (socklen_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 16777619U;
	return hash % BUCKETS;
}

static void forget_idle(struct udp_listener *listener, time_t limit)
{
	for (size_t b = 0; b < BUCKETS; b++)
		for (struct client **at = &listener->buckets[b]; *at;) {
			struct client *client = *at;

			if (client->used > limit) {
				at = &client->next;
				continue;
			}
			*at = client->next;
			close(client->fd);
			free(client);
			listener->count--;
		}
}

static void wake_client(struct proxy_loop *loop, struct proxy_watcher *watcher, uint32_t events)
{
	struct client *client = (struct client *)watcher;
	struct udp_listener *listener = client->listener;

	(void)loop;
	(void)events;
	for (int i = 0; i < BURST; i++) {
		ssize_t n = recv(client->fd, listener->datagram, DATAGRAM, 0);

		/* A refusal (nobody listens there) is told once and is over with that. */
		if (n < 0)
			return;
		client->used = now();
		sendto(listener->fd, listener->datagram, (size_t)n, 0, (struct sockaddr *)&client->address,
			client->size);
	}
}

static struct client *find(
	struct udp_listener *listener, const struct sockaddr_storage *address, socklen_t size)
{
	for (struct client *c = listener->buckets[bucket_of(address, size)]; c; c = c->next)
		if (c->size == size && memcmp(&c->address, address, size) == 0)
			return c;
	return NULL;
}

static struct client *add(struct proxy_loop *loop, struct udp_listener *listener,
	const struct sockaddr_storage *address, socklen_t size)
{
	size_t bucket = bucket_of(address, size);
	struct client *client;

	if (listener->count >= CLIENTS)
		return NULL;
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	*client = (struct client){.watcher.wake = wake_client,
		.listener = listener,
		.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		.address = *address,
		.size = size,
		.next = listener->buckets[bucket]};
	if (client->fd < 0 ||
		connect(client->fd, (struct sockaddr *)&listener->target, sizeof(listener->target)) < 0 ||
		!proxy_watch(loop, client->fd, EPOLLIN, &client->watcher)) {
		if (client->fd >= 0)
			close(client->fd);
		free(client);
		return NULL;
	}
	listener->buckets[bucket] = client;
	listener->count++;
	return client;
}

static void wake_listener(struct proxy_loop *loop, struct proxy_watcher *watcher, uint32_t events)
{
	struct udp_listener *listener = (struct udp_listener *)watcher;
	time_t t = now();

	(void)events;
	if (t - listener->swept > SWEEP_S) {
		forget_idle(listener, t - IDLE_S);
		listener->swept = t;
	}
	for (int i = 0; i < BURST; i++) {
		struct sockaddr_storage address = {0};
		socklen_t size = sizeof(address);
		ssize_t n = recvfrom(
			listener->fd, listener->datagram, DATAGRAM, 0, (struct sockaddr *)&address, &size);
		struct client *client;

		if (n < 0)
			return;
		client = find(listener, &address, size);
		if (!client)
			client = add(loop, listener, &address, size);
		/* Where there is no room for a client its datagrams are lost, as UDP's may be. */
		if (!client)
			continue;
		client->used = t;
		if (send(client->fd, listener->datagram, (size_t)n, 0) < 0 && errno == ECONNREFUSED)
			send(client->fd, listener->datagram, (size_t)n, 0);
	}
}

bool proxy_udp_listen(struct proxy_loop *loop, int fd, const struct sockaddr_in *target)
{
	struct udp_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return false;
	listener->watcher.wake = wake_listener;
	listener->fd = fd;
	listener->target = *target;
	return proxy_watch(loop, fd, EPOLLIN, &listener->watcher);
}
