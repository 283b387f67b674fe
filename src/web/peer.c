/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "web/internal.h"

/* Connections. libmicrohttpd ends those that are silent; one that says a byte now and then, or reads one, it
 * would keep for ever. */

/* A peer that is gone without a word (a phone that left the network) is noticed after this. */
#define DEAD_PEER_MS 60000

static void begin(struct nvb_server *server, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct nvb_peer *peer = calloc(1, sizeof(*peer));
	unsigned dead_ms = DEAD_PEER_MS;
	int on = 1;

	*context = peer;
	if (!peer)
		return;
	peer->connection = connection;
	peer->fd = info ? info->connect_fd : -1;
	peer->since = nvb_web_now();
	peer->link = &server->peers;
	peer->next = server->peers;
	if (peer->next)
		peer->next->link = &peer->next;
	server->peers = peer;
	server->peer_count++;
	if (peer->fd >= 0) {
		setsockopt(peer->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		setsockopt(peer->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
	}
}

static void end(struct nvb_server *server, struct nvb_peer *peer)
{
	if (!peer)
		return;
	*peer->link = peer->next;
	if (peer->next)
		peer->next->link = peer->link;
	server->peer_count--;
	free(peer);
}

void nvb_peer_notify(void *server, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		begin(server, connection, context);
	else
		end(server, *context);
}

struct nvb_peer *nvb_peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void nvb_peers_sweep(struct nvb_server *server, uint64_t now)
{
	for (struct nvb_peer *peer = server->peers; peer; peer = peer->next)
		if (!peer->stream && peer->fd >= 0 &&
			now - peer->since > (peer->answering ? NVB_WEB_ANSWERING_NS : NVB_WEB_ASKING_NS))
			shutdown(peer->fd, SHUT_RDWR);
}
